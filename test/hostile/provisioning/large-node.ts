/** A node in a process of its own with much provisioned, asked over HTTP and pinged over SIP while its event loop is watched. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { constants, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { RUNTIME_OPTIONS } from '../../kit/runtime-options.ts';
import { type Size, stateOf, tenantDocument } from './state.ts';

const TOKEN = 'large-node-bootstrap-token-0123456789';
/** How many extensions the tenant `large` has. */
export const LARGE_TENANT = 10_000;
/** What nodes on one Redis have in common. */
const STORE_KEY = '5a'.repeat(32);

/** What was seen of the node while something was done. Times in ms. */
export interface Seen {
  /** The longest turn of its event loop, in CPU time of the thread. */
  readonly cpuMs: number;
  /** V8's collections in the turn with the most CPU time, by the clock. */
  readonly collectedMs: number;
  /** The longest that `perf_hooks` saw the loop late. */
  readonly delayMs: number;
  readonly pingP99Ms: number;
  /** How long one took. */
  readonly eachMs: number;
  readonly heapMb: number;
}

export class LargeNode {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #state: ReturnType<typeof stateOf>;
  readonly #api: string;
  readonly #port: number;
  /** Of the admin of a tenant that no file holds. */
  #admin = '';
  /** Of the admin of another one, which has very many extensions. */
  #largeAdmin = '';

  private constructor(
    child: ChildProcess,
    folder: string,
    state: ReturnType<typeof stateOf>,
    started: Record<string, unknown>,
  ) {
    this.#child = child;
    this.#folder = folder;
    this.#state = state;
    this.#api = String(started['api']);
    this.#port = Number(started['port']);
  }

  /** @param redis URL of the store; its own files when left out. */
  static async start(size: Size, redis?: string): Promise<LargeNode> {
    const node = await LargeNode.#start(stateOf(size), redis);
    try {
      await node.#makeTenant();
      return node;
    } catch (error) {
      await node.stop();
      throw error;
    }
  }

  /** Another node on the same Redis, which serves what is there. */
  static beside(redis: string): Promise<LargeNode> {
    return LargeNode.#start(undefined, redis);
  }

  static async #start(state: ReturnType<typeof stateOf> | undefined, redis: string | undefined): Promise<LargeNode> {
    const folder = mkdtempSync(join(tmpdir(), 'tandem-large-'));
    if (state !== undefined) writeFileSync(join(folder, 'provisioning.json'), JSON.stringify(state));
    const path = join(folder, 'data');
    const settings = {
      listen: [{ transport: 'udp', host: '127.0.0.1', port: 0 }],
      store: redis === undefined ? { kind: 'embedded', path } : { kind: 'redis', url: redis, path },
      api: { port: 0, requestsPerMinute: 1_000_000 },
      provisioning: state === undefined ? [] : [join(folder, 'provisioning.json')],
    };
    writeFileSync(join(folder, 'tandem.json'), JSON.stringify(settings));
    const child = fork(fileURLToPath(new URL('node-process.ts', import.meta.url)), [join(folder, 'tandem.json')], {
      env: {
        ...process.env,
        TANDEM_BOOTSTRAP_TOKEN: TOKEN,
        ...(redis !== undefined && { TANDEM_STORE_KEY: STORE_KEY }),
      },
      execArgv: [...process.execArgv, ...RUNTIME_OPTIONS, '--expose-gc'],
    });
    try {
      return new LargeNode(child, folder, state ?? { tenants: [], trunks: [] }, await told(child));
    } catch (error) {
      child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** A tenant of its own, with a trunk: what files hold is changed in the files. */
  async #makeTenant(): Promise<void> {
    await this.ask('POST', 'tenants', tenantDocument('hand', 5));
    this.#admin = await this.#tokenOf('hand');
    const large = { tenants: [tenantDocument('large', LARGE_TENANT)], trunks: [] };
    await this.ask('POST', 'provisioning', large);
    this.#largeAdmin = await this.#tokenOf('large');
    await this.asAdmin('POST', 'trunks', {
      id: '999999',
      name: 'own',
      type: 'register',
      host: '10.200.0.1',
      options: { registration: 'off' },
      credentials: { authName: 'u', password: 'secret' },
      didPool: '31000000000',
    });
  }

