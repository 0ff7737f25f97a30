import { expect, test } from 'vitest';
import type { MediaParty } from '../../src/media/decide.ts';
import { NEAR } from '../../src/media/index.ts';
import type { MediaRelay } from '../../src/media/relay.ts';
import type { MediaRelays } from '../../src/media/relays.ts';
import { RelayedSession } from '../../src/media/session.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

const party = (changes: Partial<MediaParty> = {}): MediaParty => ({
  mode: 'auto',
  behindNat: false,
  family: 4,
  codecs: [],
  withoutRelay: 'refuse',
  ...changes,
});
const sdp = (port: number) =>
  `v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio ${port} RTP/AVP 0\r\n`;

/** Takes whatever it is told as it is. */
const relay = {
  state: 'up',
  failures: 0,
  begin() {},
  request: (fields: { readonly sdp?: string }, done: (answer: object) => void) =>
    done({ result: 'ok', sdp: fields.sdp }),
} as unknown as MediaRelay;

test('a side that describes itself where something was made up for it is known by its own description', () => {
  const parties = { near: party({ steady: true }), far: party({ needsOffer: true }) };
  const nobody = { onMediaLost() {}, onMediaFault() {}, onMediaEnded() {} };
  const session = new RelayedSession({} as MediaRelays, relay, new VirtualScheduler(), parties, nobody);
  session.makeUpOffer(() => {});
  const madeUp = session.describedBy(NEAR);
  session.answer('far-1', NEAR, sdp(5000), () => {});
  expect(session.standsInFor).toBe(NEAR);
  const own = sdp(4000);
  let told: string | undefined;
  session.answer(NEAR, 'far-1', own, (result) => {
    told = result;
  });
  expect(told).toBe(own);
  expect(session.standsInFor).toBeUndefined();
  expect([madeUp === own, session.describedBy(NEAR)]).toEqual([false, own]);
});

test('RFC 8866 §5.7: a name for an address is that of the signalling of whoever wrote it', () => {
  const parties = { near: party({ address: '198.51.100.7' }), far: party({ address: '203.0.113.9' }) };
  const nobody = { onMediaLost() {}, onMediaFault() {}, onMediaEnded() {} };
  const session = new RelayedSession({} as MediaRelays, relay, new VirtualScheduler(), parties, nobody);
  const named = sdp(4000).replace('c=IN IP4 192.0.2.1', 'c=IN IP4 phone.acme.test');
  const told: (string | undefined)[] = [];
  session.offer(NEAR, 'far-1', named, (result) => told.push(result));
  session.answer('far-1', NEAR, named, (result) => told.push(result));
  expect(told.map((result) => /^c=.*$/m.exec(result ?? '')?.[0])).toEqual([
    'c=IN IP4 198.51.100.7',
    'c=IN IP4 203.0.113.9',
  ]);
});

test('a defect where the relay is asked after the session is told to whoever has it', () => {
  const met: unknown[] = [];
  const user = { onMediaLost() {}, onMediaFault: (error: unknown) => met.push(error), onMediaEnded() {} };
  const asked = { ...relay } as { -readonly [K in keyof MediaRelay]: MediaRelay[K] };
  const scheduler = new VirtualScheduler();
  const parties = { near: party(), far: party() };
  const session = new RelayedSession({} as MediaRelays, asked as unknown as MediaRelay, scheduler, parties, user);
  session.offer(NEAR, 'far-1', sdp(4000), () => {});
  session.answer('far-1', NEAR, sdp(5000), () => {});
  asked.request = () => {
    throw new Error('a defect');
  };
  scheduler.advance(15_000);
  expect(met).toEqual([new Error('a defect')]);
});
