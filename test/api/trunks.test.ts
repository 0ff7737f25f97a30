import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestAuthority } from '../kit/certificates.ts';
import { ask, startTestApi, type TestApi } from './kit.ts';

let world: TestApi;
beforeAll(async () => {
  world = await startTestApi();
});
const authority = new TestAuthority();
afterAll(async () => {
  authority.remove();
  await world.close();
});

describe('GET /api/v1/trunks/{id}?view=effective', () => {
  const valuesOf = async (token: string, id: string) => {
    const { status, body } = await ask(world, token, 'GET', `/api/v1/trunks/${id}?view=effective`);
    expect(status).toBe(200);
    return new Map(
      (body.values as { path: string; value: unknown; from: string }[]).map(({ path, value, from }) => [
        path,
        [value, from],
      ]),
    );
  };

  test('every value in force, with where it comes from: own, brand, default', async () => {
    const trunk = {
      id: '300',
      name: 'gamma',
      type: 'ip',
      brand: 'gamma',
      host: '192.0.2.30',
      options: { removePlus: true },
      outboundParameters: { pAssertedIdentity: { displayName: { custom: 'Zoë' } } },
    };
    expect((await ask(world, world.tokens.system, 'POST', '/api/v1/trunks', trunk)).status).toBe(201);
    const values = await valuesOf(world.tokens.system, '300');
    expect(values.get('host')).toEqual(['192.0.2.30', 'own']);
    expect(values.get('options.removePlus')).toEqual([true, 'own']);
    expect(values.get('options.keepAlive.intervalSeconds')).toEqual([360, 'default']);
    expect(values.get('outboundParameters.pAssertedIdentity.displayName')).toEqual([{ custom: 'Zoë' }, 'own']);
    expect(values.get('outboundParameters.requestUri.user')).toEqual(['CalledNum', 'default']);
    expect(values.get('outboundParameters.pCalledPartyId')).toEqual([null, 'default']);
    expect(values.get('outboundParameters.privacy')).toEqual([['id', 'user', 'header'], 'default']);
    expect(values.get('numberFormat')).toEqual(['e164', 'default']);
    expect(values.get('enabled')).toEqual([true, 'default']);
    expect([...values.values()].filter(([, from]) => from === 'brand').length).toBeGreaterThan(0);
  });

  test('who may not see credentials and other pools sees none; nobody sees a password', async () => {
    const system = await valuesOf(world.tokens.system, '100');
    expect(system.get('credentials.authName')).toEqual(['us', 'own']);
    expect(JSON.stringify([...system])).not.toContain('canary');
    const acme = await valuesOf(world.tokens.acme, '100');
    expect([...acme.keys()].filter((path) => /^(credentials|tls)/.test(path))).toEqual([]);
    expect(acme.get('tenants')?.[0]).toEqual([{ tenant: 'acme', didPool: '14155550100-14155550199' }]);
    expect((await ask(world, world.tokens.bolt, 'GET', '/api/v1/trunks/201?view=effective')).status).toBe(404);
  });
});

test('a preview of a new trunk takes the place of none, whatever id it is given', async () => {
  const trunk = { name: 'new', type: 'register', host: 'sip.new.example.net', didPool: '4930700' };
  const preview = (id: string) =>
    ask(world, world.tokens.acme, 'POST', '/api/v1/trunks/preview', {
      trunk: { ...trunk, id, credentials: { username: 'new', password: 'secret' } },
      to: '14155551212',
    });
  expect((await preview('909')).status).toBe(200);
  for (const id of ['201', '202']) expect((await preview(id)).body).toMatchObject({ status: 409, code: 'exists' });
});

