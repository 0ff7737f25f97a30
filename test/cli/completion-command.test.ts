import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { run } from './kit.ts';

test('bash completes commands and the options of each', async () => {
  const { out } = await run(['completion', 'bash']);
  const complete = (...words: string[]) =>
    spawnSync(
      'bash',
      [
        '-c',
        `${out}\nCOMP_WORDS=(tandem ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; _tandem; echo "\${COMPREPLY[*]}"`,
      ],
      { encoding: 'utf8' },
    ).stdout.trim();
  expect(complete('tr')).toBe('trunks transports trace');
  expect(complete('trace', '--ref')).toBe('--refused');
  expect(complete('version', '--')).toBe('--json --help');
});

test('zsh and fish get every command with its summary; another shell is wrong usage', async () => {
  for (const shell of ['zsh', 'fish']) {
    const { code, out } = await run(['completion', shell]);
    expect(code).toBe(0);
    expect(out).toContain('trunks');
    expect(out).toContain(String.raw`an extension'\''s or service'\''s ha1`);
  }
  expect((await run(['completion', 'tcsh'])).code).toBe(2);
  expect((await run(['completion'])).code).toBe(2);
});
