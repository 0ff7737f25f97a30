import { beforeEach, describe, expect, test } from 'vitest';
import { MOST_KEYS } from '../../src/api/bulk-keys.ts';
import { ask } from './kit.ts';
import { apiOfAll } from './served.ts';

const world = apiOfAll();
let undo: () => void;
beforeEach(() => {
  undo?.();
  undo = world.provisioning.snapshot();
});

const EXTENSIONS = '/api/v1/tenants/acme/extensions';
const change = (body: object, token = world.tokens.acme) => ask(world, token, 'PATCH', EXTENSIONS, body);
const numbers = async () => (await ask(world, world.tokens.acme, 'GET', EXTENSIONS)).body.items;

describe('many items at once', () => {
  test('one patch is merged into each, passwords stay, and the audit has an entry for each', async () => {
    const { status, body } = await change({ keys: ['101', '102'], patch: { forward: { busy: '600' } } });
    expect(status).toBe(200);
    expect(body).toEqual({ applied: true, created: 0, updated: 2, deleted: 0, unchanged: 0, refused: 0, faults: [] });
    expect(await numbers()).toMatchObject([
      { number: '101', forward: { busy: '600' }, passwordSet: true },
      { number: '102', forward: { busy: '600' }, passwordSet: true },
    ]);
    const audit = await ask(world, world.tokens.acme, 'GET', '/api/v1/audit?resource=tenants/acme/extensions');
    expect(audit.body.items.slice(0, 2)).toMatchObject([
      { action: 'update', resource: 'tenants/acme/extensions/102' },
      { action: 'update', resource: 'tenants/acme/extensions/101' },
    ]);
    const again = await change({ keys: ['101', '102'], patch: { forward: { busy: '600' } } });
    expect(again.body).toMatchObject({ applied: false, updated: 0, unchanged: 2 });
  });

  test('all or nothing: with one at fault nothing is changed, and the answer says which and why', async () => {
    const { status, body } = await change({ keys: ['101', '999'], patch: { anonymousCalls: true } });
    expect([status, body.code]).toEqual([422, 'rows-refused']);
    expect(body.errors).toEqual([{ code: 'not-found', path: 'rows[1]', message: 'extension 999 does not exist' }]);
    expect((await numbers())[0].anonymousCalls).toBe(false);
  });

  test('with skip those against which nothing speaks are changed, also where only a rule of the whole refuses one', async () => {
    // 14155550101 is in acme's pool and no foreign number is; 101 and 102 would both be refused, 103 does not exist.
    const { body } = await change({ keys: ['101', '103', '101'], patch: { name: 'New' }, onFault: 'skip' });
    expect(body).toMatchObject({ applied: true, updated: 1, refused: 2 });
    expect(body.faults).toMatchObject([
      { row: 1, key: '103', code: 'not-found' },
      { row: 2, key: '101', code: 'twice' },
    ]);
    const foreign = await change({ keys: ['101', '102'], patch: { outboundCallerId: '4930123' }, onFault: 'skip' });
    expect(foreign.body).toMatchObject({ applied: false, updated: 0, refused: 2 });
    expect(foreign.body.faults).toMatchObject([
      { row: 0, key: '101', path: 'outboundCallerId' },
      { row: 1, key: '102', path: 'outboundCallerId' },
    ]);
    expect(await numbers()).toMatchObject([{ name: 'New' }, { name: 'Two' }]);
  });

  test('null deletes; what is still named stays and says by what', async () => {
    await ask(world, world.tokens.acme, 'POST', EXTENSIONS, { number: '150', forward: { always: '151' } });
    await ask(world, world.tokens.acme, 'POST', EXTENSIONS, { number: '151' });
    const preview = await change({ keys: ['150', '151', '101'], patch: null, preview: true, onFault: 'skip' });
    expect(preview.body).toMatchObject({ applied: false, deleted: 2, refused: 1 });
    expect(await numbers()).toHaveLength(4);
    const { body } = await change({ keys: ['151', '101'], patch: null, onFault: 'skip' });
    expect(body).toMatchObject({ applied: false, deleted: 0, refused: 2 });
    expect(body.faults).toContainEqual(
      expect.objectContaining({ key: '151', code: 'in-use', message: expect.stringContaining('forward.always') }),
    );
    await ask(world, world.tokens.acme, 'POST', EXTENSIONS, { number: '152', forward: { busy: '150' } });
    const chain = await change({ keys: ['150', '151'], patch: null, onFault: 'skip' });
    expect(chain.body).toMatchObject({ applied: false, deleted: 0, refused: 2 });
    expect(chain.body.faults).toMatchObject([
      { key: '150', message: expect.stringContaining('forward.busy') },
      { key: '151', message: expect.stringContaining('forward.always') },
    ]);
    await change({ keys: ['152'], patch: null });
    const both = await change({ keys: ['150', '151'], patch: null });
    expect(both.body).toMatchObject({ applied: true, deleted: 2 });
    expect(await numbers()).toHaveLength(2);
  });

  test('many thousands are taken at once, and more than the console can pick are refused', async () => {
    const keys = Array.from({ length: MOST_KEYS + 1 }, (_, index) => (500_000 + index).toString(36));
    const some = keys.slice(0, 10_001);
    const { status, body } = await change({ keys: some, patch: null, preview: true, onFault: 'skip' });
    expect([status, body.refused]).toEqual([200, 10_001]);
    const more = await change({ keys, patch: null, preview: true, onFault: 'skip' });
    expect(more.status).toBe(422);
    expect(more.body.errors).toMatchObject([{ path: 'keys' }]);
  });

  test('many keys are read beside the calls, and are what few are', async () => {
    const keys = ['101', '102', ...Array.from({ length: 20_000 }, (_, index) => String(900_000 + index))];
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const { status, body } = await change({ keys, patch: { name: 'Many' }, onFault: 'skip' });
    clearInterval(timer);
    expect(turns).toBeGreaterThan(20);
    expect([status, body.updated, body.refused]).toEqual([200, 2, 20_000]);
    expect(await numbers()).toMatchObject([{ name: 'Many' }, { name: 'Many' }]);
    const one = await change({ keys: ['101', 7], patch: null });
    const many = await change({ keys: [...keys, 7], patch: null });
    expect(many).toMatchObject({ status: 422, body: { path: `keys[${keys.length}]`, code: one.body.code } });
    const json = { 'content-type': 'application/json' };
    const broken = await ask(world, world.tokens.acme, 'PATCH', EXTENSIONS, `${JSON.stringify({ keys })}}`, json);
    expect(broken).toMatchObject({ status: 400, body: { code: 'malformed-json' } });
  });

  test('whoever reads only changes nothing, and a number cannot be renamed', async () => {
    const made = await ask(world, world.tokens.acme, 'POST', '/api/v1/tokens', {
      role: 'tenant-admin',
      tenant: 'acme',
      readOnly: true,
    });
    expect((await change({ keys: ['101'], patch: { name: 'x' } }, made.body.token)).status).toBe(403);
    const renamed = await change({ keys: ['101'], patch: { number: '105' } });
    expect(renamed.body.errors).toMatchObject([{ code: 'name-fixed', path: 'rows[0].number' }]);
  });
});
