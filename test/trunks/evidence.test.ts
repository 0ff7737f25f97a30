import { expect, test } from 'vitest';
import { isRateRefusal, judge, type TrunkAttempt } from '../../src/trunks/evidence.ts';

const attempt = (overrides: Partial<TrunkAttempt>): TrunkAttempt => ({
  target: 'udp:192.0.2.1:5060',
  status: 0,
  reason: '',
  cause: 'response',
  ...overrides,
});

test.each<[number, string, boolean]>([
  [503, 'CPS limit exceeded', true],
  [503, 'Max calls per second reached', true],
  [403, 'Call rate exceeded', true],
  [403, 'User channel limit exceeded', true],
  [486, 'All channels in use', true],
  [486, 'Trunk Busy', true],
  [480, 'No circuit available', true],
  [503, 'Too many simultaneous calls', true],
  [603, 'Concurrent call limit', true],
  [500, 'Network congestion', true],
  [429, 'Too Many Requests', true],
  [503, 'Service Unavailable', false],
  [403, 'Forbidden', false],
  [403, 'Caller ID not allowed', false],
  [486, 'Busy Here', false],
  [480, 'Temporarily Unavailable', false],
  [404, 'No channels', false],
  [403, 'Incapacity', false],
])('%i %s: a refusal for rate or channels is %s', (status, reason, expected) => {
  expect(isRateRefusal(attempt({ status, reason }), 'generic')).toBe(expected);
});

test.each([
  ['telnyx', 403, 'User channel limit exceeded D1', true],
  ['telnyx', 403, 'Connection limit D3', true],
  ['telnyx', 503, 'CPS Limit reached P05', true],
  ['telnyx', 403, 'Call rate exceeded D24', false],
  ['telnyx', 403, 'Forbidden D10', false],
  ['telnyx', 503, 'Too many calls', true],
  ['twilio', 503, 'Trunk CPS limit exceeded', true],
  ['generic', 403, 'Connection limit D3', false],
])('%s, %i %s: %s', (brand, status, reason, expected) => {
  expect(isRateRefusal(attempt({ status, reason }), brand)).toBe(expected);
});

test.each([
  ['Q.850;cause=34;text="No circuit"', 503, true],
  ['Q.850 ;cause=42', 480, true],
  ['Q.850;cause=34', 486, false],
  ['Q.850;cause=34', 600, false],
  ['Q.850;cause=34', 603, false],
  ['Q.850;cause=17', 486, false],
  ['SIP;cause=34', 503, false],
  ['Q.850;cause=34', 404, false],
])('RFC 3326: Reason %s on a %i', (reasonHeader, status, expected) => {
  expect(isRateRefusal(attempt({ status, reasonHeaders: [reasonHeader] }), 'generic')).toBe(expected);
});

test.each<[string, Partial<TrunkAttempt>, object]>([
  ['any answer proves life', { status: 404, reason: 'Not Found' }, { kind: 'alive' }],
  ['an answered call too', { status: 200, reason: 'OK', cause: 'answered' }, { kind: 'alive' }],
  ['a timeout is silence', { cause: 'timeout', reason: 'no answer' }, { kind: 'silent', reason: 'no answer' }],
  ['so is a broken connection', { cause: 'transport-error', reason: 'reset' }, { kind: 'silent', reason: 'reset' }],
  [
    'what could not be sent for want of a connection here says nothing',
    { cause: 'transport-error', reason: "its tenant's trunks have their share of the connections" },
    { kind: 'none' },
  ],
  ['a cancelled call says nothing', { cause: 'cancelled' }, { kind: 'none' }],
  ['nor does one that found no place', { cause: 'capacity' }, { kind: 'none' }],
  ['503 alone is an answer', { status: 503, reason: 'Service Unavailable' }, { kind: 'alive' }],
  [
    '503 with Retry-After asks to wait',
    { status: 503, reason: '', retryAfterSeconds: 60 },
    { kind: 'hold', holdMs: 60_000 },
  ],
  ['for five minutes at most', { status: 503, reason: '', retryAfterSeconds: 1e6 }, { kind: 'hold', holdMs: 300_000 }],
  ['486 with Retry-After is of the callee', { status: 486, reason: 'Busy', retryAfterSeconds: 60 }, { kind: 'alive' }],
  ['a rate refusal passes in a second', { status: 503, reason: 'CPS' }, { kind: 'rate', holdMs: 1000 }],
  ['or when it says so', { status: 503, reason: 'CPS', retryAfterSeconds: 4 }, { kind: 'rate', holdMs: 4000 }],
  ['in 10 s at most', { status: 503, reason: 'CPS', retryAfterSeconds: 400 }, { kind: 'rate', holdMs: 10_000 }],
])('%s', (_what, overrides, expected) => {
  expect(judge(attempt(overrides), 'generic')).toEqual(expected);
});
