import { parseDeltaSeconds } from '../../../../src/sip/message/fields/delta-seconds.ts';
import { describeField } from '../field-suite.ts';

describeField('delta-seconds: Expires, Min-Expires (RFC 3261 §20.19, §20.23)', {
  parse: (text) => parseDeltaSeconds(text, 'Expires'),
  table: [
    ['0', { value: 0 }],
    ['3600', { value: 3600 }],
    ['4294967295', { value: 4_294_967_295 }],
    ['0060', { value: 60 }],
  ],
  rejects: ['', '-1', '+5', '4294967296', '99999999999999999999', '1e3', '3600s', '0x10', '1 2', '\u0661'],
});
