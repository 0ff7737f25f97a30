import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode, encode } from 'dns-packet';
import { stringify } from 'yaml';
import { type RunningNode, startNode } from '../../../src/node/node.ts';
import { provisioningSchema } from '../../../src/trunks/schema.ts';
import type { TenantInput, TrunkInput } from '../../outbound/world.ts';
import { Carrier } from './carrier.ts';
import { Phone } from './phone.ts';

export interface WorldOptions {
  readonly advertise?: { readonly publicHost?: string; readonly privateHost?: string };
  /** What the listeners say in Via and Contact; false: what they listen on. */
  readonly listenersSay?: string | false;
}

/** A running node, with a phone, a carrier, the carrier's proxy, and a DNS that says 127.0.0.1 to every name. */
export interface World {
  readonly node: RunningNode;
  readonly engine: { readonly address: string; readonly port: number };
  readonly phone: Phone;
  readonly carrier: Carrier;
  readonly proxy: Carrier;
  /** The system-admin token of the HTTP interface. */
  readonly token: string;
  /** Makes the node hold exactly this; everybody's password is the phone's. */
  provision(tenants: readonly TenantInput[], trunks: readonly TrunkInput[]): Promise<void>;
  close(): Promise<void>;
}

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-wire-'));
  const dns = await startDns();
  const says = options.listenersSay ?? '192.168.0.11';
  const advertised = (port: number) => (says === false ? {} : { publicHost: says, publicPort: port });
  const file = join(folder, 'tandem.yaml');
  writeFileSync(
    file,
    stringify({
      node: 'wire',
      listen: [
        { transport: 'udp', host: '127.0.0.1', port: 0, ...advertised(5060) },
        { transport: 'tcp', host: '127.0.0.1', port: 0, ...advertised(5060) },
        {
          transport: 'tls',
          host: '127.0.0.1',
          port: 0,
          certificate: join(folder, 'cert.pem'),
          key: join(folder, 'key.pem'),
          ...advertised(5061),
        },
      ],
      ...(options.advertise === undefined ? {} : { advertise: options.advertise }),
      store: { kind: 'embedded', path: join(folder, 'data') },
      api: { host: '127.0.0.1', port: 0, requestsPerMinute: 100_000 },
      dns: { servers: [`127.0.0.1:${dns.port}`] },
      log: { level: 'silent' },
    }),
  );
  const token = 'tandem_wire_0123456789abcdef0123456789abcdef';
  const environment = { TANDEM_BOOTSTRAP_TOKEN: token };
  const node = await startNode({ configFile: file, environment, logStream: { write: () => true } });
  const port = node.listening.find(({ transport }) => transport === 'udp')?.port ?? 0;
  const engine = { address: '127.0.0.1', port };
  const [phone, carrier, proxy] = [await Phone.open(engine), await Carrier.open(), await Carrier.open()];
  return {
    node,
    engine,
    phone,
    carrier,
    proxy,
    token: node.firstToken ?? token,
    provision: (tenants, trunks) => provision(node, tenants, trunks),
    async close() {
      await node.close();
      for (const each of [phone, carrier, proxy, dns]) each.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function provision(node: RunningNode, tenants: readonly TenantInput[], trunks: readonly TrunkInput[]) {
  const password = Phone.PASSWORD;
  const wanted = provisioningSchema.parse({
    tenants: tenants.map((tenant) => ({
      ...tenant,
      extensions: tenant.extensions?.map((extension) => ({ password, ...extension })),
      services: tenant.services?.map((service) => ({ password, ...service })),
    })),
    trunks,
  });
  const names = new Set(wanted.tenants.map(({ name }) => name));
  const ids = new Set(wanted.trunks.map(({ id }) => id));
  const result = await node.provisioner.update((state) => ({
    putTenants: wanted.tenants,
    putTrunks: wanted.trunks,
    deleteTenants: state.tenants.map(({ name }) => name).filter((name) => !names.has(name)),
    deleteTrunks: state.trunks.map(({ id }) => id ?? '').filter((id) => !ids.has(id)),
  }));
  if (result.outcome !== 'applied') throw new Error(JSON.stringify(result));
}

/** A DNS server that knows every name as 127.0.0.1 and nothing else. */
async function startDns() {
  const socket = createSocket('udp4');
  socket.on('message', (octets, from) => {
    const { id, questions = [] } = decode(octets);
    const answers = questions
      .filter(({ type }) => type === 'A')
      .map(({ name }) => ({ type: 'A' as const, name, ttl: 3600, data: '127.0.0.1' }));
    socket.send(
      encode({ type: 'response', ...(id === undefined ? {} : { id }), questions, answers }),
      from.port,
      from.address,
    );
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { port: socket.address().port, close: () => socket.close() };
}
