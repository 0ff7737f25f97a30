import { X509Certificate } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { CallSnapshot, Calls, LiveRecord, Restorer } from '../../../src/call/index.ts';
import { Probe } from '../../../src/call/probe.ts';
import { CallKeeper, type CallKeeperOptions } from '../../../src/engine/continuity/call-keeper.ts';
import { NO_PEERS } from '../../../src/engine/peer-nodes.ts';
import { stirSchema } from '../../../src/settings/node-schema.ts';
import { HeaderId, type SipRequest, type SipResponse, UnsafeMessageError } from '../../../src/sip/message/index.ts';
import { FakeRelays, relayed } from '../../kit/fake-relay.ts';
import { SimulatedNetwork } from '../../kit/simulated-network.ts';
import { stirWorld } from '../../kit/stir/authority.ts';
import { ANY_NUMBER, LONG } from '../../kit/stir/signed.ts';
import { signToken } from '../../kit/stir/token.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { Life, MemoryCalls, SharedStore } from '../lives.ts';
import { type Agent, CARRIER_A, CARRIER_A_ID, ENGINE, type Phone, SDP, World, type WorldOptions } from '../world.ts';

const SECRET = new Uint8Array(32).fill(7);
const OPTIONS: WorldOptions = {
  trunks: { 'carrier-a': { options: { sessionTimer: { mode: 'off' } } } },
};

let store: MemoryCalls;
let life: Life;
let world: World;
let alice: Phone;
let carrier: Agent;
let invite: SipRequest;
let final: SipResponse;

async function start(
  options: WorldOptions = OPTIONS,
  scheduler = new VirtualScheduler(),
  calls = new MemoryCalls(),
): Promise<void> {
  store = calls;
  world = await process(options, { scheduler, network: new SimulatedNetwork(scheduler) });
  alice = world.phone('101', '203.0.113.1');
  carrier = world.agent(CARRIER_A);
}

async function process(options: WorldOptions, after: NonNullable<WorldOptions['after']>): Promise<World> {
  life = new Life(after.scheduler);
  return World.start({
    ...options,
    after,
    engine: { ...options.engine, scheduler: life, callStore: store, nonceSecret: SECRET },
  });
}

/** Alice talks to the carrier. */
async function talk(): Promise<void> {
  invite = alice.call('18005550199');
  carrier.answers(carrier.took('INVITE'), 200, 'OK', {}, SDP);
  const answered = alice.final(invite);
  if (answered === undefined) throw new Error('not answered');
  final = answered;
  await settle();
}

async function startTalking(): Promise<void> {
  await start();
  await talk();
}

/** Past the write behind. */
async function settle(ms = 300): Promise<void> {
  world.run(ms);
  await world.turn();
}

/** The process ends without a word; the next one starts after `downMs`. */
async function crash(downMs = 0, options = OPTIONS): Promise<void> {
  life.isOver = true;
  world.run(downMs);
  world = await process(options, world);
  await settle();
}

afterEach(async () => {
  for (const call of [...world.engine.calls.list()]) world.engine.calls.end(call.id);
  world.scheduler.runUntilIdle(6 * 3600_000);
  await world.turn();
  expect(world.held()).toEqual({ calls: 0, legs: 0, servers: 0, clients: 0, uncaught: 0 });
});

const ended = () => world.observed.ended;

test('of calls that are over and of calls that have moved the latest 50,000 each are known, and no more', async () => {
  // Looked at after each test.
  await start();
  const scheduler = new VirtualScheduler();
  const calls = {
    restore: () => ({}),
    rejoin: (id: string) => id,
    get: () => undefined,
  } as unknown as Calls;
  const keeper = new CallKeeper({
    scheduler,
    calls,
    store: new MemoryCalls(),
    halves: { tell: () => {} },
  } as unknown as CallKeeperOptions);
  const record = (id: string) => ({ id }) as LiveRecord;
  for (let call = 0; call <= 50_000; call++) {
    keeper.adopt({ id: `over-${call}` } as CallSnapshot, () => ({}) as Restorer);
    keeper.onCallEnded(record(`over-${call}`));
    keeper.onCallMoved(record(`moved-${call}`));
  }
  const known = (of: (id: string) => boolean, what: string) => [0, 1, 50_000].map((call) => of(`${what}-${call}`));
  expect(known((id) => keeper.hasEnded(id), 'over')).toEqual([false, true, true]);
  expect(known((id) => keeper.hasMoved(id), 'moved')).toEqual([false, true, true]);
});

