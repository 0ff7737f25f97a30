import { expect, test } from 'vitest';
import { ReusableConnections } from '../../../src/sip/transport/reusable-connections.ts';
import type { Target } from '../../../src/sip/transport/types.ts';

const CARRIER: Target = { transport: 'tls', address: '192.0.2.10', port: 5061, serverName: 'sip.carrier.example' };

function connection(over: { port?: number; listenerId?: string } = {}) {
  return {
    transport: 'tls' as const,
    listenerId: over.listenerId ?? 'tls:192.0.2.1:5061',
    remoteAddress: CARRIER.address,
    remotePort: over.port ?? CARRIER.port,
    closed: false,
  };
}

test('a connection is found by the target, the listener and the credentials that it was made with, and by no others', () => {
  const connections = new ReusableConnections<ReturnType<typeof connection>>();
  const tls = { cert: 'certificate', key: 'key' };
  const flow = connection();
  connections.add(connections.keyOf({ ...CARRIER, tls }, 'one'), flow);
  const found = (target: Target, listenerId: string) => connections.open(connections.keyOf(target, listenerId));
  expect(found({ ...CARRIER, tls: { ...tls } }, 'one')).toBe(flow);
  expect(found({ ...CARRIER, serverName: 'SIP.carrier.example', tls }, 'one')).toBe(flow);
  expect(found({ ...CARRIER, tls }, 'other')).toBeUndefined();
  expect(found(CARRIER, 'one')).toBeUndefined();
  expect(found({ ...CARRIER, tls: { ...tls, cert: 'another' } }, 'one')).toBeUndefined();
  expect(found({ ...CARRIER, serverName: 'other.example', tls }, 'one')).toBeUndefined();
  expect(found({ ...CARRIER, transport: 'tcp', tls }, 'one')).toBeUndefined();
});

test('a closed one is not used', () => {
  const connections = new ReusableConnections<ReturnType<typeof connection>>();
  const flow = connection();
  connections.add('key', flow);
  flow.closed = true;
  expect(connections.open('key')).toBeUndefined();
});

test('the end of a connection takes all its keys, but not those that another has meanwhile', () => {
  const connections = new ReusableConnections<ReturnType<typeof connection>>();
  const [first, second] = [connection(), connection()];
  connections.add('a', first);
  connections.add('b', first);
  connections.add('b', second);
  connections.delete(first);
  expect(connections.open('a')).toBeUndefined();
  expect(connections.open('b')).toBe(second);
});

test('those of a listener, and those to a target, are used no more', () => {
  const connections = new ReusableConnections<ReturnType<typeof connection>>();
  const [here, beside, elsewhere] = [connection(), connection({ listenerId: 'tls:b' }), connection({ port: 5071 })];
  connections.add('here', here);
  connections.add('beside', beside);
  connections.add('elsewhere', elsewhere);
  connections.deleteOf('tls:b');
  expect(connections.open('beside')).toBeUndefined();
  expect(connections.take(CARRIER)).toEqual([here, beside]);
  expect(connections.take(CARRIER)).toEqual([]);
  expect(connections.open('here')).toBeUndefined();
  expect(connections.open('elsewhere')).toBe(elsewhere);
});
