import { createHash } from 'node:crypto';
import type { Socket } from 'node:dgram';
import { request as httpRequest } from 'node:http';
import { areaUnderCurve } from '../auc.ts';
import { ADMIN_TOKEN, type Engine, PASSWORD, startEngine } from '../engine.ts';
import type { Figure, Item } from '../item.ts';
import { openSocket } from '../processes/wire.ts';

const TRIES = 1_000;
const STRANGER = '127.0.0.67';
const DOMAIN = 'acme.example.com';
/** Wrong tokens of one address are refused unread from the thirtieth in a minute on. */
const TOKENS_PER_ADDRESS = 25;
const ANSWER_TIMEOUT_MS = 5_000;

interface Answer {
  readonly ms: number;
  readonly text: string;
}

const md5 = (text: string) => createHash('md5').update(text).digest('hex');

/** One question after the other over UDP, each with the time that its answer took. */
class Prober {
  readonly #port: number;
  readonly #socket: Socket;
  #answered: (text: string) => void = () => {};
  #count = 0;

  private constructor(port: number, socket: Socket) {
    this.#port = port;
    this.#socket = socket;
  }

  static async open(port: number): Promise<Prober> {
    let prober: Prober | undefined;
    const socket = await openSocket(STRANGER, (text) => prober?.receive(text));
    prober = new Prober(port, socket);
    return prober;
  }

  receive(text: string): void {
    if (!text.startsWith('SIP/2.0 100')) this.#answered(text);
  }

  close(): void {
    this.#socket.close();
  }

  #ask(text: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer to\n${text}`)), ANSWER_TIMEOUT_MS);
      const sentMs = performance.now();
      this.#answered = (answer) => {
        const ms = performance.now() - sentMs;
        clearTimeout(timer);
        resolve({ ms, text: answer });
      };
      this.#socket.send(Buffer.from(text, 'latin1'), this.#port, '127.0.0.1');
    });
  }

  /** A request with the answer to a fresh challenge: what is said of it, and after how long. */
  async signIn(method: 'REGISTER' | 'INVITE', user: string, password: string): Promise<Answer> {
    const id = String(++this.#count).padStart(8, '0');
    const uri = method === 'REGISTER' ? `sip:${DOMAIN}` : `sip:+493012345678@${DOMAIN}`;
    const to = method === 'REGISTER' ? `<sip:${user}@${DOMAIN}>` : `<${uri}>`;
    const text = (sequence: number, more: string) =>
      `${method} ${uri} SIP/2.0\r\nVia: SIP/2.0/UDP ${STRANGER}:${this.#socket.address().port};rport;branch=z9hG4bK${sequence}${id}\r\nMax-Forwards: 70\r\nFrom: <sip:${user}@${DOMAIN}>;tag=${id}\r\nTo: ${to}\r\nCall-ID: ${id}\r\nCSeq: ${sequence} ${method}\r\nContact: <sip:${user}@${STRANGER}>\r\nUser-Agent: ${'x'.repeat(200)}\r\n${more}Content-Length: 0\r\n\r\n`;
    const challenge = await this.#ask(text(1, ''));
    const nonce = /nonce="([^"]*)"/.exec(challenge.text)?.[1] ?? '';
    const ha1 = md5(`${user}:${DOMAIN}:${password}`);
    const response = md5(`${ha1}:${nonce}:00000001:c:auth:${md5(`${method}:${uri}`)}`);
    const field = method === 'REGISTER' ? 'Authorization' : 'Proxy-Authorization';
    return this.#ask(
      text(
        2,
        `${field}: Digest username="${user}", realm="${DOMAIN}", nonce="${nonce}", uri="${uri}", response="${response}", algorithm=MD5, qop=auth, nc=00000001, cnonce="c"\r\n`,
      ),
    );
  }
}

/** What is the same in answers to the same question: everything but what names the request, and what is random. */
function shapeOf(text: string): string {
  return text
    .replace(/^(Via|From|To|Call-ID|CSeq): .*$/gm, '$1')
    .replaceAll(/nonce="[^"]*"/g, (nonce) => `nonce of ${nonce.length}`);
}

/** Each kind in turn, in an order that changes, so that what the machine does meanwhile is the same for all. */
async function interleaved<Kind extends string>(
  kinds: readonly Kind[],
  tries: number,
  ask: (kind: Kind, index: number) => Promise<Answer>,
): Promise<Record<Kind, Answer[]>> {
  const answers = Object.fromEntries(kinds.map((kind) => [kind, []])) as unknown as Record<Kind, Answer[]>;
  const warmUp = Math.min(50, tries);
  for (let index = -warmUp; index < tries; index++) {
    const order = kinds.toSorted(() => Math.random() - 0.5);
    for (const kind of order) {
      const answer = await ask(kind, index + warmUp);
      if (index >= 0) answers[kind].push(answer);
    }
  }
  return answers;
}

