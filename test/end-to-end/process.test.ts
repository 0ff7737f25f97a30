import { createSocket } from 'node:dgram';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cpuShare } from '../../src/node/cpu-quota.ts';
import { startWithin } from '../hostile/board/quota.ts';
import { type Child, startChild } from '../kit/child.ts';
import { eventually } from '../kit/eventually.ts';
import { freePort } from '../kit/free-port.ts';

/** The process as an operator has it: what it says when it cannot start, and how it ends. */
const root = resolve(import.meta.dirname, '../..');
const environment = { ...process.env, TANDEM_TIMERS_WARM_UP_MS: '0' };
let folder: string;
let serial = 0;
const running: Child[] = [];
const path = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tandem-process-'));
  const options = { keyType: 'ec', curve: 'P-256' } as const;
  const [one, other] = await Promise.all([generate([], options), generate([], options)]);
  writeFileSync(path('cert.pem'), one.cert);
  writeFileSync(path('key.pem'), one.private);
  writeFileSync(path('other.pem'), other.private);
  writeFileSync(path('empty.pem'), '');
  writeFileSync(path('text.pem'), 'no certificate');
});
afterAll(async () => {
  await Promise.all(running.splice(0).map((child) => child.stop()));
  rmSync(folder, { recursive: true, force: true });
});

function configure(more: object = {}): string {
  const file = path(`tandem-${++serial}.json`);
  const settings = {
    listen: [{ transport: 'udp', host: '127.0.0.1', port: 0 }],
    store: { kind: 'embedded', path: path(`data-${serial}`) },
    api: { port: 0 },
    ...more,
  };
  writeFileSync(file, JSON.stringify(settings));
  return file;
}

function run(command: string, args: readonly string[], config: string, more: NodeJS.ProcessEnv = {}): Child {
  const child = startChild(command, args, { cwd: root, env: { ...environment, TANDEM_CONFIG: config, ...more } });
  running.push(child);
  return child;
}

const start = (config: string) => run(process.execPath, ['bin/tandem.js', 'start'], config);
const tls = (more: object) => ({
  listen: [
    { transport: 'tls', host: '127.0.0.1', port: 0, certificate: path('cert.pem'), key: path('key.pem'), ...more },
  ],
});
const https = (more: object) => ({ api: { port: 0, certificate: path('cert.pem'), key: path('key.pem'), ...more } });

function provisionTrunk(tls: object): string {
  const file = path(`trunks-${++serial}.json`);
  const trunk = { name: 'carrier', type: 'ip', host: 'sip.example.com', transport: 'tls', tls };
  writeFileSync(file, JSON.stringify({ tenants: [], trunks: [trunk] }));
  return file;
}

