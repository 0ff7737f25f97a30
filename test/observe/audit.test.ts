import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { AuditLog } from '../../src/observe/audit.ts';
import { EventBus } from '../../src/observe/events.ts';
import { collectGarbage } from '../kit/collected.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

function setUp() {
  const clock = new VirtualScheduler();
  const events = new EventBus(clock);
  return { events, audit: new AuditLog(clock, { log: silentLog, events }) };
}

describe('AuditLog', () => {
  test('secrets are left out at any depth; that one changed is said', () => {
    const { audit } = setUp();
    audit.record({
      actor: 'owner',
      action: 'update',
      resource: 'trunks/1',
      before: { name: 'a', credentials: { password: 'old' }, list: [{ secret: 'same' }] },
      after: { name: 'b', credentials: { password: 'new' }, list: [{ secret: 'same' }, {}], ha1: { md5: 'x' } },
    });
    expect(audit.find()[0]?.()).toMatchObject({
      before: { name: 'a', credentials: { password: '(changed)' }, list: [{ secret: '(set)' }] },
      after: { name: 'b', credentials: { password: '(changed)' }, list: [{ secret: '(set)' }, {}], ha1: '(set)' },
    });
  });

  test('of a change what is otherwise is kept: fields, those within objects too, and of long lists the items', () => {
    const { audit } = setUp();
    const extensions = Array.from({ length: 10_000 }, (_each, at) => ({
      number: String(at),
      name: 'x',
      password: 's3cret',
    }));
    const before = {
      name: 'acme',
      notes: 'x'.repeat(1_000_000),
      forward: { busy: '1', always: null },
      members: ['1', '2'],
      extensions,
    };
    const after = {
      ...structuredClone(before),
      ...{ forward: { busy: '2', always: null }, members: ['1', '3'] },
      extensions: [
        ...extensions
          .slice(1)
          .map((each) => (each.number === '7' ? { ...each, name: 'y', password: 'n3w' } : { ...each })),
        { number: '10000', name: 'z', password: 's3cret' },
      ],
    };
    const change = { actor: 'owner', action: 'update', resource: 'tenants/acme' } as const;
    audit.record({ ...change, before, after });
    audit.record({ ...change, before, after: structuredClone(before) });
    const [same, entry] = audit.find().map((read) => read());
    expect(entry).toMatchObject(change);
    expect([entry?.before, entry?.after]).toEqual([
      {
        ...{ forward: { busy: '1' }, members: ['1', '2'] },
        extensions: [
          { number: '7', name: 'x', password: '(changed)' },
          { number: '0', name: 'x', password: '(set)' },
        ],
      },
      {
        ...{ forward: { busy: '2' }, members: ['1', '3'] },
        extensions: [
          { number: '7', name: 'y', password: '(changed)' },
          { number: '10000', name: 'z', password: '(set)' },
        ],
      },
    ]);
    expect([same?.before, same?.after]).toEqual([{}, {}]);
  });

  const numbers = Array.from({ length: 60 }, (_each, at) => String(100 + at));
  const rules = numbers.map((name) => ({ name, password: 's3cret' }));
  test.each([
    {
      what: 'the order of the texts',
      before: { l: numbers },
      after: { l: numbers.toReversed() },
      told: [{ l: numbers }, { l: numbers.toReversed() }],
    },
    {
      what: 'the order of items: from the first to the last that stands elsewhere, by what they are known by',
      before: { l: rules },
      after: { l: [...rules.slice(0, 5), ...rules.slice(6, 8), rules[5], ...rules.slice(8)] },
      told: [
        { l: [{ name: '105' }, { name: '106' }, { name: '107' }] },
        { l: [{ name: '106' }, { name: '107' }, { name: '105' }] },
      ],
    },
    {
      what: 'the order of items that are known by nothing',
      before: { l: [...numbers, { secret: 'a' }, { ring: 5 }] },
      after: { l: [...numbers, { ring: 5 }, { secret: 'a' }] },
      told: [{ l: [{ secret: '(set)' }, { ring: 5 }] }, { l: [{ ring: 5 }, { secret: '(set)' }] }],
    },
    {
      what: 'the order beside what came, went and became otherwise',
      before: { l: rules },
      after: {
        l: [rules[2], { name: '101', password: 'n3w' }, ...rules.slice(3), { name: 'new', password: 's3cret' }],
      },
      told: [
        {
          l: [
            { name: '101', password: '(changed)' },
            { name: '100', password: '(set)' },
            { name: '101' },
            { name: '102' },
          ],
        },
        {
          l: [
            { name: '101', password: '(changed)' },
            { name: 'new', password: '(set)' },
            { name: '102' },
            { name: '101' },
          ],
        },
      ],
    },
    {
      what: 'one of two equal texts',
      before: { l: [...numbers, '100'] },
      after: { l: numbers },
      told: [{ l: ['100'] }, { l: [] }],
    },
    {
      what: 'one of two equal items',
      before: { l: [...rules, { ...rules[0] }] },
      after: { l: rules },
      told: [{ l: [{ name: '100', password: '(set)' }] }, { l: [] }],
    },
    {
      what: 'that a list of secrets is another',
      before: { secret: numbers },
      after: { secret: [...numbers, 's3cret'] },
      told: [{ secret: '(changed)' }, { secret: '(changed)' }],
    },
  ])('of a long list is told $what', ({ before, after, told }) => {
    const { audit } = setUp();
    audit.record({ actor: 'owner', action: 'update', resource: 'tenants/acme', before, after });
    const entry = audit.find()[0]?.();
    expect([entry?.before, entry?.after]).toEqual(told);
  });

  test('each entry is an event for the admins of its tenant; filters find it', () => {
    const { audit, events } = setUp();
    const seen: string[][] = [];
    events.subscribe((event) => seen.push([...event.tenants]));
    audit.record({ actor: 'owner', action: 'create', resource: 'trunks/1' });
    audit.record({ actor: 'token:1', action: 'create', resource: 'tenants/acme/extensions/101', tenant: 'acme' });
    expect(seen).toEqual([[], ['acme']]);
    expect(audit.find({ tenant: 'acme' }).map((read) => read().resource)).toEqual(['tenants/acme/extensions/101']);
    expect(audit.find({ resource: 'trunks' })).toHaveLength(1);
    expect(audit.find({ actor: 'token:1' })).toHaveLength(1);
    expect(audit.find().map((read) => read().actor)).toEqual(['token:1', 'owner']);
  });
});

