/**
 * Files by the URL that names them. What is known is there at once; what is not is fetched once for all calls that wait for it. A host
 * that is slow or dead costs its own calls the time limit and nobody else anything: there is a bound to what is fetched at once from one
 * host and from all, to the calls that wait, and to what is kept, and a failure is remembered for a while. Of fetches and of calls that wait
 * each tenant has its share, since whoever calls it chooses the hosts.
 */
import { Latest } from '../base/latest.ts';
import type { Scheduler } from '../base/scheduler.ts';
import { SharedBudget } from '../base/shared-budget.ts';
import type { CertificateFetch, FetchedFile } from './certificate-fetch.ts';

export interface FetchedFilesOptions {
  readonly scheduler: Scheduler;
  readonly fetch: CertificateFetch;
  /** Longest time of a fetch in all, ms. */
  readonly timeoutMs: number;
  /** Calls that may wait at once. */
  readonly waitingCalls: number;
  /** Where it counts; one that follows another goes on counting. */
  readonly counters?: RepositoryCounters;
}

/** What the files are to whoever asks. */
export interface FileKind<Content> {
  /** For people: one, and many. */
  readonly one: string;
  readonly many: string;
  /** What is kept of the octets; never throws. */
  readonly read: (octets: Uint8Array) => Content;
}

/** Counts since the start. */
export interface RepositoryCounters {
  /** Answered from memory. */
  hits: number;
  fetched: number;
  failed: number;
  /** Not fetched, or not waited for, for a limit. */
  limited: number;
}

/** Why there is no file, in words. */
export class Unfetched {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

interface Entry<Content> {
  readonly content: Content | Unfetched;
  readonly freshUntilMs: number;
  readonly staleUntilMs: number;
}

const MAX_ENTRIES = 10_000;
const MAX_FETCHES = 128;
const MAX_FETCHES_PER_HOST = 8;
/** How long a failure is remembered. */
const NEGATIVE_MS = 30_000;
const STALE_MS = 24 * 3_600_000;

export class FetchedFiles<Content extends object> {
  readonly counters: RepositoryCounters;
  readonly #options: FetchedFilesOptions;
  readonly #kind: FileKind<Content>;
  readonly #entries = new Latest<string, Entry<Content>>(MAX_ENTRIES);
  readonly #underWay = new Map<string, Promise<Entry<Content>>>();
  /** By tenant, of each host and of all. */
  readonly #perHost = new Map<string, SharedBudget>();
  readonly #fetches = new SharedBudget(MAX_FETCHES);
  readonly #waiting: SharedBudget;

  constructor(options: FetchedFilesOptions, kind: FileKind<Content>) {
    this.#options = options;
    this.#kind = kind;
    this.#waiting = new SharedBudget(options.waitingCalls);
    this.counters = options.counters ?? { hits: 0, fetched: 0, failed: 0, limited: 0 };
  }