describe('an end that its last party answers only when asked again', () => {
  beforeEach(() => start());

  test.each([
    ...[0, 1_000, -1_000].map((byMs) => ({ answeredAfterMs: 10, byMs, left: 1 })),
    ...[0, 1_000, -1_000].map((byMs) => ({ answeredAfterMs: 700, byMs, left: 0 })),
  ])(
    'of one answered after $answeredAfterMs ms the store still has $left after 50 ms, with a clock set by $byMs ms',
    async ({ answeredAfterMs, byMs, left }) => {
      await talk();
      world.scheduler.shiftWall(byMs);
      alice.ask(alice.within(invite, final, 'BYE'));
      await settle(answeredAfterMs);
      carrier.answer(carrier.requests('BYE').at(-1) as SipRequest, 200, 'OK');
      await settle(50);
      expect(store.documents.size).toBe(left);
      await settle();
      expect(store.documents.size).toBe(0);
    },
  );
});

describe('a call rings when its process ends', () => {
  beforeEach(async () => {
    await start();
    invite = alice.call('18005550199');
    carrier.answer(carrier.took('INVITE'), 180, 'Ringing');
    await settle();
    expect(store.documents.size).toBe(1);
  });

  const answer = () =>
    alice.responses(invite.callId()).findLast((response) => response.headers.value(HeaderId.CSeq)?.endsWith(' INVITE'));

  test('the next process goes on with it: who rings may answer, and the caller gets that in his dialog, with one record', async () => {
    await crash(1_000);
    carrier.answer(carrier.took('INVITE'), 200, 'OK', {}, SDP);
    await settle();
    final = alice.final(invite) as SipResponse;
    expect([final.status, final.body]).toEqual([200, SDP]);
    expect(carrier.requests('ACK')).toHaveLength(1);
    expect(alice.ask(alice.within(invite, final, 'BYE')).status).toBe(200);
    carrier.answer(carrier.took('BYE'), 200, 'OK');
    await settle();
    expect(ended()).toMatchObject([{ status: 200, endReason: 'bye' }]);
    expect(store.documents.size).toBe(0);
  });

  test('a refusal reaches the caller too', async () => {
    await crash(1_000);
    carrier.answer(carrier.took('INVITE'), 486, 'Busy Here');
    await settle();
    expect(answer()?.status).toBe(486);
    expect(ended()).toMatchObject([{ status: 486 }]);
  });

  test('one that had rung for two minutes goes on as well, for as long as it may still ring', async () => {
    for (let rang = 0; rang < 120; rang += 10) await settle(10_000);
    await crash(1_000);
    expect(carrier.requests('CANCEL')).toEqual([]);
    for (let rang = 0; rang < 50; rang += 10) await settle(10_000);
    expect(answer()?.status).toBeLessThan(200);
    await settle(10_000);
    expect(answer()?.status).toBe(480);
    expect(carrier.requests('CANCEL')).toHaveLength(1);
    carrier.answer(carrier.took('CANCEL'), 200, 'OK');
    carrier.answer(carrier.took('INVITE'), 487, 'Request Terminated');
    await settle();
    expect(ended()).toMatchObject([{ status: 480, endReason: 'ring-timeout' }]);
  });

  test('when the process has been down for long nobody is rung anew: 503 for the caller, CANCEL for who rang, one record', async () => {
    await crash(90_000);
    expect(answer()?.status).toBe(503);
    expect(carrier.requests('CANCEL')).toHaveLength(1);
    carrier.answer(carrier.took('CANCEL'), 200, 'OK');
    carrier.answer(carrier.took('INVITE'), 487, 'Request Terminated');
    await settle();
    expect(carrier.requests('INVITE')).toHaveLength(1);
    const [record, ...more] = ended();
    expect(more).toEqual([]);
    expect(record).toMatchObject({ status: 503, endReason: 'node-ended', callerCallId: invite.callId() });
    expect(record?.facts).toMatchObject({ direction: 'outbound', tenant: 'acme', called: '18005550199' });
    expect(store.documents.size).toBe(0);
  });

  test.each([
    ['25 ms later', 25],
    ['3 s later', 3_000],
  ])(
    'its caller gives up, and who rings answers no CANCEL: a process that ends %s leaves nobody a call to place once more',
    async (_when, afterMs) => {
      const { requestUri, headers } = invite;
      const same = ['Via', 'From', 'To', 'Call-ID'].map((name) => [
        name,
        String([...headers.fieldValuesNamed(name)][0]),
      ]);
      const CSeq = `${invite.cseq().sequence} CANCEL`;
      alice.send(alice.request('CANCEL', requestUri, { ...Object.fromEntries(same), CSeq }));
      world.run(10);
      carrier.answer(carrier.took('CANCEL'), 200, 'OK');
      alice.ack(invite, answer() as SipResponse);
      expect(answer()?.status).toBe(487);
      await settle(afterMs);
      expect(ended()).toEqual([]);
      expect(store.documents.size).toBe(0);
      await crash(1_000);
      expect([...world.engine.calls.list()]).toEqual([]);
      expect(carrier.requests('INVITE')).toHaveLength(1);
    },
  );

  test('it is written once, however often it says that it rings', async () => {
    const { writes } = store;
    for (const status of [180, 180]) carrier.answer(carrier.took('INVITE'), status);
    await settle();
    expect(store.writes).toBe(writes + 1);
    carrier.answer(carrier.took('INVITE'), 486);
  });
});

