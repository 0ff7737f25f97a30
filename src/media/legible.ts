/**
 * Descriptions as a relay can read them. Endpoints take each other's with less care than rtpengine, which refuses a whole description
 * for an address with two spaces before it, and writes nonsense for one without an origin.
 */
import { isIP } from 'node:net';

/** RFC 5737: nobody's. */
const NOBODY = '192.0.2.1';
/** The relay puts its own in its place. */
const NO_ORIGIN = `- 1 1 IN IP4 ${NOBODY}`;

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

/**
 * The same description with the end of its last line, one origin, lines of the types that there are, and addresses and streams spelled as RFC 8866 has them.
 * @param address of its party's signalling: what a name stands for, which that party made up and nobody is asked for. The relay hears soon where media comes from.
 */
export function legible(sdp: string, address = NOBODY): string {
  const end = /\r\n|\n|\r/.exec(sdp)?.[0] ?? '\r\n';
  // Some end their texts with NUL, which stands in none (§9).
  const whole = sdp.replaceAll('\0', '').trimEnd() + end;
  const spelled = whole
    .replaceAll(/^([cmo]=)(.*)$/gm, (_line, type: string, value: string) => type + spelledOut(type, value, address))
    .replaceAll(RTCP, (line, port: string, host: string) => (isIP(host) === 0 ? port : line))
    .replaceAll(OF_NO_TYPE, '');
  const originated = /^o=/m.test(spelled)
    ? spelled
    : spelled.replace(/^(v=.*)$/m, `$1${end === '\n' ? '\n' : '\r\n'}o=${NO_ORIGIN}`);
  return withoutRepeatedAddresses(withSessionAddress(originated));
}

/** RFC 8866 §5, §9: a line that is empty or of a type that nobody knows (`y=` and `f=` of surveillance cameras) says nothing to a relay. */
const OF_NO_TYPE = /(?<![^\n])(?:(?![abceikmoprstuvz]=)[A-Za-z]=.*|[ \t]*)\r?\n/g;

/** RFC 3605: the port is enough; with an address that it cannot read the relay leaves the line as it is, and RTCP goes past it. */
const RTCP = /^(a=rtcp:[0-9]+)[ \t]+IN[ \t]+IP[46][ \t]+(\S+)/gim;

function spelledOut(type: string, value: string, address: string): string {
  const spaced = value.replaceAll(/[ \t]+/g, ' ').trim();
  if (type === 'm=') return spaced;
  const family = spaced.replace(/\bin ip([46])\b/i, 'IN IP$1');
  // §5.2: a user without a name is `-`.
  if (type === 'o=') return ORIGIN.exec(family.replace(/^(?=\S+ \S+ IN )/, '- '))?.[0] ?? NO_ORIGIN;
  const host = /^IN IP[46] ([^/% ]+)/.exec(family)?.[1];
  if (host === undefined) return family;
  // §5.7: an address of one host has no TTL; nor has one a zone, which is of the machine that wrote it.
  const own = host.replace(/^\[(.*)\]$/, '$1');
  const at = isIP(own) === 0 ? address : own;
  return `IN IP${isIP(at) || 4} ${at}`;
}

/** RFC 8866 §5.2. */
const ORIGIN = /^\S.* \S+ \S+ IN IP[46] \S+$/;

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
