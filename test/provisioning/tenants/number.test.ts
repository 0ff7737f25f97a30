import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { normalizeNumber, plainNumber } from '../../../src/provisioning/tenants/number.ts';

const octets = (text: string) => Buffer.from(text, 'utf8').toString('latin1');

describe('how numbers compare (behaviour 1)', () => {
  test.each([
    ['14155550100', 14155550100],
    ['+14155550100', 14155550100],
    ['0014155550100', 14155550100],
    ['+0014155550100', 14155550100],
    ['014155550100', 14155550100],
    ['+1 (415) 555-01.00', 14155550100],
    ['(0)4155550100', 4155550100],
    ['000', 0],
    ['999999999999999', 999999999999999],
    ['00999999999999999', 999999999999999],
  ])('%s compares as %d', (text, number) => {
    expect(normalizeNumber(text)).toBe(number);
  });

  test.each([
    '',
    '+',
    '0',
    '00',
    '+00',
    '1000000000000000',
    '1'.repeat(40),
    '12a',
    '++1',
    '1+2',
    '*67',
    '\uff0a\uff16\uff17',
    '½',
    'Ⅷ',
    '1\n2',
    'anonymous',
    '-',
    '()',
  ])('%j is no number', (text) => {
    expect(normalizeNumber(text)).toBeUndefined();
  });

  test('each prefix and any punctuation leaves the number the same', () => {
    const separators = fc.constantFrom('', ' ', '.', '-', '(', ')');
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 999_999_999_999_999 }),
        fc.constantFrom('', '+', '0', '00', '+00'),
        fc.array(separators),
        (number, prefix, punctuation) => {
          const plain = prefix + String(number);
          let written = '';
          for (let index = 0; index < plain.length; index += 1) written += (punctuation[index] ?? '') + plain[index];
          expect(normalizeNumber(written)).toBe(number);
        },
      ),
    );
  });
});

describe('invisible characters of copied numbers are separators, as text and as the octets of their UTF-8', () => {
  test.each([
    ['zero width space', '\u200b'],
    ['zero width joiner', '\u200d'],
    ['left-to-right mark', '\u200e'],
    ['left-to-right embedding', '\u202a'],
    ['pop directional formatting', '\u202c'],
    ['first strong isolate', '\u2068'],
    ['word joiner', '\u2060'],
    ['byte order mark', '\ufeff'],
    ['no-break space', '\u00a0'],
    ['narrow no-break space', '\u202f'],
    ['thin space', '\u2009'],
    ['ideographic space', '\u3000'],
    ['soft hyphen', '\u00ad'],
    ['non-breaking hyphen', '\u2011'],
    ['en dash', '\u2013'],
    ['minus', '\u2212'],
    ['full-width parenthesis', '\uff08'],
    ['full-width stop', '\uff0e'],
  ])('%s', (_name, mark) => {
    for (const each of [mark, octets(mark)]) {
      for (const text of [`${each}+1${each}415555${each}0100${each}`, `+${each}${each}14155550100`]) {
        expect(normalizeNumber(text)).toBe(14155550100);
        expect(plainNumber(text)).toBe('+14155550100');
      }
      expect(plainNumber(`9${each}11`)).toBe('911');
      expect(plainNumber(`*67${each}#`)).toBe('*67#');
      expect(plainNumber(each)).toBe(each);
      expect(plainNumber(`al${each}ice`)).toBe(`al${each}ice`);
    }
  });

  test.each(['1\u00c2 2', '1\u00e2\u0080', '1\u00e2\u00802', '1\u00e9', '1\u20ac2', '1\u00c22'])(
    '%j holds something else',
    (text) => {
      expect(normalizeNumber(text)).toBeUndefined();
      expect(plainNumber(text)).toBe(text);
    },
  );
});

