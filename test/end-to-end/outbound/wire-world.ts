import type { RunningNode } from '../../../src/node/node.ts';
import { provisioningSchema } from '../../../src/provisioning/trunk-settings/schema.ts';
import type { NodeSettingsInput } from '../../../src/settings/node-schema.ts';
import { startDnsServer } from '../../kit/dns-server.ts';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import type { TenantInput, TrunkInput } from '../../outbound/world.ts';
import { Carrier } from './carrier.ts';
import { Phone } from './phone.ts';

export interface WorldOptions {
  /** Address of the listener, the phone and the carriers; default: 127.0.0.1, phones on 127.0.0.2. */
  readonly host?: '::1';
  readonly settings?: Partial<NodeSettingsInput>;
}

/** A running engine, with a phone, a carrier, the carrier's proxy, and a DNS that says 127.0.0.1 to every name. */
export interface World extends TestEngine {
  readonly sip: { readonly address: string; readonly port: number };
  readonly phone: Phone;
  readonly carrier: Carrier;
  readonly proxy: Carrier;
  /** One more carrier; whoever asks for it closes it. */
  spareCarrier(): Promise<Carrier>;
  /** Makes the node hold exactly this; everybody's password is the phone's. */
  hold(tenants: readonly TenantInput[], trunks: readonly TrunkInput[]): Promise<void>;
}

/** What the listener says in Via and Contact, as in the guide's sample. */
const SAMPLE = { publicHost: '192.168.0.11', publicPort: 5060 };

export async function startWorld({ host, settings = {} }: WorldOptions = {}): Promise<World> {
  const dns = await startDnsServer((_, type) => (type === 'A' ? ['127.0.0.1'] : []));
  const engine = await startEngine({
    provisioning: {},
    // Rows follow each other as fast as this process can place calls.
    guardsLoad: false,
    settings: {
      listen: [{ transport: 'udp', host: host ?? '127.0.0.1', port: 0, ...(host === undefined ? SAMPLE : {}) }],
      dns: { servers: [`127.0.0.1:${dns.port}`] },
      ...settings,
    },
  });
  const sip = { address: host ?? '127.0.0.1', port: engine.port() };
  const [phone, carrier, proxy] = [await Phone.open(sip, host), await Carrier.open(host), await Carrier.open(host)];
  return {
    ...engine,
    sip,
    phone,
    carrier,
    proxy,
    spareCarrier: () => Carrier.open(host),
    hold: (tenants, trunks) => hold(engine.node, tenants, trunks),
    async stop() {
      await engine.stop();
      for (const each of [phone, carrier, proxy, dns]) each.close();
    },
  };
}

async function hold(node: RunningNode, tenants: readonly TenantInput[], trunks: readonly TrunkInput[]) {
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
