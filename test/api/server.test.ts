import { execFileSync } from 'node:child_process';
import { afterEach, describe, expect, test } from 'vitest';
import { eventually } from '../kit/eventually.ts';
import { ask, startTestApi, type TestApi } from './kit.ts';

let world: TestApi;
afterEach(() => world.close());

describe('health', () => {
  test('/readyz is 503 with the reason while draining, /healthz stays 200', async () => {
    world = await startTestApi();
    expect((await ask(world, undefined, 'GET', '/readyz')).status).toBe(200);
    world.engine.ready = { ready: false, reasons: ['draining'] };
    const readiness = await ask(world, undefined, 'GET', '/readyz');
    expect([readiness.status, readiness.body]).toEqual([503, { status: 'not-ready', reasons: ['draining'] }]);
    expect((await ask(world, undefined, 'GET', '/healthz')).body).toEqual({ status: 'ok', version: '0.0.0-test' });
  });

  test('/metrics is what Prometheus reads, and counts HTTP requests by route, not by path', async () => {
    world = await startTestApi();
    await ask(world, world.tokens.system, 'GET', '/api/v1/tenants/acme/extensions/101');
    const metrics = await ask(world, undefined, 'GET', '/metrics');
    expect(metrics.headers['content-type']).toContain('text/plain');
    expect(metrics.text).toContain('route="/api/v1/tenants/:tenant/extensions/:key"');
    expect(metrics.text).toContain('uncaught_exceptions_total 0');
  });

  test('/metrics can be closed to all but system admins', async () => {
    world = await startTestApi({ metricsAccess: 'system' });
    expect((await ask(world, undefined, 'GET', '/metrics')).status).toBe(401);
    expect((await ask(world, world.tokens.acme, 'GET', '/metrics')).status).toBe(403);
    expect((await ask(world, world.tokens.system, 'GET', '/metrics')).status).toBe(200);
  });
});

describe('document', () => {
  test('/docs shows it', async () => {
    world = await startTestApi({ docs: true });
    const page = await ask(world, undefined, 'GET', '/docs/');
    expect([page.status, page.text.includes('swagger-ui')]).toEqual([200, true]);
    const policy = String(page.headers['content-security-policy']);
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/upgrade-insecure-requests|https:/);
  });

  test('/ says what this is and where to go on', async () => {
    world = await startTestApi({ docs: true });
    const page = await ask(world, undefined, 'GET', '/');
    expect([page.status, page.headers['content-type']]).toEqual([200, 'text/plain; charset=utf-8']);
    for (const path of ['/docs', '/openapi.json', '/healthz', '/readyz', '/metrics']) expect(page.text).toContain(path);
  });

  test('a DELETE with a Content-Type and no body is a DELETE; a body that is there is still read', async () => {
    world = await startTestApi();
    const url = '/api/v1/tenants/acme/extensions/102';
    const headers = { authorization: `Bearer ${world.tokens.system}`, 'content-type': 'application/json' };
    const patched = await world.app.inject({ method: 'PATCH', url, headers, payload: '{"name":' });
    expect(patched.statusCode).toBe(400);
    const empty = await world.app.inject({ method: 'PATCH', url, headers });
    expect(empty.statusCode).toBeGreaterThanOrEqual(400);
    await world.api.listen('127.0.0.1', 0);
    const port = (world.app.server.address() as { port: number }).port;
    const deleted = await fetch(`http://127.0.0.1:${port}/api/v1/tenants/acme/groups/sales`, {
      method: 'DELETE',
      headers,
    });
    expect(deleted.status).toBe(204);
  });
});

