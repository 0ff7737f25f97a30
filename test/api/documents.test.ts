import { expect, test } from 'vitest';
import { withoutSecrets, withStoredSecrets } from '../../src/api/documents.ts';

const stored = {
  number: '101',
  password: 'old',
  forward: { busy: '102' },
  list: [{ name: 'a', secret: 's' }, { name: 'b' }],
  key: '-----BEGIN PRIVATE KEY-----',
  note: undefined,
};

test('what goes out has a mark in the place of each secret, and of what has none nothing is copied', () => {
  const shown = withoutSecrets(stored);
  expect(JSON.stringify(shown)).toBe(
    '{"number":"101","passwordSet":true,"forward":{"busy":"102"},"list":[{"name":"a","secretSet":true},{"name":"b"}],"keySet":true}',
  );
  expect(shown.forward).toBe(stored.forward);
  expect(shown.list[1]).toBe(stored.list[1]);
  expect(withoutSecrets(stored.forward)).toBe(stored.forward);
  expect(stored).toMatchObject({ password: 'old', list: [{ secret: 's' }, {}] });
});

test('what comes back keeps the stored secrets that it says nothing of; without any to keep it is itself', () => {
  const written = { number: '101', forward: { busy: '103' }, list: [] };
  expect(withStoredSecrets(written, stored)).toEqual({ ...written, password: 'old', key: stored.key });
  expect(withStoredSecrets(written, { number: '101', forward: { busy: '102' } })).toBe(written);
  expect(withStoredSecrets({ ...written, ha1: 'h' }, stored)).not.toHaveProperty('password');
  const parts = { credentials: { authName: 'u' } };
  expect(withStoredSecrets(parts, { credentials: { authName: 'u', password: 'p' } })).toEqual({
    credentials: { authName: 'u', password: 'p' },
  });
  expect(parts).toEqual({ credentials: { authName: 'u' } });
});
