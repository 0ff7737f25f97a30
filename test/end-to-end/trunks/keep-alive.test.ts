import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import { eventually } from '../../kit/eventually.ts';
import { freePort } from '../../kit/free-port.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { startSipp } from '../../kit/sipp.ts';
import { allWell, startAnswerer, startCaller } from '../sipp.ts';
import { acme, carrierTrunk } from '../world.ts';
import { askNow, listen, metric, tandem, trunkBecomes, trunkStatus } from './observe.ts';

const TRUNK = '1';
const SCENARIO = readFileSync(new URL('sipp/answer-options.xml', import.meta.url), 'latin1');

describe.skipIf(peersSkipped)('SIPp carriers that answer OPTIONS 200, 503 or not at all', () => {
  let engine: TestEngine;
  let folder: string;
  let carrierPort: number;
  let nextPort: number;
  let patientPort: number;
  let events: Awaited<ReturnType<typeof listen>>;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tandem-options-'));
    carrierPort = await freePort();
    nextPort = await freePort();
    patientPort = await freePort();
    const keepAlive = { enabled: true, intervalSeconds: 5 };
    engine = await startEngine({
      provisioning: {
        tenants: [
          acme({
            outboundRules: [
              {
                name: 'world',
                match: { prefixes: ['9'] },
                routes: [{ trunk: 'carrier', strip: 1 }, { trunk: 'next' }],
              },
            ],
          }),
        ],
        trunks: [
          carrierTrunk(carrierPort, { options: { verifyPort: true, keepAlive } }),
          carrierTrunk(patientPort, {
            id: '2',
            name: 'patient',
            options: { verifyPort: true, keepAlive: { ...keepAlive, downAfter: 3, upAfter: 2, accept: '2xx' } },
          }),
          // Never pinged: what answers its one call is a SIPp that knows no OPTIONS.
          carrierTrunk(nextPort, { id: '3', name: 'next' }),
        ],
      },
      settings: { timers: { t1Ms: 50, attemptMs: 500, failedTargetMs: 0 } },
    });
    events = await listen(engine);
  });
  afterAll(async () => {
    events.close();
    await engine.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A carrier that answers pings like this while `during` runs. */
  async function answering<T>(port: number, status: string, during: () => Promise<T>, retry = '0'): Promise<T> {
    // SIPp takes no response code from its command line.
    const scenario = join(folder, `options-${port}.xml`);
    writeFileSync(scenario, SCENARIO.replace('[status]', status).replace('[retry]', retry));
    const carrier = await startSipp({ scenario, localPort: port, calls: 1_000 });
    try {
      return await during();
    } finally {
      await carrier.child.stop();
    }
  }

  /** Pings, and waits until the ping has been answered so. */
  async function pinged(id: string, port: number, status: string): Promise<void> {
    await answering(port, status, async () => {
      await askNow(engine, id);
      await eventually('its answer', async () => `${(await trunkStatus(engine, id)).lastCode}` === status.slice(0, 3));
    });
  }

  /** The carrier answers 503, and is offline by it. */
  async function maintained(): Promise<void> {
    await answering(carrierPort, '503 Maintenance', async () => {
      await askNow(engine, TRUNK);
      expect(await trunkBecomes(engine, TRUNK, 'offline')).toMatchObject({ lastCode: 503, reason: 'Maintenance' });
    });
  }

  test('200: online, with code and reason in API, CLI, metrics, events and log', async () => {
    await answering(carrierPort, '200 All Well', async () => {
      await askNow(engine, TRUNK);
      const status = await trunkBecomes(engine, TRUNK, 'online');
      expect(status).toMatchObject({ lastCode: 200, reason: 'All Well' });
      expect(Date.now() - Date.parse(status.since)).toBeLessThan(10_000);
    });
    expect(await tandem(engine, 'trunks')).toMatch(/carrier +ip +system +online .* 200 .*All Well/);
    await expect.poll(() => metric(engine, 'tandem_trunk_up', `trunk_id="${TRUNK}"`)).toBe(1);
    await events.event('trunk-state', (data) => data['trunkId'] === TRUNK && data['state'] === 'online');
  });

  test('503: offline at once, as the guide says; calls go to the next trunk', async () => {
    await maintained();
    expect(await tandem(engine, 'trunks')).toMatch(/carrier +ip +system +offline .* 503 .*Maintenance/);
    await expect.poll(() => metric(engine, 'tandem_trunk_up', `trunk_id="${TRUNK}"`)).toBe(0);
    await events.event('trunk-state', (data) => data['trunkId'] === TRUNK && data['lastCode'] === 503);
    const line = await engine.logged('trunk-state', ({ trunk, lastCode }) => trunk === 'carrier' && lastCode === 503);
    expect(line).toMatchObject({ state: 'offline', level: 'warn' });
    const next = await startAnswerer('answer-at-once', { localPort: nextPort });
    await allWell(await startCaller('phone-call', engine.address(), { pauseMs: 10 }), next);
  });

  test('an offline trunk still brings calls in', async () => {
    await maintained();
    expect((await trunkStatus(engine, TRUNK)).state).toBe('offline');
    const keys = { called: '14155550199' };
    const far = await startCaller('trunk-call', engine.address(), { localPort: carrierPort, keys });
    // No rule for the number: 404, not 403 or 503.
    expect((await far.finished).messages).toContain('SIP/2.0 404 ');
  });

  test('silence: offline, without a code', { timeout: 30_000 }, async () => {
    await answering(carrierPort, '200 OK', async () => {
      await askNow(engine, TRUNK);
      await trunkBecomes(engine, TRUNK, 'online');
    });
    await askNow(engine, TRUNK);
    const status = await trunkBecomes(engine, TRUNK, 'offline');
    expect(status.lastCode).toBeUndefined();
    expect(status.reason).toMatch(/timeout|answer|unreachable|refused/i);
  });

  // The last two mostly wait, each for a trunk of its own: side by side.
  const waiting = { timeout: 40_000, concurrent: true };

  test('503 with Retry-After: held for that long, then asked again by itself', waiting, async () => {
    await answering(
      carrierPort,
      '503 Busy',
      async () => {
        await askNow(engine, TRUNK);
        await eventually('the hold', async () => (await trunkStatus(engine, TRUNK)).reason?.includes('wait') === true);
      },
      '8',
    );
    expect(await trunkStatus(engine, TRUNK)).toMatchObject({ state: 'offline', lastCode: 503 });
    const heldMs = performance.now();
    await answering(carrierPort, '200 OK', () => trunkBecomes(engine, TRUNK, 'online', 25_000));
    // The next ping after the hold; within it none is sent.
    expect(performance.now() - heldMs).toBeGreaterThan(5_000);
  });

  test('downAfter 3, upAfter 2: one ping alone changes nothing; `accept: 2xx` takes a 202', waiting, async () => {
    await answering(patientPort, '202 Accepted', async () => {
      await askNow(engine, '2');
      await eventually(
        'a 202 that counts',
        async () => {
          const { state, lastCode } = await trunkStatus(engine, '2');
          return state === 'online' && lastCode === 202;
        },
        { timeoutMs: 15_000 },
      );
    });
    await pinged('2', patientPort, '500 No');
    expect((await trunkStatus(engine, '2')).state).toBe('online');
    await answering(patientPort, '500 No', () => trunkBecomes(engine, '2', 'offline', 20_000));
    await pinged('2', patientPort, '200 OK');
    expect((await trunkStatus(engine, '2')).state).toBe('offline');
    await answering(patientPort, '200 OK', () => trunkBecomes(engine, '2', 'online', 20_000));
  });
});
