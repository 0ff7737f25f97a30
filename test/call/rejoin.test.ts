import { expect, test } from 'vitest';
import type { CallPlan } from '../../src/call/plan.ts';
import type { SipRequest } from '../../src/sip/message/index.ts';
import { branchTo, Engine, legOptions, Network, Party, sdp, stages } from './world.ts';

test.each(['the call', 'its half'])(
  'what was reserved for the leg of %s is that of the party’s leg, when they become one call',
  (holder) => {
    const network = new Network();
    const engine = new Engine(network);
    const [a, b] = [new Party(network, 'a'), new Party(network, 'b')];
    let places = 0;
    const reserves = { onStart: () => ++places > 0, onEnd: () => void places-- };
    /** The first INVITE goes to this engine itself, as to another node; what comes of it is that node's half. */
    const between = (request: SipRequest): CallPlan => {
      const branch = branchTo(request, 'engine', {
        options: { ...legOptions('engine'), isBetweenNodes: true, peerNode: 'other' },
        ...(holder === 'the call' && reserves),
      });
      return stages([{ branches: [branch] }]);
    };
    const half = (request: SipRequest): CallPlan => {
      const branch = branchTo(request, 'b', holder === 'the call' ? {} : reserves);
      const plan = stages([{ branches: [branch] }]);
      return { ...plan, facts: { ...plan.facts, peerNode: 'other' } };
    };
    engine.plan = (request) => (request.fromTag() === 'tag-a' ? between(request) : half(request));
    a.call();
    network.scheduler.advance(100);
    b.answer(b.invite, 200, { body: sdp('callee') });
    network.scheduler.advance(100);
    expect([engine.calls.counters.live, places]).toEqual([2, 1]);
    const id = engine.started.find(({ facts }) => facts.peerNode !== undefined)?.id ?? '';
    engine.calls.rejoin(id);
    network.scheduler.advance(100);
    expect([engine.calls.counters.live, places]).toEqual([1, 1]);
    a.send('BYE');
    network.scheduler.advance(40_000);
    expect(b.requests('BYE')).toHaveLength(1);
    expect([engine.isEmpty, places]).toEqual([true, 0]);
  },
);
