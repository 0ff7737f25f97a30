import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { validateFiles } from '../../src/settings/load.ts';
import { nodeSchema } from '../../src/settings/node-schema.ts';
import { readStirFiles } from '../../src/settings/stir-files.ts';
import { stirWorld } from '../kit/stir/authority.ts';

let folder: string;
const world = stirWorld();
const at = (name: string) => join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tandem-stir-files-'));
  writeFileSync(at('anchors.pem'), world.root.pem);
  writeFileSync(at('crl.pem'), world.root.revocationList([]));
  writeFileSync(at('text.pem'), 'hello');
  writeFileSync(at('node.yaml'), JSON.stringify({ stir: { trustAnchors: [at('text.pem'), at('none.pem')] } }));
  writeFileSync(at('believes.yaml'), JSON.stringify({ stir: { trustAnchors: [at('anchors.pem')] } }));
  writeFileSync(at('silent.yaml'), '{}');
  const trunk = { name: 'carrier-a', type: 'ip', host: '192.0.2.10', options: { stirVerify: 'reject' } };
  writeFileSync(at('trunks.yaml'), JSON.stringify({ trunks: [trunk] }));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('anchors, lists and authorities are read', () => {
  const settings = nodeSchema.parse({
    stir: { trustAnchors: [at('anchors.pem')], crls: [at('crl.pem')], fetch: { authorities: [at('anchors.pem')] } },
  });
  expect(readStirFiles(settings)).toMatchObject({
    trust: { anchors: { length: 1 }, revocationLists: { length: 1 } },
    authorities: [world.root.pem],
  });
});

test('every file that is wrong is named with its place', () => {
  const settings = nodeSchema.parse({
    stir: { trustAnchors: [at('none.pem')], crls: [at('text.pem')], fetch: { authorities: [at('text.pem')] } },
  });
  expect(readStirFiles(settings)).toMatchObject([
    { path: 'stir.trustAnchors[0]', message: `${at('none.pem')}: does not exist: create it, or correct the path` },
    { path: 'stir.crls[0]', message: expect.stringContaining('holds no certificate revocation list') },
    { path: 'stir.fetch.authorities[0]', message: `${at('text.pem')}: holds no certificate in PEM` },
  ]);
});

test('validate opens them', () => {
  expect(validateFiles([at('node.yaml')], {}).map(({ path, line }) => [path, line])).toEqual([
    ['stir.trustAnchors[0]', 1],
    ['stir.trustAnchors[1]', 1],
  ]);
});

test('a trunk that demands signatures needs a node that believes somebody', () => {
  expect(validateFiles([at('silent.yaml'), at('trunks.yaml')], {})).toMatchObject([
    { code: 'option-without-effect', path: 'trunks[0].options.stirVerify' },
  ]);
  expect(validateFiles([at('believes.yaml'), at('trunks.yaml')], {})).toEqual([]);
});
