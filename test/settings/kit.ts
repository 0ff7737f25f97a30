import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { validateFiles } from '../../src/settings/load.ts';
import { formatProblem } from '../../src/settings/yaml-file.ts';

/** What `tandem validate` says of a file with this text, without the file's name. */
export function validateText(
  text: string,
  environment: Record<string, string> = { CARRIER_PASSWORD: 'p', ALICE_PASSWORD: 'p' },
): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-'));
  const file = join(folder, 'example.yaml');
  try {
    writeFileSync(file, text);
    // The certificates that an example names are not here.
    return validateFiles([file], environment)
      .filter(({ code }) => code !== 'file-unreadable')
      .map((problem) => formatProblem(problem).replace(file, ''));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
