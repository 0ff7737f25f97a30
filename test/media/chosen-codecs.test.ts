import { expect, test } from 'vitest';
import { ChosenCodecs, RehearsedSession } from '../../src/media/chosen-codecs.ts';
import type { MediaParty } from '../../src/media/decide.ts';

const party = (changes: Partial<MediaParty> = {}): MediaParty => ({
  mode: 'auto',
  behindNat: false,
  family: 4,
  codecs: [],
  withoutRelay: 'refuse',
  ...changes,
});
const nobody = { onMediaLost() {}, onMediaFault() {}, onMediaEnded() {} };
const parties = { near: party(), far: party({ holdsInactive: true, needsOffer: true }) };
const SDP = 'v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/SAVP 0\r\na=sendonly\r\n';

test('a hold goes as `inactive` to the side that knows no other, and as it came to the other one', () => {
  const session = new ChosenCodecs(parties, nobody);
  const got: (string | undefined)[] = [];
  session.offer('near', 'far-1', SDP, (sdp) => got.push(sdp));
  session.answer('far-1', 'near', SDP, (sdp) => got.push(sdp));
  expect(got).toEqual([SDP.replace('sendonly', 'inactive'), SDP]);
});

test('without a relay nobody can be offered for; a call that is thought through shows what a relay would offer', () => {
  const made: (string | undefined)[] = [];
  new ChosenCodecs(parties, nobody).makeUpOffer((sdp) => made.push(sdp));
  new RehearsedSession(parties, nobody).makeUpOffer((sdp) => made.push(sdp));
  expect(made).toEqual([undefined, expect.stringContaining('RTP/SAVP 8 0 101')]);
});