describe('limits', () => {
  test('requests beyond the rate of a tenant are 429, whichever of its tokens they come with; another is not touched', async () => {
    world = await startTestApi({ limits: { requestsPerMinute: 5 } });
    const second = await world.api.tokens.create({ role: 'tenant-admin', tenant: 'acme' }, 'test');
    const statuses: number[] = [];
    for (let index = 0; index < 7; index++)
      statuses.push((await ask(world, world.tokens.acme, 'GET', '/api/v1/calls')).status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429]);
    expect((await ask(world, second.token, 'GET', '/api/v1/calls')).status).toBe(429);
    expect((await ask(world, world.tokens.bolt, 'GET', '/api/v1/calls')).status).toBe(200);
  });

  test('a body of more than 20,000 values is read for a system admin alone, and one that is nested without end for nobody', async () => {
    world = await startTestApi();
    const headers = { 'content-type': 'application/json' };
    const send = (token: string | undefined, url: string, body: string) =>
      ask(world, token, 'POST', url, body, headers);
    const many = JSON.stringify(Object.fromEntries(Array.from({ length: 20_001 }, (_each, at) => [`f${at}`, at])));
    const tooLarge = { status: 413, body: { code: 'body-too-large' } };
    expect(await send(undefined, '/api/v1/session', many)).toMatchObject(tooLarge);
    expect(await send(world.tokens.acme, '/api/v1/trunks', many)).toMatchObject(tooLarge);
    const patch = { 'content-type': 'application/merge-patch+json' };
    expect(await ask(world, world.tokens.acme, 'PATCH', '/api/v1/trunks/201', many, patch)).toMatchObject(tooLarge);
    const refused = await send(world.tokens.system, '/api/v1/trunks', many);
    expect([refused.status, refused.body.errors.length]).toEqual([422, 1_000]);
    expect(refused.body.detail).toMatch(/and \d{2},?\d{3} more/);
    const deep = `${'{"a":'.repeat(9_000)}1${'}'.repeat(9_000)}`;
    for (const url of ['/api/v1/trunks', '/api/v1/provisioning'])
      expect(await send(world.tokens.system, url, deep)).toMatchObject({
        status: 400,
        body: { code: 'malformed-json' },
      });
  });

  test('the largest item of a tenant, a group of 10,000 members, may be written by the tenant', async () => {
    world = await startTestApi();
    const members = Array.from({ length: 10_000 }, (_each, at) => String(10_000 + at));
    const group = JSON.stringify({ name: 'all', members });
    const headers = { 'content-type': 'application/json' };
    // Nobody has these numbers: it is read, and refused for them.
    expect((await ask(world, world.tokens.acme, 'PUT', '/api/v1/tenants/acme/groups/all', group, headers)).status).toBe(
      422,
    );
  });

  test('large bodies of a tenant are read in turn with those of others, and more than two of it do not wait', async () => {
    world = await startTestApi();
    const keys = Array.from({ length: 20_000 }, (_each, at) => String(100_000 + at));
    const bulk = JSON.stringify({ keys, patch: null, onFault: 'skip' });
    const headers = { 'content-type': 'application/merge-patch+json' };
    const answered: string[] = [];
    const send = async (tenant: 'acme' | 'bolt') => {
      const url = `/api/v1/tenants/${tenant}/extensions`;
      const { status, body } = await ask(world, world.tokens[tenant], 'PATCH', url, bulk, headers);
      answered.push(`${tenant} ${status} ${status === 429 ? body.code : ''}`.trim());
    };
    const storm = Array.from({ length: 6 }, () => send('acme'));
    await Promise.all([...storm, send('bolt')]);
    expect(answered.filter((each) => each === 'acme 429 too-many-changes').length).toBeGreaterThanOrEqual(3);
    expect(answered.filter((each) => each === 'acme 200')).not.toEqual([]);
    expect(answered).toContain('bolt 200');
    expect(answered.at(-1)).not.toBe('bolt 200');
  });

  test('of a request beyond the rate the body is not read', async () => {
    world = await startTestApi({ limits: { requestsPerMinute: 1 } });
    const send = () =>
      ask(world, world.tokens.acme, 'POST', '/api/v1/trunks', '{', { 'content-type': 'application/json' });
    expect([(await send()).status, (await send()).status]).toEqual([400, 429]);
  });

  test('an IPv6 host has one rate, and one number of wrong tokens, for all addresses of its /64', async () => {
    world = await startTestApi({ limits: { requestsPerMinute: 5 } });
    const from = async (remoteAddress: string, url: string, headers = {}) =>
      (await world.app.inject({ url, headers, remoteAddress })).statusCode;
    for (let i = 0; i < 5; i++) expect(await from(`2001:db8::${i}`, '/api/v1/session')).toBe(200);
    expect([await from('2001:db8::9', '/api/v1/session'), await from('2001:db8:0:1::9', '/api/v1/session')]).toEqual([
      429, 200,
    ]);
    const wrong = { authorization: 'Bearer tdm_0000000000000000_x' };
    for (let i = 0; i < 30; i++) expect(await from(`2001:db8:0:2::${i}`, '/api/v1/calls', wrong)).toBe(401);
    expect(await from('2001:db8:0:2::ffff', '/api/v1/calls', wrong)).toBe(429);
  });

  test('nor is the body of a request for which there is no route', async () => {
    world = await startTestApi();
    const json = { 'content-type': 'application/json' };
    for (const token of [undefined, world.tokens.acme, world.tokens.system])
      expect(await ask(world, token, 'POST', '/api/v1/nothing', '{', json)).toMatchObject({
        status: 404,
        body: { code: 'no-such-route' },
      });
  });

  test('after many wrong tokens the right one of a newcomer at that address waits; one that was good before passes', async () => {
    world = await startTestApi();
    expect((await ask(world, world.tokens.acme, 'GET', '/api/v1/calls')).status).toBe(200);
    for (let index = 0; index < 40; index++)
      await ask(world, `tdm_${String(index).padStart(16, '0')}_x`, 'GET', '/api/v1/calls');
    expect((await ask(world, world.tokens.bolt, 'GET', '/api/v1/calls')).status).toBe(429);
    expect((await ask(world, world.tokens.acme, 'GET', '/api/v1/calls')).status).toBe(200);
    world.clock.advance(60_000);
    expect((await ask(world, world.tokens.bolt, 'GET', '/api/v1/calls')).status).toBe(200);
  });
});

