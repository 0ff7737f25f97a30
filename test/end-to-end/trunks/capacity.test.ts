import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import { eventually } from '../../kit/eventually.ts';
import { Carrier, type CarrierAnswer } from '../outbound/carrier.ts';
import { dialogOfCaller, Phone, type PlacedCall, SDP } from '../outbound/phone.ts';
import { statusOf } from '../outbound/wire-message.ts';
import { acme, carrierTrunk } from '../world.ts';
import { NetworkParty } from './network-party.ts';
import { trunkStatus } from './observe.ts';

const BUSY: CarrierAnswer = { statuses: ['486 Busy Here'] };
const ANSWER: CarrierAnswer = { statuses: ['200 OK'], sdp: SDP };

describe('capacity of trunks and tenants', () => {
  let engine: TestEngine;
  let phone: Phone;
  let first: Carrier;
  let next: Carrier;
  let network: NetworkParty;
  let paced: NetworkParty;

  beforeAll(async () => {
    [first, next] = [await Carrier.open(), await Carrier.open()];
    [network, paced] = [await NetworkParty.open(), await NetworkParty.open()];
    const verifyPort = { verifyPort: true };
    engine = await startEngine({
      provisioning: {
        tenants: [
          acme({
            extensions: [
              { number: '101', password: Phone.PASSWORD },
              { number: '102', password: Phone.PASSWORD },
            ],
            outboundRules: [
              {
                name: 'world',
                match: { prefixes: ['9'] },
                routes: [
                  { trunk: 'carrier', strip: 1 },
                  { trunk: 'next', strip: 1 },
                ],
              },
            ],
            inboundRules: [
              { name: 'narrow', trunk: 'narrow', dids: '14155550150', destination: { extension: '102' } },
              { name: 'paced', trunk: 'paced', dids: '14155550151', destination: { hangUp: true } },
            ],
          }),
        ],
        trunks: [
          carrierTrunk(first.port, { limits: { concurrentCalls: 1 } }),
          carrierTrunk(next.port, { id: '2', name: 'next' }),
          carrierTrunk(network.port, { id: '3', name: 'narrow', options: verifyPort, limits: { concurrentCalls: 1 } }),
          carrierTrunk(paced.port, { id: '4', name: 'paced', options: verifyPort, limits: { callsPerSecond: 5 } }),
        ],
      },
      settings: { timers: { t1Ms: 50, attemptMs: 500, failedTargetMs: 0 } },
    });
    const sip = { address: '127.0.0.1', port: engine.port() };
    phone = await Phone.open({ ...engine, ...sip });
    network.engine = sip;
    paced.engine = sip;
  });
  afterAll(async () => {
    for (const each of [phone, first, next, network, paced]) each.close();
    await engine.stop();
  });
  beforeEach(() => {
    first.take();
    next.take();
    first.answer = () => BUSY;
    next.answer = () => BUSY;
  });

  const callOut = (): Promise<PlacedCall> => phone.call({ user: '101', domain: 'acme.test', dialled: '915551234' });

  test('outbound: the call over the limit of concurrent calls takes the next route; freed, the place is taken again', async () => {
    first.answer = () => ANSWER;
    const held = await callOut();
    expect(held.status).toBe(200);
    // Whichever worker is asked: each tells the others what it has.
    const active = async (count: number) =>
      eventually(`${count} active`, async () => (await trunkStatus(engine, '1')).activeCalls === count);
    await active(1);
    expect((await callOut()).status).toBe(486);
    expect([first.take().length, next.take().length]).toEqual([1, 1]);
    expect(statusOf(await phone.inDialog(dialogOfCaller(held), 'BYE', 3))).toBe(200);
    await active(0);
    first.answer = () => BUSY;
    await callOut();
    expect([first.take().length, next.take().length]).toEqual([1, 0]);
  });

  test.each(['503 Channel limit exceeded', '403 CPS Limit Exceeded', '500 Too Many Calls'])(
    '"%s" is too fast or too many, not down',
    async (status) => {
      first.answer = () => ({ statuses: [status] });
      const { status: told } = await callOut();
      expect(told).toBe(486);
      expect([first.take().length, next.take().length]).toEqual([1, 1]);
      expect((await trunkStatus(engine, '1')).state).not.toBe('offline');
      // It rests for a second: the next call spares itself the refusal.
      await callOut();
      expect([first.take().length, next.take().length]).toEqual([0, 1]);
      first.answer = () => BUSY;
      const taken = async () => {
        await callOut();
        return first.take().length;
      };
      await expect.poll(taken, { timeout: 4_000, interval: 200 }).toBe(1);
    },
  );

  test('inbound: 503 over the limit of concurrent calls, until the first call has ended', async () => {
    await phone.register('102', 'acme.test');
    phone.answer = ['180 Ringing'];
    const ringing = await network.invite('14155550150');
    await network.until((message) => statusOf(message) === 180 && ringing.owns(message));
    // Workers hear of each other's calls within milliseconds: until then one may be let in.
    const refused = await eventually('a call to be refused', async () => {
      const next = await network.invite('14155550150');
      const heard = await network.until((message) => statusOf(message) >= 180 && next.owns(message));
      if (statusOf(heard) !== 180) return heard;
      next.cancel();
      await network.until((message) => statusOf(message) === 487 && next.owns(message));
      return undefined;
    });
    expect(refused.startLine).toContain('503');
    expect(refused.text).toMatch(/^Retry-After: \d+/m);
    ringing.cancel();
    await network.until((message) => statusOf(message) === 487 && ringing.owns(message));
    phone.answer = ['486 Busy Here'];
    // The place is free when the phone's leg has ended too; this phone leaves its CANCEL unanswered by a 487.
    await expect
      .poll(async () => statusOf(await network.call('14155550150')), { timeout: 8_000, interval: 100 })
      .toBe(486);
  });

  test('inbound: calls per second, a burst of them at once', async () => {
    const statuses = await Promise.all(Array.from({ length: 20 }, () => paced.call('14155550151').then(statusOf)));
    const refused = statuses.filter((status) => status === 503).length;
    expect(refused).toBeGreaterThanOrEqual(13);
    expect(refused).toBeLessThan(20);
    // Refilled while a second passes.
    await expect
      .poll(async () => statusOf(await paced.call('14155550151')), { timeout: 2_000, interval: 150 })
      .not.toBe(503);
  });
});
