import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DigestedFile, readRichCallData, richClaims } from '../../src/stir/rich-call-data.ts';

const ICON = 'https://img.example/acme.png';
const SHA256 = `sha256-${Buffer.alloc(32, 7).toString('base64')}`;

test('RFC 9795: what is written is read', () => {
  const icon = { url: ICON, digest: SHA256 };
  expect(richClaims('Acme', icon)).toEqual({ rcd: { nam: 'Acme', icn: ICON }, rcdi: { '/icn': SHA256 } });
  expect(richClaims('Acme', undefined)).toEqual({ rcd: { nam: 'Acme' } });
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Za-z0-9]{0,40}$/), fc.boolean(), (name, has) => {
      expect(readRichCallData({ ...richClaims(name, has ? icon : undefined) } as never)).toEqual({
        name,
        icon: has ? icon : undefined,
        reason: undefined,
        faults: [],
      });
    }),
  );
});

describe('what is received', () => {
  test.each<[string, object, string | undefined]>([
    ['none', {}, undefined],
    ['no object', { rcd: 'Acme' }, 'rcd is no object'],
    ['a list', { rcd: [] }, 'rcd is no object'],
    ['no name', { rcd: { icn: ICON } }, 'rcd has no nam'],
    ['a name that is none', { rcd: { nam: 5 } }, 'rcd has no nam'],
  ])('cannot be read: %s', (_name, claims, fault) => {
    expect(readRichCallData(claims as never)).toBe(fault);
  });

  test.each<[string, object, string]>([
    ['without digest', { rcd: { nam: '', icn: ICON } }, `the icon ${ICON} has no digest in rcdi`],
    ['with rcdi of another kind', { rcd: { nam: '', icn: ICON }, rcdi: 'x' }, 'no digest in rcdi'],
    ['a list', { rcd: { nam: '', icn: [ICON] } }, 'icn is no URL'],
    [
      'with a digest of another length',
      { rcd: { nam: '', icn: ICON }, rcdi: { '/icn': 'sha256-AAAA' } },
      'has 32 octets',
    ],
    ['with md5', { rcd: { nam: '', icn: ICON }, rcdi: { '/icn': 'md5-AAAA' } }, 'is no digest'],
    ['with a digest under another name', { rcd: { nam: '', icn: ICON }, rcdi: { icn: SHA256 } }, 'no digest in rcdi'],
  ])('an icon %s is left out, and the rest stays', (_name, claims, fault) => {
    const read = readRichCallData({ ...claims, crn: 'Order 5' } as never);
    expect(read).toMatchObject({ icon: undefined, reason: 'Order 5', faults: [expect.stringContaining(fault)] });
  });

  test('names are one line of what can be printed, and not longer than a name is', () => {
    const name = (nam: string) => readRichCallData({ rcd: { nam } });
    expect(name(' Ac\r\nme\u202e \u0000')).toMatchObject({ name: 'Ac me' });
    expect(name('é'.repeat(500))).toMatchObject({ name: 'é'.repeat(128) });
    expect(name('😀'.repeat(200))).toMatchObject({ name: '😀'.repeat(128) });
  });

  test('any claims are read, or refused with a reason', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.jsonValue({ maxDepth: 4 }), (rcd, rcdi) => {
        const read = readRichCallData({ rcd, rcdi } as never);
        expect(typeof read === 'string' || Array.isArray(read?.faults)).toBe(true);
      }),
    );
  });
});

test('a digest is the same in both alphabets of base64, with padding or without', () => {
  const octets = Buffer.from([...'find an octet that both write differently'].join(''));
  const file = new DigestedFile(octets);
  const value = createHash('sha256').update(octets).digest();
  for (const spelled of [
    value.toString('base64'),
    value.toString('base64url'),
    value.toString('base64').replace('=', ''),
  ])
    expect(file.has(`sha256-${spelled}`)).toBe(true);
  expect(file.has(`sha384-${value.toString('base64')}`)).toBe(false);
  expect(file.has('sha256-')).toBe(false);
});
