/** How much of what the network brings is let in: the node's limits, as the endpoint and the transports apply them. */
import { getHeapStatistics } from 'node:v8';
import { Later } from '../../base/later.ts';
import type { Clock } from '../../base/scheduler.ts';
import { ownCopy } from '../../base/text.ts';
import type { Calls } from '../../call/index.ts';
import type { NodeLimits } from '../../settings/limits-schema.ts';
import type { NodeSettings } from '../../settings/node-schema.ts';
import type { GuessThrottleOptions } from '../../sip/auth/index.ts';
import type { EndpointOptions, StallGuard } from '../../sip/endpoint/index.ts';
import type { SipRequest } from '../../sip/message/index.ts';
import { SourceGate } from '../../sip/transport/index.ts';
import type { Acquaintances } from '../acquaintances.ts';
import type { PeerPass } from '../peer-nodes.ts';
import type { Served } from '../served.ts';
import type { FrontProxies } from './front-proxies.ts';
import { HeapRoom, type Held } from './heap-room.ts';

export interface IntakeOptions {
  readonly settings: Pick<NodeSettings, 'limits'>;
  readonly scheduler: Clock;
  /** Addresses with budgets and connection slots of their own: trunks, registered phones. */
  readonly sources: Pick<Acquaintances, 'sourceOf'>;
  /** Whether new requests are refused while more waits than there is time for. */
  readonly guardsLoad?: boolean;
  /** Notices when the machine has no time for new requests. */
  readonly stallGuard?: Pick<StallGuard, 'retryAfterSeconds'> | undefined;
  /** Knows emergency calls, which these limits do not hold up; asked only when one would. */
  readonly served: Pick<Served, 'isEmergency' | 'isEmergencyNumber'>;
  /** Whoever is behind a proxy has its own share of what is kept. */
  readonly front: Pick<FrontProxies, 'senderOf'>;
  /** Other nodes hand over calls of many: what carries their pass is held to no share. */
  readonly pass: Pick<PeerPass, 'read'>;
}

/** Calls and transactions: what is there of them counts. */
interface Watched {
  readonly calls: Pick<Calls, 'counters'>;
  readonly transactions: Held;
}

/** What a caller is told to wait when this second's calls have been placed, seconds. */
const CALL_RATE_RETRY_SECONDS = 1;
/** The same when there are as many dialogs as there may be. */
const DIALOGS_RETRY_SECONDS = 5;
/** Of the heap limit, what requests may take until they have their final answers, with what they begin. */
const REQUESTS_SHARE = 0.4;
/**
 * As much of it as those that have ended may take outside of the heap. They count as if they were within ({@link HeapRoom}), so a node that
 * is busy with those who are known must not be one without room for strangers.
 */
const LINGERING_SHARE = 0.2;
/** Seconds' worth of messages that a source may send at once. */
const BURST_SECONDS = 2;

/**
 * Lets new calls in at a rate. A place is taken by a call that was admitted, so that whoever cannot sign in takes none from those who
 * can; while none is left, INVITEs are refused before anybody looks at them.
 */
export class Intake {
  /** What each address, and all strangers together, may send. */
  readonly gate: SourceGate;
  readonly #options: IntakeOptions;
  readonly #room: HeapRoom;
  readonly #watched = new Later<Watched>('what the limits of the intake count');
  #places: number;
  #refilledAtMs: number;

  constructor(options: IntakeOptions) {
    this.#options = options;
    const { sources, scheduler } = options;
    const { limits } = options.settings;
    this.#room = new HeapRoom(scheduler, limits.strangersHeapPercent / 100, () => this.#watched.part.transactions);
    this.gate = new SourceGate(scheduler, {
      messagesPerSecond: limits.messagesPerSecondPerPeer,
      burst: BURST_SECONDS * limits.messagesPerSecondPerPeer,
      strangersPerSecond: limits.messagesPerSecondFromStrangers,
      knownPerSecond: limits.messagesPerSecondPerKnownPeer,
      sourceOf: (address) => sources.sourceOf(address),
      hasRoom: this.#room.hasRoom,
    });
    this.#places = limits.callsPerSecond;
    this.#refilledAtMs = scheduler.nowMs();
  }

