import { createSocket } from 'node:dgram';
import { type Child, startChild } from './child.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { peerCommand } from './peers.ts';

/** A media relay in user space: a process of its own, which needs no kernel module. */
export interface Rtpengine {
  readonly child: Child;
  readonly url: string;
  /** Of its ng protocol. */
  readonly port: number;
  /** SIGKILL: as a relay that has crashed. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

export interface RtpengineOptions {
  /** Address that it relays media at. Default 127.0.0.1. */
  readonly address?: string;
  /** Further interfaces, as `--interface` takes them. */
  readonly interfaces?: readonly string[];
  /** Port of its ng protocol. Default: a free one. */
  readonly port?: number;
  /** Seconds without RTP after which it ends a session. Default 60. */
  readonly timeoutSeconds?: number;
}

let nextMediaPort = 20_000 + (process.pid % 100) * 200;

export async function startRtpengine(options: RtpengineOptions = {}): Promise<Rtpengine> {
  const { address = '127.0.0.1', interfaces = [], timeoutSeconds = 60, port = await freePort() } = options;
  const firstPort = nextMediaPort;
  nextMediaPort += 100;
  const child = startChild(peerCommand('rtpengine'), [
    '--config-file=none',
    '--foreground',
    '--log-stderr',
    '--log-level=6',
    '--table=-1',
    ...[address, ...interfaces].map((each) => `--interface=${each}`),
    `--listen-ng=127.0.0.1:${port}`,
    `--port-min=${firstPort}`,
    `--port-max=${firstPort + 99}`,
    `--timeout=${timeoutSeconds}`,
    '--num-threads=2',
  ]);
  await answers(port, child);
  return {
    child,
    url: `udp://127.0.0.1:${port}`,
    port,
    async kill() {
      child.signal('SIGKILL');
      await child.exited;
    },
    stop: () => child.stop(),
  };
}

async function answers(port: number, child: Child): Promise<void> {
  const socket = createSocket('udp4');
  let pong = false;
  socket.on('error', () => {});
  socket.on('message', () => {
    pong = true;
  });
  try {
    await eventually(
      'an answer of rtpengine',
      () => {
        socket.send('ready d7:command4:pinge', port, '127.0.0.1', () => {});
        return pong;
      },
      { timeoutMs: 15_000, detail: () => child.output() },
    );
  } finally {
    socket.close();
  }
}
