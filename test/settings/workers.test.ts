import { describe, expect, test } from 'vitest';
import { nodeSchema } from '../../src/settings/node-schema.ts';
import {
  nodeOf,
  ownPortOf,
  workerCount,
  workerName,
  workerOf,
  workerProblems,
  workerSettings,
} from '../../src/settings/workers.ts';

const CORES = 4;
const settings = (fields: object) => nodeSchema.parse({ node: 'edge', ...fields });
const udp = (port: number, more: object = {}) => ({ transport: 'udp', host: '127.0.0.1', port, ...more });
const problems = (fields: object) =>
  workerProblems(settings(fields), CORES).map(({ path, message }) => `${path} ${message}`);

test('one by default; auto is one for each core', () => {
  expect(workerCount(settings({}), CORES)).toBe(1);
  expect(workerCount(settings({ workers: 'auto' }), CORES)).toBe(CORES);
  expect(workerCount(settings({ workers: 3 }), CORES)).toBe(3);
});

test.each([0, 1, 9, 127])('the name of worker %d tells its number', (worker) => {
  expect(workerOf(workerName('edge-1', worker))).toBe(worker);
});

test.each(['edge-1', 'edge-w', 'edge-w0', 'edge-w1-a', 'w1'])('%s is the name of no worker', (name) => {
  expect(workerOf(name)).toBeUndefined();
});

test.each([0, -1, 1.5, 'many', 129])('workers: %s is refused', (workers) => {
  expect(() => settings({ workers })).toThrow();
});

describe('what does not go together', () => {
  test('without workers nothing is asked', () => {
    expect(problems({ listen: [udp(0, { publicPort: 5060 })] })).toEqual([]);
  });

  test('more than two for each core', () => {
    expect(problems({ workers: 8 })).toEqual([]);
    expect(problems({ workers: 9 })).toEqual([
      'workers must be at most 8, two for each of the 4 cores of this machine',
    ]);
  });

  test('a port of the system’s choice, a public port, a port without room above it', () => {
    const listen = [udp(0), udp(5062, { publicPort: 5060 }), udp(64_600)];
    expect(problems({ workers: 2, listen })).toEqual([
      expect.stringMatching(/^listen\[0\]\.port must be given with workers/),
      expect.stringMatching(/^listen\[1\]\.publicPort cannot be used with workers/),
      expect.stringMatching(/^listen\[2\]\.port must be at most 64525 with 2 workers/),
    ]);
  });

  test('a worker’s own port that is listened on for something else', () => {
    expect(problems({ workers: 2, listen: [udp(5060), udp(6070)] })).toEqual([
      'listen[0].port worker 2 listens on 6070 beside it, which is listen[1].port',
    ]);
    expect(problems({ workers: 2, listen: [udp(5060), { ...udp(6070), transport: 'tcp' }] })).toEqual([]);
    const http = { workers: 2, listen: [{ ...udp(7080), transport: 'tcp' }], api: { port: 8080 } };
    expect(problems(http)).toEqual(['listen[0].port worker 1 listens on 8080 beside it, which is api.port']);
  });

  test('a name that leaves no room for that of a worker', () => {
    expect(problems({ workers: 2, node: 'n'.repeat(30) })).toEqual([
      expect.stringMatching(/^node must have at most 29/),
    ]);
  });

  test('listeners of TLS alone: workers have no way to each other', () => {
    const tls = { ...udp(5061), transport: 'tls', certificate: 'c.pem', key: 'k.pem' };
    expect(problems({ workers: 2, listen: [tls] })).toEqual([
      expect.stringMatching(/^listen must have a listener over udp or tcp/),
    ]);
  });
});

test('each worker has a name and ports of its own; on Redis a folder too', () => {
  expect([0, 1, 2].map((worker) => ownPortOf(worker, 5060))).toEqual([6060, 6070, 6080]);
  expect(workerName('edge', 1)).toBe('edge-w2');
  const embedded = workerSettings(settings({ store: { kind: 'embedded', path: 'd' } }), 1);
  expect([embedded.node, embedded.store.path, embedded.records.file]).toEqual(['edge-w2', 'd', 'd/calls.jsonl']);
  const redis = workerSettings(settings({ store: { kind: 'redis', url: 'redis://x', path: 'd' } }), 1);
  expect([redis.store.path, redis.records.file]).toEqual(['d/worker-2', 'd/calls.jsonl']);
});

test('the node of a worker is named as the worker is, but for its number', () => {
  expect(['edge-1-w2', 'a-w1-w12', 'edge-1', 'edge-1-w0', '-w1'].map(nodeOf)).toEqual([
    'edge-1',
    'a-w1',
    undefined,
    undefined,
    undefined,
  ]);
});
