import { beforeEach, expect, test } from 'vitest';
import { KnownSources } from '../../../src/engine/admit/known-sources.ts';
import type { Binding } from '../../../src/registrar/index.ts';
import type { Flow } from '../../../src/sip/transport/index.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

const KEPT_MS = 60_000;

let clock: VirtualScheduler;
let known: KnownSources;

beforeEach(() => {
  clock = new VirtualScheduler();
  known = new KnownSources((node) => node.startsWith('a'), clock, KEPT_MS);
});

function bindingFrom(address: string, node = 'a'): Binding<Flow> {
  return { source: { transport: 'udp', address, port: 5060, listenerId: '' }, node } as Partial<
    Binding<Flow>
  > as Binding<Flow>;
}

const knows = (...addresses: string[]) => addresses.map((address) => known.has(address));

test('an address is known as long as somebody is registered from it', () => {
  const [one, other] = [bindingFrom('192.0.2.1'), bindingFrom('192.0.2.1')];
  known.onRegistered(one, undefined);
  known.onRegistered(other, undefined);
  known.onUnregistered(one);
  expect(known.has('192.0.2.1')).toBe(true);
  const moved = bindingFrom('192.0.2.2');
  known.onRegistered(moved, other);
  expect(knows('192.0.2.1', '192.0.2.2')).toEqual([false, true]);
});

test('registrations of other nodes make no address known here', () => {
  known.onRegistered(bindingFrom('192.0.2.1', 'b'), undefined);
  known.onRead(bindingFrom('192.0.2.2', 'b'));
  known.onBroughtBack(bindingFrom('192.0.2.3', 'b'));
  expect(knows('192.0.2.1', '192.0.2.2', '192.0.2.3')).toEqual([false, false, false]);
});

test('registrations that a worker of this node has taken make their address known, until it tells that they are gone', () => {
  const [first, second] = [bindingFrom('192.0.2.1', 'a-w2'), bindingFrom('192.0.2.2', 'a-w2')];
  known.onTold([first, bindingFrom('192.0.2.3', 'b')], []);
  expect(knows('192.0.2.1', '192.0.2.3')).toEqual([true, false]);
  known.onTold([second], [first]);
  expect(knows('192.0.2.1', '192.0.2.2')).toEqual([false, true]);
  known.onUnregistered(second);
  expect(known.has('192.0.2.2')).toBe(false);
});

test('whoever signs in is known for a while', () => {
  known.signedIn('192.0.2.1');
  clock.advance(KEPT_MS - 1);
  expect(known.has('192.0.2.1')).toBe(true);
  clock.advance(1);
  expect(known.has('192.0.2.1')).toBe(false);
});

test('who was registered before a restart is known from the reading on, and after it if he is back', () => {
  const [back, gone] = [bindingFrom('192.0.2.1'), bindingFrom('192.0.2.2')];
  known.onRead(back);
  known.onRead(gone);
  expect(knows('192.0.2.1', '192.0.2.2')).toEqual([true, true]);
  known.onBroughtBack(back);
  known.allAreBack();
  expect(knows('192.0.2.1', '192.0.2.2')).toEqual([true, false]);
});

test('one that is gone again while others are brought back leaves those behind the same address known', () => {
  const [gone, registered] = [bindingFrom('192.0.2.1'), bindingFrom('192.0.2.1')];
  known.onRead(gone);
  known.onRegistered(registered, undefined);
  known.onBroughtBack(gone);
  known.onUnregistered(gone);
  known.allAreBack();
  expect(known.has('192.0.2.1')).toBe(true);
  known.onUnregistered(registered);
  expect(known.has('192.0.2.1')).toBe(false);
});
