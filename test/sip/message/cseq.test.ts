import { parseCSeq } from '../../../src/sip/message/cseq.ts';
import { describeField } from './field-suite.ts';

describeField('CSeq (RFC 3261 §20.16, §8.1.1.5)', {
  parse: parseCSeq,
  table: [
    ['4711 INVITE', { sequence: 4711, method: 'INVITE' }],
    ['0009\t INVITE', { sequence: 9, method: 'INVITE' }],
    ['00000000009 INVITE', { sequence: 9, method: 'INVITE' }],
    ['2147483647 ACK', { sequence: 2_147_483_647 }],
    ['4294967295 INVITE', { sequence: 4_294_967_295 }],
    // Case-sensitive; of the registry's own nothing else can be meant.
    ['1 invite', { method: 'INVITE' }, '1 INVITE'],
    ['1 Options', { method: 'OPTIONS' }, '1 OPTIONS'],
    ['1 newmethod', { method: 'newmethod' }],
  ],
  rejects: [
    '',
    '1',
    'INVITE',
    '1INVITE',
    '-1 INVITE',
    '4294967296 INVITE',
    '36893488147419103232 REGISTER',
    '1.5 INVITE',
    '1 IN VITE',
    '1 INVITE;x',
    'NaN INVITE',
  ],
});
