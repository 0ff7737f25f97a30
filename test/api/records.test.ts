import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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
