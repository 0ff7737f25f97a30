import fc from 'fast-check';

const SURROGATES = { first: 0xd800, count: 0x800 };
const CHARACTERS = 0x110000 - SURROGATES.count;

/**
 * The unit of strings of whatever characters, astral ones and controls too. It is what fast-check calls `binary`, without the table of all
 * 1.1 million characters that this makes to find the number of one: half a second, and memory that the process keeps.
 */
export const anyCharacter: fc.Arbitrary<string> = fc
  .nat({ max: CHARACTERS - 1 })
  .map((number) => String.fromCodePoint(number < SURROGATES.first ? number : number + SURROGATES.count), numberOf);

/** Throws where the value is no such character, as fast-check asks for. */
function numberOf(value: unknown): number {
  const code = typeof value === 'string' && /^[^\ud800-\udfff]$/u.test(value) ? (value.codePointAt(0) as number) : -1;
  if (code < 0) throw new TypeError('not one character');
  return code < SURROGATES.first ? code : code - SURROGATES.count;
}
