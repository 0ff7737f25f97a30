/**
 * RFC 3263: from a URI's host to the ordered list of addresses to try.
 *
 * Theory of operation: an IP literal or a fully cached answer is located at once, in the caller's own turn, so that a call in the
 * steady state waits for nothing; else the missing questions are asked and a promise returned. The order of a list is fresh for every
 * look-up (RFC 2782 weights); targets that failed lately go to its end, never out of it: a target that may be dead is better than none.
 */

import { isIP } from 'node:net';
import { Latest } from '../../base/latest.ts';
import { LatestPairs } from '../../base/latest-pairs.ts';
import type { Clock } from '../../base/scheduler.ts';
import { ownCopy } from '../../base/text.ts';
import type { TransportName } from '../../base/transport.ts';
import { defaultPort } from '../../base/transport.ts';
import { DnsCache, type KnownAnswer, type TtlBounds } from './dns-cache.ts';
import type { DnsPort, DnsRecordType, NaptrRecord, SrvRecord } from './dns-port.ts';
import { orderByWeight } from './srv-order.ts';

/** Where to send to, as a URI or a trunk says it. */
export interface LocateQuery {
  /** Name or IP literal; IPv6 without brackets. */
  readonly host: string;
  readonly port?: number;
  /** Asked for by the URI's `transport` parameter or the trunk's setting. */
  readonly transport?: TransportName;
  /** A `sips:` URI: TLS only (RFC 3261 §26.2.2). */
  readonly secure?: boolean;
  /** The transport is settled, and the domain's NAPTR records may still name the SRV record for it. */
  readonly naptr?: boolean;
  /** Who asks and how targets are tried: what has failed otherwise is not tried last. Default: an empty one. */
  readonly way?: string;
  /** In whose name the DNS is asked, as for {@link DnsPort.query}. */
  readonly owner?: string;
}

export interface LocatedTarget {
  readonly transport: TransportName;
  /** IP literal. */
  readonly address: string;
  readonly port: number;
  /** The name that a TLS certificate must carry: the host that was asked for, not what the DNS made of it (RFC 5922 §4). */
  readonly serverName?: string;
}

const ALL_TRANSPORTS: readonly TransportName[] = ['udp', 'tcp', 'tls'];

export interface LocatorOptions {
  readonly dns: DnsPort;
  readonly clock: Clock;
  /** Transports that this engine listens on, in order of preference. */
  readonly transports?: () => readonly TransportName[];
  /** Families that this engine can send on. Default: both. */
  readonly families?: readonly ('A' | 'AAAA')[];
  /** Names that need no DNS (`/etc/hosts`), lower case. */
  readonly hosts?: ReadonlyMap<string, readonly string[]>;
  /** A number in [0, 1); default Math.random. */
  readonly random?: () => number;
  /** How long a failed target is tried last, milliseconds. */
  readonly failureMemoryMs?: number;
  /** Bounds for how long an answer is kept, whatever its TTL says. */
  readonly ttl?: TtlBounds;
}

/** No target could be found: the name does not exist, or nobody could be asked. */
export class LocateError extends Error {
  readonly code = 'SIP_LOCATE_FAILED';
}

const DEFAULT_FAILURE_MEMORY_MS = 60_000;
const MAX_REMEMBERED_FAILURES = 10_000;
const MAX_TARGETS = 24;
/** Questions of one look-up that are under way at one time. */
const ASKED_AT_ONCE = 32;
const MAX_LITERALS = 1_000;
const SERVICE_OF: Readonly<Record<TransportName, string>> = {
  udp: '_sip._udp.',
  tcp: '_sip._tcp.',
  tls: '_sips._tcp.',
};
const NAPTR_SERVICE: Readonly<Record<string, TransportName>> = {
  'sip+d2u': 'udp',
  'sip+d2t': 'tcp',
  'sips+d2t': 'tls',
};

interface Question {
  readonly name: string;
  readonly type: DnsRecordType;
}

/** Thrown inside a walk to say which questions must be asked before it can go on. */
class Unknown {
  readonly questions: readonly Question[];
  /** How many of them, the first ones, the walk must have; the others it needs only if the answers are what they were. */
  readonly needed: number;

  constructor(questions: readonly Question[], needed: number) {
    this.questions = questions;
    this.needed = needed;
  }
}

/** What a walk goes by. */
interface Answers {
  /** What is known; of what is not, what was known last, with a note to ask. Throws {@link Unknown} where there is nothing to go on with. */
  of(name: string, type: DnsRecordType): KnownAnswer['records'];
  /** Throws {@link Unknown} when something was noted: what comes next depends on it. */
  settle(): void;
}

interface Service {
  readonly transport: TransportName;
  readonly srvName: string;
}

export class Locator {
  readonly #cache: DnsCache;
  readonly #clock: Clock;
  readonly #transports: () => readonly TransportName[];
  readonly #families: readonly ('A' | 'AAAA')[];
  readonly #hosts: ReadonlyMap<string, readonly string[]>;
  readonly #random: () => number;
  readonly #failureMemoryMs: number;
  /** Where queries of an address lead, by {@link placeOf} there: trunks ask for the same ones. */
  readonly #literals = new LatestPairs<string, number, readonly LocatedTarget[]>(MAX_LITERALS);
  /** {@link failureKey} → monotonic time until which it is tried last. */
  readonly #failedUntilMs = new Latest<string, number>(MAX_REMEMBERED_FAILURES);

