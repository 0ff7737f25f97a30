import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../kit/eventually.ts';
import type { ProvisioningInput, TenantInput, TrunkInput } from '../../outbound/world.ts';
import { ask } from './api-request.ts';
import { acme, DOMAIN, localTrunk } from './local-trunk.ts';
import { Phone } from './phone.ts';
import { fieldOf, responseTo, type WireMessage } from './wire-message.ts';
import { startWorld, type World } from './wire-world.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());

const service = (number: string, kind: string, more: object = {}) => ({
  kind,
  number,
  name: `Service ${number}`,
  password: 'service-secret',
  outboundCallerId: '14155550130',
  outboundCallerIds: [{ trunk: 'CallCentric', callerId: '14155550131', displayName: 'Desk' }],
  overflow: '88888888',
  ...more,
});
const destination = { extension: '101' };
const hours = { timeZone: 'Europe/Berlin', open: [{ days: ['mon'], from: '08:00', to: '17:00' }] };

/** A document that sets every text of tenants and trunks that has to do with outbound calls. */
const DOCUMENT = {
  tenants: [
    {
      name: 'acme',
      domain: DOMAIN,
      timeZone: 'Europe/Berlin',
      outboundCallerId: '14155550105',
      outboundCallerIds: [{ trunk: 'CallCentric', callerId: '14155550106', displayName: 'Acme' }],
      emergencyNumbers: ['112'],
      dialCodes: { blockCallerId: '*67', setCallerId: '*64' },
      numberProcessing: {
        countryCode: '44',
        areaCode: '31',
        internationalCode: '00',
        nationalCode: '11',
        prefix: '22',
        removeCharacters: '() ',
      },
      limits: { barred: { countries: ['88'], prefixes: ['900'] } },
      headers: {
        relay: { trunk: ['X-Account'], user: ['X-Inner'], all: ['Subject'] },
        add: [{ name: 'X-Site', value: 'hq' }],
      },
      extensions: [
        {
          number: '101',
          name: 'Alice',
          password: 'alice-secret',
          outboundCallerId: '14155550101',
          outboundCallerIds: [{ trunk: 'CallCentric', callerId: '14155550102', displayName: 'Alice' }],
          forward: { always: null, busy: '88888888', noAnswer: '88888888', notRegistered: '88888888' },
          trustedAddresses: ['192.0.2.0/24'],
        },
      ],
      groups: [{ name: 'sales', members: ['101'], dids: ['14155550120'], outboundCallerId: '14155550121' }],
      services: [
        service('600', 'ring-group', { members: ['101'] }),
        service('601', 'queue'),
        service('602', 'meeting'),
        service('603', 'virtual-receptionist'),
      ],
      outboundRules: [
        {
          name: 'world',
          match: { prefixes: ['9'], extensions: ['101-199'], groups: ['sales'] },
          outboundCallerId: '14155550103',
          hours,
          holidays: ['12-25'],
          routes: [{ trunk: 'CallCentric', prepend: '+', outboundCallerId: '14155550104' }],
        },
      ],
      inboundRules: [
        {
          name: 'main',
          trunk: 'CallCentric',
          dids: '14155550110',
          callers: '4930*',
          destination,
          hours,
          outsideHours: destination,
        },
      ],
    },
  ],
  trunks: [
    {
      id: '235468356',
      name: 'CallCentric',
      type: 'register',
      brand: 'generic',
      owner: 'system',
      host: 'pstn.twillio.com',
      port: 5060,
      transport: 'udp',
      outboundProxy: { host: 'proxy.twillio.com', port: 5070, route: true },
      associatedIps: ['192.0.2.0/24'],
      credentials: { authName: 'auth-7', username: 'user-7', password: 'trunk-secret', realm: 'twillio' },
      tls: { serverName: 'pstn.twillio.com' },
      options: { anonymousHost: 'anonymous.invalid', registration: 'off', diversion: 'both' },
      addHeaders: [{ name: 'X-Token', value: 'k7' }],
      outboundParameters: {
        requestUri: { user: { custom: 'abc' }, host: { custom: 'x.example:5060' } },
        from: { displayName: { custom: 'Front Desk' }, user: { custom: 'abc' }, host: { custom: 'x.example' } },
        pAssertedIdentity: { displayName: 'CallerDispName', user: 'OutboundCallerId', host: 'SipDomain' },
        contact: { user: 'CallerNum', host: 'ContactUri' },
        removeHeaders: ['P-Preferred-Identity'],
        privacy: ['id'],
      },
      tenants: [{ tenant: 'acme', didPool: '14155550100-14155550199' }],
    },
  ],
};

