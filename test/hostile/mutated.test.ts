import { afterEach, expect, test } from 'vitest';
import { collectGarbage } from '../kit/collected.ts';
import { corpus } from './corpus.ts';
import { Mutator } from './mutator.ts';
import { HostileTarget } from './target.ts';

/** Set TANDEM_HOSTILE_MESSAGES=200000 for a long run, TANDEM_HOSTILE_SEED for another one. */
const MESSAGES = Number(process.env['TANDEM_HOSTILE_MESSAGES'] ?? 20_000);
const SEED = Number(process.env['TANDEM_HOSTILE_SEED'] ?? 20_261_121);
const BATCH = 200;

let target: HostileTarget;
afterEach(() => target.close());

function heapOctets(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

/** What the engine keeps when all timers have run out: nothing. */
function expectNothingLeft(): void {
  target.scheduler.advance(64_000);
  target.scheduler.runUntilIdle();
  expect(target.endpoint.transactions.serverCount).toBe(0);
}

test(`${MESSAGES} mutated messages over UDP: nothing uncaught, every ping answered, memory as before`, async () => {
  target = await new HostileTarget().open();
  const attacker = await target.udpAttacker();
  const mutator = new Mutator(corpus, SEED);
  const before = heapOctets();
  for (let sent = 0; sent < MESSAGES; sent += BATCH) {
    await attacker.exchange(...Array.from({ length: BATCH }, () => mutator.next()));
    target.user.callIds.length = 0;
    target.scheduler.advance(1_000);
  }
  expectNothingLeft();
  await target.assertUnharmed();
  expectNothingLeft();
  expect(heapOctets() - before).toBeLessThan(20 * 1_048_576);
});

test('mutated messages over TCP: each connection is answered or closed, nothing uncaught, no connection left', async () => {
  target = await new HostileTarget().open();
  const mutator = new Mutator(corpus, SEED + 1);
  const connections = Math.min(1_000, Math.ceil(MESSAGES / 50));
  for (let count = 0; count < connections; count++) {
    const attacker = await target.tcpAttacker();
    attacker.write(mutator.next() + mutator.next());
    attacker.socket.end();
    await attacker.until(() => attacker.ended);
  }
  await target.assertUnharmed();
  while (target.endpoint.transport.counters.connections > 0) await new Promise((resolve) => setImmediate(resolve));
  expectNothingLeft();
});
