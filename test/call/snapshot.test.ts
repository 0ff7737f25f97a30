import { expect, test } from 'vitest';
import { describeDestination } from '../../src/call/index.ts';
import { destinationAt, placeOf } from '../../src/call/snapshot.ts';
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

test('a target keeps its name and who may name it, never its keys', () => {
  const target: Target = {
    transport: 'tls',
    address: '192.0.2.1',
    port: 5061,
    serverName: 'sip.example.net',
    guarded: true,
    tls: { key: 'secret' },
  };
  const { tls: _tls, ...kept } = target;
  expect(destinationAt(JSON.parse(JSON.stringify(placeOf(target))))).toEqual(kept);
});

test('a connection has ended with its process: nothing can be sent over it, and what it led to is known', () => {
  const place = placeOf(flow({ transport: 'tcp', reliable: true, remotePort: 40_000 }));
  const ended = destinationAt(place) as Flow;
  expect(ended).toMatchObject({ closed: true, connected: true, reliable: true });
  expect(describeDestination(ended)).toBe('tcp:192.0.2.1:40000');
});
