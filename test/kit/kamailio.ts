import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, startChild } from './child.ts';
import { eventually } from './eventually.ts';
import { freePort, isListening } from './free-port.ts';
import { peerCommand } from './peers.ts';

export interface KamailioOptions {
  /** Modules beside `kex tm sl rr pv maxfwd textops siputils xlog`, without `.so`. */
  readonly modules?: readonly string[];
  /** Lines such as `modparam("auth", "nonce_expire", 300)`. */
  readonly parameters?: readonly string[];
  /** The routing blocks, or a function of the port that makes them. */
  readonly script: string | ((port: number) => string);
  readonly host?: string;
  readonly port?: number;
  /** Listens on TLS as well, on a port of its own. */
  readonly tls?: KamailioTls;
}

export interface KamailioTls {
  /** PEM texts. */
  readonly certificate: string;
  readonly key: string;
  /** Who signs the certificates that clients must show; left out: clients need none. */
  readonly clientAuthority?: string;
}

export interface Kamailio {
  readonly host: string;
  /** UDP and TCP. */
  readonly port: number;
  /** TLS; -1 without it. */
  readonly tlsPort: number;
  readonly child: Child;
  stop(): Promise<void>;
}

const MODULES = ['kex', 'tm', 'sl', 'rr', 'pv', 'maxfwd', 'textops', 'siputils', 'xlog'];

function tlsConfiguration(folder: string, tls: KamailioTls): string {
  const write = (name: string, text: string) => {
    const file = join(folder, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  };
  const lines = [
    'method = TLSv1.2+',
    `certificate = ${write('cert.pem', tls.certificate)}`,
    `private_key = ${write('key.pem', tls.key)}`,
  ];
  if (tls.clientAuthority !== undefined) {
    lines.push(
      `ca_list = ${write('ca.pem', tls.clientAuthority)}`,
      'verify_certificate = yes',
      'require_certificate = yes',
    );
  }
  return `[server:default]\n${lines.join('\n')}\n[client:default]\n${lines.join('\n')}\n`;
}

export interface ConfiguredKamailio {
  /** `host:port`. */
  readonly address: string;
  readonly child: Child;
  stop(): Promise<void>;
}

/** Starts Kamailio with a configuration file as it is, and these definitions (`-A`); it listens on UDP. */
export async function startConfiguredKamailio(
  file: string,
  address: string,
  definitions: Readonly<Record<string, string>>,
): Promise<ConfiguredKamailio> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-kamailio-'));
  const given = Object.entries(definitions).flatMap(([name, value]) => ['-A', `${name}=${value}`]);
  const child = startChild(peerCommand('kamailio'), [
    '-f',
    file,
    ...given,
    '-DD',
    '-E',
    '-Y',
    folder,
    '-m',
    '64',
    '-M',
    '8',
  ]);
  const stop = async () => {
    await child.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  const port = Number(address.slice(address.lastIndexOf(':') + 1));
  await eventually('Kamailio to listen', () => isListening('udp', port), { detail: child.output }).catch(
    async (error: unknown) => {
      await stop();
      throw error;
    },
  );
  return { address, child, stop };
}

/** Starts Kamailio with the test's script on a free port; waits until it serves. */
export async function startKamailio(options: KamailioOptions): Promise<Kamailio> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-kamailio-'));
  const { host = '127.0.0.1', port = await freePort(host), tls } = options;
  const tlsPort = tls === undefined ? -1 : await freePort(host);
  const at = host.includes(':') ? `[${host}]` : host;
  const modules = [...MODULES, ...(tls === undefined ? [] : ['tls']), ...(options.modules ?? [])];
  const parameters = [...(options.parameters ?? [])];
  if (tls !== undefined) {
    writeFileSync(join(folder, 'tls.cfg'), tlsConfiguration(folder, tls));
    parameters.unshift(`modparam("tls", "config", "${join(folder, 'tls.cfg')}")`);
  }
  const lines = [
    '#!KAMAILIO',
    'debug=0',
    'log_stderror=yes',
    'fork=yes',
    'children=1',
    'tcp_children=1',
    'auto_aliases=no',
    'dns=no',
    'rev_dns=no',
    ...(tls === undefined ? [] : ['enable_tls=yes', `listen=tls:${at}:${tlsPort}`]),
    `listen=udp:${at}:${port}`,
    `listen=tcp:${at}:${port}`,
    ...modules.map((name) => `loadmodule "${name}.so"`),
    ...parameters,
    typeof options.script === 'string' ? options.script : options.script(port),
    // Said once by each child when it serves.
    'event_route[core:worker-one-init] { xlog("L_ALERT", "serving\\n"); }',
    '',
  ];
  const file = join(folder, 'kamailio.cfg');
  writeFileSync(file, lines.join('\n'));
  const child = startChild(peerCommand('kamailio'), ['-f', file, '-DD', '-E', '-Y', folder, '-m', '64', '-M', '8']);
  const stop = async () => {
    await child.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await child.waitFor(/serving/);
  } catch (error) {
    await stop();
    throw error;
  }
  return { host, port, tlsPort, child, stop };
}