  constructor(options: LocatorOptions) {
    this.#cache = new DnsCache(options.dns, options.clock, options.ttl);
    this.#clock = options.clock;
    this.#transports = options.transports ?? (() => ALL_TRANSPORTS);
    this.#families = options.families ?? ['A', 'AAAA'];
    this.#hosts = options.hosts ?? new Map();
    this.#random = options.random ?? Math.random;
    this.#failureMemoryMs = options.failureMemoryMs ?? DEFAULT_FAILURE_MEMORY_MS;
  }

  /**
   * The targets of a query in the order to try them: at once when everything needed is known, else a promise. Throws (or rejects with)
   * {@link LocateError} when there is none.
   */
  locate(query: LocateQuery): readonly LocatedTarget[] | Promise<readonly LocatedTarget[]> {
    const literal = this.#literals.get(query.host, placeOf(query));
    if (literal !== undefined) return literal;
    if (isIP(query.host) !== 0) return this.#literal(query);
    const known = this.#attempt(query, this.#random);
    return known instanceof Unknown ? this.#locateAsking(query, known) : known;
  }

  /** Remembers that a target did not answer who tried it this way: for `holdMs` it is tried after all others. */
  markFailed(target: LocatedTarget, way = '', holdMs = this.#failureMemoryMs): void {
    this.#failedUntilMs.set(failureKey(target, way), this.#clock.nowMs() + holdMs);
  }

  /** It answered: the memory of its failure is gone. */
  markAlive(target: LocatedTarget, way = ''): void {
    if (this.#failedUntilMs.size > 0) this.#failedUntilMs.delete(failureKey(target, way));
  }

  isFailed(target: LocatedTarget, way = ''): boolean {
    if (this.#failedUntilMs.size === 0) return false;
    const untilMs = this.#failedUntilMs.get(failureKey(target, way));
    return untilMs !== undefined && untilMs > this.#clock.nowMs();
  }

  #literal(query: LocateQuery): readonly LocatedTarget[] {
    const target = literalTarget(query);
    const targets = [target];
    this.#literals.set(target.address, placeOf(query), targets);
    return targets;
  }

  async #locateAsking(query: LocateQuery, first: Unknown): Promise<readonly LocatedTarget[]> {
    let unknown = first;
    const asked = new Map<string, KnownAnswer>();
    // Each round answers more questions of a walk that is bounded by its own limits.
    for (let round = 0; round < 2 * MAX_TARGETS + 8; round++) {
      const questions = unknown.questions.slice(0, ASKED_AT_ONCE);
      const asking = questions.map(({ name, type }) => this.#cache.lookUp(name, type, query.owner));
      const known = await Promise.all(asking.slice(0, unknown.needed));
      for (const [at, answer] of known.entries()) {
        const { name, type } = questions[at] as Question;
        asked.set(`${type} ${name}`, answer);
      }
      // In a fixed order while asking, since a walk that is drawn anew each round would never come to an end of its questions.
      const result = this.#attempt(query, fixedOrder, asked);
      if (!(result instanceof Unknown)) return this.#attempt(query, this.#random, asked) as readonly LocatedTarget[];
      unknown = result;
    }
    throw new LocateError(`${query.host}: too many DNS questions to locate it`);
  }

  /** Walks RFC 3263 §4 with what is known; gives the question to ask when something is not. */
  #attempt(
    query: LocateQuery,
    random: () => number,
    asked?: ReadonlyMap<string, KnownAnswer>,
  ): readonly LocatedTarget[] | Unknown {
    const failures: string[] = [];
    const unknown: Question[] = [];
    let needed: number | undefined;
    const settle = () => {
      if (unknown.length > 0) throw new Unknown(unknown, needed ?? unknown.length);
    };
    const of = (name: string, type: DnsRecordType) => {
      const known = asked?.get(`${type} ${name}`) ?? this.#cache.peek(name, type);
      if (known === undefined) {
        unknown.push({ name, type });
        // What it led to before it most likely leads to again, and is asked for in the same round trip. Addresses lead nowhere.
        const last = this.#cache.last(name, type);
        if (type !== 'A' && type !== 'AAAA') {
          if (last === undefined) settle();
          needed ??= unknown.length;
        }
        return last?.records ?? [];
      }
      if (known.failure !== undefined) failures.push(`${type} ${name}: ${known.failure}`);
      return known.records;
    };
    try {
      // RFC 1034 §3.1: a dot at the end says that the name is whole, as every name here is.
      const host = query.host.toLowerCase().replace(/\.$/, '');
      const targets = this.#walk({ ...query, host }, random, { of, settle });
      settle();
      if (targets.length > 0) return this.#failedLast(distinct(targets), query.way);
    } catch (thrown) {
      if (thrown instanceof Unknown) return thrown;
      throw thrown;
    }
    const why = failures.length > 0 ? failures.join('; ') : 'the DNS has no address for it';
    throw new LocateError(`${query.host} could not be located: ${why}`);
  }

