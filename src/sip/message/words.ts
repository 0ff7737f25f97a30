/** Known words by their length; see {@link wordAt}. */
export type Words = readonly (readonly string[])[];

export function wordsByLength(words: readonly string[]): Words {
  const longest = Math.max(...words.map(({ length }) => length));
  return Array.from({ length: longest + 1 }, (_, length) => words.filter((word) => word.length === length));
}

/**
 * The text from `start` to `end`. A known word is always the same string object: words are compared and looked up a dozen times per
 * message, which is cheap for constants and dear for slices.
 */
export function wordAt(words: Words, text: string, start: number, end: number): string {
  const candidates = words[end - start];
  if (candidates === undefined || start === end) return text.slice(start, end);
  const first = text.charCodeAt(start);
  for (const word of candidates) if (word.charCodeAt(0) === first && text.startsWith(word, start)) return word;
  return text.slice(start, end);
}
