/** Short forms of what `npm run hostile` measures: what holds on a machine that is busy with others too. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { NodeView } from '../../src/api/index.ts';
import { ADMIN_TOKEN, type Engine, startEngine } from './board/engine.ts';
import { floodInTheNameOfATrunk } from './board/items/forged-trunk.ts';
import { offer } from './board/items/overload.ts';
import { floodOfStrangers } from './board/items/strangers.ts';
import { bySignals } from './board/quota.ts';

const SECONDS = 2;

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine({
    hasCarrier: true,
    nodeOptions: ['--max-old-space-size=512'],
    settings: () => ({ timers: { warmUpMs: 500 } }),
  });
});
afterAll(() => engine.stop());

test('a flood of strangers costs known peers no call and is not kept; an answer is at most 1.5 times its request', async () => {
  const { attack, pings, calls, kept } = await floodOfStrangers(engine, 3_000, SECONDS);
  expect(attack.answers).toBeGreaterThan(0);
  expect(attack.worstRatio).toBeLessThanOrEqual(1.5);
  expect(calls).toMatchObject({ completed: calls.placed, refused: 0, unanswered: 0 });
  expect(pings.answered / pings.sent).toBeGreaterThan(0.9);
  expect(kept).toBeLessThanOrEqual(0);
});

test("a flood in the name of a trunk costs others' calls and pings nothing", async () => {
  const { pings, calls } = await floodInTheNameOfATrunk(engine, 2_000, SECONDS);
  expect(calls.unanswered).toBe(0);
  expect(calls.completed / calls.placed).toBeGreaterThan(0.9);
  expect(pings.answered / pings.sent).toBeGreaterThan(0.9);
});

test('more calls than there is time for: each is served to its end or refused at once, at nobody’s expense', async () => {
  const overloaded = 'tandem_sip_faults_total{reason="overloaded"}';
  const faultsBefore = await engine.metric(overloaded);
  const keptBefore = await engine.metric('tandem_server_transactions_live');
  const quota = bySignals(engine.child.pid, 0.2);
  const [calls] = await offer(engine, [{ perSecond: 2_500, seconds: 1.5 }]).finally(() => quota.release());
  if (calls === undefined) throw new Error('no figures');
  expect(calls.unanswered).toBe(0);
  expect(calls.completed + calls.refused).toBe(calls.placed);
  expect(calls.byesAnswered).toBe(calls.byesSent);
  expect(calls.refused).toBeGreaterThan(calls.placed / 4);
  expect(calls.completed).toBeGreaterThan(0);
  // Spread, so that those refused together do not return together.
  expect(calls.retryAfters.toSorted()).toEqual([1, 2, 3, 4]);
  expect((await engine.metric(overloaded)) - faultsBefore).toBe(calls.refused);
  await engine.child.waitFor(/"event":"overload"/);
  expect(engine.child.output()).toMatch(/"state":"began","refused":\d+,"event":"overload"/);
  expect(await engine.metric('tandem_overloaded')).toBe(1);
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  const answer = await fetch(`http://127.0.0.1:${engine.apiPort}/api/v1/node`, { headers });
  const { overload } = (await answer.json()) as NodeView;
  expect(overload.active).toBe(true);
  expect(overload.refused).toBeGreaterThanOrEqual(calls.refused);
  const kept = (await engine.metric('tandem_server_transactions_live')) - keptBefore;
  expect(kept).toBeLessThanOrEqual(2 * calls.completed);
});
