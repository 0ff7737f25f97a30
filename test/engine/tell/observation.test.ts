import { describe, expect, test, vi } from 'vitest';
import { allAtOnce } from '../../../src/base/steps.ts';
import { type CallersInvite, LiveRecord } from '../../../src/call/index.ts';
import { waitingRecord } from '../../../src/call/waiting.ts';
import { Observation } from '../../../src/engine/tell/observation.ts';
import { RecentCalls } from '../../../src/engine/tell/recent-calls.ts';
import { RunningEngine } from '../../../src/engine/tell/view.ts';
import {
  type CallRecord,
  CallRecordLog,
  type EngineEvent,
  EventBus,
  JsonLogger,
  Metrics,
  SipTrace,
} from '../../../src/observe/index.ts';
import { dialledNumber, draftForRoute, planOutbound } from '../../../src/outbound/index.ts';
import { Provisioner } from '../../../src/provisioning/change/provisioner.ts';
import type { SipRequest, SipResponse } from '../../../src/sip/message/index.ts';
import { MemoryProvisioningStore } from '../../kit/memory-provisioning-store.ts';
import { signer } from '../../kit/stir/signed.ts';
import { leastCpuMs } from '../../kit/thread-cpu.ts';
import { factsOf } from '../../outbound/world.ts';
import {
  type Agent,
  CARRIER_A,
  CARRIER_A_ID,
  CARRIER_B_ID,
  CARRIER_PASSWORD,
  ENGINE,
  type Phone,
  provisioningOf,
  SDP,
  World,
  type WorldOptions,
} from '../world.ts';

const REALM = 'carrier-a.example.net';

/** An engine with everything that watches it, in memory. */
class Watched {
  readonly lines: string[] = [];
  readonly told: EngineEvent[] = [];
  /** Of several processes of a machine. */
  isFirst = true;
  readonly recentCalls = new RecentCalls();
  readonly metrics = new Metrics({ processMetrics: false });
  world!: World;
  log!: JsonLogger;
  events!: EventBus;
  trace!: SipTrace;
  records!: CallRecordLog;
  alice!: Phone;
  carrier!: Agent;

  observation!: Observation;
  #others = 0;

  static async start(options: WorldOptions = {}): Promise<Watched> {
    const watched = new Watched();
    watched.world = await World.start({
      trunks: { 'carrier-a': { credentials: { authName: 'acme-user', password: CARRIER_PASSWORD, realm: REALM } } },
      ...options,
      observer: (world) => {
        watched.observation = watched.observe(world);
        return watched.observation;
      },
    });
    watched.alice = watched.world.phone('101', '203.0.113.1');
    watched.carrier = watched.world.agent(CARRIER_A);
    return watched;
  }

  observe(world: World): Observation {
    const { scheduler } = world;
    this.log = new JsonLogger({
      scheduler,
      level: 'debug',
      linesPerSecond: 1_000_000,
      stream: { write: (line: string) => this.lines.push(line) },
    });
    this.events = new EventBus(scheduler, { onError: (error) => this.lines.push(String(error)) });
    this.events.subscribe((event) => this.told.push(event));
    this.trace = new SipTrace(scheduler, { maxOctets: 1_000_000 });
    this.records = new CallRecordLog({ log: this.log });
    return new Observation({
      log: this.log,
      events: this.events,
      metrics: this.metrics,
      records: this.records,
      trace: this.trace,
      recentCalls: this.recentCalls,
      directory: () => world.engine.directory,
      isFirst: () => this.isFirst,
    });
  }

  /** Records, the latest first. */
  kept(): CallRecord[] {
    return allAtOnce(this.records.find()).flatMap((each) => each.read() ?? []);
  }

  view(): RunningEngine {
    const { engine } = this.world;
    const provisioner = new Provisioner({
      store: new MemoryProvisioningStore(),
      log: this.log,
      context: {},
      onDirectory: () => {},
    });
    return new RunningEngine({
      scheduler: this.world.scheduler,
      engine,
      provisioner,
      trace: this.trace,
      placed: (id) => this.recentCalls.get(this.records.get(id)?.callId ?? id),
      placedCalls: () => this.recentCalls.list(),
      record: (id) => this.records.get(id),
    });
  }

