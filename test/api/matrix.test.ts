import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { UserRecord } from '../../src/api/index.ts';
import { hashPassword } from '../../src/api/passwords.ts';
import { signer } from '../kit/stir/signed.ts';
import { ask, startTestApi, type TestApi } from './kit.ts';

/**
 * Every route × every identity × own and other resources, generated from the OpenAPI document. A route of the document without a row
 * here fails, so that no route can come into being without somebody deciding who may use it.
 */
type Expected = 'ok' | 401 | 403 | 404;
const IDENTITIES = ['none', 'expired', 'system', 'acme', 'bolt'] as const;
type Who = (typeof IDENTITIES)[number];

interface Row {
  /** What acme's own resource is reached by, and bolt's; `system` is one that the system owns and both use. */
  readonly urls: Readonly<Record<string, string>>;
  /** What system admin, admin of acme and admin of bolt get, by the name of the url. */
  readonly expected: Readonly<Record<string, Readonly<Record<'system' | 'acme' | 'bolt', Expected>>>>;
  readonly body?: (name: string) => unknown;
  readonly public?: true;
  /** It answers with a stream that does not end. */
  readonly stream?: true;
}

const OWN = {
  acme: { system: 'ok', acme: 'ok', bolt: 404 },
  bolt: { system: 'ok', acme: 404, bolt: 'ok' },
} as const;
const SYSTEM_ONLY = { any: { system: 'ok', acme: 403, bolt: 403 } } as const;
const EVERYONE = { any: { system: 'ok', acme: 'ok', bolt: 'ok' } } as const;

const NEW_ITEMS: Readonly<Record<string, object>> = {
  extensions: { number: '150' },
  groups: { name: 'new' },
  services: { kind: 'queue', number: '650', name: 'New' },
  'outbound-rules': { name: 'new', match: { prefixes: ['8'] }, routes: [{ trunk: 'carrier' }] },
};
const KEYS: Readonly<Record<string, string>> = {
  extensions: '102',
  groups: 'sales',
  services: '600',
  'outbound-rules': 'world',
  'inbound-rules': 'main',
};

function inTenants(path: (tenant: string) => string): Record<string, string> {
  return { acme: path('acme'), bolt: path('bolt') };
}

function newItem(segment: string, tenant: string): object {
  if (segment !== 'inbound-rules') return NEW_ITEMS[segment] as object;
  const did = tenant === 'acme' ? '14155550150' : '14155550250';
  return { name: 'new', trunk: 'carrier', dids: did, destination: { extension: '102' } };
}

function collectionRows(): Record<string, Row> {
  const rows: Record<string, Row> = {};
  for (const segment of [...Object.keys(NEW_ITEMS), 'inbound-rules']) {
    const list = `/api/v1/tenants/{tenant}/${segment}`;
    const item = `${list}/{key}`;
    const key = KEYS[segment] as string;
    const at = (tenant: string) => `/api/v1/tenants/${tenant}/${segment}`;
    const created = (tenant: string) => newItem(segment, tenant) as { number?: string; name?: string };
    const createdKey = (tenant: string) => created(tenant).number ?? created(tenant).name;
    rows[`GET ${list}`] = { urls: inTenants(at), expected: OWN };
    rows[`POST ${list}`] = { urls: inTenants(at), expected: OWN, body: created };
    rows[`PATCH ${list}`] = { urls: inTenants(at), expected: OWN, body: () => ({ keys: [key], patch: {} }) };
    rows[`GET ${item}`] = { urls: inTenants((tenant) => `${at(tenant)}/${key}`), expected: OWN };
    rows[`PUT ${item}`] = {
      urls: inTenants((tenant) => `${at(tenant)}/${createdKey(tenant)}`),
      expected: OWN,
      body: created,
    };
    rows[`PATCH ${item}`] = { urls: inTenants((tenant) => `${at(tenant)}/${key}`), expected: OWN, body: () => ({}) };
    rows[`DELETE ${item}`] = { urls: inTenants((tenant) => `${at(tenant)}/${key}`), expected: OWN };
  }
  return rows;
}

