/** V8 makes no slices of, and puts no parts together to, fewer characters: such a text is its own. */
const SHORTEST_SHARED = 13;
const scratch = Buffer.allocUnsafeSlow(1024);

/**
 * A latin1 text as a string of its own. A slice keeps the whole message alive that it was cut from, and a text put together keeps its
 * parts; what outlives its message is copied first.
 */
export function ownCopy(text: string): string {
  if (text.length < SHORTEST_SHARED) return text;
  if (text.length <= scratch.length) return scratch.toString('latin1', 0, scratch.write(text, 0, 'latin1'));
  return Buffer.from(text, 'latin1').toString('latin1');
}
