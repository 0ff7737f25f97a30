import { mkdtempSync, readFileSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { allAtOnce } from '../../src/base/steps.ts';
import { type CallRecord, CallRecordLog } from '../../src/observe/call-record.ts';
import { KeptRecords } from '../../src/observe/kept-records.ts';

const base: CallRecord = {
  callId: 'c0',
  sipCallIds: ['a0', 'b0'],
  tenant: 'acme',
  direction: 'outbound',
  callerNumber: '101',
  callerNumberSent: '14155550101',
  calledNumber: '900441234',
  calledNumberSent: '+441234',
  trunkId: '100',
  attempts: [
    { trunkId: '200', status: 503, startedAt: '2026-11-01T10:00:00.000Z', durationMs: 12 },
    { trunkId: '100', status: 200, startedAt: '2026-11-01T10:00:00.012Z', durationMs: 900 },
  ],
  startedAt: '2026-11-01T10:00:00.000Z',
  endedAt: '2026-11-01T10:01:00.000Z',
  durationMs: 60_000,
  talkMs: 59_000,
  status: 200,
  reason: 'OK',
  hungUpBy: 'caller',
};

function setUp() {
  const path = join(mkdtempSync(join(tmpdir(), 'tandem-')), 'records', 'calls.jsonl');
  const records = new CallRecordLog({ log: silentLog, path });
  const lines = (file = path) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as CallRecord);
  return { path, records, lines };
}

describe('CallRecordLog', () => {
  test('each record is one JSON line; after SIGHUP a moved file stays as it is and a new one begins', async () => {
    const { path, records, lines } = setUp();
    records.append({ ...base, callId: 'c1' });
    records.append({ ...base, callId: 'c2', reason: 'a\nb' });
    await records.reopen();
    renameSync(path, `${path}.1`);
    records.append({ ...base, callId: 'c3' });
    await records.close();
    expect(lines(`${path}.1`).map(({ callId }) => callId)).toEqual(['c1', 'c2']);
    expect(lines().map(({ callId }) => callId)).toEqual(['c3']);
  });

  test.each([
    [{ tenant: 'acme' }, true],
    [{ tenant: 'bolt' }, false],
    [{ direction: 'inbound' as const }, false],
    [{ trunkId: '200' }, true],
    [{ trunkId: '300' }, false],
    [{ number: '+441234' }, true],
    [{ number: '101' }, true],
    [{ number: '441234' }, false],
    [{ status: 200 }, true],
    [{ status: 503 }, false],
    [{ from: '2026-11-01T10:00:00Z', until: '2026-11-01T10:00:01Z' }, true],
    [{ from: '2026-11-01T10:00:01Z' }, false],
    [{ until: '2026-11-01T11:00:00+01:00' }, false],
  ])('filter %j finds it: %s', (filter, found) => {
    const records = new CallRecordLog({ log: silentLog });
    records.append(base);
    expect(allAtOnce(records.find(filter))).toHaveLength(found ? 1 : 0);
  });

  test.each([
    { tenant: 'ac' },
    { tenant: '1' },
    { direction: 'inbound' as const },
    { trunkId: '1' },
    { number: '441234' },
    { q: '999' },
    { status: 486 },
    { from: '2026-11-01T10:00:01Z' },
    { until: '2026-11-01T10:00:00Z' },
  ])('filter %j leaves those unread that it does not find', (filter) => {
    const records = new CallRecordLog({ log: silentLog });
    for (let index = 0; index < 100; index++) records.append({ ...base, callId: `c${index}`, extension: '1' });
    const parse = vi.spyOn(JSON, 'parse');
    expect(allAtOnce(records.find(filter))).toHaveLength(0);
    expect(parse).not.toHaveBeenCalled();
    parse.mockRestore();
  });

  test('the latest are kept, latest first, and found by call id or by the Call-ID of a leg', () => {
    const records = new CallRecordLog({ log: silentLog, capacity: 100 });
    const heard: string[] = [];
    records.onRecord(({ callId }) => heard.push(callId));
    for (let index = 0; index < 1000; index++)
      records.append({ ...base, callId: `c${index}`, sipCallIds: [`a${index}`, `b${index}`] });
    expect(heard).toHaveLength(1000);
    expect(allAtOnce(records.find()).length).toBeLessThanOrEqual(150);
    expect(allAtOnce(records.find())[0]?.read()?.callId).toBe('c999');
    expect(records.get('c999')?.callId).toBe('c999');
    expect(records.get('b998')?.callId).toBe('c998');
    expect(records.get('c1')).toBeUndefined();
  });

  test('without a filter none is read to find all, and when each ended is known', () => {
    const records = new CallRecordLog({ log: silentLog, capacity: 100 });
    const at = (index: number) => Date.UTC(2026, 10, 1) + 1000 * index;
    for (let index = 0; index < 250; index++)
      records.append({ ...base, callId: `c${index}`, endedAt: new Date(at(index)).toISOString() });
    const texts = vi.spyOn(KeptRecords.prototype, 'text');
    const found = allAtOnce(records.find({}));
    expect(texts).not.toHaveBeenCalled();
    texts.mockRestore();
    expect(found.map(({ endedAtMs }) => endedAtMs)).toEqual(Array.from({ length: 100 }, (_, age) => at(249 - age)));
    expect(found[99]?.read()?.callId).toBe('c150');
  });

  test('a record that was found is read as it was told, for as long as it is kept', () => {
    const records = new CallRecordLog({ log: silentLog, capacity: 100 });
    const heard: string[] = [];
    records.onRecord((record) => heard.push(JSON.stringify(record)));
    for (let index = 0; index < 100; index++)
      records.append({ ...base, callId: `c${index}`, reason: 'Zo\u00c3\u00ab' });
    const found = allAtOnce(records.find());
    expect(found.map((each) => JSON.stringify(each.read())).reverse()).toEqual(heard);
    expect(found[0]?.read()?.reason).toBe('Zoë');
    for (let index = 100; index < 200; index++) records.append({ ...base, callId: `c${index}` });
    allAtOnce(records.find());
    expect(found.map(({ isKept }) => isKept)).not.toContain(true);
    expect(found.map((each) => each.read())).toEqual(found.map(() => undefined));
  });

  test('a number with characters that JSON writes otherwise is found, whole and by a part', () => {
    const records = new CallRecordLog({ log: silentLog });
    records.append({ ...base, callerNumber: 'a"b\\c\nd' });
    for (const filter of [{ number: 'a"b\\c\nd' }, { q: '"b\\c' }, { q: '\n' }])
      expect(allAtOnce(records.find(filter))).toHaveLength(1);
    expect(allAtOnce(records.find({ q: '\\\\' }))).toHaveLength(0);
  });
});
