import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HeaderId } from '../../src/sip/message/index.ts';
import { branchTo, legOptions, type Party, type Sent, scene, sdp, stages, type World } from './world.ts';

/** What may happen at any moment; an actor that cannot do it then does nothing. */
const ACTIONS = [
  'a.cancel',
  'a.bye',
  'a.reinvite',
  'a.update',
  'a.info',
  'a.refer',
  'b.ring',
  'b.early',
  'b.reliable',
  'b.accept',
  'b.busy',
  'b.unavailable',
  'b.bye',
  'b.reinvite',
  'c.ring',
  'c.early',
  'c.accept',
  'c.decline',
  'c.bye',
  'c.take',
] as const;
type Action = (typeof ACTIONS)[number];

const schedule = fc.array(fc.tuple(fc.constantFrom(...ACTIONS), fc.integer({ min: 0, max: 8000 })), { maxLength: 14 });
const weather = fc.record({
  loss: fc.constantFrom(0, 0, 0.05, 0.2),
  duplication: fc.constantFrom(0, 0.1, 0.3),
  minDelayMs: fc.constant(2),
  maxDelayMs: fc.constantFrom(2, 40, 400),
});
const setup = fc.record({
  offer: fc.boolean(),
  hundredRel: fc.constantFrom('none', 'supported', 'required'),
  forks: fc.boolean(),
  timer: fc.boolean(),
  ringMs: fc.constantFrom(undefined, 3000),
});

/** Parties answer what well-behaved ones answer at once; the schedule does the rest. */
function habits(party: Party): void {
  party.onRequest = (transaction, request) => {
    if (request.method === 'INVITE' && request.toTag() !== undefined) {
      party.answer(transaction, 200, { body: sdp('renegotiated') });
    } else if (request.method === 'UPDATE') {
      party.answer(transaction, 200, request.body === '' ? {} : { body: sdp('updated') });
    } else if (request.method === 'INVITE') {
      transaction.user = { onCancel: () => party.answer(transaction, 487) };
    }
  };
}

function act(world: World, call: Sent, action: Action): void {
  const [name, what] = action.split('.') as [string, string];
  const party = name === 'a' ? world.a : name === 'b' ? world.b : world.c;
  const confirmed = party.dialogs.filter((dialog) => dialog.state === 'confirmed').at(-1);
  const open = party.invites.find((invite) => invite.state === 'proceeding' && invite.request.toTag() === undefined);
  if (what === 'cancel') call.transaction?.cancel();
  else if (what === 'bye' && confirmed !== undefined) {
    party.send('BYE', {}, confirmed);
    confirmed.terminate();
  } else if (what === 'reinvite' && confirmed !== undefined) party.send('INVITE', { body: sdp('again') }, confirmed);
  else if (what === 'update' && confirmed !== undefined) party.send('UPDATE', { body: sdp('again') }, confirmed);
  else if (what === 'info' && confirmed !== undefined) party.send('INFO', { body: 'x', type: 'text/x' }, confirmed);
  else if (what === 'refer' && confirmed !== undefined) {
    party.send('REFER', { headers: [[HeaderId.ReferTo, '<sip:300@engine>']] }, confirmed);
  } else if (what === 'take') {
    const ringing = world.b.dialogs.at(-1);
    if (ringing === undefined) return;
    const value = `${ringing.callId};to-tag=${ringing.remoteTag};from-tag=${ringing.localTag}`;
    world.c.call({ body: sdp('taker'), headers: [[HeaderId.Replaces, value]] });
  } else if (open !== undefined) answer(party, open, what);
}

function answer(party: Party, invite: Party['invite'], what: string): void {
  if (what === 'ring') party.answer(invite, 180);
  if (what === 'early') party.answer(invite, 183, { body: sdp('early') });
  if (what === 'reliable') {
    party.answer(invite, 183, {
      body: sdp('early'),
      headers: [
        [HeaderId.Require, '100rel'],
        [HeaderId.RSeq, '1'],
      ],
    });
  }
  if (what === 'accept') party.answer(invite, 200, { body: sdp('accepted') });
  if (what === 'busy') party.answer(invite, 486);
  if (what === 'unavailable') party.answer(invite, 503);
  if (what === 'decline') party.answer(invite, 603);
}

test('over any schedule and weather both legs always end: no call, leg, transaction or timer is left, each call is reported once', () => {
  fc.assert(
    fc.property(fc.integer(), setup, weather, schedule, (seed, facts, network, steps) => {
      const { world, a, b, c, engine } = scene({ seed });
      world.network.weather = network;
      const sessionTimer = { intervalSeconds: 120, minSeconds: 90 };
      const options = { ...legOptions(), ...(facts.timer && { sessionTimer }) };
      let reserved = 0;
      const hooks = { onStart: () => ++reserved > 0, onEnd: () => reserved-- };
      engine.plan = (request) => {
        const branches = ['b', ...(facts.forks ? ['c'] : [])].map((host) =>
          branchTo(request, host, { options, ...hooks }),
        );
        const last = { branches: [branchTo(request, 'c', { options, ...hooks })] };
        const first = { branches, ...(facts.ringMs !== undefined && { ringMs: facts.ringMs }) };
        return stages(facts.forks ? [first] : [first, last], {
          ringTimeoutMs: 60_000,
          sessionLimitMs: 300_000,
          callerLeg: options,
        });
      };
      engine.router = {
        referred: () => stages([{ branches: [branchTo(undefined, 'c', { options, ...hooks })] }]),
        mayReplace: () => true,
      };
      for (const party of [a, b, c]) habits(party);
      const tag =
        facts.hundredRel === 'none'
          ? []
          : ([[facts.hundredRel === 'required' ? HeaderId.Require : HeaderId.Supported, '100rel']] as const);
      if (!facts.offer) a.ackBody = sdp('late');
      const call = a.call({ ...(facts.offer && { body: sdp('caller') }), headers: tag });
      for (const [action, waitMs] of steps) {
        world.run(waitMs);
        act(world, call, action);
      }
      world.network.scheduler.runUntilIdle(3_600_000);
      expect(engine.calls.counters).toMatchObject({ live: 0, legs: 0 });
      expect(reserved).toBe(0);
      expect(engine.ended).toHaveLength(engine.started.length);
      expect(new Set(engine.ended.map((record) => record.id)).size).toBe(engine.ended.length);
      expect(engine.endpoint.counters.uncaughtErrors).toBe(0);
      expect(engine.endpoint.transactions.clientCount + engine.endpoint.transactions.serverCount).toBe(0);
      for (const record of engine.ended) expect(record.endReason).not.toBe('');
    }),
    { numRuns: Number(process.env['TANDEM_CALL_RUNS'] ?? 400), seed: 20261121 },
  );
});
