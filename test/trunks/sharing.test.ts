import { describe, expect, test } from 'vitest';
import type { TrunkNews } from '../../src/trunks/sharing.ts';
import type { TrunkServiceOptions } from '../../src/trunks/trunk-service.ts';
import { directoryOf, idOf, ipTrunk, PROVIDER, settle, TrunkWorld } from './provider.ts';

const TARGET = `udp:${PROVIDER}:5060`;
const PINGED = ipTrunk({ options: { keepAlive: { enabled: true, intervalSeconds: 60, downAfter: 2 } } });
const GATEWAY = ipTrunk({
  type: 'accept-register',
  host: 'gateway.example',
  credentials: { authName: '1', password: 'p' },
  options: { keepAlive: { enabled: true, intervalSeconds: 60 } },
});

const TEAMS_HOST = 'sip.pstn.example';
const DATACENTRE = { transport: 'tls' as const, address: PROVIDER, port: 5061, serverName: TEAMS_HOST };
const TEAMS = ipTrunk({
  type: 'teams',
  owner: 'acme',
  tenants: undefined,
  host: undefined,
  didPool: '4930555',
  teams: { fqdn: 'sbc.acme.example', certificate: 'sbc', targets: [TEAMS_HOST] },
});

/** Two processes of one machine; what they tell each other is kept. */
function two(trunk = PINGED, options: readonly Partial<TrunkServiceOptions>[] = [{}, {}]) {
  const told: TrunkNews[] = [];
  const worlds = options.map((own, index): TrunkWorld => {
    const sharing = {
      isFirst: () => index === 0,
      tell: (news: TrunkNews) => {
        told.push(structuredClone(news));
        worlds[1 - index]?.service.take(structuredClone(news));
      },
    };
    return new TrunkWorld([trunk], { ...own, sharing });
  });
  return { first: worlds[0] as TrunkWorld, second: worlds[1] as TrunkWorld, told };
}

function note(world: TrunkWorld, overrides: object, of = PINGED): void {
  const trunk = directoryOf([of]).trunk(String(idOf('carrier')));
  if (trunk === undefined) throw new Error('no trunk');
  world.service.noteAttempt(trunk, { target: TARGET, status: 0, reason: '', cause: 'response', ...overrides });
}

describe('several processes of one machine', () => {
  test('one pings, all know, and the change is told once', () => {
    const { first, second } = two();
    second.run(0);
    first.run(15);
    expect([first, second].map((world) => world.status().state)).toEqual(['online', 'online']);
    expect([first, second].map((world) => world.sent('OPTIONS'))).toEqual([1, 0]);
    expect([first.events, second.events]).toEqual([['carrier: unknown > online'], []]);
  });

  test('what a call of one has shown holds for the calls of all, and is told once', () => {
    const { first, second } = two();
    second.run(0);
    first.run(15);
    note(second, { status: 503, reason: 'Service Unavailable', retryAfterSeconds: 30 });
    expect([first, second].map((world) => world.status())).toMatchObject([
      { state: 'offline', lastCode: 503 },
      { state: 'offline', lastCode: 503 },
    ]);
    expect(first.locator.isFailed({ transport: 'udp', address: PROVIDER, port: 5060 })).toBe(true);
    expect(second.events).toEqual([]);
    expect(first.events.at(-1)).toBe('carrier: online > offline');
    note(second, { status: 486 });
    expect([first, second].map((world) => world.status().state)).toEqual(['online', 'online']);
  });

  test('silence is counted over all: two calls at two processes are two in a row', () => {
    const { first, second } = two();
    second.run(0);
    first.run(15);
    note(first, { cause: 'timeout', reason: 'no answer' });
    expect(second.status().state).toBe('online');
    note(second, { cause: 'timeout', reason: 'no answer' });
    expect([first, second].map((world) => world.status().state)).toEqual(['offline', 'offline']);
  });

  test('too many for the carrier at one is too many for all', () => {
    const { first, second } = two();
    second.run(0);
    first.run(15);
    note(second, { status: 503, reason: 'Channel limit exceeded', retryAfterSeconds: 3 });
    expect(first.service.condition(first.status().trunkId)).toMatchObject({ up: true, full: true });
  });

  test('of a trunk that is well the calls say nothing new: nothing is told', () => {
    const { first, second, told } = two();
    second.run(0);
    first.run(15);
    const before = told.length;
    for (let call = 0; call < 5; call++) note(second, { status: 200, cause: 'answered' });
    expect(told.length).toBe(before);
  });

  test('how a provider is that is not reached by SIP, one hears and all know; it is told once', () => {
    const { first, second, told } = two(ipTrunk());
    first.service.start();
    second.service.start();
    const { trunkId } = second.status();
    second.service.tell(trunkId, { state: 'offline', code: 190, reason: 'the token is refused' });
    expect([first, second].map((world) => world.status())).toMatchObject([
      { state: 'offline', lastCode: 190, reason: 'the token is refused' },
      { state: 'offline', lastCode: 190 },
    ]);
    first.service.tell(trunkId, { state: 'online', code: 200, reason: '' });
    expect([first, second].map((world) => world.status().state)).toEqual(['online', 'online']);
    expect(told).toHaveLength(2);
    expect([first.events.slice(-2), second.events]).toEqual([
      ['carrier: unknown > offline', 'carrier: offline > online'],
      [],
    ]);
  });

  test.each(['at once', 'slowly'] as const)(
    'what a call of one has shown of a datacentre of Teams is known where nobody has pinged yet; its name leads there %s',
    async (how) => {
      const { first, second } = two(TEAMS);
      first.locator.answers.set(TEAMS_HOST, how === 'at once' ? [DATACENTRE] : 'silent');
      first.service.start();
      second.service.start();
      note(second, { target: `tls:${PROVIDER}:5061`, status: 200, reason: 'OK', cause: 'answered' }, TEAMS);
      for (const give of first.locator.waiting) give([DATACENTRE]);
      await settle();
      const { address } = DATACENTRE;
      expect(first.status().datacentres).toMatchObject([{ target: TEAMS_HOST, address, state: 'up', lastCode: 200 }]);
      expect(first.sent('OPTIONS')).toBe(0);
    },
  );

  test('a gateway is pinged where it is registered, which tells of it; the others go by what is said of it', () => {
    const target = { transport: 'udp' as const, address: PROVIDER, port: 5060 };
    let said: ReturnType<TrunkWorld['service']['troubles']>[string] | undefined;
    const { first, second } = two(GATEWAY, [{ isGatewayElsewhere: () => true, elsewhere: () => said }, {}]);
    first.gateway = [target];
    second.gateway = [target];
    second.run(15);
    first.run(15);
    expect([first, second].map((world) => world.sent('OPTIONS'))).toEqual([0, 1]);
    expect([first, second].map((world) => world.status().state)).toEqual(['online', 'online']);
    expect([first.events, second.events]).toEqual([[], ['carrier: unknown > online']]);
    second.provider.onOptions = () => {};
    second.run(120);
    said = second.service.troubles(10)[second.status().trunkId];
    expect(said).toMatchObject({ state: 'offline' });
    expect([first, second].map((world) => world.status().state)).toEqual(['offline', 'offline']);
    expect([first.events, second.events.at(-1)]).toEqual([[], 'carrier: online > offline']);
    first.gateway = [];
    second.gateway = [];
    expect(second.service.troubles(10)).toEqual({});
  });
});
