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

const CONSOLE = join(import.meta.dirname, '../../src/console');
/** Descriptions of forms and lists: their texts have the name of the form or list in front of a path or a word that stands there. */
const DESCRIBED =
  /^(extension|group|service|outboundRule|inboundRule|tenant|certificate|transport|field|bulk|extensions|groups|services|outbound-rules|inbound-rules)\./;

/** Keys that no source file names: as they are, by a template that begins like them, by the name of a listing, or by the path of a described field. */
function unusedKeys(keys: readonly string[]): readonly string[] {
  const sources = readdirSync(CONSOLE, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file) && !/^text\/(en|de)\//.test(file))
    .map((file) => readFileSync(join(CONSOLE, file), 'utf8'))
    .join('\n');
  const begun = [...sources.matchAll(/`([\w-]+[.=](?:[\w-]+[.=])*)\$\{/g)].map(([, beginning = '']) => beginning);
  const isOfListing = (name: string) => {
    const [, listing = ''] = /^([\w-]+)\.(?:title|empty|emptyText)$/.exec(name) ?? [];
    return sources.includes(` of="${listing}"`);
  };
  const isNamed = (name: string) =>
    sources.includes(`'${name}'`) || begun.some((beginning) => name.startsWith(beginning)) || isOfListing(name);
  const isDescribed = (key: string) => {
    const [, ...path] = key.replace(/(\.help|\.add|=.*)$/, '').split('.');
    // A row of a list has fields of its own.
    return DESCRIBED.test(key) && path.some((_, at) => isNamed(path.slice(at).join('.')));
  };
  return keys.filter((key) => !isNamed(key) && !isDescribed(key));
}

describe('the catalogues', () => {
  test('have no text that no page shows', () => {
    expect(unusedKeys(Object.keys(en))).toEqual([]);
    const nobodys = ['nobody.shows', 'nobody.empty', 'extension.nothing.help'];
    expect(unusedKeys(nobodys)).toEqual(nobodys);
  });

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

  test('say in words whatever `/readyz` names', () => {
    const [, table = ''] = readFileSync('docs/operations.md', 'utf8').split('| reason | what is wrong |');
    const reasons = [...(table.split('\n\n')[0] ?? '').matchAll(/`([a-z-]+)`(?=[^|]*\|[^|]*\|$)/gm)].map(
      ([, reason]) => reason,
    );
    expect(reasons).toContain('worker-silent');
    expect(reasons.filter((reason) => !(`ready.${reason}` in en))).toEqual([]);
  });

  test('have a name for each step of a decision', () => {
    const sources = ['outbound', 'engine/explain'].flatMap((folder) => {
      const path = join(import.meta.dirname, '../../src', folder);
      const files = readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
      return files.map((file) => readFileSync(join(path, file), 'utf8'));
    });
    const steps = sources.flatMap((source) =>
      Array.from(source.matchAll(/(?:\bstep: |^ {2}name: |\btold\(|^ {4}\[)'([a-z-]+)'/gm), ([, step = '']) => step),
    );
    expect(steps).toEqual(expect.arrayContaining(['guards', 'signing', 'rule-terms', 'caller-name']));
    expect(steps.filter((step) => !(`why.${step}` in en))).toEqual([]);
  });

  test('are translated: a longer text is not the same in both', () => {
    const same = Object.entries(en).filter(
      ([key, text]) =>
        text.split(' ').length > 3 && text === (de as Readonly<Record<string, string>>)[key] && !SAME.test(key),
    );
    expect(same).toEqual([]);
  });
});
