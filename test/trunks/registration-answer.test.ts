import { expect, test } from 'vitest';
import { parseMessage, type SipResponse } from '../../src/sip/message/index.ts';
import { grantedSeconds, isTranslated } from '../../src/trunks/registration-answer.ts';
import { TOKEN_PARAMETER } from '../../src/trunks/trunk-requests.ts';

const OWN = `<sip:me@192.0.2.1;${TOKEN_PARAMETER}=t>`;

const granted = (...lines: string[]): number => {
  const text = ['SIP/2.0 200 OK', 'CSeq: 1 REGISTER', ...lines, '', ''].join('\r\n');
  return grantedSeconds(parseMessage(text) as SipResponse, 't', 600);
};

test.each<[expected: number, lines: string[]]>([
  [600, []],
  [300, ['Expires: 300']],
  [120, [`Contact: <sip:x@203.0.113.5>;expires=60, ${OWN};expires=120`]],
  [300, [`Contact: <sip:x@203.0.113.5>;expires=60, ${OWN}`, 'Expires: 300']],
  [120, [`Contact: <sip:x@203.0.113.5>;expires=60, ${OWN.toUpperCase()};expires=120`]],
  // No Contact is ours: the smallest time above 0.
  [90, ['Contact: <sip:x@203.0.113.5>;expires=90, <sip:y@203.0.113.6>;expires=0']],
  [90, ['Contact: <sip:y@203.0.113.6>;expires=0', 'Contact: <sip:x@203.0.113.5>;expires=90', 'Expires: 600']],
  [60, ['Contact: <sip:x@203.0.113.5>;expires=90, <sip:y@203.0.113.6>', 'Expires: 60']],
  [75, ['Contact: <sip:x@203.0.113.5>;expires=75']],
  [300, ['Contact: <sip:x@203.0.113.5>;expires=0, <sip:y@203.0.113.6>;expires=0', 'Expires: 300']],
  [300, ['Contact: <sip:x@203.0.113.5>;expires=0', 'Expires: 300']],
  [0, ['Contact: <sip:x@203.0.113.5>;expires=0']],
  // As registrars write it.
  [90, [`Contact: ${OWN.replace('>', ';expires=90>')}`]],
  [90, [`Contact: ${OWN};expires=90.5`, 'Expires: 300']],
  [90, ['Expires: 90s']],
  [90, ['Expires: "90"']],
  [86_400, ['Expires: 99999999999']],
  [600, ['Expires: -1']],
  // One cannot be read, its time can.
  [45, ['Contact: <sip:[>;expires=45, <sip:y@203.0.113.6>;expires=soon']],
  [300, ['Contact: ;;;', 'Expires: 300']],
  [90, [`Contact: ${OWN.replace('>', '')};expires=90`]],
  [90, [`Contact: ${OWN.replace('>', '')} ; Expires = "90"`]],
])('RFC 3261 §10.3: the registration lasts %i s by %j', (expected, lines) => {
  expect(granted(...lines)).toBe(expected);
});

test.each<[boolean, string]>([
  [false, ';rport=5060;received=192.168.1.5'],
  [false, ''],
  [false, ';rport;received='],
  [true, ';rport=61000;received=192.168.1.5'],
  [true, ';rport=5060;received=203.0.113.9'],
  [true, ';received=203.0.113.9'],
  [true, ';rport=61000'],
])('RFC 3581 §4: that there is a NAT is %s by Via …%s', (expected, params) => {
  const via = `Via: SIP/2.0/UDP 192.168.1.5:5060;branch=z9hG4bK1${params}`;
  const text = ['SIP/2.0 200 OK', via, 'CSeq: 1 REGISTER', '', ''].join('\r\n');
  expect(isTranslated(parseMessage(text) as SipResponse, { host: '192.168.1.5', port: 5060 })).toBe(expected);
});

test('an answer whose Via cannot be read says nothing of a NAT', () => {
  const text = ['SIP/2.0 200 OK', 'Via: ;;', 'CSeq: 1 REGISTER', '', ''].join('\r\n');
  expect(isTranslated(parseMessage(text) as SipResponse, { host: '192.168.1.5', port: 5060 })).toBe(false);
});
