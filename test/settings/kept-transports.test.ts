import fs, { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  type AddedTransport,
  readTransports,
  transportSchema,
  transportsFile,
  writeTransports,
} from '../../src/settings/kept-transports.ts';

const CARRIER: AddedTransport = { name: 'carrier', transport: 'tcp', host: '127.0.0.1', port: 5080 };
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tandem-transports-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('what is written is read again; the file is its owner’s alone, and nothing else is left', () => {
  expect(readTransports(folder)).toEqual({ transports: [] });
  writeTransports(folder, []);
  chmodSync(transportsFile(folder), 0o644);
  writeTransports(folder, [CARRIER]);
  expect(readTransports(folder)).toEqual({ transports: [CARRIER] });
  expect(statSync(transportsFile(folder)).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['transports.json']);
});

test('it is on the disk, name and all, when it is written', () => {
  const disk: string[] = [];
  const { fsyncSync, renameSync } = fs;
  vi.spyOn(fs, 'fsyncSync').mockImplementation((descriptor) => {
    disk.push(fs.fstatSync(descriptor).isDirectory() ? 'sync folder' : 'sync file');
    fsyncSync(descriptor);
  });
  vi.spyOn(fs, 'renameSync').mockImplementation((from, to) => {
    disk.push('rename');
    renameSync(from, to);
  });
  syncBuiltinESMExports();
  writeTransports(folder, [CARRIER]);
  vi.restoreAllMocks();
  syncBuiltinESMExports();
  expect(disk).toEqual(['sync file', 'rename', 'sync folder']);
});

test('it is written all the same where the file system syncs no folders', () => {
  const { fsyncSync } = fs;
  vi.spyOn(fs, 'fsyncSync').mockImplementation((descriptor) => {
    if (fs.fstatSync(descriptor).isDirectory()) throw Object.assign(new Error('fsync'), { code: 'EINVAL' });
    fsyncSync(descriptor);
  });
  syncBuiltinESMExports();
  try {
    writeTransports(folder, [CARRIER]);
  } finally {
    vi.restoreAllMocks();
    syncBuiltinESMExports();
  }
  expect(readTransports(folder)).toEqual({ transports: [CARRIER] });
});

test('a folder that is not there yet is made', () => {
  writeTransports(join(folder, 'a'), [CARRIER]);
  expect(readTransports(join(folder, 'a')).transports).toEqual([CARRIER]);
});

test('a file that is none of it is told with the place, and opens nothing', () => {
  for (const [text, problem] of [
    ['{', /transports\.json cannot be read: /],
    ['{"transports":[{"name":"a"}]}', /cannot be used: transports\[0\]/],
  ] as const) {
    writeFileSync(transportsFile(folder), text);
    expect(readTransports(folder)).toEqual({ transports: [], problem: expect.stringMatching(problem) });
  }
  rmSync(transportsFile(folder));
  mkdirSync(transportsFile(folder));
  expect(readTransports(folder).problem).toMatch(/EISDIR/);
});

test('an option without effect is none, and TLS needs a certificate', () => {
  const pathsOf = (more: object) =>
    transportSchema.safeParse({ ...CARRIER, ...more }).error?.issues.map(({ path }) => path.join('.')) ?? [];
  expect(pathsOf({})).toEqual([]);
  expect(pathsOf({ transport: 'tls' })).toEqual(['certificate']);
  expect(pathsOf({ transport: 'tls', certificate: 'edge', minVersion: 'TLSv1.3' })).toEqual([]);
  expect(pathsOf({ clientCertificate: 'none' })).toEqual(['clientCertificate']);
  expect(pathsOf({ host: 'localhost', port: 0 })).toEqual(['host', 'port']);
});