const TRUNK_URLS = { acme: '/api/v1/trunks/201', bolt: '/api/v1/trunks/202', system: '/api/v1/trunks/100' };
const TRUNK_READ = { ...OWN, system: { system: 'ok', acme: 'ok', bolt: 'ok' } } as const;
const TRUNK_WRITE = { ...OWN, system: { system: 'ok', acme: 403, bolt: 403 } } as const;
const under = (suffix: string) =>
  Object.fromEntries(Object.entries(TRUNK_URLS).map(([name, url]) => [name, url + suffix]));
const trunkBody = (name: string) => ({
  name: `${name}-own`,
  type: 'register',
  owner: name,
  host: `sip.${name}-provider.example.net`,
  credentials: { authName: `${name}-user`, password: 'x-password' },
  didPool: name === 'acme' ? '442071000000-442071000099' : '442072000000-442072000099',
});
const carrierBody = {
  name: 'carrier',
  type: 'ip',
  host: '192.0.2.10',
  port: 5060,
  tenants: [
    { tenant: 'acme', didPool: '14155550100-14155550199' },
    { tenant: 'bolt', didPool: '14155550200-14155550299' },
  ],
};

const USER_URLS = { acme: '/api/v1/users/of-acme', bolt: '/api/v1/users/of-bolt', system: '/api/v1/users/of-system' };
const USER_OWN = { ...OWN, system: { system: 'ok', acme: 404, bolt: 404 } } as const;
const USER_NOBODY = {
  acme: { system: 403, acme: 403, bolt: 404 },
  bolt: { system: 403, acme: 404, bolt: 403 },
  system: { system: 403, acme: 404, bolt: 404 },
} as const;
const usersUnder = (suffix: string) =>
  Object.fromEntries(Object.entries(USER_URLS).map(([name, url]) => [name, url + suffix]));

const CERTIFICATE_URLS = {
  acme: '/api/v1/certificates/acme-stir',
  bolt: '/api/v1/certificates/bolt-stir',
  system: '/api/v1/certificates/system-stir',
};
const CERTIFICATE_OWN = { ...OWN, system: { system: 'ok', acme: 404, bolt: 404 } } as const;
const certificateBody = (name: string) => signer(name, { x5u: `https://certs.example.com/stir/${name}.pem` });