describe('what an operator can put right is said in a line, without a stack, with exit code 1', () => {
  test.each([
    [
      'a certificate that is not there',
      () => tls({ certificate: path('none.pem') }),
      /listen\[0\]\.certificate .*none\.pem does not exist/,
    ],
    ['a key that is not there', () => tls({ key: path('none.pem') }), /listen\[0\]\.key .*none\.pem does not exist/],
    [
      'a certificate that is empty',
      () => tls({ certificate: path('empty.pem') }),
      /listen\[0\]\.certificate .*empty\.pem is empty/,
    ],
    [
      'a certificate that is none',
      () => tls({ certificate: path('text.pem') }),
      /listen\[0\]\.certificate .*text\.pem holds no certificate/,
    ],
    [
      'a key of another certificate',
      () => tls({ key: path('other.pem') }),
      /listen\[0\]\.key .*other\.pem is not the key of .*cert\.pem/,
    ],
    [
      'authorities that are not there',
      () => tls({ ca: path('none.pem') }),
      /listen\[0\]\.ca .*none\.pem does not exist/,
    ],
    ['HTTPS: a certificate that is a folder', () => https({ certificate: folder }), /api\.certificate .* is a folder/],
    ['HTTPS: a key that is none', () => https({ key: path('text.pem') }), /api\.key .*text\.pem holds no private key/],
    [
      'HTTPS without a key',
      () => ({ api: { port: 0, certificate: path('cert.pem') } }),
      /api .*needs certificate and key/,
    ],
    [
      "a trunk's certificate that is not there",
      () => ({
        ...tls({}),
        provisioning: [provisionTrunk({ certificate: path('none.pem'), key: path('key.pem') })],
      }),
      /trunks\[0\]\.tls\.certificate .*none\.pem does not exist/,
    ],
    [
      'a store folder that cannot be made',
      () => ({ store: { kind: 'embedded', path: '/dev/null/data' } }),
      /\/dev\/null\/data/,
    ],
    [
      'a Redis that does not answer',
      () => ({ store: { kind: 'redis', url: 'redis://127.0.0.1:1', path: path('redis') } }),
      /redis:\/\/127\.0\.0\.1:1/,
    ],
    [
      'a provisioning file that is not there',
      () => ({ provisioning: [path('none.yaml')] }),
      /none\.yaml does not exist/,
    ],
  ] as const)('%s', async (_what, settings, message) => {
    await expectRefusal(configure(settings()), message);
  });

  test('ports that are taken, all of them, before seconds go into the rehearsal', async () => {
    const udp = createSocket('udp4');
    await new Promise<void>((done) => udp.bind(0, '127.0.0.1', done));
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as { port: number };
    const listen = [
      { transport: 'udp', host: '127.0.0.1', port: udp.address().port },
      { transport: 'tcp', host: '127.0.0.1', port },
    ];
    const config = configure({ listen, api: { port } });
    const child = run(process.execPath, ['bin/tandem.js', 'start'], config, { TANDEM_TIMERS_WARM_UP_MS: '60000' });
    expect(await child.exited, child.output()).toBe(1);
    expect(child.output()).not.toContain('warming-up');
    expect(saidBy(child)).toEqual([
      expect.stringMatching(`listen\\[0\\].* udp 127\\.0\\.0\\.1:${udp.address().port}: another process has the port`),
      expect.stringMatching(`listen\\[1\\].* tcp 127\\.0\\.0\\.1:${port}: another process has the port`),
      expect.stringMatching(`api\\.port.* 127\\.0\\.0\\.1:${port}: another process has the port`),
    ]);
    udp.close();
    server.close();
  });

  test('a SIP port that is taken', async () => {
    const socket = createSocket('udp4');
    await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done));
    const { port } = socket.address();
    const listen = [{ transport: 'udp', host: '127.0.0.1', port }];
    await expectRefusal(
      configure({ listen }),
      new RegExp(`listen\\[0\\].* udp 127\\.0\\.0\\.1:${port}: another process has the port`),
    );
    socket.close();
  });

  test('an HTTP port that is taken', async () => {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as { port: number };
    await expectRefusal(
      configure({ api: { port } }),
      new RegExp(`api\\.port.* 127\\.0\\.0\\.1:${port}: another process has the port`),
    );
    server.close();
  });

  async function expectRefusal(config: string, message: RegExp): Promise<void> {
    const child = start(config);
    expect(await child.exited, child.output()).toBe(1);
    expect(saidBy(child)).toEqual([expect.stringMatching(message)]);
  }

  const saidBy = (child: Child) =>
    child
      .output()
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('{'));
});

