import { afterEach, describe, expect, test } from 'vitest';
import { SourceGate, type TransportLayerOptions } from '../../../src/sip/transport/index.ts';
import { knownBy } from '../../kit/known.ts';
import { Cleanup, tcp } from './node.ts';
import { options } from './recorder.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

/** A node, a client connected to it, and the flow of the connection once a message was exchanged. */
async function connected(limits = {}) {
  const node = await cleanup.node({ limits }).open(tcp);
  const client = await cleanup.client(node.port());
  client.write(options('hello'));
  const { flow } = await node.user.next('message');
  return { node, client, flow };
}

/** A flow that this side opened, and the bare octets that its peer reads. */
async function opened(limits = {}) {
  const node = await cleanup.node({ limits }).open(tcp);
  const peer = await cleanup.node().open(tcp);
  const flow = node.layer.flowTo({ transport: 'tcp', address: '127.0.0.1', port: peer.port() });
  flow.send(options('hello'));
  const { flow: back } = await peer.user.next('message');
  return { node, peer, flow, back };
}

/** More than the kernel takes for both sides. */
const UNREAD_OCTETS = 32 * 1_048_576;

/** A connection whose client does not read, with {@link UNREAD_OCTETS} under way to it. */
async function unread(more: Partial<TransportLayerOptions> = {}) {
  const node = await cleanup.node({ ...more, limits: { maxQueuedOctets: 1e9 } }).open(tcp);
  const client = await cleanup.client(node.port());
  client.write(options('hello'));
  const { flow } = await node.user.next('message');
  client.socket.pause();
  for (let sent = 0; sent < UNREAD_OCTETS; sent += 1_048_576) flow.send('x'.repeat(1_048_576));
  return { node, client, flow };
}

describe('framing (RFC 3261 §18.3)', () => {
  test('a message that comes one octet per segment arrives whole', async () => {
    const { node, client } = await connected();
    for (const octet of options('slow', 'body')) client.write(octet);
    expect((await node.user.next('message')).text).toBe(options('slow', 'body'));
  });

  test('pipelined messages arrive one by one', async () => {
    const { node, client } = await connected();
    client.write(options('a', 'one') + options('b') + options('c', 'three'));
    for (const text of [options('a', 'one'), options('b'), options('c', 'three')]) {
      expect((await node.user.next('message')).text).toBe(text);
    }
  });

  test('a Content-Length that cannot be read: the head is handed up once, then the connection closes', async () => {
    const { node, client, flow } = await connected();
    const bad = options('bad').replace('Content-Length: 0', 'Content-Length: -1');
    client.write(bad + options('smuggled'));
    const lost = await node.user.next('framing-lost');
    expect(lost.text).toBe(`400 ${bad}`);
    await client.ended;
    expect((await node.user.next('closed')).flow).toBe(flow);
    expect(node.user.count('message')).toBe(1);
    expect(node.layer.counters.framingLost).toBe(1);
  });

  test('an answer given while framing is lost still leaves', async () => {
    const { node, client } = await connected();
    const answered = node.user.onFramingLost.bind(node.user);
    node.user.onFramingLost = (head, flow, error) => {
      flow.send('SIP/2.0 400 Bad Request\r\n\r\n');
      answered(head, flow, error);
    };
    client.write(options('bad').replace('Content-Length: 0', 'Content-Length: 1x'));
    await client.ended;
    expect(client.received).toBe('SIP/2.0 400 Bad Request\r\n\r\n');
  });
});

