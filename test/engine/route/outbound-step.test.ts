import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HeaderId } from '../../../src/sip/message/index.ts';
import { type Agent, CARRIER_A, CARRIER_A_ID, CARRIER_B, ENGINE, type Phone, SDP, World } from '../world.ts';

let world: World;
let phone: Phone;
let a: Agent;
let b: Agent;

async function begin(options: Parameters<typeof World.start>[0] = {}): Promise<void> {
  world = await World.start(options);
  phone = world.phone('101', '203.0.113.1');
  a = world.agent(CARRIER_A);
  b = world.agent(CARRIER_B);
}

beforeEach(() => begin());
afterEach(() => {
  world.scheduler.runUntilIdle(4 * 3600_000);
  expect(world.held()).toEqual({ calls: 0, legs: 0, servers: 0, clients: 0, uncaught: 0 });
});

describe('route advance (behaviour 14)', () => {
  test.each([408, 500, 502, 503, 504, 403, 402, 488])('%i from the first trunk: the second one is tried', (status) => {
    const invite = phone.call('18005550199');
    a.answers(a.took('INVITE'), status);
    expect(b.requests('INVITE')).toHaveLength(1);
    b.answers(b.took('INVITE'), 486, 'Busy Here');
    expect(phone.final(invite)?.status).toBe(486);
    expect(world.observed.attempts.map(({ trunkId, status: code }) => [trunkId, code])).toEqual([
      [CARRIER_A_ID, status],
      ['100000002', 486],
    ]);
  });

  test.each([
    [404, 404],
    [410, 410],
    [480, 480],
    [484, 484],
    [486, 486],
    [600, 600],
    [603, 603],
    [604, 604],
    [606, 606],
    [607, 607],
    [608, 608],
    [302, 480],
  ])('%i from the first trunk stops the search; the caller gets %i', (status, told) => {
    const invite = phone.call('18005550199');
    a.answers(a.took('INVITE'), status, 'No');
    expect(b.requests()).toEqual([]);
    expect(phone.final(invite)?.status).toBe(told);
  });

  test('a trunk that says nothing is given up after timers.attemptMs, and the next one is tried', () => {
    const invite = phone.call('18005550199');
    world.run(5_000);
    expect(b.requests()).toEqual([]);
    world.run(2_000);
    expect(b.requests('INVITE')).toHaveLength(1);
    b.answers(b.took('INVITE'), 404, 'Not Found');
    expect(phone.final(invite)?.status).toBe(404);
  });

  test('RFC 3326: by its Reason a trunk has no circuit left: the next call begins at the next trunk', () => {
    const noCircuit = { Reason: 'SIP;cause=503, Q.850;cause=34' };
    phone.call('18005550199');
    a.answers(a.took('INVITE'), 503, 'Busy', noCircuit);
    b.answers(b.took('INVITE'), 486);
    phone.call('18005550198');
    world.run();
    b.answers(b.took('INVITE', 1), 503, 'Busy', noCircuit);
    expect([a.requests('INVITE').length, b.requests('INVITE').length]).toEqual([1, 2]);
    // It was said of other numbers, so a call that no other trunk can take is tried.
    const third = phone.call('18005550197');
    world.run();
    b.answers(b.took('INVITE', 2), 486);
    expect([phone.final(third)?.status, a.requests('INVITE').length]).toEqual([486, 1]);
  });

  test('a per-trunk list of codes replaces the default one', async () => {
    await begin({ trunks: { 'carrier-a': { options: { failoverCodes: [486] } } } });
    phone.call('18005550199');
    a.answers(a.took('INVITE'), 486, 'Busy Here');
    expect(b.requests('INVITE')).toHaveLength(1);
    b.answers(b.took('INVITE'), 486);
  });

  test('after a described 18x was relayed no other trunk is tried, unless the trunk opts in', async () => {
    for (const earlyMediaFailover of [false, true]) {
      await begin({ trunks: { 'carrier-a': { options: { earlyMediaFailover } } } });
      phone.call('18005550199');
      const invite = a.took('INVITE');
      a.answers(invite, 183, 'Session Progress', {}, SDP);
      a.answers(invite, 503, 'Service Unavailable');
      expect(b.requests('INVITE')).toHaveLength(earlyMediaFailover ? 1 : 0);
      if (earlyMediaFailover) b.answer(b.took('INVITE'), 486);
      world.run();
    }
  });

  test('the last trunk says 503: the caller gets 503 with a Retry-After of 1 to 10 s (behaviour 17)', () => {
    const invite = phone.call('18005550199');
    a.answers(a.took('INVITE'), 503);
    b.answers(b.took('INVITE'), 503);
    const final = phone.final(invite);
    expect(final?.status).toBe(503);
    const seconds = Number(final?.headers.value(HeaderId.RetryAfter));
    expect(seconds).toBeGreaterThanOrEqual(1);
    expect(seconds).toBeLessThanOrEqual(10);
    expect(final?.headers.fieldValues(HeaderId.RetryAfter)).toHaveLength(1);
  });

  test('an offer without any codec of the trunks: 488, since no trunk will take it later either', async () => {
    const options = { codecs: ['G722'] };
    await begin({ trunks: { 'carrier-a': { options }, 'carrier-b': { options } } });
    const invite = phone.call('18005550199');
    world.run();
    expect([a.requests('INVITE'), b.requests('INVITE')]).toEqual([[], []]);
    const final = phone.final(invite);
    expect([final?.status, final?.reason, final?.headers.has(HeaderId.RetryAfter)]).toEqual([
      488,
      'No Codec In Common',
      false,
    ]);
    expect(world.observed.ended.map(({ endReason }) => endReason)).toEqual(['rejected']);
  });

  describe('no codec for the second trunk, and the first one might take the call later: 503 with Retry-After, not 488', () => {
    const seen = () => [
      ...world.observed.ended.map(({ status, endReason }) => [status, endReason]),
      b.requests('INVITE').length,
    ];

    test('it said so', async () => {
      await begin({ trunks: { 'carrier-b': { options: { codecs: ['G722'] } } } });
      const invite = phone.call('18005550199');
      a.answers(a.took('INVITE'), 503);
      expect(phone.final(invite)?.headers.has(HeaderId.RetryAfter)).toBe(true);
      expect(seen()).toEqual([[503, 'no-capacity'], 0]);
    });

    test('it is full', async () => {
      const limits = { concurrentCalls: 1 };
      await begin({ trunks: { 'carrier-a': { limits }, 'carrier-b': { options: { codecs: ['G722'] } } } });
      phone.call('18005550198');
      a.answer(a.took('INVITE'), 180, 'Ringing');
      const other = world.phone('102', '203.0.113.2');
      expect(other.final(other.call('18005550199'))?.headers.has(HeaderId.RetryAfter)).toBe(true);
      expect(seen()).toEqual([[503, 'no-capacity'], 0]);
      a.answers(a.took('INVITE'), 486);
    });
  });

  test("the carrier's own Retry-After is passed on as it is", () => {
    const invite = phone.call('18005550199');
    a.answers(a.took('INVITE'), 503);
    b.answers(b.took('INVITE'), 503, 'Later', { 'Retry-After': '7' });
    expect(phone.final(invite)?.headers.fieldValues(HeaderId.RetryAfter)).toEqual(['7']);
  });

  test('nobody answers anywhere: 503, as no trunk said anything', () => {
    const invite = phone.call('18005550199');
    world.run(60_000);
    expect(phone.final(invite)?.status).toBe(503);
    expect(world.observed.ended[0]?.attempts.map(({ cause }) => cause)).toEqual(['timeout', 'timeout']);
  });

  test('a trunk at its limit of calls is passed over (behaviour 16)', async () => {
    await begin({ trunks: { 'carrier-a': { limits: { concurrentCalls: 1 } } } });
    phone.call('18005550198');
    a.answer(a.took('INVITE'), 180, 'Ringing');
    const other = world.phone('102', '203.0.113.2');
    other.call('18005550199');
    expect(b.requests('INVITE')).toHaveLength(1);
    b.answer(b.took('INVITE'), 486);
    a.answers(a.took('INVITE'), 486);
  });

  test('a called number without a rule is 404', async () => {
    await begin({ acme: { outboundRules: [] } });
    expect(phone.final(phone.call('18005550199'))?.status).toBe(404);
    expect(a.requests()).toEqual([]);
  });
});

