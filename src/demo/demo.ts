/**
 * `npm run demo`: an engine, a carrier and a phone as separate processes on real sockets. The phone registers, calls the carrier through
 * the engine and hangs up; the demo shows the ladder, and the INVITE as the carrier received it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { randomToken } from '../base/ids.ts';
import { renderLadder, type TraceMessage } from '../observe/index.ts';

export interface DemoTerminal {
  out(text: string): void;
  err(text: string): void;
}

const DIALLED = '914155551212';
const PASSWORD = 'demo-alice-101';
/** As long as a carrier of this machine may take to answer a BYE. */
const LAST_ANSWER_MS = 2_000;
const TRACE_AGAIN_MS = 20;
const ANSWERS_BYE = /^SIP\/2\.0 .*^CSeq: *\d+ BYE/ims;
const STEP_TIMEOUT_MS = 45_000;

/** A process that prints JSON lines. */
class Talker {
  readonly child: ChildProcess;
  readonly #lines: Record<string, unknown>[] = [];
  #wake: () => void = () => {};
  #ended = false;

  constructor(args: readonly string[], cwd: string, token: string) {
    this.child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
      cwd,
      env: { ...process.env, TANDEM_BOOTSTRAP_TOKEN: token },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      if (!line.startsWith('{')) return;
      this.#lines.push(JSON.parse(line) as Record<string, unknown>);
      this.#wake();
    });
    this.child.once('exit', () => {
      this.#ended = true;
      this.#wake();
    });
  }

  /** The first line that has this field. */
  async next(field: string): Promise<Record<string, unknown>> {
    const untilMs = performance.now() + STEP_TIMEOUT_MS;
    for (;;) {
      const found = this.#lines.find((line) => field in line);
      if (found !== undefined) return found;
      if (this.#ended || performance.now() > untilMs) throw new Error(`nothing was heard of "${field}"`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 500);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async stop(): Promise<void> {
    if (this.#ended) return;
    const exited = new Promise<void>((resolve) => this.child.once('exit', () => resolve()));
    this.child.kill('SIGTERM');
    this.child.stdin?.end();
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 3000);
    await exited;
    clearTimeout(timer);
  }
}

function provisioning(carrierPort: number) {
  return {
    tenants: [
      {
        name: 'demo',
        domain: 'demo.example.com',
        outboundCallerId: '14155550100',
        extensions: [{ number: '101', name: 'Alice', password: PASSWORD, outboundCallerId: '14155550101' }],
        outboundRules: [
          { name: 'outside', match: { prefixes: ['9'] }, routes: [{ trunk: 'demo-carrier', strip: 1, prepend: '+' }] },
        ],
      },
    ],
    trunks: [
      {
        id: '235468356',
        name: 'demo-carrier',
        type: 'ip',
        host: '127.0.0.1',
        port: carrierPort,
        options: { verifyPort: true },
        outboundParameters: { pAssertedIdentity: { user: 'OutboundCallerId', host: 'TrunkHostPort' } },
        tenants: [{ tenant: 'demo', didPool: '14155550100-14155550199' }],
      },
    ],
  };
}

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Signs in to the console, once. */
async function signInPath(api: string, token: string): Promise<string> {
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(`${api}/api/v1/sign-in-links`, { method: 'POST', headers });
  return ((await answer.json()) as { path: string }).path;
}

/** Somebody at a terminal may look around in the console before the engine goes. */
async function stayForReader(terminal: DemoTerminal): Promise<void> {
  if (!process.stdin.isTTY) return;
  terminal.out('\nThe engine and its console stay until you press Enter.\n');
  const lines = createInterface({ input: process.stdin });
  await new Promise<void>((resolve) => lines.once('line', () => resolve()).once('close', () => resolve()));
  lines.close();
}

/** Plays the demo; resolves with the exit code. */
export async function runDemo(terminal: DemoTerminal): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-demo-'));
  const talkers: Talker[] = [];
  // The engine takes this as its first token, and the demo reads the trace with it.
  const token = `tdm_${randomToken()}_${randomToken()}${randomToken()}`;
  const start = (...args: string[]) => {
    const talker = new Talker(args, folder, token);
    talkers.push(talker);
    return talker;
  };
  try {
    const carrier = start(here('peer-process.ts'), 'carrier');
    const { port: carrierPort } = (await carrier.next('port')) as { port: number };
    const configuration = join(folder, 'tandem.yaml');
    const provisioned = join(folder, 'provisioning.yaml');
    // JSON is YAML.
    writeFileSync(provisioned, JSON.stringify(provisioning(carrierPort)));
    writeFileSync(
      configuration,
      JSON.stringify({
        listen: [{ transport: 'udp', host: '127.0.0.1', port: 0 }],
        store: { kind: 'embedded', path: join(folder, 'data') },
        provisioning: [provisioned],
        api: { port: 0 },
        // One call is no load; and a machine that is busy shows no copies in the ladder.
        timers: { warmUpMs: 0, t1Ms: 2_000 },
      }),
    );
    const engine = start(here('../main.ts'), 'start', '--config', configuration);
    const started = (await engine.next('listening')) as { listening: string[]; api: string };
    const enginePort = Number(started.listening[0]?.split(':').at(-1));
    terminal.out(`engine   udp 127.0.0.1:${enginePort}, ${started.api}\ncarrier  udp 127.0.0.1:${carrierPort}\n`);

    terminal.out(`console  ${started.api}${await signInPath(started.api, token)}\n`);

    const phoneOptions = { enginePort, domain: 'demo.example.com', number: '101', name: 'Alice', password: PASSWORD };
    const phone = start(here('peer-process.ts'), 'phone', JSON.stringify(phoneOptions), DIALLED);
    const { registered } = (await phone.next('registered')) as { registered: number };
    terminal.out(`phone    101@demo.example.com registered: ${registered}\n`);
    const { status, callId } = (await phone.next('callId')) as { status: number; callId: string };
    const { invite } = (await carrier.next('invite')) as { invite: string };
    const trace = await traceOf(`${started.api}/api/v1/calls/${callId}/trace`, token);
    terminal.out(`\nThe call to ${DIALLED}, both legs:\n\n${renderLadder(trace)}\n`);
    terminal.out(`\nThe INVITE that the carrier received:\n\n${invite.replaceAll('\r\n', '\n')}\n`);
    if (registered !== 200 || status !== 200) {
      terminal.err(`the demo call failed: registration ${registered}, call ${status}\n`);
      return 1;
    }
    await stayForReader(terminal);
    return 0;
  } catch (error) {
    terminal.err(`the demo failed: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    for (const talker of talkers.reverse()) await talker.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The messages of a call that ends: whoever hangs up is answered before the other side has answered the engine. */
async function traceOf(url: string, token: string): Promise<TraceMessage[]> {
  const untilMs = performance.now() + LAST_ANSWER_MS;
  for (;;) {
    const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    const { messages = [] } = (await answer.json()) as { messages?: TraceMessage[] };
    const ended = messages.filter(({ text }) => text.startsWith('BYE '));
    const answered = new Set(messages.filter(({ text }) => ANSWERS_BYE.test(text)).map(({ sipCallId }) => sipCallId));
    const isWhole = ended.length > 0 && ended.every(({ sipCallId }) => answered.has(sipCallId));
    if (isWhole || performance.now() > untilMs) return messages;
    await pause(TRACE_AGAIN_MS);
  }
}
