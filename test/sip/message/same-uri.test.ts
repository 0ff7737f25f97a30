import { expect, test } from 'vitest';
import { sameUri } from '../../../src/sip/message/same-uri.ts';
import { parseUri } from '../../../src/sip/message/uri.ts';

// The examples of RFC 3261 §19.1.4, and one row per rule.
test.each([
  ['sip:%61lice@atlanta.com;transport=TCP', 'sip:alice@AtLanTa.CoM;Transport=tcp', true],
  ['sip:carol@chicago.com', 'sip:carol@chicago.com;newparam=5', true],
  ['sip:carol@chicago.com', 'sip:carol@chicago.com;security=on', true],
  [
    'sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com',
    'sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com',
    true,
  ],
  [
    'sip:alice@atlanta.com?subject=project%20x&priority=urgent',
    'sip:alice@atlanta.com?priority=urgent&subject=project%20x',
    true,
  ],
  ['SIP:ALICE@AtLanTa.CoM;Transport=udp', 'sip:alice@AtLanTa.CoM;Transport=UDP', false],
  ['sip:bob@biloxi.com', 'sip:bob@biloxi.com:5060', false],
  ['sip:bob@biloxi.com', 'sip:bob@biloxi.com;transport=udp', false],
  ['sip:bob@biloxi.com', 'sip:bob@biloxi.com:6000;transport=tcp', false],
  ['sip:carol@chicago.com', 'sip:carol@chicago.com?Subject=next%20meeting', false],
  ['sip:bob@phone21.boxesbybob.com', 'sip:bob@192.0.2.4', false],
  ['sip:carol@chicago.com;security=on', 'sip:carol@chicago.com;security=off', false],
  ['sip:a@b', 'sips:a@b', false],
  ['sip:a@b', 'sip:b', false],
  ['sip:a@b', 'sip:a:@b', false],
  ['sip:a@b;user=phone', 'sip:a@b', false],
  ['sip:a@b;maddr=1.2.3.4', 'sip:a@b', false],
  ['sip:a@[2001:DB8::1]', 'sip:a@[2001:db8::1]', true],
  ['tel:+49-89-1234', 'tel:+49891234', true],
  ['tel:+49891234', 'tel:49891234', false],
  ['tel:7042;phone-context=example.com', 'tel:7042', false],
  ['tel:+4989', 'sip:+4989@h', false],
  ['urn:service:sos', 'urn:service:sos', true],
  ['urn:service:sos', 'urn:service:police', false],
])('§19.1.4: %s and %s are the same: %s', (a, b, same) => {
  expect(sameUri(parseUri(a), parseUri(b))).toBe(same);
  expect(sameUri(parseUri(b), parseUri(a))).toBe(same);
});
