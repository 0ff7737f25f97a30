/**
 * The file of what comes back by itself: bindings, calls, who signed in from where, since when trunks have their addresses, and what was used of limits. Written behind
 * what it tells of; what the process had written survives its end (`synchronous = NORMAL`), a loss of power may cost the last seconds.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { CallChanges, Fate, KeptCalls, SaidCall } from '../../call/index.ts';
import type { AddressClaim } from '../../provisioning/directory/precedence.ts';
import type { BindingChange, KeptBindings, StoredBinding } from '../../registrar/ports.ts';
import type { TallyAddition, TallyTotal } from '../../trunks/tallies.ts';
import { listIn } from '../list-in.ts';
import { KEEP_FATES_MS, MAX_OVER_CALLS, MAX_SIGN_INS } from '../stores.ts';
import { inTransaction, openSqliteFile, probeSqliteFile } from './sqlite-file.ts';

const MIGRATIONS: readonly string[] = [
  `CREATE TABLE binding (place INTEGER PRIMARY KEY, aor TEXT NOT NULL UNIQUE, expires_at_ms INTEGER NOT NULL, document TEXT NOT NULL) STRICT;
   CREATE INDEX binding_expiry ON binding (expires_at_ms);`,
  'CREATE TABLE sign_in (place INTEGER PRIMARY KEY, pair TEXT NOT NULL UNIQUE) STRICT;',
  'CREATE TABLE trunk_address (trunk TEXT NOT NULL, address TEXT NOT NULL, since INTEGER NOT NULL, PRIMARY KEY (trunk, address)) STRICT;',
  'CREATE TABLE call (id TEXT PRIMARY KEY, document TEXT NOT NULL) STRICT; CREATE TABLE alive (at_ms INTEGER NOT NULL) STRICT;',
  `CREATE TABLE tally (key TEXT PRIMARY KEY, total INTEGER NOT NULL, until_ms INTEGER NOT NULL) STRICT;
   CREATE INDEX tally_end ON tally (until_ms);`,
  `CREATE TABLE call_process (name TEXT PRIMARY KEY, at_ms INTEGER NOT NULL) STRICT;
   CREATE TABLE call_over (place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at_ms INTEGER NOT NULL) STRICT;`,
];

/** Entries that ended this long ago are of phones that went away while the node was down. */
const KEEP_EXPIRED_MS = 86_400_000;

export class LiveFile {
  readonly #database: DatabaseSync;

  constructor(path: string, wallMs: number) {
    this.#database = openSqliteFile(path, { synchronous: 'normal', migrations: MIGRATIONS });
    this.#database.prepare('DELETE FROM binding WHERE expires_at_ms < ?').run(wallMs - KEEP_EXPIRED_MS);
  }

  loadBindings(): KeptBindings[] {
    const rows = this.#database.prepare('SELECT aor, document FROM binding ORDER BY place').all();
    return rows.map(({ aor, document }) => ({ aor: String(aor), bindings: listIn<StoredBinding>(String(document)) }));
  }

