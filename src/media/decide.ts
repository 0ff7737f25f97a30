/**
 * Whether the media of two parties goes through a relay. Pure, so that `explain` says what a live call does.
 */
import type { Description, MediaProfile } from './sdp.ts';

/**
 * What is provisioned for a party:
 * - `auto`: where it is needed
 * - `always`, `never`: whatever the other side says; `never` outweighs `always`
 * - `srtp`: the party talks SRTP with keys in the description (SDES)
 * - `webrtc`: it talks DTLS-SRTP and ICE
 */
export type MediaMode = 'auto' | 'always' | 'never' | 'srtp' | 'webrtc';

/** One party, as its media has to be thought of. */
export interface MediaParty {
  readonly mode: MediaMode;
  /** Its signalling comes from another address than it says. */
  readonly behindNat: boolean;
  /** That its signalling goes to; undefined where that is not known. */
  readonly address?: string | undefined;
  /** Address family that its signalling goes to. */
  readonly family: 4 | 6 | undefined;
  /** The only codecs it is offered and may offer, in this order. */
  readonly codecs: readonly string[];
  /** What happens to a call that needs a relay when there is none. */
  readonly withoutRelay: 'refuse' | 'pass';
  /** It takes no INVITE without an offer: one is made up for a caller that leaves the offer to it. Default false. */
  readonly needsOffer?: boolean;
  /** What it has described once stays: it takes no re-INVITE, so a relay stands between it and what changes. Default false. */
  readonly steady?: boolean;
  /** The only hold that it knows is `inactive`. Default false. */
  readonly holdsInactive?: boolean;
}

/** Why a call's media is relayed, or why not. */
export type MediaReason = 'never' | 'always' | 'steady' | 'nat' | 'profile' | 'address-family' | 'not-needed';

export interface MediaDecision {
  readonly relay: boolean;
  readonly reason: MediaReason;
}

/** @param offered what `offerer` offers; undefined where the description is not there yet. */
export function decideMedia(
  offerer: MediaParty,
  answerer: MediaParty,
  offered: Description | undefined,
): MediaDecision {
  const modes = [offerer.mode, answerer.mode];
  if (modes.includes('never')) return { relay: false, reason: 'never' };
  if (modes.includes('always')) return { relay: true, reason: 'always' };
  if (offerer.steady === true || answerer.steady === true) return { relay: true, reason: 'steady' };
  // Nobody but a relay has an address to offer.
  if (offered === undefined && answerer.needsOffer === true) return { relay: true, reason: 'profile' };
  if (offerer.behindNat || answerer.behindNat) return { relay: true, reason: 'nat' };
  const wanted = wantedProfile(answerer, offerer);
  const spoken = offered?.profile ?? wantedProfile(offerer, answerer);
  if (wanted !== undefined && spoken !== undefined && wanted !== spoken) return { relay: true, reason: 'profile' };
  if (answerer.mode === 'webrtc' && offered?.ice === false) return { relay: true, reason: 'profile' };
  const family = offered === undefined ? offerer.family : offered.family;
  if (family !== undefined && answerer.family !== undefined && family !== answerer.family)
    return { relay: true, reason: 'address-family' };
  return { relay: false, reason: 'not-needed' };
}

/**
 * What a party takes, as far as it is known: what is provisioned for it; plain RTP where only the other one is known to talk something
 * else; undefined where neither is known.
 */
export function wantedProfile(party: MediaParty, other: MediaParty): MediaProfile | undefined {
  return provisionedProfile(party) ?? (provisionedProfile(other) === undefined ? undefined : 'rtp');
}

function provisionedProfile({ mode }: MediaParty): MediaProfile | undefined {
  if (mode === 'srtp') return 'sdes';
  return mode === 'webrtc' ? 'dtls' : undefined;
}