  /** Once, before a socket is open. */
  watch(calls: Pick<Calls, 'counters'>, transactions: Held): void {
    this.#watched.give({ calls, transactions });
  }

  /** A call was admitted. */
  callBegins(): void {
    this.#refill();
    this.#places--;
  }

  endpointOptions() {
    const { settings, guardsLoad = false, stallGuard, served, front, pass } = this.#options;
    const { limits } = settings;
    const heapLimit = getHeapStatistics().heap_size_limit;
    const isEmergency = (request: SipRequest) => served.isEmergency(request);
    return {
      sources: this.gate,
      inboxLimits: {
        backlogMs: guardsLoad ? limits.backlogMs : Number.POSITIVE_INFINITY,
        strangersShare: limits.strangersTimePercent / 100,
        strangersWaiting: limits.strangersWaiting,
      },
      transportLimits: {
        maxConnections: limits.connections,
        // However few there are, half of them are for everybody.
        reservedConnections: Math.min(limits.connectionsReservedForTrunks, Math.floor(limits.connections / 2)),
        maxConnectionsPerSource: limits.connectionsPerPeer,
        strangersPerSecond: limits.strangerConnectionsPerSecond,
        messageTimeoutMs: limits.firstMessageMs,
        idleTimeoutMs: limits.idleConnectionMs,
        maxQueuedOctets: limits.sendQueueBytes,
        udpGatherMs: limits.udpGatherMs,
      },
      messageLimits: {
        messageOctets: limits.messageBytes,
        headOctets: limits.messageBytes,
        lineOctets: limits.headerLineBytes,
        headerCount: limits.headerCount,
        viaCount: limits.viaCount,
      },
      isEmergency,
      isEmergencyNumber: (number, host) => served.isEmergencyNumber(number, host),
      sourceOf: (request, flow) => {
        const { remoteAddress } = front.senderOf(request, flow);
        // One that is written in the request must not keep its text alive.
        const address = remoteAddress === flow.remoteAddress ? remoteAddress : ownCopy(remoteAddress);
        return this.gate.sourceOf(address) ?? address;
      },
      speaksForMany: (request, flow) => pass.read(request, flow.remoteAddress) !== undefined,
      maxServerTransactions: limits.transactions,
      maxServerOctets: REQUESTS_SHARE * heapLimit,
      maxLingeringOctets: LINGERING_SHARE * heapLimit,
      maxClientTransactions: limits.transactions,
      overloadSeconds: (request) => {
        const isCall = request.method === 'INVITE';
        if (isCall && this.#refill() < 1 && !isEmergency(request)) return CALL_RATE_RETRY_SECONDS;
        if (isCall && this.#dialogs >= limits.dialogs && !isEmergency(request)) return DIALOGS_RETRY_SECONDS;
        const seconds = stallGuard?.retryAfterSeconds();
        return seconds !== undefined && isCall && isEmergency(request) ? undefined : seconds;
      },
    } satisfies Partial<EndpointOptions>;
  }

  get #dialogs(): number {
    return this.#watched.part.calls.counters.legs;
  }

  #refill(): number {
    const { callsPerSecond } = this.#options.settings.limits;
    const nowMs = this.#options.scheduler.nowMs();
    const refilled = this.#places + ((nowMs - this.#refilledAtMs) * callsPerSecond) / 1000;
    this.#places = Math.min(callsPerSecond, refilled);
    this.#refilledAtMs = nowMs;
    return this.#places;
  }
}

/** Budgets for wrong passwords from the one figure that is set. */
export function guessBudgets({ authFailuresPerMinute: perMinute }: NodeLimits): GuessThrottleOptions {
  return {
    perUserAndSource: { burst: Math.ceil(perMinute / 2), refillMs: 600_000 / perMinute },
    perUser: { burst: Math.ceil(1.5 * perMinute), refillMs: 400_000 / perMinute },
    perSource: { burst: 3 * perMinute, refillMs: 40_000 / perMinute },
  };
}
