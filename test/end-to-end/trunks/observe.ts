/** What an operator sees of a trunk: API, command line, metrics and the event stream of a running engine. */

import { runCli } from '../../../src/cli/tandem.ts';
import type { TrunkStatus } from '../../../src/trunks/status-facts.ts';
import type { TestEngine } from '../../kit/engine.ts';
import { eventually } from '../../kit/eventually.ts';

export async function trunkStatus(engine: TestEngine, id: string): Promise<TrunkStatus> {
  return (await engine.api(`/api/v1/trunks/${id}/status`)) as TrunkStatus;
}

/** The status of a trunk as soon as it is in this state. */
export async function trunkBecomes(
  engine: TestEngine,
  id: string,
  state: TrunkStatus['state'],
  timeoutMs = 15_000,
): Promise<TrunkStatus> {
  let last: TrunkStatus | undefined;
  return eventually(
    `trunk ${id} to be ${state}`,
    async () => {
      last = await trunkStatus(engine, id);
      return last.state === state ? last : undefined;
    },
    {
      timeoutMs,
      detail: () =>
        `${JSON.stringify(last)}\n${engine
          .logs()
          .map((line) => JSON.stringify(line))
          .join('\n')}`,
    },
  );
}

/** Asks the engine to register or ping a trunk now, so that no test waits for the spread of a start. */
export async function askNow(engine: TestEngine, id: string): Promise<void> {
  await engine.api(`/api/v1/trunks/${id}/retry`, {});
}

async function newToken(engine: TestEngine): Promise<string> {
  const made = (await engine.api('/api/v1/tokens', { role: 'system-admin', expiresInSeconds: 600 })) as {
    token: string;
  };
  return made.token;
}

/** PATCH, as the wizard's "Edit" does. */
export async function change(engine: TestEngine, path: string, body: unknown): Promise<void> {
  const response = await fetch(`${engine.apiAddress}${path}`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${await newToken(engine)}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`PATCH ${path}: ${response.status} ${await response.text()}`);
}

/** Runs `tandem ARGS` against the engine and returns what it printed. */
export async function tandem(engine: TestEngine, ...args: readonly string[]): Promise<string> {
  let printed = '';
  const write = (text: string) => {
    printed += text;
  };
  const env = { TANDEM_URL: engine.apiAddress, TANDEM_TOKEN: await newToken(engine) };
  const hooks = { version: '0.0.0', start: async () => {}, demo: async () => 0 };
  const code = await runCli(args, hooks, { out: write, err: write, colour: false, env, readInput: async () => '' });
  if (code !== 0) throw new Error(`tandem ${args.join(' ')}: ${printed}`);
  return printed;
}

/** What the samples of a metric with this label say: `tandem_trunk_up`, `trunk_id="1"`; undefined while those of workers differ. */
export async function metric(engine: TestEngine, name: string, label: string): Promise<number | undefined> {
  const lines = String(await engine.api('/metrics')).split('\n');
  const samples = lines.filter((line) => line.startsWith(`${name}{`) && line.includes(label));
  const values = new Set(samples.map((line) => Number(line.slice(line.lastIndexOf(' ') + 1))));
  return values.size === 1 ? [...values][0] : undefined;
}

export interface SeenEvent {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Everything that the event stream says from now on. */
export async function listen(engine: TestEngine) {
  const abort = new AbortController();
  const response = await fetch(`${engine.apiAddress}/api/v1/events`, {
    headers: { authorization: `Bearer ${await newToken(engine)}` },
    signal: abort.signal,
  });
  const seen: SeenEvent[] = [];
  void (async () => {
    let text = '';
    const decoder = new TextDecoder();
    try {
      for await (const chunk of response.body ?? []) {
        text += decoder.decode(chunk, { stream: true });
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const block = text.slice(0, end).split('\n');
          text = text.slice(end + 2);
          const field = (name: string) =>
            block
              .find((line) => line.startsWith(`${name}:`))
              ?.slice(name.length + 1)
              .trim();
          const data = field('data');
          if (data !== undefined) seen.push({ type: field('event') ?? '', data: JSON.parse(data) });
        }
      }
    } catch {
      // The test has seen enough.
    }
  })();
  return {
    seen,
    event: (type: string, where: (data: SeenEvent['data']) => boolean = () => true) =>
      eventually(`an event "${type}"`, () => seen.find((each) => each.type === type && where(each.data)), {
        timeoutMs: 15_000,
        detail: () => JSON.stringify(seen, undefined, 1),
      }),
    close: () => abort.abort(),
  };
}
