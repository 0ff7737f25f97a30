import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { pageOf, readLayers, readPage, readRules, rulesOf } from './layers.ts';

const src = resolve(import.meta.dirname, '../../src');
const layers = readLayers();

function foldersOf(path: string): string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}

/** Folders whose own folders are the layers. */
const WINGS = ['provisioning', 'sip'];

test('every folder of src is a layer', () => {
  const folders = foldersOf(src).flatMap((name) =>
    WINGS.includes(name) ? foldersOf(join(src, name)).map((part) => `${name}/${part}`) : [name],
  );
  expect(Object.keys(layers).sort()).toEqual(folders.sort());
});

test('a layer imports only those above it in the table: no folders import each other', () => {
  const folders = Object.keys(layers);
  for (const [index, folder] of folders.entries())
    for (const allowed of layers[folder] ?? []) expect(folders.slice(0, index), folder).toContain(allowed);
});

test('what the check goes by, and the table of docs/architecture.md, are made of it: node test/checks/layers.ts', () => {
  expect(readRules()).toBe(rulesOf(layers));
  expect(readPage()).toBe(pageOf(layers, readPage()));
});

test('the command has types alone of the HTTP interface: what it needs is loaded when it runs, and that is not it', () => {
  for (const name of readdirSync(join(src, 'cli')).filter((file) => file.endsWith('.ts')))
    expect(readFileSync(join(src, 'cli', name), 'utf8'), name).not.toMatch(/^import (?!type )[^;]*'\.\.\/api\//m);
});
