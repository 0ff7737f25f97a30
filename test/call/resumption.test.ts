import { expect, test } from 'vitest';
import { Resumption } from '../../src/call/resumption.ts';
import { parseMessage, type SipRequest, serialize } from '../../src/sip/message/index.ts';
import { Engine, scene } from './world.ts';

/** B rings for a process that has ended; the one that is there now cancels that in its name, while the network to B is away. */
function cancelledInVain() {
  const { world, network, b } = scene();
  world.a.call();
  world.run();
  b.answers(180);
  const engine = new Engine(network);
  network.silenced.add('b');
  const to = { transport: 'udp', address: 'b', port: 5060 } as const;
  engine.calls.cancelRinging({ invite: b.invite.request, to, trunkId: undefined, usedSequence: 0, way: {} });
  // RFC 3261 §9.1: it counts as cancelled after 64*T1.
  world.run(32_100);
  network.silenced.delete('b');
  const cancels = () => network.count('engine>b CANCEL');
  return { world, network, b, cancels, before: cancels() };
}

test('§9.1: whose CANCEL has reached nobody is cancelled once more when he says again that he rings', () => {
  const { network, b, cancels, before } = cancelledInVain();
  expect(before).toBeGreaterThan(1);
  b.answers(180);
  expect(cancels()).toBe(before + 1);
  // The 487 to that.
  expect(network.count('engine>b ACK')).toBe(1);
});

test('§13.3.1.4: whose CANCEL has reached nobody, and who has answered meanwhile, is left with ACK and BYE', () => {
  const { network, b, cancels, before } = cancelledInVain();
  b.answers(200);
  expect([cancels() - before, network.count('engine>b ACK'), network.count('engine>b BYE')]).toEqual([0, 1, 1]);
});

test('who repeats that he rings, and hears nothing for good, is not cancelled for ever', () => {
  const { world, network, b, cancels, before } = cancelledInVain();
  network.drops = (_from, to) => to === 'b';
  for (let second = 0; second < 120; second++) {
    b.answer(b.invite, 180);
    world.run(1_000);
  }
  // Copies of it are sent for 64*T1: two more CANCELs within the 128*T1 that it is remembered, and none after that.
  expect(cancels() - before).toBeGreaterThan(before);
  expect(cancels() - before).toBeLessThanOrEqual(2 * before);
  const last = cancels();
  b.answer(b.invite, 180);
  world.run(1_000);
  expect(cancels()).toBe(last);
});

test('a defect in the CANCEL of one that rings for a call costs the others nothing, and ends that call', () => {
  const { world, network, b } = scene();
  world.a.call();
  world.run();
  b.answers(180);
  const { engine } = world;
  const [call] = engine.calls.list();
  const { branch } = b.invite.request.topVia();
  const invite = parseMessage(serialize(b.invite.request).replace(branch, `${branch}-2`)) as SipRequest;
  const ringing = { invite, to: { transport: 'udp', address: 'c', port: 5060 }, trunkId: undefined } as const;
  const asked = { ...ringing, usedSequence: 0, way: {} };
  const caller = { invite, address: 'a', tag: undefined, passedMs: 0, rangAfterMs: undefined, attempts: [] };
  const resumption = new Resumption({ ...caller, described: undefined, takeovers: 1, ringing: [asked, asked] });
  const resumeInvite = engine.endpoint.resumeInvite.bind(engine.endpoint);
  engine.endpoint.resumeInvite = () => {
    engine.endpoint.resumeInvite = resumeInvite;
    throw new Error('a defect');
  };
  engine.calls.endResumption(resumption, call?.id ?? '');
  world.run(1_000);
  b.answers(487);
  world.run(1_000);
  expect(network.count('engine>c CANCEL')).toBeGreaterThan(0);
  expect(engine.endpoint.counters.uncaughtErrors).toBe(1);
  expect(engine.ended).toMatchObject([{ endReason: 'defect' }]);
});
