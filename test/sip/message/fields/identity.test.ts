import { formatIdentity, parseIdentity } from '../../../../src/sip/message/fields/identity.ts';
import { describeField } from '../field-suite.ts';

describeField('Identity (RFC 8224 §4)', {
  parse: parseIdentity,
  format: formatIdentity,
  table: [
    [
      'eyJhbGciOi.eyJkZXN0.sv7-_w;info=<https://cert.example.org/passport.cer>;alg=ES256;ppt=shaken',
      {
        digest: 'eyJhbGciOi.eyJkZXN0.sv7-_w',
        info: 'https://cert.example.org/passport.cer',
        params: { alg: 'ES256', ppt: 'shaken' },
      },
    ],
    ['..sig ; info = <https://a>', { digest: '..sig', info: 'https://a' }, '..sig;info=<https://a>'],
  ],
  rejects: [
    '',
    'abc',
    'abc;alg=ES256',
    ';info=<x>',
    'abc;info=https://a',
    'abc;info=<x',
    '"abc";info=<x>',
    'abc;info=<x>y',
  ],
});
