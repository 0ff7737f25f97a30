import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';

const project = join(import.meta.dirname, '../..');

describe('the bundle of the console', () => {
  let files: Map<string, string>;
  beforeAll(() => {
    const bundle = mkdtempSync(join(tmpdir(), 'tandem-bundle-'));
    // As `npm ci` makes it: this process says of itself that it is a test, and the bundle would be made to be debugged.
    const { NODE_ENV: _, ...env } = process.env;
    execFileSync(process.execPath, ['src/console/build.ts', bundle], { cwd: project, env });
    const names = ['index.html', ...readdirSync(join(bundle, 'assets')).map((name) => `assets/${name}`)];
    files = new Map(names.map((name) => [name, readFileSync(join(bundle, name), 'utf8')]));
    rmSync(bundle, { recursive: true });
  });

  test('is under 150 KB, packed', () => {
    const octets = [...files.values()].reduce((sum, text) => sum + gzipSync(text).length, 0);
    expect(octets).toBeGreaterThan(10_000);
    expect(octets).toBeLessThan(150_000);
  });

  test('asks no other server for anything: it works without the internet', () => {
    // The latter two stand in texts.
    const known =
      /^https?:\/\/(?:www\.w3\.org\/|github\.com\/preactjs\/preact\/|crm\.example\.com\/|status\.office\.com)/;
    for (const [name, text] of files) {
      const addresses = text.match(/https?:\/\/[^\s"'`)\\]+/g) ?? [];
      expect(
        addresses.filter((address) => !known.test(address)),
        name,
      ).toEqual([]);
    }
  });

  test('has nothing inline that its policy would refuse', () => {
    const page = files.get('index.html') ?? '';
    expect(page).toMatch(/<script type="module"[^>]* src="\/console\/assets\/index-[\w-]+\.js"><\/script>/);
    expect(page.match(/<script(?![^>]* src=)/)).toBeNull();
    expect(page).not.toMatch(/<style| style=| on[a-z]+=/);
  });
});
