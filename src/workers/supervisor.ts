/**
 * A node of several processes: this one starts the workers, has the embedded store and the port of the HTTP interface, and starts a worker
 * again that ended by itself. It takes no part in calls.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeOwnerToken } from '../api/index.ts';
import { SettingsError } from '../base/errors.ts';
import { WheelScheduler } from '../base/wheel-scheduler.ts';
import { makeCertificates, requirePorts } from '../node/before-start.ts';
import { apiTls, isOfSystem, loadSettings, logLevel } from '../node/configuration.ts';
import { outlive } from '../node/defects.ts';
import { apiUnavailable, forgetHttpAddress } from '../node/http-port.ts';
import { untilToldToStop } from '../node/signals.ts';
import { version } from '../node/version.ts';
import { JsonLogger } from '../observe/index.ts';
import type { NodeSettings } from '../settings/node-schema.ts';
import { API_ADDRESS_FILE, OWNER_TOKEN_FILE } from '../settings/owner-files.ts';
import { workerCount, workerName } from '../settings/workers.ts';
import { loadStoreKey, StoreHub } from '../store/index.ts';
import { Front } from './front.ts';
import type { Beginning } from './protocol.ts';
import { WorkerSlot } from './worker-slot.ts';

const KEY_OCTETS = 32;
/** Beyond what a drain may take, a process that does not end is ended. */
const SPARE_MS = 10_000;

