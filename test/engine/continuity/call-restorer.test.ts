import { afterEach, describe, expect, test } from 'vitest';
import type { CallSnapshot } from '../../../src/call/index.ts';
import { SimulatedNetwork } from '../../kit/simulated-network.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { Life, MemoryCalls } from '../lives.ts';
import { type Agent, CARRIER_A, CARRIER_A_ID, type Phone, SDP, World, type WorldOptions } from '../world.ts';

const OPTIONS: WorldOptions = {
  acme: { emergencyNumbers: ['112'], limits: { dailyMinutes: 2, concurrentCalls: 9 } },
  trunks: { 'carrier-a': { options: { sessionTimer: { mode: 'off' } } } },
};

let store: MemoryCalls;
let life: Life;
let world: World;
let carrier: Agent;
/** Of the extensions 101 and 102. */
let first: Phone;
let second: Phone;

async function start(): Promise<void> {
  store = new MemoryCalls();
  const scheduler = new VirtualScheduler();
  world = await process({ scheduler, network: new SimulatedNetwork(scheduler) });
  carrier = world.agent(CARRIER_A);
  first = world.phone('101', '203.0.113.1');
  second = world.phone('102', '203.0.113.2');
}

async function process(after: NonNullable<WorldOptions['after']>): Promise<World> {
  life = new Life(after.scheduler);
  return World.start({ ...OPTIONS, after, engine: { scheduler: life, callStore: store } });
}

/** The process ends without a word, and the next one goes on. `kept`: what the store has of each call until then. */
async function restart(kept: (snapshot: CallSnapshot) => CallSnapshot = (snapshot) => snapshot): Promise<void> {
  // Who has transferred is hung up by now.
  world.run(6_000);
  partWays();
  // What was under way is written, then what is new.
  for (let writes = 0; writes < 3; writes++) {
    await world.turn();
    world.run(300);
  }
  await world.turn();
  life.isOver = true;
  expect(store.documents.size).toBe(1);
  for (const [id, document] of store.documents) store.documents.set(id, JSON.stringify(kept(JSON.parse(document))));
  world = await process(world);
  world.run(300);
  await world.turn();
}

/** As the version before wrote it. */
const withoutGrants = ({ grants: _, ...snapshot }: CallSnapshot): CallSnapshot => snapshot;

afterEach(async () => {
  for (const call of [...world.engine.calls.list()]) world.engine.calls.end(call.id);
  world.run();
  partWays();
  world.scheduler.runUntilIdle(6 * 3600_000);
  await world.turn();
  expect(world.held()).toEqual({ calls: 0, legs: 0, servers: 0, clients: 0, uncaught: 0 });
  expect(talking()).toBe(0);
  expect(places()).toEqual([0, 0, 0, 0]);
});

function partWays(): void {
  for (const party of [first, second, carrier]) for (const bye of party.requests('BYE')) party.answer(bye, 200);
  world.run();
}

/** The parties say that they still have the call, until it is ended. */
function pass(ms: number): void {
  const untilMs = world.scheduler.nowMs() + ms;
  const isEnded = () => second.requests('BYE').length > 0;
  while (!isEnded() && world.scheduler.nowMs() < untilMs) {
    world.run(500);
    for (const party of [second, carrier]) for (const asks of party.requests('OPTIONS')) party.answer(asks, 200);
  }
}

const talking = () => world.engine.guards.use().talking?.['tenant acme']?.[0] ?? 0;
const places = () =>
  ['tenant acme', 'extension acme/101', 'extension acme/102', `trunk ${CARRIER_A_ID}`].map((key) =>
    world.engine.trunks.capacity.inProgress(key),
  );

/** One extension calls the other one. */
function inside(from: Phone, to: Phone, number: string) {
  const invite = from.call(number);
  const taken = to.took('INVITE');
  to.answers(taken, 200, 'OK', { Contact: `<sip:${to.host}>` }, SDP);
  const answer = from.final(invite);
  if (answer?.status !== 200) throw new Error('no answer');
  from.ack(invite, answer);
  return { invite, answer, taken };
}

