import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { derivedTrunkId } from '../../src/provisioning/trunk-settings/effective.ts';
import { TestAuthority } from '../kit/certificates.ts';
import { ask, CANARY } from './kit.ts';
import { apiOfEach } from './served.ts';

const world = apiOfEach();

const EXTENSION = '/api/v1/tenants/acme/extensions/101';

describe('resources', () => {
  test('an extension is created, read, listed, patched and deleted', async () => {
    const { tokens } = world;
    const created = await ask(world, tokens.acme, 'POST', '/api/v1/tenants/acme/extensions', {
      number: '150',
      name: 'New',
      password: 'first',
    });
    expect([created.status, created.headers['location']]).toEqual([201, '/api/v1/tenants/acme/extensions/150']);
    const url = String(created.headers['location']);
    expect((await ask(world, tokens.acme, 'GET', url)).body).toMatchObject({
      number: '150',
      name: 'New',
      passwordSet: true,
    });
    const patched = await ask(world, tokens.acme, 'PATCH', url, { name: null, forward: { busy: '102' } });
    expect(patched.body).toMatchObject({ number: '150', forward: { busy: '102', always: null, noAnswerSeconds: 20 } });
    expect(patched.body.name).toBeUndefined();
    const list = await ask(world, tokens.acme, 'GET', '/api/v1/tenants/acme/extensions?q=15');
    expect(list.body).toMatchObject({ total: 1, items: [{ number: '150' }] });
    expect((await ask(world, tokens.acme, 'DELETE', url)).status).toBe(204);
    expect((await ask(world, tokens.acme, 'GET', url)).status).toBe(404);
  });

  test('a number or name that is taken is a fault of its field', async () => {
    const twice = async (path: string, body: object) => {
      await ask(world, world.tokens.system, 'POST', path, body);
      const { status, body: told } = await ask(world, world.tokens.system, 'POST', path, body);
      return [status, told.code, told.path, told.errors.length];
    };
    const acme = '/api/v1/tenants/acme';
    expect(await twice(`${acme}/extensions`, { number: '150' })).toEqual([409, 'exists', 'number', 1]);
    expect(await twice(`${acme}/services`, { kind: 'queue', number: '650', name: 'Q' })).toEqual([
      409,
      'exists',
      'number',
      1,
    ]);
    expect(await twice(`${acme}/groups`, { name: 'sales' })).toEqual([409, 'exists', 'name', 1]);
    expect(await twice('/api/v1/tenants', { name: 'new', domain: 'new.example.com' })).toEqual([
      409,
      'exists',
      'name',
      1,
    ]);
  });

  test('a number that a service has is a fault of the extension that is to have it, and the other way round', async () => {
    const write = async (method: string, path: string, body: object) => {
      const answer = await ask(world, world.tokens.acme, method, `/api/v1/tenants/acme/${path}`, body);
      return [answer.status, answer.body.code, answer.body.path, answer.body.detail, answer.body.errors.length];
    };
    const byService = [409, 'number-taken', 'number', '600 is already the number of the service "Desk"', 1];
    expect(await write('POST', 'extensions', { number: '600' })).toEqual(byService);
    expect(await write('PUT', 'extensions/600', { number: '600' })).toEqual(byService);
    expect(await write('POST', 'services', { kind: 'queue', number: '101', name: 'Q' })).toEqual([
      409,
      'number-taken',
      'number',
      '101 is already the number of an extension',
      1,
    ]);
  });

  test('pages cut a listing and say how long it is', async () => {
    const first = await ask(world, world.tokens.acme, 'GET', '/api/v1/tenants/acme/extensions?limit=1');
    const second = await ask(world, world.tokens.acme, 'GET', '/api/v1/tenants/acme/extensions?limit=1&offset=1');
    expect(first.body).toMatchObject({ total: 2, limit: 1, offset: 0, items: [{ number: '101' }] });
    expect(second.body).toMatchObject({ total: 2, limit: 1, offset: 1, items: [{ number: '102' }] });
    expect((await ask(world, world.tokens.acme, 'GET', '/api/v1/tenants/acme/extensions?limit=100000')).status).toBe(
      422,
    );
  });

  test('a change with If-Match of an older version is refused with 412 and changes nothing', async () => {
    const { tokens } = world;
    const read = await ask(world, tokens.acme, 'GET', EXTENSION);
    const etag = String(read.headers['etag']);
    expect((await ask(world, tokens.acme, 'PATCH', EXTENSION, { name: 'A' }, { 'if-match': etag })).status).toBe(200);
    const late = await ask(world, tokens.acme, 'PATCH', EXTENSION, { name: 'B' }, { 'if-match': etag });
    expect([late.status, late.body.code]).toEqual([412, 'changed-meanwhile']);
    const now = await ask(world, tokens.acme, 'GET', EXTENSION);
    expect([now.body.name, now.headers['etag']]).toEqual(['A', late.headers['etag']]);
  });

  test('RFC 9110 §13.1.1: a change with If-Match of what somebody has deleted is refused with 412 and does not bring it back', async () => {
    const { tokens } = world;
    const authority = new TestAuthority();
    const { cert, key } = authority.issue({ commonName: 'gone.test', alternativeNames: ['DNS:gone.test'] });
    authority.remove();
    for (const [url, body] of [
      ['/api/v1/tenants/acme/extensions/150', { number: '150' }],
      ['/api/v1/certificates/gone', { name: 'gone', use: 'tls', chain: cert, key }],
    ] as const) {
      const made = await ask(world, tokens.system, 'PUT', url, body);
      expect((await ask(world, tokens.system, 'DELETE', url)).status, url).toBe(204);
      const late = await ask(world, tokens.system, 'PUT', url, body, { 'if-match': String(made.headers['etag']) });
      expect([late.status, late.body.code], url).toEqual([412, 'changed-meanwhile']);
      expect((await ask(world, tokens.system, 'GET', url)).status, url).toBe(404);
    }
  });

  test('the entity tag changes with a password, although the password is not shown', async () => {
    const before = await ask(world, world.tokens.acme, 'GET', EXTENSION);
    const after = await ask(world, world.tokens.acme, 'PATCH', EXTENSION, { password: 'another' });
    expect(after.headers['etag']).not.toBe(before.headers['etag']);
    expect({ ...after.body }).toEqual({ ...before.body });
  });

  test('two writers at once: the slower one plans again on what the faster one left, and both changes stand', async () => {
    const { provisioning, tokens } = world;
    provisioning.beforeApply = () => {
      const { version, state } = provisioning.current();
      const [acme] = state.tenants;
      if (acme !== undefined)
        void provisioning.apply({ expectedVersion: version, putTenants: [{ ...acme, timeZone: 'Europe/Rome' }] });
    };
    expect((await ask(world, tokens.acme, 'PATCH', EXTENSION, { name: 'Renamed' })).status).toBe(200);
    expect((await ask(world, tokens.acme, 'GET', EXTENSION)).body.name).toBe('Renamed');
    expect((await ask(world, tokens.acme, 'GET', '/api/v1/tenants/acme')).body.timeZone).toBe('Europe/Rome');
  });

  test('a replacement that leaves the password out keeps it; what was read can be written back', async () => {
    const { tokens } = world;
    const read = await ask(world, tokens.acme, 'GET', EXTENSION);
    expect(read.body.passwordSet).toBe(true);
    const put = await ask(world, tokens.acme, 'PUT', EXTENSION, { ...read.body, name: 'Written back' });
    expect([put.status, put.body.passwordSet, put.body.name]).toEqual([200, true, 'Written back']);
    expect(world.provisioning.current().state.tenants.at(0)?.extensions[0]?.password).toBe(CANARY);
  });

  test('hashes in place of a password replace it: the old password does not stay beside them', async () => {
    const md5 = 'd'.repeat(32);
    const read = await ask(world, world.tokens.acme, 'GET', EXTENSION);
    const put = await ask(world, world.tokens.acme, 'PUT', EXTENSION, { ...read.body, ha1: { md5 } });
    expect([put.status, put.body.ha1Set, put.body.passwordSet]).toEqual([200, true, undefined]);
    expect(world.provisioning.current().state.tenants.at(0)?.extensions[0]).toMatchObject({ ha1: { md5 } });
  });

  test('an item cannot be renamed by a change of its key', async () => {
    const answer = await ask(world, world.tokens.acme, 'PATCH', EXTENSION, { number: '199' });
    expect([answer.status, answer.body.errors[0].code, answer.body.path]).toEqual([422, 'name-fixed', 'number']);
  });

  test('what something refers to is not deleted, and the answer lists what refers to it', async () => {
    const trunk = await ask(world, world.tokens.system, 'DELETE', '/api/v1/trunks/100');
    expect([trunk.status, trunk.body.code]).toEqual([409, 'in-use']);
    const referrers = new Set(trunk.body.errors.map(({ path }: { path: string }) => path));
    expect([...referrers].sort()).toEqual([
      'tenants/acme/inbound-rules/main',
      'tenants/acme/outbound-rules/world',
      'tenants/bolt/inbound-rules/main',
      'tenants/bolt/outbound-rules/world',
    ]);
    const extension = await ask(world, world.tokens.acme, 'DELETE', EXTENSION);
    expect([extension.status, extension.body.code]).toEqual([409, 'in-use']);
    expect(extension.body.detail).toContain('tenants/acme/groups/sales');
  });

  test('an assignment is taken from a tenant only when its rules do not use the trunk', async () => {
    const answer = await ask(world, world.tokens.system, 'DELETE', '/api/v1/trunks/100/tenants/acme');
    expect([answer.status, answer.body.code]).toEqual([409, 'in-use']);
    for (const rule of ['inbound-rules/main', 'outbound-rules/world']) {
      expect((await ask(world, world.tokens.acme, 'DELETE', `/api/v1/tenants/acme/${rule}`)).status).toBe(204);
    }
    expect((await ask(world, world.tokens.system, 'DELETE', '/api/v1/trunks/100/tenants/acme')).status).toBe(204);
    expect((await ask(world, world.tokens.acme, 'GET', '/api/v1/trunks/100')).status).toBe(404);
  });
});

