import { expect, test } from 'vitest';
import { LiveRecord } from '../../src/call/record.ts';
import {
  callSnapshot,
  destinationAt,
  type LegSnapshot,
  legSnapshot,
  placeOf,
  restoredRecord,
} from '../../src/call/snapshot.ts';
import type { DialogSnapshot } from '../../src/sip/dialog/index.ts';
import { describeDestination } from '../../src/sip/endpoint/index.ts';
import type { Flow, Target } from '../../src/sip/transport/index.ts';

const flow = (facts: Partial<Flow>) =>
  ({ remoteAddress: '192.0.2.1', remotePort: 5060, listenerId: 'udp:0.0.0.0:5060', send() {}, ...facts }) as Flow;

test('a UDP peer is sent to from the same listener', () => {
  const place = placeOf(flow({ transport: 'udp', reliable: false }));
  expect(destinationAt(place)).toEqual({
    transport: 'udp',
    address: '192.0.2.1',
    port: 5060,
    listenerId: 'udp:0.0.0.0:5060',
  });
});

test('a target keeps all that is known of it, whose it is too, but for its keys and how long it is waited for', () => {
  const target: Required<Target> = {
    transport: 'tls',
    address: '192.0.2.1',
    port: 5061,
    serverName: 'sip.example.net',
    guarded: true,
    owner: 'acme',
    listenerId: 'tls:0.0.0.0:5061',
    connectTimeoutMs: 4_000,
    tls: { key: 'secret' },
  };
  const { tls: _tls, connectTimeoutMs: _timeout, ...kept } = target;
  expect(destinationAt(JSON.parse(JSON.stringify(placeOf(target))))).toEqual(kept);
});

test('a connection has ended with its process: nothing can be sent over it, and what it led to is known', () => {
  const place = placeOf(flow({ transport: 'tcp', reliable: true, remotePort: 40_000 }));
  const ended = destinationAt(place) as Flow;
  expect(ended).toMatchObject({ closed: true, connected: true, reliable: true });
  expect(describeDestination(ended)).toBe('tcp:192.0.2.1:40000');
});

const leg = {} as LegSnapshot;
const parts = {
  caller: leg,
  callee: leg,
  media: undefined,
  sessionLimitMs: undefined,
  takenAtMs: 9_000,
  timeMs: 9_000,
};

function answered(): LiveRecord {
  const record = new LiveRecord('id', { direction: 'inbound', caller: '1', called: '2' }, 'call-id', 1_000);
  return Object.assign(record, { answeredAtMs: 2_000, status: 200, reason: 'OK', calleeCallId: 'callee-id' });
}

test('a call that is being ended is kept with its end, and is read with it', () => {
  const end = { endedAtMs: 8_000, endedBy: 'callee', endReason: 'bye' } as const;
  const snapshot = callSnapshot(Object.assign(answered(), end), parts);
  expect(snapshot).toMatchObject(end);
  expect(restoredRecord(JSON.parse(JSON.stringify(snapshot)))).toMatchObject({ ...end, talkMs: 6_000 });
});

test('of one that is up nothing is said of an end, and one of before is read as up', () => {
  const snapshot = callSnapshot(answered(), parts);
  expect(JSON.stringify(snapshot)).not.toMatch(/end/);
  expect(restoredRecord(snapshot)).toMatchObject({ endedAtMs: undefined, endedBy: undefined, endReason: '' });
});

test('how many processes had the call is counted from one to the next, and nothing is said of none', () => {
  expect(callSnapshot(answered(), parts)).not.toHaveProperty('takeovers');
  const second = restoredRecord(callSnapshot(answered(), parts));
  expect([second.takeovers, restoredRecord(callSnapshot(second, parts)).takeovers]).toEqual([1, 2]);
});

test('of a leg that has been left the BYE may come again', () => {
  const kept = (state: 'confirmed' | 'leaving' | 'gone') =>
    legSnapshot({
      state,
      dialog: { snapshot: () => ({ remoteSequence: 7 }) as DialogSnapshot },
      destination: { transport: 'udp', address: '192.0.2.1', port: 5060 },
      options: { contact: '' },
      identity: undefined,
      identityWithheld: false,
      identityAsserted: false,
      methods: undefined,
      session: undefined,
    }).dialog.remoteSequence;
  expect([kept('confirmed'), kept('leaving'), kept('gone')]).toEqual([7, 7, 6]);
});
