import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadNode, loadNodeWithFiles, validateFiles } from '../../src/settings/load.ts';

let folder: string;
const path = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tandem-credentials-'));
  const [one, other] = await Promise.all([generate([], { keyType: 'ec' }), generate([], { keyType: 'ec' })]);
  writeFileSync(path('cert.pem'), one.cert);
  writeFileSync(path('key.pem'), one.private);
  writeFileSync(path('other.pem'), other.private);
  mkdirSync(path('folder'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function configuration(more: object): string {
  const listen = {
    transport: 'tls',
    host: '127.0.0.1',
    port: 5061,
    certificate: path('cert.pem'),
    key: path('key.pem'),
  };
  writeFileSync(path('tandem.json'), JSON.stringify({ listen: [{ ...listen, ...more }] }));
  return path('tandem.json');
}

describe('tandem validate opens the files that a configuration names', () => {
  test('a pair that belongs together', () => {
    expect(validateFiles([configuration({})], {})).toEqual([]);
  });

  test('each file at fault, with the place of the setting that names it', () => {
    const problems = validateFiles([configuration({ certificate: path('folder'), key: path('none.pem') })], {});
    expect(problems).toMatchObject([
      {
        code: 'file-unreadable',
        path: 'listen[0].certificate',
        line: 1,
        message: expect.stringContaining('is a folder'),
      },
      { code: 'file-unreadable', path: 'listen[0].key', message: expect.stringContaining('does not exist') },
    ]);
  });

  test('a key of another certificate', () => {
    expect(validateFiles([configuration({ key: path('other.pem') })], {})).toMatchObject([{ code: 'key-mismatch' }]);
  });
});

test('a pair is made only where selfSigned asks for it, and only when both files are missing', () => {
  const missing = { certificate: path('a.pem'), key: path('b.pem') };
  expect(validateFiles([configuration(missing)], {})).toHaveLength(2);
  expect(validateFiles([configuration({ ...missing, selfSigned: true })], {})).toEqual([]);
  const half = { certificate: path('cert.pem'), key: path('b.pem'), selfSigned: true };
  expect(validateFiles([configuration(half)], {})).toMatchObject([{ path: 'listen[0].key' }]);
});

test('who only looks for the engine need not be able to read its key', () => {
  const file = configuration({ key: path('none.pem') });
  expect(loadNode(file, {}).settings).toBeDefined();
  expect(loadNodeWithFiles(file, {}).settings).toBeUndefined();
});
