import { expect, test } from 'vitest';
import { type Half, Halves } from '../../src/call/halves.ts';

const half = (node: string, callId: string): Half => ({
  node,
  callId,
  localTag: 'a',
  remoteTag: undefined,
  lost() {},
  onFault() {},
});

test('halves are found by the other node, and by the Call-ID of the INVITE between the two, until they are removed', () => {
  const halves = new Halves();
  const [first, second, third] = [half('b', '1'), half('b', '2'), half('c', '3')];
  for (const each of [first, second, third]) halves.add(each);
  expect([...halves.nodes()]).toEqual(['b', 'c']);
  expect([...halves.with('b'), ...halves.with('c'), ...halves.with('d')]).toEqual([first, second, third]);
  halves.remove(first);
  halves.remove(third);
  halves.remove(third);
  expect(['1', '2', '3'].map((callId) => halves.has(callId))).toEqual([false, true, false]);
  expect([[...halves.nodes()], [...halves.with('b')], [...halves.with('c')]]).toEqual([['b'], [second], []]);
});

test('the first half with a node is told, and the next first one', () => {
  const halves = new Halves();
  const [first, second, third] = [half('b', '1'), half('b', '2'), half('c', '3')];
  const told: string[] = [];
  // Without anybody who hears.
  halves.add(first);
  halves.remove(first);
  halves.onFirst((node) => told.push(`${node} ${halves.with(node).size}`));
  for (const each of [first, second, third]) halves.add(each);
  for (const each of [first, second]) halves.remove(each);
  halves.add(second);
  expect(told).toEqual(['b 1', 'c 1', 'b 1']);
});

test('the later of two with one Call-ID is not removed with the earlier', () => {
  const halves = new Halves();
  const [first, second] = [half('b', '1'), half('b', '1')];
  halves.add(first);
  halves.add(second);
  halves.remove(first);
  expect([halves.has('1'), [...halves.with('b')]]).toEqual([true, [second]]);
});