describe('refusals', () => {
  test('an unknown field is refused with its path and the nearest known name', async () => {
    const answer = await ask(world, world.tokens.acme, 'POST', '/api/v1/tenants/acme/extensions', {
      number: '150',
      forward: { bussy: '1' },
    });
    expect([answer.status, answer.body.code, answer.body.path]).toEqual([422, 'validation-failed', 'forward.bussy']);
    expect(answer.body.errors[0]).toMatchObject({ code: 'unknown-field' });
    expect(answer.body.detail).toContain('did you mean "busy"');
    expect(answer.headers['content-type']).toContain('application/problem+json');
  });

  test('a pool that overlaps another tenant on the provider is 409 with both ranges for the system admin', async () => {
    const answer = await ask(world, world.tokens.system, 'PUT', '/api/v1/trunks/100/tenants/acme', {
      didPool: '14155550100-14155550250',
    });
    expect([answer.status, answer.body.code]).toEqual([409, 'pool-overlap']);
    expect(answer.body.detail).toContain('acme');
    expect(answer.body.detail).toContain('bolt');
  });

  test("a tenant admin's conflict with another tenant names neither the tenant nor its trunk", async () => {
    const answer = await ask(world, world.tokens.acme, 'POST', '/api/v1/trunks', {
      name: 'mine',
      type: 'register',
      host: 'sip.bolt-provider.example.net',
      credentials: { authName: 'bolt-user', password: 'x' },
      didPool: '442072000000-442072000010',
    });
    expect(answer.status).toBe(409);
    expect(answer.text).not.toMatch(/bolt-own|"bolt"|202/);
  });

  test.each([
    ['CR LF in a name', { number: '150', name: 'a\r\nX: y' }],
    ['NUL in a name', { number: '150', name: 'a\u0000' }],
    ['a line separator', { number: '150', name: 'a\u2028b' }],
    ['__proto__ as a key', JSON.parse('{"number":"150","__proto__":{"admin":true}}')],
    ['constructor as a key', { number: '150', constructor: { prototype: {} } }],
    ['a list in place of an object', []],
    ['text in place of an object', '"150"'],
  ])('%s is refused and changes nothing', async (_name, body) => {
    const before = world.provisioning.current();
    const answer = await ask(world, world.tokens.acme, 'POST', '/api/v1/tenants/acme/extensions', body);
    expect([400, 415, 422]).toContain(answer.status);
    expect(world.provisioning.current()).toBe(before);
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });

  test('what is not JSON, too large, of another type or on no route answers a problem with a stable code', async () => {
    const post = (payload: string, type: string) =>
      world.app.inject({
        method: 'POST',
        url: '/api/v1/tenants/acme/extensions',
        headers: { authorization: `Bearer ${world.tokens.acme}`, 'content-type': type },
        payload,
      });
    const codes = [
      await post('{', 'application/json'),
      await post('', 'application/json'),
      await post(JSON.stringify({ number: '1'.repeat(10 * 1024 * 1024) }), 'application/json'),
      await post('number: 150', 'application/yaml'),
      await world.app.inject({ method: 'GET', url: '/api/v1/nothing' }),
    ].map((response) => [response.statusCode, response.json().code]);
    expect(codes).toEqual([
      [400, 'malformed-json'],
      [400, 'malformed-json'],
      [413, 'body-too-large'],
      [415, 'unsupported-media-type'],
      [404, 'no-such-route'],
    ]);
  });

  test('a document of 10 MB is read from a system admin; from a tenant admin it is 413, and without a length 411', async () => {
    const { tokens } = world;
    const document = { tenants: [], trunks: [], surplus: 'x'.repeat(10 * 1024 * 1024) };
    expect((await ask(world, tokens.system, 'POST', '/api/v1/provisioning', document)).status).toBe(422);
    expect(await ask(world, tokens.acme, 'POST', '/api/v1/provisioning', document)).toMatchObject({
      status: 413,
      body: { code: 'body-too-large' },
    });
    const unmeasured = await world.app.inject({
      method: 'POST',
      url: '/api/v1/provisioning',
      headers: { authorization: `Bearer ${tokens.acme}`, 'content-type': 'application/json' },
      payload: Readable.from([JSON.stringify({ tenants: [], trunks: [] })]),
    });
    expect([unmeasured.statusCode, unmeasured.json().code]).toEqual([411, 'length-required']);
  });

  test('a store that does not answer is 503 with Retry-After, and nothing is audited', async () => {
    world.provisioning.unavailable = 'the disk is full';
    const answer = await ask(world, world.tokens.acme, 'PATCH', EXTENSION, { name: 'x' });
    expect([answer.status, answer.body.code, answer.headers['retry-after']]).toEqual([503, 'store-unavailable', '2']);
    expect(world.audit.find()).toEqual([]);
  });
});

