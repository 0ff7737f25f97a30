import { expect, test } from 'vitest';
import { EgressError } from '../../src/base/egress.ts';
import { type DoctorParts, TrunkDoctor } from '../../src/engine/trunk-doctor.ts';
import { Directory } from '../../src/provisioning/directory/directory.ts';
import type { TrunkInput } from '../../src/provisioning/trunk-settings/schema.ts';
import type { Target, TlsTrial } from '../../src/sip/transport/index.ts';
import { provision } from '../trunks/kit.ts';

const WALL_MS = Date.UTC(2026, 10, 28);
const TARGET: Target = { transport: 'udp', address: '192.0.2.1', port: 5060 };

/** What of an engine is another one than that of a trunk that is well. */
type Ports = Partial<
  DoctorParts['trunks'] & {
    readonly tryTls: () => Promise<TlsTrial>;
    readonly relays: DoctorParts['relays']['list'];
  } & {
    readonly locate: DoctorParts['locator']['locate'];
    readonly token: () => Promise<string | undefined>;
  }
>;

function doctorOf(directory: Directory, ports: Ports): TrunkDoctor {
  const { locate = () => [TARGET], tryTls, token = async () => undefined, relays = () => [], ...trunks } = ports;
  return new TrunkDoctor({
    scheduler: { wallMs: () => WALL_MS },
    served: { directory },
    locator: { locate },
    endpoint: { transport: { tryTls: tryTls ?? (async () => ({ kind: 'refused', reason: 'not asked' })) } },
    trunks: {
      targets: () => [TARGET],
      ping: async () => ({ kind: 'answered', status: 200, reason: 'OK', elapsedMs: 3 }),
      status: () => undefined,
      ...trunks,
    },
    messaging: { outside: { checkToken: token } },
    relays: { list: relays },
  });
}

function examine(changes: Partial<TrunkInput> = {}, ports: Ports = {}, rules = true) {
  const trunk: TrunkInput = {
    id: '1',
    name: 'carrier',
    type: 'ip',
    host: 'sip.carrier.example',
    tenants: [{ tenant: 'acme', didPool: '14155550100' }],
    ...changes,
  };
  const rule = { name: 'in', trunk: 'carrier', dids: '14155550100', destination: { hangUp: true as const } };
  const directory = new Directory(
    provision({
      tenants: [
        {
          name: 'acme',
          domain: 'acme.example',
          ...(rules && { inboundRules: [rule], outboundRules: [{ name: 'out', routes: [{ trunk: 'carrier' }] }] }),
        },
      ],
      trunks: [trunk],
    }),
  );
  const doctor = doctorOf(directory, ports);
  return doctor.examine(directory.trunks.at(0) as never);
}

const lines = async (examined: ReturnType<typeof examine>) =>
  (await examined).findings.map(({ check, outcome, message }) => `${check} ${outcome}: ${message}`);

test('a trunk that is well: each check in the order in which a call meets it', async () => {
  expect(await lines(examine())).toEqual([
    'settings ok: the trunk is enabled',
    'dns ok: sip.carrier.example is at 192.0.2.1',
    'options ok: 200 OK after 3 ms',
    'state ok: unknown',
    'rules ok: calls are routed both ways',
  ]);
  expect((await examine()).healthy).toBe(true);
});

const registers: Partial<TrunkInput> = {
  type: 'register',
  owner: 'acme',
  didPool: '14155550100',
  tenants: [],
  credentials: { username: 'a', password: 'b' },
};
const gateway: Partial<TrunkInput> = { ...registers, type: 'accept-register', host: 'gw' };
const status = { trunkId: '1', name: 'carrier', type: 'x', since: 'yesterday', activeCalls: 0 };
const relay = { url: 'udp://192.0.2.9:2223', weight: 1, sessions: 0, requests: { ok: 0, error: 0, timeout: 0 } };
const answers = (code: number) => async () => ({ kind: 'answered', status: code, reason: 'X', elapsedMs: 1 }) as const;

