import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild } from '../../kit/child.ts';
import { eventually } from '../../kit/eventually.ts';
import { freePort, isListening } from '../../kit/free-port.ts';
import { peerCommand } from '../../kit/peers.ts';

export interface DnsServer {
  /** `address:port`, as the node's settings take it. */
  readonly address: string;
  stop(): Promise<void>;
}

/** dnsmasq on a free port that knows these records and nothing else. `records`: its own options, e.g. `srv-host=...`. */
export async function startDnsmasq(records: readonly string[], port?: number): Promise<DnsServer> {
  const chosen = port ?? (await freePort());
  const folder = mkdtempSync(join(tmpdir(), 'tandem-dns-'));
  const fixed = ['keep-in-foreground', 'no-resolv', 'no-hosts', 'bind-interfaces', 'listen-address=127.0.0.1'];
  const options = [...fixed, `port=${chosen}`, `pid-file=${join(folder, 'pid')}`, 'local-ttl=1', 'user=', ...records];
  const child = startChild(peerCommand('dnsmasq'), [
    '--conf-file=/dev/null',
    ...options.map((option) => `--${option}`),
  ]);
  await eventually('dnsmasq to listen', () => isListening('udp', chosen), { detail: child.output });
  return {
    address: `127.0.0.1:${chosen}`,
    async stop() {
      await child.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
