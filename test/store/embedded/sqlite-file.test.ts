import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { SettingsError } from '../../../src/base/errors.ts';
import { inTransaction, openSqliteFile } from '../../../src/store/embedded/sqlite-file.ts';
import { temporaryFolder } from '../kit.ts';

const FIRST = 'CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (1);';
const SECOND = 'ALTER TABLE a ADD COLUMN y INTEGER; UPDATE a SET y = x + 1;';
const open = (path: string, migrations: readonly string[]) => openSqliteFile(path, { synchronous: 'full', migrations });

test('an older schema is brought up to date, keeping what is in it; a current one is left alone', () => {
  const path = join(temporaryFolder(), 'x.db');
  open(path, [FIRST]).close();
  open(path, [FIRST, SECOND]).close();
  const database = open(path, [FIRST, SECOND]);
  expect(database.prepare('SELECT * FROM a').all()).toEqual([{ x: 1, y: 2 }]);
  database.close();
});

test('a migration that fails half-way leaves the file at the version before', () => {
  const path = join(temporaryFolder(), 'x.db');
  open(path, [FIRST]).close();
  expect(() => open(path, [FIRST, `${SECOND} INSERT INTO missing VALUES (1);`])).toThrow(/missing/);
  const database = open(path, [FIRST]);
  expect(database.prepare('SELECT * FROM a').all()).toEqual([{ x: 1 }]);
  database.close();
});

test('a file that is no database, or of another program, is refused and not touched', () => {
  const folder = temporaryFolder();
  const text = join(folder, 'text.db');
  writeFileSync(text, 'not a database, but long enough to look like one'.repeat(100));
  expect(() => open(text, [FIRST])).toThrow(SettingsError);
  const foreign = join(folder, 'foreign.db');
  const database = new DatabaseSync(foreign);
  database.exec('CREATE TABLE theirs (x)');
  database.close();
  expect(() => open(foreign, [FIRST])).toThrow(/another program/);
});

test('what throws in a transaction leaves nothing behind', () => {
  const database = open(join(temporaryFolder(), 'x.db'), [FIRST]);
  expect(() =>
    inTransaction(database, () => {
      database.exec('INSERT INTO a VALUES (2)');
      throw new Error('no');
    }),
  ).toThrow('no');
  expect(database.prepare('SELECT count(*) AS n FROM a').get()).toEqual({ n: 1 });
  database.close();
});
