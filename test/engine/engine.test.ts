import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nodeSchema } from '../../src/settings/node-schema.ts';
import { TestAuthority } from '../kit/certificates.ts';
import { CARRIER_A, CARRIER_B, ENGINE, SDP, World } from './world.ts';

const OFFICE = '203.0.113.5';
const HOME = '203.0.113.6';

test('a phone rings for timers.ringMs, and no longer', async () => {
  const world = await World.start({ settings: { timers: { ringMs: 7_000 } } });
  const [caller, called] = [world.phone('101', OFFICE), world.phone('102', HOME)];
  const invite = caller.call('102');
  called.answer(called.took('INVITE'), 180, 'Ringing');
  world.run(6_800);
  expect([called.requests('CANCEL'), caller.final(invite)]).toEqual([[], undefined]);
  world.run(300);
  expect(called.requests('CANCEL')).toHaveLength(1);
  called.answer(called.took('INVITE'), 487, 'Request Terminated');
  expect(caller.final(invite)?.status).toBe(480);
});

test('a call lasts timers.sessionLimitMs at most: then both sides get a BYE', async () => {
  const world = await World.start({ settings: { timers: { sessionLimitMs: 60_000 } } });
  const [phone, carrier] = [world.phone('101', OFFICE), world.agent(CARRIER_A)];
  const invite = phone.call('15551234');
  carrier.answer(carrier.took('INVITE'), 200, 'OK', {}, SDP);
  expect(phone.final(invite)?.status).toBe(200);
  world.run(59_000);
  expect([phone.requests('BYE'), carrier.requests('BYE')]).toEqual([[], []]);
  world.run(2_000);
  expect([phone.requests('BYE'), carrier.requests('BYE')]).toMatchObject([[{ method: 'BYE' }], [{ method: 'BYE' }]]);
});

test('who observes the engine hears of each route, of each attempt, and of a call that no route takes', async () => {
  const world = await World.start();
  const [phone, one, two] = [world.phone('101', OFFICE), world.agent(CARRIER_A), world.agent(CARRIER_B)];
  const invite = phone.call('15551234');
  one.answer(one.took('INVITE'), 503, 'Service Unavailable');
  two.answer(two.took('INVITE'), 486, 'Busy Here');
  expect(phone.final(invite)?.status).toBe(486);
  const { observed } = world;
  expect(observed.routes).toMatchObject([{ trunk: { name: 'carrier-a' } }, { trunk: { name: 'carrier-b' } }]);
  expect(observed.attempts.map(({ status }) => status)).toEqual([503, 486]);
  await world.provision({ acme: { outboundRules: [] } });
  const plans = observed.plans.length;
  expect(phone.final(phone.call('15551234'))?.status).toBe(404);
  expect(observed.plans).toHaveLength(plans + 1);
});

test('a trunk whose name nobody knows is logged, and the next route is tried', async () => {
  const world = await World.start({ trunks: { 'carrier-a': { host: 'sip.nowhere.example' } } });
  const [phone, two] = [world.phone('101', OFFICE), world.agent(CARRIER_B)];
  const invite = phone.call('15551234');
  await world.turn();
  world.run();
  two.answer(two.took('INVITE'), 486, 'Busy Here');
  expect(phone.final(invite)?.status).toBe(486);
  expect(world.log.lines).toContainEqual(
    expect.objectContaining({ event: 'trunk-not-located', fields: expect.objectContaining({ trunk: 'carrier-a' }) }),
  );
});

test('the end of a certificate that a listener, or the HTTP interface, shows out of a file is told at the start, and of a renewed one at the reload', async () => {
  const authority = new TestAuthority();
  const folder = mkdtempSync(join(tmpdir(), 'tandem-engine-'));
  try {
    const [certificate, http, key] = ['cert.pem', 'http.pem', 'key.pem'].map((name) => join(folder, name));
    const put = (days: number) => {
      const pair = authority.issue({ commonName: 'sip.example.com', days });
      for (const file of [certificate, http]) writeFileSync(String(file), pair.cert);
      writeFileSync(String(key), pair.key);
    };
    put(5);
    const api = { certificate: http, key };
    const listen = [{ transport: 'tls' as const, host: ENGINE, port: 5061, certificate, key }];
    const world = new World({ settings: { listen, api } });
    world.scheduler.shiftWall(Date.now() - world.scheduler.wallMs());
    await world.engine.start();
    const told = (daysLeft: number) => [certificate, http].map((name) => ({ name, owner: 'system', daysLeft }));
    expect(world.observed.expiring).toMatchObject(told(7));
    put(20);
    world.engine.readCertificates(nodeSchema.parse({ listen, api }))();
    expect(world.observed.expiring.slice(2)).toMatchObject(told(30));
    await world.engine.close();
  } finally {
    rmSync(folder, { recursive: true });
    authority.remove();
  }
});
