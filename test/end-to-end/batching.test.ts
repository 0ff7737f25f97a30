import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startChild } from '../kit/child.ts';
import { type EngineProcess, startEngineProcess } from '../kit/engine-process.ts';
import { freePort } from '../kit/free-port.ts';
import { peersSkipped } from '../kit/peers.ts';
import { allWell, manyCalls, startAnswerer, startCaller } from './sipp.ts';
import { acme, carrierTrunk } from './world.ts';

const CALLS = 1_000;
const RATE = 300;
const HOST6 = '::1';

/** `udpBatching`: calls over sockets whose datagrams are moved many at a time. */
describe.skipIf(peersSkipped)('datagrams in batches', () => {
  let engine: EngineProcess;
  let httpPort: number;
  let port: number;
  let port6: number;
  let carrierPort: number;
  let carrierPort6: number;

  beforeAll(async () => {
    [port, port6, carrierPort, carrierPort6, httpPort] = (await Promise.all([
      freePort(),
      freePort(HOST6),
      freePort(),
      freePort(HOST6),
      freePort(),
    ])) as [number, number, number, number, number];
    const [direct] = acme().outboundRules ?? [];
    engine = await startEngineProcess({
      provisioning: {
        tenants: [
          acme({
            outboundRules: [
              ...(direct === undefined ? [] : [direct]),
              { name: 'six', match: { prefixes: ['6'] }, routes: [{ trunk: 'six', strip: 1, prepend: '+' }] },
            ],
          }),
        ],
        trunks: [carrierTrunk(carrierPort), carrierTrunk(carrierPort6, { id: '2', name: 'six', host: HOST6 })],
      },
      settings: {
        workers: 1,
        udpBatching: true,
        listen: [
          { transport: 'udp', host: '127.0.0.1', port },
          { transport: 'udp', host: HOST6, port: port6 },
        ],
        // On a busy machine calls come late, and none is to be refused for it.
        timers: { t1Ms: 2000, drainMs: 0 },
        limits: { backlogMs: 10_000 },
        api: { port: httpPort },
      },
    });
  });
  afterAll(() => engine.stop());

  test(`${CALLS} calls of a phone with digest through a trunk, none failed`, async () => {
    const many = manyCalls(CALLS);
    const carrier = await startAnswerer('answer', { ...many, localPort: carrierPort });
    const phone = await startCaller('phone-call', `127.0.0.1:${port}`, { ...many, callsPerSecond: RATE, pauseMs: 50 });
    const [placed, answered] = await allWell(phone, carrier);
    expect([placed?.successful, answered?.successful]).toEqual([CALLS, CALLS]);
    const ready = (await (await fetch(`http://127.0.0.1:${httpPort}/readyz`)).json()) as { reasons: string[] };
    expect(ready.reasons).toEqual([]);
  });

  test('a call over IPv6', async () => {
    const carrier = await startAnswerer('answer', { localHost: HOST6, localPort: carrierPort6 });
    const keys = { called: '615551234' };
    const phone = await startCaller('phone-call', `[${HOST6}]:${port6}`, { localHost: HOST6, keys });
    const [, called] = await allWell(phone, carrier);
    expect(called?.messages).toContain(`INVITE sip:+15551234@[::1]:${carrierPort6} SIP/2.0\r\n`);
    expect(called?.messages).toContain('Via: SIP/2.0/UDP [::1]:');
  });

  test.each(['127.0.0.1', HOST6])('a request of 60,000 octets from %s is read whole', async (host) => {
    const socket = createSocket(host === HOST6 ? 'udp6' : 'udp4');
    await new Promise<void>((bound) => socket.bind(0, host, bound));
    const at = host === HOST6 ? `[${host}]` : host;
    const head = [
      `OPTIONS sip:${at} SIP/2.0`,
      `Via: SIP/2.0/UDP ${at}:${socket.address().port};branch=z9hG4bKlarge${host.length}`,
      'Max-Forwards: 70',
      'From: <sip:a@example.com>;tag=1',
      `To: <sip:${at}>`,
      `Call-ID: large@${host.length}`,
      'CSeq: 1 OPTIONS',
      'Content-Type: text/plain',
      'Content-Length: 59000',
      '',
      '',
    ].join('\r\n');
    const answered = once(socket, 'message');
    socket.send(head + 'x'.repeat(59_000), host === HOST6 ? port6 : port, host);
    const [octets] = (await answered) as [Buffer];
    expect(octets.toString('latin1')).toMatch(/^SIP\/2\.0 200 /);
    socket.close();
  });

  test('where the runtime has no node:ffi, the node serves, and says so once: in its log, in /readyz and as a metric', async () => {
    engine.child.signal('SIGTERM');
    await engine.child.exited;
    const child = startChild(process.execPath, ['--no-experimental-ffi', 'bin/tandem.js', 'start'], {
      cwd: resolve(import.meta.dirname, '../..'),
      env: {
        ...process.env,
        NODE_OPTIONS: '--no-experimental-ffi',
        TANDEM_CONFIG: engine.configFile,
        TANDEM_TIMERS_WARM_UP_MS: '0',
      },
    });
    try {
      await child.waitFor(/is running/);
      const lines = child.output().split('\n');
      const told = lines.filter((line) => line.includes('"event":"udp-batching-off"'));
      expect(told).toHaveLength(1);
      expect(told[0]).toContain('has no node:ffi');
      const get = async (path: string) => (await fetch(`http://127.0.0.1:${httpPort}${path}`)).text();
      expect(await get('/readyz')).toContain('"reasons":["udp-batching-off"]');
      expect(await get('/metrics')).toContain('tandem_problem{problem="udp-batching-off"} 1');
    } finally {
      await child.stop();
    }
  });
});