const ROWS: Readonly<Record<string, Row>> = {
  'GET /healthz': { urls: { any: '/healthz' }, expected: EVERYONE, public: true },
  'GET /readyz': { urls: { any: '/readyz' }, expected: EVERYONE, public: true },
  'GET /metrics': { urls: { any: '/metrics' }, expected: EVERYONE, public: true },
  'GET /openapi.json': { urls: { any: '/openapi.json' }, expected: EVERYONE, public: true },
  'GET /api/v1/tenants': { urls: { any: '/api/v1/tenants' }, expected: EVERYONE },
  'POST /api/v1/tenants': {
    urls: { any: '/api/v1/tenants' },
    expected: SYSTEM_ONLY,
    body: () => ({ name: 'third', domain: 'third.example.com' }),
  },
  'GET /api/v1/tenants/{tenant}': { urls: inTenants((tenant) => `/api/v1/tenants/${tenant}`), expected: OWN },
  'PUT /api/v1/tenants/{tenant}': {
    urls: inTenants((tenant) => `/api/v1/tenants/${tenant}`),
    expected: OWN,
    body: (tenant) => ({ name: tenant, domain: `${tenant}.example.com` }),
  },
  'PATCH /api/v1/tenants/{tenant}': {
    urls: inTenants((tenant) => `/api/v1/tenants/${tenant}`),
    expected: OWN,
    body: () => ({ timeZone: 'Europe/London' }),
  },
  'DELETE /api/v1/tenants/{tenant}': {
    urls: { ...inTenants((tenant) => `/api/v1/tenants/${tenant}`), third: '/api/v1/tenants/third' },
    expected: {
      acme: { system: 'ok', acme: 403, bolt: 404 },
      bolt: { system: 'ok', acme: 404, bolt: 403 },
      third: { system: 'ok', acme: 404, bolt: 404 },
    },
  },
  ...collectionRows(),
  'GET /api/v1/trunks': { urls: { any: '/api/v1/trunks' }, expected: EVERYONE },
  'POST /api/v1/trunks': {
    urls: { ip: '/api/v1/trunks', acme: '/api/v1/trunks', bolt: '/api/v1/trunks' },
    expected: {
      ip: { system: 'ok', acme: 403, bolt: 403 },
      acme: { ...OWN.acme, bolt: 404 },
      bolt: { ...OWN.bolt, acme: 404 },
    },
    body: (name) =>
      name === 'ip'
        ? { name: 'another', type: 'ip', host: '192.0.2.77' }
        : {
            ...trunkBody(name),
            name: 'another',
            host: 'sip.another.example.net',
            didPool: name === 'acme' ? '4930100' : '4930200',
          },
  },
  'POST /api/v1/trunks/preview': {
    urls: inTenants(() => '/api/v1/trunks/preview'),
    expected: { acme: { ...OWN.acme, bolt: 404 }, bolt: { ...OWN.bolt, acme: 404 } },
    body: (name) => ({
      trunk: {
        ...trunkBody(name),
        name: 'another',
        host: 'sip.another.example.net',
        didPool: name === 'acme' ? '4930100' : '4930200',
      },
      to: '14155551212',
    }),
  },
  'GET /api/v1/trunks/{id}': { urls: TRUNK_URLS, expected: TRUNK_READ },
  'PUT /api/v1/trunks/{id}': {
    urls: TRUNK_URLS,
    expected: TRUNK_WRITE,
    body: (name) => (name === 'system' ? carrierBody : trunkBody(name)),
  },
  'PATCH /api/v1/trunks/{id}': { urls: TRUNK_URLS, expected: TRUNK_WRITE, body: () => ({ enabled: true }) },
  'DELETE /api/v1/trunks/{id}': {
    urls: TRUNK_URLS,
    expected: { ...TRUNK_WRITE, system: { system: 'ok', acme: 403, bolt: 403 } },
  },
  'PUT /api/v1/trunks/{id}/tenants/{tenant}': {
    urls: { acme: '/api/v1/trunks/100/tenants/acme', bolt: '/api/v1/trunks/100/tenants/bolt' },
    expected: { acme: { system: 'ok', acme: 403, bolt: 404 }, bolt: { system: 'ok', acme: 404, bolt: 403 } },
    body: (tenant) => ({ didPool: tenant === 'acme' ? '14155550100-14155550199' : '14155550200-14155550299' }),
  },
  'DELETE /api/v1/trunks/{id}/tenants/{tenant}': {
    urls: { acme: '/api/v1/trunks/100/tenants/acme', bolt: '/api/v1/trunks/100/tenants/bolt' },
    expected: { acme: { system: 'ok', acme: 403, bolt: 404 }, bolt: { system: 'ok', acme: 404, bolt: 403 } },
  },
  'GET /api/v1/trunks/{id}/status': { urls: under('/status'), expected: TRUNK_READ },
  'POST /api/v1/trunks/{id}/retry': { urls: under('/retry'), expected: TRUNK_WRITE },
  'POST /api/v1/trunks/{id}/doctor': { urls: under('/doctor'), expected: TRUNK_WRITE },
  'GET /api/v1/certificates': {
    urls: { any: '/api/v1/certificates', ...inTenants((tenant) => `/api/v1/certificates?tenant=${tenant}`) },
    expected: { ...EVERYONE, ...OWN },
  },
  'POST /api/v1/certificates': {
    urls: { system: '/api/v1/certificates', ...inTenants(() => '/api/v1/certificates') },
    expected: { system: { system: 'ok', acme: 403, bolt: 403 }, ...OWN },
    body: (owner) => ({ ...certificateBody('new'), owner }),
  },
  'GET /api/v1/certificates/{name}': { urls: CERTIFICATE_URLS, expected: CERTIFICATE_OWN },
  'PUT /api/v1/certificates/{name}': {
    urls: CERTIFICATE_URLS,
    expected: { ...CERTIFICATE_OWN, system: { system: 'ok', acme: 404, bolt: 404 } },
    body: (owner) => ({ ...certificateBody(`${owner}-stir`), owner }),
  },
  'PATCH /api/v1/certificates/{name}': {
    urls: CERTIFICATE_URLS,
    expected: CERTIFICATE_OWN,
    body: () => ({ numbers: '14155550100' }),
  },
  'DELETE /api/v1/certificates/{name}': { urls: CERTIFICATE_URLS, expected: CERTIFICATE_OWN },
  'GET /stir/{file}': { urls: { any: '/stir/system-stir.pem' }, expected: EVERYONE, public: true },
  'GET /api/v1/registrations': {
    urls: { any: '/api/v1/registrations', ...inTenants((tenant) => `/api/v1/registrations?tenant=${tenant}`) },
    expected: { ...EVERYONE, ...OWN },
  },
  'GET /api/v1/leases': { urls: { any: '/api/v1/leases' }, expected: EVERYONE },
  'GET /api/v1/calls': {
    urls: { any: '/api/v1/calls', ...inTenants((tenant) => `/api/v1/calls?tenant=${tenant}`) },
    expected: { ...EVERYONE, ...OWN },
  },
  'GET /api/v1/calls/{id}': { urls: inTenants((tenant) => `/api/v1/calls/call-${tenant}`), expected: OWN },
  'DELETE /api/v1/calls/{id}': { urls: inTenants((tenant) => `/api/v1/calls/call-${tenant}`), expected: OWN },
  'GET /api/v1/calls/{id}/trace': { urls: inTenants((tenant) => `/api/v1/calls/call-${tenant}/trace`), expected: OWN },
  'GET /api/v1/calls/{id}/explain': {
    urls: inTenants((tenant) => `/api/v1/calls/call-${tenant}/explain`),
    expected: OWN,
  },
  'POST /api/v1/messages': {
    urls: inTenants(() => '/api/v1/messages'),
    expected: OWN,
    body: (name) => ({ tenant: name, to: '+12015550123', text: 'hello' }),
  },
  'POST /api/v1/messages/explain': {
    urls: inTenants(() => '/api/v1/messages/explain'),
    expected: OWN,
    body: (tenant) => ({ tenant, from: '101', to: '+12015550123' }),
  },
  'GET /api/v1/messages': {
    urls: { any: '/api/v1/messages', ...inTenants((tenant) => `/api/v1/messages?tenant=${tenant}`) },
    expected: { ...EVERYONE, ...OWN },
  },
  'GET /api/v1/messages/{id}': { urls: inTenants((tenant) => `/api/v1/messages/message-${tenant}`), expected: OWN },
  'GET /hooks/whatsapp/{trunkId}': {
    urls: { any: '/hooks/whatsapp/7?hub.mode=subscribe&hub.verify_token=verify-me&hub.challenge=1' },
    expected: EVERYONE,
    public: true,
  },
  'POST /hooks/whatsapp/{trunkId}': {
    urls: { any: '/hooks/whatsapp/7' },
    expected: EVERYONE,
    body: () => ({}),
    public: true,
  },
  'GET /media/whatsapp/{trunkId}/{mediaId}': {
    urls: { any: '/media/whatsapp/7/1?until=1&signature=x' },
    expected: EVERYONE,
    public: true,
  },
  'GET /api/v1/call-records': {
    urls: { any: '/api/v1/call-records', ...inTenants((tenant) => `/api/v1/call-records?tenant=${tenant}`) },
    expected: { ...EVERYONE, ...OWN },
  },
  'GET /api/v1/call-statistics': {
    urls: {
      any: '/api/v1/call-statistics',
      ...inTenants((tenant) => `/api/v1/call-statistics?tenant=${tenant}&trunks=${tenant === 'acme' ? 201 : 202}`),
    },
    expected: { ...EVERYONE, ...OWN },
  },
  'GET /api/v1/call-records/{id}': {
    urls: inTenants((tenant) => `/api/v1/call-records/ended-${tenant}`),
    expected: OWN,
  },
  'POST /api/v1/explain': {
    urls: inTenants(() => '/api/v1/explain'),
    expected: OWN,
    body: (tenant) => ({ tenant, from: '101', to: '9123' }),
  },
  'GET /api/v1/events': { urls: { any: '/api/v1/events' }, expected: EVERYONE, stream: true },
  'GET /api/v1/trace': { urls: { any: '/api/v1/trace' }, expected: SYSTEM_ONLY },
  'GET /api/v1/tokens': {
    urls: { any: '/api/v1/tokens', ...inTenants((tenant) => `/api/v1/tokens?tenant=${tenant}`) },
    expected: { ...EVERYONE, ...OWN },
  },
  'POST /api/v1/tokens': {
    urls: { system: '/api/v1/tokens', ...inTenants(() => '/api/v1/tokens') },
    expected: { system: { system: 'ok', acme: 403, bolt: 403 }, ...OWN },
    body: (name) => (name === 'system' ? { role: 'system-admin' } : { role: 'tenant-admin', tenant: name }),
  },
  'DELETE /api/v1/tokens/{id}': {
    urls: {
      acme: '/api/v1/tokens/0000000000000acc',
      bolt: '/api/v1/tokens/0000000000000b01',
      system: '/api/v1/tokens/0000000000000555',
    },
    expected: { ...OWN, system: { system: 'ok', acme: 404, bolt: 404 } },
  },
  'GET /api/v1/users': {
    urls: { any: '/api/v1/users', ...inTenants((tenant) => `/api/v1/users?tenant=${tenant}`) },
    expected: { ...EVERYONE, ...OWN },
  },
  'POST /api/v1/users': {
    urls: { system: '/api/v1/users', ...inTenants(() => '/api/v1/users') },
    expected: { system: { system: 'ok', acme: 403, bolt: 403 }, ...OWN },
    body: (name) => ({
      id: `new-${name}`,
      password: 'correct horse battery',
      ...(name === 'system' ? { role: 'system-admin' } : { role: 'tenant-admin', tenant: name }),
    }),
  },
  'GET /api/v1/users/{id}': { urls: USER_URLS, expected: USER_OWN },
  'PATCH /api/v1/users/{id}': { urls: USER_URLS, expected: USER_OWN, body: () => ({ enabled: false }) },
  'DELETE /api/v1/users/{id}': { urls: USER_URLS, expected: USER_OWN },
  // Only whoever is signed in as the user: see users.test.ts. A token is nobody.
  'POST /api/v1/users/{id}/codes': { urls: usersUnder('/codes'), expected: USER_NOBODY },
  'POST /api/v1/users/{id}/codes/confirm': {
    urls: usersUnder('/codes/confirm'),
    expected: USER_NOBODY,
    body: () => ({ code: '123456' }),
  },
  'GET /api/v1/session': { urls: { any: '/api/v1/session' }, expected: EVERYONE, public: true },
  'POST /api/v1/session': {
    urls: { any: '/api/v1/session' },
    expected: EVERYONE,
    public: true,
    body: () => ({ user: 'signs-in', password: 'correct horse battery' }),
  },
  'DELETE /api/v1/session': { urls: { any: '/api/v1/session' }, expected: EVERYONE },
  'POST /api/v1/sign-in-links': { urls: { any: '/api/v1/sign-in-links' }, expected: SYSTEM_ONLY },
  'GET /api/v1/webhooks': {
    urls: { any: '/api/v1/webhooks', ...inTenants((tenant) => `/api/v1/webhooks?tenant=${tenant}`) },
    expected: { ...EVERYONE, ...OWN },
  },
  'POST /api/v1/webhooks': {
    urls: inTenants(() => '/api/v1/webhooks'),
    expected: OWN,
    body: (tenant) => ({ url: 'https://hooks.example.net/x', topics: ['call'], tenant }),
  },
  'GET /api/v1/webhooks/{id}': { urls: inTenants((tenant) => `/api/v1/webhooks/hook-${tenant}`), expected: OWN },
  'PATCH /api/v1/webhooks/{id}': {
    urls: inTenants((tenant) => `/api/v1/webhooks/hook-${tenant}`),
    expected: OWN,
    body: () => ({ enabled: false }),
  },
  'POST /api/v1/webhooks/{id}/test': {
    urls: inTenants((tenant) => `/api/v1/webhooks/hook-${tenant}/test`),
    expected: OWN,
  },
  'DELETE /api/v1/webhooks/{id}': { urls: inTenants((tenant) => `/api/v1/webhooks/hook-${tenant}`), expected: OWN },
  'GET /api/v1/audit': {
    urls: { any: '/api/v1/audit', ...inTenants((tenant) => `/api/v1/audit?tenant=${tenant}`) },
    expected: { ...EVERYONE, ...OWN },
  },
  'GET /api/v1/brands': { urls: { any: '/api/v1/brands' }, expected: EVERYONE },
  'GET /api/v1/brands/{id}': { urls: { any: '/api/v1/brands/telnyx' }, expected: EVERYONE },
  'GET /api/v1/trunks/overlaps': { urls: { any: '/api/v1/trunks/overlaps' }, expected: SYSTEM_ONLY },
  'POST /api/v1/drain': { urls: { any: '/api/v1/drain' }, expected: SYSTEM_ONLY },
  'POST /api/v1/reload': { urls: { any: '/api/v1/reload' }, expected: SYSTEM_ONLY },
  'GET /api/v1/node': { urls: { any: '/api/v1/node' }, expected: SYSTEM_ONLY },
  'GET /api/v1/store': { urls: { any: '/api/v1/store' }, expected: SYSTEM_ONLY },
  'POST /api/v1/store/restore': { urls: { any: '/api/v1/store/restore' }, expected: SYSTEM_ONLY },
  'GET /api/v1/provisioning': { urls: { any: '/api/v1/provisioning' }, expected: SYSTEM_ONLY },
  'POST /api/v1/provisioning': {
    urls: { any: '/api/v1/provisioning' },
    // What a document may hold depends on who sends it: see provisioning.test.ts.
    expected: EVERYONE,
    body: () => ({ tenants: [] }),
  },
  'POST /api/v1/plan/change': {
    urls: inTenants(() => '/api/v1/plan/change'),
    expected: OWN,
    body: (tenant) => ({ resource: `tenants/${tenant}/outbound-rules/new`, body: newItem('outbound-rules', tenant) }),
  },
  'GET /api/v1/transports': { urls: { any: '/api/v1/transports' }, expected: EVERYONE },
  'POST /api/v1/transports': {
    urls: { any: '/api/v1/transports' },
    expected: SYSTEM_ONLY,
    body: () => ({ name: 'new', transport: 'tcp', host: '127.0.0.1', port: 5080 }),
  },
  'DELETE /api/v1/transports/{id}': { urls: { any: '/api/v1/transports/added' }, expected: SYSTEM_ONLY },
  'GET /api/v1/tenants/{tenant}/csv/{kind}': {
    urls: inTenants((tenant) => `/api/v1/tenants/${tenant}/csv/extensions`),
    expected: OWN,
  },
  'POST /api/v1/tenants/{tenant}/csv/{kind}': {
    urls: inTenants((tenant) => `/api/v1/tenants/${tenant}/csv/extensions`),
    expected: OWN,
    body: () => 'number,name\r\n170,New\r\n',
  },
  'POST /api/v1/plan': { urls: { any: '/api/v1/plan' }, expected: EVERYONE, body: () => ({ tenants: [] }) },
};