describe('an answered call after the process has ended', () => {
  test('BYE of the caller is answered, reaches the carrier, and the call has its record', async () => {
    await startTalking();
    const [before] = [...world.engine.calls.list()];
    await crash();
    expect([...world.engine.calls.list()]).toEqual([before]);
    expect(alice.ask(alice.within(invite, final, 'BYE')).status).toBe(200);
    const bye = carrier.took('BYE');
    carrier.answer(bye, 200, 'OK');
    // §12.2.1.1: the sequence numbers of the dialog go on.
    expect(bye.cseq().sequence).toBeGreaterThan(carrier.took('INVITE').cseq().sequence);
    expect(ended()).toMatchObject([{ id: before?.id, endedBy: 'caller', endReason: 'bye', status: 200 }]);
    expect(ended()[0]?.talkMs).toBeGreaterThan(0);
    await settle();
    expect(store.documents.size).toBe(0);
  });

  test('one that was being ended is ended by the next process, which tells both, with the seconds that it had', async () => {
    await startTalking();
    const [{ id = '' } = {}] = world.engine.calls.list();
    expect(alice.ask(alice.within(invite, final, 'BYE')).status).toBe(200);
    await settle(5_000);
    const talkMs = world.engine.calls.get(id)?.record.talkMs;
    await crash(3_000);
    await settle(1_000);
    alice.answer(alice.took('BYE'), 481, 'Gone');
    carrier.answers(carrier.requests('BYE').at(-1) as SipRequest, 200, 'OK');
    expect(ended()).toMatchObject([{ id, endedBy: 'caller', endReason: 'bye', status: 200, talkMs }]);
    await settle();
    expect(store.documents.size).toBe(0);
  });

  test('so is one that the engine itself was ending', async () => {
    await startTalking();
    const [{ id = '' } = {}] = world.engine.calls.list();
    world.engine.calls.end(id);
    const talkMs = world.engine.calls.get(id)?.record.talkMs;
    await settle();
    await crash();
    await settle(1_000);
    for (const party of [alice, carrier]) party.answer(party.requests('BYE').at(-1) as SipRequest, 200, 'OK');
    world.run();
    expect(ended()).toMatchObject([{ id, endedBy: 'engine', endReason: 'ended-by-admin', talkMs }]);
  });

  test('BYE of the carrier reaches the phone', async () => {
    await startTalking();
    await crash();
    expect(carrier.ask(carrier.withinOf(carrier.took('INVITE'), 'BYE')).status).toBe(200);
    alice.answers(alice.took('BYE'), 200, 'OK');
    expect(ended()).toMatchObject([{ endedBy: 'callee', endReason: 'bye' }]);
  });

  test('a re-INVITE goes on to the other side, and a later crash does not lose what it changed', async () => {
    await startTalking();
    await crash();
    const hold = alice.within(invite, final, 'INVITE', {
      Contact: `<sip:${alice.host}>`,
      'Content-Type': 'application/sdp',
    });
    alice.sends(parse(hold, SDP));
    const relayed = carrier.requests('INVITE').at(-1) as SipRequest;
    expect(relayed.body).toBe(SDP);
    carrier.answers(relayed, 200, 'OK', { Contact: `<sip:moved@${CARRIER_A}:5060>` }, SDP);
    const answer = alice.responses(invite.callId()).at(-1) as SipResponse;
    alice.ack(hold, answer);
    await settle();
    await crash();
    expect(alice.ask(alice.within(invite, final, 'BYE', { CSeq: '9 BYE' })).status).toBe(200);
    const bye = carrier.took('BYE');
    expect(bye.requestUri).toContain('moved');
    expect(bye.cseq().sequence).toBeGreaterThan(relayed.cseq().sequence);
    carrier.answer(bye, 200, 'OK');
  });

  test('what was verified of its caller is in its record', async () => {
    const authority = stirWorld(LONG);
    const leaf = authority.leaf(ANY_NUMBER, LONG);
    const options: WorldOptions = {
      trunks: { 'carrier-a': { options: { sessionTimer: { mode: 'off' }, stirVerify: 'tag' } } },
      fetchCertificate: async () => ({ octets: Buffer.from(leaf.chainPem), freshMs: 60_000, mayBeStale: false }),
    };
    await start(options);
    const trust = { anchors: [new X509Certificate(authority.root.pem)], revocationLists: [] };
    world.engine.stir.apply(stirSchema.parse({}), { trust, authorities: [] });
    await talk();
    const { orig, dest } = { orig: { tn: '442071234567' }, dest: { tn: ['14155550100'] } };
    const iat = Math.floor(world.scheduler.wallMs() / 1000);
    const x5u = 'https://certs.example/leaf.pem';
    const claims = { attest: 'A', dest, iat, orig, origid: 'o', rcd: { nam: 'Garage' } };
    const token = signToken({ alg: 'ES256', ppt: 'shaken', typ: 'passport', x5u }, claims, leaf.privateKey);
    const inward = carrier.request(
      'INVITE',
      `sip:14155550100@${ENGINE}`,
      { From: '<sip:+442071234567@carrier.example>;tag=1', Identity: `${token};info=<${x5u}>;ppt=shaken` },
      SDP,
    );
    carrier.send(inward);
    await settle();
    await settle();
    alice.answers(alice.took('INVITE'), 200, 'OK', {}, SDP);
    carrier.ack(inward, carrier.responses(inward.callId()).find(({ status }) => status === 200) as SipResponse);
    await settle();
    const before = [...world.engine.calls.list()].map(({ facts }) => facts.verification);
    expect(before).toEqual([undefined, expect.objectContaining({ result: 'passed', attestation: 'A' })]);
    await crash(0, options);
    for (const call of [...world.engine.calls.list()]) world.engine.calls.end(call.id);
    world.scheduler.runUntilIdle(3600_000);
    expect(ended().map(({ facts }) => facts.verification)).toEqual(before);
    expect(before[1]?.shown).toMatchObject({ name: 'Garage' });
  });

  test('what the program before wrote of it, with the owner of a leg as a text, is read', async () => {
    await startTalking();
    const owners: unknown[] = [];
    for (const [id, document] of store.documents) {
      const kept = JSON.parse(document);
      for (const { options } of [kept.caller, kept.callee]) {
        owners.push(options.owner);
        if (options.owner !== undefined) options.owner = `${options.owner.tenant}/${options.owner.number}`;
      }
      store.documents.set(id, JSON.stringify({ ...kept, version: 1 }));
    }
    const owner = { tenant: 'acme', number: '101' };
    expect(owners).toEqual([{ ...owner, phone: expect.any(String) }, undefined]);
    await crash();
    expect([...world.engine.calls.list()]).toHaveLength(1);
    // With its next change it is written as this program writes it.
    alice.sends(alice.within(invite, final, 'INFO'));
    carrier.answer(carrier.took('INFO'), 200, 'OK');
    await settle();
    const [document = '{}'] = store.documents.values();
    expect(JSON.parse(document)).toMatchObject({ version: 2, caller: { options: { owner } } });
    alice.ask(alice.within(invite, final, 'BYE', { CSeq: '9 BYE' }));
    carrier.answer(carrier.took('BYE'), 200, 'OK');
  });

  test('a request that comes again out of order is refused as before (RFC 3261 §12.2.2)', async () => {
    await startTalking();
    await crash();
    expect(alice.ask(alice.within(invite, final, 'INFO', { CSeq: '1 INFO' })).status).toBe(500);
  });

  test('its places on the trunk and of the tenant are taken: limits count it', async () => {
    const options = {
      ...OPTIONS,
      acme: { limits: { concurrentCalls: 1 } },
    };
    await start(options);
    await talk();
    await crash(0, options);
    const second = alice.call('18005550198');
    world.run();
    expect(alice.final(second)?.status).toBe(403);
    alice.ask(alice.within(invite, final, 'BYE'));
    carrier.answer(carrier.took('BYE'), 200, 'OK');
    const third = alice.call('18005550197');
    world.run();
    expect(carrier.requests('INVITE').at(-1)?.uri()).toMatchObject({ user: '18005550197' });
    carrier.answer(carrier.requests('INVITE').at(-1) as SipRequest, 486, 'Busy');
    alice.final(third);
    expect(world.engine.trunks.capacity.inProgress(`trunk ${CARRIER_A_ID}`)).toBe(0);
  });

  test('the session limit counts from the answer', async () => {
    const options = { ...OPTIONS, settings: { timers: { sessionLimitMs: 60_000 } } };
    await start(options);
    await talk();
    world.run(20_000);
    await crash(10_000, options);
    world.run(28_000);
    expect(carrier.requests('BYE')).toEqual([]);
    world.run(3_000);
    expect(carrier.took('BYE').headers.valueNamed('Reason')).toContain('Session Limit');
    for (const party of [carrier, alice]) party.answer(party.took('BYE'), 200, 'OK');
    expect(ended()).toMatchObject([{ endReason: 'session-limit' }]);
  });

  test('a session timer runs on: refreshed in time, or ended for want of it (RFC 4028)', async () => {
    const options = {
      trunks: { 'carrier-a': { options: { sessionTimer: { mode: 'request', refresher: 'uac', expiresSeconds: 90 } } } },
    } as const;
    await start(options);
    invite = alice.call('18005550199');
    carrier.answers(carrier.took('INVITE'), 200, 'OK', { 'Session-Expires': '90;refresher=uac', Allow: 'UPDATE' }, SDP);
    final = alice.final(invite) as SipResponse;
    world.run(30_000);
    await world.turn();
    await crash(1_000, options);
    world.run(16_000);
    const update = carrier.took('UPDATE');
    expect(update.headers.valueNamed('Session-Expires')).toBe('90;refresher=uac');
    carrier.answer(update, 200, 'OK', { 'Session-Expires': '90;refresher=uac' });
    alice.ask(alice.within(invite, final, 'BYE'));
    carrier.answer(carrier.took('BYE'), 200, 'OK');
  });
});

