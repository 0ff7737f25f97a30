import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../kit/eventually.ts';
import { Relay } from './relay.ts';

const HERE = '127.0.0.1';
const DELAY_MS = 60;

interface Line {
  readonly number: number;
  readonly sentAtMs: number;
  readonly cameAtMs: number;
}

/** A relay before a server that notes numbered lines, and a connection through it. */
async function relayed(delayMs: () => number) {
  const came: Line[] = [];
  const sentAtMs: number[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('data', (octets) => {
      const cameAtMs = performance.now();
      for (const line of String(octets).trimEnd().split('\n'))
        came.push({ number: Number(line), sentAtMs: sentAtMs[Number(line)] ?? 0, cameAtMs });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, HERE, resolve));
  const address = server.address();
  const relay = await Relay.open(HERE, typeof address === 'object' ? (address?.port ?? 0) : 0, delayMs);
  const client = connect({ host: HERE, port: relay.port, noDelay: true });
  onTestFinished(() => {
    client.destroy();
    relay.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await new Promise((resolve) => client.once('connect', resolve));
  return {
    came,
    client,
    send: () => {
      client.write(`${sentAtMs.length}\n`);
      sentAtMs.push(performance.now());
    },
  };
}

/** The process does nothing else meanwhile. */
function busy(ms: number): void {
  for (const untilMs = performance.now() + ms; performance.now() < untilMs; );
}

test('what passes comes in the order in which it was sent, each as late as it is to be, in a process that is late too, and while the delay ends', async () => {
  let delayMs = DELAY_MS;
  const { came, send } = await relayed(() => delayMs);
  const COUNT = 400;
  for (let sent = 0; sent < COUNT; sent++) {
    send();
    await pause(1);
    if (sent % 40 === 30) busy(DELAY_MS + 20);
    if (sent % 100 === 50) delayMs = 0;
    if (sent % 100 === 99) delayMs = DELAY_MS;
  }
  await eventually('all to have come', () => came.length === COUNT);
  expect(came.map(({ number }) => number)).toEqual(Array.from({ length: COUNT }, (_, number) => number));
  const early = came.filter(({ number, sentAtMs, cameAtMs }) => number % 100 < 49 && cameAtMs - sentAtMs < DELAY_MS);
  expect(early).toEqual([]);
});

test('who ends a connection is followed when what it sent before has come', async () => {
  const { came, send, client } = await relayed(() => DELAY_MS);
  send();
  await pause(10);
  client.resetAndDestroy();
  await eventually('the line to have come', () => came.length === 1);
});
