import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { silentLog } from '../../../src/base/log.ts';
import { RedisLink } from '../../../src/store/redis/link.ts';
import { CuttableWay } from '../../kit/cuttable-way.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { type RedisServer, startCluster, startRedis } from '../../kit/redis.ts';
import { eventually } from './world.ts';

const ANSWER_MS = 200;

const FOLLOWED = '*3\r\n$9\r\nsubscribe\r\n$14\r\n+switch-master\r\n:1\r\n';

/** Names the master, after a while, to whoever asks; followers wait while it is slow. */
function slowSentinel(masterPort: number) {
  let asked = 0;
  const followers = new Set<Socket>();
  const slow = { subscriptions: false, held: 0 };
  const server: Server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('close', () => followers.delete(socket));
    socket.on('data', (octets) => {
      for (const [command] of octets
        .toString('latin1')
        .matchAll(/get-master-addr-by-name|sentinels|SETINFO|subscribe/gi)) {
        const port = String(masterPort);
        if (command === 'get-master-addr-by-name') {
          asked++;
          const answer = `*2\r\n$9\r\n127.0.0.1\r\n$${port.length}\r\n${port}\r\n`;
          setTimeout(() => socket.writable && socket.write(answer), ANSWER_MS);
        } else if (command === 'sentinels') setTimeout(() => socket.writable && socket.write('*0\r\n'), ANSWER_MS);
        else if (command === 'subscribe' && slow.subscriptions) slow.held++;
        else if (command === 'subscribe') {
          followers.add(socket);
          socket.write(FOLLOWED);
        } else socket.write('+OK\r\n');
      }
    });
  });
  return { server, asked: () => asked, followers, slow };
}

/** Passes everything on, except subscriptions while they are slow. */
function relayTo(port: number) {
  const sockets = new Set<Socket>();
  const slow = { subscriptions: false, held: 0 };
  const server = createServer((near) => {
    const far = connect({ host: '127.0.0.1', port });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        near.destroy();
        far.destroy();
      });
    }
    far.on('data', (octets) => near.write(octets));
    near.on('data', (octets) => {
      if (slow.subscriptions && octets.toString('latin1').toLowerCase().includes('subscribe')) slow.held++;
      else far.write(octets);
    });
  });
  return { server, sockets, slow };
}

const SETTINGS = { kind: 'redis' as const, cluster: false, keyPrefix: 'test:', path: '' };

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** What would have been the end of a process, until the test is over. */
function unheardRejections(onTestFinished: (end: () => void) => void): readonly unknown[] {
  const unheard: unknown[] = [];
  const onUnheard = (error: unknown) => unheard.push(error);
  process.on('unhandledRejection', onUnheard);
  onTestFinished(() => void process.off('unhandledRejection', onUnheard));
  return unheard;
}

describe.skipIf(peersSkipped)('a link to a master that Sentinels name', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  test('is told to look anew while it still asks them: it has a connection all the same', async ({
    onTestFinished,
  }) => {
    const { server, asked } = slowSentinel(redis.port);
    const port = await listening(server);
    const link = new RedisLink(
      { ...SETTINGS, url: 'redis://sentinel', sentinel: { name: 'main', nodes: [{ host: '127.0.0.1', port }] } },
      { log: silentLog },
    );
    onTestFinished(() => {
      link.close();
      server.close();
    });
    await eventually(() => asked() > 0);
    link.reconnect();
    // What this end says of a connection that it has dropped is nobody's word.
    const contacts = new Set<string>();
    const looking = setInterval(() => contacts.add(link.contact), 1);
    expect(await link.ready(5_000)).toBe(true);
    clearInterval(looking);
    expect([...contacts].filter((contact) => contact !== 'reached')).toEqual(['silent']);
    expect(await link.command('PING')).toEqual(Buffer.from('PONG'));
  });

  test('follows a Sentinel again that was away and is slow: no rejection is left to nobody', async ({
    onTestFinished,
  }) => {
    const { server, followers, slow } = slowSentinel(redis.port);
    const port = await listening(server);
    const link = new RedisLink(
      { ...SETTINGS, url: 'redis://sentinel', sentinel: { name: 'main', nodes: [{ host: '127.0.0.1', port }] } },
      { log: silentLog },
    );
    const unheard = unheardRejections(onTestFinished);
    onTestFinished(() => {
      link.close();
      server.close();
    });
    await eventually(() => followers.size > 0);
    slow.subscriptions = true;
    for (const socket of followers) socket.destroy();
    await eventually(() => slow.held > 0);
    // Longer than a Sentinel has for an answer.
    await new Promise((resolve) => setTimeout(resolve, 1_300));
    expect(unheard).toEqual([]);
    expect(await link.command('PING')).toEqual(Buffer.from('PONG'));
  });
});

describe.skipIf(peersSkipped)('a link whose connection is given up while nothing comes through', () => {
  // More than the other end takes unread, so that some is in this kernel; and so much that some has not got there.
  test.each([600_000, 40_000_000])('what it had written of %i octets never arrives', async (octets) => {
    const redis = await startRedis();
    const way = await CuttableWay.to(redis.port);
    const link = new RedisLink({ ...SETTINGS, url: `redis://127.0.0.1:${way.port}` }, { log: silentLog });
    const admin = new Redis(redis.url);
    onTestFinished(async () => {
      link.close();
      way.close();
      admin.disconnect();
      await redis.stop();
    });
    expect(await link.ready(5_000)).toBe(true);
    way.cut();
    await expect(link.command('SET', 'late', 'x'.repeat(octets))).rejects.toThrow('timed out');
    link.reconnect();
    way.mend();
    const writes = () => link.command('SET', 'now', 'written');
    await eventually(() => writes().then(Boolean, () => false));
    // An ordered close had delivered it by now.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect([await admin.exists('late'), await admin.exists('now')]).toEqual([0, 1]);
  });
});

