/** What has to be known of a session description (RFC 8866) to say whether two sides can talk, and the choice of its codecs. */

/** How the media is secured: not at all, by keys in the description (RFC 4568), or by DTLS (RFC 5763). */
export type MediaProfile = 'rtp' | 'sdes' | 'dtls';

export interface Description {
  readonly profile: MediaProfile;
  /** Addresses are found by ICE (RFC 8839). */
  readonly ice: boolean;
  /** Address family of the connection address; undefined where it is a name, or there is none. */
  readonly family: 4 | 6 | undefined;
}

export function describe(sdp: string): Description {
  const secured = /^m=\S+[ \t]+\S+[ \t]+(?:UDP\/TLS\/)?RTP\/SAVPF?[ \t]/m.test(sdp);
  const dtls =
    /^m=\S+[ \t]+\S+[ \t]+UDP\/TLS\/RTP\/SAVPF?[ \t]/m.test(sdp) || (secured && /^a=fingerprint:/m.test(sdp));
  const family = /^c=IN[ \t]+IP([46])[ \t]/m.exec(sdp)?.[1];
  return {
    // RFC 4568 in an offer of plain RTP is an offer of both: what does not know it takes the one it knows.
    profile: dtls ? 'dtls' : secured ? 'sdes' : 'rtp',
    ice: /^a=ice-ufrag:/m.test(sdp),
    family: family === undefined ? undefined : family === '6' ? 6 : 4,
  };
}

/** What is said of the session, then each medium from its `m=` on. */
export function sectionsOf(sdp: string): string[] {
  return sdp.split(/(?=^m=)/m);
}

/** The older way to hold, in both families of addresses (RFC 3264 §8.4, RFC 6157 §3.2.1). */
const NO_ADDRESS = /^c=IN[ \t]+(?:IP4[ \t]+0\.0\.0\.0|IP6[ \t]+(?:::|0(?::0){7}))(?=[ \t]*\r?$)/gm;

/** RFC 3264 §8.4 asks for `a=inactive` in place of `c=0.0.0.0`; who knows no other hold has `sendonly` and `recvonly` written so too. */
export function heldInactive(sdp: string, address: string | undefined): string {
  const inactive = sdp.replaceAll(/^a=(?:sendonly|recvonly)(?=[ \t]*\r?$)/gm, 'a=inactive');
  const connected = inactive.replaceAll(NO_ADDRESS, `c=IN IP4 ${address ?? NOBODY}`);
  if (connected === inactive || /^a=inactive[ \t]*\r?$/m.test(connected)) return connected;
  const sections = sectionsOf(connected.replaceAll(/^a=sendrecv[ \t]*\r?\n/gm, ''));
  return sections.map((section) => (section.startsWith('m=') ? `${whole(section)}a=inactive\r\n` : section)).join('');
}

/** Whether a side that describes itself so does not send, or wants nothing sent: on hold, in any of the words for it. */
export function isHeld(sdp: string): boolean {
  return /^a=(?:sendonly|recvonly|inactive)[ \t]*\r?$/m.test(sdp) || sdp.search(NO_ADDRESS) >= 0;
}

/** The same description, ready to talk. */
export function resumed(sdp: string): string {
  return sdp.replaceAll(/^a=(?:sendonly|recvonly|inactive)(?=[ \t]*\r?$)/gm, 'a=sendrecv');
}

function whole(section: string): string {
  return section.endsWith('\n') ? section : `${section}\r\n`;
}

/** RFC 5737: nobody's. Nothing is sent there while the media is inactive. */
const NOBODY = '192.0.2.1';

/** The address that a description says media is sent to. */
export function connectionAddress(sdp: string): string | undefined {
  const address = /^c=IN[ \t]+IP4[ \t]+(\S+)/m.exec(sdp)?.[1];
  return address === '0.0.0.0' ? undefined : address;
}

/** What everybody speaks (RFC 7587 aside): offered for a party that has not said what it can. */
const COMMON_CODECS = ['PCMA', 'PCMU'];
const PAYLOADS: Readonly<Record<string, number>> = { pcmu: 0, gsm: 3, pcma: 8, g722: 9, g729: 18 };

/** An offer for a party that leaves the offer to the other one, until it says itself. */
export function inventedOffer(codecs: readonly string[], isSecured: boolean, keyAndSalt: string): string {
  const payloads = codecs.flatMap((codec) => PAYLOADS[codec.toLowerCase()] ?? []);
  const known = payloads.length > 0 ? payloads : COMMON_CODECS.flatMap((codec) => PAYLOADS[codec.toLowerCase()] ?? []);
  const lines = [
    'v=0',
    `o=- 1 1 IN IP4 ${NOBODY}`,
    's=-',
    `c=IN IP4 ${NOBODY}`,
    't=0 0',
    `m=audio 9 RTP/${isSecured ? 'SAVP' : 'AVP'} ${known.join(' ')} 101`,
    'a=rtpmap:101 telephone-event/8000',
    'a=fmtp:101 0-15',
    ...(isSecured ? [`a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${keyAndSalt}`] : []),
    'a=sendrecv',
  ];
  return `${lines.join('\r\n')}\r\n`;
}

