import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createResponse, HeaderId, parseMessage, type SipRequest, serialize } from '../../../src/sip/message/index.ts';
import { type EngineProcess, startEngineProcess } from '../../kit/engine.ts';
import { eventually } from '../../kit/eventually.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { type RedisServer, startRedis } from '../../kit/redis.ts';
import { acme, carrierTrunk } from '../world.ts';

interface Seen {
  readonly method: string;
  readonly from: string;
  readonly expires: string | undefined;
  readonly atMs: number;
}

/** A provider that grants every registration for a minute, answers OPTIONS, and counts the packets that it gets. */
class Provider {
  readonly seen: Seen[] = [];
  readonly #socket: Socket = createSocket('udp4');
  port = 0;

  async open(): Promise<void> {
    this.#socket.on('message', (octets, from) => {
      const request = parseMessage(octets.toString('latin1')) as SipRequest;
      if (request.kind !== 'request') return;
      const expires = request.headers.value(HeaderId.Expires);
      this.seen.push({ method: request.method, from: from.address, expires, atMs: performance.now() });
      const contact = request.headers.value(HeaderId.Contact);
      const headers: [HeaderId, string][] = contact === undefined ? [] : [[HeaderId.Contact, `${contact};expires=60`]];
      const response = createResponse(request, 200, 'OK', { toTag: 'provider', headers });
      this.#socket.send(Buffer.from(serialize(response), 'latin1'), from.port, from.address);
    });
    await new Promise<void>((resolve) => this.#socket.bind(0, '127.0.0.1', resolve));
    this.port = this.#socket.address().port;
  }

  registers(from?: string): Seen[] {
    return this.seen.filter((seen) => seen.method === 'REGISTER' && (from === undefined || seen.from === from));
  }

  close(): void {
    this.#socket.close();
  }
}

const HOST_C = '127.0.0.13';
const HOST_D = '127.0.0.14';
const hostOf = { c: HOST_C, d: HOST_D } as const;

describe.skipIf(peersSkipped)('a register trunk of two nodes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-takeover-'));
  const environment = { TANDEM_STORE_KEY: randomBytes(32).toString('base64') };
  const provider = new Provider();
  const nodes: { c?: EngineProcess; d?: EngineProcess } = {};
  let redis: RedisServer;

  beforeAll(async () => {
    redis = await startRedis();
    await provider.open();
    const trunk = carrierTrunk(provider.port, {
      type: 'register',
      credentials: { username: 'acme-trunk', password: 'c4rrier', registerSeconds: 60 },
    });
    const provisioning = { tenants: [acme()], trunks: [trunk] };
    for (const name of ['c', 'd'] as const) {
      const store = { kind: 'redis' as const, url: redis.url, path: join(folder, name) };
      nodes[name] = await startEngineProcess({
        host: hostOf[name],
        provisioning,
        settings: { node: name, store },
        environment,
      });
    }
  });
  afterAll(async () => {
    for (const node of Object.values(nodes)) await node.stop();
    provider.close();
    await redis.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('is registered by exactly one; when that one is killed, the other has it within 10 s', async () => {
    const first = await eventually('the first REGISTER', () => provider.registers()[0], { timeoutMs: 15_000 });
    const holder = first.from === HOST_C ? 'c' : 'd';
    const other = holder === 'c' ? 'd' : 'c';
    // Longer than a lease: the other one has asked for it several times.
    await new Promise((resolve) => setTimeout(resolve, 5000));
    expect(provider.registers(hostOf[other])).toEqual([]);

    const killedAtMs = performance.now();
    nodes[holder]?.child.signal('SIGKILL');
    const next = await eventually('the REGISTER of the other node', () => provider.registers(hostOf[other])[0], {
      timeoutMs: 15_000,
    });
    expect(next.atMs - killedAtMs).toBeLessThan(10_000);
    // One node at a time: nothing of the dead one came after the other had begun.
    expect(provider.registers(hostOf[holder]).every(({ atMs }) => atMs < next.atMs)).toBe(true);
    console.log(
      `the other node registered ${Math.round(next.atMs - killedAtMs)} ms after the kill; REGISTERs in all: ${provider.registers().length}`,
    );

    // A node that is told to stop hands over: its registration is removed, and the lease is free at once.
    await nodes[other]?.stop();
    delete nodes[other];
    await eventually(
      'the removal of the registration',
      () => provider.registers(hostOf[other]).at(-1)?.expires === '0',
    );
  });
});