describe('a call whose media goes through a relay', () => {
  const options: WorldOptions = {
    trunks: { 'carrier-a': { options: { sessionTimer: { mode: 'off' }, media: 'always' } } },
    settings: { mediaRelays: [{ url: 'udp://192.0.2.99:1' }, { url: 'udp://192.0.2.99:2' }] },
  };
  const held = SDP.replace('a=sendrecv', '').concat('a=sendonly\r\n');
  let fake: FakeRelays;
  let again: WorldOptions;
  let port: number;

  beforeEach(async () => {
    const scheduler = new VirtualScheduler();
    fake = new FakeRelays(scheduler);
    again = { ...options, engine: { openDatagrams: fake.open } };
    await start(again, scheduler);
    invite = alice.call('18005550199');
    world.run();
    carrier.answers(carrier.took('INVITE'), 200, 'OK', {}, SDP);
    final = alice.final(invite) as SipResponse;
    await settle();
    port = Number(fake.told[0]?.split(' ')[0]);
    expect(fake.sessions.get(port)?.size).toBe(1);
  });

  const hangUp = async () => {
    const bye = alice.within(invite, final, 'BYE', { CSeq: '90 BYE' });
    alice.sends(bye);
    carrier.answers(carrier.took('BYE'), 200, 'OK');
    await settle();
  };

  test('is ended there when it ends, by the next process; its record says what the relay has counted', async () => {
    await crash(0, again);
    await hangUp();
    expect(fake.sessions.get(port)?.size).toBe(0);
    expect(ended()[0]?.media).toHaveLength(1);
  });

  test('a re-INVITE goes through the same relay; one that is refused is taken back there', async () => {
    await crash(0, again);
    const before = fake.told.length;
    alice.send(
      parse(
        alice.within(invite, final, 'INVITE', { ...DESCRIBED, CSeq: '50 INVITE', Contact: `<sip:101@${alice.host}>` }),
        held,
      ),
    );
    world.run(50);
    const hold = carrier.requests('INVITE').at(-1) as SipRequest;
    expect(hold.body).toBe(relayed(held, port));
    carrier.answers(hold, 488);
    expect(fake.told.slice(before)).toEqual([
      expect.stringMatching(new RegExp(`^${port} offer near>far-`)),
      expect.stringMatching(new RegExp(`^${port} offer near>far-`)),
      expect.stringMatching(new RegExp(`^${port} answer near>far-`)),
    ]);
    expect(fake.requests.slice(-2).map(({ sdp }) => sdp)).toEqual([SDP, SDP]);
    await hangUp();
    expect(fake.sessions.get(port)?.size).toBe(0);
  });

  test('ends when the relay ends it', async () => {
    await crash(0, again);
    fake.sessions.get(port)?.clear();
    world.run(16_000);
    for (const agent of [alice, carrier]) agent.answer(agent.took('BYE'), 200);
    world.run();
    expect(ended()[0]?.endReason).toBe('media-timeout');
  });

  test('passes it by when that relay is not there any more', async () => {
    await crash(0, { ...again, settings: { mediaRelays: [{ url: 'udp://192.0.2.99:3' }] } });
    alice.send(
      parse(
        alice.within(invite, final, 'INVITE', { ...DESCRIBED, CSeq: '50 INVITE', Contact: `<sip:101@${alice.host}>` }),
        held,
      ),
    );
    world.run(50);
    const hold = carrier.requests('INVITE').at(-1) as SipRequest;
    expect(hold.body).toBe(held);
    carrier.answer(hold, 488);
    await hangUp();
  });
});

