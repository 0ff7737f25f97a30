import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';

/** A copy of the project in which each test plants one violation; the checks run there as `npm run check` runs them here. */
const root = resolve(import.meta.dirname, '../..');
const CHECKED = ['package.json', 'tsconfig.json', 'biome.json', 'knip.json', 'vitest.config.ts', '.gitignore'];
let copy: string;

beforeAll(() => {
  copy = copyOf([...CHECKED, 'src', 'bench', 'bin', 'test']);
  // Biome takes its ignore list from git.
  spawnSync('git', ['init', '-q'], { cwd: copy });
});

afterAll(() => rmSync(copy, { recursive: true, force: true }));

function copyOf(names: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-checks-'));
  for (const name of names) cpSync(join(root, name), join(folder, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

const run = (command: string, ...args: string[]) => runIn(copy, command, ...args);

function runIn(cwd: string, command: string, ...args: string[]) {
  const options = { cwd, encoding: 'utf8' } as const;
  const { status, stdout, stderr } = spawnSync(join(root, 'node_modules', '.bin', command), args, options);
  return { status, output: stdout + stderr };
}

function withPlanted<T>(file: string, text: string, check: () => T, folder = copy): T {
  const path = join(folder, file);
  writeFileSync(path, text);
  try {
    return check();
  } finally {
    rmSync(path);
  }
}

test('an import against the directions makes the check fail', () => {
  const planted = "import { Calls } from '../call/index.ts';\n\nexport const planted = Calls;\n";
  const { status, output } = withPlanted('src/base/planted.ts', planted, () =>
    run('biome', 'check', 'src/base/planted.ts'),
  );
  expect(output).toContain('may import only');
  expect(status).not.toBe(0);
});

test('a circle of imports makes the check fail, of types alone too', () => {
  const one = "import type { Two } from './planted-two.ts';\n\nexport type One = Two | 1;\n";
  const two = "import type { One } from './planted.ts';\n\nexport type Two = One | 2;\n";
  const { status, output } = withPlanted('src/base/planted-two.ts', two, () =>
    withPlanted('src/base/planted.ts', one, () => run('biome', 'check', 'src/base/planted.ts')),
  );
  expect(output).toContain('noImportCycles');
  expect(status).not.toBe(0);
});

test('a wrong type makes the check fail', () => {
  // All types of the project are 15 s of work; those of one folder show what the configuration looks at.
  const folder = copyOf(['package.json', 'tsconfig.json', 'src/base']);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  // Not the one that `npm run check` goes on from, where the link leads.
  const check = () => runIn(folder, 'tsc', '--noEmit', '--tsBuildInfoFile', 'planted.tsbuildinfo');
  expect(check()).toEqual({ status: 0, output: '' });
  const planted = "export const planted: number = 'text';\n";
  const { status, output } = withPlanted('src/base/planted.ts', planted, check, folder);
  expect(output).toContain('src/base/planted.ts');
  expect(status).not.toBe(0);
});

test('wrong formatting makes the check fail', () => {
  const { status } = withPlanted('src/base/planted.ts', 'export   const planted=1\n', () =>
    run('biome', 'check', 'src/base/planted.ts'),
  );
  expect(status).not.toBe(0);
});

test('a check that looks at no file fails', () => {
  expect(run('biome', 'check', 'src/nothing-here').status).not.toBe(0);
});

test('a file that nobody uses makes the check fail', () => {
  const { status, output } = withPlanted('src/base/planted.ts', 'export const planted = 1;\n', () =>
    run('knip', '--no-progress'),
  );
  expect(output).toContain('src/base/planted.ts');
  expect(status).not.toBe(0);
});
