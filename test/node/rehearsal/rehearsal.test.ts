import { createHook } from 'node:async_hooks';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startNode } from '../../../src/node/node.ts';
import { rehearse } from '../../../src/node/rehearsal/rehearsal.ts';

test('calls from a phone with a password, from a trusted one and from a carrier all come to their end; of floods hundreds are refused', async () => {
  const { completed, failed, refused } = await rehearse(60_000);
  expect({ completed, failed }).toEqual({ completed: 1200, failed: 0 });
  expect(refused).toBeGreaterThan(500);
});

test('nothing leaves the process: no socket, no name is asked for, no file, no process', async () => {
  const used: string[] = [];
  const hook = createHook({
    init: (_id, type) => {
      if (/^(UDP|TCP|TLS|PIPE|GETADDRINFO|GETNAMEINFO|QUERY|DNSCHANNEL|FS|FILEHANDLE|PROCESS)/.test(type))
        used.push(type);
    },
  });
  hook.enable();
  const { completed } = await rehearse(500).finally(() => hook.disable());
  expect(completed).toBeGreaterThan(0);
  expect(used).toEqual([]);
});

test('ends when its time has passed, with every call that it began; that the first step of calls took all of it costs no flood', async () => {
  const { completed, failed, refused } = await rehearse(1);
  expect(completed).toBeGreaterThan(0);
  expect(completed).toBeLessThan(1200);
  expect(failed).toBe(0);
  expect(refused).toBeGreaterThan(100);
});

test('where the time ends before all calls were gone through, floods have been too', async () => {
  const isPart = ({ completed }: { readonly completed: number }) => completed >= 120 && completed < 1200;
  let limitMs = 400;
  let result = await rehearse(limitMs);
  // On a busy machine hardly a call is, in so little time, and on a fast one each.
  for (let tries = 0; tries < 12 && !isPart(result); tries++) {
    limitMs *= result.completed < 120 ? 1.3 : 0.6;
    result = await rehearse(limitMs);
  }
  expect(result.completed).toBeGreaterThanOrEqual(120);
  expect(result.completed).toBeLessThan(1200);
  expect(result.refused).toBeGreaterThan(100);
});

test('does nothing when it is given no time', async () => {
  expect(await rehearse(0)).toEqual({ completed: 0, failed: 0, refused: 0 });
});

const TOKEN = 'rehearsal-token-0123456789abcdef0123456789';
/** Figures of time and of the HTTP interface, which differ from run to run. */
const OF_THE_MOMENT = /^tandem_(event_loop|http_|inbox_longest|log_lines)/;

/** Everything that a node tells of calls, one that went through a rehearsal or one that did not. */
async function whatIsTold(warmsUp: boolean) {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-rehearsal-'));
  const configFile = join(folder, 'tandem.json');
  const settings = {
    listen: [{ transport: 'udp', host: '127.0.0.1', port: 0 }],
    store: { kind: 'embedded', path: join(folder, 'data') },
    api: { port: 0 },
    log: { level: 'debug' },
    timers: { warmUpMs: 200 },
  };
  writeFileSync(configFile, JSON.stringify(settings));
  const lines: string[] = [];
  const node = await startNode({
    configFile,
    warmsUp,
    environment: { TANDEM_BOOTSTRAP_TOKEN: TOKEN },
    logStream: { write: (line) => lines.push(line) },
  });
  const authorization = `Bearer ${TOKEN}`;
  const get = async (path: string) => (await fetch(`${node.apiAddress}${path}`, { headers: { authorization } })).text();
  try {
    const stream = await fetch(`${node.apiAddress}/api/v1/events`, { headers: { authorization } });
    await fetch(`${node.apiAddress}/api/v1/tenants`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'acme', domain: 'acme.example.com' }),
    });
    let event = '';
    for await (const chunk of stream.body ?? []) {
      event += Buffer.from(chunk).toString();
      if (/^id: \S+$/m.test(event)) break;
    }
    const written = readdirSync(join(folder, 'data')).filter((name) => name.endsWith('.jsonl'));
    return {
      ofIt: lines.map(eventOf).filter(isOfIt),
      told: {
        events: /^id: \w+:(\d+)$/m.exec(event)?.[1],
        log: lines.map(eventOf).filter((name) => !isOfIt(name)),
        metrics: (await get('/metrics'))
          .split('\n')
          .filter((line) => /^tandem_/.test(line) && !OF_THE_MOMENT.test(line)),
        calls: await get('/api/v1/calls'),
        records: await get('/api/v1/call-records'),
        registrations: await get('/api/v1/registrations'),
        trace: await get('/api/v1/trace'),
        files: written.map((name) => [name, readFileSync(join(folder, 'data', name), 'utf8').split('\n').length]),
      },
    };
  } finally {
    await node.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const eventOf = (line: string) => (JSON.parse(line) as { event: string }).event;
const isOfIt = (event: string) => event === 'warming-up' || event === 'warmed-up';

test('nothing of it remains but that it begins and ends: a node tells of records, metrics, events, traces and files as one without it does', async () => {
  const [with_, without] = [await whatIsTold(true), await whatIsTold(false)];
  expect([with_.ofIt, without.ofIt]).toEqual([['warming-up', 'warmed-up'], []]);
  expect(with_.told.events).toMatch(/^\d+$/);
  expect(with_.told.metrics.length).toBeGreaterThan(10);
  expect(with_.told.records).toContain('"total":0');
  expect(with_.told).toEqual(without.told);
});