test('a defect in a handler costs that request a 500 that tells nothing, and is counted and logged', async () => {
  const lines: string[] = [];
  const log = { debug() {}, info() {}, warn() {}, error: (event: string) => void lines.push(event) };
  world = await startTestApi({ log });
  world.engine.calls = () => {
    throw new Error('inner workings');
  };
  const answer = await ask(world, world.tokens.system, 'GET', '/api/v1/calls');
  expect([answer.status, answer.body.code]).toEqual([500, 'internal']);
  expect(answer.text).not.toContain('inner workings');
  expect(lines).toEqual(['http-handler-failed']);
  expect(await world.metrics.render()).toContain('uncaught_exceptions_total 1');
});

test.each(['/api/v1/calls', '/api/v1/nothing'])(
  'GET %s of somebody who has reset the connection when it is read, and has no address any more, is no defect',
  async (path) => {
    const lines: string[] = [];
    const log = { debug() {}, info() {}, warn() {}, error: (event: string) => void lines.push(event) };
    world = await startTestApi({ log });
    await world.api.listen('127.0.0.1', 0);
    const { port } = world.app.server.address() as { port: number };
    const addresses: unknown[] = [];
    world.app.server.on('request', ({ socket }) => addresses.push(socket.remoteAddress));
    const request = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer wrong\r\n\r\n`;
    // This process takes the connection once the other one has ended.
    execFileSync(process.execPath, [
      '--eval',
      `const socket = require('node:net').connect(${port}, '127.0.0.1', () => {
        socket.write(${JSON.stringify(request)});
        socket.resetAndDestroy();
      });`,
    ]);
    await eventually('its request', () => addresses.length > 0);
    expect(addresses).toEqual([undefined]);
    // What is asked after it has taken the same way.
    expect((await ask(world, 'wrong', 'GET', path)).status).toBeOneOf([401, 404]);
    expect(lines).toEqual([]);
    expect(await world.metrics.render()).toContain('uncaught_exceptions_total 0');
  },
);

test('explain answers data, or the text for people with and without colour', async () => {
  world = await startTestApi();
  const body = { from: '101', to: '9123', headers: [{ name: 'Privacy', value: 'id' }] };
  expect((await ask(world, world.tokens.acme, 'POST', '/api/v1/explain', body)).body).toMatchObject({
    tenant: 'acme',
    dialled: '9123',
  });
  expect(world.engine.explained).toEqual([{ tenant: 'acme', ...body }]);
  const text = await ask(world, world.tokens.acme, 'POST', '/api/v1/explain?format=text', body);
  expect(text.headers['content-type']).toContain('text/plain');
  expect(text.text).toContain('extension 101 (One) of acme dials 9123');
  const smuggled = { from: '101', to: '9123', headers: [{ name: 'X', value: 'a\r\nY: b' }] };
  expect((await ask(world, world.tokens.acme, 'POST', '/api/v1/explain', smuggled)).status).toBe(422);
});

test('a webhook gets the events of its tenant and its secret is shown once', async () => {
  world = await startTestApi();
  const created = await ask(world, world.tokens.acme, 'POST', '/api/v1/webhooks', {
    url: 'https://hooks.example.net/x',
    topics: ['fraud'],
  });
  expect(created.body).toMatchObject({ tenant: 'acme', secretSet: true, deliveries: { waiting: 0 } });
  expect(created.body.secret).toHaveLength(32);
  world.events.publish('fraud', ['bolt'], { guard: 'rate', detail: 'not for acme' });
  world.events.publish('fraud', ['acme'], { guard: 'rate', detail: 'for acme' });
  expect(world.posts.map(({ body }) => JSON.parse(body).data.detail)).toEqual(['for acme']);
  const read = await ask(world, world.tokens.acme, 'GET', `/api/v1/webhooks/${created.body.id}`);
  expect([read.body.secret, read.body.secretSet]).toEqual([undefined, true]);
  expect(read.body.deliveries).toMatchObject({ delivered: 1, lastStatus: 200, lastAt: expect.stringContaining('T') });
  const tested = await ask(world, world.tokens.acme, 'POST', `/api/v1/webhooks/${created.body.id}/test`);
  expect([tested.body, JSON.parse(world.posts[1]?.body ?? '').type]).toEqual([{ status: 200 }, 'test']);
  const [told] = (await ask(world, world.tokens.acme, 'GET', '/api/v1/audit')).body.items;
  expect(told).toMatchObject({ resource: `webhooks/${created.body.id}/test`, after: { status: 200 } });
  expect((await ask(world, world.tokens.acme, 'DELETE', `/api/v1/webhooks/${created.body.id}`)).status).toBe(204);
  world.events.publish('fraud', ['acme'], { guard: 'rate', detail: 'too late' });
  expect(world.posts).toHaveLength(2);
});

test('a webhook of the configuration file is served from the start and beside the stored ones', async () => {
  const configured = {
    id: 'file:ops',
    url: 'https://ops.example.net/',
    topics: ['fraud' as const],
    secret: 'a-secret-of-the-file',
    enabled: true,
    allowPrivate: true,
  };
  world = await startTestApi({ configuredWebhooks: [configured] });
  world.events.publish('fraud', ['acme'], { guard: 'rate', detail: 'one' });
  await ask(world, world.tokens.acme, 'POST', '/api/v1/webhooks', {
    url: 'https://hooks.example.net/x',
    topics: ['fraud'],
  });
  world.events.publish('fraud', ['bolt'], { guard: 'rate', detail: 'two' });
  await new Promise((resolve) => setImmediate(resolve));
  expect(world.posts.map(({ url, body }) => [url, JSON.parse(body).data.detail])).toEqual([
    ['https://ops.example.net/', 'one'],
    ['https://ops.example.net/', 'two'],
  ]);
});