const DESCRIBED = { 'Content-Type': 'application/sdp' };

describe('calls that may have ended meanwhile', () => {
  test('after a short stop nobody is asked while whoever sent BYE sends it still; then both, for an end that was not written', async () => {
    await startTalking();
    await crash(5_000);
    world.run(30_000);
    expect([...carrier.requests('OPTIONS'), ...alice.requests('OPTIONS')]).toEqual([]);
    world.run(13_000);
    carrier.answer(carrier.took('OPTIONS'), 481, 'Gone');
    alice.answers(alice.took('BYE'), 481, 'Gone');
    expect(ended()).toMatchObject([{ endedBy: 'engine', endReason: 'lost' }]);
  });

  test('after a long one both are asked, and a party that knows it no more ends the call', async () => {
    await startTalking();
    await crash(120_000);
    world.run(2_000);
    alice.answer(alice.took('OPTIONS'), 200, 'OK');
    carrier.answers(carrier.took('OPTIONS'), 481, 'Gone');
    alice.answer(alice.took('BYE'), 200, 'OK');
    expect(ended()).toMatchObject([{ endedBy: 'engine', endReason: 'lost' }]);
  });

  test('a defect in asking ends the call, and is counted with it', async () => {
    await startTalking();
    vi.spyOn(Probe.prototype, 'send').mockImplementationOnce(() => {
      throw new Error('a defect');
    });
    await crash(120_000);
    const [{ id } = { id: '' }] = world.engine.calls.list();
    world.run(2_000);
    for (const party of [alice, carrier]) party.answer(party.took('BYE'), 200, 'OK');
    expect(ended()).toMatchObject([{ id, endedBy: 'engine', endReason: 'defect' }]);
    const { counters } = world.engine.endpoint;
    expect(counters.uncaughtErrors).toBe(1);
    counters.uncaughtErrors = 0;
  });
});