/** 101, who was called, sends the caller on to the outside. */
function transferredByCallee(number: string): void {
  const { taken } = inside(second, first, '101');
  const referTo = `<sip:${number}@acme.example.com>`;
  first.ask(first.withinOf(taken, 'REFER', { 'Refer-To': referTo, Contact: `<sip:${first.host}>` }), 50);
  carrier.answer(carrier.took('INVITE'), 200, 'OK', {}, SDP);
  second.answer(second.took('INVITE'), 200, 'OK', {}, SDP);
  for (const notify of first.requests('NOTIFY')) first.answer(notify, 200);
  world.run();
  partWays();
}

/** 101 calls 102, asks the outside, and sends 102 there: the outside has the place of the caller. */
function transferredByCaller(): void {
  const { invite, answer } = inside(first, second, '102');
  world.run(30_000);
  const asks = first.call('18005550111');
  carrier.answers(carrier.took('INVITE'), 200, 'OK', {}, SDP);
  const asked = first.final(asks);
  if (asked?.status !== 200) throw new Error('no answer');
  first.ack(asks, asked);
  const replaces = `${asks.callId()}%3Bto-tag%3D${asked.toTag()}%3Bfrom-tag%3D${asks.fromTag()}`;
  const referTo = `<sip:18005550111@acme.example.com?Replaces=${replaces}>`;
  first.ask(first.within(invite, answer, 'REFER', { 'Refer-To': referTo, Contact: `<sip:${first.host}>` }), 50);
  carrier.answer(carrier.took('INVITE', 1), 200, 'OK', {}, SDP);
  second.answer(second.took('INVITE', 1), 200, 'OK', {}, SDP);
  for (const notify of first.requests('NOTIFY')) first.answer(notify, 200);
  partWays();
}

describe('a call that goes on in another process holds what the fraud guards granted', () => {
  test.each([
    ['', undefined],
    [', by the process of the version before', withoutGrants],
  ])('one that was transferred to an emergency number is never ended%s', async (_name, kept) => {
    await start();
    transferredByCallee('112');
    expect([talking(), places()]).toEqual([1, [1, 1, 0, 1]]);
    await restart(kept);
    expect(talking()).toBe(1);
    pass(150_000);
    expect([...world.engine.calls.list()]).toHaveLength(1);
    expect(world.observed.fraud).toEqual([]);
  });

  test('one that the callee transferred counts for who transferred it, as before', async () => {
    await start();
    transferredByCallee('18005550111');
    const before = [talking(), places()];
    expect(before).toEqual([1, [1, 1, 0, 1]]);
    await restart();
    expect([talking(), places()]).toEqual(before);
    await restart();
    expect([talking(), places()]).toEqual(before);
  });

  test('one that the caller transferred after asking is ended when the minutes are used up, by the talk to the outside', async () => {
    await start();
    transferredByCaller();
    const beganMs = world.scheduler.nowMs();
    const before = [talking(), places()];
    expect(before).toEqual([1, [1, 1, 0, 1]]);
    await restart();
    expect([talking(), places()]).toEqual(before);
    pass(150_000);
    expect(world.scheduler.nowMs() - beganMs).toBeGreaterThan(118_000);
    expect(world.scheduler.nowMs() - beganMs).toBeLessThanOrEqual(121_000);
    partWays();
    expect(world.observed.ended).toMatchObject([{ endReason: 'daily-minutes-exceeded' }]);
    expect(world.observed.fraud[0]).toMatchObject({
      code: 'daily-minutes-used-up',
      detail: { number: '18005550111', extension: '101', calls: 1 },
    });
  });

  test('one that the version before kept counts by what it was dialled as, where its callee is outside', async () => {
    await start();
    transferredByCallee('18005550111');
    await restart(withoutGrants);
    expect([talking(), places()]).toEqual([1, [1, 0, 1, 1]]);
  });
});
