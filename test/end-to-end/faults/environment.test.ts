/** What the machine under the engine does: few descriptors, a stall, other certificates. */
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as tlsConnect } from 'node:tls';
import { afterAll, beforeAll, expect, type TestContext, test } from 'vitest';
import { TestAuthority } from '../../kit/certificates.ts';
import { startEngineProcess } from '../../kit/engine-process.ts';
import { eventually } from '../../kit/eventually.ts';
import { freePort } from '../../kit/free-port.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { TEST_WORKERS } from '../../kit/test-workers.ts';
import { apiOf } from '../nodes/cluster.ts';
import { allWell, startAnswerer, startCaller } from '../sipp.ts';
import { acme, carrierTrunk } from '../world.ts';
import { ask, metric, SYSTEM_TOKEN } from './rest.ts';

const authority = new TestAuthority();
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tandem-environment-'));
});
afterAll(() => {
  authority.remove();
  rmSync(folder, { recursive: true, force: true });
});

type Ends = Pick<TestContext, 'onTestFinished'>;

async function start({ onTestFinished }: Ends, options: Partial<Parameters<typeof startEngineProcess>[0]> = {}) {
  const carrierPort = await freePort();
  const engine = await startEngineProcess({
    provisioning: { tenants: [acme()], trunks: [carrierTrunk(carrierPort)] },
    // What is shown here is not the guard against overload, which a busy machine may call.
    environment: { TANDEM_BOOTSTRAP_TOKEN: SYSTEM_TOKEN, TANDEM_LIMITS_BACKLOG_MS: '10000' },
    ...options,
  });
  onTestFinished(() => engine.stop());
  return { engine, carrierPort, base: apiOf(engine) };
}

const options = (transport: string) =>
  [
    'OPTIONS sip:127.0.0.1 SIP/2.0',
    `Via: SIP/2.0/${transport} 127.0.0.1:5999;branch=z9hG4bK${Math.random().toString(36).slice(2)};rport`,
    'From: <sip:probe@example.net>;tag=1',
    'To: <sip:127.0.0.1>',
    `Call-ID: ${Math.random()}`,
    'CSeq: 1 OPTIONS',
    'Max-Forwards: 70',
    // Long enough to be owed an answer.
    `Subject: ${'probe '.repeat(40)}`,
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');

function connection({ onTestFinished }: Ends, port: number): Socket {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => {});
  onTestFinished(() => void socket.destroy());
  return socket;
}

function answered(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.once('data', (octets) => resolve(octets.toString('latin1')));
    socket.once('close', () => reject(new Error('the connection was closed')));
    socket.write(options('TCP'));
  });
}

function answeredOverUdp(port: number): Promise<string> {
  const socket = createSocket('udp4');
  return new Promise<string>((resolve) => {
    socket.once('message', (octets) => resolve(octets.toString('latin1')));
    socket.send(options('UDP'), port, '127.0.0.1');
  }).finally(() => socket.close());
}

// These mostly wait, each for an engine of its own: side by side.
const waiting = { concurrent: true, timeout: 60_000 };

test(
  '64 descriptors: those who are connected, UDP and the health checks go on; further connections are closed and counted',
  waiting,
  async (context) => {
    const { engine, base } = await start(context, { wrapper: ['prlimit', '--nofile=64:64', '--'] });
    const peer = connection(context, engine.port);
    expect(await answered(peer)).toMatch(/^SIP\/2\.0 200 /);
    let closed = 0;
    for (let stranger = 0; stranger < 80 * TEST_WORKERS; stranger++)
      connection(context, engine.port).once('close', () => closed++);
    await eventually('most to be closed', () => closed > 60 * TEST_WORKERS);
    expect(await answered(peer)).toMatch(/^SIP\/2\.0 200 /);
    expect(await answeredOverUdp(engine.port)).toMatch(/^SIP\/2\.0 200 /);
    expect((await ask(base, 'GET', '/healthz')).status).toBe(200);
    expect(await metric(base, 'tandem_connections_total{event="refused"}')).toBeGreaterThan(60 * TEST_WORKERS);
    await engine.child.waitFor(/"descriptors-few"/);
  },
);

test(
  'a promise of some library fails and nobody waited for it: logged with its stack, counted, and the node serves on',
  waiting,
  async (context) => {
    const defect = 'process.on("SIGUSR2", () => void Promise.reject(new Error("nobody waits")))';
    const { engine, base } = await start(context, {
      settings: { workers: 1 },
      wrapper: ['env', `NODE_OPTIONS=--import=data:text/javascript,${encodeURIComponent(defect)}`],
    });
    engine.child.signal('SIGUSR2');
    await engine.child.waitFor(/"stack":"Error: nobody waits[^"]*".*"event":"unhandled-rejection"/);
    expect(await answeredOverUdp(engine.port)).toMatch(/^SIP\/2\.0 200 /);
    expect(await metric(base, 'uncaught_exceptions_total')).toBe(1);
  },
);

