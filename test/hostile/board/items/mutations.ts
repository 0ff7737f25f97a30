import { createSocket, type Socket } from 'node:dgram';
import { connect } from 'node:net';
import { corpus } from '../../corpus.ts';
import { Mutator } from '../../mutator.ts';
import { CARRIER, type Engine, startEngine } from '../engine.ts';
import type { Figure, Item } from '../item.ts';
import { openSocket } from '../processes/wire.ts';

const SEEDS = [20_261_121, 7, 4_294_967_291];
const MESSAGES = 1_000_000;
/** After so many the process has compiled its code and has the memory that it works with. */
const WARM_UP = 100_000;
/** Few enough for the socket's buffer of the kernel, so that what is lost was lost by the engine. */
const BATCH = 40;
const PING_TIMEOUT_MS = 2_000;
const STRANGER = '127.0.0.66';
/** One message in so many comes over a connection of its own. */
const OVER_TCP = 500;

/** Asks whether the engine still answers, behind everything that was sent before. */
class Pings {
  sent = 0;
  answered = 0;
  readonly #socket: Socket;
  readonly #port: number;
  #waitsFor = '';
  #wake: () => void = () => {};

  constructor(socket: Socket, port: number) {
    this.#socket = socket;
    this.#port = port;
  }

  receive(text: string): void {
    if (text.includes(`\r\nCall-ID: ${this.#waitsFor}\r\n`)) this.#wake();
  }

  async ask(): Promise<void> {
    this.#waitsFor = `ping-${++this.sent}`;
    const { port } = this.#socket.address();
    const text = `OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP ${STRANGER}:${port};rport;branch=z9hG4bK${this.#waitsFor}\r\nMax-Forwards: 70\r\nFrom: <sip:ping@127.0.0.1>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: ${this.#waitsFor}\r\nCSeq: 1 OPTIONS\r\nUser-Agent: long enough to be owed an answer\r\nContent-Length: 0\r\n\r\n`;
    const answer = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no answer')), PING_TIMEOUT_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#socket.send(text, this.#port, '127.0.0.1');
    await answer.then(
      () => this.answered++,
      () => {},
    );
  }
}

function sendOverTcp(port: number, text: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, localAddress: STRANGER });
    socket.on('error', () => {});
    socket.on('close', () => resolve());
    socket.on('data', () => {});
    socket.end(text, 'latin1');
  });
}

async function attack(engine: Engine, socket: Socket, pings: Pings, mutator: Mutator, messages: number): Promise<void> {
  for (let sent = 0; sent < messages; sent += BATCH) {
    for (let index = 0; index < BATCH; index++) {
      socket.send(Buffer.from(mutator.next(), 'latin1'), engine.port, '127.0.0.1');
    }
    if (sent % OVER_TCP < BATCH) await sendOverTcp(engine.port, mutator.next() + mutator.next());
    await pings.ask();
  }
}

async function runSeed(seed: number, messages: number): Promise<Figure[]> {
  const engine = await startEngine({
    settings: () => ({
      // Everything is to be read: the limits on strangers have items of their own.
      limits: {
        messagesPerSecondPerPeer: 10_000_000,
        messagesPerSecondFromStrangers: 10_000_000,
        strangersTimePercent: 90,
        strangersWaiting: 100_000,
        strangerConnectionsPerSecond: 100_000,
      },
    }),
  });
  const atTheSink: string[] = [];
  const sink = createSocket('udp4');
  sink.on('message', (octets) => {
    const text = octets.toString('latin1');
    // What the engine sends by itself, to see whether the trunk is there.
    if (!text.startsWith(`OPTIONS sip:${CARRIER}`)) atTheSink.push(text);
  });
  await new Promise<void>((resolve) => sink.bind(engine.carrierPort, CARRIER, resolve));
  const socket = await openSocket(STRANGER, (text) => pings.receive(text));
  const pings = new Pings(socket, engine.port);
  const mutator = new Mutator(corpus, seed);
  try {
    await attack(engine, socket, pings, mutator, Math.min(WARM_UP, messages));
    const before = await engine.held();
    await attack(engine, socket, pings, mutator, messages);
    const after = await engine.held();
    for (const text of atTheSink.slice(0, 3)) console.log(text);
    const label = `seed ${seed}`;
    return [
      { what: `${label}: messages`, value: messages, unit: '', bar: { least: messages } },
      await engine.uncaught(`${label}: `),
      { what: `${label}: relayed to the carrier`, value: atTheSink.length, unit: '', bar: { most: 0 } },
      { what: `${label}: pings answered`, value: (100 * pings.answered) / pings.sent, unit: '%', bar: { least: 99.9 } },
      { what: `${label}: RSS grown`, value: (after.rss - before.rss) / 1_048_576, unit: 'MB', bar: { most: 20 } },
    ];
  } finally {
    socket.close();
    sink.close();
    await engine.stop();
  }
}

export const item: Item = {
  title:
    'mutated messages of a stranger, 1,000,000 (or the number given) for each of 3 seeds: nothing breaks, nothing leaves',
  async *run(messages = MESSAGES) {
    for (const seed of SEEDS) yield* await runSeed(seed, messages);
  },
};