describe('Warning on the responses to the endpoint (behaviour 6, RFC 3261 §20.43)', () => {
  const FOREIGN = { 'X-Outbound-Cli': 'rewrite-from=14155550200' };

  test('every response above 100 says which directive was ignored; requests in the dialog do not', () => {
    const invite = phone.call('18005550199', FOREIGN);
    const sent = a.took('INVITE');
    a.answer(sent, 180, 'Ringing');
    a.answers(sent, 200, 'OK', {}, SDP);
    const final = phone.final(invite);
    const warned = phone
      .responses(invite.callId())
      .filter(({ status, headers }) => status > 100 && status !== 407 && headers.has(HeaderId.Warning));
    expect(warned.map(({ status }) => status)).toEqual([180, 200]);
    for (const { headers } of warned) {
      expect(headers.fieldValues(HeaderId.Warning)).toHaveLength(1);
      expect(headers.value(HeaderId.Warning)).toMatch(/^399 \S+ ".*rewrite-from.*"$/);
    }
    expect(final?.status).toBe(200);
    a.sends(a.withinOf(sent, 'BYE'));
    expect(phone.requests('BYE').map(({ headers }) => headers.has(HeaderId.Warning))).toEqual([false]);
    phone.answer(phone.took('BYE'), 200, 'OK');
    expect(sent.headers.has(HeaderId.Warning)).toBe(false);
  });

  test('two routes that pass over the same directive warn once', async () => {
    const acme = { outboundCallerId: '14155550100' };
    await begin({ acme });
    const invite = phone.call('18005550199', FOREIGN);
    a.answers(a.took('INVITE'), 503);
    b.answers(b.took('INVITE'), 486, 'Busy Here');
    const warnings = phone.final(invite)?.headers.fieldValues(HeaderId.Warning) ?? [];
    expect(new Set(warnings).size).toBe(warnings.length);
    expect(warnings.filter((each) => each.includes('rewrite-from'))).toHaveLength(warnings.length);
    expect(warnings.length).toBeGreaterThan(0);
  });

  test("the callee's own Warning goes along behind ours", () => {
    const invite = phone.call('18005550199', FOREIGN);
    a.answers(a.took('INVITE'), 606, 'Not Acceptable', { Warning: '370 carrier "Insufficient bandwidth"' });
    const warnings = phone.final(invite)?.headers.fieldValues(HeaderId.Warning) ?? [];
    expect(warnings).toHaveLength(2);
    expect(warnings[1]).toBe('370 carrier "Insufficient bandwidth"');
  });

  test('nothing passed over, no Warning', () => {
    const invite = phone.call('18005550199', { 'X-Outbound-Cli': 'rewrite-from=14155550123' });
    expect(a.requests('INVITE')[0]?.from().uri).toMatchObject({ user: '14155550123' });
    a.answers(a.took('INVITE'), 486, 'Busy Here');
    expect(phone.final(invite)?.headers.has(HeaderId.Warning)).toBe(false);
  });
});