  /** Calls of others, as they are told of. */
  placeOthers(count: number): void {
    for (let index = 0; index < count; index++) {
      const plan = planOutbound({ ...factsOf(), sessionId: `other-${this.#others++}` });
      this.observation.onRoute(draftForRoute(plan, 0), plan);
    }
  }

  /** A call that the carrier challenges and answers, and that it ends after ten seconds. */
  call(called = '18005550199', fields: Record<string, string> = {}) {
    const { alice, carrier, world } = this;
    const invite = alice.call(called, fields);
    carrier.answers(carrier.took('INVITE'), 407, 'Who', {
      'Proxy-Authenticate': `Digest realm="${REALM}", nonce="n", algorithm=MD5, qop="auth"`,
    });
    const sent = carrier.took('INVITE', 1);
    carrier.answer(sent, 180, 'Ringing');
    world.run(2_000);
    carrier.answers(sent, 200, 'OK', {}, SDP);
    alice.final(invite);
    return { invite, sent };
  }

  end(sent: ReturnType<Agent['took']>): void {
    this.world.run(10_000);
    this.carrier.send(this.carrier.withinOf(sent, 'BYE'));
    this.world.run();
    this.alice.answer(this.alice.took('BYE'), 200, 'OK', { Contact: undefined });
    this.world.run();
  }

  close(): void {
    this.metrics.close();
    this.world.scheduler.runUntilIdle(6 * 3600_000);
    expect(this.world.held()).toEqual({ calls: 0, legs: 0, servers: 0, clients: 0, uncaught: 0 });
  }
}

test('what was signed of a call is in its record, of one that this process has taken over from another too', async () => {
  const watched = await Watched.start({
    certificates: [signer('acme-stir', { owner: 'acme' })],
    trunks: { 'carrier-a': { options: { stirShaken: true } } },
  });
  const { observation, carrier, alice } = watched;
  const started = vi.spyOn(observation, 'onCallStarted');
  const invite = alice.call('18005550199');
  carrier.answer(carrier.took('INVITE'), 200, 'OK', {}, SDP);
  watched.world.run();
  alice.final(invite);
  const record = started.mock.calls[0]?.[0] as LiveRecord;
  watched.placeOthers(1001);
  const facts = watched.world.engine.calls.get(record.id)?.snapshot(0)?.facts ?? record.facts;
  expect(waitingRecord(record).facts).toEqual(facts);
  watched.end(carrier.took('INVITE'));
  const written = watched.records.get(record.id);
  expect(written).toMatchObject({
    signed: 'B',
    signedWith: 'acme-stir',
    originId: expect.stringMatching(/^[0-9a-f-]{36}$/),
  });
  // Another process knows of it what was kept.
  const after = new Watched();
  const heir = after.observe(watched.world);
  heir.onCallEnded(new LiveRecord(record.id, facts, record.callerCallId, record.startedAtMs));
  const { signed, signedWith, originId } = written ?? {};
  expect(after.records.get(record.id)).toMatchObject({ signed, signedWith, originId });
  after.metrics.close();
  watched.close();
});

describe('a plan', () => {
  test('plays the calls again that were placed: those that would leave differently, by their id', async () => {
    const watched = await Watched.start();
    const { sent } = watched.call();
    watched.end(sent);
    const view = watched.view();
    const { directory } = watched.world.engine;
    expect(await view.playAgain(directory, undefined)).toEqual({ played: 1, changed: [] });
    const after = provisioningOf({ acme: { outboundRules: [] } });
    const [callId] = watched.kept().map((record) => record.callId);
    expect(await view.playAgain(after, 'acme')).toMatchObject({
      played: 1,
      changed: [{ callId, dialled: '18005550199', after: { kind: 'refused' } }],
    });
    expect(await view.playAgain(after, 'globex')).toEqual({ played: 0, changed: [] });
    watched.close();
  });
});

