import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import { eventually } from '../../kit/eventually.ts';
import { freePort } from '../../kit/free-port.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { type RedisServer, startRedis } from '../../kit/redis.ts';
import { allWell, startAnswerer, startCaller } from '../sipp.ts';
import { acme, carrierTrunk } from '../world.ts';

/** Nodes have addresses of their own on loopback, as machines have. */
const HOST_A = '127.0.0.11';
const HOST_B = '127.0.0.12';

describe.skipIf(peersSkipped)('two engines on one Redis', () => {
  let folder: string;
  /** The key that seals secrets in the store; nodes share it. */
  const environment = { TANDEM_STORE_KEY: randomBytes(32).toString('base64') };
  let redis: RedisServer;
  let carrierPort: number;
  let a: TestEngine;
  let b: TestEngine;

  const settings = (node: string) => ({
    node,
    store: { kind: 'redis' as const, url: redis.url, path: mkdtempSync(join(folder, node)) },
  });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tandem-nodes-'));
    redis = await startRedis();
    carrierPort = await freePort();
    const provisioning = { tenants: [acme()], trunks: [carrierTrunk(carrierPort)] };
    a = await startEngine({ host: HOST_A, provisioning, settings: settings('a'), environment });
    b = await startEngine({ host: HOST_B, provisioning, settings: settings('b'), environment });
  });
  afterAll(async () => {
    await a.stop();
    await b.stop();
    await redis.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test.each(['udp', 'tcp'] as const)(
    'a phone that registered at one node over %s is called from the other',
    async (transport) => {
      const phonePort = await freePort();
      const registered = await startCaller('phone-register', a.address(transport), {
        transport,
        localPort: phonePort,
        keys: { user: '102' },
      });
      await allWell(registered);
      await eventually('the binding at the other node', async () => (await b.registrations('102')).length > 0);
      await b.registeredEverywhere();
      const phone = await startAnswerer('answer', { transport, localPort: phonePort });
      const [called] = await allWell(
        phone,
        await startCaller('phone-call', b.address('udp'), { keys: { called: '102' } }),
      );
      // The call comes from the node that the phone knows, and nothing of what the nodes say to each other is in it.
      const vias = a.ownPorts(transport).map((port) => `Via: SIP/2.0/${transport.toUpperCase()} ${HOST_A}:${port};`);
      expect(vias.some((via) => called?.messages.includes(via))).toBe(true);
      expect(called?.messages).not.toContain('X-Tandem-Peer');
    },
  );
});
