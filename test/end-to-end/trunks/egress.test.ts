import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestAuthority } from '../../kit/certificates.ts';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import type { ProvisioningInput } from '../../kit/engine-process.ts';
import { eventually } from '../../kit/eventually.ts';
import { freePort } from '../../kit/free-port.ts';
import { type DnsServer, startDnsmasq } from './dns-server.ts';

type TrunkInput = NonNullable<ProvisioningInput['trunks']>[number];

const SINK = '127.0.0.1';
const SYSTEM_SINK = '127.0.0.2';
const ALLOWED_SINK = '127.0.0.3';

/** A registration begins somewhere in the first seconds. */
const PATIENCE_MS = 20_000;
const ACME = { name: 'acme', domain: 'acme.test' };

/** What a tenant's register trunk looks like that shall reach what tenants may not reach. */
const registering = (name: string, changes: object): TrunkInput => ({
  name,
  type: 'register',
  owner: 'acme',
  host: SINK,
  credentials: { authName: name, password: 'secret' },
  didPool: '4930100000-4930100999',
  ...changes,
});

/** Every octet and every connection that comes. */
class Sink {
  readonly received: string[] = [];
  readonly #udp: UdpSocket[] = [];
  readonly #tcp: Server[] = [];

  async open(address: string, port: number): Promise<void> {
    const udp = createSocket('udp4').on('message', (data) => this.received.push(`${address} udp ${data}`));
    await new Promise<void>((resolve) => udp.bind(port, address, resolve));
    this.#udp.push(udp);
    const tcp = createServer((socket: Socket) => {
      this.received.push(`${address} tcp connection`);
      socket.on('data', (data) => this.received.push(`${address} tcp ${data}`)).on('error', () => {});
    });
    await new Promise<void>((resolve) => tcp.listen(port, address, resolve));
    this.#tcp.push(tcp);
  }

  at(address: string): string[] {
    return this.received.filter((line) => line.startsWith(`${address} `));
  }