describe('what is kept', () => {
  test('of a call that is over soon after its BYE nothing more than that it is over', async () => {
    await startTalking();
    const { writes } = store;
    expect(alice.ask(alice.within(invite, final, 'BYE'), 20).status).toBe(200);
    carrier.answer(carrier.took('BYE'), 200, 'OK');
    const puts = store.put;
    await settle();
    expect([store.writes, store.put, store.documents.size]).toEqual([writes + 1, puts, 0]);
  });

  test('nothing of a call that does not last', async () => {
    await start();
    invite = alice.call('18005550199');
    carrier.answer(carrier.took('INVITE'), 180, 'Ringing');
    carrier.answer(carrier.took('INVITE'), 200, 'OK', {}, SDP);
    final = alice.final(invite) as SipResponse;
    alice.ask(alice.within(invite, final, 'BYE'), 20);
    carrier.answer(carrier.took('BYE'), 200, 'OK');
    await settle();
    expect([store.writes, store.documents.size]).toEqual([0, 0]);
  });

  test('a store that does not write costs no call; it has them when it does again', async () => {
    await start();
    store.fault = 'disk full';
    await talk();
    world.run(5_000);
    await world.turn();
    expect(world.log.lines.filter(({ event }) => event === 'calls-not-kept')).toHaveLength(1);
    store.fault = undefined;
    world.run(2_000);
    await world.turn();
    expect(store.documents.size).toBe(1);
    await crash();
    expect([...world.engine.calls.list()]).toHaveLength(1);
  });

  test('a store that cannot be read, or holds what nobody can read, keeps no node from starting', async () => {
    await startTalking();
    store.documents.set('other', '{"version":1,"id":"other"}').set('newer', '{"version":2}').set('text', 'text');
    await crash();
    expect([...world.engine.calls.list()]).toHaveLength(1);
    expect(store.documents.size).toBe(1);
    store.fault = 'gone';
    await crash();
    expect([...world.engine.calls.list()]).toEqual([]);
    // What could not be read then is read when it can be.
    store.fault = undefined;
    world.run(1_000);
    await settle();
    expect([...world.engine.calls.list()]).toHaveLength(1);
    expect(alice.ask(alice.within(invite, final, 'BYE')).status).toBe(200);
    carrier.answer(carrier.took('BYE'), 200, 'OK');
  });

  test('a call that cannot be brought back holds no place on its trunk', async () => {
    await startTalking();
    const [[id, document] = ['', '']] = [...store.documents];
    const kept = JSON.parse(document);
    store.documents.set(id, JSON.stringify({ ...kept, callee: { ...kept.callee, session: {} } }));
    await crash();
    expect([...world.engine.calls.list()]).toEqual([]);
    expect(world.engine.trunks.capacity.use().calls).toEqual({});
    expect(world.log.lines.map(({ event }) => event)).toContain('call-not-restored');
  });

  test('a stop in good order leaves no call behind', async () => {
    await startTalking();
    await world.engine.close();
    world.run();
    expect([carrier.requests('BYE').length, alice.requests('BYE').length]).toEqual([1, 1]);
    expect(store.documents.size).toBe(0);
    await crash();
    expect([...world.engine.calls.list()]).toEqual([]);
  });
});

