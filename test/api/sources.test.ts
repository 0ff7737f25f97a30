import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, startTestApi, type TestApi, twoTenants } from './kit.ts';

describe('what a tenant admin may claim as a source of its trunks', () => {
  let world: TestApi;
  beforeAll(async () => {
    const state = twoTenants();
    const [acme, bolt] = state.tenants;
    if (acme === undefined || bolt === undefined) expect.unreachable();
    const trusting = (tenant: typeof acme, trustedAddresses: string[]) => ({
      ...tenant,
      extensions: tenant.extensions.map((extension) => ({ ...extension, trustedAddresses })),
    });
    world = await startTestApi({
      state: {
        certificates: [],
        tenants: [trusting(acme, ['198.51.100.0/28']), trusting(bolt, ['198.51.100.128/28', '2001:db8:7::1'])],
        trunks: state.trunks.map((trunk) =>
          trunk.id === '201' ? { ...trunk, associatedIps: ['203.0.0.0/16'] } : trunk,
        ),
      },
    });
    world.engine.phones.push({
      addressOfRecord: '101@bolt.example.com',
      tenant: 'bolt',
      extension: '101',
      contact: 'sip:101@192.0.2.70',
      transport: 'udp',
      source: '192.0.2.70:5060',
      expiresAt: '2027-01-01T00:00:00Z',
      node: 'a',
    });
  });
  afterAll(() => world.close());

  const URL = '/api/v1/trunks/201';
  const patch = (body: object) => ask(world, world.tokens.acme, 'PATCH', URL, body);

  test.each([
    ['single addresses', ['192.0.2.1', '2001:db8::1'], 200],
    ['networks up to /24 and /48', ['192.0.2.0/26', '203.0.113.0/24', '2001:db8:1::/48'], 200],
    ['a wider IPv4 network', ['203.0.112.0/23'], 403],
    ['everything', ['0.0.0.0/0'], 403],
    ['all IPv4 addresses as IPv6', ['::ffff:0:0/96'], 403],
    ['a wider IPv6 network', ['2001:db8::/47'], 403],
    ['what its own phones are trusted at', ['198.51.100.1'], 200],
    ['what another tenant’s phones are trusted at', ['198.51.100.130'], 403],
    ['a network around it', ['198.51.100.0/24'], 403],
    ['another spelling of it', ['2001:db8:7:0::1'], 403],
    ['where another tenant’s phone is registered', ['192.0.2.70'], 403],
    ['a network around that', ['192.0.2.64/27'], 403],
  ])('%s', async (_, associatedIps, status) => {
    const answer = await patch({ associatedIps });
    expect(answer.status).toBe(status);
    expect(answer.text).not.toMatch(/bolt/);
    await ask(world, world.tokens.system, 'PATCH', URL, { associatedIps: ['203.0.0.0/16'] });
  });

  test.each([
    ['host', { host: '192.0.2.70' }],
    ['outbound proxy', { outboundProxy: { host: '[2001:DB8:7::1]' } }],
  ])('as its %s, too', async (_, body) => {
    expect(await patch(body)).toMatchObject({ status: 403, body: { code: 'not-permitted' } });
  });

  test('nor when it is made, or in a document', async () => {
    const trunk = {
      name: 'new',
      owner: 'acme',
      type: 'register',
      host: 'new.example.net',
      credentials: { authName: 'u', password: 'p' },
      didPool: '1',
      associatedIps: ['0.0.0.0/0'],
    };
    expect(await ask(world, world.tokens.acme, 'POST', '/api/v1/trunks', trunk)).toMatchObject({ status: 403 });
    expect(await ask(world, world.tokens.acme, 'POST', '/api/v1/provisioning', { trunks: [trunk] })).toMatchObject({
      status: 403,
    });
    expect(await ask(world, world.tokens.system, 'POST', '/api/v1/trunks', trunk)).toMatchObject({ status: 201 });
  });

  test('what the system admin gave the trunk stays when its admin changes something else', async () => {
    expect(await patch({ enabled: false })).toMatchObject({ status: 200, body: { associatedIps: ['203.0.0.0/16'] } });
  });
});

