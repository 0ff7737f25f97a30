import { describe, expect, test } from 'vitest';
import { PERFECT_TCP, PERFECT_UDP, SimulatedLink, seededRandom } from './simulated-link.ts';
import { VirtualScheduler } from './virtual-scheduler.ts';

function carry(quality: ConstructorParameters<typeof SimulatedLink>[1], seed = 7, count = 1000): string[] {
  const scheduler = new VirtualScheduler();
  const link = new SimulatedLink(scheduler, quality, seed);
  const received: string[] = [];
  link.right.onReceive = (text) => received.push(text);
  for (let index = 0; index < count; index++) link.left.send(String(index));
  scheduler.runUntilIdle();
  return received;
}

describe('simulated link', () => {
  test('a perfect one delivers everything once, in order', () => {
    const expected = Array.from({ length: 1000 }, (_, index) => String(index));
    expect(carry(PERFECT_UDP)).toEqual(expected);
    expect(carry({ ...PERFECT_TCP, loss: 1, duplication: 1, maxDelayMs: 500 })).toEqual(expected);
  });

  test('loss, duplication and reordering happen at about their rates', () => {
    expect(carry({ ...PERFECT_UDP, loss: 0.3 }).length).toBeGreaterThan(600);
    expect(carry({ ...PERFECT_UDP, loss: 0.3 }).length).toBeLessThan(800);
    const doubled = carry({ ...PERFECT_UDP, duplication: 0.5 });
    expect(doubled.length).toBeGreaterThan(1400);
    expect(new Set(doubled).size).toBe(1000);
    const shuffled = carry({ ...PERFECT_UDP, maxDelayMs: 100 });
    expect(shuffled).not.toEqual([...shuffled].sort((a, b) => Number(a) - Number(b)));
    expect(new Set(shuffled).size).toBe(1000);
  });

  test('the same seed gives the same run, another one another', () => {
    const quality = { ...PERFECT_UDP, loss: 0.5, maxDelayMs: 100 };
    expect(carry(quality, 1)).toEqual(carry(quality, 1));
    expect(carry(quality, 1)).not.toEqual(carry(quality, 2));
    const random = seededRandom(3);
    const draws = Array.from({ length: 10_000 }, random);
    expect(Math.min(...draws)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...draws)).toBeLessThan(1);
    expect(draws.reduce((sum, each) => sum + each, 0) / draws.length).toBeCloseTo(0.5, 1);
  });

  test('an end that is cut is heard no more', () => {
    const scheduler = new VirtualScheduler();
    const link = new SimulatedLink(scheduler);
    let heard = 0;
    link.right.onReceive = () => heard++;
    link.left.send('a');
    link.left.cut = true;
    link.left.send('b');
    scheduler.runUntilIdle();
    expect(heard).toBe(1);
    expect(link.left.sent.map((each) => each.text)).toEqual(['a', 'b']);
  });
});
