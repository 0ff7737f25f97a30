import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Child, startChild } from './child.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { peerCommand } from './peers.ts';

export interface BaresipOptions {
  /** User and domain of the account; the user is also the authentication name unless `authUser` says another. */
  readonly user: string;
  readonly domain: string;
  readonly authUser?: string;
  readonly password: string;
  /** Where its registrations and calls go; without a port by SRV (RFC 3263). */
  readonly proxy: { readonly host: string; readonly port?: number };
  /** DNS server, `address:port`; default: the system's. */
  readonly dnsServer?: string;
  readonly transport: 'udp' | 'tcp' | 'tls';
  /** Loopback address it listens on. Default 127.0.0.1. */
  readonly localHost?: string;
  /** Seconds; 0: it does not register. Default 600. */
  readonly registerSeconds?: number;
  /** Default auto: takes every call at once. */
  readonly answer?: 'auto' | 'manual';
  /** WAV file that it plays to the other side, 8 kHz mono; default: silence. */
  readonly plays?: string;
  /** Keys of its media: `srtp-mand`, `dtls_srtp`; default: none. */
  readonly mediaEncryption?: 'srtp-mand' | 'dtls_srtp';
  /** Finds addresses by ICE (RFC 8445), with RTP and RTCP on one port, as browsers do. Default false. */
  readonly ice?: boolean;
  /** Where its control connection, on its own address, is reached. Default 127.0.0.1. */
  readonly controlHost?: string;
  /** The command that runs it, e.g. within a network namespace. */
  readonly wrapper?: readonly string[];
  /** PEM files: who it trusts, and the certificate and key that it shows. */
  readonly caFile?: string;
  readonly certificateFile?: string;
}

/** What baresip tells over its control connection: calls and registrations, with the parties. */
export interface BaresipEvent {
  readonly class: string;
  readonly type: string;
  readonly param?: string;
  readonly peeruri?: string;
  readonly peerdisplayname?: string;
  readonly direction?: string;
}

export interface Baresip {
  readonly child: Child;
  readonly events: readonly BaresipEvent[];
  /** The first event of this type since the last call of `heard` for it, as soon as it is there. */
  heard(type: string): Promise<BaresipEvent>;
  /** Its registration was accepted; may be asked at any time. */
  registered(): Promise<void>;
  dial(uri: string): void;
  accept(): void;
  hangUp(): void;
  /** Any command of its control connection. */
  command(command: string, params?: string): void;
  /** WAV file of what it hears of the latest call; undefined while there is none. */
  heardAudio(): string | undefined;
  stop(): Promise<void>;
}

/** Debian's module folder; there is no option to ask baresip for it. */
const MODULE_PATH = '/usr/lib/baresip/modules';

function configuration(options: BaresipOptions, controlPort: number, folder: string): string {
  const { localHost = '127.0.0.1', caFile, certificateFile, plays, mediaEncryption, ice = false } = options;
  const listen = localHost.includes(':') ? `[${localHost}]` : localHost;
  return [
    'poll_method epoll',
    // Port 0: the system chooses.
    `sip_listen ${listen}:0`,
    ...(options.dnsServer === undefined ? [] : [`dns_server ${options.dnsServer}`]),
    ...(caFile === undefined ? [] : [`sip_cafile ${caFile}`]),
    ...(certificateFile === undefined ? [] : [`sip_certificate ${certificateFile}`]),
    `net_interface ${localHost}`,
    `module_path ${MODULE_PATH}`,
    'module g711.so',
    // Plays into what it records from: no sound card is needed.
    'module aubridge.so',
    ...(plays === undefined
      ? ['audio_source aubridge,nowhere']
      : [
          'module aufile.so',
          `audio_source aufile,${plays}`,
          // Writes down what is sent and what is heard.
          'module sndfile.so',
          `snd_path ${folder}`,
        ]),
    ...(mediaEncryption === undefined ? [] : [`module ${mediaEncryption === 'dtls_srtp' ? 'dtls_srtp' : 'srtp'}.so`]),
    ...(ice ? ['module ice.so', 'rtcp_mux yes'] : []),
    'audio_player aubridge,nowhere',
    'audio_alert aubridge,nowhere',
    'module ctrl_tcp.so',
    `ctrl_tcp_listen ${options.controlHost === undefined ? '127.0.0.1' : localHost}:${controlPort}`,
    'module_tmp uuid.so',
    'module_tmp account.so',
    'module_app menu.so',
    '',
  ].join('\n');
}