test('a tenant of ten thousand extensions is noted in steps, and in the file it is what it is for who asks', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'tandem-audit-')), 'audit.jsonl');
  onTestFinished(() => rmSync(dirname(path), { recursive: true }));
  const audit = new AuditLog(new VirtualScheduler(), { log: silentLog, path });
  const extensions = Array.from({ length: 10_000 }, (_each, at) => ({ number: String(at), password: 's3cret' }));
  const tenant = { name: 'acme', extensions };
  const change = { actor: 'owner', action: 'update' as const, resource: 'tenants/acme', before: tenant };
  let steps = 0;
  for (const _ of audit.recordSteps({ ...change, after: { name: 'acme', extensions: structuredClone(extensions) } }))
    steps++;
  expect(steps).toBeGreaterThan(300);
  for (const _ of audit.recordSteps({ ...change, action: 'delete' })) steps++;
  expect(steps).toBeGreaterThan(800);
  await audit.close();
  const entry = audit.find()[0]?.();
  expect(entry).toMatchObject({ before: { extensions: { length: 10_000, 0: { number: '0', password: '(set)' } } } });
  const text = readFileSync(path, 'utf8');
  expect(JSON.parse(text.split('\n')[1] ?? '')).toEqual(entry);
  expect(text).not.toContain('s3cret');
});

test('of very long entries the oldest go, and the latest is always there', () => {
  const { audit } = setUp();
  const record = (index: number) =>
    audit.record({
      actor: 'owner',
      action: 'create',
      resource: `tenants/t${index}`,
      after: { notes: 'x'.repeat(9_000_000) },
    });
  for (let index = 0; index < 5; index++) record(index);
  const kept = audit.find().map((read) => read().resource);
  expect(kept[0]).toBe('tenants/t4');
  expect(kept.length).toBeLessThan(4);
});

test('many changes of one tenant hide none of another, by their number or their length', () => {
  const { audit } = setUp();
  const record = (tenant: string, count: number, length = 1) => {
    for (let index = 0; index < count; index++)
      audit.record({
        ...{ actor: `token:${tenant}`, action: 'update', resource: `tenants/${tenant}/${index}`, tenant },
        after: { notes: 'x'.repeat(length) },
      });
  };
  const countOf = (tenant: string) => audit.find({ tenant }).length;
  record('quiet', 20);
  record('loud', 20_000);
  expect([countOf('quiet'), countOf('loud') >= 4_980]).toEqual([20, true]);
  record('long', 50, 1_000_000);
  expect([countOf('quiet'), countOf('long') >= 10, audit.find({ tenant: 'long' })[0]?.().resource]).toEqual([
    20,
    true,
    'tenants/long/49',
  ]);
  expect(audit.find({ tenant: 'loud' })[0]?.().resource).toBe('tenants/loud/19999');
});

test.each([
  [7_500, 1, 5_000],
  [2_800, 12_000, 1_390],
])('of %d tenants with one change each, of %d octets, the latest %d at least are kept', (count, length, least) => {
  const { audit } = setUp();
  const record = (tenant: string) =>
    audit.record({
      ...{ actor: 'file:x', action: 'create', resource: `tenants/${tenant}`, tenant },
      after: { notes: 'x'.repeat(length) },
    });
  for (let index = 0; index < count; index++) record(`t${index}`);
  const kept = audit.find().map((read) => read().tenant);
  expect(kept.length).toBeGreaterThanOrEqual(least);
  expect(kept.length).toBeLessThan(count);
  expect(kept).toEqual(kept.map((_, index) => `t${count - 1 - index}`));
});

test('a few long changes of several tenants hide no short ones of another', () => {
  const { audit } = setUp();
  const record = (tenant: string, length: number) =>
    audit.record({
      ...{ actor: `token:${tenant}`, action: 'update', resource: `tenants/${tenant}`, tenant },
      after: { notes: 'x'.repeat(length) },
    });
  for (let index = 0; index < 20; index++) record('quiet', 100_000);
  for (let index = 0; index < 6; index++) record(index % 2 === 0 ? 'a' : 'b', 7_000_000);
  expect(audit.find({ tenant: 'quiet' })).toHaveLength(20);
});

test('what entries say is kept outside of the heap', () => {
  const { audit } = setUp();
  const change = { actor: 'owner', action: 'create' as const };
  const heldMb = () => {
    collectGarbage();
    return process.memoryUsage().heapUsed / 1e6;
  };
  audit.record({ ...change, resource: 'tenants/first', after: { notes: 'x' } });
  const before = heldMb();
  for (let index = 0; index < 500; index++)
    audit.record({ ...change, resource: `tenants/t${index}`, after: { notes: `${index} ${'é'.repeat(25_000)}` } });
  expect(heldMb() - before).toBeLessThan(5);
  expect(audit.find()).toHaveLength(501);
  expect(audit.find()[499]?.()).toMatchObject({ after: { notes: `0 ${'é'.repeat(25_000)}` } });
});