describe('what a tenant admin may not do', () => {
  test.each([
    ['raise its own limits', 'PATCH', '/api/v1/tenants/acme', { limits: { concurrentCalls: 9999 } }, 403],
    ['lift a stop of its outbound calls', 'PATCH', '/api/v1/tenants/acme', { stopOutbound: true }, 403],
    ['take another domain', 'PATCH', '/api/v1/tenants/acme', { domain: 'bolt.example.com' }, 403],
    ['make its trunk an IP trunk', 'PATCH', '/api/v1/trunks/201', { type: 'ip' }, 403],
    ['give its trunk to the system', 'PATCH', '/api/v1/trunks/201', { owner: 'system' }, 403],
    ['give its trunk to another tenant', 'PATCH', '/api/v1/trunks/201', { owner: 'bolt' }, 404],
    ['share its trunk', 'PATCH', '/api/v1/trunks/201', { tenants: [{ tenant: 'bolt', didPool: '1' }] }, 403],
    ['have the engine read a file', 'PATCH', '/api/v1/trunks/201', { tls: { key: '/etc/shadow' } }, 403],
    ['see through a foreign call id', 'GET', '/api/v1/calls/call-bolt/trace', undefined, 404],
    ['ask explain for another tenant', 'POST', '/api/v1/explain', { tenant: 'bolt', from: '101', to: '9' }, 404],
    ['make a token of another tenant', 'POST', '/api/v1/tokens', { role: 'tenant-admin', tenant: 'bolt' }, 404],
    [
      'watch another tenant by webhook',
      'POST',
      '/api/v1/webhooks',
      { url: 'https://x.example/', topics: ['call'], tenant: 'bolt' },
      404,
    ],
    [
      'reach into private networks',
      'POST',
      '/api/v1/webhooks',
      { url: 'https://x.example/', topics: ['call'], allowPrivate: true },
      403,
    ],
  ])('%s', async (_name, method, url, body, status) => {
    const before = world.provisioning.current();
    expect((await ask(world, world.tokens.acme, method, url, body)).status).toBe(status);
    expect(world.provisioning.current()).toBe(before);
  });

  test('listings, filters and trunk views hold nothing of another tenant', async () => {
    const urls = [
      'tenants',
      'trunks',
      'registrations',
      'calls',
      'call-records',
      'tokens',
      'webhooks',
      'audit',
      'trunks/100',
    ];
    world.engine.phones.push({
      addressOfRecord: 'sip:101@bolt.example.com',
      tenant: 'bolt',
      contact: 'sip:x',
      transport: 'udp',
      source: '127.0.0.1:5060',
      expiresAt: '2026-11-01T00:00:00Z',
      node: 'a',
    });
    await ask(world, world.tokens.bolt, 'PATCH', '/api/v1/tenants/bolt/extensions/101', { name: 'changed' });
    for (const url of urls) {
      const answer = await ask(world, world.tokens.acme, 'GET', `/api/v1/${url}`);
      expect(answer.status).toBe(200);
      expect(`${url}: ${answer.text}`).not.toContain('bolt');
    }
  });

  test('an assigned trunk is shown without its credentials, its headers and the other assignments', async () => {
    const { body } = await ask(world, world.tokens.acme, 'GET', '/api/v1/trunks/100');
    expect(body.credentials).toBeUndefined();
    expect(body.tenants).toEqual([{ tenant: 'acme', didPool: '14155550100-14155550199' }]);
  });

  test('a token that expires makes no token that outlives it', async () => {
    const { token } = await world.api.tokens.create(
      { role: 'tenant-admin', tenant: 'acme', expiresInSeconds: 600 },
      'test',
    );
    const body = { role: 'tenant-admin', tenant: 'acme' };
    expect((await ask(world, token, 'POST', '/api/v1/tokens', body)).status).toBe(403);
    expect((await ask(world, token, 'POST', '/api/v1/tokens', { ...body, expiresInSeconds: 500 })).status).toBe(201);
  });
});

