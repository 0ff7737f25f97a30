import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { provision } from '../trunks/kit.ts';
import { ask, startTestApi, type TestApi } from './kit.ts';

const state = provision({
  tenants: [
    {
      name: 'acme',
      domain: 'acme.example.com',
      extensions: [
        { number: '101', outboundCallerIds: [{ trunk: 'carrier', callerId: '1000' }] },
        { number: '102', forward: { busy: '101' } },
        { number: '103', forward: { notRegistered: '600' } },
        { number: '104' },
        { number: '105', forward: { noAnswer: '104', always: '+14155550100' } },
        { number: '106', forward: { busy: '102' } },
      ],
      groups: [
        { name: 'sales', members: ['101'] },
        { name: 'idle', members: ['103'] },
      ],
      services: [
        { kind: 'ring-group', number: '600', name: 'Desk', members: ['101'] },
        { kind: 'queue', number: '601', name: 'Queue', overflow: '600' },
      ],
      outboundRules: [
        { name: 'world', match: { groups: ['sales'] }, routes: [{ trunk: '1' }, { trunk: 'carrier', strip: 1 }] },
      ],
      inboundRules: [
        {
          name: 'main',
          trunk: 'carrier',
          dids: '1000',
          destination: { extension: '101' },
          onHolidays: { service: '600' },
          hours: { open: [{ days: ['mon'], from: '09:00', to: '17:00' }] },
          outsideHours: { number: '105' },
        },
      ],
    },
    { name: 'beta', domain: 'beta.example.com' },
  ],
  trunks: [
    {
      id: '1',
      name: 'carrier',
      type: 'ip',
      host: 'x.example.com',
      tenants: [
        { tenant: 'acme', didPool: '1000' },
        { tenant: 'beta', didPool: '2000' },
      ],
    },
    { id: '2', name: 'carrier-2', type: 'ip', host: 'y.example.com' },
  ],
});

describe('behaviour 29: what is referred to is not deleted, and the referrers are listed', () => {
  let world: TestApi;
  beforeAll(async () => {
    world = await startTestApi({ state });
  });
  afterAll(() => world.close());

  const carrierUsers = [
    'tenants/acme/extensions/101',
    'tenants/acme/inbound-rules/main',
    'tenants/acme/outbound-rules/world',
  ];
  test.each<[string, string, string[]]>([
    ['a trunk, by name and by id', 'trunks/1', carrierUsers],
    ['a free trunk', 'trunks/2', []],
    ['an assignment in use', 'trunks/1/tenants/acme', carrierUsers],
    ['a free assignment', 'trunks/1/tenants/beta', []],
    ['a tenant with a trunk', 'tenants/beta', ['trunks/1']],
    ['a group in a rule', 'tenants/acme/groups/sales', ['tenants/acme/outbound-rules/world']],
    ['a free group', 'tenants/acme/groups/idle', []],
    [
      'an extension',
      'tenants/acme/extensions/101',
      [
        'tenants/acme/extensions/102',
        'tenants/acme/groups/sales',
        'tenants/acme/inbound-rules/main',
        'tenants/acme/services/600',
      ],
    ],
    [
      'a service',
      'tenants/acme/services/600',
      ['tenants/acme/extensions/103', 'tenants/acme/inbound-rules/main', 'tenants/acme/services/601'],
    ],
    ['a number that is forwarded to only', 'tenants/acme/extensions/104', ['tenants/acme/extensions/105']],
    ['a number of an outside destination', 'tenants/acme/extensions/105', ['tenants/acme/inbound-rules/main']],
    ['a free extension', 'tenants/acme/extensions/106', []],
  ])('%s', async (_what, resource, referrers) => {
    const restore = world.provisioning.snapshot();
    const answer = await ask(world, world.tokens.system, 'DELETE', `/api/v1/${resource}`);
    restore();
    if (referrers.length === 0) return expect(answer.status).toBe(204);
    expect([answer.status, answer.body.code]).toEqual([409, 'in-use']);
    const listed = new Set<string>(answer.body.errors.map(({ path }: { path: string }) => path));
    expect([...listed].sort()).toEqual(referrers);
    for (const referrer of referrers) expect(answer.body.detail).toContain(referrer);
  });
});