/** Paths of every text in a document, keys as they stand. */
function texts(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value === 'string') return [path];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    texts(item, [...path, Array.isArray(value) ? Number(key) : key]),
  );
}

function changed(document: object, path: readonly (string | number)[], change: (text: string) => string): object {
  const copy = structuredClone(document) as never;
  let holder: Record<string | number, never> = copy;
  for (const key of path.slice(0, -1)) holder = holder[key] as never;
  const last = path.at(-1) ?? '';
  holder[last] = change(holder[last] as never) as never;
  return copy;
}

const put = (document: object) => ask(world, 'POST', '/api/v1/provisioning', document);

describe('CR, LF, NUL and friends', () => {
  const paths = texts(DOCUMENT);

  test('the document is good as it stands, and sets a hundred texts', async () => {
    expect(await put(DOCUMENT)).toMatchObject({ status: 200 });
    expect(paths.length).toBeGreaterThan(100);
  });

  test.each(paths.map((path) => [path.join('.'), path] as const))('%s', async (_, path) => {
    for (const evil of ['\r\nX-Evil: 1', '\n', '\r', '\u0000', '\u0085', '\u2028']) {
      const answer = await put(changed(DOCUMENT, path, (text) => `${text}${evil}`));
      expect([answer.status, JSON.stringify(evil)]).toEqual([422, JSON.stringify(evil)]);
      // A list or a union may be named in place of its entry.
      const named = answer.errors.map((error) => error.path.replaceAll(/\[(\d+)\]/g, '.$1').replace(/^body\./, ''));
      expect(
        named.some((name) => path.join('.').startsWith(name) && name !== ''),
        named.join(),
      ).toBe(true);
    }
  });

  test('in what is asked of explain', async () => {
    for (const question of [
      { tenant: 'acme', from: '101', to: '8888\r\n8888' },
      { tenant: 'acme', from: '101', to: '88888888', displayName: 'A\u0000' },
      { tenant: 'acme', from: '101', to: '88888888', headers: [{ name: 'Subject', value: 'x\r\nX-Evil: 1' }] },
      { tenant: 'acme', from: '101', to: '88888888', headers: [{ name: 'Subject\r\nX-Evil', value: '1' }] },
    ]) {
      expect((await ask(world, 'POST', '/api/v1/explain', question)).status).toBe(422);
    }
  });
});

describe('values that are refused with their path', () => {
  const trunk = (changes: Partial<TrunkInput>): Partial<ProvisioningInput> => ({
    tenants: [acme() as never],
    trunks: [localTrunk(world, changes) as never],
  });
  const from = (mapping: object) => trunk({ outboundParameters: { from: mapping } as never });
  const pool = (didPool: string) => trunk({ tenants: [{ tenant: 'acme', didPool }] });

  test.each([
    ['a user that is no URI part', () => from({ user: { custom: 'a b' } }), 'from.user'],
    ['a user that breaks out', () => from({ user: { custom: 'a@b>;x' } }), 'from.user'],
    ['a bad escape', () => from({ user: { custom: '%zz' } }), 'from.user'],
    ['a host that is none', () => from({ host: { custom: 'a host' } }), 'from.host'],
    ['a host with parameters', () => from({ host: { custom: 'x.example;lr' } }), 'from.host'],
    ['a host variable as user', () => from({ user: 'TrunkHostPort' }), 'from.user'],
    ['a user variable as host', () => from({ host: 'CalledNum' }), 'from.host'],
    ['a variable that does not exist', () => from({ user: 'Password' }), 'from.user'],
    ['a pool range reversed', () => pool('2000-1000'), 'didPool'],
    ['a pool that overlaps itself', () => pool('1000-2000; 1500'), 'didPool'],
    ['a pool entry with +', () => pool('+14155550100'), 'didPool'],
    ['a pool entry with 0', () => pool('04155550100-04155550199'), 'didPool'],
    ['a pool entry of 40 digits', () => pool('1'.repeat(40)), 'didPool'],
    ['a pool entry in Unicode digits', () => pool('١٢٣'), 'didPool'],
  ])('%s', async (_, document, path) => {
    const { status, errors } = await put(document());
    expect(status).toBe(422);
    expect(errors.map((error) => error.path).join()).toContain(path);
  });

  test('a pool that overlaps another tenant’s on the provider: 409 with both', async () => {
    await world.hold([], []);
    const tenants = [
      { tenant: 'acme', didPool: '1000-2000' },
      { tenant: 'b', didPool: '2000-3000' },
    ];
    const plain: TenantInput = { name: 'acme', domain: DOMAIN };
    const answer = await put({
      tenants: [plain, { name: 'b', domain: 'b.example' }],
      trunks: [localTrunk(world, { tenants })],
    });
    expect(answer.status).toBe(409);
  });
});

