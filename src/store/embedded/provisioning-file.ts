/**
 * The file of everything that must not be lost: tenants, trunks, certificates, tokens, users, webhooks, the nonce secret. A commit is on the disk
 * when it is acknowledged (`synchronous = FULL`). Rowid tables only: with WITHOUT ROWID the planner passes over the unique index.
 */
import { randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { CommitResult, ProvisionedState, ProvisioningCommit } from '../../provisioning/directory/store.ts';
import type { Tenant } from '../../provisioning/tenants/schema.ts';
import type { CertificateSettings } from '../../provisioning/trunk-settings/certificate-schema.ts';
import type { TrunkSettings } from '../../provisioning/trunk-settings/schema.ts';
import { KINDS, named, nameOf, namesIn, putOf, SINGULAR } from '../documents.ts';
import { wrongKey } from '../key.ts';
import type { Sealer } from '../sealer.ts';
import { inTransaction, openSqliteFile, probeSqliteFile, type SqliteFileOptions } from './sqlite-file.ts';

const TABLES = ['tenant', 'trunk', 'token', 'webhook', 'secret'] as const;
type Table = (typeof TABLES)[number] | 'certificate' | 'user';

/** `place` keeps the order in which documents were first written. */
const tableOf = (name: string) =>
  `CREATE TABLE ${name} (place INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, document BLOB NOT NULL) STRICT;`;

const MIGRATIONS: readonly string[] = [
  `${TABLES.map(tableOf).join('\n')}
  CREATE TABLE version (place INTEGER PRIMARY KEY CHECK (place = 1), number INTEGER NOT NULL) STRICT;
  INSERT INTO version VALUES (1, 0);`,
  tableOf('certificate'),
  tableOf('user'),
];

const KEY_CHECK = 'key-check';
const NONCE_SECRET = 'nonce-secret';

export type ProvisioningFileOptions = Pick<SqliteFileOptions, 'maxBytes' | 'busyTimeoutMs'>;

export class ProvisioningFile {
  readonly #database: DatabaseSync;
  readonly #sealer: Sealer;

  constructor(path: string, sealer: Sealer, options: ProvisioningFileOptions = {}) {
    this.#database = openSqliteFile(path, { ...options, synchronous: 'full', migrations: MIGRATIONS });
    this.#sealer = sealer;
    try {
      this.#secret(KEY_CHECK, () => 'tandem');
    } catch (error) {
      this.#database.close();
      if (error instanceof Error && error.message.includes('sealed with another key')) throw wrongKey(path);
      throw error;
    }
  }

  load(): ProvisionedState {
    return inTransaction(this.#database, () => ({
      version: this.#version(),
      state: {
        tenants: this.all<Tenant>('tenant'),
        trunks: this.all<TrunkSettings>('trunk'),
        certificates: this.all<CertificateSettings>('certificate'),
      },
    }));
  }

  commit(commit: ProvisioningCommit): CommitResult {
    return inTransaction(this.#database, () => {
      const version = this.#version();
      if (version !== commit.expectedVersion) return { outcome: 'stale' };
      const names = namesIn(commit);
      for (const kind of KINDS) {
        for (const name of named(names, kind).gone) this.delete(SINGULAR[kind], name);
        for (const document of putOf(commit, kind)) this.put(SINGULAR[kind], nameOf(kind, document), document);
      }
      this.#database.prepare('UPDATE version SET number = ? WHERE place = 1').run(version + 1);
      return { outcome: 'committed', version: version + 1 };
    });
  }

  all<T>(table: Table): T[] {
    const rows = this.#database.prepare(`SELECT name, document FROM ${table} ORDER BY place`).iterate();
    const documents: T[] = [];
    for (const row of rows) {
      documents.push(this.#sealer.openJson<T>(`${table}/${String(row['name'])}`, row['document'] as Uint8Array));
    }
    return documents;
  }

  get<T>(table: Table, name: string): T | undefined {
    const row = this.#database.prepare(`SELECT document FROM ${table} WHERE name = ?`).get(name);
    return row === undefined ? undefined : this.#sealer.openJson<T>(`${table}/${name}`, row['document'] as Uint8Array);
  }

  put(table: Table, name: string, document: unknown): void {
    this.#database
      .prepare(
        `INSERT INTO ${table} (name, document) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET document = excluded.document`,
      )
      .run(name, this.#sealer.sealJson(`${table}/${name}`, document));
  }

  delete(table: Table, name: string): void {
    this.#database.prepare(`DELETE FROM ${table} WHERE name = ?`).run(name);
  }

  /** Made at the first call, the same ever after. */
  nonceSecret(): Uint8Array {
    const text = this.#secret(NONCE_SECRET, () => randomBytes(32).toString('hex'));
    return new Uint8Array(Buffer.from(text, 'hex'));
  }

  probe(): void {
    probeSqliteFile(this.#database);
  }

  close(): void {
    this.#database.close();
  }

  #version(): number {
    return Number(this.#database.prepare('SELECT number FROM version').get()?.['number'] ?? 0);
  }

  #secret(name: string, make: () => string): string {
    return inTransaction(this.#database, () => {
      const present = this.get<string>('secret', name);
      if (present !== undefined) return present;
      const made = make();
      this.put('secret', name, made);
      return made;
    });
  }
}
