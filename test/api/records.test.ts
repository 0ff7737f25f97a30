import { get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { CallRecord } from '../../src/observe/index.ts';
import { KeptRecords } from '../../src/observe/kept-records.ts';
import { ask, startTestApi, type TestApi } from './kit.ts';

const STARTED = '2026-11-01T00:00:10.000Z';

describe('records of calls', () => {
  let world: TestApi;
  beforeAll(async () => {
    world = await startTestApi();
    for (const [index, tenant] of ['acme', 'acme', 'bolt'].entries())
      world.records.append({
        callId: `call-${index}`,
        sipCallIds: [`sip-${index}`],
        tenant,
        direction: 'outbound',
        callerNumber: index === 1 ? '=HYPERLINK("http://x")' : '101',
        calledNumber: '914155551212',
        calledNumberSent: '+14155551212',
        trunkId: '100',
        trunk: 'carrier',
        attempts: [
          { trunkId: '100', trunk: 'carrier', status: index === 0 ? 200 : 486, startedAt: STARTED, durationMs: 5 },
        ],
        startedAt: STARTED,
        ...(index === 0 ? { answeredAt: '2026-11-01T00:00:12.000Z' } : {}),
        endedAt: '2026-11-01T00:01:00.000Z',
        durationMs: 50_000,
        talkMs: index === 0 ? 48_000 : 0,
        status: index === 0 ? 200 : 486,
        reason: index === 0 ? 'OK' : 'Busy, "really"',
        hungUpBy: 'callee',
      });
  });
  afterAll(() => world.close());

  test('are found by a part of a number, as dialled or as sent', async () => {
    const found = async (q: string) =>
      (await ask(world, world.tokens.system, 'GET', `/api/v1/call-records?q=${encodeURIComponent(q)}`)).body.total;
    expect([await found('5551212'), await found('+1415'), await found('999')]).toEqual([3, 3, 0]);
  });

  test('leave as a table: all that match, fields quoted, no formula of a peer; a tenant admin gets its own', async () => {
    const { status, headers, text } = await ask(
      world,
      world.tokens.acme,
      'GET',
      '/api/v1/call-records?format=csv&limit=1',
    );
    expect(status).toBe(200);
    expect(headers['content-type']).toMatch(/^text\/csv; charset=utf-8/);
    expect(headers['content-disposition']).toBe('attachment; filename="calls.csv"');
    const [head, ...rows] = text.trimEnd().split('\r\n');
    expect(head).toMatch(/^startedAt,direction,tenant,caller,/);
    expect(rows).toHaveLength(2);
    expect(rows[0]).toContain(`"'=HYPERLINK(""http://x"")"`);
    expect(rows[0]).toContain('"Busy, ""really"""');
    expect(rows[1]).toContain('+14155551212');
    expect(text).not.toContain('bolt');
    const other = await ask(world, world.tokens.acme, 'GET', '/api/v1/call-records?format=csv&tenant=bolt');
    expect(other.status).toBe(404);
  });

  test('are summed up over time and by trunk, for each tenant its own', async () => {
    const url = '/api/v1/call-statistics?from=2026-11-01T00:00:00Z&until=2026-11-01T00:10:00Z&stepSeconds=300';
    const all = await ask(world, world.tokens.system, 'GET', url);
    expect(all.body).toMatchObject({
      stepSeconds: 300,
      points: [{ calls: 3, answered: 1 }, { calls: 0 }],
      trunks: [{ trunkId: '100', trunk: 'carrier', attempts: [3, 0], answered: [1, 0], codes: { 200: 1, 486: 2 } }],
    });
    const own = await ask(world, world.tokens.bolt, 'GET', url);
    expect(own.body).toMatchObject({ points: [{ calls: 1 }, { calls: 0 }], codes: { 486: 1 } });
    const one = await ask(world, world.tokens.acme, 'GET', `${url}&trunks=201`);
    expect(one.body.trunks).toEqual([{ trunkId: '201', trunk: '', attempts: [0, 0], answered: [0, 0], codes: {} }]);
  });

  test.each([
    ['trunks=202', 404, "another tenant's trunk"],
    ['from=2026-11-01T00:00:00Z&until=2026-10-01T00:00:00Z', 422, 'it ends before it begins'],
    ['from=2026-01-01T00:00:00Z&until=2026-11-01T00:00:00Z&stepSeconds=60', 422, 'too many points'],
    ['stepSeconds=90', 422, 'no whole minutes'],
    [`trunks=${Array(101).fill('201').join(',')}`, 422, 'too many trunks'],
  ])('%s is refused with %i: %s', async (query, status) => {
    expect((await ask(world, world.tokens.acme, 'GET', `/api/v1/call-statistics?${query}`)).status).toBe(status);
  });
});

describe('pages of call records', () => {
  let world: TestApi;
  /** In the order in which they are listed. Some ended in one millisecond, some came later than others that ended after them. */
  let listed: string[];
  beforeAll(async () => {
    world = await startTestApi();
    const ends = Array.from({ length: 1000 }, (_, index) => ({
      callId: `call-${(index * 7919) % 1000}`,
      endedAt: new Date(Date.UTC(2026, 10, 1) + 100 * (index - (index % 10)) + 150 * ((index * 31) % 7)).toISOString(),
    }));
    for (const { callId, endedAt } of ends) {
      const record: CallRecord = {
        callId,
        endedAt,
        sipCallIds: [],
        tenant: 'acme',
        direction: 'outbound',
        callerNumber: '101',
        calledNumber: '1',
        attempts: [],
        startedAt: STARTED,
        durationMs: 0,
        talkMs: 0,
        status: 486,
        reason: 'Busy Here',
        hungUpBy: 'callee',
      };
      world.records.append(record);
    }
    listed = ends
      .map(({ callId, endedAt }) => `${endedAt},${callId}`)
      .sort()
      .reverse();
  });
  afterAll(() => world.close());

  const get = (query: string) => ask(world, world.tokens.system, 'GET', `/api/v1/call-records?${query}`);
  const rowsOf = ({ body }: Awaited<ReturnType<typeof get>>) =>
    (body.items as CallRecord[]).map(({ endedAt, callId }) => `${endedAt},${callId}`);

  test('by cursor and by offset give all, each once, the latest first; the total counts those from the cursor on', async () => {
    const byCursor: string[] = [];
    for (let cursor = ''; ; ) {
      const answer = await get(`limit=37${cursor}`);
      expect(answer.body.total).toBe(1000 - byCursor.length);
      byCursor.push(...rowsOf(answer));
      if (answer.body.nextCursor === undefined) break;
      cursor = `&cursor=${encodeURIComponent(answer.body.nextCursor)}`;
    }
    expect(byCursor).toEqual(listed);
    for (const offset of [0, 1, 500, 963, 990, 1000, 2000]) {
      const answer = await get(`limit=37&offset=${offset}`);
      expect(answer.body).toMatchObject({ total: 1000, offset, limit: 37 });
      expect(rowsOf(answer)).toEqual(listed.slice(offset, offset + 37));
    }
    const after = await get(`limit=3&offset=5&cursor=${encodeURIComponent(listed[100] as string)}`);
    expect(rowsOf(after)).toEqual(listed.slice(106, 109));
    expect(rowsOf(await get('limit=40&tenant=acme&offset=7'))).toEqual(listed.slice(7, 47));
  });

  test('a table has all in the same order, or those after the cursor', async () => {
    const table = async (cursor: string) => {
      const { text } = await get(`format=csv${cursor}`);
      const [head = '', ...rows] = text.trimEnd().split('\r\n');
      const [ended, id] = ['endedAt', 'callId'].map((name) => head.split(',').indexOf(name));
      return rows.map((row) => `${row.split(',')[ended as number]},${row.split(',')[id as number]}`);
    };
    expect(await table('')).toEqual(listed);
    for (const place of [0, 100, 499, 999])
      expect(await table(`&cursor=${encodeURIComponent(listed[place] as string)}`)).toEqual(listed.slice(place + 1));
  });

  test('read what they show, and what ended in the same millisecond as their first and last row', async () => {
    const reads = vi.spyOn(KeptRecords.prototype, 'text');
    const others = vi.spyOn(KeptRecords.prototype, 'read');
    try {
      await get('limit=20');
      await get(`limit=20&cursor=${encodeURIComponent(listed[499] as string)}`);
      await get('limit=20&offset=700');
      expect(reads.mock.calls.length + others.mock.calls.length).toBeLessThan(150);
    } finally {
      reads.mockRestore();
      others.mockRestore();
    }
  });
});

test('a table is read as it is written: while its reader is slow nothing of it is held, and what goes meanwhile is left out', async () => {
  const world = await startTestApi();
  const callFor = (callId: string): CallRecord => ({
    callId,
    sipCallIds: [],
    tenant: 'acme',
    direction: 'outbound',
    callerNumber: '101',
    calledNumber: '914155551212',
    attempts: [],
    startedAt: STARTED,
    endedAt: STARTED,
    durationMs: 0,
    talkMs: 0,
    status: 500,
    reason: 'x'.repeat(2_000),
    hungUpBy: 'engine',
  });
  try {
    for (let index = 0; index < 10_000; index++) world.records.append(callFor(`old-${index}`));
    const url = await world.app.listen({ port: 0, host: '127.0.0.1' });
    const headers = { authorization: `Bearer ${world.tokens.system}` };
    const response = await new Promise<IncomingMessage>((resolve, reject) =>
      get(`${url}/api/v1/call-records?format=csv`, { headers }, resolve).on('error', reject),
    );
    expect(response.statusCode).toBe(200);
    for (let index = 0; index < 10_000; index++) world.records.append(callFor(`new-${index}`));
    const rows = (await text(response)).trimEnd().split('\r\n').slice(1);
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.length).toBeLessThan(9_000);
    expect(rows.filter((row) => !row.includes('old-'))).toEqual([]);
  } finally {
    await world.close();
  }
});
