import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { withNodeName } from '../../src/settings/node-name.ts';
import { nodeSchema } from '../../src/settings/node-schema.ts';

const base = mkdtempSync(join(tmpdir(), 'tandem-name-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));
const named = (path: string, more: object = {}, kind = 'redis') =>
  withNodeName(
    nodeSchema.parse({ store: kind === 'redis' ? { kind, url: 'redis://192.0.2.1', path } : { kind, path }, ...more }),
  ).node;

test('a node without a name is given one of its own, once', () => {
  const [one, other] = [join(base, 'one'), join(base, 'other')];
  const name = named(one);
  expect(name).toMatch(/^[A-Za-z0-9][A-Za-z0-9-]{0,31}$/);
  expect(named(one)).toBe(name);
  expect(readFileSync(join(one, 'node.name'), 'utf8')).toBe(`${name}\n`);
  expect(named(other)).not.toBe(name);
  expect(named(one, { node: 'edge-1' })).toBe('edge-1');
});

test('a store of one node from before keeps the name that its registrations have', () => {
  const path = join(base, 'old');
  mkdirSync(path);
  writeFileSync(join(path, 'provisioning.db'), '');
  expect(named(path, {}, 'embedded')).toBe('node-1');
});

test('what stands in the file and is no name is replaced; a folder that cannot be written stops nothing here', () => {
  const path = join(base, 'bad');
  mkdirSync(path);
  writeFileSync(join(path, 'node.name'), 'a name!\n');
  expect(named(path)).not.toContain('!');
  // A file stands where the folder should.
  expect(named(join(path, 'node.name'))).toMatch(/-/);
});
