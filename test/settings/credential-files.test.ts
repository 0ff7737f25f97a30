import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { generate } from 'selfsigned';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadNode, loadNodeWithFiles, loadProvisioning, validateFiles } from '../../src/settings/load.ts';

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

describe('tandem validate opens the provisioning files that a configuration names', () => {
  const file = (name: string, content: object) => {
    writeFileSync(path(name), JSON.stringify(content));
    return path(name);
  };
  const node = (provisioning: readonly string[]) =>
    file('node.json', { listen: [{ transport: 'udp', host: '127.0.0.1', port: 5060 }], provisioning });

  test('one that is not there is told at the setting that names it', () => {
    expect(validateFiles([node([path('none.yaml')])], {})).toMatchObject([
      {
        file: path('node.json'),
        code: 'file-unreadable',
        path: 'provisioning[0]',
        message: expect.stringContaining('none.yaml does not exist'),
      },
    ]);
  });

  test('a relative path is told with the folder where it was looked for', () => {
    expect(validateFiles([node(['none.yaml'])], {})).toMatchObject([
      { message: `${resolve('none.yaml')} does not exist: create it, or correct the path` },
    ]);
    expect(validateFiles([configuration({ key: 'none.pem' })], {})).toMatchObject([
      { message: `${resolve('none.pem')} does not exist: create it, or correct the path` },
    ]);
  });

  test('a fault in one is told at its own place; whoever gives files means them in place of those', () => {
    const tenants = file('tenants.json', { tenants: [{ name: 'acme', domain: 'acme.test' }] });
    const trunks = file('trunks.json', {
      trunks: [
        { name: 'a', type: 'ip', host: 'a.test', transport: 'tls', tenants: [{ tenant: 'acme', didPool: '1' }] },
      ],
    });
    const config = node([tenants, trunks]);
    const fault = { file: trunks, path: 'trunks[0].transport', code: expect.any(String) };
    expect(validateFiles([config], {})).toMatchObject([fault]);
    expect(validateFiles([trunks, config, tenants], {})).toMatchObject([fault]);
    expect(validateFiles([config, tenants], {})).toEqual([]);
  });

  test('call records that could not be written: the start says so too', () => {
    const listen = [{ transport: 'udp', host: '127.0.0.1', port: 5060 }];
    const told = (records: string) =>
      loadNodeWithFiles(file('records.json', { listen, records: { file: records } }), {}).problems;
    expect(told(path('calls.jsonl'))).toEqual([]);
    for (const [named, why] of [
      [path('none/calls.jsonl'), 'none: make it'],
      [path('cert.pem/calls.jsonl'), 'cert.pem: make it'],
      [path('folder'), 'it is a folder'],
    ] as const) {
      expect(told(named)).toMatchObject([
        { code: 'file-unwritable', path: 'records.file', message: expect.stringContaining(why) },
      ]);
      expect(validateFiles([path('records.json')], {})).toHaveLength(1);
    }
  });
});

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

describe('the files of a trunk', () => {
  const provisioning = (tls: object) => {
    const trunk = { name: 'carrier', type: 'ip', host: 'sip.example.com', transport: 'tls', tls };
    const plain = { name: 'plain', type: 'ip', host: '192.0.2.1' };
    writeFileSync(path('trunks.json'), JSON.stringify({ tenants: [], trunks: [plain, trunk] }));
    return path('trunks.json');
  };

  test.each([
    ['a pair that belongs together', { certificate: 'cert.pem', key: 'key.pem', ca: 'cert.pem' }, []],
    ['authorities that are not there', { ca: 'none.pem' }, [['file-unreadable', 'trunks[1].tls.ca']]],
    [
      'each that is no PEM or not there',
      { certificate: 'folder', key: 'none.pem' },
      [
        ['file-unreadable', 'trunks[1].tls.certificate'],
        ['file-unreadable', 'trunks[1].tls.key'],
      ],
    ],
    ['a key of another', { certificate: 'cert.pem', key: 'other.pem' }, [['key-mismatch', 'trunks[1].tls.key']]],
  ])('%s', (_what, names, expected) => {
    const tls = Object.fromEntries(Object.entries(names).map(([field, name]) => [field, path(name)]));
    const file = provisioning(tls);
    const told = (problems: readonly { code: string; path: string }[]) =>
      problems.map((problem) => [problem.code, problem.path]);
    expect(told(validateFiles([file], {}))).toEqual(expected);
    expect(told(loadProvisioning([file], {}, { opensCredentials: true }).problems)).toEqual(expected);
    expect(loadProvisioning([file], {}).problems).toEqual([]);
  });
});

test('a pair that TLS refuses for its strength is named, too', async () => {
  const weak = await generate([], { keyType: 'rsa', keySize: 1024 });
  writeFileSync(path('weak-cert.pem'), weak.cert);
  writeFileSync(path('weak-key.pem'), weak.private);
  const file = configuration({ certificate: path('weak-cert.pem'), key: path('weak-key.pem') });
  expect(validateFiles([file], {})).toMatchObject([{ code: 'file-unusable', path: 'listen[0].certificate' }]);
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
