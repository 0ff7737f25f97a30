import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { SettingsError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { openSqliteFile } from './embedded/sqlite-file.ts';

/** Makes the store's folder, for its owner alone; says so when one that was there lets others in. */
export function prepareFolder(folder: string, log: Log): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if ((statSync(folder).mode & 0o077) !== 0) log.warn('store-folder-open-to-others', { folder });
  } catch (error) {
    throw new SettingsError([
      { code: 'store-folder', path: folder, message: `cannot be used: ${(error as Error).message}` },
    ]);
  }
}

/**
 * Keeps the folder for this process until the returned function is called. A lock of the operating system, held through SQLite: it ends
 * with the process, however that ends. Throws a SettingsError when another node has it.
 */
export function lockFolder(folder: string): () => void {
  const path = join(folder, 'node.lock');
  let database: DatabaseSync | undefined;
  try {
    database = openSqliteFile(path, { synchronous: 'normal', migrations: [], busyTimeoutMs: 0, journal: 'delete' });
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    if (error instanceof SettingsError) throw error;
    throw new SettingsError([
      {
        code: 'store-in-use',
        path: folder,
        message:
          'another node runs on this folder (npx tandem status): stop it, or give this one a store.path of its own; nodes share state through Redis',
      },
    ]);
  }
  const held = database;
  return () => {
    if (held.isOpen) held.close();
  };
}
