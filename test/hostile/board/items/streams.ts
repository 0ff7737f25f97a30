import { request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { percentile } from '../../../kit/percentile.ts';
import { ask, othersSaw, tenantToken } from '../admin.ts';
import { ADMIN_TOKEN, CALLERS, type Engine, OTHER_TRUNK, startEngine } from '../engine.ts';
import type { Item } from '../item.ts';
import { ping, placeCalls } from '../processes.ts';

const SECONDS = 60;
const CALLS_PER_SECOND = 20;
/** Tokens that the attacker has of one tenant, and streams that each asks for. */
const TOKENS = 5;
const STREAMS_PER_TOKEN = 60;
/** Of system admins, while the tenant's admin holds what it may. */
const SYSTEM_STREAMS = 10;
const WRONG_TOKENS_PER_SECOND = 200;
/** The last events of a run are on their way for so long. */
const SETTLING_MS = 3_000;

interface Stream {
  readonly status: number;
  /** What was read so far. */
  text(): string;
  close(): void;
}

/** Opens an event stream; one that is not `read` is held open without a reader, so that everything piles up. */
function open({ apiPort }: Engine, token: string, reads: boolean): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { host: '127.0.0.1', port: apiPort, path: '/api/v1/events', headers: { authorization: `Bearer ${token}` } },
      (response) => {
        let text = '';
        if (reads) response.setEncoding('utf8').on('data', (some: string) => (text += some));
        else response.pause();
        response.on('error', () => {});
        resolve({ status: response.statusCode ?? 0, text: () => text, close: () => asked.destroy() });
      },
    );
    asked.on('error', reject);
    asked.end();
  });
}

async function wrongTokens(engine: Engine): Promise<number[]> {
  const tookMs: number[] = [];
  const pending: Promise<void>[] = [];
  let count = 0;
  for (const endMs = performance.now() + SECONDS * 1_000; performance.now() < endMs; ) {
    const sentMs = performance.now();
    const token = `wrong-${++count}-0123456789abcdefghijklmnopqrstuv`;
    pending.push(
      ask(engine, 'GET', 'tenants', undefined, token).then(({ status }) => {
        if (status === 200) throw new Error('a wrong token was let in');
        tookMs.push(performance.now() - sentMs);
      }),
    );
    await pause(1_000 / WRONG_TOKENS_PER_SECOND);
  }
  await Promise.all(pending);
  return tookMs;
}

export const item: Item = {
  title: `one tenant admin opens ${TOKENS * STREAMS_PER_TOKEN} event streams and reads none, ${WRONG_TOKENS_PER_SECOND} wrong tokens a second come, calls run for ${SECONDS} s`,
  async run() {
    const engine = await startEngine({
      hasCarrier: true,
      environment: { TANDEM_API_REQUESTS_PER_MINUTE: '1000000' },
    });
    const streams: Stream[] = [];
    try {
      const tokens: string[] = [];
      for (let count = 0; count < TOKENS; count++) tokens.push(await tenantToken(engine));
      for (const token of tokens) {
        for (let count = 0; count < STREAMS_PER_TOKEN; count++) {
          // One host may have 50 connections open: what is refused is closed.
          const stream = await open(engine, token, false);
          if (stream.status === 200) streams.push(stream);
          else stream.close();
        }
      }
      const held = streams.length;
      const system = await Promise.all(Array.from({ length: SYSTEM_STREAMS }, () => open(engine, ADMIN_TOKEN, true)));
      streams.push(...system);
      const opened = system.filter(({ status }) => status === 200).length;
      const [tookMs, calls, pings] = await Promise.all([
        wrongTokens(engine),
        placeCalls({ port: engine.port, callers: CALLERS, perSecond: CALLS_PER_SECOND, seconds: SECONDS }),
        ping({ port: engine.port, from: OTHER_TRUNK, seconds: SECONDS }),
      ]);
      await pause(SETTLING_MS);
      const ended = system.map((stream) => (stream.text().match(/^data: .*"state":"ended"/gm) ?? []).length);
      return [
        { what: 'streams that the tenant holds', value: held, unit: '', bar: { most: 20 } },
        { what: 'streams of system admins', value: opened, unit: '', bar: { least: SYSTEM_STREAMS } },
        {
          what: 'ended calls that the slowest of these heard of',
          value: (100 * Math.min(...ended)) / calls.completed,
          unit: '%',
          bar: { least: 100 },
        },
        { what: 'wrong tokens answered', value: tookMs.length, unit: '', bar: { least: 1 } },
        { what: 'wrong tokens, p99', value: percentile(tookMs, 0.99), unit: 'ms', bar: { most: 250 } },
        ...othersSaw(calls, pings),
      ];
    } finally {
      for (const stream of streams) stream.close();
      await engine.stop();
    }
  },
};
