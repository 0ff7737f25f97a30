import { expect, test } from 'vitest';
import type { Trunk } from '../../src/provisioning/trunk-settings/schema.ts';
import { contactTokens } from '../../src/trunks/contact-token.ts';

const SECRET = new Uint8Array(32).fill(3);
const trunk = (id: string, password = 'pw') => ({ id, credentials: { username: 'user', password } }) as Trunk;

test('it is the same at every node that has the secret, and after a restart', () => {
  const [one, other] = [contactTokens(SECRET), contactTokens(SECRET)];
  expect(one(trunk('1'))).toMatch(/^[0-9a-f]{24}$/);
  expect(contactTokens(SECRET)(trunk('1'))).toBe(other(trunk('1')));
});

test('it differs by trunk, by password, by secret, and for a registration that is made anew', () => {
  const tokens = contactTokens(SECRET);
  const made = [
    tokens(trunk('1')),
    tokens(trunk('1')),
    tokens(trunk('2')),
    contactTokens(SECRET)(trunk('1', 'other')),
    contactTokens(new Uint8Array(32))(trunk('1')),
    contactTokens(undefined)(trunk('1')),
  ];
  expect(new Set(made).size).toBe(made.length);
});
