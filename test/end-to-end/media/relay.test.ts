import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Baresip, type BaresipOptions, startBaresip } from '../../kit/baresip.ts';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import { eventually } from '../../kit/eventually.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { type Rtpengine, startRtpengine } from '../../kit/rtpengine.ts';
import { toneShare, writeTone } from '../../kit/tone.ts';
import { acme } from '../world.ts';

const ALICE_HERTZ = 440;
const BOB_HERTZ = 1000;

interface CallRecordMedia {
  readonly media?: readonly { readonly caller: { packets: number }; readonly callee: { packets: number } }[];
}

describe.skipIf(peersSkipped)('media through rtpengine, heard by phones at both ends', () => {
  let folder: string;
  let relay: Rtpengine;
  let engine: TestEngine;
  const phones: Baresip[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tandem-media-'));
    writeTone(join(folder, 'alice.wav'), ALICE_HERTZ, 20);
    writeTone(join(folder, 'bob.wav'), BOB_HERTZ, 20);
    relay = await startRtpengine();
    engine = await startEngine({
      provisioning: {
        tenants: [
          acme({
            extensions: [
              { number: '101', password: 'secret-101', media: 'always' },
              { number: '102', password: 'secret-102' },
              { number: '103', password: 'secret-103', media: 'srtp' },
              { number: '104', password: 'secret-104', media: 'webrtc' },
            ],
            outboundRules: [],
            inboundRules: [],
          }),
        ],
      },
      settings: { mediaRelays: [{ url: relay.url }] },
    });
  });
  afterAll(async () => {
    for (const phone of phones) await phone.stop();
    await engine.stop();
    await relay.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function phone(user: string, options: Partial<BaresipOptions> = {}): Promise<Baresip> {
    const started = await startBaresip({
      user,
      domain: 'acme.test',
      password: `secret-${user}`,
      proxy: { host: '127.0.0.1', port: engine.port('udp') },
      transport: 'udp',
      plays: join(folder, user === '101' ? 'alice.wav' : 'bob.wav'),
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
        detail: () => `${listener.child.output().slice(-3000)}\n${relay.child.output().slice(-3000)}`,
      },
    );

  async function lastMedia(): Promise<CallRecordMedia> {
    const { items } = (await engine.api('/api/v1/call-records?limit=1')) as { items: CallRecordMedia[] };
    return items[0] as CallRecordMedia;
  }

  test('RTP on both sides: each hears the other one, and the call record counts the packets', async () => {
    const alice = await phone('101');
    const bob = await phone('102');
    alice.dial('sip:102@acme.test');
    await bob.heard('CALL_ESTABLISHED');
    await alice.heard('CALL_ESTABLISHED');
    await hears(bob, ALICE_HERTZ);
    await hears(alice, BOB_HERTZ);
    alice.hangUp();
    await bob.heard('CALL_CLOSED');
    await engine.logged('call');
    const [counted] = (await lastMedia()).media ?? [];
    expect(counted?.caller.packets).toBeGreaterThan(20);
    expect(counted?.callee.packets).toBeGreaterThan(20);
    await alice.stop();
    await bob.stop();
  });
});
