import { formatDate, parseDate } from '../../../../src/sip/message/fields/date.ts';
import { describeField } from '../field-suite.ts';

describeField('Date (RFC 3261 §20.17)', {
  parse: parseDate,
  format: formatDate,
  table: [
    ['Sat, 13 Nov 2010 23:29:00 GMT', { value: 1_289_690_940_000 }],
    ['Thu, 29 Feb 2024 00:00:00 GMT', { value: 1_709_164_800_000 }],
  ],
  rejects: [
    '',
    // RFC 4475 §3.1.2.12
    'Fri, 01 Jan 2010 16:00:00 EST',
    'Sun, 13 Nov 2010 23:29:00 GMT',
    'Sat, 31 Feb 2010 23:29:00 GMT',
    'Sat, 13 Nov 2010 24:00:00 GMT',
    'Sat, 13 nov 2010 23:29:00 GMT',
    'Sat,13 Nov 2010 23:29:00 GMT',
    'Sat, 13 Nov 0010 23:29:00 GMT',
    '2010-11-13T23:29:00Z',
  ],
});
