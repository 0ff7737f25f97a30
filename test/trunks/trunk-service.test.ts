import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Egress } from '../../src/base/egress.ts';
import type { Trunk } from '../../src/provisioning/trunk-settings/schema.ts';
import { HeaderId, SipRequest, SipResponse } from '../../src/sip/message/index.ts';
import type { Flow, Target } from '../../src/sip/transport/index.ts';
import { hopOf } from '../../src/trunks/hops.ts';
import { TrunkLine } from '../../src/trunks/trunk-line.ts';
import { directoryOf, idOf, ipTrunk, OTHER, PROVIDER, registerTrunk, settle, TrunkWorld } from './provider.ts';

const udp = (address: string, port = 5060) => ({ transport: 'udp' as const, address, port });

function only(world: TrunkWorld, trunks: Parameters<typeof directoryOf>[0]): Trunk {
  const trunk = directoryOf(trunks).trunks.at(0);
  if (trunk === undefined) throw new Error('no trunk');
  world.apply(trunks);
  return trunk;
}

const hop = (host: string, transport: 'udp' | 'tcp' | 'tls' = 'udp') =>
  ({ kind: 'host', host, port: undefined, transport }) as const;

describe('next hops', () => {
  test('an IP trunk: what RFC 3263 gives, in its order', () => {
    const settings = [ipTrunk({ host: 'carrier.example' })];
    const world = new TrunkWorld(settings);
    world.locator.answers.set('carrier.example', [udp(OTHER), udp(PROVIDER, 5080)]);
    expect(world.service.targets(only(world, settings), hop('carrier.example'))).toEqual([
      udp(OTHER),
      udp(PROVIDER, 5080),
    ]);
  });

  test('a register trunk: the server that has the registration first, even if the DNS does not name it any more', async () => {
    const settings = [registerTrunk({ host: 'carrier.example' })];
    const world = new TrunkWorld(settings);
    world.locator.answers.set('carrier.example', [udp(PROVIDER)]);
    world.run(11);
    const trunk = directoryOf(settings).trunks.at(0) as Trunk;
    world.locator.answers.set('carrier.example', [udp(OTHER), udp('198.51.100.3')]);
    const expected = [udp(PROVIDER), udp(OTHER), udp('198.51.100.3')];
    expect(world.service.targets(trunk, hop('carrier.example'))).toEqual(expected);
    world.locator.answers.set('carrier.example', 'silent');
    const asked = world.service.targets(trunk, hop('carrier.example')) as Promise<readonly Target[]>;
    for (const answer of world.locator.waiting) answer([udp(OTHER)]);
    await settle();
    expect(await asked).toEqual([udp(PROVIDER), udp(OTHER)]);
  });

  test('an accept-register trunk: the flow of its gateway, or nothing', () => {
    const world = new TrunkWorld([]);
    const trunk = only(world, [
      ipTrunk({ type: 'accept-register', host: 'gw.example', credentials: { authName: '1', password: 'p' } }),
    ]);
    world.run(1);
    const binding = { kind: 'binding', trunkId: trunk.id } as const;
    expect(world.service.targets(trunk, binding)).toEqual([]);
    const flow: Flow = world.endpoint.flowTo(udp('203.0.113.77', 61_000));
    world.gateway = flow;
    expect(world.service.targets(trunk, binding)).toBe(flow);
  });

  test('TLS: the trunk’s own files and name; a file that cannot be read fails the attempt', () => {
    const settings = (certificate: string) => [
      ipTrunk({
        transport: 'tls',
        tls: { certificate, key: 'key.pem', ca: 'ca.pem', serverName: 'sip.carrier.example', allowWildcard: true },
      }),
    ];
    const readFile = (path: string) => {
      if (path === 'gone.pem') throw new Error('ENOENT gone.pem');
      return `<${path}>`;
    };
    const world = new TrunkWorld([], { readFile });
    const trunk = only(world, settings('cert.pem'));
    expect(world.service.targets(trunk, hop(PROVIDER, 'tls'))).toEqual([
      {
        transport: 'tls',
        address: PROVIDER,
        port: 5060,
        serverName: 'sip.carrier.example',
        tls: { cert: '<cert.pem>', key: '<key.pem>', ca: '<ca.pem>', allowWildcard: true },
      },
    ]);
    const broken = only(world, settings('gone.pem'));
    expect(() => world.service.targets(broken, hop(PROVIDER, 'tls'))).toThrow('ENOENT');
    expect(world.service.secured(broken.id, { ...udp(PROVIDER), transport: 'tls' })).toBeUndefined();
  });

  test('TLS: a dialog that makes a new connection looks for the name that the first one was made for', () => {
    const world = new TrunkWorld([]);
    const proxied = only(world, [ipTrunk({ transport: 'tls', outboundProxy: { host: 'edge.carrier.example' } })]);
    const at = { ...udp(PROVIDER), transport: 'tls' as const };
    expect(world.service.secured(proxied.id, at)).toMatchObject({ serverName: 'edge.carrier.example' });
  });

  test('where a trunk is by what is known at once: its targets, its gateway, or nowhere', () => {
    const world = new TrunkWorld([]);
    const trunk = only(world, [ipTrunk()]);
    expect(world.service.home(trunk.id)).toMatchObject([{ address: PROVIDER, port: 5060 }]);
    expect(world.service.home('nobody')).toEqual([]);
  });
});

