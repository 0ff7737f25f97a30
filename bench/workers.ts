/**
 * Two workers beside one process: the same trunk calls over real sockets through both, in turn.
 *
 *   node bench/workers.ts [--rounds 5] [--rate 300] [--seconds 5]
 *
 * A machine with two cores has the generator on them too, so calls a second say little. What is told instead, from /proc: the CPU time of a
 * call in all processes of the engine, and in the busiest of them, which is the one that fills its core first. The ratio is how many times
 * the calls a second of one process the workers take where each has a core of its own. Behind it what the rest of the machine used
 * (generator, and whoever else there is) as a share of its cores.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { percentile } from '../test/kit/percentile.ts';
import { cpuTimes, machineCpuUs, type Server } from './kit/server.ts';
import { placeCalls, startersOf, warmUp, withServers } from './kit/trunk-load.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    rate: { type: 'string', default: '300' },
    seconds: { type: 'string', default: '5' },
    warmup: { type: 'string', default: '3000' },
  },
});
const rate = Number(options.rate);
const calls = rate * Number(options.seconds);

interface Figures {
  readonly callUs: number;
  readonly busiestUs: number;
  /** Of the machine's cores, what was used by others than the engine. */
  readonly othersShare: number;
}

async function measure(server: Server): Promise<Figures> {
  const [before, machineBefore, beganMs] = [cpuTimes(server), machineCpuUs(), performance.now()];
  await placeCalls(server.port, calls, rate);
  const [after, machineUs] = [cpuTimes(server), machineCpuUs() - machineBefore];
  const availableUs = (performance.now() - beganMs) * 1_000 * availableParallelism();
  const used = Array.from(after, ([pid, us]) => us - (before.get(pid) ?? 0));
  const engineUs = used.reduce((sum, us) => sum + us, 0);
  return {
    callUs: engineUs / calls,
    busiestUs: Math.max(...used) / calls,
    othersShare: (machineUs - engineUs) / availableUs,
  };
}

const median = (values: readonly number[]) => percentile(values, 0.5);

await withServers(startersOf('tandem,tandem-workers'), async (servers) => {
  const figures = servers.map((): Figures[] => []);
  for (const server of servers) await warmUp(server, Number(options.warmup), Math.min(rate, 250));
  for (let round = 0; round < Number(options.rounds); round++)
    for (const [index, server] of servers.entries()) figures[index]?.push(await measure(server));
  console.log(`\n${calls} trunk calls at ${rate}/s, medians of ${options.rounds} rounds in turn`);
  for (const [index, { name }] of servers.entries()) {
    const own = figures[index] ?? [];
    const share = Math.round(median(own.map(({ othersShare }) => othersShare)) * 100);
    console.log(
      `  ${name.padEnd(15)} ${median(own.map(({ callUs }) => callUs)).toFixed(0)} µs CPU a call, ${median(own.map(({ busiestUs }) => busiestUs)).toFixed(0)} in the busiest process; others used ${share} % of the cores`,
    );
  }
  const [one = [], many = []] = figures;
  const ratios = one.map(({ busiestUs }, round) => busiestUs / (many[round]?.busiestUs ?? Number.NaN));
  const spread = `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`;
  console.log(
    `  2 workers take ${median(ratios).toFixed(2)} (${spread}) times the calls of one process, a core for each`,
  );
});
