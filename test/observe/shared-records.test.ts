import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JsonLine } from '../../src/observe/jsonl-file.ts';
import { SharedRecords } from '../../src/observe/shared-records.ts';

const CAPACITY = 80;
const PART = CAPACITY / 8;

interface Kept {
  readonly callId: string;
  readonly sipCallIds: readonly string[];
  readonly tenant: string;
  readonly startedAt: string;
  readonly endedAt: string;
}

/** Calls of these tenants, one after the other, each by its number. */
function keptOf(...tenants: readonly string[]) {
  const records = new SharedRecords<Kept>(CAPACITY, 1e6);
  const add = (tenant: string, number: number, callId = `${number}`) => {
    const endedAt = new Date(number).toISOString();
    const record = { callId, sipCallIds: ['shared', `leg ${number}`], tenant, startedAt: endedAt, endedAt };
    records.add(record, new JsonLine(record));
  };
  tenants.forEach((tenant, number) => {
    add(tenant, number);
  });
  const listed = () =>
    [...records.places()].map(({ ring, number }) => {
      const { tenant, callId } = ring.read(number) as Kept;
      return { tenant, number: Number(callId) };
    });
  return { records, add, listed };
}

const times = (count: number, tenant: string) => Array<string>(count).fill(tenant);

test('a tenant with very many calls evicts none of another, nor do seven such tenants', () => {
  const { listed, add } = keptOf(...times(5, 'quiet'), ...times(5_000, 'loud'));
  expect(listed().filter(({ tenant }) => tenant === 'quiet')).toHaveLength(5);
  for (let number = 5_005; number < 6_000; number++) add(`loud ${number % 6}`, number);
  expect(listed().filter(({ tenant }) => tenant === 'quiet')).toHaveLength(5);
});

test.each([
  ['their ids', 20_000],
  ['the called number', 20_000],
  ['much else', 5_000],
])('a tenant with records that are long by %s evicts none of another, nor do seven such tenants', (what, longest) => {
  const records = new SharedRecords<Kept & Record<string, unknown>>(8_000, 4 * 1024 * 1024);
  const add = (tenant: string, length: number) => {
    const text = 'x'.repeat(length);
    const long = { 'their ids': { sipCallIds: [text] }, 'the called number': { calledNumber: text } }[what] ?? {
      reason: text,
    };
    const record = { callId: '', sipCallIds: [], tenant, startedAt: '', endedAt: '', ...long };
    records.add(record, new JsonLine(record));
  };
  const quiet = () => [...records.places()].filter(({ ring, number }) => ring.tenant(number) === 'quiet');
  for (let count = 0; count < 500; count++) add('quiet', 100);
  for (let count = 0; count < 1_000; count++) add('loud', longest);
  expect(quiet()).toHaveLength(500);
  for (let count = 0; count < 6_000; count++) add(`loud ${count % 6}`, longest);
  expect(quiet()).toHaveLength(500);
});

test('of a tenant that is alone exactly the latest are kept', () => {
  const { listed } = keptOf(...times(500, 'acme'));
  expect(listed().map(({ number }) => number)).toEqual(Array.from({ length: CAPACITY }, (_, age) => 499 - age));
});

test('the latest of all are kept, those that came last first, and of each tenant none that is older than one that is gone', () => {
  const tenants = fc.array(fc.constantFrom('a', 'a', 'a', 'a', 'b', 'b', 'c', 'd'), { maxLength: 600 });
  fc.assert(
    fc.property(tenants, (calls) => {
      const found = keptOf(...calls).listed();
      const numbers = found.map(({ number }) => number);
      expect(numbers).toEqual([...numbers].sort((a, b) => b - a));
      expect(found.length).toBeLessThanOrEqual(2 * CAPACITY);
      for (let number = Math.max(0, calls.length - CAPACITY); number < calls.length; number++)
        expect(numbers).toContain(number);
      for (const tenant of new Set(calls)) {
        const all = calls.flatMap((each, number) => (each === tenant ? [number] : [])).reverse();
        const kept = found.filter((each) => each.tenant === tenant).map(({ number }) => number);
        expect(kept).toEqual(all.slice(0, kept.length));
        expect(kept.length).toBeGreaterThanOrEqual(Math.min(all.length, PART));
      }
    }),
    { numRuns: 200 },
  );
});

test('a record is found by the id of its call or of a leg, the latest of several, and none that is as good as gone', () => {
  const { records, add } = keptOf(...times(4, 'quiet'), ...times(100, 'loud'));
  expect(records.get('3')?.tenant).toBe('quiet');
  expect(records.get('leg 50')?.callId).toBe('50');
  expect([records.get('shared')?.callId, records.get('shared', 'quiet')?.callId]).toEqual(['103', '3']);
  expect(records.get('10')).toBeUndefined();
  add('quiet', 104, 'twice');
  add('loud', 105, 'twice');
  expect([records.get('twice')?.tenant, records.get('twice', 'quiet')?.tenant]).toEqual(['loud', 'quiet']);
  expect(records.get('nobody-s')).toBeUndefined();
});

test('a record without a JSON text takes no place', () => {
  const { records, listed } = keptOf();
  const broken = { callId: 'x', sipCallIds: [], tenant: 'acme', startedAt: '', endedAt: '', number: 1n };
  for (let count = 0; count < 100; count++) records.add(broken, new JsonLine(broken));
  expect(listed()).toEqual([]);
  const record = { ...broken, number: undefined };
  for (let count = 0; count < PART; count++) records.add(record, new JsonLine(record));
  expect([...records.places()]).toHaveLength(PART);
});