describe('traces', () => {
  /** Long messages, enough to fill the trace, and the shares of the tenant that they are of. */
  const flood = ({ trace }: Watched, tenant?: string) => {
    const elsewhere = { transport: 'udp', localAddress: '', localPort: 0, remoteAddress: '', remotePort: 0 };
    for (let index = 0; index < 1200; index++) {
      const callId = `other-${index}`;
      if (tenant !== undefined) trace.link('other', callId, undefined, undefined, undefined, tenant);
      trace.record(`OPTIONS sip:x SIP/2.0\r\nCall-ID: ${callId}\r\n\r\n${'x'.repeat(16_000)}`, true, elsewhere);
    }
  };

  test('what strangers, or calls of another tenant, fill the trace with leaves both legs of a call there', async () => {
    const watched = await Watched.start();
    watched.call();
    const view = watched.view();
    const callId = [...view.calls()][0]?.callId ?? '';
    const before = view.trace(callId);
    expect(new Set(before.map(({ leg }) => leg)).size).toBe(2);
    flood(watched);
    flood(watched, 'globex');
    expect(view.trace(callId)).toEqual(before);
    watched.close();
  });

  test('a call whose beginning the trace has forgotten is found by its id while it lives and when it has ended, both legs', async () => {
    const watched = await Watched.start();
    const { sent } = watched.call();
    flood(watched, 'acme');
    const view = watched.view();
    const callId = [...view.calls()][0]?.callId ?? '';
    expect(view.trace(callId)).toEqual([]);
    watched.world.run(10_000);
    watched.carrier.send(watched.carrier.withinOf(sent, 'BYE'));
    watched.world.run();
    const methods = () => view.trace(callId).map(({ text }) => text.split(' ')[0]);
    expect([...view.calls()]).toHaveLength(1);
    expect(methods()).toEqual(['BYE', 'SIP/2.0', 'BYE']);
    watched.alice.answer(watched.alice.took('BYE'), 200, 'OK', { Contact: undefined });
    watched.world.run();
    expect([...view.calls()]).toEqual([]);
    expect(methods()).toEqual(['BYE', 'SIP/2.0', 'BYE', 'SIP/2.0']);
    watched.close();
  });
});

describe('the trace of a call that another phone picks up has that phone’s INVITE, while it lives and when it has ended', () => {
  /** What the picking phone has sent and got, as the trace of the call shows it. */
  const shownOf = (watched: Watched, callId: string, taken: SipRequest) =>
    watched
      .view()
      .trace(callId, true)
      .filter(({ sipCallId }) => sipCallId === taken.callId())
      .map(
        ({ leg, text }) =>
          `${leg} ${text
            .split(' ')
            .slice(0, 2)
            .join(' ')
            .replace(/ sip:.*/, '')}`,
      );
  const PICKED = ['INVITE', 'SIP/2.0 407', 'ACK', 'INVITE', 'SIP/2.0 200', 'ACK'].map((at) => `103 ${at}`);
  const idOf = (watched: Watched) => [...watched.view().calls()][0]?.callId ?? '';

  function expectEnded(watched: Watched, callId: string, taken: SipRequest) {
    expect([...watched.view().calls()]).toEqual([]);
    expect(shownOf(watched, callId, taken).slice(0, PICKED.length)).toEqual(PICKED);
    expect(watched.records.get(taken.callId())?.callId).toBe(callId);
    watched.close();
  }

  test('as it rings', async () => {
    const watched = await Watched.start();
    const { world, alice } = watched;
    const [bob, carol] = [world.phone('102', '203.0.113.2'), world.phone('103', '203.0.113.3')];
    const call = alice.call('102');
    const rings = bob.took('INVITE');
    bob.answers(rings, 180, 'Ringing');
    const callId = idOf(watched);
    const replaced = `${rings.callId()};to-tag=${rings.fromTag()};from-tag=peer-${bob.peer.here.host};early-only`;
    const taken = carol.call('102', { Replaces: replaced });
    expect(carol.final(taken)?.status).toBe(200);
    alice.final(call);
    bob.answers(rings, 487, 'Gone');
    expect(shownOf(watched, callId, taken)).toEqual(PICKED);
    alice.sends(alice.within(call, alice.final(call) as SipResponse, 'BYE'));
    carol.answers(carol.took('BYE'), 200, 'OK', { Contact: undefined });
    expectEnded(watched, callId, taken);
  });

  test('as it talks', async () => {
    const watched = await Watched.start();
    const { world, alice, carrier } = watched;
    const carol = world.phone('103', '203.0.113.3');
    const { invite, sent } = watched.call();
    const callId = idOf(watched);
    const toTag = alice.final(invite)?.toTag();
    const taken = carol.call('101', { Replaces: `${invite.callId()};to-tag=${toTag};from-tag=${invite.fromTag()}` });
    carrier.answers(carrier.requests('INVITE').at(-1) as SipRequest, 200, 'OK', {}, SDP);
    carol.final(taken);
    alice.answers(alice.took('BYE'), 200, 'OK', { Contact: undefined });
    expect(shownOf(watched, callId, taken)).toEqual(PICKED);
    carrier.sends(carrier.withinOf(sent, 'BYE', { CSeq: '9 BYE' }));
    carol.answers(carol.took('BYE'), 200, 'OK', { Contact: undefined });
    expectEnded(watched, callId, taken);
  });
});

