/**
 * Keeps what is known of each trunk's source addresses in step with the DNS: every watched trunk's names are located again every 30 s,
 * which costs nothing while the answers' TTLs run. An answer that cannot be had leaves the last good one in force.
 */

import { isIP } from 'node:net';
import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../base/scheduler.ts';
import { SharedBudget } from '../base/shared-budget.ts';
import { sourceOf } from '../base/source.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import { whatsappCalls } from '../provisioning/trunk-settings/whatsapp.ts';
import type { LocatedTarget, LocateQuery } from '../sip/locate/index.ts';
import { locateQuery, type TrunkHop, type TrunkLocator } from './hops.ts';
import type { TrunkAddress } from './identification.ts';

export interface AddressWatchPorts {
  readonly scheduler: Scheduler;
  readonly locator: Pick<TrunkLocator, 'locate'>;
  /**
   * All addresses of the trunk's names together; none of them in this first call while the DNS is asked. `areNew`: they may be others than
   * were told last. `isWhole`: each of the names has answered at some time.
   */
  readonly onAddresses: (trunk: Trunk, addresses: readonly TrunkAddress[], areNew: boolean, isWhole: boolean) => void;
  readonly onProblem: (trunk: Trunk, reason: string) => void;
}

interface Watched {
  readonly trunk: Trunk;
  /** Of its names. */
  readonly queries: readonly LocateQuery[];
  /** Last good answer per name, in the order of the names. */
  answers: (readonly LocatedTarget[] | undefined)[];
  asking: boolean;
  problem: string;
}

const ROUND_SECONDS = 30;
const TICK_MS = 1_000;
/** How long the DNS is asked before trunks are served. */
const IN_TIME_MS = 1_000;
/** Trunks whose names are asked for at the same time. */
const MAX_ASKING = 64;

export class AddressWatch implements TimerTarget {
  readonly #ports: AddressWatchPorts;
  readonly #watched = new Map<string, Watched>();
  /** Trunk ids in the order of their next look; those at the front are due. */
  readonly #queue = new Set<string>();
  readonly #due = new Set<string>();
  /** By owner: one whose name servers are silent leaves others their share. */
  readonly #asking = new SharedBudget(MAX_ASKING);
  #timer: Timer | undefined;

  constructor(ports: AddressWatchPorts) {
    this.#ports = ports;
  }

  /** Learns the addresses of a trunk now and from now on; a trunk already watched keeps its answers until new ones come. */
  watch(trunk: Trunk): void {
    const before = this.#watched.get(trunk.id);
    const kept = before !== undefined && sameNames(before.trunk, trunk) ? before.answers : undefined;
    const queries = namesOf(trunk).map(locateQuery);
    // A list of its own: an answer that the one before still waits for must not make its own look like nothing new.
    const watched: Watched = { trunk, queries, answers: [...(kept ?? [])], asking: false, problem: '' };
    this.#watched.set(trunk.id, watched);
    this.#queue.delete(trunk.id);
    // An address leads nowhere else later.
    if (queries.some(({ host }) => isIP(host) === 0)) this.#queue.add(trunk.id);
    this.#publish(watched, kept === undefined);
    this.#look(trunk.id);
    this.#timer ??= this.#ports.scheduler.schedule(TICK_MS, this, 0);
  }

  forget(trunkId: string): void {
    this.#watched.delete(trunkId);
    this.#queue.delete(trunkId);
    this.#due.delete(trunkId);
  }

  end(): void {
    this.#timer = cancelTimer(this.#timer);
    this.#watched.clear();
    this.#queue.clear();
    this.#due.clear();
  }

