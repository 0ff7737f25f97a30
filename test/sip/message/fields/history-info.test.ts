import { formatHistoryInfo, parseHistoryInfo } from '../../../../src/sip/message/fields/history-info.ts';
import { describeField } from '../field-suite.ts';

describeField('History-Info (RFC 7044 §5)', {
  parse: parseHistoryInfo,
  format: formatHistoryInfo,
  table: [
    ['<sip:bob@example.com>;index=1', { index: '1' }],
    [
      '<sip:office@example.com?Reason=SIP%3Bcause%3D302>;index=1.2.1;mp=1',
      { index: '1.2.1', address: { uri: { headers: 'Reason=SIP%3Bcause%3D302' }, params: { mp: '1' } } },
    ],
  ],
  rejects: [
    '<sip:a@b>',
    '<sip:a@b>;index=',
    '<sip:a@b>;index=1..2',
    '<sip:a@b>;index=.1',
    '<sip:a@b>;index=1.',
    '<sip:a@b>;index=a',
    '',
  ],
});
