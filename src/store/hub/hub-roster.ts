import type { Clock } from '../../base/scheduler.ts';
import type { KnownNode, NodeReport, NodeRoster } from '../stores.ts';
import type { HubClient } from './hub-client.ts';

/** News of calls are told within this time, everything else twice a second: limits are of calls. */
const LOOK_MS = 50;
const TELL_MS = 500;

/** The workers of one machine, as they tell each other through the hub. */
export class HubRoster implements NodeRoster {
  readonly clockOffsetMs = 0;
  readonly #hub: HubClient;
  readonly #others = new Map<string, KnownNode>();
  #timer: NodeJS.Timeout | undefined;
  #beat = 0;
  #report: NodeReport = {};
  #calls = '';
  #saidAtMs = 0;

  constructor(hub: HubClient, clock: Clock) {
    this.#hub = hub;
    hub.onNotice((notice) => {
      if (notice.kind === 'told') {
        const { worker: name, report } = notice;
        this.#others.set(name, { ...report, name, beat: ++this.#beat, heardAtMs: clock.nowMs() });
      } else if (notice.kind === 'left') {
        this.#others.delete(notice.worker);
      }
    });
  }

  announce(facts: () => NodeReport, calls: () => NonNullable<NodeReport['calls']> = () => facts().calls ?? {}): void {
    this.#timer ??= setInterval(() => this.#look(facts, calls), LOOK_MS);
    this.#tellAll(facts());
  }

  others(): readonly KnownNode[] {
    return [...this.#others.values()];
  }

  callsElsewhere(key: string): number {
    let count = 0;
    for (const { calls } of this.#others.values())
      if (calls !== undefined && Object.hasOwn(calls, key)) count += calls[key] ?? 0;
    return count;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(facts: () => NodeReport, calls: () => NonNullable<NodeReport['calls']>): void {
    if (performance.now() - this.#saidAtMs >= TELL_MS) {
      this.#tellAll(facts());
      return;
    }
    const now = calls();
    if (JSON.stringify(now) !== this.#calls) this.#tell({ ...this.#report, calls: now });
  }

  /** News of calls alone put this off no longer. */
  #tellAll(report: NodeReport): void {
    this.#saidAtMs = performance.now();
    this.#tell(report);
  }

  #tell(report: NodeReport): void {
    this.#report = report;
    this.#calls = JSON.stringify(report.calls ?? {});
    this.#hub.ask('tell', report).catch(() => {});
  }
}
