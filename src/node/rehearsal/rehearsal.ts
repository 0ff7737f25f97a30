import { WheelScheduler } from '../../base/wheel-scheduler.ts';
import { Engine } from '../../engine/engine.ts';
import { Observation } from '../../engine/tell/observation.ts';
import { RecentCalls } from '../../engine/tell/recent-calls.ts';
import { CallRecordLog, EventBus, JsonLogger, Metrics, SipTrace } from '../../observe/index.ts';
import { Directory } from '../../provisioning/directory/directory.ts';
import { provisioningSchema } from '../../provisioning/trunk-settings/schema.ts';
import { nodeSchema } from '../../settings/node-schema.ts';
import { defaultTransportLimits } from '../../sip/transport/index.ts';
import { type Peer, RehearsalPeers } from './peers.ts';
import { RehearsalSocket } from './socket.ts';

/** V8 compiles a function in full after some hundred runs; beyond this many calls a call hardly gets cheaper. */
const CALLS = 1200;
/** Enough that some wait for others, as under load. */
const CALLS_PER_STEP = 30;
/** A refusal for want of time goes another way than a call: not compiled, each of the first hundreds takes as long as a call, when there is no time. */
const REFUSALS_PER_STEP = 60;
/**
 * They go through so many engines in turn: what V8 has met with one engine only it compiles for that one's very objects and functions, and
 * throws away when the node's own comes.
 */
const ENGINES = 2;
/** How long a turn waits for more: as short as a setting can be, and still it is gone through. */
const GATHER_MS = 1;
/** What is not compiled yet takes its time; nobody is refused for it. */
const BACKLOG_MS = 1_000;
/** Far enough that transactions end by their timers, too. */
const STEP_MS = 500;
/** On a machine that gives this process little time, callers wait no longer than this many times the limit. */
const MOST_BY_THE_CLOCK = 3;
/** Turns of the event loop that a step may take at most: a call needs about twenty. */
const MAX_TURNS = 200;
/** A message is read, waits for its turn, is handled and answered, each in a turn of its own at times; after so many in which nothing is sent nothing waits. */
const IDLE_TURNS = 12;

const SERVER = { address: '192.0.2.1', port: 5060, domain: 'rehearsal.invalid' };
/** Admitted by its address. */
const DESK: Peer = { address: '192.0.2.11', port: 5060, user: '101' };
/** Admitted by its password. */
const MOBILE: Peer = { address: '192.0.2.12', port: 5060, user: '102', password: 'rehearsal' };
const CARRIER: Peer = { address: '198.51.100.1', port: 5060, user: '+14155550199' };
/** Sends more than there is time for; nobody hears what it is answered. */
const CROWD = { address: '192.0.2.13', port: 5060 };
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
}

/**
 * Runs calls through an engine of its own before the real one opens its sockets, so that the first callers meet compiled code.
 * Phones and carrier are in this process, on virtual time and sockets without a network; records, metrics, events and traces are the other engine's and end with it.
 *
 * @param limitMs gives up when this thread has computed for so long, or three times as long has passed because the machine is busy with
 *   others; 0: does nothing
 */
export async function rehearse(limitMs: number): Promise<RehearsalResult> {
  if (limitMs === 0) return { completed: 0, failed: 0 };
  const stages = Array.from({ length: ENGINES }, () => new Stage());
  for (const stage of stages) await stage.open();
  const before = process.threadCpuUsage();
  const lastMs = performance.now() + limitMs * MOST_BY_THE_CLOCK;
  const spentMs = () => {
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / 1000;
  };
  let placed = 0;
  while (placed < CALLS && spentMs() < limitMs && performance.now() < lastMs) {
    await stages[(placed / CALLS_PER_STEP) % ENGINES]?.play(CALLS_PER_STEP);
    placed += CALLS_PER_STEP;
  }
  for (const stage of stages) await stage.close();
  const sum = (count: 'completed' | 'failed') => stages.reduce((total, { peers }) => total + peers[count], 0);
  return { completed: sum('completed'), failed: sum('failed') };
}

class Stage {
  readonly peers: RehearsalPeers;
  readonly #socket = new RehearsalSocket(defaultTransportLimits.udpBufferOctets * 2);
  readonly #scheduler: WheelScheduler;
  readonly #metrics = new Metrics({ processMetrics: false });
  readonly #records: CallRecordLog;
  readonly #engine: Engine;
  #refused = 0;

  constructor() {
    const scheduler = new WheelScheduler();
    const log = new JsonLogger({ scheduler, stream: { write: () => {} } });
    const directory = new Directory(provisioningSchema.parse(PROVISIONING));
    this.#scheduler = scheduler;
    this.#records = new CallRecordLog({ log });
    this.#engine = new Engine({
      settings: nodeSchema.parse({
        listen: [{ transport: 'udp', host: SERVER.address, port: SERVER.port }],
        limits: { udpGatherMs: GATHER_MS, backlogMs: BACKLOG_MS },
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
    this.peers = new RehearsalPeers(SERVER, (text, { address, port }) =>
      this.#socket.deliver({ octets: Buffer.from(text, 'latin1'), address, port }),
    );
  }

  open(): Promise<unknown> {
    return this.#engine.start();
  }

  /** A registration and as many calls, from each side, at the same moment. */
  async play(calls: number): Promise<void> {
    this.peers.register(MOBILE);
    await this.#exchange();
    for (let placed = 0; placed < calls; placed += PEERS.length) {
      this.peers.call(DESK, '+4930123456');
      this.peers.call(MOBILE, '+4930123456');
      this.peers.call(CARRIER, '14155550102');
    }
    this.#refuse();
    await this.#exchange();
    this.#scheduler.advance(STEP_MS);
  }

  #refuse(): void {
    const { endpoint } = this.#engine;
    const flow = endpoint.flowTo({ transport: 'udp', ...CROWD });
    for (let refused = 0; refused < REFUSALS_PER_STEP; refused++)
      endpoint.refuseOctets(Buffer.from(inviteOfCrowd(++this.#refused), 'latin1'), flow);
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
      await new Promise((resolve) => setImmediate(resolve));
      const sent = this.#socket.takeOutbox();
      idleTurns = sent.length === 0 ? idleTurns + 1 : 0;
      for (const { octets, address } of sent) {
        const peer = PEERS.find((candidate) => candidate.address === address);
        if (peer !== undefined) this.peers.receive(octets.toString('latin1'), peer);
      }
    }
  }
}

function inviteOfCrowd(number: number): string {
  const { address, port } = CROWD;
  return `INVITE sip:+4930123456@${SERVER.domain} SIP/2.0\r\nVia: SIP/2.0/UDP ${address}:${port};${number % 2 === 0 ? 'rport;' : ''}branch=z9hG4bKcrowd${number}\r\nMax-Forwards: 70\r\nFrom: "Crowd" <sip:${DESK.user}@${SERVER.domain};user=phone>;tag=c${number}\r\nTo: <sip:+4930123456@${SERVER.domain}>\r\nCall-ID: crowd-${number}@${address}\r\nCSeq: 1 INVITE\r\nContact: <sip:${DESK.user}@${address}:${port}>\r\nUser-Agent: rehearsal\r\nContent-Length: 0\r\n\r\n`;
}