describe('call records', () => {
  test.each([
    [0, undefined],
    [2, 2],
  ])('of a call that %i other processes had, takeovers: %s', async (takeovers, said) => {
    const watched = await Watched.start();
    const { sent } = watched.call('18005550199');
    const { calls } = watched.world.engine;
    for (const { id } of calls.list()) Object.assign(calls.get(id)?.record ?? {}, { takeovers });
    watched.end(sent);
    expect(watched.kept().map((record) => record.takeovers)).toEqual([said]);
    watched.close();
  });

  test('an outbound call: both numbers as dialled and as sent, the caller ID and where it comes from, every attempt', async () => {
    const watched = await Watched.start({
      acme: {
        outboundRules: [
          {
            name: 'world',
            match: { prefixes: ['9'] },
            routes: [{ trunk: 'carrier-a', strip: 1, prepend: '+' }, { trunk: 'carrier-b' }],
          },
        ],
      },
    });
    const { sent, invite } = watched.call('918005550199');
    watched.end(sent);
    expect(watched.kept()).toMatchObject([
      {
        tenant: 'acme',
        direction: 'outbound',
        extension: '101',
        callerNumber: '101',
        callerNumberSent: '14155550100',
        calledNumber: '918005550199',
        calledNumberSent: '+18005550199',
        outboundCallerId: '14155550100',
        outboundCallerIdSource: 'company',
        anonymous: false,
        outboundRule: 'world',
        trunkId: CARRIER_A_ID,
        trunk: 'carrier-a',
        status: 200,
        hungUpBy: 'callee',
        sipCallIds: [invite.callId(), sent.callId()],
        attempts: [{ trunkId: CARRIER_A_ID, target: `udp:${CARRIER_A}:5060`, status: 200 }],
      },
    ]);
    const [record] = watched.kept();
    expect(record?.talkMs).toBeGreaterThanOrEqual(10_000);
    expect(Date.parse(record?.answeredAt ?? '')).toBeGreaterThan(Date.parse(record?.ringingAt ?? ''));
    watched.close();
  });

  test('what it says of how a call was sent is known whatever has been placed meanwhile: drafted again after that, too', async () => {
    const watched = await Watched.start();
    const b = watched.world.agent('192.0.2.20');
    const call = watched.alice.call('18005550199');
    watched.placeOthers(1001);
    watched.carrier.answer(watched.carrier.took('INVITE'), 503, 'Busy Trunk');
    watched.world.run();
    const sent = b.took('INVITE');
    b.answer(sent, 180, 'Ringing');
    watched.world.run();
    watched.placeOthers(1001);
    b.answer(sent, 200, 'OK', {}, SDP);
    watched.world.run();
    watched.alice.final(call);
    watched.placeOthers(1001);
    b.send(b.withinOf(sent, 'BYE'));
    watched.world.run();
    watched.alice.answer(watched.alice.took('BYE'), 200, 'OK', { Contact: undefined });
    watched.world.run();
    expect(watched.kept()[0]).toMatchObject({
      trunkId: CARRIER_B_ID,
      calledNumber: '18005550199',
      calledNumberSent: dialledNumber(sent.uri()),
      callerNumberSent: '14155550100',
      outboundCallerId: '14155550100',
      outboundCallerIdSource: 'company',
      anonymous: false,
      outboundRule: expect.any(String),
    });
    watched.close();
  });

  test('a call that a guard refuses before it begins has the rule that it would have left by', async () => {
    const watched = await Watched.start();
    const { observation } = watched;
    const { invite } = watched.call();
    const flow = { remoteAddress: '203.0.113.1' };
    for (const sessionId of ['before', 'refused']) {
      const plan = planOutbound({ ...factsOf(), sessionId });
      observation.onOutboundRefused(plan, { status: 403, reason: 'No', code: 'no' });
    }
    const facts = { direction: 'outbound', caller: '101', called: '1' } as const;
    for (const sessionId of ['refused', 'before']) {
      const record = new LiveRecord(`call ${sessionId}`, { ...facts, sessionId }, '', 0);
      observation.onCallStarted(record, { request: invite, flow } as CallersInvite);
      observation.onCallEnded(record);
    }
    expect(watched.records.get('call refused')?.outboundRule).toBe(planOutbound(factsOf()).ruleName);
    expect(watched.records.get('call before')?.outboundRule).toBe(undefined);
    watched.close();
  });

  test('the record of a call with many legs costs a time linear in them, and names each once', async () => {
    const watched = await Watched.start();
    const recordOf = (legs: number) => {
      const record = new LiveRecord(`call ${legs}`, { direction: 'internal', caller: '1', called: '2' }, 'leg 0', 0);
      const attempt = {
        label: '',
        target: '',
        status: 480,
        reason: '',
        cause: 'response',
        startedAtMs: 0,
        elapsedMs: 0,
      };
      const attempts = Array.from({ length: legs }, (_, leg) => ({ ...attempt, callId: `leg ${leg}` }));
      record.attempts = attempts as unknown as LiveRecord['attempts'];
      return record;
    };
    const cpuMs = (legs: number, calls: number) => {
      const records = Array.from({ length: calls }, () => recordOf(legs));
      return leastCpuMs(0, () => {
        for (const record of records) watched.observation.onCallEnded(record);
      });
    };
    cpuMs(500, 8);
    // As many legs, with as much garbage: were it quadratic, those of one call would take eight times as long.
    expect(cpuMs(4_000, 1) / cpuMs(500, 8)).toBeLessThan(3);
    const ids = watched.records.get('call 4000')?.sipCallIds;
    expect(ids).toEqual(Array.from({ length: 4_000 }, (_, leg) => `leg ${leg}`));
    watched.close();
  });

  test('a call that failed over names each trunk with its code; the last word is in the status', async () => {
    const watched = await Watched.start();
    const b = watched.world.agent('192.0.2.20');
    const call = watched.alice.call('18005550199');
    watched.carrier.answer(watched.carrier.took('INVITE'), 503, 'Busy Trunk');
    watched.world.run();
    b.answer(b.took('INVITE'), 404, 'Unallocated');
    watched.world.run();
    watched.alice.final(call);
    expect(watched.kept()[0]).toMatchObject({
      status: 404,
      trunkId: CARRIER_B_ID,
      talkMs: 0,
      attempts: [
        { trunkId: CARRIER_A_ID, status: 503, reason: 'Busy Trunk', cause: 'response' },
        { trunkId: CARRIER_B_ID, status: 404, reason: 'Unallocated', cause: 'response' },
      ],
    });
    watched.close();
  });

  test('an anonymous call says so, and keeps the number for those who may read records', async () => {
    const watched = await Watched.start();
    const call = watched.alice.call('*6718005550199');
    watched.carrier.answer(watched.carrier.took('INVITE'), 486, 'Busy Here');
    watched.world.run();
    watched.alice.final(call);
    expect(watched.kept()[0]).toMatchObject({
      anonymous: true,
      callerNumberSent: 'anonymous',
      outboundCallerId: '14155550100',
      calledNumber: '*6718005550199',
    });
    watched.close();
  });

  test('an inbound call has its rule, its trunk and its tenant', async () => {
    const watched = await Watched.start();
    const { carrier, alice } = watched;
    const invite = carrier.request(
      'INVITE',
      'sip:14155550100@198.51.100.1',
      { From: '<sip:12125550111@x>;tag=1' },
      SDP,
    );
    carrier.sends(invite);
    alice.answer(alice.took('INVITE'), 486, 'Busy Here');
    const refusal = carrier.responses(invite.callId()).at(-1);
    if (refusal !== undefined) carrier.ack(invite, refusal);
    expect(watched.kept()[0]).toMatchObject({
      direction: 'inbound',
      tenant: 'acme',
      callerNumber: '12125550111',
      calledNumber: '14155550100',
      inboundRule: 'main',
      trunkId: CARRIER_A_ID,
      status: 486,
    });
    watched.close();
  });
});