  writeBindings(changes: readonly BindingChange[]): void {
    inTransaction(this.#database, () => {
      const remove = this.#database.prepare('DELETE FROM binding WHERE aor = ?');
      const put = this.#database.prepare(
        `INSERT INTO binding (aor, expires_at_ms, document) VALUES (?, ?, ?)
         ON CONFLICT (aor) DO UPDATE SET expires_at_ms = excluded.expires_at_ms, document = excluded.document`,
      );
      for (const { aor, bindings } of changes) {
        if (bindings.length === 0) remove.run(aor);
        else put.run(aor, latestExpiry(bindings), JSON.stringify(bindings));
      }
    });
  }

  probe(): void {
    probeSqliteFile(this.#database);
  }

  signIns(): string[] {
    const rows = this.#database.prepare('SELECT pair FROM sign_in ORDER BY place').all();
    return rows.map((row) => String(row['pair']));
  }

  addSignIns(pairs: readonly string[]): void {
    inTransaction(this.#database, () => {
      const put = this.#database.prepare('INSERT INTO sign_in (pair) VALUES (?) ON CONFLICT (pair) DO NOTHING');
      for (const pair of pairs) put.run(pair);
      this.#database
        .prepare('DELETE FROM sign_in WHERE place <= (SELECT max(place) FROM sign_in) - ?')
        .run(MAX_SIGN_INS);
    });
  }

  claims(): AddressClaim[] {
    return this.#database
      .prepare('SELECT trunk, address, since FROM trunk_address')
      .all()
      .map(({ trunk, address, since }) => ({
        trunkId: String(trunk),
        address: String(address),
        since: Number(since),
      }));
  }

  keepClaims(claims: readonly AddressClaim[]): AddressClaim[] {
    return inTransaction(this.#database, () => {
      const put = this.#database.prepare(
        `INSERT INTO trunk_address (trunk, address, since) VALUES (?, ?, ?)
         ON CONFLICT (trunk, address) DO UPDATE SET since = min(since, excluded.since) RETURNING since`,
      );
      return claims.map((claim) => {
        const { since } = put.get(claim.trunkId, claim.address, claim.since) ?? claim;
        return { ...claim, since: Number(since) };
      });
    });
  }

  forgetClaims(claims: readonly AddressClaim[]): void {
    inTransaction(this.#database, () => {
      const remove = this.#database.prepare('DELETE FROM trunk_address WHERE trunk = ? AND address = ?');
      for (const { trunkId, address } of claims) remove.run(trunkId, address);
    });
  }

  calls(): KeptCalls {
    const rows = this.#database.prepare('SELECT id, document FROM call').all();
    const [alive] = this.#database.prepare('SELECT max(at_ms) AS at_ms FROM alive').all();
    const calls = rows.map(({ id, document }) => ({ id: String(id), document: String(document) }));
    return { calls, aliveAtMs: Number(alive?.['at_ms'] ?? 0) };
  }

  fate({ id, process, answeredAtMs }: SaidCall): Fate {
    const database = this.#database;
    // Of a worker with its number.
    if (database.prepare("SELECT 1 FROM call WHERE id = ?1 OR id GLOB '[0-9]*/' || ?1").get(id)) return 'elsewhere';
    if (database.prepare('SELECT 1 FROM call_over WHERE id = ?').get(id) !== undefined) return 'over';
    const told = database.prepare('SELECT at_ms FROM call_process WHERE name = ?').get(process);
    return told !== undefined && Number(told['at_ms']) >= answeredAtMs ? 'over' : 'unknown';
  }

  writeCalls({ put, remove, aliveAtMs, whole, over = [] }: CallChanges): void {
    inTransaction(this.#database, () => {
      const forget = this.#database.prepare('DELETE FROM call WHERE id = ?');
      for (const id of remove) forget.run(id);
      const keep = this.#database.prepare(
        'INSERT INTO call (id, document) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET document = excluded.document',
      );
      for (const { id, document } of put) keep.run(id, document);
      this.#database.exec('DELETE FROM alive');
      const atMs = Math.trunc(aliveAtMs);
      this.#database.prepare('INSERT INTO alive (at_ms) VALUES (?)').run(atMs);
      this.#noteOver(over, atMs);
      if (whole !== undefined) this.#noteWhole(whole, atMs);
    });
  }

  tallies(): TallyTotal[] {
    return this.#database
      .prepare('SELECT key, total, until_ms FROM tally')
      .all()
      .map(({ key, total, until_ms: untilMs }) => ({
        key: String(key),
        total: Number(total),
        untilMs: Number(untilMs),
      }));
  }

  addTallies(additions: readonly TallyAddition[], wallMs: number): number[] {
    return inTransaction(this.#database, () => {
      this.#database.prepare('DELETE FROM tally WHERE until_ms < ?').run(wallMs);
      const add = this.#database.prepare(
        `INSERT INTO tally (key, total, until_ms) VALUES (?, ?, ?)
         ON CONFLICT (key) DO UPDATE SET total = max(total, ?) + ? RETURNING total`,
      );
      return additions.map(({ key, add: more, known, untilMs }) =>
        Number(add.get(key, known + more, Math.trunc(untilMs), known, more)?.['total'] ?? 0),
      );
    });
  }

  #noteOver(ids: readonly string[], atMs: number): void {
    if (ids.length === 0) return;
    const note = this.#database.prepare('INSERT INTO call_over (id, at_ms) VALUES (?, ?) ON CONFLICT (id) DO NOTHING');
    for (const id of ids) note.run(id, atMs);
    this.#database.prepare('DELETE FROM call_over WHERE at_ms < ?').run(atMs - KEEP_FATES_MS);
    this.#database
      .prepare('DELETE FROM call_over WHERE place <= (SELECT max(place) FROM call_over) - ?')
      .run(MAX_OVER_CALLS);
  }

  #noteWhole(process: string, atMs: number): void {
    this.#database
      .prepare(
        `INSERT INTO call_process (name, at_ms) VALUES (?, ?)
         ON CONFLICT (name) DO UPDATE SET at_ms = max(at_ms, excluded.at_ms)`,
      )
      .run(process, atMs);
    this.#database.prepare('DELETE FROM call_process WHERE at_ms < ?').run(atMs - KEEP_FATES_MS);
  }

  close(): void {
    this.#database.close();
  }
}

function latestExpiry(bindings: readonly StoredBinding[]): number {
  return Math.trunc(Math.max(...bindings.map(({ expiresAtWallMs }) => expiresAtWallMs)));
}