test('the engine tells the carrier nothing of the phone: no Via, Route or Contact of it leaves', () => {
  phone.call('18005550199', { Route: '<sip:192.0.2.99;lr>' });
  const sent = a.took('INVITE');
  expect(a.peer.received[0]).not.toContain('203.0.113.1:');
  expect(sent.vias()).toHaveLength(1);
  expect(sent.topVia().host).toBe(ENGINE);
  expect(sent.headers.has(HeaderId.Route)).toBe(false);
  a.answers(sent, 486);
});

describe('3xx of a trunk that may redirect (options.redirects: follow)', () => {
  const follow = { trunks: { 'carrier-a': { options: { redirects: 'follow' as const } } } };
  const redirect = (index: number, ...contacts: string[]) =>
    a.answer(a.took('INVITE', index), 302, 'Moved Temporarily', { Contact: contacts });

  test('the best Contact that the rules lead anywhere is called, with all that holds for any call', async () => {
    await begin(follow);
    const invite = phone.call('18005550199');
    redirect(
      0,
      '<sip:18005550111@192.0.2.10>;q=0.2',
      '<sip:18005550122@192.0.2.10>;q=0.9',
      '<mailto:nobody@example.com>',
    );
    world.run();
    expect(a.took('INVITE', 1).requestUri).toContain('18005550122@');
    a.answers(a.took('INVITE', 1), 486, 'Busy Here');
    expect(phone.final(invite)?.status).toBe(486);
  });

  test('a redirection round and round ends', async () => {
    await begin(follow);
    const invite = phone.call('18005550199');
    for (let index = 0; index < 4; index++) {
      redirect(index, '<sip:18005550199@192.0.2.10>');
      world.run();
    }
    expect(a.requests('INVITE')).toHaveLength(4);
    expect(phone.final(invite)?.status).toBeGreaterThanOrEqual(400);
  });

  test('a number that is barred for the tenant is not called', async () => {
    await begin({ ...follow, acme: { limits: { barred: { prefixes: ['1900'] } } } });
    const invite = phone.call('18005550199');
    redirect(0, '<sip:19005550111@192.0.2.10>');
    world.run();
    expect(a.requests('INVITE')).toHaveLength(1);
    expect(phone.final(invite)?.status).toBeGreaterThanOrEqual(400);
  });

  test('limits hold for what a call to an emergency number is redirected to, which they were not asked of', async () => {
    await begin({ ...follow, acme: { limits: { callsPerMinute: 3 } } });
    const first = phone.call('911');
    redirect(0, '<sip:18005550111@192.0.2.10>');
    world.run();
    a.answers(a.took('INVITE', 1), 486, 'Busy Here');
    expect(phone.final(first)?.status).toBe(486);
    const second = phone.call('911');
    redirect(2, '<sip:18005550111@192.0.2.10>');
    world.run();
    expect([a.requests('INVITE').length, world.observed.fraud]).toMatchObject([
      3,
      [{ code: 'calls-per-minute-exceeded' }],
    ]);
    // Help is sought elsewhere.
    b.answers(b.took('INVITE'), 486, 'Busy Here');
    expect(phone.final(second)?.status).toBe(486);
  });
});
