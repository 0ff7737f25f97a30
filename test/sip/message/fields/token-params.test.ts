import { formatTokenParams, parseTokenParams } from '../../../../src/sip/message/fields/token-params.ts';
import { describeField } from '../field-suite.ts';

describeField('token with parameters (RFC 3261 §25.1 token, SEMI, EQUAL)', {
  parse: (text) => parseTokenParams(text, 'Content-Disposition'),
  format: formatTokenParams,
  table: [
    ['session', { token: 'session', params: {} }],
    ['session;handling=optional', { token: 'session', params: { handling: 'optional' } }],
    [
      'render ; handling = "required"',
      { token: 'render', params: { handling: 'required' } },
      'render;handling="required"',
    ],
    ['alert;__proto__;constructor=x', { token: 'alert', params: { constructor: 'x' } }],
  ],
  rejects: ['', ';a=b', 'session;=x', 'session;a="b', 'session x', 'session;a=b c', '"session"'],
});
