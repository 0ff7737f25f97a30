import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

interface Stop {
  readonly file: string;
  readonly name: string;
}

/** Each `name()` and each `ClassName` belongs to the path in backticks that stands before it. */
function stopsOf(text: string): Stop[] {
  const stops: Stop[] = [];
  let file = '';
  for (const [, quoted = ''] of text.matchAll(/`([^`]+)`/g)) {
    if (/^[a-z/-]+\.ts$/.test(quoted)) file = quoted;
    else if (/^[A-Za-z]+\(\)$/.test(quoted) || /^[A-Z][a-z]+[A-Z][A-Za-z]+$/.test(quoted)) {
      stops.push({ file, name: quoted.replace('()', '') });
    }
  }
  return stops;
}

const text = readFileSync('src/README.md', 'utf8');
const stops = stopsOf(text.slice(0, text.indexOf('## Map')));

describe('src/README.md', () => {
  test('names the stops of a call', () => {
    expect(stops.length).toBeGreaterThan(60);
  });

  test.each(stops.map(({ file, name }) => [file, name]))('src/%s has %s', (file, name) => {
    const code = readFileSync(`src/${file}`, 'utf8');
    // A method, a private one, a function or a class: what is defined here, not what is called.
    const definition = new RegExp(
      `^(?: {2}(?:async |\\*)?#?${name}(?:<[^>]*>)?\\(|export (?:abstract )?class ${name}\\b|(?:export )?(?:async )?function ${name}\\b)`,
      'm',
    );
    expect(definition.test(code), `${name} is not defined in src/${file}`).toBe(true);
  });

  test('its map has every folder, and every folder has a README', () => {
    const foldersOf = (path: string) =>
      readdirSync(path, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
    const inSip = foldersOf('src/sip').map((name) => `sip/${name}`);
    const folders = [...foldersOf('src').filter((name) => name !== 'sip'), ...inSip];
    const map = text.slice(text.indexOf('## Map'));
    for (const folder of [...map.matchAll(/`([a-z/]+)\/`/g)].map((match) => match[1] ?? '')) {
      expect(existsSync(`src/${folder}`), folder).toBe(true);
      expect(existsSync(`src/${folder}/README.md`), `src/${folder}/README.md`).toBe(true);
    }
    for (const folder of folders) expect(map).toContain(`\`${folder}/\``);
  });
});
