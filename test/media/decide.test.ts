import { expect, test } from 'vitest';
import { decideMedia, type MediaMode, type MediaParty } from '../../src/media/decide.ts';
import type { Description } from '../../src/media/sdp.ts';

const party = (mode: MediaMode, more: Partial<MediaParty> = {}): MediaParty => ({
  mode,
  behindNat: false,
  family: 4,
  codecs: [],
  withoutRelay: 'refuse',
  ...more,
});
const offer = (profile: Description['profile'], more: Partial<Description> = {}): Description => ({
  profile,
  ice: false,
  family: 4,
  ...more,
});

test.each<[string, MediaParty, MediaParty, Description | undefined, string | undefined]>([
  ['nothing calls for one', party('auto'), party('auto'), offer('rtp'), undefined],
  ['one side always', party('auto'), party('always'), offer('rtp'), 'always'],
  ['never outweighs always', party('never'), party('always'), offer('rtp'), undefined],
  ['the caller is behind NAT', party('auto', { behindNat: true }), party('auto'), offer('rtp'), 'nat'],
  ['the callee is behind NAT', party('auto'), party('auto', { behindNat: true }), offer('rtp'), 'nat'],
  ['RTP to SRTP', party('auto'), party('srtp'), offer('rtp'), 'profile'],
  ['SRTP to SRTP', party('auto'), party('srtp'), offer('sdes'), undefined],
  ['SRTP to a phone of which nothing is known', party('srtp'), party('auto'), offer('sdes'), 'profile'],
  ['two phones of which nothing is known speak what they like', party('auto'), party('auto'), offer('sdes'), undefined],
  ['DTLS to SDES', party('webrtc'), party('srtp'), offer('dtls', { ice: true }), 'profile'],
  ['a browser to a browser', party('webrtc'), party('webrtc'), offer('dtls', { ice: true }), undefined],
  ['DTLS without ICE to a browser', party('auto'), party('webrtc'), offer('dtls'), 'profile'],
  ['IPv6 to IPv4', party('auto', { family: 6 }), party('auto'), offer('rtp', { family: 6 }), 'address-family'],
  ['an offer that is not there yet: what is provisioned counts', party('srtp'), party('auto'), undefined, 'profile'],
  ['an offer that is not there yet, of equals', party('srtp'), party('srtp'), undefined, undefined],
])('%s', (_, from, to, offered, reason) => {
  const decision = decideMedia(from, to, offered);
  expect(decision.relay).toBe(reason !== undefined);
  if (reason !== undefined) expect(decision.reason).toBe(reason);
});
