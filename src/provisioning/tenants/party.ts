import type { Extension, Service } from './schema.ts';

/** Whom a number of a tenant belongs to: a person's extension, or a service. */
export type Party =
  | { readonly kind: 'extension'; readonly extension: Extension }
  | { readonly kind: 'service'; readonly service: Service };

/** The extension or the service: number, name, how it signs in. */
export function memberOf(party: Party): Extension | Service {
  return party.kind === 'extension' ? party.extension : party.service;
}
