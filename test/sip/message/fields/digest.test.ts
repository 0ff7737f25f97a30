import { formatAuth, parseAuth, parseAuthenticationInfo } from '../../../../src/sip/message/fields/digest.ts';
import { describeField } from '../field-suite.ts';

const challenge =
  'Digest realm="a \\"quoted\\" realm", nonce="f84f1c,ec41", qop="auth,auth-int", algorithm=SHA-256, stale=FALSE';

describeField('challenges and credentials (RFC 3261 §20.44, §22; RFC 7616 §3)', {
  parse: (text) => parseAuth(text, 'Authorization'),
  format: formatAuth,
  table: [
    [
      challenge,
      {
        scheme: 'Digest',
        directives: { realm: 'a "quoted" realm', nonce: 'f84f1c,ec41', qop: 'auth,auth-int', algorithm: 'SHA-256' },
      },
    ],
    [
      'Digest username="bob", realm="r", uri="sip:a@b;c=d,e", qop=auth, nc=00000001, response="6629fae4"',
      { directives: { username: 'bob', uri: 'sip:a@b;c=d,e', qop: 'auth', nc: '00000001' } },
    ],
    [
      'digest Realm = "r" , Nonce=abc',
      { scheme: 'digest', directives: { realm: 'r', nonce: 'abc' } },
      'digest realm="r", nonce="abc"',
    ],
    [
      'NoOneKnowsThisScheme opaque-data=here',
      { scheme: 'NoOneKnowsThisScheme' },
      'NoOneKnowsThisScheme opaque-data="here"',
    ],
    ['Digest __proto__="x", constructor="y"', { scheme: 'Digest', directives: { constructor: 'y' } }],
  ],
  rejects: [
    '',
    'Digest',
    'Digest realm',
    'Digest realm="a',
    'Digest ="a"',
    'Digest realm="a" nonce="b"',
    // Two readers could take different ones.
    'Digest realm="a", realm="b"',
    'Digest nc=1, NC=2',
  ],
});

describeField('Authentication-Info (RFC 3261 §20.6)', {
  parse: parseAuthenticationInfo,
  format: formatAuth,
  table: [
    ['nextnonce="47364c23432d2e131a5fb210812c", qop=auth, nc=00000001', { scheme: '', directives: { qop: 'auth' } }],
  ],
  rejects: ['nextnonce', 'nextnonce=', '="x"'],
});