describe('what is dialled in the digits of another script is that number', () => {
  test.each([
    ['Arabic', '\u0669\u0661\u0661', '911'],
    ['Persian', '\u06f1\u06f1\u06f2', '112'],
    ['Hindi', '+\u0967-\u096a\u0967\u096b', '+1415'],
    ['Bengali', '\u09ef\u09ef\u09ef', '999'],
    ['Thai', '\u0e51\u0e59\u0e51', '191'],
    ['Burmese', '\u1041\u1049\u1049', '199'],
    ['Khmer', '\u17e1\u17e1\u17e7', '117'],
    ['full-width', '\uff08\uff11\uff09\uff11\uff10', '110'],
    ['full-width with plus', '\uff0b\uff11\uff14', '+14'],
    ['Gujarati', '\u0aef\u0ae7\u0ae7', '911'],
    ['Gurmukhi', '\u0a6f\u0a67\u0a67', '911'],
    ['Odia', '\u0b67\u0b66\u0b6e', '108'],
    ['Tamil', '\u0bef\u0be7\u0be7', '911'],
    ['Telugu', '\u0c67\u0c66\u0c6e', '108'],
    ['Kannada', '\u0ce7\u0ce6\u0cee', '108'],
    ['Malayalam', '\u0d67\u0d66\u0d6e', '108'],
    ['Lao', '\u0ed1\u0ed9\u0ed1', '191'],
    ['Tibetan', '\u0f21\u0f21\u0f22', '112'],
    ['N\u2019Ko', '\u07c1\u07c1\u07c7', '117'],
    ['Adlam, beyond U+FFFF', '\u{1e951}\u{1e951}\u{1e957}', '117'],
    ['bold', '\u{1d7cf}\u{1d7cf}\u{1d7d0}', '112'],
    ['sans-serif', '\u{1d7e3}\u{1d7e3}\u{1d7e4}', '112'],
    ['one among others', '9\uff111', '911'],
  ])('%s, and it compares as that number', (_name, text, number) => {
    for (const each of [text, octets(text)]) {
      expect(plainNumber(each)).toBe(number);
      expect(normalizeNumber(each)).toBe(Number(number));
    }
  });

  test.each([
    ['\uff0a\uff16\uff17\uff11\uff11\uff12', '*67112'],
    ['\uff03\u0663\u0661\uff03', '#31#'],
  ])('%s is the code %s', (text, code) => {
    for (const each of [text, octets(text)]) expect(plainNumber(each)).toBe(code);
  });

  test.each([
    ['a footnote mark behind it', '+49 30 1234567\u00b9'],
    ['superscripts', '+49 30 \u00b9\u00b2\u00b3'],
    ['a superscript of another block', '1\u2070'],
    ['subscripts', '1\u2081\u2082'],
    ['a number in a circle', '\u24692'],
    ['one in parentheses', '\u24742'],
  ])('with %s it is no number: that is no digit of a keyboard', (_name, text) => {
    for (const each of [text, octets(text)]) {
      expect(plainNumber(each)).toBe(each);
      expect(normalizeNumber(each)).toBeUndefined();
    }
  });

  test('a name with such a digit stays as it is', () => {
    for (const name of ['desk\uff11', 'ò1', 'Bò', '\u2460A'])
      for (const each of [name, octets(name)]) expect(plainNumber(each)).toBe(each);
  });

  test('each decimal digit of Unicode is a digit', () => {
    let count = 0;
    for (let code = 0x80; code <= 0x1ffff; code++) {
      const digit = String.fromCodePoint(code);
      if (!/\p{Nd}/u.test(digit)) continue;
      expect([normalizeNumber(`1${digit}`), normalizeNumber(octets(`1${digit}`))]).toEqual(
        Array(2).fill(10 + (count++ % 10)),
      );
    }
    expect(count).toBeGreaterThan(500);
  });
});

describe('a digit of another script costs what it takes to read it', () => {
  function counted(method: 'charCodeAt' | 'normalize', run: () => void): number {
    const calls = vi.spyOn(String.prototype, method);
    try {
      run();
      return calls.mock.calls.length;
    } finally {
      calls.mockRestore();
    }
  }

  test('Unicode is not asked about each character of a text', () => {
    for (const text of ['\u0669'.repeat(250), '\uff19'.repeat(250), '\u2460'.repeat(250)])
      for (const each of [text, octets(text)]) {
        expect(counted('normalize', () => plainNumber(each))).toBeLessThanOrEqual(1);
        expect(counted('normalize', () => normalizeNumber(each))).toBe(0);
      }
  });

  test.each([
    ['a name before it', `x${'\u0669'.repeat(8000)}`],
    ['a name after it', `\u0669x${'\u0669'.repeat(8000)}`],
    ['more than a number has', '\u0669'.repeat(8000)],
    ['no digit', '\u4e00'.repeat(8000)],
  ])('no text is compared beyond what shows that it is no number: %s', (_name, text) => {
    for (const each of [text, octets(text)]) {
      expect(normalizeNumber(each)).toBeUndefined();
      expect(counted('charCodeAt', () => normalizeNumber(each))).toBeLessThan(500);
    }
  });

  test('a prefix in digits of another script is one, and fifteen digits after it are a number', () => {
    for (const prefix of ['+', '\uff0b', '\u0660', '\u0660\u0660', '+\u0660\u0660', '0\u0660', '\uff0b-\u0660 0'])
      for (const text of [`${prefix}${'\u0669'.repeat(15)}`, `${prefix}9${'\u0669'.repeat(14)}`])
        for (const each of [text, octets(text)]) {
          expect(normalizeNumber(each)).toBe(999_999_999_999_999);
          expect(normalizeNumber(`${each}${each.slice(-2)}`)).toBeUndefined();
        }
  });
});

describe('what is dialled and sent has no visual separators (RFC 3966 §5.1.1)', () => {
  test.each([
    ['91-900-555.1234', '919005551234'],
    ['+1 (415) 555-0101', '+14155550101'],
    ['(+1) 415', '+1415'],
    ['+-1', '+1'],
    ['*67-900', '*67900'],
    ['#31#(900)', '#31#900'],
    ['14155550101', '14155550101'],
  ])('%s is %s', (text, plain) => {
    expect(plainNumber(text)).toBe(plain);
  });

  test.each(['', '-', '( )', 'jo-anne', '1-800-FLOWERS', '1+2', '+ +1', '(1+2)', '911;x', '9%2D11'])(
    '%j is no number and stays',
    (text) => {
      expect(plainNumber(text)).toBe(text);
    },
  );

  const pieces = fc.array(fc.constantFrom(...'0123456789*#', '-', '.', '(', ')', ' '), { maxLength: 30 });
  test('however it is spelled, a number is one number', () => {
    fc.assert(
      fc.property(fc.boolean(), pieces, (plus, parts) => {
        const text = (plus ? '+' : '') + parts.join('');
        const plain = text.replaceAll(/[-.() ]/g, '');
        expect(plainNumber(text)).toBe(/[0-9*#]/.test(plain) ? plain : text);
      }),
    );
  });
});
