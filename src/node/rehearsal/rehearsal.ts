import { WheelScheduler } from '../../base/wheel-scheduler.ts';
import { Engine } from '../../engine/engine.ts';
import { Observation } from '../../engine/tell/observation.ts';
import { RecentCalls } from '../../engine/tell/recent-calls.ts';
import { CallRecordLog, EventBus, JsonLogger, Metrics, SipTrace } from '../../observe/index.ts';
import { Directory } from '../../provisioning/directory/directory.ts';
import { provisioningSchema } from '../../provisioning/trunk-settings/schema.ts';
import type { NodeLimits } from '../../settings/limits-schema.ts';
import { nodeSchema } from '../../settings/node-schema.ts';
import { defaultTransportLimits } from '../../sip/transport/index.ts';
import { type RehearsalPeer, RehearsalPeers } from './peers.ts';
import { RehearsalSocket } from './socket.ts';

/** V8 compiles a function in full after some hundred runs; beyond this many calls a call hardly gets cheaper. */
const CALLS = 1200;
/** Enough that some wait for others, as under load. */
const CALLS_PER_STEP = 30;
/**
 * What is more than there is time for goes other ways than a call: not compiled, each of the first hundreds takes as long as a call when there
 * is no time, and the threads that compile it take the processors meanwhile. One flood in so many steps of calls, from the first on: where
 * time is short, as on a slow machine, both have been gone through, the first one whatever the first step of calls took.
 */
const STEPS_PER_FLOOD = 5;
const TURNS_PER_FLOOD = 12;
const INVITES_PER_TURN = 100;
const OTHERS_PER_TURN = 4;
/**
 * They go through so many engines in turn: what V8 has met with one engine only it compiles for that one's very objects and functions, and
 * throws away when the node's own comes.
 */
const ENGINES = 2;
/** How long a turn waits for more: as short as a setting can be, and still it is gone through. */
const GATHER_MS = 1;
/** What is not compiled yet takes its time; nobody is refused for it. */
const PATIENT = { backlogMs: 1_000 };
/** Of a flood nearly all are refused, for want of time, and later of places. */
const FLOODED = { backlogMs: 6, transactions: 1_000 };
/** Far enough that transactions end by their timers, too. */
const STEP_MS = 500;
/** On a machine that gives this process little time, callers wait no longer than this many times the limit. */
export const MOST_BY_THE_CLOCK = 3;
/** Turns of the event loop that a step may take at most: a call needs about twenty. */
const MAX_TURNS = 200;
/** A message is read, waits for its turn, is handled and answered, each in a turn of its own at times; after so many in which nothing is sent nothing waits. */
const IDLE_TURNS = 12;

const SERVER = { address: '192.0.2.1', port: 5060, domain: 'rehearsal.invalid' };
/** Admitted by its address. */
const DESK: RehearsalPeer = { address: '192.0.2.11', port: 5060, user: '101' };
/** Admitted by its password. */
const MOBILE: RehearsalPeer = { address: '192.0.2.12', port: 5060, user: '102', password: 'rehearsal' };
const CARRIER: RehearsalPeer = { address: '198.51.100.1', port: 5060, user: '+14155550199' };
/** Nobody knows it. */
const STRANGER: RehearsalPeer = { address: '192.0.2.13', port: 5060, user: '103' };
const PEERS = [DESK, MOBILE, CARRIER];

const PROVISIONING = {
  tenants: [
    {
      name: 'rehearsal',
      domain: SERVER.domain,
      outboundCallerId: '14155550100',
      extensions: [
        { number: DESK.user, password: 'rehearsal', trustedAddresses: [DESK.address] },
        { number: MOBILE.user, password: 'rehearsal' },
      ],
      outboundRules: [{ name: 'world', match: { prefixes: ['+'] }, routes: [{ trunk: 'carrier' }] }],
      inboundRules: [
        { name: 'mobile', trunk: 'carrier', dids: '14155550102', destination: { extension: MOBILE.user } },
      ],
    },
  ],
  trunks: [
    {
      id: '1',
      name: 'carrier',
      type: 'ip',
      host: CARRIER.address,
      outboundParameters: { pAssertedIdentity: { user: 'OutboundCallerId', host: 'TrunkHostPort' } },
      tenants: [{ tenant: 'rehearsal', didPool: '14155550100-14155550199' }],
    },
  ],
};

export interface RehearsalResult {
  readonly completed: number;
  readonly failed: number;
  /** Calls of the floods that were refused for want of time. */
  readonly refused: number;
}

/**
 * Runs calls, and more of them than there is time for, through engines of its own before the real one opens its sockets, so that the first
 * callers meet compiled code: compiled for objects of the hidden classes that the node's own will have.
 * Phones and carrier are in this process, on virtual time and sockets without a network; records, metrics, events and traces are the other engine's and end with it.
 *
 * @param limitMs gives up when this thread has computed for so long, or three times as long has passed because the machine is busy with
 *   others, but not before a first step of calls and a flood; 0: does nothing
 * @param isBatched whether the node reads datagrams many at a time (`udpBatching`)
 */
