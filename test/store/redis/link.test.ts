import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLog } from '../../../src/base/log.ts';
import { RedisLink } from '../../../src/store/redis/link.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { type RedisServer, startRedis } from '../../kit/redis.ts';
import { eventually } from './world.ts';

const ANSWER_MS = 200;

/** Names the master, after a while, to whoever asks. */
function slowSentinel(masterPort: number): { server: Server; asked: () => number } {
  let asked = 0;
  const server = createServer((socket) => {
    socket.on('error', () => {});
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
        else socket.write('+OK\r\n');
      }
    });
  });
  return { server, asked: () => asked };
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
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const settings = {
      url: 'redis://sentinel',
      sentinel: { name: 'main', nodes: [{ host: '127.0.0.1', port }] },
      cluster: false,
      keyPrefix: 'test:',
      path: '',
    };
    const link = new RedisLink({ ...settings, kind: 'redis' as const }, { log: silentLog });
    onTestFinished(() => {
      link.close();
      server.close();
    });
    await eventually(() => asked() > 0);
    link.reconnect();
    expect(await link.ready(5_000)).toBe(true);
    expect(await link.command('PING')).toEqual(Buffer.from('PONG'));
  });
});
