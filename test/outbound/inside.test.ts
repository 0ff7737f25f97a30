import { expect, test } from 'vitest';
import { insideParty } from '../../src/outbound/inside.ts';
import { directoryOf, tenantWith } from './world.ts';

const tenant = tenantWith({
  emergencyNumbers: ['112'],
  extensions: [
    { number: '101', password: 'c4n4ry-inside' },
    { number: '112', password: 'c4n4ry-inside' },
  ],
});
const directory = directoryOf([tenant], []);

function kindOf(number: string): string | undefined {
  const acme = directory.tenants.at(0);
  return acme === undefined ? 'no tenant' : insideParty(directory, acme, number)?.kind;
}

test('an extension of the tenant is inside, a number that nobody has is outside', () => {
  expect(kindOf('101')).toBe('extension');
  expect(kindOf('199')).toBe(undefined);
});

test('an emergency number is outside, though an extension has it', () => {
  expect(kindOf('112')).toBe(undefined);
});