describe('events and metrics', () => {
  test('a call is told as it starts, rings, is answered and ends; a registration when it comes', async () => {
    const watched = await Watched.start();
    watched.end(watched.call().sent);
    const kinds = watched.told.map(({ type, data }) => (type === 'call' ? (data as { state: string }).state : type));
    expect(kinds.filter((kind) => kind !== 'trunk-state')).toEqual([
      'registration',
      'started',
      'ringing',
      'answered',
      'ended',
    ]);
    expect(watched.told.every(({ type, tenants }) => type === 'trunk-state' || tenants.includes('acme'))).toBe(true);
    const text = await watched.metrics.render();
    expect(text).toMatch(/tandem_calls_total\{direction="outbound"\} 1/);
    watched.close();
  });

  test('of several processes of a machine the first one tells of what each of them notices', async () => {
    const watched = await Watched.start();
    const [trunk, other] = watched.world.engine.directory.trunks;
    if (trunk === undefined || other === undefined) throw new Error('fewer than two trunks');
    const told = () => {
      const before = watched.told.length;
      const { observation } = watched;
      observation.onRelayState('udp:192.0.2.9:2223', 'down');
      observation.onCertificateExpiring({ name: 'sbc', owner: 'acme', notAfterMs: 0, daysLeft: 1 });
      observation.onContest({ trunk, numbers: '1', other, otherNumbers: '1' }, 'began');
      return watched.told.slice(before).map(({ type }) => type);
    };
    expect(told()).toEqual(['media-relay', 'certificate-expiring', 'trunk-coincidence']);
    const lines = watched.lines.length;
    watched.isFirst = false;
    expect(told()).toEqual([]);
    expect(watched.lines.length).toBe(lines);
    watched.close();
  });

  test('so is a field of the tenant’s own with one, in the INVITE and in an answer to a call in', async () => {
    const watched = await Watched.start({ acme: { headers: { relay: { trunk: ['X-Account'] } } } });
    const account = { 'X-Account': '14155550200' };
    watched.end(watched.call('18005550199', account).sent);
    const invite = watched.carrier.request('INVITE', `sip:14155550100@${ENGINE}`, {}, SDP);
    watched.carrier.send(invite);
    watched.world.run();
    watched.alice.answer(watched.alice.took('INVITE'), 486, 'Busy Here', account);
    watched.world.run();
    const events = watched.told.filter(({ type }) => type === 'caller-id-rejected');
    const data = { trunkId: CARRIER_A_ID, source: 'X-Account', value: '"14155550200"' };
    const reason = "another tenant's number on this provider";
    expect(events.map((event) => event.data)).toEqual([
      { ...data, reason, extension: '101' },
      { ...data, reason, callId: expect.any(String) },
    ]);
    for (const { tenants } of events) expect(tenants).toEqual(['acme']);
    // A label is one of few: what tenants call their fields is none.
    expect(await watched.metrics.render()).toContain('tandem_caller_id_rejected_total{source="header field"} 2');
    expect(watched.lines.filter((line) => line.includes('foreign-number-blocked'))).toHaveLength(2);
    watched.close();
  });

  test('a directive with a number of another tenant is an event that says why', async () => {
    const watched = await Watched.start();
    watched.end(watched.call('18005550199', { 'X-Outbound-Cli': 'rewrite-from=14155550200' }).sent);
    const event = watched.told.find(({ type }) => type === 'caller-id-rejected');
    expect(event?.data).toMatchObject({
      extension: '101',
      trunkId: CARRIER_A_ID,
      value: expect.stringContaining('14155550200'),
    });
    watched.close();
  });
});

