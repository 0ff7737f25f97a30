import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NodeQuestion } from '../../../src/api/index.ts';
import type { Stores } from '../../../src/store/index.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { type RedisServer, startRedis } from '../../kit/redis.ts';
import { eventually, type RedisWorld, redisWorld } from './world.ts';

describe.skipIf(peersSkipped)('questions between nodes on one Redis', () => {
  let server: RedisServer;
  let world: RedisWorld;
  let a: Stores;
  let b: Stores;
  const heard: NodeQuestion[] = [];
  const question: NodeQuestion = {
    method: 'GET',
    url: '/api/v1/calls?tenant=acme',
    identity: { actor: 'token:1', role: 'tenant-admin', tenant: 'acme' },
  };

  beforeAll(async () => {
    server = await startRedis();
    world = await redisWorld({ url: server.url });
    [a, b] = [await world.open('node-a'), await world.open('node-b')];
    b.questions?.answerWith(async (asked) => {
      heard.push(asked);
      return {
        status: 200,
        type: 'text/csv',
        text: asked.url === '/long' ? 'ä'.repeat(400_000) : 'x',
        isBase64: false,
      };
    });
  });
  afterAll(async () => {
    await Promise.all([a.close(), b.close()]);
    await world.close();
    await server.stop();
  });

  const asks = (node: string, asked: NodeQuestion, timeoutMs = 5_000) => a.questions?.ask(node, asked, timeoutMs);

  test('the other node hears what is asked and in whose name, and its answer comes back', async () => {
    await expect(asks('node-b', question)).resolves.toEqual({
      status: 200,
      type: 'text/csv',
      text: 'x',
      isBase64: false,
    });
    expect(heard).toEqual([question]);
  });

  test('a long answer comes in pieces, and whole', async () => {
    expect((await asks('node-b', { ...question, url: '/long' }))?.text).toBe('ä'.repeat(400_000));
  });

  test('one that is not there costs no more than the time that is given', async () => {
    await expect(asks('node-c', question, 50)).rejects.toThrow('node node-c does not answer');
  });

  test('one that has no answer yet, too', async () => {
    await expect(b.questions?.ask('node-a', question, 50)).rejects.toThrow('does not answer');
  });

  test('who can reach Redis alone asks nothing and reads nothing', async () => {
    const before = heard.length;
    const stranger = new Redis(server.port, '127.0.0.1');
    const seen: string[] = [];
    try {
      await stranger.psubscribe('*');
      stranger.on('pmessage', (_pattern, _channel, message: string) => seen.push(message));
      await asks('node-b', question);
      await eventually(() => seen.length >= 2);
      expect(seen.join('')).not.toMatch(/acme|token|api/);
      await stranger.punsubscribe();
      const channel = `${world.prefix}{${world.prefix.slice(0, -1)}}:ask:node-b`;
      await stranger.publish(channel, JSON.stringify({ id: 'x', from: 'node-a', atMs: 0, question }));
      await stranger.publish(channel, seen[0] ?? '');
      await asks('node-b', question);
      // Its own two, and none of the stranger's.
      expect(heard).toHaveLength(before + 2);
    } finally {
      stranger.disconnect();
    }
  });
});
