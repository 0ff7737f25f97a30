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

/** Octets of a reason phrase that are kept; a peer may write as many as a message has. */
const MOST_REASON_OCTETS = 256;

/** A reason phrase for whoever keeps it, and not its message: octets, cut before a character of UTF-8. */
export function keptReason(reason: string): string {
  let end = MOST_REASON_OCTETS;
  // RFC 3629 §3: 10xxxxxx goes on with a character, of which there are three such at most.
  while (end > MOST_REASON_OCTETS - 3 && (reason.charCodeAt(end) & 0xc0) === 0x80) end--;
  return ownCopy(reason.slice(0, end));
}

/** Latin1 parts as one text of its own: put together with `+` there is an object for each part, and the text is copied twice. */
export function joined(first: string, second: string, third = '', fourth = ''): string {
  if (first.length + second.length + third.length + fourth.length > scratch.length)
    return ownCopy(first + second + third + fourth);
  return scratch.toString('latin1', 0, put(fourth, put(third, put(second, put(first, 0)))));
}

/** Where what comes next begins. */
function put(text: string, at: number): number {
  return text === '' ? at : at + scratch.write(text, at, 'latin1');
}
