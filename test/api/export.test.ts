import { expect, test } from 'vitest';
import { exported } from '../../src/api/export.ts';
import type { Provisioning } from '../../src/provisioning/trunk-settings/schema.ts';
import { provision } from '../trunks/kit.ts';

async function piecesOf(state: Provisioning, view: (document: object) => object = (document) => document) {
  const pieces: string[] = [];
  for await (const piece of exported(state, view)) pieces.push(piece);
  return pieces;
}

const extensions = (count: number) => Array.from({ length: count }, (_, index) => ({ number: String(1000 + index) }));
const state = provision({
  tenants: [
    { name: 'none', domain: 'none.example.com' },
    { name: 'many', domain: 'many.example.com', extensions: extensions(950) },
    { name: 'few', domain: 'few.example.com', extensions: extensions(3) },
  ],
  trunks: [
    { id: '1', name: 'a', type: 'ip', host: 'a.example.com' },
    { id: '2', name: 'b', type: 'ip', host: 'b.example.com' },
  ],
});

test('the pieces of an export are one JSON document of the whole state', async () => {
  const pieces = await piecesOf(state);
  expect(JSON.parse(pieces.join(''))).toEqual(state);
  expect(pieces.length).toBeGreaterThan(2);
  expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(150_000);
});

test('a state without anything is exported too', async () => {
  expect(await piecesOf({ tenants: [], trunks: [], certificates: [] })).toEqual([
    '{"tenants":[],"trunks":[],"certificates":[]}',
  ]);
});

test('each document is shown as the asker may see it, extensions of a large tenant too', async () => {
  const view = (document: object) => ({ ...document, seen: true });
  const shown = JSON.parse((await piecesOf(state, view)).join('')) as { tenants: { extensions: object[] }[] };
  expect(shown.tenants[1]?.extensions.every((extension) => 'seen' in extension)).toBe(true);
});
