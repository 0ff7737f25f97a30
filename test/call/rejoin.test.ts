import { afterEach, expect, test, vi } from 'vitest';
import { Leg } from '../../src/call/leg.ts';
import type { SipRequest } from '../../src/sip/message/index.ts';
import { branchTo, Engine, legOptions, Network, Party, sdp, stages } from './world.ts';

afterEach(() => vi.restoreAllMocks());

/** A call from `a` to `b` whose halves are both at this engine, as after it has taken the other node's calls; its leg between them holds a place. */
function halved() {
  const network = new Network();
  const engine = new Engine(network);
  const [a, b] = [new Party(network, 'a'), new Party(network, 'b')];
  const places = { taken: 0 };
  engine.plan = (request: SipRequest) => {
    // The first INVITE goes to this engine itself, as to another node; what comes of it is that node's half.
    if (request.fromTag() === 'tag-a')
      return stages([
        {
          branches: [
            branchTo(request, 'engine', {
              options: { ...legOptions('engine'), isBetweenNodes: true, peerNode: 'other' },
              onStart: () => ++places.taken > 0,
              onEnd: () => void places.taken--,
            }),
          ],
        },
      ]);
    const plan = stages([{ branches: [branchTo(request, 'b')] }]);
    return { ...plan, facts: { ...plan.facts, peerNode: 'other' } };
  };
  a.call();
  network.scheduler.advance(100);
  b.answer(b.invite, 200, { body: sdp('callee') });
  network.scheduler.advance(100);
  expect([engine.calls.counters.live, places.taken]).toEqual([2, 1]);
  const id = engine.started.find(({ facts }) => facts.peerNode !== undefined)?.id ?? '';
  return { network, engine, a, b, places, rejoin: () => engine.calls.rejoin(id) };
}

test('what was reserved for the leg between the halves is that of the party’s leg, when they become one call', () => {
  const { network, engine, a, b, places, rejoin } = halved();
  rejoin();
  network.scheduler.advance(100);
  expect([engine.calls.counters.live, places.taken]).toEqual([1, 1]);
  a.send('BYE');
  network.scheduler.advance(40_000);
  expect(b.requests('BYE')).toHaveLength(1);
  expect([engine.isEmpty, places.taken]).toEqual([true, 0]);
});

test('where the party’s leg cannot take its place, what was reserved ends with the leg that has it', () => {
  const { network, engine, a, places, rejoin } = halved();
  vi.spyOn(Leg, 'restore').mockImplementation(() => {
    throw new Error('not readable');
  });
  expect(rejoin).toThrow('not readable');
  network.scheduler.advance(100);
  expect([engine.calls.counters.live, places.taken]).toEqual([1, 1]);
  a.send('BYE');
  network.scheduler.advance(40_000);
  expect([engine.isEmpty, places.taken]).toEqual([true, 0]);
});
