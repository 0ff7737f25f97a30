import { request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { ask, othersSaw } from '../admin.ts';
import { CALLERS, type Engine, OTHER_TRUNK, startEngine } from '../engine.ts';
import type { Figure, Item } from '../item.ts';
import { ping, placeCalls } from '../processes.ts';

const SECONDS = 10;
/** Each call is four events. */
const CALLS_PER_SECOND = 500;
const STREAMS = 200;
const STREAMS_PER_TOKEN = 10;
/** One address may have 50 connections open. */
const STREAMS_PER_ADDRESS = 40;
const SETTLING_MS = 5_000;
/** Of what was to be told, to each reader. */
const MOST_LOST_PERCENT = 10;

interface Stream {
  /** Events read, and events that a gap said are lost. */
  readonly seen: { events: number; lost: number };
  close(): void;
}

/** Opens a stream of all calls, from an address of its own for each 40, and counts what comes. */
function open({ apiPort }: Engine, token: string, localAddress: string): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host: '127.0.0.1',
        port: apiPort,
        localAddress,
        path: '/api/v1/events?types=call',
        headers: { authorization: `Bearer ${token}` },
      },
      (response) => {
        if (response.statusCode !== 200) return reject(new Error(`no stream: ${response.statusCode}`));
        const seen = { events: 0, lost: 0 };
        let rest = '';
        response.setEncoding('latin1').on('data', (some: string) => {
          const blocks = (rest + some).split('\n\n');
          rest = blocks.pop() ?? '';
          for (const block of blocks) {
            if (block.includes('event: call')) seen.events++;
            else if (block.includes('event: gap')) seen.lost += Number(/"count":([0-9]+)/.exec(block)?.[1] ?? 0);
          }
        });
        response.on('error', () => {});
        resolve({ seen, close: () => asked.destroy() });
      },
    );
    asked.on('error', reject);
    asked.end();
  });
}

async function run(engine: Engine): Promise<Figure[]> {
  const streams: Stream[] = [];
  try {
    let token = '';
    for (let count = 0; count < STREAMS; count++) {
      if (count % STREAMS_PER_TOKEN === 0)
        token = String((await ask(engine, 'POST', 'tokens', { role: 'system-admin' })).body.token);
      streams.push(await open(engine, token, `127.0.1.${1 + Math.floor(count / STREAMS_PER_ADDRESS)}`));
    }
    const [calls, pings] = await Promise.all([
      placeCalls({ port: engine.port, callers: CALLERS, perSecond: CALLS_PER_SECOND, seconds: SECONDS }),
      ping({ port: engine.port, from: OTHER_TRUNK, seconds: SECONDS }),
    ]);
    await pause(SETTLING_MS);
    const told = streams.map(({ seen }) => seen.events + seen.lost);
    const lost = Math.max(...streams.map(({ seen }) => seen.lost));
    return [
      { what: 'streams open', value: streams.length, unit: '', bar: { least: STREAMS } },
      {
        what: 'events of calls that the slowest reader got, or was told are lost',
        value: (100 * Math.min(...told)) / Math.max(...told),
        unit: '%',
        bar: { least: 100 },
      },
      {
        what: 'events of each completed call',
        value: Math.max(...told) / calls.completed,
        unit: '',
        bar: { least: 4 },
      },
      {
        what: 'of those lost, to the reader that lost most',
        value: (100 * lost) / Math.max(...told),
        unit: '%',
        bar: { most: MOST_LOST_PERCENT },
      },
      ...othersSaw(calls, pings),
    ];
  } finally {
    for (const stream of streams) stream.close();
  }
}

export const item: Item = {
  title: `${STREAMS} event streams are read, and ${CALLS_PER_SECOND} calls a second make a storm of events for ${SECONDS} s`,
  async run() {
    const engine = await startEngine({
      hasCarrier: true,
      environment: { TANDEM_API_REQUESTS_PER_MINUTE: '1000000' },
    });
    try {
      return await run(engine);
    } finally {
      await engine.stop();
    }
  },
};
