import { parseRetryAfter } from '../../../../src/sip/message/fields/retry-after.ts';
import { describeField } from '../field-suite.ts';

describeField('Retry-After (RFC 3261 §20.33)', {
  parse: (text) => ({ seconds: parseRetryAfter(text) }),
  table: [
    ['18000;duration=3600', { seconds: 18_000 }],
    ["120 (I'm in a (long) meeting)", { seconds: 120 }],
    ['5(busy \\) now);duration=1', { seconds: 5 }],
  ],
  rejects: ['', '-5', 'soon', '5 (open', '5 5', '4294967296', '5 (a) b'],
});
