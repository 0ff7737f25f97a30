import { expect, test } from 'vitest';
import { splitAor } from '../../src/engine/aor.ts';
import { ownerOf, partyOf } from '../../src/engine/owner.ts';

test('the owner of a leg is a tenant and a number, and comes apart again', () => {
  expect(partyOf(ownerOf('acme', '101'))).toEqual({ tenant: 'acme', number: '101' });
  expect(partyOf(ownerOf('a/b', '101'))).toEqual({ tenant: 'a/b', number: '101' });
});

test("a leg that is nobody's has no party", () => {
  expect(partyOf(undefined)).toBe(undefined);
  expect(partyOf('')).toBe(undefined);
  expect(partyOf('acme')).toBe(undefined);
});

test('an address of record comes apart at its last @', () => {
  expect(splitAor('101@acme.example.com')).toEqual({ user: '101', domain: 'acme.example.com' });
  expect(splitAor('a@b@acme.example.com')).toEqual({ user: 'a@b', domain: 'acme.example.com' });
});