  #walk(query: LocateQuery, random: () => number, answers: Answers): LocatedTarget[] {
    const explicit: TransportName | undefined = query.secure === true ? 'tls' : query.transport;
    // §4.2: a port given means no SRV; §4.1: then the transport is what was asked for, else UDP.
    if (query.port !== undefined || this.#hosts.has(query.host)) {
      const transport = explicit ?? 'udp';
      return this.#addressesOf(query.host, transport, query.port ?? defaultPort(transport), query.host, answers);
    }
    for (const service of this.#services(query, explicit, answers)) {
      const srv = answers.of(service.srvName, 'SRV').filter((record): record is SrvRecord => record.type === 'SRV');
      // RFC 2782: a lone "." says that the service is decidedly not there.
      if (srv.length === 1 && (srv[0]?.target === '' || srv[0]?.target === '.')) continue;
      const best = srv.sort((a, b) => a.priority - b.priority).slice(0, MAX_TARGETS);
      // Nobody listens on port 0: who writes it means the one that is usual.
      const targets = orderByWeight(best, random).flatMap(({ target, port }) =>
        this.#addressesOf(target, service.transport, port || defaultPort(service.transport), query.host, answers),
      );
      if (best.length > 0) answers.settle();
      if (targets.length > 0) return targets.slice(0, MAX_TARGETS);
    }
    // §4.2: no SRV records: the name's own addresses and the default port.
    const transport = explicit ?? 'udp';
    return this.#addressesOf(query.host, transport, defaultPort(transport), query.host, answers);
  }

  /** §4.1: the services to look for, best first. */
  #services(query: LocateQuery, explicit: TransportName | undefined, answers: Answers): Service[] {
    const usual = (transport: TransportName) => ({ transport, srvName: SERVICE_OF[transport] + query.host });
    if (explicit !== undefined && query.naptr !== true) return [usual(explicit)];
    const wanted = explicit === undefined ? this.#transports() : [explicit];
    const naptr = answers
      .of(query.host, 'NAPTR')
      .filter((record): record is NaptrRecord => record.type === 'NAPTR' && record.flags.toLowerCase() === 's')
      .sort((a, b) => a.order - b.order || a.preference - b.preference);
    const offered: Service[] = [];
    for (const { services, target } of naptr) {
      const transport = NAPTR_SERVICE[services.toLowerCase()];
      if (transport !== undefined && wanted.includes(transport)) offered.push({ transport, srvName: target });
    }
    return offered.length > 0 ? offered : wanted.map(usual);
  }

  #addressesOf(
    host: string,
    transport: TransportName,
    port: number,
    serverName: string,
    answers: Answers,
  ): LocatedTarget[] {
    const addresses: string[] = [];
    const fixed = this.#hosts.get(host);
    if (isIP(host) !== 0) addresses.push(host);
    else if (fixed !== undefined) addresses.push(...fixed);
    else {
      for (const family of this.#families) {
        for (const record of answers.of(host, family)) {
          if ((record.type === 'A' || record.type === 'AAAA') && isIP(record.address) !== 0)
            addresses.push(record.address);
        }
      }
    }
    return addresses.slice(0, MAX_TARGETS).map((address) => ({ transport, address, port, serverName }));
  }

  #failedLast(targets: readonly LocatedTarget[], way: string | undefined): readonly LocatedTarget[] {
    if (this.#failedUntilMs.size === 0) return targets;
    const failed = targets.filter((target) => this.isFailed(target, way));
    if (failed.length === 0) return targets;
    return [...targets.filter((target) => !this.isFailed(target, way)), ...failed];
  }
}

/** §4.1, §4.2: a numeric host is used as it is; TLS for `sips`, else the transport asked for, else UDP. */
function literalTarget(query: LocateQuery): LocatedTarget {
  const host = ownCopy(query.host);
  const transport = transportOf(query);
  return { transport, address: host, port: query.port ?? defaultPort(transport), serverName: host };
}

/** Port and transport of a query as one number. */
function placeOf(query: LocateQuery): number {
  const transport = transportOf(query);
  return ALL_TRANSPORTS.length * (query.port ?? defaultPort(transport)) + ALL_TRANSPORTS.indexOf(transport);
}

function transportOf({ secure, transport = 'udp' }: LocateQuery): TransportName {
  return secure === true ? 'tls' : transport;
}

const fixedOrder = () => 0;

/** One of each: names that lead to the same address and port are one server, and a silent one is waited for once. */
function distinct(targets: readonly LocatedTarget[]): readonly LocatedTarget[] {
  if (targets.length < 2) return targets;
  const byKey = new Map<string, LocatedTarget>();
  for (const target of targets) if (!byKey.has(targetKey(target))) byKey.set(targetKey(target), target);
  return byKey.size === targets.length ? targets : [...byKey.values()];
}

function targetKey(target: LocatedTarget): string {
  return `${target.transport} ${target.address} ${target.port}`;
}

function failureKey(target: LocatedTarget, way: string): string {
  return `${targetKey(target)} ${way}`;
}
