import { expect, test } from 'vitest';
import { sourceOf } from '../../../src/base/source.ts';
import { SourceGate } from '../../../src/sip/transport/index.ts';
import { knownBy } from '../../kit/known.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

function admitted(gate: SourceGate, address: string, messages: number): number {
  let count = 0;
  for (let index = 0; index < messages; index++) if (gate.admits(address)) count++;
  return count;
}

test('a source has its burst, then its rate; another source has its own', () => {
  const clock = new VirtualScheduler();
  const gate = new SourceGate(clock, { burst: 50, messagesPerSecond: 20 });
  expect(admitted(gate, '192.0.2.1', 1_000)).toBe(50);
  expect(admitted(gate, '192.0.2.2', 10)).toBe(10);
  clock.advance(1_000);
  expect(admitted(gate, '192.0.2.1', 1_000)).toBe(20);
  clock.advance(3_600_000);
  expect(admitted(gate, '192.0.2.1', 1_000)).toBe(50);
});

test('a source that keeps sending gets its rate over time, neither more nor nothing', () => {
  const clock = new VirtualScheduler();
  const gate = new SourceGate(clock, { burst: 1, messagesPerSecond: 10 });
  let count = 0;
  for (let ms = 0; ms < 10_000; ms++) {
    if (gate.admits('192.0.2.1')) count++;
    clock.advance(1);
  }
  expect(count).toBeGreaterThanOrEqual(98);
  expect(count).toBeLessThanOrEqual(101);
});

test('a known peer has a rate of its own, high and finite', () => {
  const clock = new VirtualScheduler();
  const gate = new SourceGate(clock, {
    burst: 1,
    knownPerSecond: 100,
    ...knownBy((address) => address === '192.0.2.1'),
  });
  expect(admitted(gate, '192.0.2.1', 1_000)).toBe(100);
  expect(gate.refused.known).toBe(900);
  clock.advance(500);
  expect(admitted(gate, '192.0.2.1', 1_000)).toBe(50);
  expect(admitted(gate, '192.0.2.2', 100)).toBe(1);
  expect([gate.sourceOf('192.0.2.1'), gate.sourceOf('192.0.2.2')]).toEqual(['192.0.2.1', undefined]);
});

test('strangers together have a budget, which takes nothing from known peers', () => {
  const clock = new VirtualScheduler();
  const gate = new SourceGate(clock, { strangersPerSecond: 500, ...knownBy((address) => address === '192.0.2.1') });
  let strangers = 0;
  for (let index = 0; index < 5_000; index++) strangers += Number(gate.admits(`203.0.113.${index % 50}`));
  expect(strangers).toBe(500);
  expect(gate.refused.strangers).toBe(4_500);
  expect(admitted(gate, '192.0.2.1', 1_000)).toBe(1_000);
  clock.advance(1_000);
  expect(admitted(gate, '203.0.113.99', 1_000)).toBe(400);
});

test('who becomes known is known within a second', () => {
  const clock = new VirtualScheduler();
  const known = new Set<string>();
  const gate = new SourceGate(clock, { burst: 1, messagesPerSecond: 1, ...knownBy((address) => known.has(address)) });
  expect(admitted(gate, '192.0.2.1', 10)).toBe(1);
  known.add('192.0.2.1');
  clock.advance(1_000);
  expect(admitted(gate, '192.0.2.1', 10)).toBeGreaterThan(1);
});

test('made-up sources do not grow the table', () => {
  const gate = new SourceGate(new VirtualScheduler(), { maxSources: 1_000 });
  for (let index = 0; index < 10_000; index++) gate.admits(`2001:db8::${index.toString(16)}`);
  expect(gate.sourceCount).toBeLessThanOrEqual(1_000);
});

test('each address of a peer of many has a rate of its own, and counts as its peer’s', () => {
  const gate = new SourceGate(new VirtualScheduler(), {
    knownPerSecond: 300,
    sourceOf: (address) => sourceOf('of acme', address),
  });
  // Two that are forged take nothing from the third.
  for (const address of ['198.51.100.1', '198.51.100.2']) expect(admitted(gate, address, 1_000)).toBe(300);
  expect(admitted(gate, '198.51.100.3', 300)).toBe(300);
  expect(gate.sourceOf('198.51.100.3')).toBe('of acme|198.51.100.3');
});