describe('the view of the API', () => {
  test('explain gives, octet for octet, what a live call sends', async () => {
    const watched = await Watched.start();
    const explained = await watched.view().explain({ tenant: 'acme', from: '101', to: '18005550199' });
    const text = JSON.stringify(explained);
    expect(text).toContain('14155550100');
    const { sent } = watched.call();
    for (const header of ['P-Asserted-Identity', 'Session-Expires', 'Allow', 'Accept-Language']) {
      for (const value of sent.headers.fieldValuesNamed(header))
        expect(text).toContain(JSON.stringify(value).slice(1, -1));
    }
    watched.end(sent);
    watched.close();
  });

  test('a live call is listed with both Call-IDs and can be explained by either; afterwards by its id', async () => {
    const watched = await Watched.start();
    const view = watched.view();
    const { invite, sent } = watched.call();
    const [listed] = view.calls();
    expect(listed).toMatchObject({
      tenant: 'acme',
      direction: 'outbound',
      from: '101',
      to: '18005550199',
      state: 'answered',
      sipCallIds: [invite.callId(), sent.callId()],
    });
    const ids = [invite.callId(), sent.callId(), listed?.callId ?? ''];
    for (const id of ids) expect(JSON.stringify(view.explainCall(id))).toContain('14155550100');
    expect(view.trace(listed?.callId ?? '').length).toBeGreaterThan(4);
    watched.end(sent);
    expect([...view.calls()]).toEqual([]);
    expect(view.explainCall(listed?.callId ?? '')).not.toBe(undefined);
    expect(view.explainCall('nothing')).toBe(undefined);
    watched.close();
  });

  test('registrations are listed with who and where', async () => {
    const watched = await Watched.start();
    expect([...watched.view().registrations()]).toMatchObject([
      {
        addressOfRecord: '101@acme.example.com',
        tenant: 'acme',
        extension: '101',
        transport: 'udp',
        source: '203.0.113.1:5060',
      },
    ]);
    watched.close();
  });

  test('explain of somebody who is not there fails and says who', async () => {
    const watched = await Watched.start();
    await expect(watched.view().explain({ tenant: 'acme', from: '999', to: '1' })).rejects.toThrow('999');
    await expect(watched.view().explain({ tenant: 'nobody', from: '101', to: '1' })).rejects.toThrow('nobody');
    watched.close();
  });

  test('a node that drains is not ready', async () => {
    const watched = await Watched.start();
    expect(watched.view().readiness()).toMatchObject({ ready: true });
    void watched.world.engine.drain(1_000);
    expect(watched.view().readiness()).toMatchObject({ ready: false, reasons: ['draining'] });
    watched.close();
  });
});

