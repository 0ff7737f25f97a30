import { expect, test } from 'vitest';
import { contactAt, contactFrom, isSips, namesInContact, ownContact } from '../../src/engine/own-contact.ts';
import { parseUri, type SipUri } from '../../src/sip/message/index.ts';

test.each([
  ['<sip:101@198.51.100.1:5060>', '<sip:101@192.0.2.9:5070>'],
  ['<sip:198.51.100.1;transport=tcp>', '<sip:192.0.2.9:5070;transport=tcp>'],
  ['<sips:a%40b@[2001:db8::1]:5061;ob>;+sip.instance="x"', '<sips:a%40b@192.0.2.9:5070;ob>;+sip.instance="x"'],
])('%s names another place, and is otherwise the same', (contact, moved) => {
  expect(contactAt(contact, { host: '192.0.2.9', port: 5070 })).toBe(moved);
});

test.each([
  ['sips:101@h', 'tls', '<sips:101@[2001:db8::1]:5061>'],
  ['SIPS:101@h', 'tls', '<sips:101@[2001:db8::1]:5061>'],
  ['sip:101@h', 'tls', '<sip:101@[2001:db8::1]:5061;transport=tls>'],
  ['sips:101@h', 'tcp', '<sip:101@[2001:db8::1]:5061;transport=tcp>'],
] as const)('RFC 3261 §8.1.1.8, §12.1.1: beside %s the Contact over %s is %s', (uri, transport, contact) => {
  expect(ownContact('101', { host: '2001:db8::1', port: 5061 }, transport, isSips(uri))).toBe(contact);
});

test.each([
  ['sip:101@198.51.100.1:5060;ob', 'udp', false, '<sip:101@192.0.2.9:5070;ob>'],
  ['sip:101@198.51.100.1:5060;transport=tcp;ob', 'udp', false, '<sip:101@192.0.2.9:5070;ob>'],
  ['sip:198.51.100.1:5060;ob', 'tcp', false, '<sip:192.0.2.9:5070;transport=tcp;ob>'],
  ['sip:101@198.51.100.1:5060;ob;tdm=VRcAqqZ5GR5W4eBdVC_lj-0C', 'udp', false, '<sip:101@192.0.2.9:5070;ob>'],
  ['sip:101@198.51.100.1:5060', 'tls', true, '<sips:101@192.0.2.9:5070>'],
] as const)(
  'what another node drafted as %s is over %s, to a SIPS URI: %s, %s',
  (drafted, transport, sips, contact) => {
    const place = { host: '192.0.2.9', port: 5070 };
    expect(contactFrom(parseUri(drafted) as SipUri, place, transport, sips)).toBe(contact);
  },
);

test.each([
  ['sip:101@pbx.example.com;ob', '<sip:101@pbx.example.com;transport=tcp;ob>'],
  ['sip:101@[2001:db8::1]:5080', '<sip:101@[2001:db8::1]:5080;transport=tcp>'],
])('a place that stays: %s', (drafted, contact) => {
  expect(contactFrom(parseUri(drafted) as SipUri, undefined, 'tcp')).toBe(contact);
});

test('a Contact names a place by host and port', () => {
  const place = { host: '198.51.100.1', port: 5060 };
  expect(namesInContact('<sip:101@198.51.100.1:5060>', place)).toBe(true);
  expect(namesInContact('<sip:101@198.51.100.1:5061>', place)).toBe(false);
  expect(namesInContact('<sip:101@pbx.example.com>', place)).toBe(false);
});