test(
  'something throws behind a signal, a timer and a socket, and nobody catches it: logged, counted, and the node serves on; a hundred in a minute end it',
  waiting,
  async (context) => {
    const defect = `process.on("SIGUSR2", () => {
      setTimeout(() => { throw new Error("of a timer"); });
      require("node:net").connect(1, "127.0.0.1").on("error", () => { throw new Error("of a socket"); });
      throw new Error("of a signal");
    })
    process.on("SIGWINCH", () => setInterval(() => { throw new Error("again and again"); }));`;
    const { engine, base } = await start(context, {
      settings: { workers: 1 },
      wrapper: [
        'env',
        `NODE_OPTIONS=--import=data:text/javascript,${encodeURIComponent(`import { createRequire } from "node:module"; const require = createRequire("file:///"); ${defect}`)}`,
      ],
    });
    engine.child.signal('SIGUSR2');
    for (const what of ['timer', 'socket', 'signal'])
      await engine.child.waitFor(new RegExp(`"stack":"Error: of a ${what}[^"]*".*"event":"uncaught-error"`));
    expect(await answeredOverUdp(engine.port)).toMatch(/^SIP\/2\.0 200 /);
    expect(await metric(base, 'uncaught_exceptions_total')).toBe(3);
    engine.child.signal('SIGWINCH');
    await engine.child.waitFor(
      /tandem ends: more than 100 defects within a minute, the last one:\nError: again and again/,
    );
    await engine.child.exited;
  },
);

test.skipIf(peersSkipped)(
  'a stall of two seconds in a call: the call goes on, and ends as it would have',
  waiting,
  async (context) => {
    const { engine, base, carrierPort } = await start(context);
    const carrier = await startAnswerer('answer', { localPort: carrierPort });
    const caller = await startCaller('phone-call', `127.0.0.1:${engine.port}`, { pauseMs: 5_000 });
    const answeredCalls = () => metric(base, 'tandem_calls_answered_total{direction="outbound"}');
    await eventually('the answer', async () => (await answeredCalls()) === 1);
    engine.child.signal('SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    engine.child.signal('SIGCONT');
    await allWell(carrier, caller);
    expect(await metric(base, 'uncaught_exceptions_total')).toBe(0);
  },
);

const files = () => ({ certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem') });
const put = (commonName: string) => {
  const { certificate, key } = files();
  const pair = authority.issue({ commonName, alternativeNames: ['IP:127.0.0.1'] });
  writeFileSync(certificate, pair.cert);
  writeFileSync(key, pair.key);
};
/** The name on the certificate that a new connection is shown. */
const shown = (port: number) =>
  new Promise<string>((resolve, reject) => {
    const socket = tlsConnect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.on('error', reject);
  });

test(
  'a broken certificate of a running node: the old one stays and the log says so; replaced: the new one is shown, connections go on',
  waiting,
  async (context) => {
    const { certificate, key } = files();
    put('first');
    const [port, tlsPort] = [await freePort(), await freePort()];
    const { engine } = await start(context, {
      settings: {
        listen: [
          { transport: 'udp', host: '127.0.0.1', port },
          { transport: 'tls', host: '127.0.0.1', port: tlsPort, certificate, key },
        ],
      },
    });
    expect(await shown(tlsPort)).toBe('first');
    const standing = tlsConnect({ host: '127.0.0.1', port: tlsPort, rejectUnauthorized: false });
    context.onTestFinished(() => void standing.destroy());
    await new Promise((resolve) => standing.once('secureConnect', resolve));
    // A connection without a message is closed after ten seconds.
    expect(await answered(standing)).toMatch(/^SIP\/2\.0 200 /);

    writeFileSync(certificate, 'broken');
    engine.child.signal('SIGHUP');
    await engine.child.waitFor(/cert\.pem holds no certificate.*"event":"reload-refused"/);
    expect(await shown(tlsPort)).toBe('first');

    put('second');
    engine.child.signal('SIGHUP');
    await engine.child.waitFor(/"event":"reloaded"/);
    expect(await shown(tlsPort)).toBe('second');
    expect(await answered(standing)).toMatch(/^SIP\/2\.0 200 /);
  },
);

// This one has the machine to itself.
test.skipIf(peersSkipped)(
  '256 MB of heap: calls at 15/s are served, none is refused for the collections that this takes',
  async (context) => {
    const { engine, base, carrierPort } = await start(context, {
      environment: { TANDEM_BOOTSTRAP_TOKEN: SYSTEM_TOKEN },
      wrapper: ['env', 'NODE_OPTIONS=--max-old-space-size=256'],
    });
    const carrier = await startAnswerer('answer', { localPort: carrierPort, calls: 30 });
    const caller = await startCaller('phone-call', `127.0.0.1:${engine.port}`, { calls: 30, callsPerSecond: 15 });
    await allWell(carrier, caller);
    expect(await metric(base, 'tandem_sip_faults_total{reason="overloaded"}')).toBe(0);
    expect(await metric(base, 'uncaught_exceptions_total')).toBe(0);
  },
  40_000,
);
