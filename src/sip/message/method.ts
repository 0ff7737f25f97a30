import { wordAt, wordsByLength } from './words.ts';

/** Every method of the IANA registry: RFC 3261, 3262, 3311, 3428, 3515, 3903, 6086, 6665. */
export const METHODS: readonly string[] = [
  'INVITE',
  'ACK',
  'BYE',
  'CANCEL',
  'REGISTER',
  'OPTIONS',
  'PRACK',
  'UPDATE',
  'INFO',
  'REFER',
  'NOTIFY',
  'SUBSCRIBE',
  'MESSAGE',
  'PUBLISH',
];
const WORDS = wordsByLength(METHODS);

/** A method of the registry that is written in other letters, in its own; any other as it is. */
export function knownMethod(method: string): string {
  const upper = method.toUpperCase();
  return METHODS.find((known) => known === upper) ?? method;
}

/** The method in `text` from `start` to `end`; a known one is always the same string object. */
export function methodAt(text: string, start: number, end: number): string {
  return wordAt(WORDS, text, start, end);
}
