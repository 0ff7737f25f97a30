import { describe, expect, test } from 'vitest';
import { de } from '../../src/console/text/de/index.ts';
import { en } from '../../src/console/text/en/index.ts';

/** Names in braces that a text is filled in with. */
const placeholders = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();
/** The same in both languages by their nature: names, and what has no other word. */
const SAME =
  /^(app\.name|.*\.(fingerprint|name)|nav\.(trunks|live)|.*trunk.*|option\.media=.*|.*=tls|from\..*|.*Trunk.*)$/;

describe('the catalogues', () => {
  test('have the same keys, none of them empty, each with the same names to fill in', () => {
    expect(Object.keys(de).sort()).toEqual(Object.keys(en).sort());
    for (const [key, text] of Object.entries(en)) {
      const german = (de as Readonly<Record<string, string>>)[key] ?? '';
      expect(text, key).not.toBe('');
      expect(german, key).not.toBe('');
      expect(placeholders(german), key).toEqual(placeholders(text));
    }
  });

  test('are translated: a longer text is not the same in both', () => {
    const same = Object.entries(en).filter(
      ([key, text]) =>
        text.split(' ').length > 3 && text === (de as Readonly<Record<string, string>>)[key] && !SAME.test(key),
    );
    expect(same).toEqual([]);
  });
});
