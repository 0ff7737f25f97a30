import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Stores } from '../../../src/store/index.ts';
import { startChild } from '../../kit/child.ts';
import { peersSkipped } from '../../kit/peers.ts';
import type { RedisServer } from '../../kit/redis.ts';
import { callsElsewhere } from '../kit.ts';
import { eventually, onTwoNodes, type RedisWorld, STORE_KEY } from './world.ts';

describe.skipIf(peersSkipped)('several nodes on one Redis', () => {
  let a: Stores;
  let b: Stores;
  let world: RedisWorld;
  let server: RedisServer;

  onTwoNodes((made) => {
    ({ a, b, world, server } = made);
  });

  test('nodes know each other, count each other’s calls, and know at once when one has ended', async () => {
    let calls = 3;
    const sip = { transport: 'udp' as const, address: '192.0.2.1', port: 5060 };
    a.nodes.announce(() => ({ sip, calls: { 'trunk 1': calls, 'tenant acme': 1 } }));
    b.nodes.announce(() => ({}));
    const c = await world.open('node-c');
    onTestFinished(() => c.close());
    c.nodes.announce(() => ({ calls: { 'trunk 1': 2 } }));
    expect(await eventually(() => b.nodes.others().length === 2)).toBeLessThan(1000);
    expect(b.nodes.others().find(({ name }) => name === 'node-a')?.sip).toEqual(sip);
    expect([callsElsewhere(b, 'trunk 1'), callsElsewhere(b, 'constructor')]).toEqual([5, 0]);
    calls = 0;
    expect(await eventually(() => callsElsewhere(b, 'trunk 1') === 2)).toBeLessThan(1500);
    await a.close();
    expect(await eventually(() => b.nodes.others().length === 1)).toBeLessThan(1000);
    expect(a.nodes.others().map(({ name }) => name)).not.toContain('node-a');
  });

  test('a node is killed with kill -9: its lease is taken over and its calls are forgotten within 10 s', async () => {
    const script = fileURLToPath(new URL('./node-process.ts', import.meta.url));
    const child = startChild(execPath, [script, server.url, world.prefix, world.folder('node-x'), 'node-x'], {
      env: { ...process.env, TANDEM_STORE_KEY: STORE_KEY },
    });
    onTestFinished(() => child.stop());
    await child.waitFor(/holds true/);
    a.nodes.announce(() => ({}));
    await eventually(() => callsElsewhere(a, 'trunk 1') === 1);
    expect(await a.trunkLease.acquire('registration 1', 6000)).toBe(false);
    child.signal('SIGKILL');
    await child.exited;
    const takenOverMs = await eventually(async () => a.trunkLease.acquire('registration 1', 6000), 12_000);
    expect(takenOverMs).toBeLessThan(10_000);
    await eventually(() => a.nodes.others().length === 0);
    expect(callsElsewhere(a, 'trunk 1')).toBe(0);
  });
});
