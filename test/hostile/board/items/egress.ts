import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../../../kit/free-port.ts';
import { ask, othersSaw, tenantToken } from '../admin.ts';
import { CALLERS, type Engine, OTHER_TRUNK, startEngine } from '../engine.ts';
import type { Item } from '../item.ts';
import { ping, placeCalls } from '../processes.ts';

const SECONDS = 60;
/** Trunks of the attacker's that are there at a time, each changed again and again to another place. */
const TRUNKS = 12;
/** A registration begins somewhere in the first seconds. */
const PATIENCE_MS = 30_000;
const SINK = '127.0.0.1';

/** Everything that comes to a port of the machine itself, over UDP and TCP. */
async function openSink(): Promise<{ port: number; received: () => number; close: () => void }> {
  const port = await freePort();
  let received = 0;
  const udp = createSocket('udp4').on('message', () => received++);
  await new Promise<void>((resolve) => udp.bind(port, SINK, resolve));
  const tcp = createServer((socket) => {
    received++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => tcp.listen(port, SINK, resolve));
  return {
    port,
    received: () => received,
    close() {
      udp.close();
      tcp.close();
    },
  };
}

/** Places that no tenant may make the engine send to. */
const placesAt = (port: number) => [
  { host: SINK, port },
  { host: SINK, port, transport: 'tcp' },
  { host: 'localhost', port },
  { host: '[::1]', port },
  { host: '0.0.0.0', port },
  { host: '127.1.2.3', port, transport: 'tcp' },
  { host: '169.254.169.254', port: 80, transport: 'tcp' },
  { host: '10.0.0.1' },
  { host: '192.168.0.1', transport: 'tcp' },
  { host: '[::ffff:127.0.0.1]', port },
  { host: 'public.example', outboundProxy: { host: SINK, port } },
  { host: 'public.example', outboundProxy: { host: 'localhost', port }, transport: 'tcp' },
];

/** An admin of a tenant who makes and changes register trunks without a break; says how many writes were taken. */
async function attack(engine: Engine, token: string, port: number): Promise<number> {
  const places = placesAt(port);
  const trunkOf = (index: number, turn: number) => ({
    name: `inside-${index}`,
    type: 'register',
    credentials: { authName: `u${index}`, password: 'secret' },
    didPool: String(31_000_000_000 + index),
    ...places[(index + turn) % places.length],
  });
  const ids: string[] = [];
  let taken = 0;
  for (let index = 0; index < TRUNKS; index++) {
    const { status, body } = await ask(engine, 'POST', 'trunks', trunkOf(index, 0), token);
    if (status === 201) ids.push(String(body.id));
    else throw new Error(`${status} ${JSON.stringify(body)}`);
  }
  const endMs = performance.now() + SECONDS * 1_000;
  for (let turn = 1; performance.now() < endMs; turn++) {
    for (const [index, id] of ids.entries()) {
      const { status } = await ask(engine, 'PUT', `trunks/${id}`, { id, ...trunkOf(index, turn) }, token);
      if (status === 200) taken++;
      await ask(engine, 'POST', `trunks/${id}/retry`, undefined, token);
    }
    await pause(500);
  }
  return taken;
}

/** How many of the tenant's trunks say that it is the guard which keeps them from registering. */
async function guarded(engine: Engine, token: string): Promise<number> {
  const endMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const { body } = await ask(engine, 'GET', 'trunks?limit=100', undefined, token);
    const own = (body.items as { owner: string; status: { reason?: string } }[]).filter(
      ({ owner }) => owner === 'acme',
    );
    const count = own.filter(({ status }) => status.reason?.startsWith('egress: ') === true).length;
    if (count === own.length || performance.now() > endMs) return (100 * count) / own.length;
    await pause(500);
  }
}

export const item: Item = {
  title: `a tenant admin makes trunks to the machine itself, its network and its metadata for ${SECONDS} s, while calls run`,
  async run() {
    const sink = await openSink();
    const engine = await startEngine({
      hasCarrier: true,
      environment: { TANDEM_API_REQUESTS_PER_MINUTE: '1000000' },
    });
    try {
      const token = await tenantToken(engine);
      const seconds = SECONDS;
      const [writes, calls, pings] = await Promise.all([
        attack(engine, token, sink.port),
        placeCalls({ port: engine.port, callers: CALLERS, perSecond: 20, seconds }),
        ping({ port: engine.port, from: OTHER_TRUNK, seconds }),
      ]);
      return [
        { what: 'trunks written', value: writes, unit: '', bar: { least: 100 } },
        { what: 'datagrams and connections that arrived', value: sink.received(), unit: '', bar: { most: 0 } },
        { what: 'trunks that say why', value: await guarded(engine, token), unit: '%', bar: { least: 100 } },
        ...othersSaw(calls, pings),
      ];
    } finally {
      await engine.stop();
      sink.close();
    }
  },
};
