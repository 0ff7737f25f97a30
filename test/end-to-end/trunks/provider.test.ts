import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import { eventually } from '../../kit/eventually.ts';
import { freePort } from '../../kit/free-port.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { allWell, startAnswerer, startCaller } from '../sipp.ts';
import { acme, carrierTrunk } from '../world.ts';
import { type Provider, type ProviderOptions, startProvider } from './kamailio-provider.ts';
import { askNow, listen, metric, tandem, trunkBecomes, trunkStatus } from './observe.ts';
import { withPhone } from './phone.ts';

const USER = '4989123400';
const PASSWORD = 'provider-secret';
const MIN_EXPIRES = 90;

type Trunk = ReturnType<typeof carrierTrunk>;

function registerTrunk(provider: Provider, changes: Partial<Trunk> = {}): Trunk {
  return carrierTrunk(provider.registrarPort, {
    type: 'register',
    outboundProxy: { host: '127.0.0.1', port: provider.edgePort },
    credentials: { authName: USER, password: PASSWORD, registerSeconds: 60 },
    outboundParameters: {
      pAssertedIdentity: { user: 'OutboundCallerId', host: 'TrunkHostPort' },
      privacy: ['id', 'user'],
    },
    ...changes,
  });
}

interface Line {
  readonly provider: Provider;
  readonly engine: TestEngine;
  readonly calleePort: number;
}

/** A provider and an engine whose trunk 1 is to register there. */
async function startLine(options: Partial<ProviderOptions> = {}, changes: Partial<Trunk> = {}): Promise<Line> {
  const calleePort = await freePort();
  const provider = await startProvider({ user: USER, password: PASSWORD, calleePort, ...options });
  const engine = await startEngine({
    provisioning: { tenants: [acme()], trunks: [registerTrunk(provider, changes)] },
  });
  return { provider, engine, calleePort };
}

/** The public network calls the phone's DID through the provider. */
function callIn({ provider, engine }: Line, user: string, keys: { ruri: string; asserted: string }) {
  return withPhone(engine, user, async (phone) => {
    const network = await startCaller('../trunks/sipp/network-call', `127.0.0.1:${provider.registrarPort}`, {
      pauseMs: 50,
      keys: { called: `14155550${user}` },
      extraArguments: ['-key', 'ruri', keys.ruri, '-key', 'asserted', keys.asserted],
    });
    return allWell(phone, network);
  });
}

describe.skipIf(peersSkipped)("Kamailio as the provider's registrar", () => {
  let line: Line;

  beforeAll(async () => {
    line = await startLine({ minExpiresSeconds: MIN_EXPIRES });
    await askNow(line.engine, '1');
    await trunkBecomes(line.engine, '1', 'online');
  });
  afterAll(async () => {
    await line.engine.stop().catch(() => {});
    await line.provider.stop();
  });

  test('RFC 8760: registers with SHA-256; RFC 3261 §10.2.8: asks for Min-Expires once after 423; RFC 3327: says it takes Path', async () => {
    const { provider, engine } = line;
    // Nothing is asked for 60 s again once the registrar has said its least time; each may have come twice over UDP.
    const asked = provider.notes(/brief expires|register </).map((note) => /expires=(\d+)/.exec(note)?.[1]);
    expect([...new Set(asked)]).toEqual(['60', String(MIN_EXPIRES)]);
    expect(asked).toEqual(asked.toSorted());
    const [registered] = provider.notes(/note: .*register </);
    expect(registered).toContain(`expires=${MIN_EXPIRES}`);
    expect(registered).toContain('algorithm=SHA-256');
    expect(registered).toMatch(/path=<sip:127\.0\.0\.1:\d+;lr>/);
    expect(await trunkStatus(engine, '1')).toMatchObject({
      state: 'online',
      lastCode: 200,
      registration: { server: `udp:127.0.0.1:${provider.edgePort}`, grantedSeconds: MIN_EXPIRES },
    });
    expect(await tandem(engine, 'trunks')).toMatch(/carrier +register +system +online/);
    await eventually(
      'the trunk up in the metrics',
      async () => (await metric(engine, 'tandem_trunk_up', 'trunk_id="1"')) === 1,
    );
  });

  test('phone → engine → Kamailio → SIPp: the INVITE follows Service-Route (RFC 3608) and answers the challenge with SHA-256', async () => {
    const { provider, engine, calleePort } = line;
    const callee = await startAnswerer('answer', { localPort: calleePort });
    const phone = await startCaller('phone-call', engine.address(), { pauseMs: 50 });
    const [, called] = await allWell(phone, callee);
    expect(called?.messages).toMatch(/^INVITE sip:\+15551234@/m);
    // Both proxies of the provider are on the way.
    expect(called?.messages.match(/^Record-Route: /gm)?.length).toBeGreaterThanOrEqual(2);
    const [noted] = provider.notes(/call from/);
    expect(noted).toContain('call from 14155550101 to +15551234');
    expect(noted).toContain('algorithm=SHA-256');
    expect(noted).toContain('pai=<sip:14155550101@');
  });

  test.each(['contact', 'number'])('SIPp → Kamailio → engine → phone, the Request-URI being the %s', async (ruri) => {
    const [rung] = await callIn(line, '102', { ruri, asserted: '<tel:+4930123456>' });
    expect(rung?.messages).toMatch(/^From: "Caller" <sip:4930123456@/m);
  });

  test('the registration is removed at Kamailio when the engine stops', async () => {
    const { provider, engine } = line;
    await engine.stop();
    await provider.noted(/register .* expires=0/);
  });
});