describe('secrets', () => {
  test('a canary password comes out of no route, not even after a failed change', async () => {
    const { tokens } = world;
    const documented = (await ask(world, tokens.system, 'GET', '/openapi.json')).body as {
      paths: Record<string, object>;
    };
    const gets = Object.entries(documented.paths).filter(
      ([path, methods]) => 'get' in methods && path !== '/api/v1/events',
    );
    expect(gets.length).toBeGreaterThan(25);
    const fill = (path: string) =>
      path
        .replace('{tenant}', 'acme')
        .replace('{id}', '100')
        .replace('{key}', path.includes('extensions') ? '101' : '600');
    for (const token of [tokens.system, tokens.acme]) {
      for (const [path] of gets) expect((await ask(world, token, 'GET', fill(path))).text).not.toContain(CANARY);
      const bad = await ask(world, token, 'PATCH', EXTENSION, { password: `${CANARY}\r\n` });
      expect([bad.status, bad.text.includes(CANARY)]).toEqual([422, false]);
      expect((await ask(world, token, 'PATCH', EXTENSION, { password: `${CANARY}-2` })).text).not.toContain(CANARY);
    }
    const audit = await ask(world, tokens.system, 'GET', '/api/v1/audit');
    expect(audit.body.items.length).toBe(2);
    expect(audit.text).not.toContain(CANARY);
    expect(audit.text).toContain('(changed)');
  });

  test('an export holds secrets for the owner of the machine only, and says so in the log', async () => {
    const denied = await ask(world, world.tokens.system, 'GET', '/api/v1/provisioning?secrets=true');
    expect(denied.status).toBe(403);
  });

  test('an export without secrets, applied again, changes nothing and keeps every password', async () => {
    const { body } = await ask(world, world.tokens.system, 'GET', '/api/v1/provisioning');
    const applied = await ask(world, world.tokens.system, 'POST', '/api/v1/provisioning', body);
    expect([applied.status, applied.body]).toEqual([200, { created: 0, updated: 0, unchanged: 5 }]);
    expect(world.provisioning.current().state.tenants.at(0)?.extensions[0]?.password).toBe(CANARY);
  });

  test('a document with one fault changes nothing at all', async () => {
    const { body } = await ask(world, world.tokens.system, 'GET', '/api/v1/provisioning');
    const before = world.provisioning.current();
    body.tenants[0].timeZone = 'Europe/Rome';
    body.trunks[1].didPool = '14155550200';
    body.trunks[1].host = '192.0.2.10';
    const answer = await ask(world, world.tokens.system, 'POST', '/api/v1/provisioning', body);
    expect([409, 422]).toContain(answer.status);
    expect(world.provisioning.current()).toBe(before);
  });
});

