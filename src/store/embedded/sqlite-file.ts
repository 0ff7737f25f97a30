import { chmodSync, closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { SettingsError } from '../../base/errors.ts';

/** Marks our files (`PRAGMA application_id`): "tndm". */
const APPLICATION_ID = 0x746e646d;
const PAGE_BYTES = 4096;
const DEFAULT_MAX_BYTES = 64 * 1024 ** 3;
/** How long a statement waits for another process, e.g. a backup, that holds the file. */
const BUSY_TIMEOUT_MS = 2000;

export interface SqliteFileOptions {
  /** `full`: what is committed survives a loss of power. `normal`: it survives the end of the process. */
  readonly synchronous: 'full' | 'normal';
  /** Statements that lead from each schema version to the next; their number is the version that this program writes. */
  readonly migrations: readonly string[];
  /** Size beyond which writes are refused. Default: 64 GiB. */
  readonly maxBytes?: number;
  /** Default: 2000. */
  readonly busyTimeoutMs?: number;
  /** Default: `wal`. `delete` for a file that one process keeps for itself. */
  readonly journal?: 'wal' | 'delete';
}

/**
 * Opens a database file for its owner alone, makes it when it is not there and brings its schema up to date, all or nothing.
 * Throws a SettingsError when a newer program wrote it, or when it is not ours.
 */
export function openSqliteFile(path: string, options: SqliteFileOptions): DatabaseSync {
  // SQLite gives its -wal and -shm files the mode of the database.
  closeSync(openSync(path, 'a', 0o600));
  chmodSync(path, 0o600);
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: options.busyTimeoutMs ?? BUSY_TIMEOUT_MS });
    database.exec(
      `PRAGMA journal_mode = ${options.journal ?? 'wal'}; PRAGMA synchronous = ${options.synchronous}; PRAGMA trusted_schema = off;`,
    );
    database.exec(`PRAGMA max_page_count = ${Math.floor((options.maxBytes ?? DEFAULT_MAX_BYTES) / PAGE_BYTES)}`);
    migrate(database, path, options.migrations);
    return database;
  } catch (error) {
    database?.close();
    if ((error as { errcode?: number }).errcode === SQLITE_NOTADB) {
      throw new SettingsError([{ code: 'store-unreadable', path, message: 'is no database' }]);
    }
    throw error;
  }
}

const SQLITE_NOTADB = 26;

function migrate(database: DatabaseSync, path: string, migrations: readonly string[]): void {
  inTransaction(database, () => {
    const version = readPragma(database, 'user_version');
    const application = readPragma(database, 'application_id');
    if (application !== APPLICATION_ID && !(application === 0 && version === 0 && isEmpty(database))) {
      throw new SettingsError([{ code: 'store-unreadable', path, message: 'is a database of another program' }]);
    }
    if (version > migrations.length) {
      throw new SettingsError([
        {
          code: 'store-too-new',
          path,
          message: `was written by a newer version of tandem (schema ${version}; this one knows ${migrations.length}); start that version, or restore a backup made before the upgrade`,
        },
      ]);
    }
    for (const statements of migrations.slice(version)) database.exec(statements);
    if (version < migrations.length) {
      database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${migrations.length};`);
    }
  });
}

function readPragma(database: DatabaseSync, name: 'user_version' | 'application_id'): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0);
}

function isEmpty(database: DatabaseSync): boolean {
  return database.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined;
}

/** Writes the first page anew, as it is. Throws when the file cannot be written. */
export function probeSqliteFile(database: DatabaseSync): void {
  inTransaction(database, () => {
    database.exec(`PRAGMA user_version = ${readPragma(database, 'user_version')}`);
  });
}

/** Runs `work` in one transaction: all of it or, when it throws, nothing. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    // SQLite has rolled back by itself after some errors, a full disk among them.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}
