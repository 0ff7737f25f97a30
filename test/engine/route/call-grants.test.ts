import { afterEach, describe, expect, test } from 'vitest';
import { HeaderId, type SipRequest, type SipResponse } from '../../../src/sip/message/index.ts';
import { grownOldBy } from '../../kit/grown-old.ts';
import { type ACME, type Agent, CARRIER_A, PASSWORD, type Phone, SDP, World } from '../world.ts';

let world: World;
let phone: Phone;
let carrier: Agent;

async function begin(acme: Partial<typeof ACME>): Promise<void> {
  world = await World.start({ acme });
  phone = world.phone('101', '203.0.113.1');
  carrier = world.agent(CARRIER_A);
}

/** Places a call that the carrier refuses at once; the status that the phone got. */
function callRefused(number = '18005550199'): number | undefined {
  const before = carrier.requests('INVITE').length;
  const invite = phone.call(number);
  if (carrier.requests('INVITE').length > before) carrier.answer(carrier.took('INVITE', before), 486, 'Busy Here');
  world.run();
  return phone.final(invite)?.status;
}

describe('fraud guards stand before every call to the outside', () => {
  afterEach(() => {
    world.scheduler.runUntilIdle(4 * 3600_000);
    expect(world.held()).toEqual({ calls: 0, legs: 0, servers: 0, clients: 0, uncaught: 0 });
  });

  test('a tenant whose outbound calls are stopped places none; an emergency number passes', async () => {
    await begin({ stopOutbound: true, emergencyNumbers: ['112'] });
    expect(callRefused()).toBe(403);
    expect(carrier.requests('INVITE')).toEqual([]);
    expect(world.observed.fraud.map(({ code }) => code)).toEqual(['outbound-stopped']);
    expect(callRefused('112')).toBe(486);
    expect(carrier.requests('INVITE')).toHaveLength(1);
  });

  test('calls in progress: the one over the limit is refused, and a place is free again once a call has ended', async () => {
    await begin({ limits: { concurrentCalls: 1 } });
    const first = phone.call('18005550199');
    const second = phone.call('18005550198');
    world.run();
    expect(phone.final(second)?.status).toBe(403);
    carrier.answers(carrier.took('INVITE'), 486, 'Busy Here');
    expect(phone.final(first)?.status).toBe(486);
    expect(callRefused()).toBe(486);
  });

  test('calls per minute of one extension do not hold back another', async () => {
    await begin({
      extensions: [
        { number: '101', password: PASSWORD, limits: { callsPerMinute: 2 } },
        { number: '102', password: PASSWORD },
      ],
    });
    expect([callRefused(), callRefused(), callRefused()]).toEqual([486, 486, 403]);
    const other = world.phone('102', '203.0.113.2');
    const before = carrier.requests('INVITE').length;
    other.call('18005550199');
    world.run();
    expect(carrier.requests('INVITE')).toHaveLength(before + 1);
    world.run(61_000);
    expect(callRefused()).toBe(486);
  });

  test('a call that an extension forwards to the outside counts for that extension', async () => {
    await begin({
      extensions: [
        { number: '101', password: PASSWORD },
        { number: '102', password: PASSWORD, forward: { always: '18005550199' }, limits: { callsPerMinute: 1 } },
      ],
    });
    expect([callRefused('102'), callRefused('102')]).toEqual([486, 403]);
  });

  test('minutes and calls that are limited while a call runs: the other nodes are told of it at once', async () => {
    await begin({});
    const invite = phone.call('18005550199');
    carrier.answers(carrier.took('INVITE'), 200, 'OK', {}, SDP);
    const answer = phone.final(invite);
    if (answer === undefined) throw new Error('no answer');
    phone.ack(invite, answer);
    expect(world.engine.guards.use()).toEqual({ talking: {} });
    await world.provision({ acme: { limits: { dailyMinutes: 60, concurrentCalls: 9 } } });
    expect(Object.keys(world.engine.guards.use().talking ?? {})).toEqual(['tenant acme']);
    expect(world.engine.trunks.capacity.use().calls).toEqual({ 'tenant acme': 1 });
    phone.ask(phone.within(invite, answer, 'BYE'));
    carrier.answers(carrier.took('BYE'), 200);
  });

  /** A call of the phone to the outside that is answered. */
  function talks(number = '18005550199'): { readonly invite: SipRequest; readonly answer: SipResponse } {
    const before = carrier.requests('INVITE').length;
    const invite = phone.call(number);
    carrier.answers(carrier.took('INVITE', before), 200, 'OK', {}, SDP);
    const answer = phone.final(invite);
    if (answer?.status !== 200) throw new Error('no answer');
    return { invite, answer };
  }

  /** Both sides answer the BYEs that came until now. */
  function partWays(): void {
    for (const party of [phone, carrier]) for (const bye of party.requests('BYE')) party.answer(bye, 200);
    world.run();
  }

  const talking = () => world.engine.guards.use().talking?.['tenant acme']?.[0] ?? 0;
  const places = () => world.engine.trunks.capacity.inProgress('extension acme/101');

  test('minutes of the day: calls that began at once are ended on both sides when their sum has used them up', async () => {
    await begin({ limits: { dailyMinutes: 2 } });
    for (let call = 0; call < 4; call++) talks();
    const startMs = world.scheduler.nowMs();
    while (phone.requests('BYE').length === 0) world.run(500);
    // A little less than 30 s after the last one was answered: the first ones have talked for longer.
    expect(world.scheduler.nowMs() - startMs).toBeGreaterThan(28_000);
    expect(world.scheduler.nowMs() - startMs).toBeLessThanOrEqual(30_500);
    expect([phone.requests('BYE').length, carrier.requests('BYE').length]).toEqual([4, 4]);
    for (const party of [phone, carrier])
      for (const bye of party.requests('BYE'))
        expect(bye.headers.fieldValues(HeaderId.Reason)).toEqual(['SIP;cause=403;text="Daily Minutes Used Up"']);
    partWays();
    expect(world.observed.ended).toHaveLength(4);
    for (const record of world.observed.ended)
      expect(record).toMatchObject({ endedBy: 'engine', endReason: 'daily-minutes-exceeded' });
    const talkedMs = world.observed.ended.reduce((sum, { talkMs }) => sum + talkMs, 0);
    expect(talkedMs).toBeGreaterThanOrEqual(120_000);
    expect(talkedMs).toBeLessThanOrEqual(120_000 + 4 * 10);
    expect(world.observed.fraud).toMatchObject([
      { code: 'daily-minutes-used-up', detail: { tenant: 'acme', holder: 'tenant acme', limit: 2, calls: 4 } },
      { code: 'daily-minutes-low' },
    ]);
    expect(callRefused()).toBe(403);
  });

  test.each([
    ['answers', 200],
    ['refuses', 486],
  ])(
    'a call that is transferred to the outside, where the new party %s, has a place and minutes of its own',
    async (_name, status) => {
      await begin({ limits: { dailyMinutes: 60, concurrentCalls: 9 } });
      const { invite, answer } = talks();
      expect([talking(), places()]).toEqual([1, 1]);
      phone.ask(
        phone.within(invite, answer, 'REFER', {
          'Refer-To': '<sip:18005550111@acme.example.com>',
          Contact: `<sip:${phone.host}>`,
        }),
        50,
      );
      expect(places()).toBe(2);
      carrier.answer(carrier.took('INVITE', 1), status, 'Whatever', {}, status === 200 ? SDP : '');
      if (status === 200) carrier.answer(carrier.took('INVITE', 2), 200, 'OK', {}, SDP);
      for (const notify of phone.requests('NOTIFY')) phone.answer(notify, 200);
      expect([talking(), places()]).toEqual(status === 200 ? [2, 2] : [1, 1]);
      const [call] = [...world.engine.calls.list()];
      world.engine.calls.end(call?.id ?? '');
      world.run();
      partWays();
      expect([talking(), places()]).toEqual([0, 0]);
    },
  );

  /** Two phones talk to each other; the first one asks the outside, and transfers the second one there. */
  function transferredAfterAsking(): Phone {
    const other = world.phone('102', '203.0.113.2');
    const inside = phone.call('102');
    other.answers(other.took('INVITE'), 200, 'OK', { Contact: `<sip:${other.host}>` }, SDP);
    const answer = phone.final(inside);
    if (answer?.status !== 200) throw new Error('no answer');
    phone.ack(inside, answer);
    const outside = talks('18005550111');
    const replaces = `${outside.invite.callId()}%3Bto-tag%3D${outside.answer.toTag()}%3Bfrom-tag%3D${outside.invite.fromTag()}`;
    phone.ask(
      phone.within(inside, answer, 'REFER', {
        'Refer-To': `<sip:18005550111@acme.example.com?Replaces=${replaces}>`,
        Contact: `<sip:${phone.host}>`,
      }),
      50,
    );
    carrier.answer(carrier.took('INVITE', 1), 200, 'OK', {}, SDP);
    other.answer(other.took('INVITE', 1), 200, 'OK', {}, SDP);
    for (const notify of phone.requests('NOTIFY')) phone.answer(notify, 200);
    partWays();
    return other;
  }

  test('a call between two phones, of which one was transferred to the outside after asking there: it is ended with the minutes', async () => {
    await begin({ limits: { dailyMinutes: 2, concurrentCalls: 9 } });
    const other = transferredAfterAsking();
    expect(world.observed.ended).toMatchObject([{ endReason: 'transferred' }]);
    expect([talking(), places()]).toEqual([1, 1]);
    const [call] = [...world.engine.calls.list()];
    world.run(121_000);
    expect([other.requests('BYE').length, carrier.requests('BYE').length]).toEqual([1, 1]);
    for (const party of [other, carrier]) for (const bye of party.requests('BYE')) party.answer(bye, 200);
    world.run();
    expect(world.observed.ended[1]).toMatchObject({ id: call?.id, endReason: 'daily-minutes-exceeded' });
    expect([talking(), places()]).toEqual([0, 0]);
  });

  /** The carrier's party of one call is moved to another call of the same phone: what is left is one call, with what was granted to both. */
  function movedToAnother(): void {
    const first = talks();
    const second = talks('18005550111');
    expect([talking(), places()]).toEqual([2, 2]);
    const replaces = `${second.invite.callId()}%3Bto-tag%3D${second.answer.toTag()}%3Bfrom-tag%3D${second.invite.fromTag()}`;
    const before = carrier.requests('INVITE').length;
    phone.ask(
      phone.within(first.invite, first.answer, 'REFER', {
        'Refer-To': `<sip:18005550111@acme.example.com?Replaces=${replaces}>`,
        Contact: `<sip:${phone.host}>`,
      }),
      50,
    );
    carrier.answer(carrier.took('INVITE', before), 200, 'OK', {}, SDP);
    carrier.answer(carrier.took('INVITE', before + 1), 200, 'OK', {}, SDP);
    for (const notify of phone.requests('NOTIFY')) phone.answer(notify, 200);
    partWays();
    expect(world.observed.ended).toMatchObject([{ endReason: 'transferred' }]);
    expect([talking(), places()]).toEqual([2, 2]);
  }

  test('the event says how many calls are ended, not how many times they had been let in', async () => {
    await begin({ limits: { dailyMinutes: 2, concurrentCalls: 9 } });
    movedToAnother();
    world.run(70_000);
    const told = world.observed.fraud.filter(({ code }) => code === 'daily-minutes-used-up');
    expect(told).toMatchObject([{ detail: { calls: 1 } }]);
    partWays();
    expect(world.observed.ended[1]).toMatchObject({ endReason: 'daily-minutes-exceeded' });
  });

  test('a call whose party was moved to another one is counted on there', async () => {
    await begin({ limits: { dailyMinutes: 60, concurrentCalls: 9 } });
    movedToAnother();
    const [call] = [...world.engine.calls.list()];
    world.engine.calls.end(call?.id ?? '');
    world.run();
    partWays();
    expect([talking(), places()]).toEqual([0, 0]);
  });
});

test('what a call that is over was granted grows old with nobody', () => {
  const script = `
    const { CallGrants } = await import('../../src/engine/route/call-grants.ts');
    const grants = new CallGrants({ admit: () => ({ granted: true, held: new Array(125).fill(0), ended() {} }) });
    const begin = (at) => grants.admit({ facts: { sessionId: 'call ' + at, caller: { kind: 'service' } } });
    const end = (at) => grants.release('call ' + at);
    // One grows old, and is to keep none that comes after it.
    begin(-1);
    for (let at = 0; at < 10_000; at++) globalThis.last = new Array(125).fill(at);
    end(-1);
    globalThis.work = () => {
      for (let at = 0; at < 50_000; at++) {
        begin(at);
        end(at - 12);
      }
    };
  `;
  // All are 60 MB.
  expect(grownOldBy(script)).toBeLessThan(20_000_000);
});