describe('keep-alive (RFC 5626 §3.5.1, §4.4.1)', () => {
  test('a double CRLF is answered with a single one', async () => {
    const { node, client } = await connected();
    client.write('\r\n\r\n');
    await client.reads('\r\n');
    expect(client.received).toBe('\r\n');
    expect((await node.user.next('keep-alive')).flow.remotePort).toBe(client.socket.localPort);
  });

  test('a connection that we opened is pinged at each interval, and the pong is taken', async () => {
    const { node, peer, flow } = await opened({ pingIntervalMs: 100_000, pongTimeoutMs: 1e9, idleTimeoutMs: 1e9 });
    for (let pongs = 1; pongs <= 3; pongs++) {
      node.scheduler.advance(89_000);
      expect(peer.user.count('keep-alive')).toBe(pongs - 1);
      node.scheduler.advance(21_000);
      await peer.user.next('keep-alive');
      await node.user.next('keep-alive');
    }
    expect(flow.closed).toBe(false);
  });

  test('a peer that has answered a ping and stops has failed 10 s after the next one', async () => {
    const { node, peer, flow } = await opened({ pingIntervalMs: 100_000, idleTimeoutMs: 1e9 });
    // The first ping: its answer may come as late as it likes, the peer could be one that never answers.
    node.scheduler.advance(110_000);
    node.scheduler.advance(10_000);
    await peer.user.next('keep-alive');
    await node.user.next('keep-alive');
    node.scheduler.advance(110_000);
    // No turn of the event loop lets an answer in.
    node.scheduler.advance(10_000);
    const failed = await node.user.next('failed');
    expect([failed.flow, failed.text]).toEqual([flow, 'the peer stopped answering pings']);
    expect(node.layer.counters.pongTimeouts).toBe(1);
  });

  test('a ping in two segments is answered too, and two answers in a row are no ping', async () => {
    const { node, client } = await connected();
    client.write('\r\n');
    await node.user.next('keep-alive');
    client.write('\r\n');
    await client.reads('\r\n');
  });

  test('pings that come together are answered together: a stream of them is no work', async () => {
    const { node, client } = await connected();
    client.write('\r\n\r\n'.repeat(50_000));
    client.write(options('behind'));
    const { flow } = await node.user.next('message');
    flow.send('the end');
    await client.reads('the end');
    const answers = client.received.length - 'the end'.length;
    expect(answers).toBeGreaterThan(0);
    // A few each time that the kernel has something for us, of 50,000.
    expect(answers / 2).toBeLessThan(1_000);
  });

  test('a ping is answered once what was sent before it has been read, however much that is', async () => {
    const { client, node } = await unread();
    client.write('\r\n\r\n');
    await node.user.next('keep-alive');
    client.socket.resume();
    while (client.received.length < UNREAD_OCTETS + 2) await new Promise((resolve) => setImmediate(resolve));
    expect(client.received.slice(-3)).toBe('x\r\n');
  });

  test('a peer that reads nothing has no answers to its pings pile up', async () => {
    const { node, client } = await unread();
    for (let pings = 0; pings < 100; pings++) {
      client.write('\r\n\r\n');
      await node.user.next('keep-alive');
    }
    client.socket.resume();
    client.write(options('behind'));
    (await node.user.next('message')).flow.send('the end');
    while (!client.received.slice(-100).includes('the end')) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setTimeout(resolve, 50));
    // The one that was under way, and the one that was owed behind it.
    expect(client.received.split('\r\n').length - 1).toBe(2);
  });

  test('a peer that never answered a ping is not failed for it', async () => {
    const { node, flow } = await connected({ idleTimeoutMs: 10_000_000, pongTimeoutMs: 10_000 });
    flow.keepAlive(100_000);
    for (let round = 0; round < 5; round++) node.scheduler.advance(100_000);
    expect(flow.closed).toBe(false);
  });
});