describe('a signal', () => {
  async function started(command: string, args: readonly string[]) {
    const port = await freePort();
    const child = run(command, args, configure({ listen: [{ transport: 'udp', host: '127.0.0.1', port }] }));
    await child.waitFor(/is running/, 30_000);
    return { port, child };
  }

  const isFree = (port: number) =>
    new Promise<boolean>((done) => {
      const socket = createSocket('udp4');
      socket.once('error', () => done(false));
      socket.bind(port, '127.0.0.1', () => socket.close(() => done(true)));
    });

  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s to `npm start` stops the engine, with nothing left open',
    async (signal) => {
      const { port, child } = await started('npm', ['start']);
      expect(await isFree(port)).toBe(false);
      process.kill(child.pid, signal);
      await child.exited;
      await eventually('a free port', () => isFree(port));
      expect(child.output()).toContain('"event":"draining"');
    },
  );

  test('SIGTERM to the command stops the engine, and its exit code is 0', async () => {
    const { port, child } = await started(process.execPath, ['bin/tandem.js', 'start']);
    process.kill(child.pid, 'SIGTERM');
    expect(await child.exited, child.output()).toBe(0);
    expect(await isFree(port)).toBe(true);
  });

  test('SIGKILL to the command leaves no engine behind', async () => {
    const { port, child } = await started(process.execPath, ['bin/tandem.js', 'start']);
    process.kill(child.pid, 'SIGKILL');
    await child.exited;
    await eventually('a free port', () => isFree(port));
  });

  test('SIGHUP says what has changed, and what waits for a restart; `tandem drain` ends it', async () => {
    const config = configure();
    const child = start(config);
    await child.waitFor(/is running/, 30_000);
    writeFileSync(
      config,
      JSON.stringify({
        listen: [{ transport: 'udp', host: '127.0.0.1', port: 0 }],
        store: { kind: 'embedded', path: path(`data-${serial}`) },
        api: { port: 1234 },
        log: { level: 'debug' },
      }),
    );
    process.kill(child.pid, 'SIGHUP');
    await child.waitFor(/"applied":\["log\.level"\],"needsRestart":\["api\.port"\],"event":"reloaded"/);
    // The engine is where it was: the file names another port.
    const reload = run(process.execPath, ['bin/tandem.js', 'reload'], config);
    expect(await reload.exited, reload.output()).toBe(0);
    expect(reload.output()).toBe('in force       log.level\nneeds restart  api.port\n');
    const drain = run(process.execPath, ['bin/tandem.js', 'drain'], config);
    expect(await drain.exited, drain.output()).toBe(0);
    expect(drain.output()).toMatch(/drains: no call is up/);
    await child.exited;
    expect(existsSync(path(`data-${serial}/api-address`))).toBe(false);
  });
});

test('what V8 has compiled is kept in the folder of the store, by an engine that is killed as well', async () => {
  const store = path('data-compiled');
  const config = configure({ store: { kind: 'embedded', path: store } });
  // Other engines of these tests share a folder, and are not rehearsed.
  const own = { NODE_COMPILE_CACHE: undefined, TANDEM_TIMERS_WARM_UP_MS: '300' };
  const child = run(process.execPath, ['bin/tandem.js', 'start'], config, own);
  await child.waitFor(/"event":"started"/);
  child.signal('SIGKILL');
  await child.exited;
  const kept = readdirSync(join(store, 'compile-cache'), { recursive: true, withFileTypes: true });
  expect(kept.filter((entry) => entry.isFile()).length).toBeGreaterThan(100);
});

test('the heap is marked, moved and swept by one thread at a time under a CPU quota below a core, else by as many as V8 takes', async ({
  skip,
}) => {
  const steps = ['concurrent-sweeping', 'parallel-compaction', 'parallel-pointer-update', 'parallel-gc-clearing'];
  const options = ['--concurrent-marking-max-worker-num=1', ...steps.map((step) => `--no-${step}`)];
  const isOneThread = (child: Child) => {
    const given = readFileSync(`/proc/${child.pid}/cmdline`, 'latin1').split('\0');
    return options.every((option) => given.includes(option));
  };
  const whole = start(configure());
  await whole.waitFor(/"event":/, 30_000);
  expect(isOneThread(whole)).toBe((await cpuShare()) < 1);
  await whole.stop();
  const config = configure();
  const { child, quota } = startWithin(0.5, [process.execPath, 'bin/tandem.js', 'start'], ([command, ...args]) =>
    run(command, args, config),
  );
  try {
    skip(!quota.isOfKernel, 'no control group can be made here');
    await child.waitFor(/"cores":0\.5,"event":"cpu-quota"/, 60_000);
    expect(isOneThread(child)).toBe(true);
  } finally {
    await child.stop();
    quota.release();
  }
});