describe('GET /api/v1/brands', () => {
  test('lists presets with their sources; one by its id', async () => {
    const { body } = await ask(world, world.tokens.acme, 'GET', '/api/v1/brands?limit=1000');
    const brands = body.items as { id: string; sources: string[] }[];
    expect(brands.length).toBe(body.total);
    for (const { id, sources } of brands) expect([id, Array.isArray(sources)]).toEqual([id, true]);
    const telnyx = await ask(world, world.tokens.acme, 'GET', '/api/v1/brands/telnyx');
    expect(telnyx.body).toMatchObject({
      id: 'telnyx',
      sources: expect.arrayContaining([expect.stringMatching(/^https:\/\/developers\.telnyx\.com\//)]),
    });
    expect((await ask(world, world.tokens.acme, 'GET', '/api/v1/brands/none')).status).toBe(404);
    expect((await ask(world, undefined, 'GET', '/api/v1/brands')).status).toBe(401);
  });
});

describe('a trunk keeps its rules when it is renamed', () => {
  test('by PATCH, for every tenant that uses it', async () => {
    const back = world.provisioning.snapshot();
    const { status } = await ask(world, world.tokens.system, 'PATCH', '/api/v1/trunks/100', { name: 'renamed' });
    expect(status).toBe(200);
    for (const tenant of ['acme', 'bolt'] as const) {
      const rules = await ask(world, world.tokens[tenant], 'GET', `/api/v1/tenants/${tenant}/outbound-rules/world`);
      expect(rules.body.routes[0].trunk).toBe('renamed');
      const inbound = await ask(world, world.tokens[tenant], 'GET', `/api/v1/tenants/${tenant}/inbound-rules/main`);
      expect(inbound.body.trunk).toBe('renamed');
    }
    back();
  });

  test('by an exported document in which only the name of the trunk was changed', async () => {
    const back = world.provisioning.snapshot();
    const { body } = await ask(world, world.tokens.system, 'GET', '/api/v1/provisioning');
    for (const trunk of body.trunks) if (trunk.id === '100') trunk.name = 'renamed';
    expect((await ask(world, world.tokens.system, 'POST', '/api/v1/provisioning', body)).status).toBe(200);
    const rules = await ask(world, world.tokens.acme, 'GET', '/api/v1/tenants/acme/outbound-rules/world');
    expect(rules.body.routes[0].trunk).toBe('renamed');
    back();
  });
});

describe('teams and whatsapp trunks are made by tenant admins alone', () => {
  test.each(['teams', 'whatsapp'])('%s', async (type) => {
    const back = world.provisioning.snapshot();
    const pair = authority.issue({ commonName: 'sbc.example.net', alternativeNames: ['DNS:sbc.example.net'] });
    const certificate = { name: 'sbc', use: 'tls', chain: pair.cert, key: pair.key };
    const uploaded = await ask(world, world.tokens.acme, 'POST', '/api/v1/certificates', certificate);
    expect([uploaded.status, uploaded.body.owner, uploaded.body.facts.names]).toEqual([
      201,
      'acme',
      ['sbc.example.net'],
    ]);
    expect(JSON.stringify(uploaded.body)).not.toContain('PRIVATE');
    const own =
      type === 'teams'
        ? { teams: { fqdn: 'sbc.example.net', certificate: 'sbc', targets: ['sip.example.net'] } }
        : { host: 'sip.example.net' };
    const trunk = { id: '400', name: type, type, owner: 'acme', ...own, didPool: '4930100-4930199' };
    expect((await ask(world, world.tokens.system, 'POST', '/api/v1/trunks', trunk)).status).toBe(403);
    expect((await ask(world, world.tokens.system, 'POST', '/api/v1/provisioning', { trunks: [trunk] })).status).toBe(
      403,
    );
    expect((await ask(world, world.tokens.acme, 'POST', '/api/v1/trunks', trunk)).status).toBe(201);
    const url = '/api/v1/trunks/400';
    expect((await ask(world, world.tokens.system, 'PATCH', url, { name: 'x' })).status).toBe(403);
    expect((await ask(world, world.tokens.system, 'PUT', `${url}/tenants/acme`, { didPool: '1' })).status).toBe(403);
    expect((await ask(world, world.tokens.system, 'GET', url)).status).toBe(200);
    // An export that holds it is applied again as long as it says what is stored.
    const { body } = await ask(world, world.tokens.system, 'GET', '/api/v1/provisioning');
    expect((await ask(world, world.tokens.system, 'POST', '/api/v1/provisioning', body)).status).toBe(200);
    if (type === 'teams') {
      const used = await ask(world, world.tokens.acme, 'DELETE', '/api/v1/certificates/sbc');
      expect([used.status, used.body.code]).toEqual([409, 'in-use']);
    }
    expect((await ask(world, world.tokens.system, 'DELETE', url)).status).toBe(204);
    expect((await ask(world, world.tokens.acme, 'DELETE', '/api/v1/certificates/sbc')).status).toBe(204);
    back();
  });
});
