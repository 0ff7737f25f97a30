import { createSocket, type Socket } from 'node:dgram';
import { afterEach, describe, expect, test } from 'vitest';
import { silentLog } from '../../../src/base/log.ts';
import { BatchedSocket } from '../../../src/sip/transport/batched-socket.ts';
import { DatagramBatching, type SourcePolicy } from '../../../src/sip/transport/index.ts';
import {
  type DatagramTable,
  type NativeDatagrams,
  nativeDatagrams,
} from '../../../src/sip/transport/native-datagrams.ts';
import { knownBy } from '../../kit/known.ts';
import { Cleanup, udp } from './node.ts';
import { RecordingLog } from './recorder.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const native = nativeDatagrams() as NativeDatagrams;

const ADMITS_ALL: SourcePolicy = { admits: () => true, hasRoomFor: () => true, ...knownBy(() => true) };

/** What the kernel does, but for a few things. */
function kernel(changes: (table: DatagramTable) => Partial<DatagramTable>): NativeDatagrams {
  return {
    open: (name, reusePort) => native.open(name, reusePort),
    holdAlone: (fd) => native.holdAlone(fd),
    close: (fd) => native.close(fd),
    newTable: () => {
      const table = native.newTable();
      return Object.assign(table, changes(table));
    },
  };
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `datagram ${index}`);
}

/** A plain socket that sends a burst, and has it all in the kernel before it returns. */
async function burst(texts: readonly string[], port: number, host = '127.0.0.1'): Promise<Socket> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  cleanup.add(() => socket.close());
  for (const text of texts) await new Promise((resolve) => socket.send(text, port, host, resolve));
  return socket;
}

async function texts(node: ReturnType<Cleanup['node']>, count: number): Promise<string[]> {
  const received: string[] = [];
  while (received.length < count) received.push((await node.user.next('message')).text);
  return received;
}

