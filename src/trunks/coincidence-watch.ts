/** Keeps what the DNS makes coincide up to date, and tells of every contest that begins or ends. */

import { isDeepStrictEqual } from 'node:util';
import { isoTime } from '../base/iso-time.ts';
import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../base/scheduler.ts';
import type { Steps } from '../base/steps.ts';
import {
  type Coincidences,
  type Contest,
  coincidenceSteps,
  NO_COINCIDENCES,
} from '../provisioning/directory/coincidences.ts';
import type { Change } from '../provisioning/directory/difference.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import type { NumberIndex } from '../provisioning/directory/number-index.ts';
import { trunkIdOf, withBrand } from '../provisioning/trunk-settings/effective.ts';
import type { Trunk, TrunkSettings } from '../provisioning/trunk-settings/schema.ts';
import { sourcesOf } from '../provisioning/trunk-settings/sources.ts';
import type { Identification } from './identification.ts';
import type { TrunkAlarm } from './status-facts.ts';

export interface CoincidenceWatchPorts {
  readonly scheduler: Scheduler;
  readonly identification: Identification;
  readonly onContest: (contest: Contest, state: 'began' | 'ended') => void;
}

/** Changes of the DNS come many at a time. */
const GATHER_MS = 100;
/** How long it looks at a time, by the clock, since steps differ much; as many steps it does in any case. Then others have their turns. */
const LOOK_MS = 2;
const LEAST_STEPS = 32;
const REST_MS = 4;

export class CoincidenceWatch implements TimerTarget {
  readonly #ports: CoincidenceWatchPorts;
  readonly #contests = new Map<string, { readonly contest: Contest; readonly since: string }>();
  readonly #alarms = new Map<string, TrunkAlarm[]>();
  #directory: Directory;
  #found: Coincidences = NO_COINCIDENCES;
  #timer: Timer | undefined;
  /** What is under way. */
  #looking: Steps<Coincidences> | undefined;
  /** What it finds may not hold any more. It is told even so, since changes may never pause, and looked again. */
  #isOutdated = false;

  /**
   * Whether a provider that coincides gives a number to somebody else, and not later than to this tenant. One function for all snapshots:
   * one that was made where a snapshot replaces another would hold that one, and so all there have ever been.
   */
  readonly #isAnothers = (directory: Directory, provider: NumberIndex, tenant: string, number: number): boolean => {
    const all = this.#found.linked.get(provider);
    if (all === undefined) return false;
    for (const linked of all) {
      const owner = linked === provider ? undefined : linked.owner(number);
      if (owner === undefined || owner === tenant) continue;
      if (provider.owner(number) !== tenant) return true;
      const [own] = directory.trunksHolding(provider, tenant, number);
      const [others] = directory.trunksHolding(linked, owner, number);
      if (own === undefined || others === undefined || this.#ports.identification.precedes(others, own)) return true;
    }
    return false;
  };

  constructor(directory: Directory, ports: CoincidenceWatchPorts) {
    this.#directory = directory;
    this.#ports = ports;
  }

  /** A new snapshot, and what its trunks have different from the one before. It is guarded by what is known already. */
  update(directory: Directory, changes: readonly Change<TrunkSettings>[]): void {
    const before = this.#directory;
    this.#directory = directory;
    directory.coincideWith(this.#isAnothers);
    // What was found is of an older snapshot while it looks: whom a change concerns is not known then.
    const isBehind = this.#looking !== undefined && changes.length > 0;
    if (isBehind || changes.some((change) => this.#mayMatter(change, before))) this.#look();
  }

  /** Looks at a whole snapshot. */
  look(directory: Directory): void {
    this.#directory = directory;
    directory.coincideWith(this.#isAnothers);
    this.#look();
  }

  /** Numbers that a trunk has otherwise matter where the DNS has made it coincide; its sources wherever they are. */
  #mayMatter({ before: was, after }: Change<TrunkSettings>, directory: Directory): boolean {
    if (was !== undefined) {
      const provider = directory.provider(trunkIdOf(was));
      if (provider !== undefined && this.#found.linked.has(provider)) return true;
    }
    if (after === undefined) return false;
    return was === undefined || !isDeepStrictEqual(sourcesOf(withBrand(was)), sourcesOf(withBrand(after)));
  }

  /** The addresses of a trunk are others than before. */
  located(trunk: Trunk): void {
    const provider = this.#directory.provider(trunk.id);
    const wasLinked = provider !== undefined && this.#found.linked.has(provider);
    // What is under way has asked this trunk already, perhaps.
    if (this.#looking !== undefined) this.#isOutdated = true;
    else if (wasLinked || this.#ports.identification.meetsOthers(trunk))
      this.#timer ??= this.#ports.scheduler.schedule(GATHER_MS, this, 0);
  }

  alarmsOf(trunkId: string): readonly TrunkAlarm[] {
    return this.#alarms.get(trunkId) ?? [];
  }

  end(): void {
    this.#timer = cancelTimer(this.#timer);
  }

  onTimer(): void {
    this.#timer = undefined;
    if (this.#looking === undefined) this.#look();
    else this.#goOn(this.#looking);
  }

  #look(): void {
    if (this.#looking !== undefined) {
      this.#isOutdated = true;
      return;
    }
    const { identification } = this.#ports;
    this.#timer = cancelTimer(this.#timer);
    this.#isOutdated = false;
    this.#looking = coincidenceSteps(this.#directory, (id) => identification.networksOf(id));
    this.#goOn(this.#looking);
  }

  #goOn(looking: Steps<Coincidences>): void {
    const { scheduler } = this.#ports;
    const endMs = performance.now() + LOOK_MS;
    do {
      for (let step = 0; step < LEAST_STEPS; step++) {
        const { done, value } = looking.next();
        if (done !== true) continue;
        this.#looking = undefined;
        this.#tell(value);
        if (this.#isOutdated) this.#timer = scheduler.schedule(GATHER_MS, this, 0);
        return;
      }
    } while (performance.now() < endMs);
    this.#timer = scheduler.schedule(REST_MS, this, 0);
  }

  #tell(found: Coincidences): void {
    const { scheduler, onContest } = this.#ports;
    this.#found = found;
    const now = new Map(this.#found.contests.map((contest) => [`${contest.trunk.id} ${contest.other.id}`, contest]));
    for (const [key, { contest }] of this.#contests) {
      if (now.has(key)) continue;
      this.#contests.delete(key);
      onContest(contest, 'ended');
    }
    const since = isoTime(scheduler.wallMs());
    for (const [key, contest] of now) {
      const before = this.#contests.get(key);
      this.#contests.set(key, { contest, since: before?.since ?? since });
      if (before === undefined) onContest(contest, 'began');
    }
    this.#alarms.clear();
    for (const { contest, since } of this.#contests.values()) {
      this.#raise(contest.trunk, contest.numbers, since);
      this.#raise(contest.other, contest.otherNumbers, since);
    }
  }

  #raise(trunk: Trunk, range: string, since: string): void {
    // Of a trunk of several tenants each sees its own numbers alone.
    const numbers = trunk.assignments.length > 1 ? 'a pool of this one' : range;
    const message =
      `by the DNS another trunk is of the same provider, and holds numbers of ${numbers} for another tenant; ` +
      'whoever had the address first keeps the calls';
    const alarms = this.#alarms.get(trunk.id) ?? [];
    this.#alarms.set(trunk.id, [...alarms, { code: 'sources-coincide', message, since }]);
  }
}
