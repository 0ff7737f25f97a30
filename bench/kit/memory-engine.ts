import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WheelScheduler } from '../../src/base/wheel-scheduler.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { EngineOptions } from '../../src/engine/engine-options.ts';
import { Observation } from '../../src/engine/tell/observation.ts';
import { RecentCalls } from '../../src/engine/tell/recent-calls.ts';
import { CallRecordLog, EventBus, JsonLogger, Metrics, SipTrace } from '../../src/observe/index.ts';
import { Directory } from '../../src/provisioning/directory/directory.ts';
import { provisioningSchema } from '../../src/provisioning/trunk-settings/schema.ts';
import { nodeSchema } from '../../src/settings/node-schema.ts';
import { MemoryTransport } from './memory-transport.ts';

const STEP_MS = 10;

/** Who is at the other end of the wire. */
export interface Peer {
  readonly port: number;
  receive(text: string): void;
}

/**
 * The whole engine without its socket, on a clock that is moved from outside: peers in the same process talk to it, so that its work can be
 * counted and profiled apart from the kernel's. Records go to a file, the log to a sink that counts.
 */
export class MemoryEngine {
  /** Microseconds of CPU that the engine took on its thread, timers included. */
  engineUs = 0;
  /** The same of what comes between: files, and what other threads hand over. */
  loopUs = 0;
  logOctets = 0;
  readonly engine: Engine;
  readonly log: JsonLogger;
  readonly scheduler: WheelScheduler;
  readonly transport: MemoryTransport;
  readonly #records: CallRecordLog;
  readonly #metrics = new Metrics({ processMetrics: false });
  readonly #peers: Peer[] = [];
  #nowMs = 0;
  #steps = 0;

  /** @param options made of what the engine shares with them */
  constructor(
    provisioning: object,
    options: (shared: {
      readonly scheduler: WheelScheduler;
      readonly log: JsonLogger;
    }) => Partial<EngineOptions> = () => ({}),
  ) {
    const scheduler = new WheelScheduler({ monotonicMs: () => this.#nowMs });
    this.scheduler = scheduler;
    const log = new JsonLogger({
      scheduler,
      stream: {
        write: (line) => {
          this.logOctets += line.length;
        },
      },
    });
    this.log = log;
    const directory = new Directory(provisioningSchema.parse(provisioning));
    const folder = mkdtempSync(join(tmpdir(), 'tandem-bench-'));
    this.#records = new CallRecordLog({ log, path: join(folder, 'calls.jsonl') });
    let transport: MemoryTransport | undefined;
    this.engine = new Engine({
      settings: nodeSchema.parse({ listen: [{ transport: 'udp', host: '127.0.0.1', port: 5060 }] }),
      scheduler,
      log,
      dns: { query: () => Promise.reject(new Error('every address is a literal')) },
      observer: new Observation({
        log,
        events: new EventBus(scheduler),
        metrics: this.#metrics,
        records: this.#records,
        trace: new SipTrace(scheduler),
        recentCalls: new RecentCalls(1000),
        directory: () => directory,
      }),
      directory,
      version: 'bench',
      createTransport: (user) => {
        transport = new MemoryTransport(user);
        return transport;
      },
      storeSetting: () => Promise.resolve(),
      ...options({ scheduler, log }),
    });
    this.transport = transport as unknown as MemoryTransport;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  add(peer: Peer): void {
    this.#peers.push(peer);
  }

  async start(): Promise<void> {
    await this.engine.start();
  }

  /** Moves the clock and fires what is due. */
  advance(durationMs: number): void {
    for (const untilMs = this.#nowMs + durationMs; this.#nowMs < untilMs; ) {
      this.#nowMs += STEP_MS;
      this.#count(() => this.scheduler.fireDue());
      this.exchange();
    }
  }

  /** So many a second of virtual time, evenly. */
  async evenly(count: number, perSecond: number, begin: () => void): Promise<void> {
    const perStep = (perSecond * STEP_MS) / 1000;
    let due = 0;
    for (let begun = 0; begun < count; ) {
      due += perStep;
      for (; begun < due && begun < count; begun++) begin();
      await this.step();
    }
  }

  /** Throws when it takes a minute of virtual time. */
  async until(isDone: () => boolean): Promise<void> {
    const limitMs = this.#nowMs + 60_000;
    while (!isDone()) {
      // Virtual time must not run away from another thread.
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (this.#nowMs > limitMs) throw new Error('not done within a minute');
      await this.step();
    }
  }

  /** What the peers do at each step, beside answering. */
  protected act(): void {}

  protected async step(): Promise<void> {
    this.exchange();
    this.act();
    this.exchange();
    this.advance(STEP_MS);
    // Files are written between turns of the event loop.
    if (++this.#steps % 4 !== 0) return;
    const before = process.threadCpuUsage();
    await new Promise((resolve) => setImmediate(resolve));
    const { user, system } = process.threadCpuUsage(before);
    this.loopUs += user + system;
  }

  /** Carries messages to and fro until all is said. */
  protected exchange(): void {
    for (;;) {
      if (this.transport.hasInbound) this.#count(this.transport.deliver);
      const outbound = this.transport.takeOutbound();
      for (const { octets, port } of outbound)
        this.#peers.find((peer) => peer.port === port)?.receive(octets.toString('latin1'));
      if (outbound.length === 0 && !this.transport.hasInbound) return;
    }
  }

  async close(): Promise<void> {
    await this.engine.close();
    await this.#records.close();
    this.#metrics.close();
    this.scheduler.close();
  }

  #count(work: () => void): void {
    const before = process.threadCpuUsage();
    work();
    const { user, system } = process.threadCpuUsage(before);
    this.engineUs += user + system;
  }
}
