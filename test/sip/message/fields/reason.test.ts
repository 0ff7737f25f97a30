import { expect, test } from 'vitest';
import { formatReason, makeReason, parseReason, parseReasons } from '../../../../src/sip/message/fields/reason.ts';
import { describeField } from '../field-suite.ts';

describeField('Reason (RFC 3326 §2)', {
  parse: parseReason,
  format: formatReason,
  table: [
    [
      'SIP ;cause=200 ;text="Call completed elsewhere"',
      { protocol: 'SIP', cause: 200, text: 'Call completed elsewhere' },
      'SIP;cause=200;text="Call completed elsewhere"',
    ],
    ['Q.850;cause=16;text="Terminated"', { protocol: 'Q.850', cause: 16 }],
    ['preemption', { protocol: 'preemption' }],
  ],
  rejects: ['', ';cause=1', 'SIP;cause=x', 'SIP;cause=-1', 'SIP;text="a', 'SIP;cause=1, Q.850;cause=2'],
});

test('RFC 3326 §2: several protocols may give a reason', () => {
  expect(parseReasons('SIP;cause=487;text="a,b", Q.850;cause=16').map((reason) => reason.cause)).toEqual([487, 16]);
});

test('RFC 3326 §2: reason-text is a quoted string', () => {
  expect(formatReason(makeReason('Q.850', 17, 'Busy'))).toBe('Q.850;cause=17;text="Busy"');
});