describe('what a tenant names as its trunk', () => {
  const own = {
    type: 'register' as const,
    owner: 'acme',
    credentials: { authName: 'a', password: 'p' },
    didPool: '1',
    tenants: [],
  };
  const empty = () => new TrunkWorld([], { egress: new Egress() });

  test('of the addresses of a name those that are not public are left out, and what is left is looked at again when it is sent to', () => {
    const world = empty();
    const trunk = only(world, [ipTrunk({ ...own, host: 'mixed.example' })]);
    world.locator.answers.set('mixed.example', [udp('10.0.0.1'), udp('198.51.100.10'), udp('169.254.169.254')]);
    expect(world.service.targets(trunk, hopOf(trunk))).toEqual([
      { ...udp('198.51.100.10'), guarded: true, owner: 'acme' },
    ]);
  });

  test('what has failed for it is tried last by its own trunks, and by no other’s', () => {
    const world = empty().run(0);
    const trunk = only(world, [ipTrunk({ ...own, host: '198.51.100.10' })]);
    world.service.noteAttempt(trunk, { target: 'udp:198.51.100.10:5060', status: 408, reason: '', cause: 'timeout' });
    const isFailed = (way?: string) => world.locator.isFailed(udp('198.51.100.10'), way);
    expect([isFailed('acme'), isFailed('globex'), isFailed()]).toEqual([true, false, false]);
    world.service.noteAttempt(trunk, { target: 'udp:198.51.100.10:5060', status: 200, reason: '', cause: 'answered' });
    expect(isFailed('acme')).toBe(false);
  });

  test('with no public address there is no target, and why not is said', () => {
    const world = empty();
    const trunk = only(world, [ipTrunk({ ...own, host: '10.0.0.1' })]);
    expect(() => world.service.targets(trunk, hopOf(trunk))).toThrow(
      'egress: 10.0.0.1 is not a public address (private)',
    );
  });

  test('a place that its peer names within a dialog is guarded as its own are', () => {
    const world = empty();
    const trunk = only(world, [ipTrunk({ ...own, host: '198.51.100.10' })]);
    expect(world.service.secured(trunk.id, udp('10.0.0.1'))).toBeUndefined();
    expect(world.service.secured(trunk.id, udp('198.51.100.11'))).toMatchObject({ guarded: true, owner: 'acme' });
  });

  test("a system trunk's are the operator's word", () => {
    const world = empty();
    const trunk = only(world, [ipTrunk({ host: '10.0.0.1' })]);
    expect(world.service.targets(trunk, hopOf(trunk))).toMatchObject([{ address: '10.0.0.1' }]);
    expect(world.service.secured(trunk.id, udp('10.0.0.1'))).toEqual(udp('10.0.0.1'));
  });
});

