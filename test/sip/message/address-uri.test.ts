import { describe, expect, test } from 'vitest';
import { PeerError } from '../../../src/base/errors.ts';
import { parseAddressUri } from '../../../src/sip/message/address-uri.ts';
import { formatUri, parseUri } from '../../../src/sip/message/uri.ts';

describe('a URI of an address field is read as it is meant', () => {
  test.each([
    ['102@192.0.2.1:5062;transport=tcp', 'sip:102@192.0.2.1:5062;transport=tcp'],
    ['102:secret@h', 'sip:102:secret@h'],
    ['192.0.2.1:5062', 'sip:192.0.2.1:5062'],
    ['[2001:db8::1]:5062', 'sip:[2001:db8::1]:5062'],
    ['Sip :102@h', 'sip:102@h'],
    ['SIPS: 102@h', 'sips:102@h'],
    ['tel : +44-20', 'tel:+44-20'],
    ['sip :sip:102@h', 'sip:102@h'],
    ['sip:tel:+44-20', 'tel:+44-20'],
    ['sip : tel:+44-20', 'tel:+44-20'],
    ['sip :sip:192.0.2.1:5062', 'sip:192.0.2.1:5062'],
    ['sip:sips:192.0.2.1:5062', 'sips:192.0.2.1:5062'],
    ['tel:sip:102@h', 'sip:102@h'],
    // A host of that name, which a port follows: as without the white space.
    ['sip :sip:5060', 'sip:sip:5060'],
    ['sip : tel:5060', 'sip:tel:5060'],
    ['sip:102@2001:db8::1', 'sip:102@[2001:db8::1]'],
    // Nobody can tell whether that is a port.
    ['sip:102@2001:db8::1:5060;transport=udp', 'sip:102@[2001:db8::1:5060];transport=udp'],
    ['sip:102@2001:db8::1?Subject=x', 'sip:102@[2001:db8::1]?Subject=x'],
    ['sip:102@::1', 'sip:102@[::1]'],
    ['sip:102@fe80::1%eth0', 'sip:102@[fe80::1%eth0]'],
    ['sip:2001:db8::1', 'sip:[2001:db8::1]'],
    ['102@2001:db8::1', 'sip:102@[2001:db8::1]'],
    ['sip:John Smith@h:5062;ob', 'sip:John%20Smith@h:5062;ob'],
    ['sip:+1 415 555 0101;cpc=x@h', 'sip:+1%20415%20555%200101;cpc=x@h'],
    ['sip:102 @h', 'sip:102@h'],
    ['sip:voil\xc3\xa0 x@h', 'sip:voil%C3%A0%20x@h'],
    ['sip:102@h; transport=tcp ;lr', 'sip:102@h;transport=tcp;lr'],
    ['tel:+1 415 555 0101 ; phone-context=x', 'tel:+14155550101;phone-context=x'],
    ['tel:+1 415', 'tel:+1415'],
    ['sip : John Smith@2001:db8::1', 'sip:John%20Smith@[2001:db8::1]'],
  ])('%s as %s', (text, read) => {
    expect(() => parseUri(text)).toThrow(PeerError);
    expect(formatUri(parseAddressUri(text))).toBe(read);
  });

  test.each([
    'sip:sip:102@h',
    'sip:tel:5060',
    'sip:a@b;x=y',
    'sips:[2001:db8::1]:5061',
    'tel:+44',
    'mailto:a@b',
    'urn:service:sos',
    'sip:1@2:3',
  ])('what the grammar has is read as ever: %s', (text) => expect(parseAddressUri(text)).toEqual(parseUri(text)));

  test.each([
    '',
    '102',
    '@h',
    ':102@h',
    'a b@h',
    'sip:',
    'sip : ',
    'sip:102@',
    'sip:102@2001:db8::g',
    'sip:102@192.0.2.1:1:1',
    'sip:102@1:2:3',

    '1.2.3.4.5',
    '<102@h',
    'a@b@h',
    '//102@h',
    'sip :sip :',
    'tel:103 104',
    'sip:102@a b',
    'sip:102@h;x=a b',
  ])('not %j', (text) => expect(() => parseAddressUri(text)).toThrow(PeerError));
});
