import { parseRAck, parseRSeq } from '../../../../src/sip/message/fields/rack.ts';
import { describeField } from '../field-suite.ts';

describeField('RSeq (RFC 3262 §7.1)', {
  parse: parseRSeq,
  table: [
    ['0', { value: 0 }],
    ['1', { value: 1 }],
    ['988789', { value: 988_789 }],
    ['000000988789', { value: 988_789 }],
    ['4294967295', { value: 4_294_967_295 }],
  ],
  rejects: ['', '-1', '4294967296', '1 2', 'x'],
});

describeField('RAck (RFC 3262 §7.2)', {
  parse: parseRAck,
  table: [
    ['776656 1 INVITE', { rseq: 776_656, sequence: 1, method: 'INVITE' }],
    ['1\t 0  INVITE', { rseq: 1, sequence: 0, method: 'INVITE' }],
    ['0 1 INVITE', { rseq: 0 }],
    ['0004294967295 00000000001 INVITE', { rseq: 4_294_967_295, sequence: 1 }],
    ['1 2 invite', { method: 'INVITE' }],
    ['1 2 Foo', { method: 'Foo' }],
  ],
  rejects: [
    '',
    '1',
    '1 2',
    '1 4294967296 INVITE',
    '1 1 IN VITE',
    'a 1 INVITE',
    '1 -1 INVITE',
    '1,1,INVITE',
    '1INVITE',
    '1 2INVITE',
  ],
});
