import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ReloadReport } from '../../src/api/index.ts';
import { SettingsError } from '../../src/base/errors.ts';
import { startTestApi, type TestApi } from '../api/kit.ts';
import { envOf, run } from './kit.ts';

let world: TestApi;
let env: Record<string, string>;
let outcome: () => ReloadReport;
beforeAll(async () => {
  world = await startTestApi({ reload: async () => outcome() });
  env = await envOf(world);
});
afterAll(() => world.close());

test('reload: what is in force and what waits for a restart, one a line', async () => {
  outcome = () => ({ applied: ['log.level', 'tenants/acme'], needsRestart: ['api.port'] });
  expect(await run(['reload'], { env })).toEqual({
    code: 0,
    out: 'in force       log.level\nin force       tenants/acme\nneeds restart  api.port\n',
    err: '',
  });
  const json = await run(['reload', '--json'], { env });
  expect(JSON.parse(json.out)).toEqual(outcome());
});

test('reload: nothing new is said so', async () => {
  outcome = () => ({ applied: [], needsRestart: [] });
  expect((await run(['reload'], { env })).out).toBe('no setting has changed; certificates were read again\n');
});

test('reload: faults are printed with file and place, exit code 1', async () => {
  outcome = () => {
    throw new SettingsError([{ code: 'invalid', path: 'acme.yaml:3:5 tenants[0].domain', message: 'is no domain' }]);
  };
  const { code, err } = await run(['reload'], { env });
  expect([code, err]).toEqual([1, expect.stringContaining('acme.yaml:3:5 tenants[0].domain: is no domain')]);
});
