import { expect, test } from 'vitest';
import { RecentCalls } from '../../../src/engine/tell/recent-calls.ts';
import { planOutbound } from '../../../src/outbound/index.ts';
import type { Party } from '../../../src/provisioning/tenants/party.ts';
import type { Service } from '../../../src/provisioning/tenants/schema.ts';
import { ACME, factsOf, placed } from '../../outbound/world.ts';

const planOf = (sessionId: string) => planOutbound({ ...factsOf(), sessionId });

/** Where the tenant has its part of the first ring already: all further ones are in the second. */
function withPartTaken(capacity: number): RecentCalls {
  const calls = new RecentCalls(capacity);
  for (let index = 0; index < capacity / 8; index++) calls.remember(planOf(`earlier ${index}`));
  return calls;
}

test('a call is found by the call id once the two were linked', () => {
  const calls = new RecentCalls();
  const plan = planOf('session');
  calls.remember(plan);
  expect(calls.get('call')).toBe(undefined);
  calls.link('call', 'session');
  expect(calls.get('call')).toEqual(placed(plan));
});

test('only the latest are kept', () => {
  const calls = withPartTaken(2);
  for (const name of ['a', 'b', 'c']) {
    calls.remember(planOf(name));
    calls.link(`call ${name}`, name);
  }
  expect(calls.get('call a')).toBe(undefined);
  expect(calls.get('call b')?.facts.sessionId).toBe('b');
  expect(calls.get('call c')?.facts.sessionId).toBe('c');
});

test('remembered again, a call keeps its place: it goes when its turn comes, and nobody else for it', () => {
  const calls = withPartTaken(2);
  for (const name of ['a', 'b', 'a', 'c', 'c', 'd', 'b']) {
    calls.remember(planOf(name));
    calls.link(`call ${name}`, name);
  }
  const kept = ['a', 'b', 'c', 'd'].filter((name) => calls.get(`call ${name}`) !== undefined);
  expect(kept).toEqual(['b', 'd']);
});

test('lists the calls that were linked, the latest first', () => {
  const calls = withPartTaken(2);
  for (const name of ['a', 'b', 'c']) {
    calls.remember(planOf(name));
    calls.link(`call ${name}`, name);
  }
  calls.remember(planOf('d'));
  expect([...calls.list()].map(([id, { facts }]) => [id, facts.sessionId])).toEqual([['call c', 'c']]);
});

test('a call is kept with the directory that it was placed by, and a caller that is not in it', () => {
  const calls = new RecentCalls();
  const facts = factsOf();
  const madeUp: Party = { kind: 'service', service: { number: '+4930123', name: 'Zoë' } as Service };
  const plan = planOutbound({ ...facts, sessionId: 'a', caller: madeUp });
  const other = planOutbound({ ...factsOf(), sessionId: 'b' });
  for (const each of [plan, other]) calls.remember(each);
  for (const name of ['a', 'b']) calls.link(`call ${name}`, name);
  expect(calls.get('call a')?.facts.caller).toEqual(madeUp);
  expect(calls.get('call a')?.facts.directory).toBe(facts.directory);
  expect(calls.get('call a')?.facts.tenant).toBe(facts.tenant);
  expect(calls.get('call b')?.facts.directory).toBe(other.facts.directory);
});

test('remembered again, a call is what it was the last time', () => {
  const calls = new RecentCalls(2);
  const plan = planOf('a');
  calls.remember(plan, undefined, { status: 403, reason: 'No', code: 'no' });
  calls.link('call', 'a');
  expect(calls.get('call')?.refusal?.code).toBe('no');
  for (let index = 0; index < 100; index++) calls.remember(plan);
  calls.remember(planOf('b'));
  expect(calls.get('call')).toEqual(placed(plan));
});

test.each([1, 2, 10, 20, 31, 100])('of few that are kept (%i) none goes before its turn', (capacity) => {
  const calls = new RecentCalls(capacity);
  const plan = planOf('');
  for (let index = 0; index < 3000; index++) {
    const { facts } = plan;
    calls.remember({ ...plan, facts: { ...facts, sessionId: `s${index}` } });
    calls.link(`c${index}`, `s${index}`);
    for (const kept of [index, Math.max(0, index + 1 - capacity)])
      expect(calls.get(`c${kept}`)?.facts.sessionId).toBe(`s${kept}`);
  }
});

test('large INVITEs over several routes take the place of one each', () => {
  const calls = withPartTaken(100);
  const plan = planOf('');
  const { facts } = plan;
  const request = { ...facts.request, text: facts.request.text.padEnd(14_000, 'x') };
  for (let index = 0; index < 300; index++) {
    for (let route = 0; route < 4; route++)
      calls.remember({ ...plan, facts: { ...facts, request, sessionId: `s${index}` } });
    calls.link(`c${index}`, `s${index}`);
  }
  expect([...calls.list()]).toHaveLength(100);
  expect(calls.get('c299')?.request).toBe(request.text);
});

test('a call that is remembered again after much else is kept as it is then', () => {
  const calls = withPartTaken(10);
  const plan = planOf('');
  const { facts } = plan;
  const remember = (sessionId: string, length: number) => {
    const request = { ...facts.request, text: facts.request.text.padEnd(length, 'x') };
    calls.remember({ ...plan, facts: { ...facts, request, sessionId } });
    calls.link(sessionId, sessionId);
  };
  remember('first', 1_000);
  for (let index = 0; index < 9; index++) remember(`large ${index}`, 500_000);
  expect(calls.get('first')).toBe(undefined);
  remember('first', 1_000);
  expect(calls.get('first')?.facts.sessionId).toBe('first');
});

test.each([
  ['very many', 0, 100],
  ['the longest', 65_000, 20],
])('tenants with %s calls evict none of another', (_, length, latest) => {
  const calls = new RecentCalls(100);
  const tenants = ['initech', 'hooli', 'acme', 'globex'].map((name) => ({ ...ACME, name, domain: `${name}.test` }));
  const place = (tenant: string, count: number, padded = length) => {
    const { facts, ...plan } = planOutbound(factsOf({ tenants, tenant, trunks: [] }));
    for (let index = 0; index < count; index++) {
      const sessionId = `${tenant} ${index}`;
      const request = { ...facts.request, text: facts.request.text.padEnd(padded, `${index} `) };
      calls.remember({ ...plan, facts: { ...facts, request, sessionId } }, sessionId);
    }
  };
  place('globex', 5, 0);
  for (const tenant of ['initech', 'hooli', 'acme']) place(tenant, tenant === 'acme' ? 3_000 : 13);
  const kept = [...calls.list()].map(([id]) => id);
  expect(kept.filter((id) => id.startsWith('globex'))).toHaveLength(5);
  expect(kept.slice(0, latest)).toEqual(Array.from({ length: latest }, (_, age) => `acme ${2_999 - age}`));
  expect(kept.length).toBeLessThanOrEqual(5 + 3 * 13 + 100);
});