test.each<[string, Partial<TrunkInput>, Ports, string, RegExp]>([
  ['disabled', { enabled: false }, {}, 'settings failed: the trunk is disabled', /enabled: true/],
  [
    'a name that nobody knows',
    {},
    { locate: () => Promise.reject(new Error('a.example: no such name')) },
    'dns failed: a.example: no such name',
    /dns.servers/,
  ],
  [
    'a name that calls need not, for they go to its outbound proxy',
    { outboundProxy: { host: '192.0.2.1' } },
    {
      locate: ({ host }) => (host === '192.0.2.1' ? [TARGET] : Promise.reject(new Error('carrier: no address'))),
    },
    'dns warning: carrier: no address',
    /associatedIps/,
  ],
  [
    'an address that tenants may not name',
    {},
    { targets: () => Promise.reject(new EgressError('egress: 10.0.0.1 is not a public address')) },
    'egress failed: egress: 10.0.0.1 is not a public address',
    /egress.allow/,
  ],
  [
    'TLS',
    { transport: 'tls' },
    {
      targets: () => [{ ...TARGET, transport: 'tls' }],
      tryTls: async () => ({ kind: 'refused', reason: 'wrong name in the certificate' }),
    },
    'tls failed: wrong name in the certificate',
    /tls.serverName.*tls.allowWildcard/,
  ],
  [
    'refused credentials',
    registers,
    { status: () => ({ ...status, state: 'rejected', lastCode: 403, reason: 'Forbidden' }) },
    'registration failed: 403 Forbidden',
    /password/,
  ],
  [
    'a trunk that was added this moment',
    registers,
    { status: () => ({ ...status, state: 'registering', reason: 'not asked yet' }) },
    'registration warning: not asked yet',
    /look again/,
  ],
  [
    'a gateway that is away',
    gateway,
    { targets: () => [] },
    'gateway failed: the gateway is not registered',
    /SIP domain is gw/,
  ],
  [
    'silence',
    {},
    { ping: async () => ({ kind: 'silent', reason: 'no answer' }) },
    'options failed: no answer',
    /firewall/,
  ],
  [
    'a closed port',
    {},
    { ping: async () => ({ kind: 'silent', reason: 'connect ECONNREFUSED' }) },
    'options failed: no answer: connect ECONNREFUSED',
    /firewall/,
  ],
  [
    'an address that the provider does not admit',
    {},
    { ping: answers(403) },
    'options failed: 403 X after 1 ms',
    /admit the address/,
  ],
  [
    'a carrier that does not care for OPTIONS',
    {},
    { ping: answers(405) },
    'options warning: 405 X after 1 ms',
    /keepAlive.accept/,
  ],
  [
    'offline',
    {},
    { status: () => ({ ...status, state: 'offline', reason: '503' }) },
    'state failed: offline since yesterday: 503',
    /other routes/,
  ],
  [
    'SRTP without a relay',
    { options: { media: 'srtp' } },
    {},
    'relay failed: media: srtp needs a media relay, and the node has none',
    /mediaRelays/,
  ],
  [
    'relays that are down',
    { options: { media: 'srtp' } },
    { relays: () => [{ ...relay, state: 'down' }] },
    'relay failed: no media relay answers',
    /udp:\/\/192.0.2.9:2223/,
  ],
])('%s: what is wrong, and what to do', async (_, changes, ports, line, advice) => {
  const examination = await examine(changes, ports);
  expect(await lines(Promise.resolve(examination))).toContain(line);
  const told = examination.findings.find(({ message }) => line.endsWith(message));
  expect(told?.advice).toMatch(advice);
  expect(examination.healthy).toBe(!line.includes(' failed: '));
});

test.each<[string, Partial<TrunkInput>]>([
  ['is registered, and calls in are known by its Contact', registers],
  ['says where calls in come from', { associatedIps: ['192.0.2.0/24'] }],
])('behind an outbound proxy a host without an address is well where the trunk %s', async (_, changes) => {
  const locate: Ports['locate'] = ({ host }) =>
    host === '192.0.2.1' ? [TARGET] : Promise.reject(new Error('carrier: no address'));
  const { findings } = await examine({ ...changes, outboundProxy: { host: '192.0.2.1' } }, { locate });
  const dns = findings.filter(({ check }) => check === 'dns');
  expect(dns.map(({ outcome, advice }) => [outcome, advice])).toEqual([
    ['ok', undefined],
    ['ok', undefined],
  ]);
});

test('a trunk that no rule has is told for each tenant', async () => {
  expect(await lines(examine({}, {}, false))).toContain('rules warning: no outbound and no inbound rule has the trunk');
});

test('who asks while a trunk is examined gets the same examination', async () => {
  let pings = 0;
  const ping = async () => {
    pings++;
    return { kind: 'silent', reason: 'timeout' } as const;
  };
  const directory = new Directory(provision({ trunks: [{ id: '1', name: 'c', type: 'ip', host: '192.0.2.1' }] }));
  const doctor = doctorOf(directory, { ping });
  const [trunk] = directory.trunks;
  const [first, second] = await Promise.all([doctor.examine(trunk as never), doctor.examine(trunk as never)]);
  expect([first === second, pings]).toEqual([true, 1]);
});

test('of a whatsapp trunk its access token is looked at, and no SIP', async () => {
  const whatsapp = {
    number: '14155550100',
    phoneNumberId: '1001',
    accountId: '2',
    accessToken: 't',
    appSecret: 's',
    verifyToken: 'v',
  };
  const own: Partial<TrunkInput> = {
    type: 'whatsapp',
    owner: 'acme',
    host: undefined,
    tenants: [],
    didPool: '14155550100',
  };
  const nobody = { targets: () => Promise.reject(new Error('no host')) };
  const good = await lines(examine({ ...own, whatsapp }, nobody));
  expect(good).toContain('token ok: WhatsApp takes the access token');
  expect(good.filter((line) => /^(dns|options|tls|egress)/.test(line))).toEqual([]);
  const refused = await examine(
    { ...own, whatsapp },
    { ...nobody, token: async () => 'the Cloud API refuses the access token' },
  );
  expect(refused).toMatchObject({ healthy: false });
  expect(refused.findings.find(({ check }) => check === 'token')).toMatchObject({
    advice: expect.stringContaining('token'),
  });
  expect(await lines(examine(own, nobody))).toContain('token failed: the trunk has no number at WhatsApp');
});