describe('a mapping that yields an empty user', () => {
  test('falls to the default, and explain says so', async () => {
    await world.hold([acme()], [localTrunk(world, { outboundParameters: { from: { user: 'Anonymous' } } })]);
    world.carrier.take();
    const placed = await world.phone.call({ user: '101', domain: DOMAIN, dialled: '88888888' });
    expect(placed.status, placed.answer.text).toBe(486);
    expect(fieldOf(world.carrier.take()[0] as WireMessage, 'From')).toContain('<sip:14155550101@');
    const question = { tenant: 'acme', from: '101', to: '88888888' };
    const { routes } = (await world.api('/api/v1/explain', question)) as { routes: { fields: object[] }[] };
    expect(routes[0]?.fields).toContainEqual(
      expect.objectContaining({ field: 'From.user', value: '14155550101', reason: expect.stringContaining('empty') }),
    );
  });
});

describe('loops', () => {
  test('an inbound rule that sends a DID to itself ends with 482', async () => {
    const inboundRules = [
      { name: 'loop', trunk: 'CallCentric', dids: '14155550110', destination: { number: '+1 415 555 0110' } },
    ];
    await world.hold([acme({ inboundRules })], [localTrunk(world)]);
    world.carrier.take();
    const carrier = new Phone(world.carrier.party, world.sip);
    const placed = await carrier.call({ user: 'zoe', domain: '127.0.0.1', dialled: '14155550110' });
    expect([placed.status, world.carrier.take()]).toEqual([482, []]);
  });

  test('a provider that sends the call back to where it came from: the hops run out, and nothing is left', async () => {
    const inboundRules = [
      { name: 'out again', trunk: 'CallCentric', dids: '14155550110', destination: { number: '88888888' } },
    ];
    await world.hold([acme({ inboundRules })], [localTrunk(world)]);
    world.carrier.take();
    const carrier = new Phone(world.carrier.party, world.sip);
    const sendBack = async (invite: WireMessage) => {
      const maxForwards = Number(fieldOf(invite, 'Max-Forwards')) - 1;
      const back = await carrier.call({ user: 'x', domain: '127.0.0.1', dialled: '14155550110', maxForwards });
      world.carrier.party.send(responseTo(invite, `${back.status} ${back.reason}`, 'carrier'), world.sip);
    };
    world.carrier.answer = (invite) => {
      void sendBack(invite);
      return { statuses: ['100 Trying'] };
    };
    const placed = await carrier.call({ user: 'zoe', domain: '127.0.0.1', dialled: '14155550110', maxForwards: 12 });
    world.carrier.answer = () => ({ statuses: ['486 Busy Here'] });
    expect(placed.status).toBe(483);
    const hops = world.carrier.take().map((invite) => Number(fieldOf(invite, 'Max-Forwards')));
    expect(hops).toEqual([11, 9, 7, 5, 3, 1]);
    await eventually('the end of every call', async () => (await world.counted('tandem_calls_live')) === 0);
  });
});

describe('carrier presets', () => {
  test('a preset is on the wire, explain names it as the source, and field by field it can be overridden', async () => {
    const trunk = localTrunk(world, {
      brand: 'gamma',
      outboundParameters: { pAssertedIdentity: { host: 'SipDomain' } },
    });
    await world.hold([acme()], [trunk]);
    world.carrier.take();
    await world.phone.call({ user: '101', domain: DOMAIN, dialled: '88888888' });
    const [invite] = world.carrier.take();
    expect(fieldOf(invite as WireMessage, 'P-Asserted-Identity')).toBe(`<sip:14155550101@${DOMAIN}>`);
    expect(world.asPublic(fieldOf(invite as WireMessage, 'Contact'))).toBe('<sip:14155550101@192.168.0.11:5060;ob>');
    const question = { tenant: 'acme', from: '101', to: '88888888' };
    const { routes } = (await world.api('/api/v1/explain', question)) as { routes: { fields: object[] }[] };
    for (const [field, origin] of [
      ['P-Asserted-Identity.user', 'brand'],
      ['P-Asserted-Identity.host', 'trunk'],
      ['Contact.user', 'brand'],
      ['Contact.host', 'default'],
    ]) {
      expect(routes[0]?.fields).toContainEqual(expect.objectContaining({ field, origin }));
    }
  });
});