/** RFC 3551 table 4 and 5: formats that need no `a=rtpmap`. */
const STATIC_FORMATS: Readonly<Record<string, string>> = {
  0: 'PCMU',
  3: 'GSM',
  4: 'G723',
  5: 'DVI4',
  6: 'DVI4',
  7: 'LPC',
  8: 'PCMA',
  9: 'G722',
  10: 'L16',
  11: 'L16',
  12: 'QCELP',
  13: 'CN',
  14: 'MPA',
  15: 'G728',
  16: 'DVI4',
  17: 'DVI4',
  18: 'G729',
};
/** Not codecs of speech: they go with any of those. */
const COMPANIONS: ReadonlySet<string> = new Set(['telephone-event', 'cn', 'red', 'rtx', 'ulpfec']);

/**
 * Leaves those audio formats of an offer that `codecs` names, in its order, with telephone events and comfort noise behind them. Other
 * media (T.38, video) stay as they are. Of several audio lines one without any is not offered, at port 0 (RFC 3264 §8.2), as one may
 * stand there already: where a fax takes its place, say. Undefined: there is audio, and none with any codec.
 */
export function chooseCodecs(sdp: string, codecs: readonly string[]): string | undefined {
  let offered = 0;
  let left = 0;
  const unused = new Set<string>();
  const chosen = sectionsOf(sdp).map((section) => {
    // DEVIATION: more than a space between the words of a line is read, as endpoints do.
    if (!/^m=audio[ \t]+(?!0[ \t/])\S+[ \t]+(?:UDP\/TLS\/)?RTP\//.test(section)) return section;
    offered += 1;
    const kept = chosenFormats(section, codecs);
    if (kept === undefined) {
      for (const tag of /^a=mid:(\S+)/m.exec(section)?.slice(1) ?? []) unused.add(tag);
      return section.replace(/^m=audio[ \t]+\S+/, 'm=audio 0');
    }
    left += 1;
    return withFormats(section, kept);
  });
  if (offered > 0 && left === 0) return undefined;
  const description = chosen.join('');
  return unused.size === 0 ? description : withoutBundled(description, unused);
}

/** RFC 8843 §7.2: port 0 in a bundle asks for the bundle's port, so a medium that is not used is in none. */
function withoutBundled(sdp: string, unused: ReadonlySet<string>): string {
  return sdp.replaceAll(/^a=group:BUNDLE ([^\r\n]*)(\r?\n|$)/gm, (line: string, listed: string, end: string) => {
    const tags = listed.split(' ').filter((tag) => tag !== '');
    const left = tags.filter((tag) => !unused.has(tag));
    if (left.length === tags.length) return line;
    return left.length === 0 ? '' : `a=group:BUNDLE ${left.join(' ')}${end}`;
  });
}

/** However many spaces are between them. */
export function wordsOf(line: string): string[] {
  return line.trimEnd().split(/[ \t]+/);
}

/** Formats in their new order. */
function chosenFormats(section: string, codecs: readonly string[]): readonly string[] | undefined {
  const formats = new Set(wordsOf(section.slice(0, section.search(/\r?\n|$/))).slice(3));
  const encodings = encodingsOf(section);
  // By the name of their codec, in their order.
  const named = Map.groupBy(formats, (format) => nameOf(encodings, format));
  const wanted = new Set(codecs.map((codec) => codec.toLowerCase()));
  const kept = [...wanted].flatMap((name) => named.get(name) ?? []);
  if (kept.length === 0) return undefined;
  const companions = new Set(
    [...COMPANIONS].filter((name) => !wanted.has(name)).flatMap((name) => named.get(name) ?? []),
  );
  return [...kept, ...[...formats].filter((format) => companions.has(format))];
}

/** What each `a=rtpmap` of a medium says of its format (RFC 8866 §6.6), the first of each: encoding, clock rate and what follows. */
export function encodingsOf(section: string): ReadonlyMap<number, string> {
  const encodings = new Map<number, string>();
  for (const [, format = '', encoding = ''] of section.matchAll(/^a=rtpmap:[ \t]*([0-9]+)[ \t]+([^\s][^\r\n]*)/gm))
    if (!encodings.has(Number(format))) encodings.set(Number(format), encoding);
  return encodings;
}

function nameOf(encodings: ReadonlyMap<number, string>, format: string): string {
  const encoding = encodings.get(Number.parseInt(format, 10));
  const mapped = encoding === undefined ? undefined : /^[^/\s]+/.exec(encoding)?.[0];
  return (mapped ?? STATIC_FORMATS[format] ?? '').toLowerCase();
}

function withFormats(section: string, formats: readonly string[]): string {
  const behind = section.indexOf('\n') + 1 || section.length;
  const first = section.slice(0, behind);
  const end = /\r?\n?$/.exec(first)?.[0] ?? '';
  const head = wordsOf(first).slice(0, 3);
  return `${[...head, ...formats].join(' ')}${end}${withoutOthers(section.slice(behind), new Set(formats))}`;
}

/** The lines of a medium without those that describe another format than these. */
export function withoutOthers(lines: string, formats: ReadonlySet<string>): string {
  return lines.replaceAll(
    /^a=(?:rtpmap|fmtp|rtcp-fb):[ \t]*([0-9]+)[ \t][^\n]*\n?/gm,
    (line: string, format: string) => (formats.has(format) ? line : ''),
  );
}
