import { createSocket, type RemoteInfo } from 'node:dgram';
import { setFlagsFromString } from 'node:v8';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RehearsalSocket } from '../../../src/node/rehearsal/socket.ts';

type Datagram = readonly [octets: Buffer, remote: RemoteInfo];

/** Whether V8 runs code that it has compiled for one of two objects for the other as well. */
let isSameShape: (one: object, other: object) => boolean;

beforeEach(() => {
  setFlagsFromString('--allow-natives-syntax');
  isSameShape = new Function('one', 'other', 'return %HaveSameMap(one, other);') as typeof isSameShape;
});

afterEach(() => {
  setFlagsFromString('--no-allow-natives-syntax');
});

/** A datagram as the runtime reads it. */
async function readFromNetwork(): Promise<Datagram> {
  const socket = createSocket('udp4');
  try {
    return await new Promise((resolve) => {
      socket.on('message', (octets, remote) => resolve([octets, remote]));
      socket.bind(0, '127.0.0.1', () => socket.send('OPTIONS', socket.address().port, '127.0.0.1'));
    });
  } finally {
    socket.close();
  }
}

function delivered(isBatched: boolean, count: number): Datagram[] {
  const socket = new RehearsalSocket(1_000, isBatched);
  const datagrams: Datagram[] = [];
  socket.on('message', (octets: Buffer, remote: RemoteInfo) => datagrams.push([octets, remote]));
  for (let index = 0; index < count; index++) socket.deliver('OPTIONS', '192.0.2.1', 5060);
  return datagrams;
}

test('a datagram, and where it is from, have the shapes that the runtime gives them: what is compiled for them stays', async () => {
  const [octets, remote] = await readFromNetwork();
  const [[made, from]] = delivered(false, 1) as [Datagram];
  expect([made.toString('latin1'), from.address, from.port, from.size]).toEqual(['OPTIONS', '192.0.2.1', 5060, 7]);
  expect(isSameShape(octets, made)).toBe(true);
  expect(isSameShape(remote, from)).toBe(true);
});

test('where datagrams are read many at a time, every other one has that of what scripts make', async () => {
  const [octets] = await readFromNetwork();
  const [first, second] = delivered(true, 2) as [Datagram, Datagram];
  expect(isSameShape(octets, first[0])).toBe(true);
  expect(isSameShape(Buffer.allocUnsafe(7), second[0])).toBe(true);
});