/** Runs a node with workers until it is told to stop, under the same signals as a node without. */
export async function runSupervisor(configFile: string | undefined): Promise<void> {
  let supervisor: Supervisor;
  try {
    supervisor = await Supervisor.start(configFile, process.env);
  } catch (error) {
    if (!(error instanceof SettingsError || isOfSystem(error))) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
  await untilToldToStop({ end: (how) => supervisor.end(how), reload: () => supervisor.reload() });
  process.exit(0);
}

class Supervisor {
  readonly #configFile: string | undefined;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #settings: NodeSettings;
  readonly #log: JsonLogger;
  readonly #scheduler: WheelScheduler;
  readonly #closers: (() => unknown)[] = [];
  readonly #slots: WorkerSlot[] = [];
  #front: Front | undefined;
  #ending: Promise<void> | undefined;

  private constructor(configFile: string | undefined, environment: NodeJS.ProcessEnv) {
    this.#configFile = configFile;
    this.#environment = environment;
    this.#settings = loadSettings(configFile, environment);
    this.#scheduler = new WheelScheduler();
    const { node, limits } = this.#settings;
    this.#log = new JsonLogger({
      scheduler: this.#scheduler,
      level: logLevel(this.#settings),
      linesPerSecond: limits.logLinesPerSecond,
      base: { node },
    });
  }

  /** Starts all workers or none; throws a SettingsError that names what keeps one from serving. */
  static async start(configFile: string | undefined, environment: NodeJS.ProcessEnv): Promise<Supervisor> {
    const supervisor = new Supervisor(configFile, environment);
    try {
      await supervisor.#start();
      return supervisor;
    } catch (error) {
      await Promise.all(supervisor.#slots.map((slot) => slot.kill()));
      for (const close of supervisor.#closers.reverse()) await close();
      throw error;
    }
  }

  /** Ends what is going on in order, or at once when it is told a second time. */
  end(how: 'drain' | 'close'): Promise<void> {
    const ended = Promise.all(this.#slots.map((slot) => slot.end(how)));
    this.#ending ??= this.#end(ended);
    return this.#ending;
  }

  /** Has every worker read the files again; the log says what became of it. */
  reload(): void {
    for (const slot of this.#slots) slot.send({ kind: 'reload' });
    this.#renewHttpCertificate();
  }

  #renewHttpCertificate(): void {
    try {
      const { tls } = apiTls(loadSettings(this.#configFile, this.#environment));
      if (tls !== undefined) this.#front?.renewCertificate(tls);
    } catch (error) {
      this.#log.error('reload-refused', { problems: (error as Error).message.split('\n') });
    }
  }

  async #start(): Promise<void> {
    // Metrics are of workers: here the log says it alone.
    this.#closers.push(outlive('unhandledRejection', this.#log));
    const settings = this.#settings;
    const count = workerCount(settings);
    await makeCertificates(settings, this.#scheduler, this.#log);
    await requirePorts(settings, this.#scheduler);
    const hub = await this.#openStore(count);
    const sockets = mkdtempSync(join(tmpdir(), 'tandem-'));
    this.#closers.push(() => rmSync(sockets, { recursive: true, force: true }));
    const apiAddress = await this.#serveHttp();
    const ownerToken = writeOwnerToken(join(settings.store.path, OWNER_TOKEN_FILE));
    const handOverKey = randomBytes(KEY_OCTETS).toString('base64');
    const environment = { ...this.#environment, ...this.#storeKey() };
    for (let worker = 0; worker < count; worker++) {
      const beginning: Beginning = {
        kind: 'begin',
        configFile: this.#configFile,
        node: settings.node,
        worker,
        count,
        hasHub: hub !== undefined,
        handOverKey,
        httpSocket: join(sockets, `${worker + 1}`),
        apiAddress,
        ownerToken,
        warmsUp: true,
      };
      this.#slots.push(
        new WorkerSlot({
          beginning,
          name: workerName(settings.node, worker),
          environment,
          storeFolder: settings.store.path,
          hub,
          log: this.#log,
          onChange: () => this.#tellSiblings(),
          onNews: (slot, news) => {
            for (const other of this.#slots) if (other !== slot) other.send({ kind: 'trunk-news', news });
          },
        }),
      );
    }
    // The first one fills an empty store; the others find it as it is.
    const [first, ...others] = this.#slots;
    const ready = await first?.start();
    await Promise.all(others.map((slot) => slot.start()));
    const listening = settings.listen.map(({ transport, host, port }) => `${transport}:${host}:${port}`);
    this.#closers.push(outlive('uncaughtException', this.#log));
    this.#log.info('started', { version, listening, api: apiAddress, workers: count });
    // Log lines are on standard output; what a person reads goes to the other stream.
    process.stderr.write(ready?.welcome ?? '');
  }

  async #openStore(count: number): Promise<StoreHub | undefined> {
    const { store } = this.#settings;
    if (store.kind !== 'embedded') return undefined;
    const context = { log: this.#log, scheduler: this.#scheduler, environment: this.#environment };
    const hub = await StoreHub.open(store.path, count, context);
    this.#closers.push(() => hub.close());
    return hub;
  }

  /** Workers on Redis have folders of their own, and one key. */
  #storeKey(): NodeJS.ProcessEnv {
    const { store } = this.#settings;
    if (store.kind === 'embedded') return {};
    return { TANDEM_STORE_KEY: Buffer.from(loadStoreKey(store.path, this.#environment)).toString('hex') };
  }

  async #serveHttp(): Promise<string | undefined> {
    const settings = this.#settings;
    const { enabled, host, port } = settings.api;
    if (!enabled) return undefined;
    const front = new Front({
      settings,
      tls: apiTls(settings).tls,
      log: this.#log,
      onReloaded: () => this.#renewHttpCertificate(),
      backends: () =>
        this.#slots.flatMap(({ isServing, socket }, index) => (isServing ? [{ worker: index + 1, socket }] : [])),
    });
    this.#front = front;
    const address = await front.listen(host, port).catch((error: NodeJS.ErrnoException) => {
      throw apiUnavailable(host, port, error);
    });
    this.#closers.push(() => front.close());
    writeFileSync(join(settings.store.path, API_ADDRESS_FILE), `${address}\n`, { mode: 0o600 });
    this.#closers.push(() => forgetHttpAddress(settings));
    return address;
  }

  #tellSiblings(): void {
    const ports = this.#slots.map(({ port, isServing }) => (isServing ? port : undefined));
    for (const slot of this.#slots) slot.send({ kind: 'siblings', ports });
  }

  async #end(workers: Promise<unknown>): Promise<void> {
    const limitMs = this.#settings.timers.drainMs + SPARE_MS;
    const overdue = setTimeout(() => {
      for (const slot of this.#slots) void slot.kill();
    }, limitMs);
    await workers;
    clearTimeout(overdue);
    for (const close of this.#closers.reverse()) await close();
    this.#scheduler.close();
    this.#log.flush();
  }
}
