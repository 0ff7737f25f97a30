/**
 * The file of messages that wait or are kept for a while. What is acknowledged outlives a loss of power too (`synchronous = FULL`): who sent
 * it was told that it was taken. Documents are sealed, since people's words are in them.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { Claim, MessagePage, MessageRow, UserHeard } from '../../messages/index.ts';
import type { Sealer } from '../sealer.ts';
import { inTransaction, openSqliteFile, probeSqliteFile } from './sqlite-file.ts';

const MIGRATIONS: readonly string[] = [
  `CREATE TABLE message (id TEXT PRIMARY KEY, tenant TEXT NOT NULL, created_ms INTEGER NOT NULL, listed INTEGER NOT NULL, due_ms INTEGER,
     remote_key TEXT, holder TEXT NOT NULL, held_until_ms INTEGER NOT NULL, revision INTEGER NOT NULL, document BLOB NOT NULL) STRICT;
   CREATE INDEX message_due ON message (due_ms) WHERE due_ms IS NOT NULL;
   CREATE INDEX message_remote ON message (remote_key) WHERE remote_key IS NOT NULL;
   CREATE INDEX message_listed ON message (tenant, created_ms) WHERE listed = 1;
   CREATE INDEX message_created ON message (created_ms);
   CREATE TABLE waiting (party TEXT NOT NULL, message TEXT NOT NULL, PRIMARY KEY (party, message)) STRICT, WITHOUT ROWID;
   CREATE INDEX waiting_message ON waiting (message);
   CREATE TABLE heard (key TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) STRICT;`,
  // In the order in which it is taken, and by tenant: however much is due of those that are passed over, none of it is looked at.
  `DROP INDEX message_due;
   CREATE INDEX message_due ON message (due_ms, created_ms) WHERE due_ms IS NOT NULL;
   CREATE INDEX message_due_of ON message (tenant, due_ms, created_ms) WHERE due_ms IS NOT NULL;`,
];

const COLUMNS = 'id, tenant, created_ms, listed, due_ms, remote_key, holder, held_until_ms, revision, document';

export class MessageFile {
  readonly #database: DatabaseSync;
  readonly #sealer: Sealer;

  constructor(path: string, sealer: Sealer) {
    this.#database = openSqliteFile(path, { synchronous: 'full', migrations: MIGRATIONS });
    this.#sealer = sealer;
  }

  add(rows: readonly MessageRow[], heard: readonly UserHeard[]): boolean[] {
    return inTransaction(this.#database, () => {
      const insert = this.#database.prepare(
        `INSERT INTO message (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
      );
      const hear = this.#database.prepare(
        'INSERT INTO heard (key, at_ms) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET at_ms = max(at_ms, excluded.at_ms)',
      );
      for (const { key, atMs } of heard) hear.run(key, atMs);
      return rows.map((row) => {
        const isNew = insert.run(...this.#values(row)).changes === 1;
        if (isNew) this.#setWaiting(row, false);
        return isNew;
      });
    });
  }

  save(rows: readonly MessageRow[]): boolean[] {
    return inTransaction(this.#database, () => {
      const update = this.#database.prepare(
        `UPDATE message SET tenant = ?2, created_ms = ?3, listed = ?4, due_ms = ?5, remote_key = ?6, holder = ?7, held_until_ms = ?8,
           revision = ?9, document = ?10 WHERE id = ?1 AND revision = ?9 - 1`,
      );
      return rows.map((row) => {
        const isSaved = update.run(...this.#values(row)).changes === 1;
        if (isSaved) this.#setWaiting(row, true);
        return isSaved;
      });
    });
  }

  get(id: string): MessageRow | undefined {
    return this.#rows(`SELECT ${COLUMNS} FROM message WHERE id = ?`, id)[0];
  }

  byRemoteKey(key: string): MessageRow | undefined {
    return this.#rows(`SELECT ${COLUMNS} FROM message WHERE remote_key = ? LIMIT 1`, key)[0];
  }

  claim({ holder, nowMs, untilMs, limit, waitsFor, leftBeforeMs = 0, exceptTenants = [] }: Claim): MessageRow[] {
    return inTransaction(this.#database, () => {
      const isFree = '(held_until_ms <= ?1 OR (holder = ?2 AND (held_until_ms < ?3 OR held_until_ms > ?4)))';
      const taken = (where: string, order: string, most: number, ...values: string[]) =>
        this.#rows(
          `SELECT ${COLUMNS} FROM message WHERE ${where} AND ${isFree} ORDER BY ${order}, rowid LIMIT ?5`,
          ...[nowMs, holder, leftBeforeMs, untilMs, most],
          ...values,
        );
      const isDue = 'due_ms <= ?1';
      const order = 'due_ms, created_ms';
      let rows: MessageRow[] = [];
      if (waitsFor !== undefined)
        rows = taken('id IN (SELECT message FROM waiting WHERE party = ?6)', 'created_ms', limit, waitsFor);
      else if (exceptTenants.length === 0) rows = taken(isDue, order, limit);
      else
        for (const tenant of this.#tenantsWithDue()) {
          if (exceptTenants.includes(tenant)) continue;
          rows.push(...taken(`tenant = ?6 AND ${isDue}`, order, limit - rows.length, tenant));
          if (rows.length === limit) break;
        }
      const hold = this.#database.prepare('UPDATE message SET holder = ?, held_until_ms = ? WHERE id = ?');
      for (const { id } of rows) hold.run(holder, untilMs, id);
      return rows.map((row) => ({ ...row, holder, heldUntilMs: untilMs }));
    });
  }

  /** One look at the index for each, not one for each message. */
  #tenantsWithDue(): string[] {
    const next = this.#database.prepare(
      'SELECT min(tenant) AS tenant FROM message WHERE due_ms IS NOT NULL AND tenant > ?',
    );
    const tenants: string[] = [];
    for (let at: unknown = ''; ; ) {
      at = next.get(String(at))?.['tenant'];
      if (typeof at !== 'string') return tenants;
      tenants.push(at);
    }
  }

  list(tenant: string | undefined, offset: number, limit: number): MessagePage {
    const where = tenant === undefined ? 'listed = 1' : 'listed = 1 AND tenant = ?';
    const of = tenant === undefined ? [] : [tenant];
    const [count] = this.#database.prepare(`SELECT count(*) AS count FROM message WHERE ${where}`).all(...of);
    const rows = this.#rows(
      `SELECT ${COLUMNS} FROM message WHERE ${where} ORDER BY created_ms DESC, rowid DESC LIMIT ? OFFSET ?`,
      ...of,
      limit,
      offset,
    );
    return { rows, total: Number(count?.['count'] ?? 0) };
  }

  heard(key: string): number | undefined {
    const at = this.#database.prepare('SELECT at_ms FROM heard WHERE key = ?').get(key)?.['at_ms'];
    return at === undefined ? undefined : Number(at);
  }

  forget(beforeMs: number): void {
    inTransaction(this.#database, () => {
      this.#database.prepare('DELETE FROM message WHERE created_ms < ? AND due_ms IS NULL').run(beforeMs);
      this.#database.prepare('DELETE FROM heard WHERE at_ms < ?').run(beforeMs);
    });
  }

  probe(): void {
    probeSqliteFile(this.#database);
  }

  close(): void {
    this.#database.close();
  }

  #values(row: MessageRow) {
    const document = this.#sealer.seal(placeOf(row.id), row.document);
    return [
      row.id,
      row.tenant,
      Math.trunc(row.createdMs),
      row.listed ? 1 : 0,
      row.dueMs === undefined ? null : Math.trunc(row.dueMs),
      row.remoteKey ?? null,
      row.holder,
      Math.trunc(row.heldUntilMs),
      row.revision,
      document,
    ] as const;
  }

  #setWaiting({ id, waitsFor }: MessageRow, hadSome: boolean): void {
    if (hadSome) this.#database.prepare('DELETE FROM waiting WHERE message = ?').run(id);
    const insert = this.#database.prepare('INSERT INTO waiting (party, message) VALUES (?, ?)');
    for (const party of waitsFor) insert.run(party, id);
  }

  #rows(statement: string, ...values: (string | number)[]): MessageRow[] {
    const waits = this.#database.prepare('SELECT party FROM waiting WHERE message = ?');
    return this.#database
      .prepare(statement)
      .all(...values)
      .map((row) => ({
        id: String(row['id']),
        tenant: String(row['tenant']),
        createdMs: Number(row['created_ms']),
        listed: row['listed'] === 1,
        dueMs: row['due_ms'] === null ? undefined : Number(row['due_ms']),
        waitsFor: waits.all(String(row['id'])).map(({ party }) => String(party)),
        remoteKey: row['remote_key'] === null ? undefined : String(row['remote_key']),
        holder: String(row['holder']),
        heldUntilMs: Number(row['held_until_ms']),
        revision: Number(row['revision']),
        document: this.#sealer.open(placeOf(String(row['id'])), row['document'] as Uint8Array),
      }));
  }
}

function placeOf(id: string): string {
  return `message/${id}`;
}
