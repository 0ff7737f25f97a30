import { expect, test } from 'vitest';
import { escapeUser, formatUri, isSipUri, parseUri, unescapeUser } from '../../../src/sip/message/uri.ts';
import { describeField } from './field-suite.ts';

describeField('sip, sips, tel and other URIs (RFC 3261 §19.1, RFC 3966, RFC 3986 §3)', {
  parse: parseUri,
  format: formatUri,
  table: [
    ['sip:alice@atlanta.com', { scheme: 'sip', user: 'alice', host: 'atlanta.com' }],
    ['sip:alice:secretword@atlanta.com;transport=tcp', { password: 'secretword', params: { transport: 'tcp' } }],
    [
      'SIPS:alice@atlanta.com?subject=project%20x&priority=urgent',
      { scheme: 'sips', headers: 'subject=project%20x&priority=urgent' },
      'sips:alice@atlanta.com?subject=project%20x&priority=urgent',
    ],
    ['sip:+1-212-555-1212:1234@gateway.com;user=phone', { user: '+1-212-555-1212', password: '1234' }],
    ['sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com', { headers: 'to=alice%40atlanta.com' }],
    ['sip:alice;day=tuesday@atlanta.com', { user: 'alice;day=tuesday' }],
    ['sip:[2001:db8::10]:5070;lr', { host: '2001:db8::10', port: 5070 }],
    ['sip:[2001:db8::192.0.2.1]', { host: '2001:db8::192.0.2.1' }],
    ['sip:[2001:db8:::192.0.2.1]', { host: '2001:db8:::192.0.2.1' }],
    ['sip:a@[fe80::1%eth0]:5060;lr', { host: 'fe80::1%eth0', port: 5060 }],
    ['sip:a@[fe80::1%25en-0.1]', { host: 'fe80::1%25en-0.1' }],
    ['sip:null-%00-null@example.com', { user: 'null-%00-null' }],
    ['sip:*31#123@h', { user: '*31#123' }],
    ['sip:u@h;__proto__=x;constructor', { params: { constructor: undefined } }],
    ['tel:+49-89-1234', { scheme: 'tel', number: '+49-89-1234' }],
    ['tel:7042;phone-context=example.com', { number: '7042', params: { 'phone-context': 'example.com' } }],
    ['tel:*31%23'.replace('%23', '#'), { number: '*31#' }],
    ['nobodyKnowsThisScheme:totallyopaquecontent', { scheme: 'other', name: 'nobodyknowsthisscheme' }],
    ['urn:service:sos', { scheme: 'other', name: 'urn' }],
    // What phones and carriers write, and what leaves instead.
    ['sip:@h:5060;lr', { user: undefined, host: 'h', port: 5060 }, 'sip:h:5060;lr'],
    ['sip:a@h:', { port: undefined }, 'sip:a@h'],
    ['sip:a@h:;transport=udp', { port: undefined }, 'sip:a@h;transport=udp'],
    ['sip:a@h;', { params: {} }, 'sip:a@h'],
    ['sip:a@h;;transport=udp;', { params: { transport: 'udp' } }, 'sip:a@h;transport=udp'],
    ['sip:a@h;lr;lr;?x=y', { params: { lr: undefined }, headers: 'x=y' }, 'sip:a@h;lr?x=y'],
    ['sip:a%4@h', { user: 'a%254' }, 'sip:a%254@h'],
    ['sip:a%zz%41@h', { user: 'a%25zz%41' }, 'sip:a%25zz%41@h'],
    ['sip:[a]|{b}^\\`@h', { user: '%5Ba%5D%7C%7Bb%7D%5E%5C%60' }, 'sip:%5Ba%5D%7C%7Bb%7D%5E%5C%60@h'],
    ['sip:jos\u00c3\u00a9:p\u00e9@h', { user: 'jos%C3%A9', password: 'p%E9' }, 'sip:jos%C3%A9:p%E9@h'],
    ['sip:a@h;x=%4;y%=%zz', { params: { x: '%4', 'y%': '%zz' } }],
    ['sip:a@h;line=YWJj==;y=[::1]', { params: { line: 'YWJj==', y: '[::1]' } }],
    ['sip:a@h;x=b@c,d;lr?s=t', { params: { x: 'b@c,d', lr: undefined }, headers: 's=t' }],
    ['sip:a@h;x={|}^`\\', { params: { x: '{|}^`\\' } }],
    ['sip:a@h:5060;x-route-tag="cid:orange@192.0.2.1;1";lr', { port: 5060, params: { lr: undefined } }],
    ['sip:a@h;x=\u00c3\u00a9?s=\u00e9', { params: { x: '\u00c3\u00a9' }, headers: 's=\u00e9' }],
  ],
  rejects: [
    '',
    'sip',
    'sip:',
    ':x',
    'sip::pw@h',
    'sip:a@',
    'sip:a@b@c',
    'sip:a b@h',
    'sip:a@h:port',
    'sip:a@h:65536',
    'sip:a@h; lr',
    'sip:a@h;x=a b',
    'sip:a@h;x=a>b',
    'sip:a@h;x="a b"',
    'sip:a@h;x="a',
    'sip:a@h;x="a"b',
    'sip:a@h;x=a"b',
    'sip:a@h;=a',
    'sip:a@2001:db8::1',
    'sip:a@[2001:db8::1',
    'sip:a@[not-an-address]',
    'sip:a@[1]',
    'sip:a@[fe80::1%]',
    'sip:a@[fe80::1%eth0:1]',
    'sip:a@[fe80::1%eth 0]',
    'sip:a@[%eth0]',
    `sip:a@[fe80::1%${'x'.repeat(33)}]`,
    '<sip:a@h>',
    'sip:"a"@h',
    'sip:a@h?x=<y>',
    'tel:',
    'tel:+',
    'tel:+49 89',
    'tel:49@host',
    'http:',
    'http://a b',
    '1sip:a@b',
  ],
});

test('§19.1.2: what is not allowed in a user part is percent-escaped, octet by octet', () => {
  expect(escapeUser('a b@c#"')).toBe('a%20b%40c%23%22');
  expect(escapeUser('J\u00fcrgen')).toBe('J%FCrgen');
  expect(escapeUser('J\u00c3\u00bc')).toBe('J%C3%BC');
  expect(escapeUser('+49(89)*;x')).toBe('+49(89)*;x');
});

test('§19.1.2: escapes are resolved once', () => {
  expect(unescapeUser('I%20have%20spaces')).toBe('I have spaces');
  expect(unescapeUser('%2541')).toBe('%41');
  expect(unescapeUser('100%')).toBe('100%');
  expect(unescapeUser('%%41')).toBe('%A');
});

test('only sip and sips are SIP URIs', () => {
  expect([isSipUri(parseUri('sips:h')), isSipUri(parseUri('tel:1')), isSipUri(parseUri('http://h'))]).toEqual([
    true,
    false,
    false,
  ]);
});
