import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Child, startChild } from '../../kit/child.ts';
import { freePort } from '../../kit/free-port.ts';

/** Whose messages come from where. */
export const CALLERS = ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.5'];
export const CARRIER = '127.0.0.8';
/** A trunk that only pings. */
export const OTHER_TRUNK = '127.0.0.9';
/** A trunk whose address is forged. */
export const FORGED_TRUNK = '127.0.0.10';

export interface Engine {
  readonly port: number;
  readonly carrierPort: number;
  readonly child: Child;
  /** A value of /metrics; the sum over its labels. */
  metric(name: string): Promise<number>;
  stop(): Promise<void>;
}

const ipTrunk = (id: string, name: string, host: string, port: number, didPool: string) => ({
  id,
  name,
  type: 'ip',
  host,
  port,
  tenants: [{ tenant: 'acme', didPool }],
});

/** The product as an operator starts it, with callers admitted by address and a carrier, on its default limits. */
export async function startEngine(nodeOptions: readonly string[] = []): Promise<Engine> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-board-'));
  const [port, carrierPort, apiPort] = [await freePort(), await freePort(), await freePort()];
  const provisioning = {
    tenants: [
      {
        name: 'acme',
        domain: 'acme.example.com',
        outboundCallerId: '+4989100200',
        extensions: [{ number: '101', name: 'Alice', password: 'board-secret', trustedAddresses: CALLERS }],
        outboundRules: [{ name: 'world', match: { prefixes: ['+'] }, routes: [{ trunk: 'carrier' }] }],
      },
    ],
    trunks: [
      ipTrunk('1', 'carrier', CARRIER, carrierPort, '4989100000-4989199999'),
      ipTrunk('2', 'other', OTHER_TRUNK, 5060, '4989200000-4989299999'),
      ipTrunk('3', 'forged', FORGED_TRUNK, 5060, '4989300000-4989399999'),
    ],
  };
  writeFileSync(join(folder, 'provisioning.json'), JSON.stringify(provisioning));
  const settings = {
    listen: ['udp', 'tcp'].map((transport) => ({ transport, host: '127.0.0.1', port })),
    store: { kind: 'embedded', path: join(folder, 'data') },
    provisioning: [join(folder, 'provisioning.json')],
    api: { port: apiPort },
  };
  // JSON is YAML.
  writeFileSync(join(folder, 'tandem.json'), JSON.stringify(settings));
  const main = fileURLToPath(new URL('../../../src/main.ts', import.meta.url));
  const child = startChild(process.execPath, [...nodeOptions, main, 'start', '--config', join(folder, 'tandem.json')], {
    cwd: folder,
  });
  await child.waitFor(/"event":"started"/, 90_000);
  return {
    port,
    carrierPort,
    child,
    async metric(name) {
      const text = await (await fetch(`http://127.0.0.1:${apiPort}/metrics`)).text();
      const lines = text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
      return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
    },
    async stop() {
      await child.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
