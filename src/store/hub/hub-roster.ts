import type { Clock } from '../../base/scheduler.ts';
import type { LimitUse, ToldUse } from '../../trunks/shared-limits.ts';
import type { KnownNode, NodeReport, NodeRoster } from '../stores.ts';
import type { HubClient } from './hub-client.ts';

/** News of calls are told within this time, everything else twice a second: limits are of calls. */
const LOOK_MS = 50;
const TELL_MS = 500;

/** The workers of one machine, as they tell each other through the hub. */
export class HubRoster implements NodeRoster {
  readonly clockOffsetMs = 0;
  /** Without the hub there are no workers. */
  readonly isCutOff = false;
  readonly #clock: Clock;
  readonly #hub: HubClient;
  readonly #others = new Map<string, KnownNode>();
  #timer: NodeJS.Timeout | undefined;
  #beat = 0;
  #report: ToldUse | undefined;
  #calls = '';
  #saidAtMs = 0;

  /** Resolves when it knows all that there are. */
  static async open(hub: HubClient, clock: Clock): Promise<HubRoster> {
    const roster = new HubRoster(hub, clock);
    await hub.askFor('others', (others) => {
      for (const { worker, report } of others) roster.#hear(worker, report);
    });
    return roster;
  }

  private constructor(hub: HubClient, clock: Clock) {
    this.#hub = hub;
    this.#clock = clock;
    hub.onNotice((notice) => {
      if (notice.kind === 'told') {
        const { worker: name, report } = notice;
        this.#hear(name, report);
      } else if (notice.kind === 'used') {
        this.#hear(notice.worker, { ...this.#others.get(notice.worker), ...notice.use });
      } else if (notice.kind === 'left') {
        this.#others.delete(notice.worker);
      }
    });
  }

  #hear(name: string, report: NodeReport): void {
    this.#others.set(name, { ...report, name, beat: ++this.#beat, heardAtMs: this.#clock.nowMs() });
  }

  announce(facts: () => NodeReport, use: () => LimitUse = facts): void {
    this.#timer ??= setInterval(() => this.#look(facts, use), LOOK_MS);
    this.#tellAll(facts());
  }

  others(): readonly KnownNode[] {
    return [...this.#others.values()];
  }

  /** The hub says at once who has left. */
  hasEnded(name: string): boolean {
    return !this.#others.has(name);
  }

  told(): ToldUse | undefined {
    return this.#report;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(facts: () => NodeReport, use: () => LimitUse): void {
    if (performance.now() - this.#saidAtMs >= TELL_MS) {
      this.#tellAll(facts());
      return;
    }
    const now = use();
    const calls = JSON.stringify(now.calls ?? {});
    if (calls === this.#calls) return;
    this.#note({ ...this.#report, ...now }, calls);
    this.#hub.ask('tellUse', now).catch(() => {});
  }

  /** News of calls alone put this off no longer. */
  #tellAll(report: NodeReport): void {
    this.#saidAtMs = performance.now();
    this.#note(report, JSON.stringify(report.calls ?? {}));
    this.#hub.ask('tell', report).catch(() => {});
  }

  #note(report: NodeReport, calls: string): void {
    this.#report = { ...report, heardAtMs: this.#clock.nowMs() };
    this.#calls = calls;
  }
}
