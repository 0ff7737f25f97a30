import { describe, expect, test } from 'vitest';
import { newTotpSecret, totpCode, totpStep, totpUri } from '../../src/api/totp.ts';

/** "12345678901234567890" in Base32: the secret of RFC 6238's test vectors. */
const SECRET = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';

describe('one-time codes by time (RFC 6238)', () => {
  test.each([
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_111_111_111, '050471'],
    [1_234_567_890, '005924'],
    [2_000_000_000, '279037'],
    [20_000_000_000, '353130'],
  ])('Appendix B: at %i s the code ends in %s', (seconds, code) => {
    expect(totpCode(SECRET, Math.floor(seconds / 30))).toBe(code);
  });

  test('§5.2: the step before and after now is good, further ones are not', () => {
    const now = 1_000_000 * 30_000;
    const good = [-2, -1, 0, 1, 2].map((off) => totpStep(SECRET, totpCode(SECRET, 1_000_000 + off), now, 0));
    expect(good).toEqual([undefined, 999_999, 1_000_000, 1_000_001, undefined]);
  });

  test('§5.2: a code is good once; one of an earlier step is not good after it', () => {
    const now = 1_000_000 * 30_000;
    expect(totpStep(SECRET, totpCode(SECRET, 1_000_000), now, 1_000_000)).toBeUndefined();
    expect(totpStep(SECRET, totpCode(SECRET, 999_999), now, 1_000_000)).toBeUndefined();
    expect(totpStep(SECRET, totpCode(SECRET, 1_000_001), now, 1_000_000)).toBe(1_000_001);
  });

  test.each(['', '12345', '1234567', 'abcdef', '１２３４５６'])('%j is no code', (code) => {
    expect(totpStep(SECRET, code, 59_000, 0)).toBeUndefined();
  });

  test('spaces that apps show do not matter', () => {
    expect(totpStep(SECRET, '287 082', 59_000, 0)).toBe(1);
  });

  test('secrets have 160 bits in Base32 and differ', () => {
    const made = Array.from({ length: 50 }, newTotpSecret);
    expect(new Set(made).size).toBe(50);
    for (const secret of made) expect(secret).toMatch(/^[A-Z2-7]{32}$/);
  });

  test('the address for an app names issuer and user', () => {
    expect(totpUri(SECRET, 'pat@acme.example', 'tandem')).toBe(
      `otpauth://totp/tandem:pat%40acme.example?secret=${SECRET}&issuer=tandem`,
    );
  });
});
