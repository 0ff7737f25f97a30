/** What is asked of a relay for each profile, and what its answers say, in the words of its ng protocol. */
import type { Bencodable, BencodedFields } from './bencode.ts';
import { wantedProfile } from './decide.ts';
import { withoutNamelessFormats } from './legible.ts';
import type { SessionParties } from './parties.ts';
import type { Description, MediaProfile } from './sdp.ts';

export type NgFields = { readonly [key: string]: Bencodable | undefined };

/**
 * All but AES_CM_128_HMAC_SHA1_80 and _32, which RFC 4568 makes every peer have: what nobody should speak any more, what not every peer
 * speaks as it is meant, and what makes offers too long for a datagram.
 */
const NO_CIPHERS = [
  'no-AEAD_AES_256_GCM',
  'no-AEAD_AES_128_GCM',
  'no-AES_256_CM_HMAC_SHA1_80',
  'no-AES_256_CM_HMAC_SHA1_32',
  'no-NULL_HMAC_SHA1_80',
  'no-NULL_HMAC_SHA1_32',
  'no-F8_128_HMAC_SHA1_80',
  'no-F8_128_HMAC_SHA1_32',
  'no-AES_192_CM_HMAC_SHA1_80',
  'no-AES_192_CM_HMAC_SHA1_32',
];
/** How the description has to come out for a side of this profile. */
function profileFields(profile: MediaProfile, isAsOffered: boolean): NgFields {
  // It changes nothing but keys and addresses then; and offers no other way to the keys.
  if (isAsOffered) return profile === 'rtp' ? {} : profile === 'sdes' ? { DTLS: 'off' } : { SDES: ['off'] };
  switch (profile) {
    case 'rtp':
      return { 'transport-protocol': 'RTP/AVP', 'rtcp-mux': ['demux'] };
    case 'sdes':
      return { 'transport-protocol': 'RTP/SAVP', DTLS: 'off', SDES: NO_CIPHERS, 'rtcp-mux': ['demux'] };
    case 'dtls':
      return { 'transport-protocol': 'UDP/TLS/RTP/SAVPF', SDES: ['off'], 'rtcp-mux': ['offer'] };
  }
}

/** How a description of one side has to be for the other; `known` is what that one has described. */
export function towardFields(
  { near, far }: Pick<SessionParties, 'near' | 'far'>,
  isOfNear: boolean,
  offered: Description,
  known: Description | undefined,
): NgFields {
  const [party, other] = isOfNear ? [far, near] : [near, far];
  const profile = wantedProfile(party, other) ?? known?.profile ?? offered.profile;
  const ice = party.mode === 'webrtc' || (known ?? offered).ice;
  const isOther = party.family !== undefined && offered.family !== undefined && party.family !== offered.family;
  return {
    ...profileFields(profile, profile === offered.profile && party.mode !== 'webrtc'),
    ICE: ice && profile !== 'rtp' ? 'force' : ice && wantedProfile(party, other) === undefined ? 'force' : 'remove',
    ...(isOther && { 'address family': party.family === 6 ? 'IP6' : 'IP4' }),
  };
}

/** The description in an answer; undefined: there is none. */
export function sdpOf(answer: BencodedFields | undefined): string | undefined {
  const sdp = answer?.['result'] === 'ok' ? answer['sdp'] : undefined;
  // One without an origin is none, whatever the relay has made it of.
  return typeof sdp === 'string' && sdp.startsWith('v=') ? withoutNamelessFormats(sdp) : undefined;
}

/** Its own words, of which there is no list: `Failed to parse SDP`, `Incomplete SDP specification`, `Error rewriting SDP`. */
export function isAboutDescription(answer: BencodedFields | undefined): boolean {
  return answer?.['result'] === 'error' && / SDP\b/.test(String(answer['error-reason']));
}

/** The session is not there: it has ended by itself, or the relay was started anew. */
export function isUnknownCall(answer: BencodedFields): boolean {
  return answer['result'] === 'error' && /unknown call/i.test(String(answer['error-reason']));
}
