import { expect, test } from 'vitest';
import { callerStatus, inDialogStatus, isBetterStatus, sipReason } from '../../src/call/response-mapping.ts';

test('behaviour 17: statuses that speak of the engine’s own INVITE are mapped, all others pass', () => {
  const table: [number, number][] = [
    [302, 480],
    [401, 503],
    [407, 503],
    [420, 500],
    [422, 500],
    [481, 480],
    [491, 480],
    [486, 486],
    [403, 403],
    [503, 503],
    [603, 603],
    [608, 608],
    [700, 500],
    [200, 500],
  ];
  for (const [status, expected] of table) expect(callerStatus(status), String(status)).toBe(expected);
});

test('within a call, too, challenges, extensions, a session interval are the engine’s own affair, and no redirect is followed', () => {
  const table = [
    [302, 480],
    [399, 480],
    [401, 403],
    [407, 403],
    [408, 504],
    [420, 500],
    [421, 500],
    [422, 500],
    [505, 500],
    [200, 200],
    [299, 299],
    [469, 469],
    [481, 481],
    [488, 488],
    [489, 489],
    [491, 491],
  ] as const;
  for (const [status, expected] of table) expect(inDialogStatus(status), String(status)).toBe(expected);
});

test('RFC 3326 §2: the text of a Reason is a quoted string', () => {
  expect(sipReason(486, 'Say "no" \\ twice')).toBe('SIP;cause=486;text="Say \\"no\\" \\\\ twice"');
  expect(sipReason(486, '')).toBe('SIP;cause=486');
});

test('RFC 3261 §16.7 step 6: order of preference', () => {
  const order = [603, 484, 486, 404, 480, 500, 503];
  for (let index = 1; index < order.length; index++) {
    expect(isBetterStatus(order[index - 1] as number, order[index] as number)).toBe(true);
    expect(isBetterStatus(order[index] as number, order[index - 1] as number)).toBe(false);
  }
});