export async function rehearse(limitMs: number, isBatched = false): Promise<RehearsalResult> {
  if (limitMs === 0) return { completed: 0, failed: 0, refused: 0 };
  const stages = Array.from({ length: ENGINES }, () => new Stage(PATIENT, isBatched));
  const flooded = Array.from({ length: ENGINES }, () => new Stage(FLOODED, isBatched));
  for (const stage of [...stages, ...flooded]) await stage.open();
  const before = process.threadCpuUsage();
  const lastMs = performance.now() + limitMs * MOST_BY_THE_CLOCK;
  const spentMs = () => {
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / 1000;
  };
  const hasTimeFor = (step: number) => step === 0 || (spentMs() < limitMs && performance.now() < lastMs);
  for (let step = 0, floods = 0; step < CALLS / CALLS_PER_STEP && hasTimeFor(step); step++) {
    await stages[step % ENGINES]?.play(CALLS_PER_STEP);
    if (step % STEPS_PER_FLOOD === 0 && hasTimeFor(step)) await flooded[floods++ % ENGINES]?.flood();
  }
  for (const stage of [...stages, ...flooded]) await stage.close();
  const sum = (count: 'completed' | 'failed') => stages.reduce((total, { peers }) => total + peers[count], 0);
  const refused = flooded.reduce((total, stage) => total + stage.refused, 0);
  return { completed: sum('completed'), failed: sum('failed'), refused };
}

class Stage {
  readonly peers: RehearsalPeers;
  readonly #socket: RehearsalSocket;
  readonly #scheduler: WheelScheduler;
  readonly #metrics = new Metrics({ processMetrics: false });
  readonly #records: CallRecordLog;
  readonly #engine: Engine;

  constructor(limits: Partial<NodeLimits>, isBatched: boolean) {
    this.#socket = new RehearsalSocket(defaultTransportLimits.udpBufferOctets * 2, isBatched);
    const scheduler = new WheelScheduler();
    const log = new JsonLogger({ scheduler, stream: { write: () => {} } });
    const directory = new Directory(provisioningSchema.parse(PROVISIONING));
    this.#scheduler = scheduler;
    this.#records = new CallRecordLog({ log });
    this.#engine = new Engine({
      settings: nodeSchema.parse({
        listen: [{ transport: 'udp', host: SERVER.address, port: SERVER.port }],
        limits: { udpGatherMs: GATHER_MS, ...limits },
      }),
      scheduler,
      log,
      dns: { query: () => Promise.reject(new Error('every address is a literal')) },
      observer: new Observation({
        log,
        events: new EventBus(scheduler),
        metrics: this.#metrics,
        records: this.#records,
        trace: new SipTrace(scheduler),
        recentCalls: new RecentCalls(CALLS_PER_STEP),
        directory: () => directory,
      }),
      directory,
      version: 'rehearsal',
      guardsLoad: true,
      cpuShare: () => 1,
      createSocket: () => this.#socket,
      storeSetting: () => Promise.resolve(),
    });
    this.peers = new RehearsalPeers(SERVER, (text, { address, port }) => this.#socket.deliver(text, address, port));
  }

  get refused(): number {
    return this.#engine.endpoint.inbox?.counters.overloaded ?? 0;
  }

  open(): Promise<unknown> {
    return this.#engine.start();
  }

  /** A registration and as many calls, from each side, at the same moment. */
  async play(calls: number): Promise<void> {
    this.peers.register(MOBILE);
    this.peers.ping(DESK);
    await this.#exchange();
    for (let placed = 0; placed < calls; placed += PEERS.length) {
      this.peers.call(DESK, '+4930123456');
      this.peers.call(MOBILE, '+4930123456');
      this.peers.call(CARRIER, '14155550102');
    }
    await this.#exchange();
    this.#scheduler.advance(STEP_MS);
  }

  /** In each turn of the event loop more calls than there is time for, to nobody, and a ping among them. */
  async flood(): Promise<void> {
    for (let turn = 0; turn < TURNS_PER_FLOOD; turn++) {
      for (let index = 0; index < INVITES_PER_TURN; index++) this.peers.callNobody(CARRIER);
      for (let index = 0; index < OTHERS_PER_TURN; index++) {
        this.peers.callNobody(STRANGER);
        this.peers.ping(DESK);
      }
      await nextTurn();
    }
    await this.#exchange();
    this.#scheduler.advance(STEP_MS);
  }

  async close(): Promise<void> {
    await this.#engine.close();
    await this.#records.close();
    this.#metrics.close();
    this.#scheduler.close();
  }

  /** Carries messages to and fro until nobody has anything to say: a turn of the transport is a turn of the event loop. */
  async #exchange(): Promise<void> {
    let idleTurns = 0;
    for (let turn = 0; turn < MAX_TURNS && idleTurns < IDLE_TURNS; turn++) {
      await nextTurn();
      const sent = this.#socket.takeOutbox();
      idleTurns = sent.length === 0 ? idleTurns + 1 : 0;
      for (const { octets, address } of sent) {
        const peer = PEERS.find((candidate) => candidate.address === address);
        if (peer !== undefined) this.peers.receive(octets.toString('latin1'), peer);
      }
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
