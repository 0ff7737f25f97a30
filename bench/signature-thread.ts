/**
 * What a signature, and a verification, takes of the engine's thread: computed on it, and handed to the signature thread, so many in one
 * turn of the event loop. In turn, in one process; CPU of this thread, and of all of them. Called over and over, with warm caches: among
 * calls, computed here, they cost two to three times as much (`bench/signed-calls.ts`).
 *
 *   node bench/signature-thread.ts [--rounds 15]
 */
import { generateKeyPairSync } from 'node:crypto';
import { parseArgs } from 'node:util';
import { silentLog } from '../src/base/log.ts';
import { WheelScheduler } from '../src/base/wheel-scheduler.ts';
import { type Signatures, SignatureThread, signaturesHere } from '../src/stir/index.ts';
import { formatSpread, spread } from './kit/statistics.ts';

const { values: options } = parseArgs({ options: { rounds: { type: 'string', default: '15' } } });
const COUNT = 960;
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const input = 'x'.repeat(400);
const signature = signaturesHere.sign(input, privateKey);
const scheduler = new WheelScheduler();
const thread = new SignatureThread({ scheduler, log: silentLog });
while (!thread.isRunning) {
  await thread.sign(input, privateKey);
  await new Promise((resolve) => setTimeout(resolve, 10));
}

type Work = (signatures: Signatures) => unknown;
const works: Record<string, Work> = {
  signature: (signatures) => signatures.sign(input, privateKey),
  verification: (signatures) => signatures.verify(input, signature, publicKey),
};

async function cost(work: Work, signatures: Signatures, atOnce: number): Promise<readonly [number, number]> {
  const [main, all] = [process.threadCpuUsage(), process.cpuUsage()];
  for (let done = 0; done < COUNT; done += atOnce)
    await Promise.all(Array.from({ length: atOnce }, () => work(signatures)));
  const [mainTook, allTook] = [process.threadCpuUsage(main), process.cpuUsage(all)];
  return [(mainTook.user + mainTook.system) / COUNT, (allTook.user + allTook.system) / COUNT];
}

const ways: readonly (readonly [string, Signatures, number])[] = [
  ['here', signaturesHere, 16],
  ...[1, 4, 16].map((atOnce) => [`by the thread, ${atOnce} in a turn`, thread, atOnce] as const),
];
for (const [what, work] of Object.entries(works)) {
  const found = ways.map(() => ({ main: [] as number[], all: [] as number[] }));
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const [index, [, signatures, atOnce]] of ways.entries()) {
      const [main, all] = await cost(work, signatures, atOnce);
      found[index]?.main.push(main);
      found[index]?.all.push(all);
    }
  }
  console.log(`a ${what}, µs: of the thread, median (least–most); of all threads`);
  for (const [index, [name]] of ways.entries()) {
    const { main = [], all = [] } = found[index] ?? {};
    console.log(`  ${name.padEnd(28)} ${formatSpread(spread(main), 1)}   ${formatSpread(spread(all), 1)}`);
  }
}
await thread.close();
scheduler.close();