describe('where a refusal says that the fault is', () => {
  let world: TestApi;
  beforeEach(async () => {
    world = await startTestApi();
  });
  afterEach(() => world.close());

  type Who = 'system' | 'acme' | 'bolt';
  const DOCUMENT = '/api/v1/provisioning';
  const refusedAt = async (who: Who, method: string, url: string, body: object): Promise<string[]> => {
    const answer = await ask(world, world.tokens[who], method, url, body);
    expect([409, 422]).toContain(answer.status);
    expect(answer.body.path).toBe(answer.body.errors[0].path);
    return answer.body.errors.map(({ code, path }: { code: string; path: string }) => `${code} ${path}`);
  };
  const tenant = (name: string) => {
    const found = world.provisioning.current().state.tenants.find((candidate) => candidate.name === name);
    if (found === undefined) throw new Error(`there is no tenant ${name}`);
    return found;
  };
  const trunk = (id: string) => {
    const found = world.provisioning.current().state.trunks.find((candidate) => candidate.id === id);
    if (found === undefined) throw new Error(`there is no trunk ${id}`);
    return found;
  };

  test.each<Who>(['system', 'bolt'])('in a posted tenant: at its place in the document, for %s', async (who) => {
    const bolt = tenant('bolt');
    const extensions = [...bolt.extensions, { number: '103' }, { number: '101' }];
    expect(await refusedAt(who, 'POST', DOCUMENT, { tenants: [{ ...bolt, extensions }] })).toEqual([
      'number-taken tenants[0].extensions[3].number',
    ]);
  });

  test('in the second of two posted tenants that stand elsewhere in the store', async () => {
    const acme = { ...tenant('acme'), groups: [{ name: 'sales', members: ['999'] }] };
    expect(await refusedAt('system', 'POST', DOCUMENT, { tenants: [tenant('bolt'), acme] })).toEqual([
      'unknown-extension tenants[1].groups[0].members[0]',
    ]);
  });

  test.each<[Who, string, string]>([
    ['acme', '201', 'sip.bolt-provider.example.net'],
    ['bolt', '202', 'sip.acme-provider.example.net'],
  ])("a clash with another's trunk is in the posted one, whichever is stored first: %s", async (who, id, host) => {
    const document = { trunks: [{ ...trunk(id), host, didPool: '442071000050-442072000050' }] };
    expect(await refusedAt(who, 'POST', DOCUMENT, document)).toEqual(['pool-overlap trunks[0].didPool']);
    expect(await refusedAt(who, 'PATCH', `/api/v1/trunks/${id}`, document.trunks[0] ?? {})).toEqual([
      'pool-overlap didPool',
    ]);
  });

  test('a new trunk without an id: at its place in the document', async () => {
    const { id: _id, ...twin } = { ...trunk('202'), name: 'twin', didPool: '4930100' };
    expect(await refusedAt('bolt', 'POST', DOCUMENT, { trunks: [trunk('202'), twin] })).toEqual([
      'trunk-credentials-taken trunks[1].credentials.authName',
    ]);
  });

  test('in something that was not posted: by its name', async () => {
    const rule = { name: 'own', trunk: 'bolt-own', dids: '442072000000', destination: { extension: '101' } };
    expect((await ask(world, world.tokens.bolt, 'POST', '/api/v1/tenants/bolt/inbound-rules', rule)).status).toBe(201);
    const document = { trunks: [{ ...trunk('202'), didPool: '442072000050-442072000099' }] };
    for (const who of ['system', 'bolt'] as const) {
      expect(await refusedAt(who, 'POST', DOCUMENT, document)).toEqual([
        'did-outside-pool tenants/bolt/inbound-rules/own',
      ]);
    }
  });

  test("in something that was not posted and is another tenant's: nowhere that a tenant admin may know", async () => {
    const tls = await ask(world, world.tokens.system, 'PATCH', '/api/v1/trunks/202', { transport: 'tls' });
    expect(tls.status).toBe(200);
    world.provisioning.context = { transports: new Set(['udp']) };
    const acme = { ...tenant('acme'), timeZone: 'Europe/Rome' };
    const document = { tenants: [acme] };
    expect(await refusedAt('acme', 'POST', DOCUMENT, document)).toEqual(['transport-missing ']);
    const url = '/api/v1/tenants/acme/extensions/101';
    expect(await refusedAt('acme', 'PATCH', url, { name: 'x' })).toEqual(['transport-missing ']);
    expect(await refusedAt('system', 'POST', DOCUMENT, document)).toEqual(['transport-missing trunks/202']);
  });
});

test("a tenant's changes fill the audit log as far as it has room in an hour; then they wait, and neither what only takes away nor anybody else's", async () => {
  const limited = await startTestApi({ limits: { auditBytesPerTenant: 2_048 } });
  onTestFinished(() => limited.close());
  const { acme, bolt, system } = limited.tokens;
  const rename = (token: string, tenant: string, name: string) =>
    ask(limited, token, 'PATCH', `/api/v1/tenants/${tenant}/extensions/101`, { name });
  const octets = () => limited.audit.find().reduce((sum, read) => sum + JSON.stringify(read()).length, 0);
  let count = 0;
  while (count < 50 && (await rename(acme, 'acme', `name ${count}`)).status === 200) count++;
  expect(count).toBeGreaterThan(5);
  expect([octets() >= 2_048, octets() < 2_400]).toEqual([true, true]);
  const refused = await rename(acme, 'acme', 'more');
  expect([refused.status, refused.body.code, refused.headers['retry-after']]).toEqual([429, 'too-many-changes', '600']);
  expect(refused.body.detail).toContain('2048 bytes of the audit log in an hour (api.auditBytesPerTenant)');
  const extension = '/api/v1/tenants/acme/extensions/109';
  const made = { number: '109', name: 'by the system', password: 'correct horse' };
  expect((await ask(limited, system, 'PUT', extension, made)).status).toBe(201);
  const taking = async (method: string, body?: object) => (await ask(limited, acme, method, extension, body)).status;
  expect(await taking('PATCH', { enabled: false, name: 'more' })).toBe(429);
  expect(await taking('PATCH', { enabled: false })).toBe(200);
  for (const enabled of [false, true]) expect(await taking('PATCH', { enabled })).toBe(429);
  const others = [await rename(system, 'acme', 'by the system'), await rename(bolt, 'bolt', 'another')];
  expect(others.map(({ status }) => status)).toEqual([200, 200]);
  expect([await taking('DELETE'), await taking('PUT', made)]).toEqual([204, 429]);
  limited.clock.advance(3_600_000);
  expect((await rename(acme, 'acme', 'later')).status).toBe(200);
});
