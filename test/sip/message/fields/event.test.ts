import {
  formatEvent,
  formatSubscriptionState,
  parseEvent,
  parseSubscriptionState,
} from '../../../../src/sip/message/fields/event.ts';
import { describeField } from '../field-suite.ts';

describeField('Event (RFC 6665 §8.2.1)', {
  parse: parseEvent,
  format: formatEvent,
  table: [
    ['refer;id=93809824', { package: 'refer', id: '93809824' }],
    ['presence.winfo', { package: 'presence.winfo' }],
    ['message-summary', { package: 'message-summary' }],
  ],
  rejects: ['', ';id=1', 'a b', 'refer;id="1', 'refer, presence'],
});

describeField('Subscription-State (RFC 6665 §8.2.3)', {
  parse: parseSubscriptionState,
  format: formatSubscriptionState,
  table: [
    ['active;expires=60', { state: 'active', expiresSeconds: 60 }],
    [
      'Terminated;reason=NoResource;retry-after=5',
      { state: 'terminated', reason: 'noresource', retryAfterSeconds: 5 },
      'terminated;reason=NoResource;retry-after=5',
    ],
    ['pending', { state: 'pending' }],
  ],
  rejects: ['', ';expires=1', 'active;expires=x', 'active;expires=4294967296', 'active;expires=-1'],
});