describe('a socket whose datagrams are moved in batches', () => {
  const { createSocket: batched } = new DatagramBatching(silentLog);

  test.each(['127.0.0.1', '::1'])(
    'brings what waits, more than one call of the kernel takes, from %s in order',
    async (host) => {
      const node = await cleanup.node({ createSocket: batched }).open({ ...udp, host });
      const sent = numbered(300);
      const socket = await burst(sent, node.port(), host);
      expect(await texts(node, sent.length)).toEqual(sent);
      const { flow } = node.user.events[0] as { flow: { remoteAddress: string; remotePort: number } };
      expect([flow.remoteAddress, flow.remotePort]).toEqual([host, socket.address().port]);
    },
  );

  test.each(['127.0.0.1', '::1'])('sends more than one call takes, to %s in order', async (host) => {
    const node = await cleanup.node({ createSocket: batched }).open({ ...udp, host });
    const peer = await cleanup.node().open({ ...udp, host });
    const sent = numbered(200);
    const flow = node.layer.flowTo({ transport: 'udp', address: host, port: peer.port() });
    for (const text of sent) flow.send(text);
    expect(await texts(peer, sent.length)).toEqual(sent);
  });

  test('one datagram that the kernel refuses fails its flow; those before and behind it arrive in order', async () => {
    const node = await cleanup.node({ createSocket: batched }).open(udp);
    const peer = await cleanup.node().open(udp);
    const flow = node.layer.flowTo({ transport: 'udp', address: '127.0.0.1', port: peer.port() });
    const nowhere = node.layer.flowTo({ transport: 'udp', address: '255.255.255.255', port: 5060 });
    const sent = numbered(20);
    sent.forEach((text, index) => {
      flow.send(text);
      if (index % 7 === 3) nowhere.send('x');
    });
    expect(await texts(peer, sent.length)).toEqual(sent);
    const failed = await Promise.all([0, 1, 2].map(() => node.user.next('failed')));
    expect(failed.map(({ flow: at, text }) => [at === nowhere, text])).toEqual(
      new Array(3).fill([true, 'send failed: EACCES']),
    );
  });

  test('a port that is taken is refused with the same words, whoever has it', async () => {
    const refusal = /another process has the port \(EADDRINUSE\)/;
    const first = await cleanup.node({ createSocket: batched }).open(udp);
    const plain = await cleanup.node().open(udp);
    const open = (port: number, options = {}) => cleanup.node(options).open({ ...udp, port });
    await expect(open(first.port())).rejects.toThrow(refusal);
    await expect(open(first.port(), { createSocket: batched })).rejects.toThrow(refusal);
    await expect(open(plain.port(), { createSocket: batched })).rejects.toThrow(refusal);
  });

  test('workers share a port (SO_REUSEPORT), and each has what the kernel deals it', async () => {
    const shared = { ownPort: 0, keeps: () => true };
    const nodes = [cleanup.node({ createSocket: batched }), cleanup.node({ createSocket: batched })];
    const port = (await nodes[0]?.open({ ...udp, shared }))?.port() ?? 0;
    await nodes[1]?.open({ ...udp, port, shared });
    for (let index = 0; index < 40; index++) await burst([`from ${index}`], port);
    await expect
      .poll(() => nodes.map(({ user }) => user.count('message')).reduce((sum, count) => sum + count))
      .toBe(40);
    for (const { user } of nodes) expect(user.count('message')).toBeGreaterThan(0);
  });

  test.each([
    ['a part at a time', {}],
    ['all at once', { sources: ADMITS_ALL }],
  ])('handles what it has read up to the limit, when nothing more comes: %s', async (_how, options) => {
    const socket = createSocket({
      type: 'udp4',
      lookup: (address, _options, callback) => callback(null, address, 4),
    });
    cleanup.add(() => socket.close());
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const waiting = numbered(1 + 1_024);
    let port = 0;
    // As many wait as are read at once: without a lookup, what is sent is in the kernel when the call returns.
    const feeding = kernel((table) => {
      const receive = table.receive.bind(table);
      return {
        receive: (fd) => {
          for (const text of waiting.splice(0, 64)) socket.send(text, port, '127.0.0.1');
          return receive(fd);
        },
      };
    });
    const batching = new DatagramBatching(silentLog, feeding);
    const node = await cleanup.node({ createSocket: batching.createSocket, ...options }).open(udp);
    port = node.port();
    socket.send(waiting.shift() ?? '', port, '127.0.0.1');
    expect(await texts(node, 1_025)).toEqual(numbered(1_025));
    // A message of the node's own begins a turn.
    node.layer.flowTo({ transport: 'udp', address: '127.0.0.1', port: socket.address().port }).send('out');
    await new Promise((resolve) => socket.once('message', resolve));
    expect(node.layer.takeTurns()).toBe(false);
  });

  test('is closed once: nothing is read or sent afterwards by its number, which another file may have', async () => {
    const socket = new BatchedSocket({ type: 'udp4', native, onFallBack: () => {} });
    const received: string[] = [];
    socket.on('message', (octets) => received.push(octets.toString()));
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    await burst(['late'], socket.address().port);
    const closed = new Promise<void>((resolve) => socket.close(resolve));
    expect([socket.receive(), socket.hadMore()]).toEqual([0, undefined]);
    await closed;
    expect(received).toEqual([]);
  });
});

