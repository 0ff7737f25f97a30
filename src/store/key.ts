import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, statSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { SettingsError } from '../base/errors.ts';

const KEY_BYTES = 32;
const VARIABLE = 'TANDEM_STORE_KEY';

/**
 * The key that seals the store: from TANDEM_STORE_KEY (64 hexadecimal digits, or 44 characters of base64), else from `store.key` in the
 * folder, which is made when it is not there. Throws a SettingsError when what is there is no key, or others may read the file.
 */
export function loadStoreKey(folder: string, environment: NodeJS.ProcessEnv): Uint8Array {
  const given = environment[VARIABLE];
  if (given !== undefined && given !== '') return readKey(given, VARIABLE);
  const path = join(folder, 'store.key');
  try {
    return readKeyFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  makeKeyFile(path);
  return readKeyFile(path);
}

function readKeyFile(path: string): Uint8Array {
  const text = readFileSync(path, 'latin1');
  if ((statSync(path).mode & 0o077) !== 0) {
    throw keyProblem(path, 'others may read the key of the store; run chmod 600 on it');
  }
  return readKey(text, path);
}

function readKey(text: string, source: string): Uint8Array {
  const trimmed = text.trim();
  const key = /^[0-9A-Fa-f]{64}$/.test(trimmed)
    ? Buffer.from(trimmed, 'hex')
    : /^[A-Za-z0-9+/]{43}=$/.test(trimmed)
      ? Buffer.from(trimmed, 'base64')
      : undefined;
  if (key?.length !== KEY_BYTES) {
    throw keyProblem(source, 'expected 32 octets as 64 hexadecimal digits or 44 characters of base64');
  }
  return new Uint8Array(key);
}

/** Written whole under another name and then linked, so that a crash leaves no half a key and two starts agree on one. */
function makeKeyFile(path: string): void {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  const file = openSync(draft, 'wx', 0o600);
  try {
    writeSync(file, `${randomBytes(KEY_BYTES).toString('base64')}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  try {
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    unlinkSync(draft);
  }
}

function keyProblem(path: string, message: string): SettingsError {
  return new SettingsError([{ code: 'store-key', path, message }]);
}

/** What a store says that was sealed with another key. */
export function wrongKey(path: string): SettingsError {
  return new SettingsError([
    {
      code: 'store-key-wrong',
      path,
      message: `the store was written with another key; bring back its store.key, or set ${VARIABLE} to its key`,
    },
  ]);
}
