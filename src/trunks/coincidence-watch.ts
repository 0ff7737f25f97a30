/** Keeps what the DNS makes coincide up to date, and tells of every contest that begins or ends. */

import { isoTime } from '../base/iso-time.ts';
import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../base/scheduler.ts';
import { type Coincidences, type Contest, coincidencesOf, NO_COINCIDENCES } from './coincidences.ts';
import type { Directory } from './directory.ts';
import type { Identification } from './identification.ts';
import type { NumberIndex } from './number-index.ts';
import type { Trunk } from './schema.ts';

export interface TrunkAlarm {
  readonly code: 'sources-coincide';
  /** Names nobody: whoever sees the trunk sees its alarms. */
  readonly message: string;
  /** ISO 8601. */
  readonly since: string;
}

export interface CoincidenceWatchPorts {
  readonly scheduler: Scheduler;
  readonly identification: Identification;
  readonly onContest: (contest: Contest, state: 'began' | 'ended') => void;
}

/** Changes of the DNS come many at a time. */
const GATHER_MS = 100;

export class CoincidenceWatch implements TimerTarget {
  readonly #ports: CoincidenceWatchPorts;
  readonly #contests = new Map<string, { readonly contest: Contest; readonly since: string }>();
  readonly #alarms = new Map<string, TrunkAlarm[]>();
  #directory: Directory;
  #found: Coincidences = NO_COINCIDENCES;
  #timer: Timer | undefined;

  constructor(directory: Directory, ports: CoincidenceWatchPorts) {
    this.#directory = directory;
    this.#ports = ports;
  }

  /** A new snapshot; it is guarded by what is known already until all is looked at anew. */
  update(directory: Directory): void {
    this.#directory = directory;
    directory.coincideWith((...asked) => this.#isAnothers(...asked));
    this.#look();
  }

  /** The addresses of a trunk are others than before. */
  located(trunk: Trunk): void {
    const provider = this.#directory.provider(trunk.id);
    const wasLinked = provider !== undefined && this.#found.linked.has(provider);
    if (wasLinked || this.#ports.identification.meetsOthers(trunk))
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
    this.#look();
  }

  #look(): void {
    const { identification, scheduler, onContest } = this.#ports;
    this.#found = coincidencesOf(this.#directory, (id) => identification.addressesOf(id));
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

  #raise(trunk: Trunk, numbers: string, since: string): void {
    const message =
      `by the DNS another trunk is of the same provider, and holds numbers of ${numbers} for another tenant; ` +
      'whoever had the address first keeps the calls';
    const alarms = this.#alarms.get(trunk.id) ?? [];
    this.#alarms.set(trunk.id, [...alarms, { code: 'sources-coincide', message, since }]);
  }

  /** Whether a provider that coincides gives a number to somebody else, and not later than to this tenant. */
  #isAnothers(directory: Directory, provider: NumberIndex, tenant: string, number: number): boolean {
    for (const linked of this.#found.linked.get(provider) ?? []) {
      const owner = linked.owner(number);
      if (owner === undefined || owner === tenant) continue;
      if (provider.owner(number) !== tenant) return true;
      const [own] = directory.trunksHolding(provider, tenant, number);
      const [others] = directory.trunksHolding(linked, owner, number);
      if (own === undefined || others === undefined || this.#ports.identification.precedes(others, own)) return true;
    }
    return false;
  }
}