// The last two groups mostly wait, each with a provider and an engine of its own: side by side.
describe.skipIf(peersSkipped)('a wrong password at Kamailio', { concurrent: true }, () => {
  test('three refusals: `rejected` in API, CLI, metrics, events and log; then silence; a retry works', {
    timeout: 60_000,
  }, async () => {
    const { provider, engine } = await startLine({ password: 'another', retryAfterSeconds: 1 });
    const events = await listen(engine);
    try {
      // The provider asks for 1 s; the engine comes back after 5 s at the earliest.
      await askNow(engine, '1');
      const offline = await trunkBecomes(engine, '1', 'offline');
      expect(offline).toMatchObject({ lastCode: 401 });
      const rejected = await trunkBecomes(engine, '1', 'rejected', 30_000);
      expect(rejected).toMatchObject({ lastCode: 401, reason: 'Unauthorized' });
      // Three turns; a nonce that the registrar has forgotten costs one more try in its turn.
      const tries = provider.notes(/refused/).length;
      expect(tries).toBeGreaterThanOrEqual(3);
      expect(tries).toBeLessThanOrEqual(6);
      await events.event('trunk-state', (data) => data['state'] === 'rejected' && data['lastCode'] === 401);
      expect(await tandem(engine, 'trunks')).toMatch(/carrier +register +system +rejected .* 401 .*Unauthorized/);
      await eventually(
        'the trunk down in the metrics',
        async () => (await metric(engine, 'tandem_trunk_up', 'trunk_id="1"')) === 0,
      );
      const line = await engine.logged('trunk-state', ({ state }) => state === 'rejected');
      expect(line).toMatchObject({ trunk: 'carrier', level: 'warn' });
      // Twice the time after which it came back before.
      await pause(12_000);
      expect(provider.notes(/refused/)).toHaveLength(tries);

      await provider.setPassword(PASSWORD);
      await askNow(engine, '1');
      expect(await trunkBecomes(engine, '1', 'online')).toMatchObject({ lastCode: 200 });
      await events.event('trunk-state', (data) => data['state'] === 'online');
    } finally {
      events.close();
      await engine.stop();
      await provider.stop();
    }
  });
});

describe.skipIf(peersSkipped)('SIPconnect registration mode', { concurrent: true }, () => {
  const oneByOne = { timeout: 30_000, concurrent: false };
  let line: Line;
  beforeAll(async () => {
    line = await startLine(
      { maxExpiresSeconds: 5, algorithm: 'MD5' },
      {
        credentials: { authName: USER, password: PASSWORD, registerSeconds: 600 },
        inboundParameters: { callerNumber: ['pAssertedIdentity.user', 'from.user'] },
      },
    );
    await askNow(line.engine, '1');
    await trunkBecomes(line.engine, '1', 'online');
  });
  afterAll(async () => {
    await line.engine.stop();
    await line.provider.stop();
  });

  test('600 s asked, 5 s granted: refreshed by the granted time, never lapsing', oneByOne, async () => {
    const { provider, engine } = line;
    expect(await trunkStatus(engine, '1')).toMatchObject({ registration: { grantedSeconds: 5 } });
    const before = provider.notes(/register </).length;
    const startedMs = performance.now();
    await eventually('three refreshes', () => provider.notes(/register </).length >= before + 3, { timeoutMs: 15_000 });
    // Half of 5 s each, a little earlier by chance: no sooner, and by the registrar's clock before the one before has ended.
    expect((performance.now() - startedMs) / 1000).toBeGreaterThan(4.5);
    const [first, ...refreshes] = provider.notes(/register </).map((note) => /was=(\w+)/.exec(note)?.[1]);
    expect([first, ...new Set(refreshes)]).toEqual(['away', 'there']);
    expect(engine.logs('trunk-state').map(({ state }) => state)).toEqual(['registering', 'online']);
  });
  test(
    'an anonymous call out: From says nobody, P-Asserted-Identity and Privacy: id tell the provider alone',
    oneByOne,
    async () => {
      const { provider, engine, calleePort } = line;
      const callee = await startAnswerer('answer', { localPort: calleePort });
      const phone = await startCaller('phone-call', engine.address(), {
        pauseMs: 50,
        keys: { called: '*67915551234' },
      });
      const [, called] = await allWell(phone, callee);
      expect(called?.messages).toMatch(/^From: "Anonymous" <sip:anonymous@anonymous\.invalid>;tag=/m);
      const noted = provider.notes(/call from/).at(-1);
      expect(noted).toContain('call from anonymous to +15551234');
      expect(noted).toContain('pai=<sip:14155550101@');
      expect(noted).toMatch(/privacy=(user;id|id;user) /);
    },
  );

  test.each([
    ['<sip:+15557654321@carrier.example;user=phone>', '15557654321'],
    ['"Caller" <tel:+15557654321>', '15557654321'],
    ['<sip:+15557654321@carrier.example>, <tel:+15550000000>', '15557654321'],
  ])('a call in, P-Asserted-Identity: %s', oneByOne, async (asserted, number) => {
    const [rung] = await callIn(line, '103', { ruri: 'contact', asserted });
    expect(rung?.messages).toMatch(new RegExp(`^From: .*<sip:\\+?${number}@`, 'm'));
  });
});
