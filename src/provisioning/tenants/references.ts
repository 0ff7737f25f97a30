/**
 * Who names a number. Forwarding, overflow and outside destinations may hold any number, so no rule over the settings misses one that
 * is gone; but a call that went to a colleague would then go out through a trunk, and a rule made for one extension would be the next
 * owner's of its number. So the number is not deleted (behaviour 29).
 */
import type { Tenant } from './schema.ts';

const FORWARDS = ['always', 'busy', 'noAnswer', 'notRegistered'] as const;
const FORWARD_PATHS = {
  always: 'forward.always',
  busy: 'forward.busy',
  noAnswer: 'forward.noAnswer',
  notRegistered: 'forward.notRegistered',
} as const;
const DESTINATIONS = ['destination', 'outsideHours', 'onHolidays'] as const;
const NUMBERS = ['extension', 'service', 'number'] as const;

/** Where a number is named: in which item, by its place, and where in that. */
export interface Reference {
  readonly number: string;
  readonly field: 'extensions' | 'groups' | 'services' | 'outboundRules' | 'inboundRules';
  readonly index: number;
  /** Relative to the tenant. */
  readonly path: string;
}

/** Every place where one of these numbers, of extensions or services, is named. A range of extensions names none: it may have gaps. */
export function referencesTo(numbers: ReadonlySet<string>, tenant: Tenant): Reference[] {
  const found: Reference[] = [];
  // Of ten thousand items that name others no text is made.
  const note = (
    number: string | null | undefined,
    field: Reference['field'],
    index: number,
    within: string,
    at = -1,
  ) => {
    if (number == null || !numbers.has(number)) return;
    found.push({ number, field, index, path: `${field}[${index}].${within}${at < 0 ? '' : `[${at}]`}` });
  };
  for (const [index, { forward }] of tenant.extensions.entries())
    for (const kind of FORWARDS) note(forward[kind], 'extensions', index, FORWARD_PATHS[kind]);
  for (const [index, { members }] of tenant.groups.entries())
    for (const [at, member] of members.entries()) note(member, 'groups', index, 'members', at);
  for (const [index, service] of tenant.services.entries()) {
    const members = service.kind === 'ring-group' ? service.members : [];
    for (const [at, member] of members.entries()) note(member, 'services', index, 'members', at);
    note(service.overflow, 'services', index, 'overflow');
  }
  for (const [index, { match }] of tenant.outboundRules.entries())
    for (const [at, named] of match.extensions.entries()) note(named, 'outboundRules', index, 'match.extensions', at);
  for (const [index, rule] of tenant.inboundRules.entries())
    for (const when of DESTINATIONS)
      for (const kind of NUMBERS) note(rule[when]?.[kind], 'inboundRules', index, `${when}.${kind}`);
  return found;
}
