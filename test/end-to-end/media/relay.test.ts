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
import { acme } from '../world.ts';

const LOW_HERTZ = 440;
const HIGH_HERTZ = 1000;

interface Counted {
  readonly packets: number;
  readonly lost?: number;
}
interface MediaRecord {
  readonly media?: readonly { readonly caller: Counted; readonly callee: Counted }[];
}

describe.skipIf(peersSkipped)('media through rtpengine, heard by phones at both ends', () => {
  let folder: string;
  let nat: NatNetwork;
  let relay: Rtpengine;
  let engine: TestEngine;
  const phones: Baresip[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tandem-media-'));
    writeTone(join(folder, 'low.wav'), LOW_HERTZ, 30);
    writeTone(join(folder, 'high.wav'), HIGH_HERTZ, 30);
    nat = makeNat();
    relay = await startRtpengine({ address: nat.outside });
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
  });
  afterAll(async () => {
    for (const phone of phones) await phone.stop();
    await engine?.stop();
    await relay?.stop();
    nat?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  async function phone(user: string, tone: 'low' | 'high', options: Partial<BaresipOptions> = {}): Promise<Baresip> {
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
        return file !== undefined && toneShare(file, hertz) > 0.8;
      },
      {
        timeoutMs: 15_000,
        detail: () => `${listener.child.output().slice(-3000)}\n${relay.child.output().slice(-4000)}`,
      },
    );

  /** A call that each side hears the other one in, and what its record counted. */
  async function talk(low: Baresip, called: string, high: Baresip, during = async () => {}): Promise<MediaRecord> {
    const before = engine.logs('call').length;
    low.dial(`sip:${called}@acme.test`);
    await high.heard('CALL_ESTABLISHED');
    await low.heard('CALL_ESTABLISHED');
    await hears(high, LOW_HERTZ);
    await hears(low, HIGH_HERTZ);
    await during();
    low.hangUp();
    await high.heard('CALL_CLOSED');
    await eventually('the end of the call', () => engine.logs('call').length > before);
    const { items } = (await engine.api('/api/v1/call-records?limit=1')) as { items: MediaRecord[] };
    await low.stop();
    await high.stop();
    return items[0] as MediaRecord;
  }

  test('RTP on both sides, held and resumed: each hears the other one, and the call record counts the packets', async () => {
    const alice = await phone('101', 'low');
    const bob = await phone('102', 'high');
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
    expect(await engine.api('/metrics')).toMatch(/tandem_media_relay_sessions\{relay="[^"]+"\} 0/);
  });

  test('RTP calls SRTP (SDES): each hears the other one', async () => {
    const plain = await phone('102', 'low');
    const secured = await phone('103', 'high', { mediaEncryption: 'srtp-mand' });
    const { media } = await talk(plain, '103', secured);
    expect(media?.[0]?.callee.packets).toBeGreaterThan(40);
  });

  test('DTLS-SRTP calls RTP: each hears the other one', async () => {
    const secured = await phone('104', 'low', { mediaEncryption: 'dtls_srtp' });
    const plain = await phone('102', 'high');
    const { media } = await talk(secured, '102', plain);
    expect(media?.[0]?.caller.packets).toBeGreaterThan(40);
  });

  test('a phone behind a NAT calls one that is not, which hears it, and is heard', async () => {
    const listener = engine.node.listening.find(({ host }) => host === nat.outside);
    const hidden = await phone('105', 'low', {
      proxy: { host: nat.outside, port: listener?.port ?? 0 },
      localHost: nat.inside,
      controlHost: nat.translated,
      wrapper: nat.wrapper,
    });
    const open = await phone('102', 'high');
    const { media } = await talk(hidden, '102', open);
    expect(media?.[0]?.caller.packets).toBeGreaterThan(40);
    expect(media?.[0]?.callee.packets).toBeGreaterThan(40);
  });

  test('phones that need no relay get none', async () => {
    const one = await phone('102', 'low');
    const other = await phone('106', 'high');
    const before = relay.child.output();
    expect((await talk(one, '106', other)).media).toBeUndefined();
    expect(relay.child.output().slice(before.length)).not.toContain('offer');
  });
});
