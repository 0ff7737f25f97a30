import { provisioningSchema } from '../../../src/provisioning/trunk-settings/schema.ts';
import type { NodeSettingsInput } from '../../../src/settings/node-schema.ts';
import { startDnsServer } from '../../kit/dns-server.ts';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import { freePort } from '../../kit/free-port.ts';
import { TEST_WORKERS } from '../../kit/test-workers.ts';
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
  readonly sip: { readonly address: string; readonly port: number } & Pick<TestEngine, 'registeredEverywhere'>;
  readonly phone: Phone;
  readonly carrier: Carrier;
  readonly proxy: Carrier;
  /** One more carrier, on a port that is free over TCP as well; whoever asks for it closes it. */
  spareCarrier(): Promise<Carrier>;
  /** An INVITE with the public ports of the listeners in it: of workers each says a port of its own, which they cannot be told to say otherwise. */
  asPublic(text: string): string;
  /** Makes the node hold exactly this; everybody's password is the phone's. */
  hold(tenants: readonly TenantInput[], trunks: readonly TrunkInput[]): Promise<void>;
}

/** What the listener says in Via and Contact, as in the guide's sample. */
const SAMPLE = { publicHost: '192.168.0.11', publicPort: 5060 };

export async function startWorld({ host, settings = {} }: WorldOptions = {}): Promise<World> {
  const dns = await startDnsServer((_, type) => (type === 'A' ? ['127.0.0.1'] : []));
  const {
    listen = [{ transport: 'udp' as const, host: host ?? '127.0.0.1', port: 0, ...(host === undefined ? SAMPLE : {}) }],
    ...others
  } = settings;
  const engine = await startEngine({
    provisioning: {},
    settings: {
      listen: TEST_WORKERS === 1 ? listen : listen.map(({ publicPort: _, ...each }) => each),
      dns: { servers: [`127.0.0.1:${dns.port}`] },
      ...others,
    },
  });
  const asPublic = (text: string) =>
    (TEST_WORKERS === 1 ? [] : listen)
      .flatMap(({ transport, publicPort }) =>
        publicPort === undefined ? [] : engine.ownPorts(transport).map((own) => [own, publicPort] as const),
      )
      .reduce((said, [own, publicPort]) => said.replaceAll(`:${own}`, `:${publicPort}`), text);
  const { registeredEverywhere } = engine;
  const sip = { address: host ?? '127.0.0.1', port: engine.port(), registeredEverywhere };
  const [phone, carrier, proxy] = [await Phone.open(sip, host), await Carrier.open(host), await Carrier.open(host)];
  return {
    ...engine,
    sip,
    phone,
    carrier,
    proxy,
    asPublic,
    spareCarrier: async () => Carrier.open(host, await freePort(host)),
    hold: (tenants, trunks) => hold(engine, tenants, trunks),
    async stop() {
      await engine.stop();
      for (const each of [phone, carrier, proxy, dns]) each.close();
    },
  };
}

async function hold(engine: TestEngine, tenants: readonly TenantInput[], trunks: readonly TrunkInput[]) {
  const password = Phone.PASSWORD;
  const wanted = provisioningSchema.parse({
    tenants: tenants.map((tenant) => ({
      ...tenant,
      extensions: tenant.extensions?.map((extension) => ({ password, ...extension })),
      services: tenant.services?.map((service) => ({ password, ...service })),
    })),
    trunks,
  });
  await engine.provision(wanted, 'go');
}