describe('a kernel that stops moving batches while the node runs', () => {
  test('loses nothing that arrives: the runtime reads it, and it is said once', async () => {
    const log = new RecordingLog();
    const batching = new DatagramBatching(
      log,
      kernel(() => ({ receive: () => 0 })),
    );
    const node = await cleanup.node({ createSocket: batching.createSocket }).open(udp);
    const sent = numbered(200);
    await burst(sent, node.port());
    expect(await texts(node, sent.length)).toEqual(sent);
    await burst(sent, node.port());
    expect(await texts(node, sent.length)).toEqual(sent);
    expect(log.lines).toEqual([
      { level: 'warn', event: 'udp-batching-off', fields: { reason: 'the kernel gives no datagrams to recvmmsg' } },
    ]);
    expect(batching.problems()).toEqual(['udp-batching-off']);
  });

  test.each([
    ['keep-alives', '\r\n\r\n', {}, {}],
    ['messages of sources that are not admitted', 'x', { sources: { ...ADMITS_ALL, admits: () => false } }, {}],
    ['messages of another worker', 'x', {}, { shared: { ownPort: 0, keeps: () => false } }],
    ['messages that are handled', 'x', {}, {}],
  ])('is not one that has nothing behind a datagram that came alone: %s', async (_what, text, options, listener) => {
    let wasRead = () => {};
    const batching = new DatagramBatching(
      silentLog,
      kernel((table) => {
        const receive = table.receive.bind(table);
        return {
          receive: (fd) => {
            wasRead();
            return receive(fd);
          },
        };
      }),
    );
    const node = await cleanup.node({ createSocket: batching.createSocket, ...options }).open({ ...udp, ...listener });
    const socket = createSocket('udp4');
    cleanup.add(() => socket.close());
    for (let sent = 0; sent < 40 && batching.offBecause === undefined; sent++) {
      const read = new Promise<void>((resolve) => (wasRead = resolve));
      socket.send(text, node.port(), '127.0.0.1');
      await read;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(batching.offBecause).toBeUndefined();
  });

  test('loses nothing that is sent, and keeps its order', async () => {
    const batching = new DatagramBatching(
      silentLog,
      kernel(() => ({ send: () => 0 })),
    );
    const node = await cleanup.node({ createSocket: batching.createSocket }).open(udp);
    const peer = await cleanup.node().open(udp);
    const flow = node.layer.flowTo({ transport: 'udp', address: '127.0.0.1', port: peer.port() });
    const sent = numbered(150);
    for (const text of sent) flow.send(text);
    expect(await texts(peer, sent.length)).toEqual(sent);
    for (let turn = 0; batching.offBecause === undefined && turn < 100; turn++) {
      flow.send(`turn ${turn}`);
      expect(await texts(peer, 1)).toEqual([`turn ${turn}`]);
    }
    expect(batching.offBecause).toBe('the kernel takes no datagrams from sendmmsg');
    flow.send('afterwards');
    expect(await texts(peer, 1)).toEqual(['afterwards']);
  });

  test('a kernel that takes a part now and the rest later is no such kernel', async () => {
    const batching = new DatagramBatching(
      silentLog,
      kernel((table) => {
        const send = table.send.bind(table);
        return { send: (fd, from, to) => send(fd, from, Math.min(to, from + 3)) };
      }),
    );
    const node = await cleanup.node({ createSocket: batching.createSocket }).open(udp);
    const peer = await cleanup.node().open(udp);
    const flow = node.layer.flowTo({ transport: 'udp', address: '127.0.0.1', port: peer.port() });
    const sent = numbered(300);
    for (const text of sent) flow.send(text);
    expect(await texts(peer, sent.length)).toEqual(sent);
    expect(batching.offBecause).toBeUndefined();
  });
});

describe('where batches cannot be had', () => {
  test('sockets are the runtime’s, and it is said once', async () => {
    const log = new RecordingLog();
    const batching = new DatagramBatching(log, 'no such thing here');
    const node = await cleanup.node({ createSocket: batching.createSocket }).open(udp, { ...udp, id: 'other' });
    await burst(['one'], node.port(1));
    expect(await texts(node, 1)).toEqual(['one']);
    expect(log.lines.filter(({ event }) => event === 'udp-batching-off').map(({ fields }) => fields)).toEqual([
      { reason: 'no such thing here' },
    ]);
  });

  test('a socket that only the runtime can open is opened by it', async () => {
    const batching = new DatagramBatching(silentLog, { ...kernel(() => ({})), open: () => undefined });
    const node = await cleanup.node({ createSocket: batching.createSocket }).open(udp);
    await burst(['one'], node.port());
    expect(await texts(node, 1)).toEqual(['one']);
    expect(batching.offBecause).toBe('the kernel has refused the socket');
  });
});