/** A permitted request is done, or meets a rule that only those who may ask get to meet: what is referred to is not deleted (409). */
function isPermitted(status: number): boolean {
  return (status >= 200 && status < 300) || status === 409;
}

/** An engine with a live call, an ended one, a token and a webhook of each tenant. */
async function populated(): Promise<TestApi> {
  const world = await startTestApi({ docs: true });
  world.transports.sockets.push({ id: 'added', transport: 'tcp', host: '127.0.0.1', port: 5090 });
  const flow = {
    transport: 'udp',
    localAddress: '127.0.0.1',
    localPort: 5060,
    remoteAddress: '127.0.0.2',
    remotePort: 5060,
  };
  const token = { hash: 'x', createdAt: '2026-11-01T00:00:00Z', createdBy: 'test' } as const;
  for (const [tenant, id] of [
    ['acme', '0000000000000acc'],
    ['bolt', '0000000000000b01'],
  ] as const) {
    const common = {
      tenant,
      sipCallIds: [`sip-${tenant}`],
      direction: 'outbound' as const,
      startedAt: '2026-11-01T00:00:00Z',
    };
    world.engine.liveCalls.push({ ...common, callId: `call-${tenant}`, from: '101', to: '9123', state: 'answered' });
    world.engine.sipTrace.link(`call-${tenant}`, `sip-${tenant}`);
    world.engine.sipTrace.record(
      `INVITE sip:x SIP/2.0\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:x>\r\nCall-ID: sip-${tenant}\r\n\r\n`,
      true,
      flow,
    );
    world.records.append({
      ...common,
      callId: `ended-${tenant}`,
      callerNumber: '101',
      calledNumber: '9123',
      attempts: [],
      endedAt: '2026-11-01T00:01:00Z',
      durationMs: 60_000,
      talkMs: 0,
      status: 486,
      reason: 'Busy Here',
      hungUpBy: 'callee',
    });
    await world.tokenStore.put({ ...token, id, role: 'tenant-admin', tenant });
    await world.webhookStore.put({
      id: `hook-${tenant}`,
      url: 'https://hooks.example.net/',
      topics: ['call'],
      tenant,
      secret: 'a-secret-of-the-tests',
      enabled: true,
      allowPrivate: false,
    });
  }
  await world.tokenStore.put({ ...token, id: '0000000000000555', role: 'system-admin' });
  for (const id of ['of-acme', 'of-bolt', 'of-system', 'signs-in']) await world.userStore.put(await userOf(id));
  for (const owner of ['acme', 'bolt', 'system'])
    await ask(world, world.tokens.system, 'PUT', `/api/v1/certificates/${owner}-stir`, {
      ...certificateBody(`${owner}-stir`),
      owner,
    });
  // The third tenant is there to be deleted: nothing refers to it.
  await ask(world, world.tokens.system, 'POST', '/api/v1/tenants', { name: 'third', domain: 'third.example.com' });
  return world;
}

