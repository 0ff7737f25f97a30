/**
 * What a datagram of somebody unknown may make this engine send. A source address can be forged, so an answer must not be worth asking
 * for on another's behalf: it has at most half as many octets again as its request (docs/security.md, "Amplification").
 */

/** An answer has at most this many octets for each octet of its request. */
export const MAX_AMPLIFICATION = 1.5;

/** Fields of a 2xx that tell what could be asked for, not whether it may be (RFC 3261 §11.2: SHOULD). */
const OPTIONAL = /\r\n(?:Accept|Allow|Supported|Server|Date|Contact): [^\r]*/g;

/** RFC 3261 §7.3.3: every implementation reads the compact forms. */
const COMPACT: readonly (readonly [RegExp, string])[] = [
  [/\r\nVia: /g, '\r\nv:'],
  [/\r\nFrom: /, '\r\nf:'],
  [/\r\nTo: /, '\r\nt:'],
  [/\r\nCall-ID: /, '\r\ni:'],
  [/\r\nCSeq: /, '\r\nCSeq:'],
  [/\r\nContent-Length: 0/, '\r\nl:0'],
  // RFC 7616 §3.3: the algorithm of a challenge that names none.
  [/, algorithm=MD5(?=,|\r)/, ''],
  // §25.1: a reason phrase may be empty.
  [/^(SIP\/2\.0 \d{3} )[^\r]*/, '$1'],
];

/**
 * The answer, shortened where it must be: first by what is optional, then by compact forms. Undefined when even that is too long for so
 * short a request, which no user agent sends: it gets none.
 */
export function boundedAnswer(answer: string, requestOctets: number): string | undefined {
  const most = requestOctets * MAX_AMPLIFICATION;
  if (answer.length <= most) return answer;
  let shorter = answer.startsWith('SIP/2.0 2') ? answer.replace(OPTIONAL, '') : answer;
  if (shorter.length <= most) return shorter;
  for (const [long, short] of COMPACT) shorter = shorter.replace(long, short);
  return shorter.length <= most ? shorter : undefined;
}
