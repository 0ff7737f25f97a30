import { describe, expect, test } from 'vitest';
import { ask, startTestApi } from './kit.ts';

test('what the node listens on, with the trunks that depend on each: all of them, or those that one may see', async () => {
  const world = await startTestApi();
  world.transports.sockets = [
    { id: 'lan', transport: 'udp', host: '10.0.0.1', port: 5060, publicHost: '203.0.113.7' },
    { id: 'tls:10.0.0.1:5061', transport: 'tls', host: '10.0.0.1', port: 5061 },
  ];
  const list = async (token: string) => (await ask(world, token, 'GET', '/api/v1/transports')).body;
  expect(await list(world.tokens.system)).toMatchObject({
    total: 2,
    items: [
      { id: 'lan', publicHost: '203.0.113.7', trunks: 3 },
      { transport: 'tls', trunks: 0 },
    ],
  });
  expect((await list(world.tokens.acme)).items[0].trunks).toBe(2);
  await world.close();
});

test('a trunk whose transport its brand says counts for that one', async () => {
  const world = await startTestApi();
  world.transports.sockets = ['udp', 'tcp'].map((transport) => ({
    id: transport,
    transport,
    host: '::',
    port: 5060,
  })) as never;
  const counts = async () => {
    const { body } = await ask(world, world.tokens.system, 'GET', '/api/v1/transports');
    return body.items.map(({ trunks }: { trunks: number }) => trunks);
  };
  const [udp, tcp] = await counts();
  const trunk = {
    name: 'Plivo',
    type: 'ip',
    brand: 'plivo',
    host: 'x.zt.plivo.com',
  };
  const created = await ask(world, world.tokens.system, 'POST', '/api/v1/trunks', trunk);
  expect(created.body.errors).toBeUndefined();
  expect(await counts()).toEqual([udp, tcp + 1]);
  await world.close();
});

describe('a system admin', () => {
  const CARRIER = { name: 'carrier', transport: 'tcp', host: '127.0.0.1', port: 5080 };

  test('adds a transport and removes it again; the audit log tells both', async () => {
    const world = await startTestApi();
    const { system, acme } = world.tokens;
    const added = await ask(world, system, 'POST', '/api/v1/transports', CARRIER);
    expect([added.status, added.body]).toMatchObject([201, { id: 'carrier', transport: 'tcp', port: 5080, trunks: 0 }]);
    expect((await ask(world, acme, 'DELETE', '/api/v1/transports/carrier')).status).toBe(403);
    expect((await ask(world, system, 'DELETE', '/api/v1/transports/carrier')).status).toBe(204);
    expect((await ask(world, system, 'DELETE', '/api/v1/transports/carrier')).status).toBe(404);
    const entries = world.audit.find({ resource: 'transports/carrier' }).map((entry) => entry());
    expect(entries.map(({ action }) => action).sort()).toEqual(['create', 'delete']);
    await world.close();
  });

  test('is told which field is at fault, and what the file owns', async () => {
    const world = await startTestApi();
    const post = async (more: object) => {
      const { status, body } = await ask(world, world.tokens.system, 'POST', '/api/v1/transports', {
        ...CARRIER,
        ...more,
      });
      return [status, body.errors?.map(({ path }: { path: string }) => path)];
    };
    expect(await post({ port: 9 })).toEqual([422, ['port']]);
    expect(await post({ port: 0 })).toEqual([422, ['port']]);
    expect(await post({ host: 'sip.example.com' })).toEqual([422, ['host']]);
    expect(await post({ transport: 'tls' })).toEqual([422, ['certificate']]);
    expect(await post({ certificate: 'a', minVersion: 'TLSv1.3' })).toEqual([422, ['certificate', 'minVersion']]);
    const owned = await ask(world, world.tokens.system, 'DELETE', '/api/v1/transports/udp:127.0.0.1:5060');
    expect([owned.status, owned.body.code]).toEqual([409, 'managed-by-file']);
    await world.close();
  });
});
