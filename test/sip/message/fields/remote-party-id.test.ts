import { parseRemotePartyId } from '../../../../src/sip/message/fields/remote-party-id.ts';
import { describeField } from '../field-suite.ts';

describeField('Remote-Party-ID (draft-ietf-sip-privacy-04 §5.1)', {
  parse: parseRemotePartyId,
  table: [
    [
      '"Alice" <sip:+4989100200@carrier.example>;party=calling;privacy=full;screen=yes',
      { address: { displayName: 'Alice' }, party: 'calling', privacy: 'full' },
    ],
    ['sip:a@b;party=CALLED', { party: 'called' }],
  ],
  rejects: ['', '"Alice"', '<sip:a@b'],
});
