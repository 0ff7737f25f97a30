import { expect, test } from 'vitest';
import { RecentCalls } from '../../../src/engine/tell/recent-calls.ts';
import { placedCall, planOutbound } from '../../../src/outbound/index.ts';
import { factsOf } from '../../outbound/world.ts';

const planOf = (sessionId: string) => planOutbound({ ...factsOf(), sessionId });

test('a call is found by the call id once the two were linked', () => {
  const calls = new RecentCalls();
  const plan = planOf('session');
  calls.remember(plan, undefined);
  expect(calls.get('call')).toBe(undefined);
  calls.link('call', 'session');
  expect(calls.get('call')).toEqual(placedCall(plan, undefined));
});

test('only the latest are kept', () => {
  const calls = new RecentCalls(2);
  for (const name of ['a', 'b', 'c']) {
    calls.remember(planOf(name), undefined);
    calls.link(`call ${name}`, name);
  }
  expect(calls.get('call a')).toBe(undefined);
  expect(calls.get('call b')?.facts.sessionId).toBe('b');
  expect(calls.get('call c')?.facts.sessionId).toBe('c');
});

test('remembered again, a call keeps its place: it goes when its turn comes, and nobody else for it', () => {
  const calls = new RecentCalls(2);
  for (const name of ['a', 'b', 'a', 'c', 'c', 'd', 'b']) {
    calls.remember(planOf(name), undefined);
    calls.link(`call ${name}`, name);
  }
  const kept = ['a', 'b', 'c', 'd'].filter((name) => calls.get(`call ${name}`) !== undefined);
  expect(kept).toEqual(['b', 'd']);
});

test('lists the calls that were linked, the latest first', () => {
  const calls = new RecentCalls(2);
  for (const name of ['a', 'b', 'c']) {
    calls.remember(planOf(name), undefined);
    calls.link(`call ${name}`, name);
  }
  calls.remember(planOf('d'), undefined);
  expect(calls.list().map(([id, { facts }]) => [id, facts.sessionId])).toEqual([['call c', 'c']]);
});