function compare(what: string, kinds: Record<string, Answer[]>): Figure[] {
  const [first, ...others] = Object.entries(kinds);
  if (first === undefined) throw new Error('nothing to compare');
  const shapes = new Set(Object.values(kinds).flatMap((answers) => answers.map(({ text }) => shapeOf(text))));
  const times = ([, answers]: [string, Answer[]]) => answers.map(({ ms }) => ms);
  const figures: Figure[] = [
    {
      what: `${what}: answers that differ by more than nonce and tag`,
      value: shapes.size - 1,
      unit: '',
      bar: { most: 0 },
    },
  ];
  for (const other of others) {
    // Whoever guesses turns the curve round as it pleases: 0.45 tells as much as 0.55.
    const told = Math.abs(areaUnderCurve(times(first), times(other)) - 0.5);
    figures.push({
      what: `${what}: |AUC − 0.5| of ${first[0]}, ${other[0]}`,
      value: told,
      unit: '',
      bar: { most: 0.05 },
    });
  }
  return figures;
}

function askApi(engine: Engine, token: string, index: number): Promise<Answer> {
  const turn = Math.floor(index / TOKENS_PER_ADDRESS);
  return new Promise((resolve, reject) => {
    const sentMs = performance.now();
    const asked = httpRequest(
      {
        host: '127.0.0.1',
        port: engine.apiPort,
        path: '/api/v1/tenants',
        localAddress: `127.1.${Math.floor(turn / 250)}.${(turn % 250) + 1}`,
        headers: { authorization: `Bearer ${token}` },
        agent: false,
      },
      (response) => {
        const ms = performance.now() - sentMs;
        const { date, ...headers } = response.headers;
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () => resolve({ ms, text: `${response.statusCode} ${JSON.stringify(headers)}\n${body}` }));
      },
    );
    asked.on('error', reject);
    asked.end();
  });
}

async function newToken(engine: Engine): Promise<{ id: string; token: string }> {
  const response = await fetch(`http://127.0.0.1:${engine.apiPort}/api/v1/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ role: 'tenant-admin', tenant: 'acme' }),
  });
  if (response.status !== 201) throw new Error(`no token: ${response.status} ${await response.text()}`);
  return (await response.json()) as { id: string; token: string };
}

async function tokens(engine: Engine, tries: number): Promise<Figure[]> {
  const [known, revoked] = [await newToken(engine), await newToken(engine)];
  await fetch(`http://127.0.0.1:${engine.apiPort}/api/v1/tokens/${revoked.id}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  });
  const secret = 'A'.repeat(43);
  const shown = {
    'a wrong secret': `tdm_${known.id}_${secret}`,
    'an unknown id': `tdm_${known.id.replaceAll(/./g, '0')}_${secret}`,
    'a revoked token': revoked.token,
  };
  const kinds = Object.keys(shown) as (keyof typeof shown)[];
  let asked = 0;
  const answers = await interleaved(kinds, tries, (kind) => askApi(engine, shown[kind], asked++));
  return compare('API token', answers);
}

export const item: Item = {
  title:
    'who exists? unknown, wrong password, disabled: the same answers in the same time, 1,000 (or the number given) of each',
  async run(tries = TRIES) {
    const many = 10_000_000;
    const engine = await startEngine({
      settings: () => ({
        limits: {
          authFailuresPerMinute: 100_000,
          messagesPerSecondFromStrangers: many,
          messagesPerSecondPerPeer: many,
        },
      }),
      tenant: {
        extensions: [
          { number: '101', name: 'Alice', password: PASSWORD },
          { number: '102', name: 'Bob', password: PASSWORD, enabled: false },
        ],
      },
    });
    const prober = await Prober.open(engine.port);
    const who = { 'wrong password': ['101', 'wrong'], unknown: ['999', 'wrong'], disabled: ['102', PASSWORD] } as const;
    const kinds = Object.keys(who) as (keyof typeof who)[];
    try {
      const figures: Figure[] = [];
      for (const method of ['REGISTER', 'INVITE'] as const) {
        const answers = await interleaved(kinds, tries, (kind) => prober.signIn(method, who[kind][0], who[kind][1]));
        figures.push(...compare(method, answers));
      }
      return [...figures, ...(await tokens(engine, tries))];
    } finally {
      prober.close();
      await engine.stop();
    }
  },
};
