import { formatWarning, parseWarning } from '../../../../src/sip/message/fields/warning.ts';
import { describeField } from '../field-suite.ts';

describeField('Warning (RFC 3261 §20.43)', {
  parse: parseWarning,
  format: formatWarning,
  table: [
    ['307 isi.edu "Session parameter \'foo\' not understood"', { code: 307, agent: 'isi.edu' }],
    ['399 192.0.2.1:5060 "a \\"b\\""', { code: 399, agent: '192.0.2.1:5060', text: 'a "b"' }],
  ],
  rejects: [
    '',
    '307',
    '307 isi.edu',
    '307 "text"',
    '1812 overture "In Progress"',
    'abc isi.edu "x"',
    '307 isi.edu "x" y',
    '307 a b "x"',
    '307 isi.edu "x',
  ],
});
