import { parseSessionExpires } from '../../../../src/sip/message/fields/session-expires.ts';
import { describeField } from '../field-suite.ts';

describeField('Session-Expires and Min-SE (RFC 4028 §4, §5)', {
  parse: (text) => parseSessionExpires(text),
  table: [
    ['1800', { seconds: 1800 }],
    ['1800;refresher=uac', { seconds: 1800, refresher: 'uac' }],
    ['90 ; refresher = UAS', { seconds: 90, refresher: 'uas' }],
    ['90;lr', { seconds: 90 }],
  ],
  rejects: ['', 'x', '-90', '90;refresher=both', '90;refresher', '4294967296', '90 uac'],
});
