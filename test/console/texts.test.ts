import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { de } from '../../src/console/text/de/index.ts';
import { en } from '../../src/console/text/en/index.ts';

/** Names in braces that a text is filled in with. */
const placeholders = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();
/** The same in both languages by their nature: names, and what has no other word. */
const SAME =
  /^(app\.name|.*\.(fingerprint|name)|nav\.(trunks|live)|.*trunk.*|option\.media=.*|.*=tls|from\..*|.*Trunk.*)$/;

describe('the catalogues', () => {
  test.each(['en', 'de'])('no key of %s stands in two files, where one would hide the other', (name) => {
    const folder = join(import.meta.dirname, '../../src/console/text', name);
    const keys = readdirSync(folder).flatMap((file) =>
      [...readFileSync(join(folder, file), 'utf8').matchAll(/^ {2}'([^']+)':/gm)].map(([, key]) => key),
    );
    expect(keys.filter((key, at) => keys.indexOf(key) !== at)).toEqual([]);
  });

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