  /** Calls that wait now. */
  get waiting(): number {
    return this.#waiting.total;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * What a URL leads to: at once when it is known, else when it was fetched, which takes `timeoutMs` at most.
   *
   * @param tenant whose call asks
   * @param withinMs how long this one waits, ms; the fetch goes on for those who come later.
   */
  get(
    url: URL,
    tenant: string,
    withinMs = Number.POSITIVE_INFINITY,
  ): Content | Unfetched | Promise<Content | Unfetched> {
    const { href } = url;
    const { scheduler, timeoutMs } = this.#options;
    const entry = this.#entries.get(href);
    if (entry !== undefined && entry.freshUntilMs > scheduler.nowMs()) {
      this.counters.hits++;
      return entry.content;
    }
    if (this.#waiting.hasShare(tenant, 1)) return this.#limited(`too many calls wait for ${this.#kind.many}`);
    const fetching = this.#underWay.get(href) ?? this.#fetch(url, tenant);
    if (!(fetching instanceof Promise)) return fetching;
    this.#waiting.change(tenant, 1);
    const content = fetching.then((fetched) => fetched.content);
    return (withinMs < timeoutMs ? this.#inTime(content, withinMs) : content).finally(() => {
      this.#waiting.change(tenant, -1);
    });
  }

  #fetch(url: URL, tenant: string): Promise<Entry<Content>> | Unfetched {
    const { hostname, href } = url;
    const ofHost = this.#perHost.get(hostname) ?? new SharedBudget(MAX_FETCHES_PER_HOST);
    if (this.#fetches.hasShare(tenant, 1) || ofHost.hasShare(tenant, 1))
      return this.#limited(`too many ${this.#kind.many} are being fetched from ${hostname}`);
    this.#perHost.set(hostname, ofHost);
    ofHost.change(tenant, 1);
    this.#fetches.change(tenant, 1);
    const fetching = this.#fetched(url, tenant).then((entry) => {
      ofHost.change(tenant, -1);
      if (ofHost.total === 0) this.#perHost.delete(hostname);
      this.#underWay.delete(href);
      this.#fetches.change(tenant, -1);
      this.#keep(href, entry);
      return entry;
    });
    this.#underWay.set(href, fetching);
    return fetching;
  }

  /** Never rejects. */
  async #fetched(url: URL, tenant: string): Promise<Entry<Content>> {
    const { scheduler, fetch, timeoutMs } = this.#options;
    const controller = new AbortController();
    const late = Promise.withResolvers<never>();
    const onTimer = () => {
      controller.abort();
      late.reject(new Error(`no answer in ${timeoutMs} ms`));
    };
    const timer = scheduler.schedule(timeoutMs, { onTimer }, 0);
    try {
      const file = await Promise.race([fetch(url, controller.signal, tenant), late.promise]);
      this.counters.fetched++;
      return this.#entryOf(file);
    } catch (error) {
      this.counters.failed++;
      return this.#failed(url, error as Error);
    } finally {
      timer.cancel();
    }
  }

  async #inTime(content: Promise<Content | Unfetched>, withinMs: number): Promise<Content | Unfetched> {
    const late = Promise.withResolvers<Unfetched>();
    const onTimer = () => late.resolve(this.#limited(`no time was left to wait for ${this.#kind.one}`));
    const timer = this.#options.scheduler.schedule(Math.max(0, withinMs), { onTimer }, 0);
    const first = await Promise.race([content, late.promise]);
    timer.cancel();
    return first;
  }

  #entryOf({ octets, freshMs, mayBeStale }: FetchedFile): Entry<Content> {
    const freshUntilMs = this.#options.scheduler.nowMs() + freshMs;
    const staleUntilMs = mayBeStale && freshMs > 0 ? freshUntilMs + STALE_MS : freshUntilMs;
    return { content: this.#kind.read(octets), freshUntilMs, staleUntilMs };
  }

  /** A copy that has grown old is better than none (RFC 9111 §4.2.4). */
  #failed({ href }: URL, error: Error): Entry<Content> {
    const nowMs = this.#options.scheduler.nowMs();
    const old = this.#entries.get(href);
    const freshUntilMs = nowMs + NEGATIVE_MS;
    if (old !== undefined && old.staleUntilMs > nowMs) return { ...old, freshUntilMs };
    return {
      content: new Unfetched(`${this.#kind.one} cannot be fetched: ${error.message}`),
      freshUntilMs,
      staleUntilMs: 0,
    };
  }

  /** Of those that are kept, the one that was fetched first goes. */
  #keep(href: string, entry: Entry<Content>): void {
    this.#entries.delete(href);
    // What must not be kept was for the calls that waited.
    if (entry.freshUntilMs <= this.#options.scheduler.nowMs()) return;
    this.#entries.set(href, entry);
  }

  #limited(reason: string): Unfetched {
    this.counters.limited++;
    return new Unfetched(reason);
  }
}
