/**
 * Descriptions as a relay can read them. Endpoints take each other's with less care than rtpengine, which refuses a whole description
 * for an address with two spaces before it, and writes nonsense for one without an origin.
 */

/** RFC 5737: nobody's. The relay puts its own in its place. */
const NO_ORIGIN = 'o=- 1 1 IN IP4 192.0.2.1';

/** What comes back is longer by up to 2 KB a stream, and has to fit a datagram. */
const MAX_OCTETS = 32_000;
/** Each takes four ports of the relay. */
const MAX_STREAMS = 16;

/** Whether a description is more than a relay is asked to bear: it could answer none, and would count as dead. */
export function isTooMuch(sdp: string): boolean {
  return sdp.length > MAX_OCTETS || (sdp.match(/^m=/gm)?.length ?? 0) > MAX_STREAMS;
}

/** Whether anything is described that a relay could stand between. RFC 3264 §5: an offer may have no stream at all. */
export function hasMedia(sdp: string): boolean {
  return /^m=/m.test(sdp);
}

/** The same description with the end of its last line, one origin, lines of the types that there are, and addresses and streams spelled as RFC 8866 has them. */
export function legible(sdp: string): string {
  const end = /\r\n|\n|\r/.exec(sdp)?.[0] ?? '\r\n';
  // Some end their texts with NUL, which stands in none (§9).
  const whole = sdp.replaceAll('\0', '').trimEnd() + end;
  const spelled = whole
    .replaceAll(/^([cmo]=)(.*)$/gm, (_line, type: string, value: string) => type + spelledOut(type, value))
    .replaceAll(OF_NO_TYPE, '');
  const originated = /^o=/m.test(spelled)
    ? spelled
    : spelled.replace(/^(v=.*)$/m, `$1${end === '\n' ? '\n' : '\r\n'}${NO_ORIGIN}`);
  return withoutRepeatedAddresses(withSessionAddress(originated));
}

/** RFC 8866 §5, §9: a line that is empty or of a type that nobody knows (`y=` and `f=` of surveillance cameras) says nothing to a relay. */
const OF_NO_TYPE = /(?<![^\n])(?:(?![abceikmoprstuvz]=)[A-Za-z]=.*|[ \t]*)\r?\n/g;

function spelledOut(type: string, value: string): string {
  const spaced = value.replaceAll(/[ \t]+/g, ' ').trim();
  if (type === 'm=') return spaced;
  const family = spaced.replace(/\bin ip([46])\b/i, 'IN IP$1');
  // §5.2: a user without a name is `-`. §5.7: an address of one host has no TTL.
  return type === 'o=' ? family.replace(/^(?=\S+ \S+ IN )/, '- ') : (family.split('/', 1)[0] ?? '');
}

/** §5.7: where there is none for the session each stream has its own, also one that is refused, of which peers leave it out. */
function withSessionAddress(sdp: string): string {
  const at = sdp.search(/^m=/m);
  const address = /^c=.*[\r\n]+/m.exec(sdp.slice(Math.max(at, 0)))?.[0];
  if (address === undefined || /^c=/m.test(sdp.slice(0, at))) return sdp;
  return sdp.replace(/^(?=[tm]=)/m, () => address);
}

/** RFC 8866 §5.7: one for the session; what is there twice alike means nothing else. */
function withoutRepeatedAddresses(sdp: string): string {
  const at = sdp.search(/^m=/m);
  const session = at < 0 ? sdp : sdp.slice(0, at);
  const single = session.replaceAll(/^(c=.*[\r\n]+)\1+/gm, '$1');
  return single === session ? sdp : single + sdp.slice(session.length);
}

/** RFC 8866 §6.6: what rtpengine writes for a dynamic format whose name it was not told says nothing that can be read. */
export function withoutNamelessFormats(sdp: string): string {
  return sdp.includes(' /0') ? sdp.replaceAll(/^a=rtpmap:[0-9]+ \/0\r?\n/gm, '') : sdp;
}
