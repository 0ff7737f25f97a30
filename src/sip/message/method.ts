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
const MAX_LENGTH = Math.max(...METHODS.map(({ length }) => length));
const BY_LENGTH = Array.from({ length: MAX_LENGTH + 1 }, (_, length) =>
  METHODS.filter((method) => method.length === length),
);

/**
 * The method in `text` from `start` to `end`. A known one is always the same string object: it is compared and looked up a dozen times
 * per message, which is cheap for constants and dear for slices.
 */
export function methodAt(text: string, start: number, end: number): string {
  const length = end - start;
  if (length <= MAX_LENGTH)
    for (const method of BY_LENGTH[length] as string[]) if (text.startsWith(method, start)) return method;
  return text.slice(start, end);
}
