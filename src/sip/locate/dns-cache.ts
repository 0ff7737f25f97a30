import { Latest } from '../../base/latest.ts';
import type { Clock } from '../../base/scheduler.ts';
import type { DnsPort, DnsRecord, DnsRecordType, DnsReply } from './dns-port.ts';

const MAX_ENTRIES = 20_000;
const MIN_TTL_SECONDS = 1;
const MAX_TTL_SECONDS = 24 * 3600;
const DEFAULT_NEGATIVE_TTL_MS = 30_000;
const MAX_NEGATIVE_TTL_MS = 300_000;
/** After a failed refresh the last good answer is used again for this long before the servers are asked once more. */
const STALE_RETRY_MS = 10_000;
/** A failure with no earlier answer is remembered this long, so that a dead server is not asked for every call. */
const FAILURE_TTL_MS = 3000;
const MAX_CNAME_LINKS = 8;

/** Least and most seconds that an answer is kept. */
export interface TtlBounds {
  readonly minSeconds: number;
  readonly maxSeconds: number;
}

/** What is known of one name and type: an empty list means that there is no such record. */
export interface KnownAnswer {
  readonly records: readonly DnsRecord[];
  /** Monotonic time until which it holds, milliseconds. */
  readonly untilMs: number;
  /** The servers could not be asked, and there is no earlier answer. */
  readonly failure?: string;
}

/**
 * Answers with their TTLs. When the servers stay silent, the last good answer is kept
 * (RFC 8767): a trunk does not go down because a name server does. A reply answers its question and no other (RFC 2181 §5.4.1): who has a
 * name would else say where another's is.
 */
export class DnsCache {
  readonly #dns: DnsPort;
  readonly #clock: Clock;
  readonly #entries = new Latest<string, KnownAnswer>(MAX_ENTRIES);

  readonly #ttl: TtlBounds;

  constructor(
    dns: DnsPort,
    clock: Clock,
    ttl: TtlBounds = { minSeconds: MIN_TTL_SECONDS, maxSeconds: MAX_TTL_SECONDS },
  ) {
    this.#dns = dns;
    this.#clock = clock;
    this.#ttl = ttl;
  }

  /** What is known now without asking; undefined when it must be asked. */
  peek(name: string, type: DnsRecordType): KnownAnswer | undefined {
    const entry = this.#entries.get(`${type} ${name}`);
    return entry !== undefined && entry.untilMs > this.#clock.nowMs() ? entry : undefined;
  }

  /** The last answer, whether it still holds or not. */
  last(name: string, type: DnsRecordType): KnownAnswer | undefined {
    return this.#entries.get(`${type} ${name}`);
  }

  /** Answers from the cache or asks, in the name of an owner. Never rejects. */
  async lookUp(name: string, type: DnsRecordType, owner?: string): Promise<KnownAnswer> {
    return this.peek(name, type) ?? (await this.#ask(name, type, owner));
  }

  async #ask(name: string, type: DnsRecordType, owner: string | undefined): Promise<KnownAnswer> {
    const reply = await this.#reply(name, type, owner);
    const key = `${type} ${name}`;
    const nowMs = this.#clock.nowMs();
    if (reply.status === 'failed') {
      const last = this.#entries.get(key);
      const kept =
        last === undefined || last.failure !== undefined
          ? { records: [], untilMs: nowMs + FAILURE_TTL_MS, failure: reply.reason }
          : { records: last.records, untilMs: nowMs + STALE_RETRY_MS };
      // Nobody was asked: who has a place may be told more.
      return reply.unasked === true && kept.failure !== undefined ? kept : this.#remember(key, kept);
    }
    const { records } = followAliases(reply.records, name, type);
    if (records.length === 0) {
      const negativeMs = Math.min(
        (reply.negativeTtlSeconds ?? 0) * 1000 || DEFAULT_NEGATIVE_TTL_MS,
        MAX_NEGATIVE_TTL_MS,
      );
      return this.#remember(key, { records, untilMs: nowMs + Math.max(negativeMs, this.#ttl.minSeconds * 1000) });
    }
    return this.#remember(key, { records, untilMs: nowMs + this.#keptMs(records) });
  }

  /** Where an alias leads to a name of which nothing is said, not even that it has no such record, that one is asked for (RFC 1034 §5.3.3). */
  async #reply(name: string, type: DnsRecordType, owner: string | undefined): Promise<DnsReply> {
    let reply = await this.#dns.query(name, type, owner);
    const asked = new Set([name]);
    while (reply.status === 'answered' && reply.negativeTtlSeconds === undefined && asked.size <= MAX_CNAME_LINKS) {
      const { records, end } = followAliases(reply.records, name, type);
      if (records.length > 0 || asked.has(end)) break;
      asked.add(end);
      const next = await this.#dns.query(end, type, owner);
      reply = next.status === 'failed' ? next : { ...next, records: [...reply.records, ...next.records] };
    }
    return reply;
  }

  #keptMs(records: readonly DnsRecord[]): number {
    const seconds = Math.min(...records.map((record) => record.ttlSeconds));
    return Math.min(Math.max(seconds, this.#ttl.minSeconds), this.#ttl.maxSeconds) * 1000;
  }

  #remember(key: string, known: KnownAnswer): KnownAnswer {
    this.#entries.set(key, known);
    return known;
  }
}

/** Records of the type asked for `name`, through CNAMEs; a loop or an over-long chain gives none. `end`: the name that these lead to. */
function followAliases(records: readonly DnsRecord[], name: string, type: DnsRecordType) {
  let end = name;
  for (let link = 0; link <= MAX_CNAME_LINKS; link++) {
    const found = records.filter((record) => record.type === type && record.name === end);
    if (found.length > 0) return { records: found, end };
    const alias = records.find((record) => record.type === 'CNAME' && record.name === end);
    if (alias?.type !== 'CNAME') break;
    end = alias.target;
  }
  return { records: [], end };
}
