/** Readers of what is in a message's body, and of what signs a call: each as `readers.ts` says. */

import { legible, withoutNamelessFormats } from '../../../src/media/legible.ts';
import { chooseCodecs, connectionAddress, describe, heldInactive, isHeld, resumed } from '../../../src/media/sdp.ts';
import { steadyAnswer, steadyOffer } from '../../../src/media/stand-in.ts';
import { withParts } from '../../../src/sip/message/body-parts.ts';
import { descriptionIn, withDescription } from '../../../src/sip/message/session-description.ts';
import { isReadable, parseIdentity } from '../../../src/stir/identity.ts';
import { type CompactContext, readNested, readPassport } from '../../../src/stir/received-passport.ts';

const DESCRIPTIONS = [
  'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n',
  'v=0\r\no=- 1 2 IN IP6 2001:db8::1\r\ns=-\r\nt=0 0\r\nm=audio 4000 UDP/TLS/RTP/SAVPF 111 0\r\nc=IN IP6 2001:db8::1\r\na=rtpmap:111 opus/48000/2\r\na=ice-ufrag:abcd\r\na=fingerprint:sha-256 00:11\r\na=sendonly\r\nm=video 0 RTP/SAVP 96\r\na=rtpmap:96 /0\r\n',
  'v=0\no=- 1 1 IN IP4 1.2.3.4\ns=-\nc=in  ip4  0.0.0.0\nc=in  ip4  0.0.0.0\nm=audio 9 RTP/SAVP 0 8\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\nm=image 9 udptl t38',
];
const [OFFER = ''] = DESCRIPTIONS;
const CODECS = ['opus', 'PCMA', 'PCMU'];

export function readDescription(text: string): void {
  describe(text);
  connectionAddress(text);
  isHeld(resumed(heldInactive(text, '192.0.2.9')));
  // As a relay gets it.
  withoutNamelessFormats(legible(text));
  readCodecs(text);
}

export function readCodecs(text: string): void {
  chooseCodecs(text, CODECS);
}

/** Of a party that stays as it is, and of one that speaks to it. */
export function readSteadily(text: string): void {
  steadyAnswer(OFFER, text);
  steadyAnswer(text, OFFER);
  steadyOffer(text);
}

/** The first line is the Content-Type. */
export function readBody(text: string): void {
  const end = text.indexOf('\n');
  const [type, body] = [text.slice(0, Math.max(0, end)), text.slice(end + 1)];
  if ((withParts(type, body, () => true) ?? body) !== body) throw new Error('another body with the same parts');
  const found = descriptionIn(type, body);
  if (found === undefined) return;
  if (withDescription(type, body, found) !== body) throw new Error('another body with the same description in it');
  if (descriptionIn(type, withDescription(type, body, OFFER)) !== OFFER)
    throw new Error('what was put in is not there');
}

const COMPACT: CompactContext = {
  claims: (iat) => JSON.stringify({ dest: { tn: ['12155551213'] }, iat, orig: { tn: '12155551212' } }),
  iatSeconds: 1_700_000_000,
};
const SIGNATURE = 'A'.repeat(86);
const PLACE = 'https://cert.example.org/passport.pem';
const TOKENS = ['shaken', 'div', 'div-o', 'rcd', undefined].map((ppt) => ({
  header: JSON.stringify({ alg: 'ES256', ppt, typ: 'passport', x5u: PLACE }),
  claims: JSON.stringify({
    attest: 'A',
    dest: { tn: ['12155551213'], uri: ['sip:a@b'] },
    div: { tn: '12155551214' },
    iat: 1_700_000_000,
    opt: ppt === 'div' ? undefined : 'e30.e30.AAAA',
    orig: { tn: '12155551212' },
    origid: '123e4567-e89b-12d3-a456-426655440000',
    rcd: { nam: 'Alice', jcl: 'https://a.example/x', jcd: ['vcard', [['fn', {}, 'text', 'Alice']]] },
    rcdi: { '/jcl': 'sha256-H8BRh8j48O9oYatfu5AZzq6A9R6dQFkWdkzHwg5gcAE=' },
    crn: 'a call',
  }),
}));
const base64 = (text: string) => Buffer.from(text, 'utf8').toString('base64url');

export function readIdentity(text: string): void {
  for (const value of parseIdentity(text)) if (isReadable(value)) readPassport(value, COMPACT);
  readNested(text);
}

/** The header and, from the second line on, the claims of a token, before they are written in base64url. */
export function readToken(text: string): void {
  const end = text.indexOf('\n');
  const [header, claims] = [text.slice(0, Math.max(0, end)), text.slice(end + 1)].map(base64);
  if (header === undefined || claims === undefined) return;
  const ppt = /"ppt":"([^"]*)"/.exec(text)?.[1];
  const value = { raw: text, header, claims, signature: SIGNATURE, isCompact: false, info: PLACE, alg: 'ES256', ppt };
  readPassport(value, COMPACT);
}

export const DESCRIPTION_SEEDS = DESCRIPTIONS;
export const BODY_SEEDS = [
  `application/sdp\n${OFFER}`,
  `multipart/mixed;boundary=b\n--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b\r\nContent-Type: application/sdp\r\n\r\n${OFFER}\r\n--b--\r\n`,
  `multipart/related; boundary="a b"\npreamble\r\n--a b\r\n\r\nx\r\n--a b\r\nContent-Disposition: session\r\ncontent-type : application/sdp;v=1\r\n\r\n${OFFER}\r\n--a b--`,
];
export const IDENTITY_SEEDS = [
  ...TOKENS.map(({ header, claims }) => `${base64(header)}.${base64(claims)}.${SIGNATURE};info=<${PLACE}>;alg=ES256`),
  `..${SIGNATURE};info=<${PLACE}>, ${base64('{}')}.${base64('{"a":[{"b":1}]}')}.${SIGNATURE} ; info="${PLACE}" ; ppt=shaken`,
];
export const TOKEN_SEEDS = TOKENS.map(({ header, claims }) => `${header}\n${claims}`);