  onTimer(): void {
    this.#timer = this.#watched.size === 0 ? undefined : this.#ports.scheduler.schedule(TICK_MS, this, 0);
    for (const id of [...this.#due]) this.#look(id);
    for (const id of firstOf(this.#queue, Math.ceil(this.#queue.size / ROUND_SECONDS))) {
      this.#queue.delete(id);
      this.#queue.add(id);
      this.#look(id);
    }
  }

  #look(id: string): void {
    const watched = this.#watched.get(id);
    if (watched === undefined || watched.asking) return;
    const { owner } = watched.trunk;
    if (this.#asking.hasShare(owner, 1)) {
      this.#due.add(id);
      return;
    }
    this.#due.delete(id);
    const waiting: Promise<void>[] = [];
    let isChanged = false;
    for (const [index, query] of watched.queries.entries()) {
      try {
        const located = this.#ports.locator.locate(query);
        if (located instanceof Promise) waiting.push(this.#answered(watched, index, located));
        else isChanged = keep(watched, index, located) || isChanged;
      } catch (error) {
        this.#problem(watched, error);
      }
    }
    if (isChanged) this.#publish(watched, true);
    if (waiting.length === 0) return;
    watched.asking = true;
    this.#asking.change(owner, 1);
    void Promise.all(waiting).finally(() => {
      watched.asking = false;
      this.#asking.change(owner, -1);
      for (const next of firstOf(this.#due, 1)) this.#look(next);
    });
  }

  async #answered(watched: Watched, index: number, located: Promise<readonly LocatedTarget[]>): Promise<void> {
    try {
      if (keep(watched, index, await located)) this.#publish(watched, true);
    } catch (error) {
      this.#problem(watched, error);
    }
  }

  #publish(watched: Watched, areNew: boolean): void {
    if (this.#watched.get(watched.trunk.id) !== watched) return;
    watched.problem = '';
    const { trunk, queries, answers } = watched;
    const isWhole = queries.every((_, index) => answers[index] !== undefined);
    this.#ports.onAddresses(
      trunk,
      answers.flatMap((targets) => targets ?? []),
      areNew,
      isWhole,
    );
  }

  /** Said once per problem, not every 30 s. */
  #problem(watched: Watched, error: unknown): void {
    const reason = (error as Error).message;
    if (watched.problem === reason || this.#watched.get(watched.trunk.id) !== watched) return;
    watched.problem = reason;
    this.#ports.onProblem(watched.trunk, reason);
  }
}

/** Whether a trunk has a host that can be located: a gateway's is a label, and messages to whatsapp go another way. */
export function hasNames(trunk: Trunk): boolean {
  if (trunk.type === 'whatsapp') return whatsappCalls(trunk) !== undefined;
  return trunk.type !== 'accept-register' && trunk.host !== '';
}

/** By trunk id, what the names of trunks resolve to within a second; of trunks beyond the first 64, and of names that take longer, nothing. */
export async function addressesInTime(
  locator: Pick<TrunkLocator, 'locate'>,
  scheduler: Scheduler,
  trunks: readonly Trunk[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, string[]>();
  const asked = trunks.slice(0, MAX_ASKING).map(async (trunk) => {
    for (const answer of await Promise.allSettled(locateNames(locator, trunk))) {
      if (answer.status !== 'fulfilled') continue;
      found.set(trunk.id, [...(found.get(trunk.id) ?? []), ...answer.value.map(({ address }) => address)]);
    }
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = scheduler.schedule(IN_TIME_MS, { onTimer: () => resolve() }, 0);
  await Promise.race([Promise.all(asked), promise]);
  timer.cancel();
  return found;
}

/** Asks for the addresses of each of a trunk's names. */
function locateNames(locator: Pick<TrunkLocator, 'locate'>, trunk: Trunk): Promise<readonly LocatedTarget[]>[] {
  if (!hasNames(trunk)) return [];
  return namesOf(trunk).map(async (hop) => locator.locate(locateQuery(hop)));
}

/** Each of a trunk's names with the addresses that it has now. */
export function locatedNames(
  locator: Pick<TrunkLocator, 'locate'>,
  trunk: Trunk,
): readonly { readonly host: string; readonly addresses: Promise<readonly string[]> }[] {
  if (!hasNames(trunk)) return [];
  return namesOf(trunk).map((hop) => ({
    host: hop.host,
    addresses: (async () => [...new Set((await locator.locate(locateQuery(hop))).map(({ address }) => address))])(),
  }));
}

/** The names whose addresses a trunk may send from: its host's and its outbound proxy's, or Teams' datacentres'. */
function namesOf(trunk: Trunk): (TrunkHop & { readonly kind: 'host' })[] {
  const { host, port, transport, outboundProxy, teams } = trunk;
  // Calls do not wait for their questions.
  const owner = sourceOf(trunk.owner, 'names');
  if (teams !== undefined) return teams.targets.map((each) => ({ kind: 'host', ...each, transport, owner }));
  const hosts = outboundProxy === undefined ? [{ host, port }] : [{ host, port }, outboundProxy];
  return hosts.map((each) => ({ kind: 'host', host: each.host, port: each.port, transport, owner }));
}

function sameNames(a: Trunk, b: Trunk): boolean {
  return JSON.stringify(namesOf(a)) === JSON.stringify(namesOf(b));
}

/** Takes an answer over; says whether its addresses are others than before. The order of targets changes with every look. */
function keep(watched: Watched, index: number, located: readonly LocatedTarget[]): boolean {
  const before = watched.answers[index];
  watched.answers[index] = located;
  if (before === undefined || before.length !== located.length) return true;
  // A handful, of every trunk twice a minute: nothing is made for the comparison.
  return located.some(({ address, port }) => !before.some((known) => known.address === address && known.port === port));
}

function firstOf<T>(set: ReadonlySet<T>, count: number): T[] {
  const found: T[] = [];
  for (const item of set) {
    if (found.length >= count) break;
    found.push(item);
  }
  return found;
}