describe.skipIf(peersSkipped)('what a link knows of the way to Redis', () => {
  test('it is reached until a command is not answered, and silent until one is, or a connection is there', async () => {
    const redis = await startRedis();
    const way = await CuttableWay.to(redis.port);
    const link = new RedisLink({ ...SETTINGS, url: `redis://127.0.0.1:${way.port}` }, { log: silentLog });
    onTestFinished(async () => {
      link.close();
      way.close();
      await redis.stop();
    });
    expect(link.contact).toBe('silent');
    expect(await link.ready(5_000)).toBe(true);
    expect(link.contact).toBe('reached');
    for (const isDropped of [false, true]) {
      way.cut();
      await expect(link.command('PING')).rejects.toThrow('timed out');
      expect(link.contact).toBe('silent');
      if (isDropped) link.reconnect();
      expect(link.contact).toBe('silent');
      await expect(link.command('PING')).rejects.toThrow();
      expect(link.contact).toBe('silent');
      way.mend();
      await eventually(() =>
        link.command('PING').then(
          () => true,
          () => false,
        ),
      );
      expect(link.contact).toBe('reached');
    }
  });

  test('who has closed or refuses the connection has said that it is away, and so has a Redis that cannot do its work', async () => {
    const redis = await startRedis();
    const link = new RedisLink({ ...SETTINGS, url: redis.url }, { log: silentLog });
    onTestFinished(async () => {
      link.close();
      await redis.stop();
    });
    expect(await link.ready(5_000)).toBe(true);
    await expect(link.command('HGET', 'too few')).rejects.toThrow('wrong number of arguments');
    expect(link.contact).toBe('reached');
    await link.command('CONFIG', 'SET', 'maxmemory', '1');
    await expect(link.command('SET', 'a', 'b')).rejects.toThrow('OOM');
    expect(link.contact).toBe('refused');
    await link.command('PING');
    expect(link.contact).toBe('reached');
    const seen = new Set<string>();
    await redis.stop();
    await eventually(() => {
      seen.add(link.contact);
      return link.lastError.includes('ECONNREFUSED');
    });
    expect(link.contact).toBe('refused');
    expect(seen.has('silent')).toBe(false);
  });
});

describe.skipIf(peersSkipped)('a link that listens', () => {
  test('connects again to a Redis that is slow: no rejection is left to nobody, and it hears again', async ({
    onTestFinished,
  }) => {
    const redis = await startRedis();
    const { server, sockets, slow } = relayTo(redis.port);
    const port = await listening(server);
    const link = new RedisLink(
      { ...SETTINGS, url: `redis://127.0.0.1:${port}` },
      { log: silentLog, commandTimeoutMs: 50 },
    );
    const unheard = unheardRejections(onTestFinished);
    onTestFinished(async () => {
      link.close();
      for (const socket of sockets) socket.destroy();
      server.close();
      await redis.stop();
    });
    await link.ready(5_000);
    let heard = 0;
    await link.listen('news', () => heard++);
    // The connection is made in time, and the subscription on it is not.
    slow.subscriptions = true;
    const before = sockets.size;
    link.reconnect();
    await eventually(() => slow.held > 0 && sockets.size >= before);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(unheard).toEqual([]);
    slow.subscriptions = false;
    link.reconnect();
    const admin = new Redis(redis.url);
    onTestFinished(() => admin.disconnect());
    await eventually(async () => {
      await admin.publish('news', 'now');
      return heard > 0;
    });
  });

  test('to a Cluster whose members all refuse connects some ten times a second, and hears again when they are back', async ({
    onTestFinished,
  }) => {
    const cluster = await startCluster();
    const link = new RedisLink({ ...SETTINGS, url: cluster.url, cluster: true }, { log: silentLog });
    const connectedAtMs: number[] = [];
    const noteConnection = () => connectedAtMs.push(performance.now());
    const warnings: Error[] = [];
    const noteWarning = (warning: Error) => warnings.push(warning);
    subscribe('net.client.socket', noteConnection);
    process.on('warning', noteWarning);
    onTestFinished(async () => {
      unsubscribe('net.client.socket', noteConnection);
      process.off('warning', noteWarning);
      link.close();
      await cluster.stop();
    });
    expect(await link.ready(5_000)).toBe(true);
    let heard = 0;
    await link.listen('news', () => heard++);
    await Promise.all(cluster.servers.map((server) => server.kill()));
    const before = connectedAtMs.length;
    await eventually(() => connectedAtMs.length >= before + 21, 20_000);
    expect((connectedAtMs[before + 20] ?? 0) - (connectedAtMs[before] ?? 0)).toBeGreaterThan(1_000);
    expect(warnings).toEqual([]);
    await Promise.all(cluster.servers.map((server) => server.start()));
    const admin = new Redis(cluster.url);
    onTestFinished(() => admin.disconnect());
    await eventually(async () => {
      await admin.publish('news', 'now').catch(() => {});
      return heard > 0;
    }, 20_000);
  });
});
