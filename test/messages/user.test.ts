import { expect, test } from 'vitest';
import { isUserId, peerOf, shownUser } from '../../src/messages/user.ts';

test.each([
  ['US.13491208655302741918', 'US.13491208655302741918', 'US.13491208655302741918'],
  ['US.ENT.11815799212886844830', 'US.ENT.11815799212886844830', 'US.ENT.11815799212886844830'],
  ['+1 (201) 555-0123', '12015550123', '+12015550123'],
  ['0012015550123', '12015550123', '+12015550123'],
])('%s is kept as %s and shown as %s', (text, kept, shown) => {
  expect(peerOf(text)).toBe(kept);
  expect(shownUser(kept)).toBe(shown);
});

test.each(['', '.', 'US 1', 'US.1/../2', `U${'1'.repeat(128)}`, '1234567890123456', 'a@b'])(
  '%j is nobody at WhatsApp',
  (text) => expect(peerOf(text)).toBeUndefined(),
);

test('no number is an id', () => {
  for (const number of ['12015550123', '+12015550123', '911', '*67']) expect(isUserId(number)).toBe(false);
});
