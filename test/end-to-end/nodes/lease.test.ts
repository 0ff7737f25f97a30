import { createSocket, type Socket } from 'node:dgram';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createResponse, HeaderId, parseMessage, serialize } from '../../../src/sip/message/index.ts';
import { type EngineProcess, startEngineProcess } from '../../kit/engine.ts';
import { eventually } from '../../kit/eventually.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { type RedisServer, startRedis } from '../../kit/redis.ts';
import { acme } from '../world.ts';

interface Registered {
  readonly host: string;
  readonly expires: string;
  readonly atMs: number;
}

/** A provider that grants every registration for a minute and notes where each came from. */
class Provider {
  readonly seen: Registered[] = [];
  readonly #socket: Socket = createSocket('udp4');

  async open(): Promise<number> {
    this.#socket.on('message', (octets, source) => {
      const request = parseMessage(octets.toString('latin1'));
      if (request.kind !== 'request') return;
      const contact = request.headers.value(HeaderId.Contact) ?? '';
      const isOver = request.headers.value(HeaderId.Expires) === '0' || contact.includes('expires=0');
      if (request.method === 'REGISTER') {
        this.seen.push({ host: source.address, expires: isOver ? '0' : '60', atMs: performance.now() });
      }
      const headers: [number, string][] = isOver ? [] : [[HeaderId.Contact, `${contact};expires=60`]];
      const answer = serialize(createResponse(request, 200, undefined, { headers }));
      this.#socket.send(Buffer.from(answer, 'latin1'), source.port, source.address);
    });
    await new Promise<void>((resolve) => this.#socket.bind(0, '127.0.0.1', resolve));
    return (this.#socket.address() as AddressInfo).port;
  }

  close(): void {
    this.#socket.close();
  }
}

const HOSTS = ['127.0.0.13', '127.0.0.14'] as const;

describe.skipIf(peersSkipped)('a trunk that registers, with two engines on one Redis', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-lease-'));
  const provider = new Provider();
  const engines = new Map<string, EngineProcess>();
  let redis: RedisServer;

  beforeAll(async () => {
    redis = await startRedis();
    const port = await provider.open();
    const provisioning = {
      tenants: [acme({ inboundRules: [], outboundRules: [] })],
      trunks: [
        {
          id: '1',
          name: 'carrier',
          type: 'register' as const,
          host: '127.0.0.1',
          port,
          credentials: { authName: 'acme', username: 'acme', password: 'secret' },
          options: { keepAlive: { enabled: false } },
          tenants: [{ tenant: 'acme', didPool: '14155550100-14155550199' }],
        },
      ],
    };
    for (const [index, host] of HOSTS.entries()) {
      const node = `node-${index}`;
      const path = join(folder, node);
      mkdirSync(path, { mode: 0o700 });
      // Nodes on one store have one key.
      writeFileSync(join(path, 'store.key'), `${'5a'.repeat(32)}\n`, { mode: 0o600 });
      const store = { kind: 'redis' as const, url: redis.url, path };
      engines.set(host, await startEngineProcess({ host, provisioning, settings: { node, store } }));
    }
  });
  afterAll(async () => {
    for (const engine of engines.values()) await engine.stop();
    provider.close();
    await redis.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('one node registers it; killed with kill -9 it is followed by the other within 10 s, and never by both', async () => {
    await eventually('a registration', () => provider.seen.length > 0, { timeoutMs: 15_000 });
    const first = provider.seen[0]?.host ?? '';
    const second = HOSTS.find((host) => host !== first) ?? '';
    expect(HOSTS).toContain(first);
    // Longer than a lease: the other node has had its chances.
    await new Promise((resolve) => setTimeout(resolve, 7000));
    expect(provider.seen.map(({ host }) => host)).toEqual([first]);

    const killedAtMs = performance.now();
    engines.get(first)?.child.signal('SIGKILL');
    await eventually('the other node', () => provider.seen.some(({ host }) => host === second), { timeoutMs: 15_000 });
    expect((provider.seen.at(-1)?.atMs ?? Number.POSITIVE_INFINITY) - killedAtMs).toBeLessThan(10_000);
    expect(provider.seen.map(({ host }) => host)).toEqual([first, second]);
  }, 60_000);
});