describe('addresses', () => {
  test('of host and proxy together; they follow the DNS; the last good answer is kept', () => {
    const settings = [ipTrunk({ host: 'carrier.example', outboundProxy: { host: 'proxy.example' }, options: {} })];
    const world = new TrunkWorld(settings);
    world.locator.answers.set('carrier.example', [udp('198.51.100.10')]);
    world.locator.answers.set('proxy.example', [udp('198.51.100.20')]);
    world.run(1);
    const known = () =>
      ['198.51.100.10', '198.51.100.11', '198.51.100.20'].map((address) => world.service.knows(address));
    expect(known()).toEqual([true, false, true]);
    world.locator.answers.set('carrier.example', [udp('198.51.100.11')]);
    world.run(31);
    expect(known()).toEqual([false, true, true]);
    world.locator.answers.delete('carrier.example');
    world.run(300);
    expect(known()).toEqual([false, true, true]);
  });

  test('a DNS that is silent at the start leaves associated addresses in force, and is heard when it answers', async () => {
    const world = new TrunkWorld([ipTrunk({ host: 'slow.example', associatedIps: ['203.0.113.0/24'], options: {} })]);
    world.locator.answers.set('slow.example', 'silent');
    world.run(10);
    expect([world.service.knows('203.0.113.5'), world.service.knows(PROVIDER)]).toEqual([true, false]);
    expect(world.locator.waiting).toHaveLength(1);
    for (const answer of world.locator.waiting) answer([udp(PROVIDER)]);
    await settle();
    expect(world.service.knows(PROVIDER)).toBe(true);
  });

  test('a silent DNS is asked about 48 trunks of one owner at a time, and all get their turn', async () => {
    const trunks = Array.from({ length: 200 }, (_, index) =>
      ipTrunk({ name: `t${index}`, host: 'slow.example', options: {} }),
    );
    const world = new TrunkWorld(trunks);
    world.locator.answers.set('slow.example', 'silent');
    world.run(5);
    expect(world.locator.waiting).toHaveLength(48);
    for (let round = 0; round < 300; round++) {
      for (const answer of world.locator.waiting.splice(0)) answer([udp(PROVIDER)]);
      await settle();
    }
    const owners = trunks.map(({ name }) => world.service.identification.isOf(String(idOf(name)), PROVIDER));
    expect(owners.filter(Boolean)).toHaveLength(200);
  });

  test('a disabled or deleted trunk has none', () => {
    const world = new TrunkWorld([ipTrunk()]).run(1);
    expect(world.service.knows(PROVIDER)).toBe(true);
    world.apply([ipTrunk({ enabled: false })]);
    expect(world.service.condition(world.status().trunkId)).toEqual({ up: false, full: false, reason: 'disabled' });
    expect(world.service.identification.isOf(world.status().trunkId, PROVIDER)).toBe(false);
    world.apply([]);
    expect(world.service.knows(PROVIDER)).toBe(false);
  });

  test('the server that has the registration may send, even if the DNS names another', () => {
    const world = new TrunkWorld([registerTrunk({ host: 'carrier.example' })]);
    world.locator.answers.set('carrier.example', [udp(PROVIDER)]);
    world.run(11);
    world.locator.answers.set('carrier.example', [udp(OTHER)]);
    world.run(60);
    expect([world.service.knows(PROVIDER), world.service.knows(OTHER)]).toEqual([true, true]);
  });
});

describe('capacity', () => {
  const settings = [
    ipTrunk({
      options: {},
      limits: { concurrentCalls: 2 },
      tenants: [{ tenant: 'acme', didPool: '1', concurrentCalls: 1 }],
    }),
  ];

  test('a trunk that is full says so to the pipeline, for all and for a tenant with a share', () => {
    const world = new TrunkWorld(settings).run(1);
    const directory = directoryOf(settings);
    const [trunk, tenant] = [directory.trunks.at(0) as Trunk, directory.tenants.at(0)];
    if (tenant === undefined) throw new Error('no tenant');
    const full = (of?: typeof tenant) => world.service.condition(trunk.id, of).full;
    const first = world.service.admit(trunk, tenant);
    expect(first.granted).toBe(true);
    expect([full(), full(tenant)]).toEqual([false, true]);
    expect(world.service.admit(trunk, tenant)).toMatchObject({ granted: false, limit: 'concurrent-calls' });
    expect(world.status().activeCalls).toBe(1);
    if (first.granted) first.release();
    expect(full(tenant)).toBe(false);
  });

  test('an inbound call takes a place of its tenant too', () => {
    const world = new TrunkWorld(settings).run(1);
    const directory = directoryOf(settings);
    const [trunk, tenant] = [directory.trunks.at(0) as Trunk, directory.tenants.at(0)];
    if (tenant === undefined) throw new Error('no tenant');
    const limited = { ...tenant, limits: { concurrentCalls: 0 } };
    expect(world.service.admitInbound(trunk, limited)).toMatchObject({ granted: false, holder: 'tenant acme' });
    expect(world.service.capacity.inProgress(`trunk ${trunk.id}`)).toBe(0);
    expect(world.service.admitInbound(trunk, tenant).granted).toBe(true);
    expect(world.service.capacity.inProgress('tenant acme')).toBe(1);
  });
});