describe('an option of V8 that the runtime does not know, as one of another version may not, is left out', () => {
  /** The command with these options, in a folder where a core and the engine are stand-ins; the engine prints its options. */
  function commandWith(options: {
    readonly always: readonly string[];
    readonly belowOneCore: readonly string[];
    readonly start?: readonly string[];
    readonly upToCores?: object;
  }) {
    const at = (...names: string[]) => join(folder, `command-${serial}`, ...names);
    serial++;
    for (const name of ['bin', join('src', 'node')]) mkdirSync(at(name), { recursive: true });
    copyFileSync(resolve(root, 'bin/tandem.js'), at('bin', 'tandem.js'));
    writeFileSync(at('package.json'), '{"type":"module"}');
    writeFileSync(at('bin', 'runtime-options.json'), JSON.stringify({ start: [], upToCores: {}, ...options }));
    writeFileSync(at('src', 'node', 'cpu-quota.ts'), 'export const cpuShare = async () => 0.5;');
    writeFileSync(at('src', 'main.ts'), 'console.log(JSON.stringify(process.execArgv));');
    return at;
  }
  const printedBy = async (...args: readonly string[]) => {
    const child = run(process.execPath, args, '');
    expect(await child.exited, child.output()).toBe(0);
    return JSON.parse(child.output());
  };
  const [known, other] = ['--no-parallel-compaction', '--concurrent-marking-max-worker-num=1'];
  const floor = '--initial-old-space-size=96';
  const [unknown, always] = ['--no-parallel-work-of-another-version', '--max-semi-space-size=6'];

  test('by the one that runs the command', async () => {
    const options = {
      always: [always, '--unheard-of'],
      start: [floor, unknown],
      belowOneCore: [known, unknown, other],
    };
    const at = commandWith(options);
    expect(await printedBy(at('bin', 'tandem.js'), 'start')).toEqual([always, floor, known, other]);
    expect(await printedBy(at('bin', 'tandem.js'), 'status')).toEqual([always]);
  });

  test('and so are those of machines with fewer processors', async () => {
    const upToCores = { 0: [other], 9999: [known], 99999: [other] };
    const at = commandWith({ always: [always], belowOneCore: [], upToCores });
    expect(await printedBy(at('bin', 'tandem.js'), 'start')).toEqual([always, known]);
  });

  test('by the one that the package brings, where that which runs the command is too old', async () => {
    const at = commandWith({ always: [always], belowOneCore: [known, other] });
    const manifest = at('node_modules', `node-linux-${process.arch}`, 'package.json');
    mkdirSync(join(dirname(manifest), 'bin'), { recursive: true });
    writeFileSync(manifest, '{}');
    writeFileSync(
      join(dirname(manifest), 'bin', 'node'),
      `#!/bin/sh\ncase "$*" in *${known}*) exit 9 ;; esac\nexec ${process.execPath} "$@"\n`,
      { mode: 0o755 },
    );
    const old = "data:text/javascript,Object.defineProperty(process,'versions',{value:{node:'20.1.0'}})";
    expect(await printedBy('--import', old, at('bin', 'tandem.js'), 'start')).toEqual([always, other]);
  });
});

test('while nobody calls the engine is woken fewer than ten times a second, all its threads together', async () => {
  const child = start(configure());
  await child.waitFor(/is running/, 30_000);
  /** How often its threads have gone to sleep of their own accord. */
  const sleeps = () =>
    readdirSync(`/proc/${child.pid}/task`)
      .map((task) => readFileSync(`/proc/${child.pid}/task/${task}/status`, 'latin1'))
      .reduce((sum, status) => sum + Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1]), 0);
  // What the start has left to do, such as compiling, is done by then.
  await pause(3_000);
  const seconds = 4;
  const spans: number[] = [];
  while (spans.length < 4) {
    const before = sleeps();
    await pause(seconds * 1_000);
    spans.push((sleeps() - before) / seconds);
  }
  // On a busy machine it is not, and falls into one of them: the worst does not count. All others do, so that what comes every few seconds counts.
  const [, ...others] = spans.toSorted((one, other) => other - one);
  expect(others.reduce((sum, each) => sum + each, 0) / others.length, `${spans}`).toBeLessThan(10);
});
