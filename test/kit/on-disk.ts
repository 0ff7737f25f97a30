import { tmpdir } from 'node:os';
import { afterAll, beforeAll } from 'vitest';

/** In a file whose tests are about what a disk has kept: they write to the disk, though others write to memory, where a sync does nothing. */
export function onDisk(): void {
  const { TMPDIR } = process.env;
  beforeAll(() => {
    process.env['TMPDIR'] = process.env['DISK_OF_TESTS'] ?? tmpdir();
  });
  afterAll(() => {
    if (TMPDIR === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = TMPDIR;
  });
}
