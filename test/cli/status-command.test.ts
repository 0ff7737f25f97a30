import { beforeAll, expect, test } from 'vitest';
import { nodeView, startTestApi } from '../api/kit.ts';
import { envOf, run, served } from './kit.ts';

const { world, env } = served();
beforeAll(async () => {
  world.engine.statuses.set('100', {
    trunkId: '100',
    name: 'carrier',
    type: 'ip',
    state: 'offline',
    since: '2026-11-01T08:00:00.000Z',
    reason: 'no answer',
    activeCalls: 0,
  });
});

test('status: readiness, counts, and the trunks that are in trouble with their reason', async () => {
  const { code, out } = await run(['status'], { env });
  expect([code, out]).toEqual([
    0,
    [
      `tandem 0.0.0-test, node a, at ${env['TANDEM_URL']}`,
      '  ready',
      '  nodes              1 (a)',
      '  calls in progress  0',
      '  registrations      0',
      '  tenants            2',
      '  trunks             3 (1 offline, 2 unknown)',
      '    offline carrier no answer',
      '',
    ].join('\n'),
  ]);
});

test('status: the nodes that are seen on the store are named to system admins', async () => {
  const nodes = ['edge-2', 'edge-1'].map((node) => ({ node }));
  const view = () => ({ kind: 'redis' as const, problems: [], clockOffsetMs: 0, nodes });
  const many = await startTestApi({ store: { view, restore: () => Promise.resolve() } });
  try {
    const asked = await envOf(many);
    expect((await run(['status'], { env: asked })).out).toContain('  nodes              2 (edge-1, edge-2)\n');
    const json = JSON.parse((await run(['status', '--json'], { env: asked })).out);
    expect(json).toMatchObject({ node: 'a', nodes: ['edge-1', 'edge-2'] });
    const { out } = await run(['status'], { env: { ...asked, TANDEM_TOKEN: many.tokens.acme } });
    expect(out).not.toContain('edge-');
  } finally {
    await many.close();
  }
});

test('status: an overload is said to system admins as long as it lasts', async () => {
  const overload = { active: true, since: '2026-11-01T08:00:00.000Z', refused: 412 };
  const busy = await startTestApi({ node: () => ({ ...nodeView(), overload }) });
  try {
    const url = await busy.api.listen('127.0.0.1', 0);
    const asked = { TANDEM_URL: url, TANDEM_TOKEN: busy.tokens.system };
    const line = '  overload since 2026-11-01T08:00:00.000Z: 412 new requests refused\n';
    expect((await run(['status'], { env: asked })).out).toContain(line);
    expect(JSON.parse((await run(['status', '--json'], { env: asked })).out)).toMatchObject({ overload });
    const { code, out } = await run(['status'], { env: { ...asked, TANDEM_TOKEN: busy.tokens.acme } });
    expect([code, out.includes('overload')]).toEqual([0, false]);
  } finally {
    await busy.close();
  }
});

test('status: an engine that takes no new calls says why and is exit code 1', async () => {
  world.engine.ready = { ready: false, reasons: ['draining'] };
  const { code, out } = await run(['status'], { env });
  expect([code, out.includes('  not ready: draining\n')]).toEqual([1, true]);
  const json = await run(['status', '--json'], { env });
  expect([json.code, JSON.parse(json.out)]).toMatchObject([
    1,
    { ready: false, reasons: ['draining'], trunks: { offline: 1 } },
  ]);
});
