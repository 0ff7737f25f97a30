import { formatReplaces, parseReplaces } from '../../../../src/sip/message/fields/replaces.ts';
import { describeField } from '../field-suite.ts';

describeField('Replaces (RFC 3891 §6.1)', {
  parse: parseReplaces,
  format: formatReplaces,
  table: [
    [
      '98732@sip.example.com;from-tag=r33th4x0r;to-tag=ff87ff',
      { callId: '98732@sip.example.com', toTag: 'ff87ff' },
      '98732@sip.example.com;to-tag=ff87ff;from-tag=r33th4x0r',
    ],
    ['12adf2f34456gs5;to-tag=12345;from-tag=54321;early-only', { fromTag: '54321', earlyOnly: true }],
  ],
  rejects: [
    '',
    'a',
    'a;to-tag=1',
    'a;from-tag=1',
    ';to-tag=1;from-tag=2',
    'a;to-tag=1;from-tag=2;to-tag=3',
    'a;to-tag;from-tag=2',
  ],
});
