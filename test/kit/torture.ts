import { readdirSync, readFileSync } from 'node:fs';

/** What a torture message is owed; see `_about` in the expected.json files under test/data. */
export interface TortureCase {
  /** The RFC's own name, e.g. `wsinv`. */
  readonly name: string;
  readonly section: string;
  readonly description: string;
  readonly kind: 'request' | 'response';
  readonly parse: 'accept' | 'reject' | 'accept-or-reject';
  /** Codes that a conforming B2BUA may answer with, the preferred one first; empty for responses. 200 and 404 stand for normal processing. */
  readonly respond: readonly number[];
  readonly drop: boolean;
  readonly values: Readonly<Record<string, unknown>>;
  /** The message, one character per octet. */
  readonly text: string;
}

const DATA = new URL('../data/', import.meta.url);

/** The 49 messages of RFC 4475 (`rfc4475`) or the 12 of RFC 5118 (`rfc5118`). */
export function tortureCases(set: 'rfc4475' | 'rfc5118'): TortureCase[] {
  const expected = JSON.parse(readFileSync(new URL(`${set}/expected.json`, DATA), 'utf8')) as {
    messages: Record<string, Partial<TortureCase>>;
  };
  return Object.entries(expected.messages).map(([name, facts]) => ({
    name,
    section: facts.section ?? '',
    description: facts.description ?? '',
    kind: facts.kind ?? 'request',
    parse: facts.parse ?? 'accept',
    respond: facts.respond ?? [],
    drop: facts.drop ?? false,
    values: facts.values ?? {},
    text: tortureText(set, name),
  }));
}

/** One data file by name; `variants/baddn.eoh` and `ipv6-in-sdp.clfixed` work too. */
export function tortureText(set: 'rfc4475' | 'rfc5118', name: string): string {
  return readFileSync(new URL(`${set}/${name}.dat`, DATA), 'latin1');
}

/** Names of the data files of a set, variants left out. */
export function tortureFiles(set: 'rfc4475' | 'rfc5118'): string[] {
  return readdirSync(new URL(`${set}/`, DATA))
    .filter((file) => file.endsWith('.dat'))
    .map((file) => file.slice(0, -4));
}
