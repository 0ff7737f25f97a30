import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { freePort } from '../kit/free-port.ts';
import { type Sipp, type SippOptions, type SippResult, startSipp } from '../kit/sipp.ts';

/** What the scenarios under `sipp/` take as `[keys]`, with what they say when a test does not care. */
const DEFAULT_KEYS = {
  user: '101',
  domain: 'acme.test',
  called: '915551234',
  caller: '4930123456',
  expires: '600',
};

type Keys = Partial<Record<keyof typeof DEFAULT_KEYS | 'password' | 'contact_host' | 'contact_port', string>>;

export interface PeerOptions extends Omit<SippOptions, 'scenario' | 'keys' | 'remote'> {
  readonly keys?: Keys;
}

const scenarioFile = (name: string) => fileURLToPath(new URL(`sipp/${name}.xml`, import.meta.url));

/** Settings for so many calls at once, of both sides: nobody looks at their messages, and a burst of them fits into the sockets. */
export function manyCalls(calls: number): PeerOptions {
  return {
    calls,
    limit: calls,
    traceMessages: false,
    timeoutSeconds: 40,
    extraArguments: ['-buff_size', '4194304'],
  };
}

/** A SIPp that begins: `engine` is the far end as `host:port`. */
export function startCaller(scenario: string, engine: string, options: PeerOptions = {}): Promise<Sipp> {
  const keys = { ...DEFAULT_KEYS, ...options.keys };
  const { password = `secret-${keys.user}`, ...named } = keys;
  return startSipp({
    calls: 1,
    timeoutSeconds: 25,
    ...options,
    scenario: scenarioFile(scenario),
    remote: engine,
    credentials: { user: keys.user, password },
    keys: named,
  });
}

/** A SIPp that waits for calls. Its Contact is its own address unless the keys say another. */
export async function startAnswerer(scenario: string, options: PeerOptions = {}): Promise<Sipp> {
  const localHost = options.localHost ?? '127.0.0.1';
  const localPort = options.localPort ?? (await freePort(localHost));
  return startSipp({
    calls: 1,
    timeoutSeconds: 25,
    ...options,
    localHost,
    localPort,
    scenario: scenarioFile(scenario),
    keys: {
      ...DEFAULT_KEYS,
      contact_host: localHost.includes(':') ? `[${localHost}]` : localHost,
      contact_port: String(localPort),
      ...options.keys,
    },
  });
}

/** Waits for every run to end by itself; as soon as one did not go as its scenario says, ends the others and fails with the messages of all. */
export async function allWell(...peers: readonly Sipp[]): Promise<SippResult[]> {
  const failure = Promise.withResolvers<void>();
  let failed = false;
  for (const peer of peers) {
    void peer.finished.then((result) => {
      if (wentWell(result)) return;
      failed = true;
      failure.resolve();
    });
  }
  await Promise.race([Promise.all(peers.map((peer) => peer.finished)), failure.promise]);
  if (!failed) return Promise.all(peers.map((peer) => peer.finished));
  await Promise.all(peers.map((peer) => peer.child.stop()));
  const results = await Promise.all(peers.map((peer) => peer.finished));
  const sides = results.map(
    (result) => `=== a peer: ${result.successful} calls went well, ${result.failed} did not\n${reportOf(result)}`,
  );
  return expect.fail(sides.join('\n'));
}

const wentWell = (result: SippResult) => result.exitCode === 0 && result.failed === 0 && result.successful > 0;

function reportOf({ errors, messages }: SippResult): string {
  return `${errors.slice(0, 3000)}\n${messages.slice(-10_000)}`;
}
