import { expect, test } from 'vitest';
import type { ReloadReport } from '../../src/api/index.ts';
import { SettingsError, UnavailableError } from '../../src/base/errors.ts';
import { ask } from './kit.ts';
import { apiOfAll } from './served.ts';

const world = apiOfAll({
  reload: async () => outcome(),
  drain: () => ({ node: 'edge-1', calls: 3, limitSeconds: 60 }),
});
let outcome: () => ReloadReport;

const reload = (headers?: Record<string, string>) =>
  ask(world, world.tokens.system, 'POST', '/api/v1/reload', undefined, headers);

test('a reload answers what is in force now and what waits for a restart', async () => {
  outcome = () => ({ applied: ['tenants/acme'], needsRestart: ['api.port'] });
  expect(await reload()).toMatchObject({ status: 200, body: outcome() });
});

test('a client that sends its Content-Type with every request, also with this one that has no body, is served', async () => {
  outcome = () => ({ applied: [], needsRestart: [] });
  expect((await reload({ 'content-type': 'application/json' })).status).toBe(200);
});

test('a reload with faults in the files: 422 with every place', async () => {
  outcome = () => {
    throw new SettingsError([
      { code: 'invalid', path: 'acme.yaml:3:5 tenants[0].domain', message: 'is no domain' },
      { code: 'invalid', path: 'acme.yaml:9:5 trunks[0].host', message: 'is missing' },
    ]);
  };
  const { status, body } = await reload();
  expect([status, body.code, body.detail]).toEqual([
    422,
    'reload-refused',
    'nothing was reloaded: 2 faults in the files of this node',
  ]);
  expect(body.errors.map(({ path }: { path: string }) => path)).toEqual([
    'acme.yaml:3:5 tenants[0].domain',
    'acme.yaml:9:5 trunks[0].host',
  ]);
});

test('a reload into a store that takes no changes: 503 with Retry-After, and no defect is counted', async () => {
  outcome = () => {
    throw new UnavailableError('provisioning files were not applied: Redis does not answer');
  };
  const { status, body, headers } = await reload();
  expect([status, body.code, headers['retry-after']]).toEqual([503, 'store-unavailable', '2']);
  expect(body.detail).toContain('Redis does not answer');
});

test('POST /api/v1/drain says at once how many calls are in progress and how long they have', async () => {
  const { status, body } = await ask(world, world.tokens.system, 'POST', '/api/v1/drain');
  expect([status, body]).toEqual([202, { node: 'edge-1', calls: 3, limitSeconds: 60 }]);
});
