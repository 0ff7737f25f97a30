import { expect, test } from 'vitest';
import { addressee, aorParts, requestedHost, splitAor } from '../../src/registrar/aor.ts';
import { aorKey } from '../../src/registrar/index.ts';
import { parseUri } from '../../src/sip/message/index.ts';
import { register } from './kit.ts';

test.each([
  ['sip:bob@Example.COM', 'bob', 'example.com'],
  ['sip:%62ob@example.com;user=phone', 'bob', 'example.com'],
  ['sips:bob:secret@example.com:5070', 'bob', 'example.com'],
  ['sip:j%C3%A4s@example.com', 'jäs', 'example.com'],
  ['sip:example.com', '', 'example.com'],
  ['sip:bob@example.com.', 'bob', 'example.com'],
  ['sip:bob%40Example.com@example.com', 'bob', 'example.com'],
  ['sip:bob%40example.org@example.com', 'bob@example.org', 'example.com'],
])('RFC 3261 §10.3 step 5: %s is %s at %s', (uri, user, host) => {
  expect(aorParts(parseUri(uri))).toEqual({ user, host });
  const request = register({ to: uri, uri });
  expect([addressee(request), requestedHost(request)]).toEqual([{ user, host }, host]);
});

test('the user is case-sensitive, the domain is not', () => {
  expect(aorKey('Bob', 'EXAMPLE.com')).toBe('Bob@example.com');
});

test('what is no SIP address is none', () => {
  expect(aorParts(parseUri('tel:+14155550100'))).toBeUndefined();
  expect(aorParts(parseUri('mailto:bob@example.com'))).toBeUndefined();
});

test('an address of record comes apart at its last @', () => {
  expect(splitAor('101@acme.example.com')).toEqual({ user: '101', domain: 'acme.example.com' });
  expect(splitAor('a@b@acme.example.com')).toEqual({ user: 'a@b', domain: 'acme.example.com' });
});
