/** How this node is doing, for those who look after it: read when somebody asks. */
import { performance } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import type { NodeView } from '../api/index.ts';
import type { Scheduler } from '../base/scheduler.ts';
import type { Engine } from '../engine/engine.ts';
import type { LoopDelayReading } from '../observe/index.ts';
import type { NodeSettings } from '../settings/node-schema.ts';
import type { Listening } from '../sip/transport/index.ts';
import { version } from './version.ts';

const MEASURED_MS = 60_000;

interface NodeWatchOptions {
  readonly settings: NodeSettings;
  readonly scheduler: Scheduler;
  readonly engine: Engine;
  readonly listening: readonly Listening[];
  /** Nobody else's: begun anew here. */
  readonly loopDelay: LoopDelayReading;
  readonly overload: () => NodeView['overload'];
  readonly readiness: () => { readonly ready: boolean; readonly reasons: readonly string[] };
}

export class NodeWatch {
  readonly #options: NodeWatchOptions;
  readonly #startedAt: string;
  #sinceMs: number;
  #used = performance.eventLoopUtilization();

  constructor(options: NodeWatchOptions) {
    this.#options = options;
    this.#sinceMs = options.scheduler.wallMs();
    this.#startedAt = new Date(this.#sinceMs).toISOString();
  }

  view(): NodeView {
    const { settings, engine, listening, overload, readiness } = this.#options;
    const { transport, inbox } = engine.endpoint;
    const { ready, reasons } = readiness();
    const waiting = inbox?.waiting ?? { ongoing: 0, fresh: 0, strangers: 0 };
    const { heap_size_limit: heapLimitOctets } = getHeapStatistics();
    const { rss: rssOctets, heapUsed: heapUsedOctets } = process.memoryUsage();
    const states = engine.directory.trunks.map(({ id }) => engine.trunks.status(id)?.state);
    return {
      node: settings.node,
      version,
      startedAt: this.#startedAt,
      ready,
      reasons,
      calls: engine.calls.inProgress(({ peerNode }) => peerNode === undefined),
      registrations: engine.registrations.registrar.count,
      trunks: { total: states.length, online: states.filter((state) => state === 'online').length },
      eventLoop: this.#eventLoop(),
      memory: { rssOctets, heapUsedOctets, heapLimitOctets },
      sockets: {
        listening: listening.map(({ transport: kind, host, port }) => ({ transport: kind, host, port })),
        open: transport.counters.connections,
        accepted: transport.counters.connectionsAccepted,
        opened: transport.counters.connectionsOpened,
        refused: transport.counters.connectionsRefused,
        failed: transport.counters.connectFailures,
      },
      waiting: waiting.ongoing + waiting.fresh + waiting.strangers,
      overload: overload(),
      mediaRelays: engine.media.relays.list().map(({ url, state, sessions }) => ({ url, state, sessions })),
    };
  }

  #eventLoop(): NodeView['eventLoop'] {
    const { loopDelay } = this.#options;
    const used = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(used, this.#used);
    const measured = {
      since: new Date(this.#sinceMs).toISOString(),
      medianMs: tenths(loopDelay.percentileMs(50)),
      p99Ms: tenths(loopDelay.percentileMs(99)),
      maxMs: tenths(loopDelay.mostMs),
      utilization: Math.round(utilization * 1000) / 1000,
    };
    const nowMs = this.#options.scheduler.wallMs();
    if (nowMs - this.#sinceMs > MEASURED_MS) {
      loopDelay.reset();
      this.#used = used;
      this.#sinceMs = nowMs;
    }
    return measured;
  }
}

function tenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}
