import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WheelScheduler } from '../../src/base/wheel-scheduler.ts';
import type { CallStore } from '../../src/call/index.ts';
import { Engine } from '../../src/engine/engine.ts';
import { Observation } from '../../src/engine/tell/observation.ts';
import { RecentCalls } from '../../src/engine/tell/recent-calls.ts';
import { CallRecordLog, EventBus, JsonLogger, Metrics, SipTrace } from '../../src/observe/index.ts';
import { Directory } from '../../src/provisioning/directory/directory.ts';
import { provisioningSchema } from '../../src/provisioning/trunk-settings/schema.ts';
import { nodeSchema } from '../../src/settings/node-schema.ts';
import { SignatureThread } from '../../src/stir/index.ts';
import { benchProvisioning } from '../peers/provisioning.ts';
import { Carrier, Phone } from './call-peers.ts';
import { MemoryTransport } from './memory-transport.ts';

const STEP_MS = 10;

/**
 * The whole engine without its socket: a phone and a carrier in the same process place calls on a clock that this class moves, so
 * that the work of a call can be counted and profiled apart from the kernel's. Records go to a file, the log to a sink that counts.
 */
export class CallMachine {
  /** Microseconds of CPU that the engine took on its thread, timers included. */
  engineUs = 0;
  /** The same of what comes between: files, and what other threads hand over. */
  loopUs = 0;
  logOctets = 0;
  readonly engine: Engine;
  readonly phone: Phone;
  readonly carrier: Carrier;
  readonly #transport: MemoryTransport;
  readonly #scheduler: WheelScheduler;
  readonly #records: CallRecordLog;
  readonly #metrics = new Metrics({ processMetrics: false });
  #nowMs = 0;
  #steps = 0;

  readonly #signatures: SignatureThread | undefined;

  constructor(
    provisioning: object = benchProvisioning(5070),
    { signsApart = false, callStore }: { readonly signsApart?: boolean; readonly callStore?: CallStore } = {},
  ) {
    this.#scheduler = new WheelScheduler({ monotonicMs: () => this.#nowMs });
    const log = new JsonLogger({
      scheduler: this.#scheduler,
      stream: {
        write: (line) => {
          this.logOctets += line.length;
        },
      },
    });
    if (signsApart) this.#signatures = new SignatureThread({ scheduler: this.#scheduler, log });
    const directory = new Directory(provisioningSchema.parse(provisioning));
    const folder = mkdtempSync(join(tmpdir(), 'tandem-bench-'));
    this.#records = new CallRecordLog({ log, path: join(folder, 'calls.jsonl') });
    let transport: MemoryTransport | undefined;
    this.engine = new Engine({
      settings: nodeSchema.parse({ listen: [{ transport: 'udp', host: '127.0.0.1', port: 5060 }] }),
      scheduler: this.#scheduler,
      log,
      ...(this.#signatures !== undefined && { signatures: this.#signatures }),
      callStore,
      dns: { query: () => Promise.reject(new Error('every address is a literal')) },
      observer: new Observation({
        log,
        events: new EventBus(this.#scheduler),
        metrics: this.#metrics,
        records: this.#records,
        trace: new SipTrace(this.#scheduler),
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
    });
    this.#transport = transport as unknown as MemoryTransport;
    this.phone = new Phone(this.#transport);
    this.carrier = new Carrier(this.#transport);
  }

  async start(): Promise<void> {
    await this.engine.start();
  }

  /** Places calls at an even rate on virtual time; each is hung up at once when answered. Returns when all have ended. */
  async placeCalls(count: number, callsPerSecond: number): Promise<void> {
    await this.#place(count, callsPerSecond, 0);
    await this.#until(() => this.phone.inProgress === 0);
  }

  /** Places calls that stay. Returns when all are answered. */
  async holdCalls(count: number, callsPerSecond: number): Promise<void> {
    await this.#place(count, callsPerSecond, Number.POSITIVE_INFINITY);
  }

  async hangUpAll(): Promise<void> {
    this.phone.hangUpAll();
    await this.#until(() => this.phone.inProgress === 0);
  }

  /** Moves the clock and fires what is due. */
  advance(durationMs: number): void {
    for (const untilMs = this.#nowMs + durationMs; this.#nowMs < untilMs; ) {
      this.#nowMs += STEP_MS;
      this.#count(() => this.#scheduler.fireDue());
      this.#exchange();
    }
  }

  async close(): Promise<void> {
    await this.engine.close();
    await this.#signatures?.close();
    await this.#records.close();
    this.#metrics.close();
    this.#scheduler.close();
  }

  async #place(count: number, callsPerSecond: number, holdMs: number): Promise<void> {
    const perStep = (callsPerSecond * STEP_MS) / 1000;
    let due = 0;
    for (let placed = 0; placed < count; ) {
      due += perStep;
      for (; placed < due && placed < count; placed++) this.phone.call(this.#nowMs + holdMs);
      await this.#step();
    }
  }

  async #until(isDone: () => boolean): Promise<void> {
    const limitMs = this.#nowMs + 60_000;
    while (!isDone()) {
      // Virtual time must not run away from another thread.
      await new Promise((resolve) => setTimeout(resolve, 1));
      if (this.#nowMs > limitMs) throw new Error(`${this.phone.inProgress} calls did not end`);
      await this.#step();
    }
  }

  async #step(): Promise<void> {
    this.#exchange();
    this.phone.hangUpDue(this.#nowMs);
    this.#exchange();
    this.advance(STEP_MS);
    // Files are written between turns of the event loop.
    if (++this.#steps % 4 !== 0) return;
    const before = process.threadCpuUsage();
    await new Promise((resolve) => setImmediate(resolve));
    const { user, system } = process.threadCpuUsage(before);
    this.loopUs += user + system;
  }

  /** Carries messages to and fro until all is said. */
  #exchange(): void {
    const { phone, carrier } = this;
    for (;;) {
      if (this.#transport.hasInbound) this.#count(this.#transport.deliver);
      const outbound = this.#transport.takeOutbound();
      for (const { octets, port } of outbound)
        (port === phone.port ? phone : carrier).receive(octets.toString('latin1'));
      if (outbound.length === 0 && !this.#transport.hasInbound) return;
    }
  }

  #count(work: () => void): void {
    const before = process.threadCpuUsage();
    work();
    const { user, system } = process.threadCpuUsage(before);
    this.engineUs += user + system;
  }
}
