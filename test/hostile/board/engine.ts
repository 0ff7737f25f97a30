import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NodeSettingsInput } from '../../../src/settings/node-schema.ts';
import { type Child, startChild } from '../../kit/child.ts';
import type { ProvisioningInput } from '../../kit/engine-process.ts';
import { freePort } from '../../kit/free-port.ts';
import type { Figure } from './item.ts';
import { startCarrier } from './processes.ts';
import { type CommandLine, type Quota, startWithin } from './quota.ts';

/** Whose messages come from where. */
export const CALLERS = ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5'];
export const CARRIER = '127.0.0.8';
/** A trunk that only pings. */
export const OTHER_TRUNK = '127.0.0.9';
/** A trunk whose address is forged. */
export const FORGED_TRUNK = '127.0.0.10';
export const PASSWORD = 'board-secret';
/** What an admin of the system shows the HTTP interface. */
export const ADMIN_TOKEN = 'board-system-admin-0123456789abcdef';

type Tenant = NonNullable<ProvisioningInput['tenants']>[number];
type Trunk = NonNullable<ProvisioningInput['trunks']>[number];

export interface EngineOptions {
  readonly nodeOptions?: readonly string[];
  /** On top of UDP and TCP on one port, HTTP on another, the embedded store. */
  readonly settings?: (folder: string, port: number) => Partial<NodeSettingsInput>;
  /** Changes to the tenant. */
  readonly tenant?: Partial<Tenant>;
  /** Changes to the trunk `carrier`. */
  readonly carrier?: Partial<Trunk>;
  readonly moreTenants?: readonly Tenant[];
  readonly moreTrunks?: readonly Trunk[];
  /** With a carrier that answers calls, before the engine starts and as long as it runs: a trunk that is silent for a moment is passed over for a while. */
  readonly hasCarrier?: boolean;
  readonly environment?: NodeJS.ProcessEnv;
  /** The share of one core that it may use, from its start on; all that there is when left out. */
  readonly share?: number;
}

/** What the process holds after a collection of garbage. Octets. */
export interface Held {
  readonly rss: number;
  readonly heapUsed: number;
  readonly descriptors: number;
  /** Timers and handles that keep the event loop going. */
  readonly resources: number;
}

export interface Engine {
  readonly port: number;
  readonly apiPort: number;
  readonly carrierPort: number;
  readonly child: Child;
  readonly folder: string;
  /** How its share of a core is enforced; undefined without one. */
  readonly quota: string | undefined;
  /** A value of /metrics; the sum over its labels. */
  metric(name: string): Promise<number>;
  held(): Promise<Held>;
  /** The defects that it met, none may be; the first is said in the note. */
  uncaught(label?: string): Promise<Figure>;
  stop(): Promise<void>;
}

const ipTrunk = (id: string, name: string, host: string, port: number, didPool: string): Trunk => ({
  id,
  name,
  type: 'ip',
  host,
  port,
  tenants: [{ tenant: 'acme', didPool }],
});

function provisioningOf(options: EngineOptions, carrierPort: number): ProvisioningInput {
  return {
    tenants: [
      {
        name: 'acme',
        domain: 'acme.example.com',
        outboundCallerId: '+4989100200',
        extensions: [{ number: '101', name: 'Alice', password: PASSWORD, trustedAddresses: CALLERS }],
        outboundRules: [{ name: 'world', match: { prefixes: ['+'] }, routes: [{ trunk: 'carrier' }] }],
        ...options.tenant,
      },
      ...(options.moreTenants ?? []),
    ],
    trunks: [
      { ...ipTrunk('1', 'carrier', CARRIER, carrierPort, '4989100000-4989199999'), ...options.carrier },
      ipTrunk('2', 'other', OTHER_TRUNK, 5060, '4989200000-4989299999'),
      ipTrunk('3', 'forged', FORGED_TRUNK, 5060, '4989300000-4989399999'),
      ...(options.moreTrunks ?? []),
    ],
  };
}

/** The product as an operator starts it, with callers admitted by address and a carrier, on its default limits. */
export async function startEngine(options: EngineOptions = {}): Promise<Engine> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-board-'));
  const [port, carrierPort, apiPort] = [await freePort(), await freePort(), await freePort()];
  writeFileSync(join(folder, 'provisioning.json'), JSON.stringify(provisioningOf(options, carrierPort)));
  const settings = {
    listen: ['udp', 'tcp'].map((transport) => ({ transport, host: '127.0.0.1', port })),
    store: { kind: 'embedded', path: join(folder, 'data') },
    provisioning: [join(folder, 'provisioning.json')],
    api: { port: apiPort },
    ...options.settings?.(folder, port),
  };
  // JSON is YAML.
  writeFileSync(join(folder, 'tandem.json'), JSON.stringify(settings));
  const carrier = options.hasCarrier === true ? await startCarrier({ host: CARRIER, port: carrierPort }) : undefined;
  const { child, quota } = startProcess(options, folder);
  await child.waitFor(/"event":"started"/, 90_000);
  const metric = async (name: string) => {
    const text = await (await fetch(`http://127.0.0.1:${apiPort}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  };
  let probes = 0;
  return {
    port,
    apiPort,
    carrierPort,
    child,
    folder,
    quota: quota?.how,
    metric,
    async held() {
      child.signal('SIGUSR2');
      const line = new RegExp(`^\\{"probe":${++probes},.*\\}$`, 'm');
      await child.waitFor(line, 60_000);
      const { rss, heapUsed, resources } = JSON.parse(line.exec(child.output())?.[0] ?? '') as Held;
      return { rss, heapUsed, resources, descriptors: readdirSync(`/proc/${child.pid}/fd`).length };
    },
    async uncaught(label = '') {
      const [, note] = /"stack":"(.*?)","event":"uncaught-error"/.exec(child.output()) ?? [];
      const value = await metric('uncaught_exceptions_total');
      return { what: `${label}uncaught`, value, unit: '', bar: { most: 0 }, ...(note === undefined ? {} : { note }) };
    },
    async stop() {
      await child.stop();
      quota?.release();
      await carrier?.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function startProcess(options: EngineOptions, folder: string): { readonly child: Child; readonly quota?: Quota } {
  const bin = fileURLToPath(new URL('../../../bin/tandem.js', import.meta.url));
  const probe = new URL('processes/probe-process.ts', import.meta.url).href;
  const nodeOptions = ['--expose-gc', '--import', probe, ...(options.nodeOptions ?? [])].join(' ');
  const start = ([command, ...args]: CommandLine) =>
    startChild(command, args, {
      cwd: folder,
      env: { ...process.env, NODE_OPTIONS: nodeOptions, TANDEM_BOOTSTRAP_TOKEN: ADMIN_TOKEN, ...options.environment },
    });
  const commandLine: CommandLine = [process.execPath, bin, 'start', '--config', join(folder, 'tandem.json')];
  return options.share === undefined ? { child: start(commandLine) } : startWithin(options.share, commandLine, start);
}