describe('time limits', () => {
  test.each([
    ['a stranger', false],
    ['a known peer', true],
  ])(
    '%s that asks and does not read: its connection ends after 10 s, a known peer’s does not',
    async (_who, isKnown) => {
      const { scheduler } = cleanup.node();
      const sources = new SourceGate(
        scheduler,
        knownBy(() => isKnown),
      );
      const { node, flow } = await unread({ sources });
      await new Promise((resolve) => setTimeout(resolve, 100));
      node.scheduler.advance(10_000);
      await new Promise((resolve) => setTimeout(resolve, 50));
      node.scheduler.advance(10_000);
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(flow.closed).toBe(!isKnown);
      expect(node.layer.counters.slowClosed).toBe(isKnown ? 0 : 1);
    },
  );

  test('a stranger that reads slowly is no peer that does not read, though one long write is all that it is sent', async () => {
    const { scheduler } = cleanup.node();
    const { node, client, flow } = await unread({
      sources: new SourceGate(
        scheduler,
        knownBy(() => false),
      ),
    });
    for (let readOctets = 8; readOctets <= 24; readOctets += 8) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      client.socket.resume();
      while (client.received.length < readOctets * 1_048_576) await new Promise((resolve) => setImmediate(resolve));
      client.socket.pause();
      await new Promise((resolve) => setTimeout(resolve, 50));
      node.scheduler.advance(10_000);
      expect(flow.closed).toBe(false);
    }
    node.scheduler.advance(10_000);
    expect(flow.closed).toBe(true);
  });

  test('without memory for strangers half a message of one is not kept; a known peer’s is', async () => {
    let hasRoom = true;
    let isKnown = true;
    const clock = cleanup.node().scheduler;
    const sources = new SourceGate(clock, { ...knownBy(() => isKnown), hasRoom: () => hasRoom });
    const node = await cleanup.node({ sources }).open(tcp);
    const client = await cleanup.client(node.port());
    client.write(options('hello'));
    await node.user.next('message');
    hasRoom = false;
    const whole = options('known', 'body');
    client.write(whole.slice(0, 50));
    await new Promise((resolve) => setTimeout(resolve, 50));
    client.write(whole.slice(50));
    expect((await node.user.next('message')).text).toBe(whole);
    isKnown = false;
    clock.advance(1_000);
    client.write(whole.slice(0, 50));
    await client.ended;
    expect((await node.user.next('closed')).text).toBe('no memory for what unknown addresses send');
    expect(sources.refused.memory).toBe(1);
  });

  test('a connection that brings no message is closed after 10 s', async () => {
    const node = await cleanup.node().open(tcp);
    const client = await cleanup.client(node.port());
    client.write('OPTIONS sip:a SIP/2.0\r\n');
    // A second client's message shows that the first one's octets were read.
    const witness = await cleanup.client(node.port());
    witness.write(options('witness'));
    await node.user.next('message');
    node.scheduler.advance(9_999);
    expect(node.layer.counters.slowClosed).toBe(0);
    node.scheduler.advance(1);
    await client.ended;
    expect((await node.user.next('closed')).text).toBe('no message in time');
    expect(node.layer.counters.slowClosed).toBe(1);
    expect(node.layer.counters.connections).toBe(1);
  });

  test('a message must be complete 10 s after its first octet, however busily it dribbles', async () => {
    const { node, client } = await connected();
    const text = options('dribble', 'x'.repeat(100));
    client.write(text.slice(0, 20));
    client.write('\r\n');
    await drained(node, client.socket);
    node.scheduler.advance(6_000);
    client.write(text.slice(20, 40));
    await drained(node, client.socket);
    node.scheduler.advance(4_000);
    await client.ended;
    expect((await node.user.next('closed')).text).toBe('message not completed in time');
  });

  test('a new message starts a new limit', async () => {
    const { node, client, flow } = await connected();
    for (let round = 0; round < 3; round++) {
      client.write(`${options(`r${round}`)}OPTIONS`);
      await node.user.next('message');
      node.scheduler.advance(6_000);
      client.write(options('rest').slice('OPTIONS'.length));
      await node.user.next('message');
    }
    expect(flow.closed).toBe(false);
  });

  test('an idle connection is closed, one with traffic is not', async () => {
    const { node, client, flow } = await connected({ idleTimeoutMs: 60_000 });
    node.scheduler.advance(50_000);
    client.write('\r\n\r\n');
    await node.user.next('keep-alive');
    node.scheduler.advance(50_000);
    expect(flow.closed).toBe(false);
    node.scheduler.advance(10_000);
    expect((await node.user.next('closed')).text).toBe('idle');
    await client.ended;
    expect(node.scheduler.armedCount).toBe(0);
  });

  test('a connection that is not set up in time fails with what waited for it', async () => {
    const node = await cleanup.node().open(tcp);
    const peer = await cleanup.node().open(tcp);
    const flow = node.layer.flowTo({
      transport: 'tcp',
      address: '127.0.0.1',
      port: peer.port(),
      connectTimeoutMs: 1_500,
    });
    flow.send(options('a'));
    // No turn of the event loop lets the connection through.
    node.scheduler.advance(1_500);
    expect((await node.user.next('failed')).text).toBe('connection not set up in time');
    expect(flow.connected).toBe(false);
    expect(node.layer.counters.connectFailures).toBe(1);
  });
});

