import { expect, test } from 'vitest';
import { HeapRoom } from '../../../src/engine/admit/heap-room.ts';
import { SourceGate } from '../../../src/sip/transport/index.ts';
import { knownBy } from '../../kit/known.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

test('above the share of the heap limit strangers get nothing, known peers everything', () => {
  const clock = new VirtualScheduler();
  const heap = { used_heap_size: 500, heap_size_limit: 1_000 };
  const held = { lingeringOctets: 100 };
  const { hasRoom } = new HeapRoom(
    clock,
    0.8,
    () => held,
    () => heap,
  );
  const gate = new SourceGate(clock, { ...knownBy((address) => address === '192.0.2.1'), hasRoom });
  const admits = () => [gate.admits('203.0.113.1'), gate.admits('192.0.2.1')];
  expect(admits()).toEqual([true, true]);
  heap.used_heap_size = 701;
  clock.advance(200);
  expect(admits()).toEqual([false, true]);
  expect(gate.refused.memory).toBe(1);
  heap.used_heap_size = 699;
  clock.advance(200);
  expect(admits()).toEqual([true, true]);
  // What is held outside of the heap is memory too.
  held.lingeringOctets = 200;
  clock.advance(200);
  expect(admits()).toEqual([false, true]);
});

test('the heap of this process is far from its limit', () => {
  expect(new HeapRoom(new VirtualScheduler(), 0.8, () => ({ lingeringOctets: 0 })).hasRoom()).toBe(true);
});