test('no password, nonce answer or hash is in any log line, event, metric, record, trace, listing or explanation', async () => {
  const watched = await Watched.start();
  const view = watched.view();
  watched.world.phone('101', '203.0.113.66', { password: 'c4n4ry-typed-wrong' });
  const { invite, sent } = watched.call('18005550199', { 'X-Outbound-Cli': 'rewrite-from=14155550200' });
  const listed = [...view.calls()];
  watched.end(sent);
  const answers = [
    [...view.calls()],
    listed,
    [...view.registrations()],
    view.trace(invite.callId()),
    view.trace(sent.callId()),
    view.explainCall(invite.callId()),
    await view.explain({ tenant: 'acme', from: '101', to: '18005550199' }),
    watched.world.engine.directory.trunks.map(({ id }) => watched.world.engine.trunks.status(id)),
  ];
  const seen = [
    ...watched.lines,
    JSON.stringify(watched.told),
    await watched.metrics.render(),
    JSON.stringify(watched.kept()),
    JSON.stringify(answers),
  ].join('\n');
  // The trace does have the messages in which they stood.
  expect(seen).toContain('Proxy-Authorization');
  expect(seen).not.toMatch(/c4n4ry/);
  const digests = watched.world.network.packets.flatMap(({ text }) =>
    [...text.matchAll(/response="([0-9a-f]+)"/g)].map((match) => match[1] ?? ''),
  );
  expect(digests.length).toBeGreaterThan(2);
  for (const digest of digests) expect(seen).not.toContain(digest);
  watched.close();
});
