import { CALLERS, CARRIER, type Engine, startEngine } from '../engine.ts';
import type { Figure, Item } from '../item.ts';
import { type CallFigures, placeCalls } from '../processes.ts';

const SECONDS = 10;
/** Half a core: so long stopped and so long running, as a CPU quota of the kernel does it. */
const QUOTA_MS = 50;

function load({ port, carrierPort }: Engine, perSecond: number, seconds = SECONDS): Promise<CallFigures> {
  return placeCalls({ port, callers: CALLERS, carrier: { host: CARRIER, port: carrierPort }, perSecond, seconds });
}

/** Calls a second that are completed when far more are offered than there is time for; taken after a warm-up, the better of two. */
async function capacityOf(engine: Engine): Promise<number> {
  await load(engine, 100, 5);
  let best = 0;
  for (let offered = 200; offered <= 3_200; offered *= 1.25) {
    const { completed, placed, setupP99 } = await load(engine, offered, 5);
    if (completed < 0.99 * placed || setupP99 > 250) break;
    best = offered;
  }
  return best;
}

async function measure(engine: Engine, label: string): Promise<Figure[]> {
  const capacity = await capacityOf(engine);
  const figures: Figure[] = [
    { what: `${label}capacity, calls a second`, value: capacity, unit: '', bar: { least: 1 } },
  ];
  for (const [times, least] of [
    [2, 98],
    [4, 95],
  ] as const) {
    const seen = await load(engine, times * capacity);
    const goodput = (100 * seen.completed) / (capacity * SECONDS);
    figures.push(
      { what: `${label}${times}×: completed of capacity`, value: goodput, unit: '%', bar: { least } },
      { what: `${label}${times}×: set up, p99`, value: seen.setupP99, unit: 'ms', bar: { most: 250 } },
      { what: `${label}${times}×: refused, p99`, value: seen.refusalP99, unit: 'ms', bar: { most: 50 } },
      {
        what: `${label}${times}×: BYEs answered`,
        value: (100 * seen.byesAnswered) / Math.max(1, seen.byesSent),
        unit: '%',
        bar: { least: 99.9 },
      },
    );
    const after = await load(engine, 0.95 * capacity, 5);
    const back = (100 * after.completed) / after.placed;
    figures.push({ what: `${label}within 5 s after: completed`, value: back, unit: '%', bar: { least: 99 } });
  }
  return figures;
}

export const item: Item = {
  title: 'twice and four times the calls that can be served, on a core and on half of one',
  async run() {
    const engine = await startEngine();
    let timer: NodeJS.Timeout | undefined;
    try {
      const whole = await measure(engine, '');
      const { pid } = engine.child;
      let isStopped = false;
      timer = setInterval(() => {
        isStopped = !isStopped;
        process.kill(pid, isStopped ? 'SIGSTOP' : 'SIGCONT');
      }, QUOTA_MS);
      return [...whole, ...(await measure(engine, 'half a core, '))];
    } finally {
      clearInterval(timer);
      process.kill(engine.child.pid, 'SIGCONT');
      await engine.stop();
    }
  },
};
