import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, startChild } from './child.ts';
import { eventually } from './eventually.ts';
import { freePort, isListening } from './free-port.ts';
import { peerCommand } from './peers.ts';

export interface SippOptions {
  /** Path of the XML scenario. */
  readonly scenario: string;
  /** `host:port` of the far end; left out for a server scenario. */
  readonly remote?: string;
  readonly localHost?: string;
  readonly localPort?: number;
  readonly transport?: 'udp' | 'tcp';
  /** Calls in all; the run ends after them. */
  readonly calls?: number;
  readonly callsPerSecond?: number;
  /** Most calls at one time. */
  readonly limit?: number;
  /** Default length of a `<pause/>`, milliseconds. */
  readonly pauseMs?: number;
  /** For `[authentication]`, which SIPp signs for the far end's address. */
  readonly credentials?: { readonly user: string; readonly password: string };
  /** `-key name value` pairs for `[name]` in the scenario. */
  readonly keys?: Readonly<Record<string, string>>;
  readonly timeoutSeconds?: number;
  /** Keep every message for {@link SippResult.messages}; default true. Off for load. */
  readonly traceMessages?: boolean;
  readonly extraArguments?: readonly string[];
}

export interface SippResult {
  readonly exitCode: number;
  readonly successful: number;
  readonly failed: number;
  /** Failed calls that got a message that the scenario does not expect, such as a refusal. */
  readonly unexpected: number;
  readonly retransmissions: number;
  /** Messages as SIPp logged them (`-trace_msg`). */
  readonly messages: string;
  readonly errors: string;
}

export interface Sipp {
  readonly port: number;
  readonly child: Child;
  /** Waits for the run to end by itself. */
  readonly finished: Promise<SippResult>;
  /** Messages logged so far. */
  messages(): string;
  /** Ends a server scenario and reads its figures. */
  stop(): Promise<SippResult>;
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** The last line of SIPp's statistics file as a record. */
function lastStatistics(text: string): Record<string, string> {
  const lines = text.trim().split('\n');
  const names = (lines[0] ?? '').split(';');
  const values = lines.length > 1 ? (lines.at(-1) ?? '').split(';') : [];
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));
}

/** Starts SIPp on a free port, with its logs in a folder of its own that is removed at the end. */
export async function startSipp(options: SippOptions): Promise<Sipp> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-sipp-'));
  const host = options.localHost ?? '127.0.0.1';
  const port = options.localPort ?? (await freePort(host));
  const statisticsFile = join(folder, 'statistics.csv');
  const messageFile = join(folder, 'messages.log');
  const errorFile = join(folder, 'errors.log');
  const args = ['-sf', options.scenario, '-i', host, '-p', String(port), '-nostdin', '-fd', '1'];
  args.push('-trace_stat', '-stf', statisticsFile, '-trace_err', '-error_file', errorFile);
  args.push('-t', options.transport === 'tcp' ? 't1' : 'u1');
  if (options.traceMessages !== false) args.push('-trace_msg', '-message_file', messageFile);
  if (options.calls !== undefined) args.push('-m', String(options.calls));
  if (options.callsPerSecond !== undefined) args.push('-r', String(options.callsPerSecond));
  if (options.limit !== undefined) args.push('-l', String(options.limit));
  if (options.pauseMs !== undefined) args.push('-d', String(options.pauseMs));
  if (options.credentials !== undefined)
    args.push('-au', options.credentials.user, '-ap', options.credentials.password);
  for (const [name, value] of Object.entries(options.keys ?? {})) args.push('-key', name, value);
  args.push('-timeout', `${options.timeoutSeconds ?? 60}s`, ...(options.extraArguments ?? []));
  if (options.remote !== undefined) args.push(options.remote);
  const child = startChild(peerCommand('sipp'), args, { cwd: folder, env: { ...process.env, TERM: 'dumb' } });

  const result = async (): Promise<SippResult> => {
    const exitCode = await child.exited;
    const statistics = lastStatistics(readIfThere(statisticsFile));
    const figures: SippResult = {
      exitCode,
      successful: Number(statistics['SuccessfulCall(C)'] ?? 0),
      failed: Number(statistics['FailedCall(C)'] ?? 0),
      unexpected: Number(statistics['FailedUnexpectedMessage(C)'] ?? 0),
      retransmissions: Number(statistics['Retransmissions(C)'] ?? 0),
      messages: readIfThere(messageFile),
      errors: readIfThere(errorFile) + (exitCode === 0 ? '' : child.output().slice(-2000)),
    };
    rmSync(folder, { recursive: true, force: true });
    return figures;
  };
  const finished = result();
  if (options.remote === undefined) {
    const transport = options.transport ?? 'udp';
    let ended = false;
    void child.exited.then(() => {
      ended = true;
    });
    await eventually(`SIPp to listen on ${transport} ${port}`, () => ended || isListening(transport, port), {
      detail: child.output,
    });
  }
  return {
    port,
    child,
    finished,
    messages: () => readIfThere(messageFile),
    async stop() {
      // SIPp leaves at once on SIGUSR1's second delivery; the first asks it to end after the calls in progress.
      child.signal('SIGUSR1');
      const timeout = setTimeout(() => void child.stop(), 2000);
      const figures = await finished;
      clearTimeout(timeout);
      return figures;
    },
  };
}
