import { spawn } from 'node:child_process';
import { accessSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Figure, Item } from '../item.ts';

/** What needs no load to be shown: the tests of the suite that show it. */
const PROMISES: Readonly<Record<string, readonly string[]>> = {
  'amplification, state of strangers': ['hostile/strangers', 'sip/endpoint/stateless-answer'],
  egress: ['end-to-end/trunks/egress', 'base/egress'],
  'lock-out': ['sip/auth/guess-throttle', 'engine/admit/sign-ins'],
  'event streams, tokens': ['api/event-stream', 'api/tokens'],
  'access, digest, forged messages': ['hostile/access', 'hostile/access-numbers'],
  'smuggling over UDP, TCP and TLS': ['hostile/smuggling', 'hostile/network-input'],
  'RFC 4475 and 5118': ['hostile/torture'],
  'mutated calls, guided inputs, soak on virtual time': ['hostile/mutated-calls', 'hostile/guided', 'hostile/soak'],
  'clock, disk, DNS, descriptors, stalls, certificates': [
    'hostile/clock',
    'end-to-end/faults/disk',
    'end-to-end/faults/dns',
    'end-to-end/faults/environment',
  ],
  'TLS, HTTP, browsers': ['sip/transport/tls', 'settings/self-signed', 'api/connection-guard', 'api/browser-guard'],
};

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly { readonly name: string; readonly status: string }[];
}

const root = fileURLToPath(new URL('../../../../', import.meta.url));

async function runTests(files: readonly string[]): Promise<Report> {
  // A name that no file has is passed over without a word.
  for (const file of files) accessSync(join(root, `test/${file}.test.ts`));
  const folder = mkdtempSync(join(tmpdir(), 'tandem-promises-'));
  const output = join(folder, 'report.json');
  const paths = files.map((file) => `test/${file}.test.ts`);
  const child = spawn(
    process.execPath,
    ['node_modules/vitest/vitest.mjs', 'run', '--reporter=json', `--outputFile=${output}`, ...paths],
    { cwd: root, stdio: 'ignore' },
  );
  try {
    await new Promise((resolve) => child.once('close', resolve));
    const report = JSON.parse(readFileSync(output, 'utf8')) as Report;
    for (const { name, status } of report.testResults) if (status !== 'passed') console.log(`  failed: ${name}`);
    return report;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const item: Item = {
  title: 'what needs no load to be shown: the tests that show it',
  async run() {
    const figures: Figure[] = [];
    for (const [what, files] of Object.entries(PROMISES)) {
      const { numPassedTests, numFailedTests } = await runTests(files);
      figures.push(
        { what: `${what}: tests passed`, value: numPassedTests, unit: '', bar: { least: files.length } },
        { what: `${what}: failed`, value: numFailedTests, unit: '', bar: { most: 0 } },
      );
    }
    return figures;
  },
};