describe('a call that cannot be kept costs no other one', () => {
  let bobs: string;
  let hers: string;

  /** Bob's call rings and cannot be written while Alice's is answered. */
  async function both(): Promise<void> {
    invite = alice.call('18005550199');
    const asked = carrier.took('INVITE');
    const bob = world.phone('102', '203.0.113.2');
    bobs = bob.call('18005550198').callId();
    for (const { id, callerCallId } of world.engine.calls.list()) {
      const call = world.engine.calls.get(id);
      if (callerCallId !== bobs) hers = id;
      if (call === undefined || id === hers) continue;
      vi.spyOn(call, 'waitingSnapshot').mockImplementation(() => {
        throw new UnsafeMessageError('not relayed');
      });
    }
    carrier.answer(carrier.took('INVITE', 1), 180, 'Ringing');
    carrier.answer(asked, 200, 'OK', {}, SDP);
    world.run(20);
    final = alice.final(invite) as SipResponse;
    await settle();
  }

  const kept = () => [...store.documents.keys()];

  test('the others are kept, and the store hears on that the process is alive', async () => {
    await start();
    await both();
    expect(kept()).toEqual([hers]);
    expect(world.log.lines.filter(({ event }) => event === 'call-not-kept')).toHaveLength(1);
    await settle(15_000);
    await settle(15_000);
    expect(world.scheduler.wallMs() - store.aliveAtMs).toBeLessThan(15_000);
    expect(kept()).toEqual([hers]);
  });

  test('an end is noted in the store meanwhile', async () => {
    await start();
    await both();
    expect(alice.ask(alice.within(invite, final, 'BYE')).status).toBe(200);
    carrier.answer(carrier.took('BYE'), 200, 'OK');
    await settle();
    expect(kept()).toEqual([]);
  });

  test('the node closes in good order', async () => {
    await start();
    await both();
    await world.engine.close();
    expect(kept()).toEqual([]);
    await crash();
    expect([...world.engine.calls.list()]).toEqual([]);
  });

  test('the others are handed over, and it ends', async () => {
    const successor = { ...NO_PEERS, hasSuccessor: () => true };
    await start({ ...OPTIONS, engine: { peers: successor } }, undefined, new SharedStore());
    await both();
    await world.engine.close();
    world.run();
    expect(kept()).toEqual([hers]);
    expect(world.log.lines).toContainEqual({ level: 'info', event: 'calls-handed-over', fields: { count: 1 } });
    expect(ended()).toMatchObject([{ callerCallId: bobs }]);
  });
});

function parse(request: SipRequest, body: string): SipRequest {
  request.body = body;
  return request;
}