describe('limits', () => {
  test('what waits for a connection is bounded', async () => {
    const node = await cleanup.node({ limits: { maxQueuedOctets: 1_000 } }).open(tcp);
    const peer = await cleanup.node().open(tcp);
    const flow = node.layer.flowTo({ transport: 'tcp', address: '127.0.0.1', port: peer.port() });
    flow.send('x'.repeat(600));
    flow.send('x'.repeat(600));
    expect((await node.user.next('failed')).text).toBe('too much waits for the connection');
  });

  test('a peer that does not read is cut off instead of filling memory', async () => {
    const { node, client, flow } = await connected({ maxQueuedOctets: 100_000 });
    client.socket.pause();
    while (!flow.closed) flow.send('x'.repeat(50_000));
    expect((await node.user.next('failed')).text).toBe('the peer does not read what we send');
  });

  test('one address cannot take more than its connections, and unproven ones less', async () => {
    const node = await cleanup.node({ limits: { maxConnectionsPerSource: 3, maxUnprovenPerSource: 2 } }).open(tcp);
    const proven = await cleanup.client(node.port());
    proven.write(options('a'));
    await node.user.next('message');
    await cleanup.client(node.port());
    const third = await cleanup.client(node.port());
    const fourth = await cleanup.client(node.port());
    await fourth.ended;
    third.socket.destroy();
    await node.user.next('closed');
    expect(node.layer.counters.connectionsRefused).toBe(1);
    expect(node.layer.counters.connections).toBe(2);
  });

  test('slots are kept for known peers when strangers hold all others', async () => {
    const limits = { maxConnections: 4, reservedConnections: 2 };
    let known = false;
    const node = await cleanup
      .node({ limits, sources: { admits: () => true, hasRoomFor: () => true, ...knownBy(() => known) } })
      .open(tcp);
    await cleanup.client(node.port());
    await cleanup.client(node.port());
    const stranger = await cleanup.client(node.port());
    await stranger.ended;
    known = true;
    const trunk = await cleanup.client(node.port());
    trunk.write(options('trunk'));
    expect((await node.user.next('message')).text).toBe(options('trunk'));
  });

  test('a stranger that has brought nothing for long is closed for one that comes when no slot is left, and told of as closed', async () => {
    const limits = { maxConnections: 4, reservedConnections: 2, pingIntervalMs: 0 };
    const sources = { admits: () => true, hasRoomFor: () => true, ...knownBy(() => false) };
    const node = await cleanup.node({ limits, sources }).open(tcp);
    const silent = await cleanup.client(node.port());
    silent.write(options('once'));
    await node.user.next('message');
    node.scheduler.advance(33_000);
    const asking = await cleanup.client(node.port());
    asking.write(options('asking'));
    await node.user.next('message');
    const third = await cleanup.client(node.port());
    third.write(options('third'));
    expect((await node.user.next('message')).text).toBe(options('third'));
    await silent.ended;
    expect((await node.user.next('closed')).text).toBe('its place was needed');
    expect([node.layer.counters.connections, node.layer.counters.connectionsRefused]).toEqual([2, 0]);
    const fourth = await cleanup.client(node.port());
    await fourth.ended;
    expect(asking.socket.destroyed).toBe(false);
  });

  test('a source over its rate is read more slowly and loses nothing', async () => {
    const scheduler = cleanup.node().scheduler;
    const sources = new SourceGate(scheduler, { burst: 2, messagesPerSecond: 10 });
    const node = await cleanup.node({ sources }).open(tcp);
    const client = await cleanup.client(node.port());
    for (let count = 0; count < 3; count++) client.write(options(`m${count}`));
    for (let count = 0; count < 3; count++) await node.user.next('message');
    client.write(options('late'));
    expect(client.socket.destroyed).toBe(false);
    while (node.user.count('message') < 4) {
      node.scheduler.advance(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(node.layer.counters.rateLimited).toBeGreaterThan(0);
  });
});

/** Resolves when everything that the client wrote was read: its ping has been answered elsewhere, so its buffer is empty. */
async function drained(node: { layer: { counters: { connections: number } } }, socket: import('node:net').Socket) {
  while (socket.writableLength > 0) await new Promise((resolve) => setImmediate(resolve));
  // Loopback delivers within the next turns; the counter shows that the node still runs.
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(node.layer.counters.connections).toBeGreaterThan(0);
}