  close(): void {
    for (const udp of this.#udp.splice(0)) udp.close();
    for (const tcp of this.#tcp.splice(0)) tcp.close();
  }
}

describe('what a tenant names as its trunk is public, or nothing leaves for it', () => {
  const sink = new Sink();
  let engine: TestEngine;
  let dns: DnsServer;
  let port: number;
  let folder: string;

  const recordsWith = (moving: string) => [
    `host-record=sink.test,${SINK}`,
    'host-record=public.test,192.0.2.1',
    `host-record=moving.test,${moving}`,
    `srv-host=_sip._udp.srv.test,sink.test,${port}`,
  ];
  const trunks = (): Record<string, TrunkInput> => ({
    udp: registering('udp', { port }),
    tcp: registering('tcp', { port, transport: 'tcp' }),
    tls: registering('tls', { port, transport: 'tls' }),
    metadata: registering('metadata', { host: '169.254.169.254', port: 80, transport: 'tcp' }),
    private: registering('private', { host: '10.0.0.1' }),
    'in the clothes of IPv6': registering('in the clothes of IPv6', { host: '[::ffff:127.0.0.1]', port }),
    'by NAT64': registering('by NAT64', { host: '[64:ff9b::127.0.0.1]', port }),
    'a name of it': registering('a name of it', { host: 'sink.test', port }),
    'a name in SRV': registering('a name in SRV', { host: 'srv.test' }),
    'a proxy': registering('a proxy', { host: 'public.test', outboundProxy: { host: SINK, port } }),
    'a proxy by name': registering('a proxy by name', {
      host: 'public.test',
      outboundProxy: { host: 'sink.test', port },
    }),
    'the system’s connection': registering('the system’s connection', {
      credentials: { authName: 'tcp-shared', username: 'tcp-shared', password: 'secret' },
      host: SYSTEM_SINK,
      port,
      transport: 'tcp',
    }),
    pinged: registering('pinged', {
      port,
      options: { registration: 'off', keepAlive: { enabled: true, intervalSeconds: 5 } },
    }),
  });

  beforeAll(async () => {
    port = await freePort();
    for (const address of [SINK, SYSTEM_SINK, ALLOWED_SINK]) await sink.open(address, port);
    dns = await startDnsmasq(recordsWith('192.0.2.1'));
    folder = mkdtempSync(join(tmpdir(), 'tandem-egress-'));
    const certificate = join(folder, 'cert.pem');
    const key = join(folder, 'key.pem');
    const server = new TestAuthority().issue({ commonName: 'pbx.test', alternativeNames: ['DNS:pbx.test'] });
    writeFileSync(certificate, server.cert);
    writeFileSync(key, server.key);
    engine = await startEngine({
      settings: {
        listen: [
          { transport: 'udp', host: '127.0.0.1', port: 0 },
          { transport: 'tcp', host: '127.0.0.1', port: 0 },
          { transport: 'tls', host: '127.0.0.1', port: 0, certificate, key },
        ],
        dns: { servers: [dns.address] },
        egress: { allow: [ALLOWED_SINK] },
      },
      provisioning: {
        tenants: [ACME],
        trunks: [
          {
            name: 'the operator’s',
            type: 'register',
            host: SYSTEM_SINK,
            port,
            transport: 'tcp',
            credentials: { authName: 'operator', password: 'secret' },
            tenants: [{ tenant: 'acme', didPool: '4930200000-4930200999' }],
          },
          registering('allowed', { host: ALLOWED_SINK, port, didPool: '4930300000-4930300999' }),
        ],
      },
    });
    await eventually(
      'the system’s trunk and the allowed one to send',
      () => [SYSTEM_SINK, ALLOWED_SINK].every((address) => sink.at(address).length > 0),
      { timeoutMs: PATIENCE_MS, detail: () => JSON.stringify(engine.logs()) },
    );
  }, 60_000);
  afterAll(async () => {
    await engine?.stop();
    await dns?.stop();
    sink.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const stateOf = async (name: string) => {
    const { items } = (await engine.api('/api/v1/trunks?limit=1000')) as { items: { id: string; name: string }[] };
    const id = items.find((item) => item.name === name)?.id;
    return (await engine.api(`/api/v1/trunks/${id}/status`)) as { state: string; reason?: string };
  };

  test('by address, by name, by SRV, as proxy, over UDP, TCP and TLS, to register and to ping: not an octet, and the trunk says why', async () => {
    const before = sink.at(SINK).length;
    const all = trunks();
    await engine.provision({ tenants: [ACME], trunks: Object.values(all) });
    for (const name of Object.keys(all)) {
      const line = await eventually(
        `${name} to say why`,
        async () => {
          const status = await stateOf(name);
          return status.reason?.startsWith('egress: ') === true ? status : undefined;
        },
        { timeoutMs: PATIENCE_MS, detail: () => JSON.stringify(engine.logs()) },
      );
      expect(line.reason, name).toMatch(
        /^egress: (127\.|169\.|10\.|::ffff:|64:ff9b::)[0-9.]+ is not a public address \(/,
      );
    }
    expect(sink.at(SINK).length - before).toBe(0);
    expect(sink.at(SYSTEM_SINK).filter((line) => line.includes('tcp-shared'))).toEqual([]);
  }, 60_000);

  test('a name that led outside when it was looked up first and leads inside now: not an octet (DNS rebinding)', async () => {
    const moving = registering('moving', { host: 'moving.test', port });
    await engine.provision({ tenants: [ACME], trunks: [moving] });
    const { items } = (await engine.api('/api/v1/trunks?limit=1000')) as { items: { id: string; name: string }[] };
    const id = items.find(({ name }) => name === 'moving')?.id;
    await engine.api(`/api/v1/trunks/${id}/retry`, {});
    const before = sink.at(SINK).length;
    expect((await stateOf('moving')).reason ?? '').not.toContain('egress');
    const [, dnsPort] = dns.address.split(':');
    await dns.stop();
    dns = await startDnsmasq(recordsWith(SINK), Number(dnsPort));
    await eventually(
      'the trunk to say why',
      async () => {
        await engine.api(`/api/v1/trunks/${id}/retry`, {});
        return (await stateOf('moving')).reason?.startsWith(`egress: ${SINK} `);
      },
      { timeoutMs: 60_000, detail: () => JSON.stringify(engine.logs().slice(-20)) },
    );
    expect(sink.at(SINK).length - before).toBe(0);
  }, 90_000);

  test('the event and the log line of the trunk’s state say it, too', async () => {
    const { metadata } = trunks();
    await engine.provision({ tenants: [ACME], trunks: metadata === undefined ? [] : [metadata] });
    await eventually('the trunk to say why', async () => (await stateOf('metadata')).reason?.startsWith('egress: '), {
      timeoutMs: PATIENCE_MS,
    });
    const line = await engine.logged(
      'trunk-state',
      ({ trunk, state }) => trunk === 'metadata' && state !== 'registering',
    );
    expect(line).toMatchObject({
      state: 'offline',
      reason:
        "egress: 169.254.169.254 is not a public address (a metadata service); egress.allow of the node's configuration can admit it",
    });
  });
});