  async #tokenOf(tenant: string): Promise<string> {
    const made = await this.ask('POST', 'tokens', { role: 'tenant-admin', tenant });
    return String((JSON.parse(made.text) as { token: string }).token);
  }

  /** Asks as the system admin; throws when it is refused. */
  ask(method: string, path: string, body?: unknown) {
    return this.#ask(TOKEN, method, path, body);
  }

  /** The same as the admin of the tenant `hand`. */
  asAdmin(method: string, path: string, body?: unknown) {
    return this.#ask(this.#admin, method, path, body);
  }

  /** The same as the admin of the tenant `large`. */
  asLargeAdmin(method: string, path: string, body?: unknown) {
    return this.#ask(this.#largeAdmin, method, path, body);
  }

  /** Writes the provisioning file anew with these tenants more, and has it read; resolves with how much changed. */
  async reload(tenants: readonly object[]): Promise<number> {
    writeFileSync(
      join(this.#folder, 'provisioning.json'),
      JSON.stringify({ ...this.#state, tenants: [...this.#state.tenants, ...tenants] }),
    );
    const answer = told(this.#child);
    this.#child.kill('SIGHUP');
    return Number((await answer)['applied']);
  }

  /** Does something `count` times, and says how the node fared meanwhile. */
  async watch(work: () => Promise<unknown>, count: (done: unknown) => number = () => 1): Promise<Seen> {
    await this.#order('watch');
    const pings = await this.#pings();
    const beganMs = performance.now();
    const done = await work();
    const eachMs = (performance.now() - beganMs) / count(done);
    const pingP99Ms = await pings.end();
    const seen = (await this.#order('read')) as unknown as Omit<Seen, 'pingP99Ms' | 'eachMs'>;
    return { ...seen, pingP99Ms, eachMs };
  }

  /** Resolves when what is read there has this in it. */
  async has(path: string, part: string): Promise<void> {
    while (!(await this.#send(TOKEN, 'GET', path)).text.includes(part)) await pause(20);
  }

  /** MB of heap after a collection. */
  async held(): Promise<number> {
    return Number((await this.#order('held'))['heapMb']);
  }

  /**
   * A node that nobody watches stands for one on a machine of its own: here it gets what others leave of the processors. Only where this
   * process may take that back.
   */
  isOfAnotherMachine(isOther: boolean): void {
    if (process.getuid?.() !== 0) return;
    const { PRIORITY_LOW, PRIORITY_NORMAL } = constants.priority;
    for (const thread of readdirSync(`/proc/${this.#child.pid}/task`))
      setPriority(Number(thread), isOther ? PRIORITY_LOW : PRIORITY_NORMAL);
  }

  async stop(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.send('stop');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 20_000);
    await exited;
    clearTimeout(timer);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Asks as the admin of `hand` for what has to be refused so. */
  async refused(status: number, method: string, path: string, body: unknown): Promise<void> {
    const answer = await this.#send(this.#admin, method, path, body);
    if (answer.status !== status) throw new Error(`${method} ${path}: ${answer.status} ${answer.text.slice(0, 500)}`);
  }

  async #ask(token: string, method: string, path: string, body?: unknown) {
    const answer = await this.#send(token, method, path, body);
    if (answer.status >= 400) throw new Error(`${method} ${path}: ${answer.status} ${answer.text.slice(0, 500)}`);
    return answer;
  }

  async #send(token: string, method: string, path: string, body?: unknown) {
    const response = await fetch(path.startsWith('/') ? `${this.#api}${path}` : `${this.#api}/api/v1/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return { status: response.status, text: await response.text() };
  }

  #order(what: 'watch' | 'read' | 'held'): Promise<Record<string, unknown>> {
    const answer = told(this.#child);
    this.#child.send(what);
    return answer;
  }

  /** Pings without end; `end()` gives the p99 of the waits, of what is unanswered too. */
  async #pings() {
    const thread = new Worker(new URL('pings-thread.ts', import.meta.url), { workerData: this.#port });
    await once(thread, 'message');
    return {
      async end(): Promise<number> {
        const answer = once(thread, 'message');
        thread.postMessage('end');
        const [p99] = (await answer) as [number];
        await thread.terminate();
        return p99;
      },
    };
  }
}

/** The next message of the node; rejects when it is a fault, or when the node ends first. */
function told(child: ChildProcess): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null) => {
      child.off('message', onMessage);
      reject(new Error(`the node ended with ${code}`));
    };
    const onMessage = (message: Record<string, unknown>) => {
      child.off('exit', onExit);
      if (message['error'] === undefined) resolve(message);
      else reject(new Error(String(message['error'])));
    };
    child.once('exit', onExit);
    child.once('message', onMessage);
  });
}
