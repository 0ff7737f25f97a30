import { describe, expect, test } from 'vitest';
import { reachOf } from '../../src/registrar/reach.ts';
import { parseUri, type SipUri } from '../../src/sip/message/index.ts';
import { flowFrom } from './kit.ts';

function reach(flow: ReturnType<typeof flowFrom>, uri: string, claimsSymmetry = false): string {
  const { usesFlow, target } = reachOf(flow, parseUri(uri) as SipUri, claimsSymmetry);
  return `${usesFlow ? 'flow' : 'no flow'}, ${target === undefined ? 'nothing' : `${target.transport} ${target.address} ${target.port}`}`;
}

describe('UDP', () => {
  const flow = flowFrom('192.0.2.4', 40_000);

  test.each([
    ['sip:b@192.0.2.4:40000', false, 'flow, udp 192.0.2.4 40000'],
    ['sip:b@10.0.0.1:5060', false, 'flow, udp 192.0.2.4 40000'],
    ['sip:b@0.0.0.0', false, 'flow, udp 192.0.2.4 40000'],
    ['sip:b@127.0.1.1;transport=tcp', false, 'flow, udp 192.0.2.4 40000'],
    ['sip:b@phone.example.com', false, 'flow, udp 192.0.2.4 40000'],
    ['sip:b@192.0.2.4', false, 'no flow, udp 192.0.2.4 5060'],
    ['sip:b@192.0.2.4', true, 'flow, udp 192.0.2.4 40000'],
    ['sip:b@192.0.2.4;transport=tcp', true, 'no flow, tcp 192.0.2.4 5060'],
    ['sips:b@192.0.2.4', false, 'no flow, tls 192.0.2.4 5061'],
    ['sip:b@10.0.0.1;transport=tcp', false, 'flow, udp 192.0.2.4 40000'],
    ['sip:b@192.0.2.4:40000;transport=sctp', false, 'flow, udp 192.0.2.4 40000'],
  ])('Contact %s, rport %s: %s', (uri, symmetric, expected) => {
    expect(reach(flow, uri, symmetric)).toBe(expected);
  });
});

describe('connections: the flow first, the same address by the same transport after it', () => {
  test.each([
    ['tcp', 'sip:b@192.0.2.4:5070', 'flow, tcp 192.0.2.4 5070'],
    ['tcp', 'sip:b@10.0.0.1', 'flow, nothing'],
    ['tls', 'sip:b@192.0.2.4', 'flow, tls 192.0.2.4 5061'],
    ['tls', 'sip:b@192.0.2.4:5060;transport=udp', 'flow, tls 192.0.2.4 5060'],
    ['tcp', 'sip:b@127.0.1.1:5070', 'flow, nothing'],
    ['tls', 'sip:b@[fe80::1]', 'flow, nothing'],
    ['tcp', 'sip:b@abc.invalid', 'flow, nothing'],
  ] as const)('%s, Contact %s: %s', (transport, uri, expected) => {
    expect(reach(flowFrom('192.0.2.4', 40_000, transport), uri)).toBe(expected);
  });
});

test('IPv6: one address, however it is spelt', () => {
  expect(reach(flowFrom('2001:db8::4', 5060), 'sip:b@[2001:DB8:0::4]:5070')).toBe('no flow, udp 2001:db8::4 5070');
  expect(reach(flowFrom('::ffff:192.0.2.4', 5060), 'sip:b@192.0.2.4:5070')).toBe('no flow, udp ::ffff:192.0.2.4 5070');
});

test.each([
  ['udp', 'sip:b@192.0.2.4'],
  ['udp', 'sip:b@192.0.2.4;transport=tcp'],
  ['udp', 'sip:b@10.0.0.1'],
  ['tcp', 'sip:b@192.0.2.4:5070'],
] as const)('%s, Contact %s: from the listener that the phone has registered at', (transport, uri) => {
  const flow = flowFrom('192.0.2.4', 40_000, transport);
  expect(reachOf(flow, parseUri(uri) as SipUri, false).target?.listenerId).toBe(flow.listenerId);
});
