import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The library that faketime(1) loads; it reads the shift from a file each time that it is asked for the time. */
export function faketimeLibrary(): string {
  for (const triplet of readdirSync('/usr/lib')) {
    try {
      const folder = join('/usr/lib', triplet, 'faketime');
      const library = readdirSync(folder).find((name) => name.startsWith('libfaketimeMT.so'));
      if (library !== undefined) return join(folder, library);
    } catch {
      // Not this folder.
    }
  }
  throw new Error('libfaketime is not installed');
}
