import { expect, test } from 'vitest';
import { verdictOf } from '../../src/messages/cloud-errors.ts';

test.each([
  [190, { kind: 'token' }],
  [0, { kind: 'token' }],
  [131047, { kind: 'refused', status: 403, warning: expect.stringContaining('24h window') }],
  [131026, { kind: 'refused', status: 404 }],
  [131051, { kind: 'refused', status: 415 }],
  [131008, { kind: 'refused', status: 400 }],
  [100, { kind: 'refused', status: 400 }],
  [131048, { kind: 'refused', status: 403 }],
  [131049, { kind: 'refused', status: 403 }],
  [130429, { kind: 'later', scope: 'number', status: 503, afterMs: 1_000 }],
  [131056, { kind: 'later', scope: 'user', status: 503, afterMs: 6_000 }],
  [131000, { kind: 'later', status: 500 }],
  [2, { kind: 'later', status: 503 }],
  [999_999, { kind: 'refused', status: 400 }],
])('code %i', (code, verdict) => expect(verdictOf({ code, message: 'm' })).toMatchObject(verdict));

test('the API says itself how long to wait', () => {
  expect(verdictOf({ code: 130429, message: '', retryAfterMs: 7_000 })).toMatchObject({ afterMs: 7_000 });
});