test('each change is audited: who, what, before and after', async () => {
  await ask(world, world.tokens.acme, 'PATCH', EXTENSION, { name: 'Audited' });
  const { body } = await ask(world, world.tokens.acme, 'GET', '/api/v1/audit?resource=tenants/acme/extensions');
  expect(body.items).toHaveLength(1);
  expect(body.items[0]).toMatchObject({
    action: 'update',
    resource: 'tenants/acme/extensions/101',
    tenant: 'acme',
    before: { name: 'One' },
    after: { name: 'Audited' },
  });
  expect(body.items[0].actor).toMatch(/^token:[0-9a-f]{16}$/);
});

describe('a plan (POST /api/v1/plan)', () => {
  const difference = (tenant: string) => ({
    callId: `call-${tenant}`,
    at: '2026-11-18T12:00:00.000Z',
    tenant,
    caller: '101',
    dialled: '914155551212',
    before: { kind: 'outside' as const, trunks: ['carrier-a'] },
    after: { kind: 'refused' as const, trunks: [], refusal: { status: 404, reason: 'Not Found', code: 'no-rule' } },
    fields: [],
  });
  const plan = (token: string, document: object) => ask(world, token, 'POST', '/api/v1/plan', document);

  test('says what would change, and which calls would leave differently; nothing is changed or audited', async () => {
    world.engine.played = [difference('acme'), difference('bolt')];
    const { body: all } = await ask(world, world.tokens.system, 'GET', '/api/v1/provisioning');
    const before = world.provisioning.current();
    all.tenants[0].extensions[0].name = 'Planned';
    const { status, body } = await plan(world.tokens.system, all);
    expect([status, body.updated, body.callsPlayed, body.callsChanged]).toEqual([200, 1, 3, 2]);
    expect(body.calls.map(({ tenant }: { tenant: string }) => tenant)).toEqual(['acme', 'bolt']);
    expect(world.engine.plans[0]?.after.extension('acme', '101')?.name).toBe('Planned');
    expect(world.provisioning.current()).toBe(before);
    expect((await ask(world, world.tokens.system, 'GET', '/api/v1/audit')).body.items).toEqual([]);
  });

  test('a tenant admin plans its own, and sees its own calls', async () => {
    world.engine.played = [difference('acme'), difference('bolt')];
    const tenant = (await ask(world, world.tokens.acme, 'GET', '/api/v1/tenants/acme')).body;
    expect((await plan(world.tokens.acme, { tenants: [tenant] })).body).toMatchObject({
      callsPlayed: 2,
      callsChanged: 1,
    });
    expect(world.engine.plans.map(({ tenant }) => tenant)).toEqual(['acme']);
    expect((await plan(world.tokens.bolt, { tenants: [tenant] })).status).toBe(404);
  });

  test('what would be refused is refused, as applying it is', async () => {
    const { body } = await ask(world, world.tokens.system, 'GET', '/api/v1/provisioning');
    body.trunks[1].didPool = '14155550200';
    body.trunks[1].host = '192.0.2.10';
    const [planned, applied] = [
      await plan(world.tokens.system, body),
      await ask(world, world.tokens.system, 'POST', '/api/v1/provisioning', body),
    ];
    expect(planned.status).toBeGreaterThan(400);
    expect([planned.status, planned.body]).toEqual([applied.status, applied.body]);
  });

  test('at most 100 calls are shown, all are counted', async () => {
    world.engine.played = Array.from({ length: 150 }, () => difference('acme'));
    const { body } = await plan(world.tokens.system, {});
    expect([body.callsChanged, body.calls.length]).toEqual([150, 100]);
  });
});

