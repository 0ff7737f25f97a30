/**
 * Certificates by the URL that names them. What is known is there at once; what is not is fetched once for all calls that wait for it.
 * A host that is slow or dead costs its own calls the time limit and nobody else anything: there is a bound to what is fetched at once
 * from one host and from all, to the calls that wait, and to what is kept, and a failure is remembered for a while.
 */
import type { X509Certificate } from 'node:crypto';
import type { Scheduler } from '../base/scheduler.ts';
import type { CertificateFetch, FetchedFile } from './certificate-fetch.ts';
import { MAX_CHAIN, type Signer, signerOf } from './chain.ts';
import type { StirFailure } from './received-passport.ts';
import { certificatesIn, type Trust } from './trust.ts';

export interface RepositoryOptions {
  readonly scheduler: Scheduler;
  readonly fetch: CertificateFetch;
  /** Whom to believe; another object after a reload. */
  readonly trust: () => Trust;
  /** Longest time of a fetch in all, ms. */
  readonly timeoutMs: number;
  /** Calls that may wait at once. */
  readonly waitingCalls: number;
  /** Where it counts; a repository that follows another goes on counting. */
  readonly counters?: RepositoryCounters;
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

interface Entry {
  readonly certificates: readonly X509Certificate[] | undefined;
  /** Why there are none. */
  readonly failure: StirFailure | undefined;
  readonly freshUntilMs: number;
  readonly staleUntilMs: number;
  verified: { readonly trust: Trust; readonly signer: Signer | StirFailure } | undefined;
}

const MAX_ENTRIES = 10_000;
const MAX_FETCHES = 128;
const MAX_FETCHES_PER_HOST = 8;
/** How long a failure is remembered. */
const NEGATIVE_MS = 30_000;
const STALE_MS = 24 * 3_600_000;

export class CertificateRepository {
  readonly counters: RepositoryCounters;
  readonly #options: RepositoryOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #underWay = new Map<string, Promise<Entry>>();
  readonly #perHost = new Map<string, number>();
  #waiting = 0;

  constructor(options: RepositoryOptions) {
    this.#options = options;
    this.counters = options.counters ?? { hits: 0, fetched: 0, failed: 0, limited: 0 };
  }

  /** Calls that wait now. */
  get waiting(): number {
    return this.#waiting;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Who signs with the certificate of a URL: at once when it is known, else when it was fetched, which takes `timeoutMs` at most. */
  signer(url: URL): Signer | StirFailure | Promise<Signer | StirFailure> {
    const { href } = url;
    const entry = this.#known(href);
    if (entry !== undefined) {
      this.counters.hits++;
      return this.#verified(entry);
    }
    if (this.#waiting >= this.#options.waitingCalls) return this.#limited('too many calls wait for certificates');
    const fetching = this.#underWay.get(href) ?? this.#fetch(url);
    if (!(fetching instanceof Promise)) return fetching;
    this.#waiting++;
    return fetching.then((fetched) => {
      this.#waiting--;
      return this.#verified(fetched);
    });
  }

  #known(href: string): Entry | undefined {
    const entry = this.#entries.get(href);
    return entry !== undefined && entry.freshUntilMs > this.#options.scheduler.nowMs() ? entry : undefined;
  }

  #fetch(url: URL): Promise<Entry> | StirFailure {
    const { hostname, href } = url;
    const ofHost = this.#perHost.get(hostname) ?? 0;
    if (this.#underWay.size >= MAX_FETCHES || ofHost >= MAX_FETCHES_PER_HOST)
      return this.#limited(`too many certificates are being fetched from ${hostname}`);
    this.#perHost.set(hostname, ofHost + 1);
    const fetching = this.#inTime(url).then((entry) => {
      const left = (this.#perHost.get(hostname) ?? 1) - 1;
      if (left === 0) this.#perHost.delete(hostname);
      else this.#perHost.set(hostname, left);
      this.#underWay.delete(href);
      this.#keep(href, entry);
      return entry;
    });
    this.#underWay.set(href, fetching);
    return fetching;
  }

  /** Never rejects. */
  async #inTime(url: URL): Promise<Entry> {
    const { scheduler, fetch, timeoutMs } = this.#options;
    const controller = new AbortController();
    const late = Promise.withResolvers<never>();
    const onTimer = () => {
      controller.abort();
      late.reject(new Error(`no answer in ${timeoutMs} ms`));
    };
    const timer = scheduler.schedule(timeoutMs, { onTimer }, 0);
    try {
      const file = await Promise.race([fetch(url, controller.signal), late.promise]);
      this.counters.fetched++;
      return this.#fetched(file);
    } catch (error) {
      this.counters.failed++;
      return this.#failed(url, error as Error);
    } finally {
      timer.cancel();
    }
  }

  #fetched({ octets, freshMs, mayBeStale }: FetchedFile): Entry {
    const nowMs = this.#options.scheduler.nowMs();
    const freshUntilMs = nowMs + freshMs;
    return entryOf(octets, freshUntilMs, mayBeStale && freshMs > 0 ? freshUntilMs + STALE_MS : freshUntilMs);
  }

  /** A copy that has grown old is better than none (RFC 9111 §4.2.4); the certificate's own dates are looked at in any case. */
  #failed({ href }: URL, error: Error): Entry {
    const nowMs = this.#options.scheduler.nowMs();
    const old = this.#entries.get(href);
    const freshUntilMs = nowMs + NEGATIVE_MS;
    if (old?.certificates !== undefined && old.staleUntilMs > nowMs) return { ...old, freshUntilMs };
    const failure = { status: 436, reason: `the certificate cannot be fetched: ${error.message}` } as const;
    return { certificates: undefined, failure, freshUntilMs, staleUntilMs: 0, verified: undefined };
  }

  /** Of those that are kept, the one that was fetched first goes. */
  #keep(href: string, entry: Entry): void {
    this.#entries.delete(href);
    // What must not be kept was for the calls that waited.
    if (entry.freshUntilMs <= this.#options.scheduler.nowMs()) return;
    this.#entries.set(href, entry);
    const oldest = this.#entries.size > MAX_ENTRIES ? this.#entries.keys().next().value : undefined;
    if (oldest !== undefined) this.#entries.delete(oldest);
  }

  #verified(entry: Entry): Signer | StirFailure {
    const { certificates, failure } = entry;
    if (certificates === undefined) return failure ?? { status: 436, reason: 'there is no certificate' };
    const trust = this.#options.trust();
    if (entry.verified?.trust !== trust) {
      const signer = signerOf(certificates, trust);
      entry.verified = { trust, signer: typeof signer === 'string' ? { status: 437, reason: signer } : signer };
    }
    return entry.verified.signer;
  }

  #limited(reason: string): StirFailure {
    this.counters.limited++;
    return { status: 436, reason };
  }
}

/** What is no certificate is kept like one: asking again would bring the same. */
function entryOf(octets: Uint8Array, freshUntilMs: number, staleUntilMs: number): Entry {
  const none = { certificates: undefined, failure: undefined, freshUntilMs, staleUntilMs, verified: undefined };
  try {
    const certificates = certificatesIn(octets);
    if (certificates.length <= MAX_CHAIN) return { ...none, certificates };
    const reason = `the chain has ${certificates.length} certificates: ${MAX_CHAIN} are looked at`;
    return { ...none, failure: { status: 437, reason } };
  } catch (error) {
    const reason = `what x5u leads to ${(error as Error).message}`;
    return { ...none, failure: { status: 436, reason } };
  }
}