describe('following the directory', () => {
  test('a reload of the same settings disturbs nothing', () => {
    const trunks = () => [registerTrunk(), ipTrunk({ name: 'second' })];
    const world = new TrunkWorld(trunks()).run(20);
    const before = world.network.packets.length;
    for (let reload = 0; reload < 10; reload++) world.apply(trunks());
    world.run(10);
    expect(world.network.packets.length).toBe(before);
    expect(world.events).toHaveLength(3);
  });

  test('pings begin and end with the option', () => {
    const world = new TrunkWorld([ipTrunk({ options: {} })]).run(100);
    world.apply([ipTrunk()]);
    world.run(11);
    expect(world.status().state).toBe('online');
    world.apply([ipTrunk({ options: {} })]);
    const before = world.network.packets.length;
    world.run(600);
    expect(world.network.packets.length).toBe(before);
    expect(world.status().state).toBe('unknown');
  });

  test('an unknown trunk has no status, is not up and cannot be retried; nor can one with nothing to try', () => {
    const world = new TrunkWorld([ipTrunk({ options: {} })]).run(1);
    expect(world.service.status('1')).toBeUndefined();
    expect(world.service.condition('1')).toEqual({ up: false, full: false, reason: 'unknown' });
    expect([world.service.retry('1'), world.service.retry(world.status().trunkId)]).toEqual([false, false]);
  });

  test('a retry forgets what was learnt of a trunk with credentials, though it neither registers nor pings', () => {
    const world = new TrunkWorld([]).run(1);
    const trunk = only(world, [ipTrunk({ options: {}, credentials: { username: 'u', password: 'p' } })]);
    const before = world.service.digestClient(trunk);
    expect(world.service.digestClient(trunk)).toBe(before);
    expect(world.service.retry(trunk.id)).toBe(true);
    expect(world.service.digestClient(trunk)).not.toBe(before);
  });

  test('since tells when the state became what it is', () => {
    const world = new TrunkWorld([ipTrunk()]).run(11);
    const since = world.status().since;
    world.run(300);
    expect(world.status().since).toBe(since);
    expect(Date.parse(since)).toBeLessThanOrEqual(world.scheduler.wallMs() - 300_000);
  });

  test('a WhatsApp trunk sends no SIP of its own', () => {
    const world = new TrunkWorld([ipTrunk({ type: 'whatsapp', owner: 'acme', didPool: '1', tenants: [] })]).run(3600);
    expect(world.network.packets).toHaveLength(0);
  });

  test('two trunks of one connection both register again when it is lost', () => {
    const world = new TrunkWorld([
      registerTrunk({ name: 'a', transport: 'tcp', credentials: { username: 'a', password: 'p' } }),
      registerTrunk({ name: 'b', transport: 'tcp', credentials: { username: 'b', password: 'p' } }),
    ]).run(20);
    world.endpoint.flowTo({ transport: 'tcp', address: PROVIDER, port: 5060 }).close('test');
    expect([world.status('a').state, world.status('b').state]).toEqual(['registering', 'registering']);
    world.run(5);
    expect([world.status('a').state, world.status('b').state]).toEqual(['online', 'online']);
  });
});

describe('whose challenge is answered', () => {
  const challenge = (realm: string) => `Digest realm="${realm}", nonce="1", qop="auth"`;
  function answered(
    world: TrunkWorld,
    realms: readonly string[],
    settings = ipTrunk({ credentials: { username: 'u', password: 'p' } }),
  ) {
    const trunk = only(world, [settings]);
    const client = world.service.digestClient(trunk);
    return realms.map((realm) => {
      const request = new SipRequest('INVITE', 'sip:1@carrier.example');
      const response = new SipResponse(407, 'Proxy Authentication Required');
      response.headers.add(HeaderId.ProxyAuthenticate, challenge(realm));
      return client?.answer(response, request, 'udp:1', 0).kind;
    });
  }

  test("every realm that the trunk's own targets ask for: a carrier has several servers, and changes them", () => {
    expect(answered(new TrunkWorld([]), ['sbc1', 'sbc2', 'sbc1'])).toEqual(['retry', 'retry', 'retry']);
  });

  test('the realms that the credentials name, and no other', () => {
    const named = ipTrunk({ credentials: { username: 'u', password: 'p', realms: ['sbc1', 'sbc2'] } });
    expect(answered(new TrunkWorld([]), ['sbc2', 'stranger', 'sbc1'], named)).toEqual(['retry', 'give-up', 'retry']);
  });

  test('the realm that the credentials name', () => {
    const named = ipTrunk({ credentials: { username: 'u', password: 'p', realm: 'carrier' } });
    expect(answered(new TrunkWorld([]), ['stranger', 'carrier'], named)).toEqual(['give-up', 'retry']);
  });

  test('a trunk without credentials answers none', () => {
    expect(answered(new TrunkWorld([]), ['carrier'], ipTrunk())).toEqual([undefined]);
  });
});

test('of trunks in trouble no more are looked for than are told of', () => {
  const names = ['one', 'two', 'three'];
  const world = new TrunkWorld(names.map((name) => registerTrunk({ name, host: `${name}.example` })));
  world.service.start();
  const asked = vi.spyOn(TrunkLine.prototype, 'trouble', 'get');
  onTestFinished(() => asked.mockRestore());
  expect(Object.keys(world.service.troubles(2))).toEqual(names.slice(0, 2).map((name) => String(idOf(name))));
  expect(asked).toHaveBeenCalledTimes(2);
});
