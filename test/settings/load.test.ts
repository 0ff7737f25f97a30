import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Directory } from '../../src/provisioning/directory/directory.ts';
import {
  loadNode,
  loadProvisioning,
  readProvisioningPart,
  transportsOf,
  validateFiles,
} from '../../src/settings/load.ts';
import { formatProblem } from '../../src/settings/yaml-file.ts';

const bad = join('test', 'settings', 'bad');

function report(...files: string[]): string {
  return validateFiles(files, {})
    .map((problem) => formatProblem(problem).replaceAll('\\', '/'))
    .join('\n');
}

describe('the files that come with the project', () => {
  test('validate as they are', () => {
    expect(report('config/tandem.yaml', 'config/demo.yaml')).toBe('');
  });

  test('serve the demo: a DID has its tenant, a dialled number its rule', () => {
    const node = loadNode(undefined, {});
    expect(node.settings?.provisioning).toEqual(['config/demo.yaml']);
    const context = { transports: node.settings === undefined ? new Set<never>() : transportsOf(node.settings) };
    const { provisioning } = loadProvisioning(node.settings?.provisioning ?? [], {}, context);
    if (provisioning === undefined) expect.unreachable();
    const directory = new Directory(provisioning);
    expect(directory.didOwner('235468356', '+14155550142')).toBe('demo');
    expect(directory.outboundRules('demo').map(({ name }) => name)).toEqual(['outside']);
    expect(directory.extension('demo', '102')?.name).toBe('Bob');
  });
});

describe('files with faults: every fault with file:line:column, path and message', () => {
  const files = readdirSync(bad)
    .filter((file) => file.endsWith('.yaml'))
    .sort();

  test('the set is there', () => {
    expect(files.length).toBeGreaterThanOrEqual(10);
  });

  test.each(files)('%s', async (file) => {
    const found = report(join(bad, file));
    expect(found).not.toBe('');
    await expect(`${found}\n`).toMatchFileSnapshot(join('bad', file.replace('.yaml', '.expected.txt')));
  });

  test('a fault between two files names the second', () => {
    const found = report('config/demo.yaml', 'test/settings/bad/several-files/other.yaml');
    expect(found).toContain('other.yaml:');
    expect(found).toContain('trunks[0].tenants[0].didPool');
    expect(found).toContain('overlaps 14155550100-14155550199 of tenant "demo"');
  });

  test('a file that is not there is a fault, not a crash', () => {
    expect(report('config/none.yaml')).toBe('config/none.yaml does not exist: correct the path');
    expect(loadNode('config/none.yaml', {}).problems.map(formatProblem)).toEqual([
      'config/none.yaml does not exist: correct the path (the configuration is named by --config FILE or TANDEM_CONFIG)',
    ]);
  });

  test('a trunk may not use a transport that no listener has', () => {
    const problems = loadProvisioning(['config/demo.yaml'], {}, { transports: new Set(['tls']) }).problems;
    expect(problems.map(({ code, path }) => [code, path])).toEqual([['transport-missing', 'trunks[0].transport']]);
  });
});

describe('overrides by environment', () => {
  test('a variable precedes the file, with its type', () => {
    const { settings } = loadNode('config/tandem.yaml', {
      TANDEM_LOG_LEVEL: 'debug',
      TANDEM_TIMERS_T1_MS: '250',
      TANDEM_API_ENABLED: 'false',
      TANDEM_PROVISIONING: 'a.yaml, b.yaml',
    });
    expect(settings?.log.level).toBe('debug');
    expect(settings?.timers.t1Ms).toBe(250);
    expect(settings?.api.enabled).toBe(false);
    expect(settings?.provisioning).toEqual(['a.yaml', 'b.yaml']);
  });

  test('a wrong value is blamed on its variable', () => {
    const { problems } = loadNode('config/tandem.yaml', { TANDEM_TIMERS_T1_MS: 'soon' });
    expect(problems.map(formatProblem).join()).toMatch(
      /timers\.t1Ms must be a number, not text \(from TANDEM_TIMERS_T1_MS\)/,
    );
  });

  test('TANDEM_CONFIG names the file', () => {
    expect(loadNode(undefined, { TANDEM_CONFIG: 'config/none.yaml' }).file).toBe('config/none.yaml');
  });
});

test('a part of what is provisioned may name what only the engine knows; its form is checked all the same', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-part-'));
  const file = join(folder, 'part.yaml');
  writeFileSync(
    file,
    'trunks:\n  - { name: extra, type: ip, host: 192.0.2.1, tenants: [{ tenant: elsewhere, didPool: "100-199" }] }\n',
  );
  expect(loadProvisioning([file], {}).problems).not.toEqual([]);
  expect(readProvisioningPart([file], {})).toMatchObject({
    problems: [],
    provisioning: { trunks: [{ name: 'extra' }] },
  });
  writeFileSync(file, 'trunks:\n  - { name: extra, type: ip, hots: 192.0.2.1 }\n');
  expect(readProvisioningPart([file], {}).problems).toMatchObject([{ line: 2 }]);
  rmSync(folder, { recursive: true });
});

describe('a file that is JSON', () => {
  const faultsOf = (text: string) => {
    const folder = mkdtempSync(join(tmpdir(), 'tandem-json-'));
    const file = join(folder, 'provisioning.json');
    writeFileSync(file, text);
    const { problems } = loadProvisioning([file], {});
    rmSync(folder, { recursive: true });
    return problems.map(({ line, column, message }) => `${line}:${column} ${message}`);
  };

  test('is told of its faults as one in YAML is, with line and column', () => {
    expect(faultsOf('{\n  "tenants": [\n    { "name": "acme", "domane": "acme.example.com" }\n  ]\n}')).toEqual([
      expect.stringMatching(/^3:\d+ is missing/),
      expect.stringMatching(/^3:23 is no known field; did you mean "domain"/),
    ]);
  });

  test('has no name twice in a map, whatever its texts look like', () => {
    expect(faultsOf('{"tenants":[{"name":"acme","domain":"acme.example.com","domain":"b.example.com"}]}')).toEqual([
      expect.stringMatching(/^1:\d+ .*unique/),
    ]);
    const named = { number: '101', name: '":\\"name\\": {\\\\" :' };
    expect(
      faultsOf(JSON.stringify({ tenants: [{ name: 'acme', domain: 'acme.example.com', extensions: [named] }] })),
    ).toEqual([]);
  });
});
