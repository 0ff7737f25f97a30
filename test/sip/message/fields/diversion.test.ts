import { formatDiversion, parseDiversion } from '../../../../src/sip/message/fields/diversion.ts';
import { describeField } from '../field-suite.ts';

describeField('Diversion (RFC 5806 §4)', {
  parse: parseDiversion,
  format: formatDiversion,
  table: [
    [
      '<sip:+4989100200@carrier.example>;reason=unconditional;counter=1',
      { address: { uri: { user: '+4989100200' } }, reason: 'unconditional', counter: 1 },
    ],
    [
      '"Bob" <sip:b@c>;reason="user-busy";privacy=off',
      { reason: 'user-busy' },
      '"Bob" <sip:b@c>;reason=user-busy;privacy=off',
    ],
    ['<tel:+49891>', { address: { uri: { scheme: 'tel' } } }],
  ],
  rejects: ['', '<sip:a@b>;counter=x', '<sip:a@b>;counter=', 'bob'],
});
