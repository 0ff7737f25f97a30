/** Teams as tests start it: three datacentres, each a process with an address of its own, and what they are told and tell. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestAuthority } from '../../kit/certificates.ts';
import { type Child, startChild } from '../../kit/child.ts';
import { eventually } from '../../kit/eventually.ts';
import { freePort } from '../../kit/free-port.ts';
import type { Tenant } from './facts.ts';

export type DatacentreEvent = { readonly event: string } & Readonly<Record<string, string | number | undefined>>;

export interface Datacentre {
  readonly host: string;
  readonly address: string;
  readonly port: number;
  /** `host:port`, as a trunk names it. */
  readonly target: string;
  readonly child: Child;
  tell(command: object): void;
  events(): DatacentreEvent[];
  /** The first event after `from` with these facts, as soon as it is there. */
  told(facts: Partial<DatacentreEvent>, from?: number): Promise<DatacentreEvent>;
}

export interface TeamsOptions {
  readonly authority: TestAuthority;
  readonly tenants: readonly Tenant[];
  /** Three addresses of the loopback network. */
  readonly addresses: readonly [string, string, string];
}

/** The domain that the datacentres are in. */
const DOMAIN = 'pstn.test';
const NAMES = ['sip', 'sip2', 'sip3'] as const;

export class Teams {
  readonly datacentres: readonly Datacentre[];
  readonly #folder: string;

  private constructor(datacentres: readonly Datacentre[], folder: string) {
    this.datacentres = datacentres;
    this.#folder = folder;
  }

  static async start({ authority, tenants, addresses }: TeamsOptions): Promise<Teams> {
    const folder = mkdtempSync(join(tmpdir(), 'tandem-teams-'));
    const datacentres = await Promise.all(
      NAMES.map(async (name, index) => {
        const host = `${name}.${DOMAIN}`;
        const address = addresses[index] ?? '';
        // Public authorities issue certificates for servers alone.
        const pair = authority.issue({
          commonName: host,
          alternativeNames: [`DNS:${host}`],
          extendedKeyUsage: 'serverAuth',
        });
        const port = await freePort(address);
        const config = join(folder, `${name}.json`);
        writeFileSync(config, JSON.stringify({ ...pair, ca: authority.certificate, host, address, port, tenants }));
        const main = fileURLToPath(new URL('datacentre.ts', import.meta.url));
        const child = startChild(process.execPath, [main, config]);
        await child.waitFor(/"event":"listening"/);
        return datacentreOf(host, address, port, child);
      }),
    );
    return new Teams(datacentres, folder);
  }

  /** `host-record` options for dnsmasq. */
  get records(): string[] {
    return this.datacentres.map(({ host, address }) => `host-record=${host},${address}`);
  }

  /** Where a session border controller is. */
  knows(fqdn: string, address: string, port: number): void {
    for (const datacentre of this.datacentres) datacentre.tell({ do: 'sbc', fqdn, address, port });
  }

  async stop(): Promise<void> {
    for (const { child } of this.datacentres) await child.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function datacentreOf(host: string, address: string, port: number, child: Child): Datacentre {
  const events = () =>
    child
      .output()
      .split('\n')
      .flatMap((line) => (line.startsWith('{') && line.endsWith('}') ? (JSON.parse(line) as DatacentreEvent) : []));
  return {
    host,
    address,
    port,
    target: `${host}:${port}`,
    child,
    tell: (command) => child.write(`${JSON.stringify(command)}\n`),
    events,
    told: (facts, from = 0) =>
      eventually(
        `${host} to tell ${JSON.stringify(facts)}`,
        () =>
          events()
            .slice(from)
            .find((event) => Object.entries(facts).every(([name, value]) => event[name] === value)),
        { timeoutMs: 20_000, detail: () => child.output().slice(-6000) },
      ),
  };
}
