import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Baresip, type BaresipOptions, startBaresip } from '../../kit/baresip.ts';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import { eventually } from '../../kit/eventually.ts';
import { makeNat, type NatNetwork } from '../../kit/nat.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { type Rtpengine, startRtpengine } from '../../kit/rtpengine.ts';
import { toneShare, writeTone } from '../../kit/tone.ts';
import { Phone } from '../outbound/phone.ts';
import { fieldOf, methodOf, once } from '../outbound/wire-message.ts';
import { acme } from '../world.ts';

const LOW_HERTZ = 440;
const HIGH_HERTZ = 1000;
const THIRD_HERTZ = 1700;
const TIMED_OUT = 'SIP;cause=408;text="Media Timeout"';
/** Shorter than the tests before the one that waits for it. */
const SILENCE_SECONDS = 10;

interface Counted {
  readonly packets: number;
  readonly lost?: number;
}
interface MediaRecord {
  readonly callId: string;
  readonly media?: readonly { readonly caller: Counted; readonly callee: Counted }[];
}

describe.skipIf(peersSkipped)('media through rtpengine, heard by phones at both ends', () => {
  let folder: string;
  let nat: NatNetwork;
  let relay: Rtpengine;
  let spare: Rtpengine;
  let engine: TestEngine;
  let alice: Baresip;
  let bob: Baresip;
  let srtp: Baresip;
  let dtls: Baresip;
  let hidden: Baresip;
  let carol: Baresip;
  /** Has no audio at all. */
  let silent: Phone;
  const phones: Baresip[] = [];
  /** What a phone has heard of calls before. */
  const former = new Map<Baresip, string | undefined>();

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tandem-media-'));
    writeTone(join(folder, 'low.wav'), LOW_HERTZ, 30);
    writeTone(join(folder, 'high.wav'), HIGH_HERTZ, 30);
    writeTone(join(folder, 'third.wav'), THIRD_HERTZ, 30);
    nat = makeNat();
    relay = await startRtpengine({ address: nat.outside, timeoutSeconds: SILENCE_SECONDS });
    spare = await startRtpengine({ address: nat.outside });
    engine = await startEngine({
      provisioning: {
        tenants: [
          acme({
            extensions: [
              { number: '101', password: 'secret-101', media: 'always' },
              { number: '102', password: 'secret-102' },
              { number: '103', password: 'secret-103', media: 'srtp' },
              { number: '104', password: 'secret-104', media: 'webrtc' },
              { number: '105', password: 'secret-105' },
              { number: '106', password: 'secret-106' },
              { number: '107', password: Phone.PASSWORD, media: 'always' },
              { number: '108', password: Phone.PASSWORD },
            ],
            outboundRules: [],
            inboundRules: [],
          }),
        ],
      },
      settings: {
        mediaRelays: [{ url: relay.url }],
        listen: [
          { transport: 'udp', host: '127.0.0.1', port: 0 },
          { transport: 'udp', host: nat.outside, port: 0 },
        ],
      },
    });
    [alice, bob, srtp, dtls, hidden, carol] = await Promise.all([
      phone('101', 'low'),
      phone('102', 'high'),
      phone('103', 'high', { mediaEncryption: 'srtp-mand' }),
      phone('104', 'low', { mediaEncryption: 'dtls_srtp', ice: true }),
      phone('105', 'low', {
        proxy: { host: nat.outside, port: engine.port('udp', nat.outside) },
        localHost: nat.inside,
        controlHost: nat.translated,
        wrapper: nat.wrapper,
      }),
      phone('106', 'third'),
    ]);
    silent = await Phone.open({ ...engine, address: '127.0.0.1', port: engine.port('udp') });
    silent.answer = ['200 OK'];
    expect((await silent.register('108', 'acme.test')).status).toBe(200);
    // Without any audio: while others are heard it lasts until the relay gives it up.
    expect((await silent.call({ user: '107', domain: 'acme.test', dialled: '108' })).status).toBe(200);
  });
  afterAll(async () => {
    try {
      for (const phone of phones.splice(0)) await phone.stop();
      silent?.close();
      await engine?.stop();
    } finally {
      nat?.remove();
      for (const each of [relay, spare]) await each?.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  async function phone(
    user: string,
    tone: 'low' | 'high' | 'third',
    options: Partial<BaresipOptions> = {},
  ): Promise<Baresip> {
    const started = await startBaresip({
      user,
      domain: 'acme.test',
      password: `secret-${user}`,
      proxy: { host: '127.0.0.1', port: engine.port('udp') },
      transport: 'udp',
      plays: join(folder, `${tone}.wav`),
      ...options,
    });
    phones.push(started);
    await started.registered();
    return started;
  }

  const hears = (listener: Baresip, hertz: number) =>
    eventually(
      `a tone of ${hertz} Hz`,
      () => {
        const file = listener.heardAudio();
        return file !== undefined && file !== former.get(listener) && toneShare(file, hertz) > 0.8;
      },
      {
        timeoutMs: 15_000,
        detail: () => `${listener.child.output().slice(-3000)}\n${relay.child.output().slice(-4000)}`,
      },
    );

  /** Calls; what was heard until now is of other calls. */
  async function dial(caller: Baresip, number: string, called: Baresip): Promise<void> {
    for (const each of phones) former.set(each, each.heardAudio());
    caller.dial(`sip:${number}@acme.test`);
    await called.heard('CALL_ESTABLISHED');
    await caller.heard('CALL_ESTABLISHED');
  }

  async function hangUp(caller: Baresip, other: Baresip): Promise<void> {
    caller.hangUp();
    await caller.heard('CALL_CLOSED');
    await other.heard('CALL_CLOSED');
  }

  /** A call that each side hears the other one in, and what its record counted. */
  async function talk(
    caller: Baresip,
    called: string,
    callee: Baresip,
    during = async () => {},
    [callers, callees] = [LOW_HERTZ, HIGH_HERTZ],
  ): Promise<MediaRecord> {
    // The one before and the one without audio may end meanwhile.
    const others = (await engine.calls()).map(({ callId }) => callId);
    await dial(caller, called, callee);
    const own = (await engine.calls()).find(({ callId }) => !others.includes(callId));
    await hears(callee, callers);
    await hears(caller, callees);
    await during();
    await hangUp(caller, callee);
    await engine.logged('call', ({ callId }) => callId === own?.callId);
    const { items } = (await engine.api('/api/v1/call-records?limit=50')) as { items: MediaRecord[] };
    return items.find(({ callId }) => callId === own?.callId) as MediaRecord;
  }

  test('RTP on both sides, held and resumed: each hears the other one, and the call record counts the packets', async () => {
    const sent = () => relay.child.output().split("Received command 'offer'").length - 1;
    const { media } = await talk(alice, '102', bob, async () => {
      const offers = sent();
      alice.command('hold');
      await eventually('the offer to hold', () => sent() > offers);
      alice.command('resume');
      await eventually('the offer to resume', () => sent() > offers + 1);
      await hears(bob, LOW_HERTZ);
    });
    expect(media?.[0]?.caller.packets).toBeGreaterThan(40);
    expect(media?.[0]?.callee.packets).toBeGreaterThan(40);
    // Of the call without audio.
    expect(await engine.counted('tandem_media_relay_sessions')).toBe(1);
  });

  test('RTP calls SRTP (SDES): each hears the other one', async () => {
    const { media } = await talk(alice, '103', srtp);
    expect(media?.[0]?.callee.packets).toBeGreaterThan(40);
  });

  test('DTLS-SRTP with ICE, RTP and RTCP on one port, calls RTP: each hears the other one', async () => {
    const { media } = await talk(dtls, '102', bob);
    expect(media?.[0]?.caller.packets).toBeGreaterThan(40);
    await dtls.child.waitFor(
      /mnat 'ice' connected: .*[\s\S]*RTP\/RTCP multiplexing enabled|multiplexing enabled[\s\S]*mnat 'ice' connected/,
    );
  });

  test('RTP calls DTLS-SRTP with ICE: each hears the other one', async () => {
    const { media } = await talk(bob, '104', dtls, undefined, [HIGH_HERTZ, LOW_HERTZ]);
    expect(media?.[0]?.callee.packets).toBeGreaterThan(40);
  });

  test('a phone behind a NAT calls one that is not, which hears it, and is heard', async () => {
    const { media } = await talk(hidden, '102', bob);
    expect(media?.[0]?.caller.packets).toBeGreaterThan(40);
    expect(media?.[0]?.callee.packets).toBeGreaterThan(40);
  });

  test('a transfer: the two that are left hear each other, over a session of their own', async () => {
    await dial(alice, '102', bob);
    await hears(alice, HIGH_HERTZ);
    bob.command('transfer', 'sip:106@acme.test');
    await carol.heard('CALL_ESTABLISHED');
    await hears(alice, THIRD_HERTZ);
    await hears(carol, LOW_HERTZ);
    await bob.heard('CALL_CLOSED');
    await hangUp(alice, carol);
  });

  test('the relay has given up the call without audio: it has ended, and both sides, its record and the log say why', async () => {
    const ended = await eventually(
      'the end of the silent call',
      () => engine.logs('call').find(({ from, to }) => from === '107' && to === '108'),
      { timeoutMs: 35_000, detail: () => JSON.stringify(engine.logs('call')) },
    );
    expect(ended).toMatchObject({ endReason: 'media-timeout', hungUpBy: 'engine' });
    expect(await engine.counted('tandem_media_relay_sessions')).toBe(0);
    const byes = () => once(silent.party.received).filter((message) => methodOf(message) === 'BYE');
    await expect.poll(() => byes().map((message) => fieldOf(message, 'Reason'))).toEqual([TIMED_OUT, TIMED_OUT]);
    const { items } = (await engine.api('/api/v1/call-records?limit=50')) as {
      items: { callId: string; endReason: string }[];
    };
    expect(items.find(({ callId }) => callId === ended['callId'])).toMatchObject({ endReason: 'media-timeout' });
  });

  test('phones that need no relay get none', async () => {
    const before = relay.child.output().length;
    await dial(carol, '102', bob);
    await hears(bob, THIRD_HERTZ);
    await hangUp(carol, bob);
    expect(relay.child.output().slice(before)).not.toContain('offer');
  });

  test('a relay is killed in mid-call: the call goes on and ends in signalling, the next one is heard through the other relay', async () => {
    // The one without audio, where it is up: the relay that would give it up is the one that is killed.
    for (const { callId } of await engine.calls()) await engine.endCall(callId);
    await eventually('no call of before', async () => (await engine.calls()).length === 0);
    await dial(alice, '102', bob);
    await hears(bob, LOW_HERTZ);
    await engine.configure({ mediaRelays: [relay, spare].map(({ url }) => ({ url })) });
    await relay.kill();
    await engine.logged('media-relay', ({ url, state }) => url === relay.url && state === 'down');
    expect(await engine.calls()).toMatchObject([{ state: 'answered' }]);
    expect((await fetch(`${engine.apiAddress}/readyz`)).status).toBe(200);
    await hangUp(alice, bob);
    const { media } = await talk(alice, '102', bob);
    expect(media?.[0]?.caller.packets).toBeGreaterThan(40);
    await spare.child.waitFor(/Received command 'offer'/);
  });
});