function account(options: BaresipOptions): string {
  const { user, domain, authUser = user, password, proxy, transport, registerSeconds = 600, answer = 'auto' } = options;
  const host = proxy.host.includes(':') ? `[${proxy.host}]` : proxy.host;
  const outbound = `sip:${host}${proxy.port === undefined ? '' : `:${proxy.port}`};transport=${transport}`;
  const { mediaEncryption, ice = false } = options;
  const params = [`auth_user=${authUser}`, `auth_pass=${password}`, `outbound="${outbound}"`, `answermode=${answer}`];
  if (mediaEncryption !== undefined) params.push(`mediaenc=${mediaEncryption}`);
  if (ice) params.push('medianat=ice', 'rtcp_mux=yes');
  return `<sip:${user}@${domain};transport=${transport}>;${params.join(';')};regint=${registerSeconds}\n`;
}

/** Starts baresip without sound card or terminal, with a folder and ports of its own. */
export async function startBaresip(options: BaresipOptions): Promise<Baresip> {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-baresip-'));
  const controlPort = await freePort();
  writeFileSync(join(folder, 'config'), configuration(options, controlPort, folder));
  writeFileSync(join(folder, 'accounts'), account(options));
  const [command = '', ...args] = [...(options.wrapper ?? []), peerCommand('baresip'), '-f', folder];
  const child = startChild(command, args, { env: { ...process.env, HOME: folder } });
  const events: BaresipEvent[] = [];
  let control: Socket | undefined;
  const stop = async () => {
    control?.destroy();
    await child.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await child.waitFor(/baresip is ready/);
    control = await openControl(options.controlHost ?? '127.0.0.1', controlPort, (message) => {
      if (isEvent(message)) events.push(message);
    });
  } catch (error) {
    await stop();
    throw error;
  }
  const send = (command: string, params = '') => control?.write(netstring(JSON.stringify({ command, params })));
  let heardUpTo = 0;
  return {
    child,
    events,
    async heard(type) {
      const found = await eventually(
        `${type} of baresip ${options.user}`,
        () => {
          const index = events.findIndex((event, at) => at >= heardUpTo && event.type === type);
          return index < 0 ? undefined : { index };
        },
        { timeoutMs: 10_000, detail: () => `${JSON.stringify(events, undefined, 1)}\n${child.output().slice(-4000)}` },
      );
      heardUpTo = found.index + 1;
      return events[found.index] as BaresipEvent;
    },
    // The control connection may have come too late for the event.
    registered: () => child.waitFor(/200 OK .*[0-9] bindings?\]/, 10_000),
    dial: (uri) => send('dial', uri),
    accept: () => send('accept'),
    hangUp: () => send('hangup'),
    command: send,
    heardAudio() {
      const file = readdirSync(folder)
        .filter((name) => name.endsWith('-dec.wav'))
        .sort()
        .at(-1);
      return file === undefined ? undefined : join(folder, file);
    },
    stop,
  };
}

const netstring = (text: string) => `${Buffer.byteLength(text)}:${text},`;

function isEvent(message: unknown): message is BaresipEvent {
  return typeof message === 'object' && message !== null && 'event' in message && message.event === true;
}

/** The control connection: JSON in netstrings, events and answers alike. */
async function openControl(host: string, port: number, onMessage: (message: unknown) => void): Promise<Socket> {
  const socket = connect(port, host);
  let waiting = '';
  socket.on('data', (chunk) => {
    waiting += chunk.toString('latin1');
    for (let colon = waiting.indexOf(':'); colon > 0; colon = waiting.indexOf(':')) {
      const end = colon + 1 + Number(waiting.slice(0, colon));
      if (waiting.length <= end) return;
      onMessage(JSON.parse(waiting.slice(colon + 1, end)));
      waiting = waiting.slice(end + 1);
    }
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  socket.on('error', () => {});
  return socket;
}
