import { afterAll, beforeAll, describe } from 'vitest';
import { peersSkipped } from '../../kit/peers.ts';
import {
  type RedisCluster,
  type RedisServer,
  type SentinelGroup,
  startCluster,
  startRedis,
  startSentinels,
} from '../../kit/redis.ts';
import { storeContract } from '../contract.ts';
import { redisWorld } from './world.ts';

describe.skipIf(peersSkipped)('the store contract, one Redis', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());
  storeContract(() => redisWorld({ url: server.url }));
});

describe.skipIf(peersSkipped)('the store contract, Redis under Sentinels', () => {
  let group: SentinelGroup;
  beforeAll(async () => {
    group = await startSentinels();
  });
  afterAll(() => group.stop());
  storeContract(() => redisWorld({ url: 'redis://sentinel', sentinel: { name: group.name, nodes: group.nodes } }));
});

describe.skipIf(peersSkipped)('the store contract, Redis Cluster of three', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster.stop());
  storeContract(() => redisWorld({ url: cluster.url, cluster: true }));
});
