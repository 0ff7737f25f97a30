/**
 * Who may import whom in src: layers.json is the table, and what else says so is made of it: the rules that `npm run check` goes by
 * (layers.biome.json) and the table of docs/architecture.md. `node test/checks/layers.ts` writes both.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Each folder of src, lowest first, and those that it may import. */
export type Layers = Readonly<Record<string, readonly string[]>>;

const root = resolve(import.meta.dirname, '../..');
const rulesPath = join(import.meta.dirname, 'layers.biome.json');
const pagePath = join(root, 'docs/architecture.md');
const HEAD = '| folder | may import |\n|---|---|\n';

export function readLayers(): Layers {
  return JSON.parse(readFileSync(join(import.meta.dirname, 'layers.json'), 'utf8')) as Layers;
}

/** Biome's configuration: of each folder, what it may not import. */
export function rulesOf(layers: Layers): string {
  const folders = Object.keys(layers);
  const overrides = folders.map((folder) => {
    const allowed = layers[folder] ?? [];
    const denied = folders.filter((other) => other !== folder && !allowed.includes(other));
    const group = ['**/main.ts', ...denied.map((other) => `**/${other.replace(/^(?:sip|provisioning)\//, '')}/**`)];
    const message = `src/${folder} may import only: ${named(allowed)}`;
    const noRestrictedImports = { level: 'error', options: { patterns: [{ group, message }] } };
    return JSON.stringify({
      includes: [`src/${folder}/**/*.ts`, `src/${folder}/**/*.tsx`],
      linter: { rules: { style: { noRestrictedImports } } },
    });
  });
  return `{"overrides": [\n${overrides.join(',\n')}\n]}\n`;
}

/** The page with the table in place of the one that it has. */
export function pageOf(layers: Layers, page: string): string {
  const from = page.indexOf(HEAD) + HEAD.length;
  const rows = Object.entries(layers).map(([folder, allowed]) => `| \`${folder}/\` | ${named(allowed)} |\n`);
  return page.slice(0, from) + rows.join('') + page.slice(page.indexOf('\n\n', from) + 1);
}

export function readRules(): string {
  return readFileSync(rulesPath, 'utf8');
}

export function readPage(): string {
  return readFileSync(pagePath, 'utf8');
}

function named(allowed: readonly string[]): string {
  return allowed.length === 0 ? 'nothing outside itself' : allowed.join(', ');
}

if (process.argv[1] === import.meta.filename) {
  const layers = readLayers();
  writeFileSync(rulesPath, rulesOf(layers));
  writeFileSync(pagePath, pageOf(layers, readPage()));
}