async function userOf(id: string): Promise<UserRecord> {
  const tenant = /^of-(acme|bolt)$/.exec(id)?.[1];
  return {
    id,
    ...(tenant === undefined ? { role: 'system-admin' } : { role: 'tenant-admin', tenant }),
    readOnly: false,
    enabled: true,
    password: await hashPassword('correct horse battery', 'tests'),
    createdAt: '2026-11-01T00:00:00Z',
    createdBy: 'test',
    passwordChangedAt: '2026-11-01T00:00:00Z',
  };
}

function expectation(row: Row, name: string, who: Who): Expected {
  if (row.public === true) return 'ok';
  if (who === 'none' || who === 'expired') return 401;
  const expected = row.expected[name]?.[who];
  if (expected === undefined) throw new Error(`no expectation for ${name}`);
  return expected;
}

describe('role matrix: what may not be seen is 404, what may be seen and not done is 403', () => {
  let world: TestApi;
  beforeAll(async () => {
    world = await populated();
  });
  afterAll(() => world.close());

  test('every route of the OpenAPI document has a row, and every row a route', async () => {
    const document = (await ask(world, undefined, 'GET', '/openapi.json')).body as {
      paths: Record<string, Record<string, unknown>>;
    };
    const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(routes.length).toBeGreaterThan(50);
    expect(routes.sort()).toEqual(Object.keys(ROWS).sort());
  });

  for (const [route, row] of Object.entries(ROWS)) {
    test(route, async () => {
      const [method] = route.split(' ') as [string];
      const outcomes: string[] = [];
      // The expired token counts as a wrong one; a new minute, a new count.
      world.clock.advance(61_000);
      const wanted: string[] = [];
      for (const [name, url] of Object.entries(row.urls)) {
        for (const who of IDENTITIES) {
          const expected = expectation(row, name, who);
          // A stream does not end; its admission is seen in its own tests.
          if (row.stream === true && expected === 'ok') continue;
          const token = who === 'none' ? undefined : world.tokens[who];
          const sent = row.body?.(name);
          const type = typeof sent === 'string' ? { 'content-type': 'text/csv' } : undefined;
          const { status } = await onFreshState(world, () => ask(world, token, method, url, sent, type));
          const outcome = expected === 'ok' && isPermitted(status) ? 'ok' : status;
          outcomes.push(`${who} ${url}: ${outcome}`);
          wanted.push(`${who} ${url}: ${expected}`);
        }
      }
      expect(outcomes).toEqual(wanted);
    });
  }

  for (const [route, row] of Object.entries(ROWS)) {
    const hidden = Object.keys(row.urls).flatMap((name) =>
      (['acme', 'bolt'] as const)
        .filter((who) => expectation(row, name, who) === 404)
        .map((who) => [name, who] as const),
    );
    // Names of certificates are everybody's: who asks for one is told that it is taken.
    if (hidden.length === 0 || route === 'PUT /api/v1/certificates/{name}') continue;
    test(`${route}: what is another’s is told as what is not there`, async () => {
      const [method] = route.split(' ') as [string];
      world.clock.advance(61_000);
      for (const [name, who] of hidden) {
        const url = row.urls[name] as string;
        const sent = row.body?.(name);
        const type = typeof sent === 'string' ? { 'content-type': 'text/csv' } : undefined;
        const told = async (as: (text: string) => string) => {
          const body = sent === undefined || typeof sent === 'string' ? sent : JSON.parse(as(JSON.stringify(sent)));
          const { status, text, headers } = await onFreshState(world, () =>
            ask(world, world.tokens[who], method, as(url), body, type),
          );
          return { status, text: absent(text), headers: Object.keys(headers).sort() };
        };
        expect(await told((text) => text), `${who} ${url}`).toEqual(await told(absent));
      }
    });
  }
});

/** The same of one who is not there: everything of bolt's and acme's that a cell names, and of the system's. */
function absent(text: string): string {
  return text
    .replaceAll(/\b(?:acme|bolt|system|third)\b(?!-admin)/g, 'nope')
    .replaceAll(/\b20[12]\b/g, '299')
    .replaceAll(/0000000000000(?:acc|b01|555)/g, '0000000000000fff');
}

/** Each cell of the matrix starts from the same state. */
async function onFreshState<T>(world: TestApi, act: () => Promise<T>): Promise<T> {
  const restore = world.provisioning.snapshot();
  const [tokens, hooks] = [new Map(world.tokenStore.records), new Map(world.webhookStore.records)];
  const users = new Map(world.userStore.records);
  const calls = [...world.engine.liveCalls];
  try {
    return await act();
  } finally {
    restore();
    world.engine.liveCalls = calls;
    for (const [id, record] of tokens) world.tokenStore.records.set(id, record);
    for (const id of world.userStore.records.keys()) if (!users.has(id)) world.userStore.records.delete(id);
    for (const [id, record] of users) world.userStore.records.set(id, record);
    for (const [id, record] of hooks) world.webhookStore.records.set(id, record);
  }
}