describe('where a tenant admin’s extensions may be believed without a password', () => {
  let world: TestApi;
  beforeAll(async () => {
    const state = twoTenants();
    world = await startTestApi({
      state: {
        ...state,
        tenants: state.tenants.map((tenant) => ({
          ...tenant,
          extensions: tenant.extensions.map((extension) => ({
            ...extension,
            trustedAddresses: tenant.name === 'bolt' ? ['198.51.100.128/28'] : ['203.0.0.0/16'],
          })),
        })),
      },
    });
    world.engine.phones.push({
      addressOfRecord: '101@bolt.example.com',
      tenant: 'bolt',
      extension: '101',
      contact: 'sip:101@192.0.2.70',
      transport: 'udp',
      source: '192.0.2.70:5060',
      expiresAt: '2027-01-01T00:00:00Z',
      node: 'a',
    });
    world.engine.trunkSources = [
      { of: 'acme', source: '203.0.113.60' },
      { of: 'bolt', source: '192.0.2.200' },
      { of: 'everybody', source: '192.0.2.216/29' },
    ];
  });
  afterAll(() => world.close());

  const URL = '/api/v1/tenants/acme/extensions/101';
  const patch = (trustedAddresses: string[]) => ask(world, world.tokens.acme, 'PATCH', URL, { trustedAddresses });

  test.each([
    ['single addresses', ['192.0.2.1', '2001:db8::1'], 200],
    ['networks up to /24 and /48', ['203.0.113.0/24', '2001:db8:1::/48'], 200],
    ['what the system admin gave it', ['203.0.0.0/16'], 200],
    ['a wider network', ['192.0.2.1', '203.0.112.0/23'], 403],
    ['everything', ['0.0.0.0/0'], 403],
    ['everything in IPv6', ['::/0'], 403],
    ['a wider IPv6 network', ['2001:db8::/47'], 403],
    ['what another tenant’s phones are trusted at', ['198.51.100.130'], 403],
    ['a network around it', ['198.51.100.0/24'], 403],
    ['where another tenant’s phone is registered', ['192.0.2.64/27'], 403],
    ['where its own trunk sends from', ['203.0.113.60'], 200],
    ['where another tenant’s trunk sends from', ['192.0.2.200'], 403],
    ['a network around it, mapped to IPv6', ['::ffff:192.0.2.192/124'], 403],
    ['a part of where a shared trunk sends from', ['192.0.2.217'], 403],
  ])('%s', async (_, trustedAddresses, status) => {
    const answer = await patch(trustedAddresses);
    expect(answer.status, answer.text).toBe(status);
    expect(answer.text).not.toMatch(/bolt/);
    if (status === 403) {
      expect(answer.body).toMatchObject({
        code: 'not-permitted',
        detail: expect.stringContaining(`trustedAddresses of extension 101: `),
      });
      expect(answer.text).toContain(trustedAddresses.at(-1));
    }
    const given = { trustedAddresses: ['203.0.0.0/16'] };
    expect(await ask(world, world.tokens.system, 'PATCH', URL, given)).toMatchObject({ status: 200 });
  });

  test('nor when an extension is made or replaced, or in a document; a system admin may', async () => {
    const wide = { number: '177', trustedAddresses: ['0.0.0.0/0'] };
    const url = '/api/v1/tenants/acme/extensions';
    expect(await ask(world, world.tokens.acme, 'POST', url, wide)).toMatchObject({ status: 403 });
    expect(await ask(world, world.tokens.acme, 'PUT', `${url}/177`, wide)).toMatchObject({ status: 403 });
    const [stored] = world.provisioning.current().state.tenants;
    if (stored === undefined) expect.unreachable();
    const document = { tenants: [{ ...stored, extensions: [...stored.extensions, wide] }] };
    expect(await ask(world, world.tokens.acme, 'POST', '/api/v1/provisioning', document)).toMatchObject({
      status: 403,
    });
    expect(await ask(world, world.tokens.system, 'POST', url, wide)).toMatchObject({ status: 201 });
  });

  test('what the system admin gave an extension is its own: another does not get it', async () => {
    const URL = '/api/v1/tenants/acme/extensions';
    const changed = await ask(world, world.tokens.acme, 'PATCH', `${URL}/101`, { name: 'Alice B' });
    expect(changed).toMatchObject({ status: 200, body: { trustedAddresses: ['203.0.0.0/16'] } });
    const other = { number: '178', trustedAddresses: ['203.0.0.0/16'] };
    expect(await ask(world, world.tokens.acme, 'POST', URL, other)).toMatchObject({ status: 403 });
  });
});
