/** Entries of the streams in which the store says what has changed. */
import type { ChangedNames } from '../documents.ts';
import type { StoredChange, StorePlace } from './lineage.ts';

/** An entry as XRANGE gives it: id, then names and values in turn. */
export type StreamEntry = readonly [Buffer, readonly Buffer[]];

export function fieldOf([, fields]: StreamEntry, name: string): string {
  for (let i = 0; i + 1 < fields.length; i += 2) {
    if (String(fields[i]) === name) return String(fields[i + 1]);
  }
  return '';
}

/** A change of the provisioning; its version is its sequence number. */
export function changeOf(entry: StreamEntry): StoredChange {
  const version = Number.parseInt(String(entry[0]), 10);
  const [from, restored] = [fieldOf(entry, 'from'), fieldOf(entry, 'restored')];
  return {
    version,
    from: from === '' ? version - 1 : Number(from),
    token: fieldOf(entry, 'token'),
    names: JSON.parse(fieldOf(entry, 'change')) as ChangedNames,
    restored: restored === '' ? [] : (JSON.parse(restored) as string[]),
  };
}

/** @param commit `version-token` of the last change, which an older node does not write */
export function placeOf(version: Buffer | null | undefined, commit: Buffer | null | undefined): StorePlace {
  const head = `${Number(version)}-`;
  const last = String(commit ?? '');
  return { version: Number(version), token: last.startsWith(head) ? last.slice(head.length) : undefined };
}