describe('a document of a tenant admin (POST /api/v1/provisioning)', () => {
  const own = {
    name: 'second',
    type: 'register',
    owner: 'acme',
    host: 'sip.second.example.net',
    didPool: '443071000000-443071000099',
    credentials: { username: 'second', password: CANARY },
  };
  const post = (document: object) => ask(world, world.tokens.acme, 'POST', '/api/v1/provisioning', document);

  test('makes and changes its own trunks; the same again changes nothing', async () => {
    expect((await post({ trunks: [own] })).body).toMatchObject({ created: 1, updated: 0, unchanged: 0 });
    expect((await post({ trunks: [own] })).body).toMatchObject({ created: 0, updated: 0, unchanged: 1 });
    expect((await post({ trunks: [{ ...own, port: 5070 }] })).body).toMatchObject({ updated: 1 });
    const made = world.provisioning.current().state.trunks.find(({ name }) => name === own.name);
    expect(made?.id).toBe(derivedTrunkId(own));
  });

  test.each([
    ['an IP trunk', { trunks: [{ ...own, type: 'ip' }] }, 403],
    ['a trunk of the system', { trunks: [{ ...own, owner: 'system', tenants: [], didPool: undefined }] }, 403],
    ["another tenant's trunk", { trunks: [{ ...own, owner: 'bolt' }] }, 404],
    ["another tenant's trunk by its id", { trunks: [{ ...own, id: '202' }] }, 404],
    ['a tenant that is not its own', { tenants: [{ name: 'bolt', domain: 'bolt.example.com' }] }, 404],
    ['its own tenant with another domain', { tenants: [{ name: 'acme', domain: 'other.example.com' }] }, 403],
  ])('may not hold %s', async (_what, document, status) => {
    const before = world.provisioning.current();
    expect((await post(document)).status).toBe(status);
    expect(world.provisioning.current()).toBe(before);
  });

  test('never takes the place of a trunk that was renamed: a new one gets an id of its own', async () => {
    await post({ trunks: [own] });
    const { trunks } = world.provisioning.current().state;
    const { id } = trunks.find(({ name }) => name === 'second') as { id: string };
    const renamed = await ask(world, world.tokens.acme, 'PATCH', `/api/v1/trunks/${id}`, { name: 'renamed' });
    expect(renamed.status).toBe(200);
    const another = { ...own, host: 'sip.third.example.net', didPool: '443072000000-443072000099' };
    expect((await post({ trunks: [another] })).body).toMatchObject({ created: 1, updated: 0 });
    const now = world.provisioning.current().state.trunks;
    expect(now).toHaveLength(trunks.length + 1);
    expect(now.find((trunk) => trunk.id === id)).toMatchObject({ name: 'renamed', host: own.host });
  });

  test("never takes over a trunk that was the tenant's and is somebody else's now", async () => {
    await post({ trunks: [own] });
    const { id } = world.provisioning.current().state.trunks.find(({ name }) => name === 'second') as { id: string };
    const moved = await ask(world, world.tokens.system, 'PATCH', `/api/v1/trunks/${id}`, { owner: 'bolt' });
    expect(moved.status).toBe(200);
    await post({ trunks: [{ ...own, host: 'sip.third.example.net', didPool: '443072000000-443072000099' }] });
    const after = world.provisioning.current().state.trunks.find((trunk) => trunk.id === id);
    expect(after).toMatchObject({ owner: 'bolt', host: own.host });
  });

  test.each([
    ['a tenant', (acme: object) => ({ tenants: [acme, acme] }), 'tenants[1].name'],
    [
      'a trunk',
      () => ({
        trunks: [
          { ...own, id: '777000777' },
          { ...own, id: '777000777', port: 5070 },
        ],
      }),
      'trunks[1].id',
    ],
  ])('may not hold %s twice', async (_what, document, path) => {
    const before = world.provisioning.current();
    const acme = (await ask(world, world.tokens.system, 'GET', '/api/v1/provisioning')).body.tenants[0];
    const answer = await post(document(acme));
    expect([answer.status, answer.body.path]).toEqual([422, path]);
    expect(world.provisioning.current()).toBe(before);
  });

  test("does not learn whether a name is another tenant's", async () => {
    const foreign = world.provisioning.current().state.trunks.find(({ owner }) => owner === 'bolt') as { name: string };
    const [acme] = (await ask(world, world.tokens.system, 'GET', '/api/v1/provisioning')).body.tenants;
    const refusal = async (trunk: string): Promise<string> => {
      const outboundRules = [{ name: 'probe', match: { prefixes: ['9'] }, routes: [{ trunk }] }];
      const answer = await post({ tenants: [{ ...acme, outboundRules }] });
      expect(answer.body.code).toBe('unknown-trunk');
      return JSON.stringify(answer.body).replaceAll(trunk, 'NAME');
    };
    expect(await refusal(foreign.name)).toBe(await refusal('nobody-has-this-name'));
  });

  test.each(['bolt', 'system'])('nor whether a trunk of %s has one', async (owner) => {
    const carrier = { name: 'bolt-carrier', type: 'ip', host: '192.0.2.88', anotherAccount: true };
    const tenants = [{ tenant: 'bolt', didPool: '4930500' }];
    expect((await ask(world, world.tokens.system, 'POST', '/api/v1/trunks', { ...carrier, tenants })).status).toBe(201);
    const foreign = world.provisioning
      .current()
      .state.trunks.find(
        (trunk) => trunk.owner === owner && trunk.tenants.every(({ tenant }) => tenant === 'bolt'),
      ) as { name: string };
    const answers = [foreign.name, 'nobody-has-this-name'].map(async (name) => {
      const { status, body } = await post({ trunks: [{ ...own, name, owner, didPool: undefined }] });
      return [status, body];
    });
    const [one, other] = await Promise.all(answers);
    expect(one).toEqual(other);
  });
});
