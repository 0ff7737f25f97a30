import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { JsonlFile } from '../../src/observe/jsonl-file.ts';

function logOf() {
  const events: string[] = [];
  const write = (event: string) => void events.push(event);
  return { events, log: { debug() {}, info: write, warn: write, error: write } };
}

test('what cannot be written is held, said once, and written when it can be', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-'));
  const path = join(folder, 'calls.jsonl');
  // A folder stands where the file should be: opening it for writing fails whoever asks.
  mkdirSync(path);
  const { events, log } = logOf();
  const file = new JsonlFile(path, log);
  file.append({ n: 1 });
  file.flush();
  file.append({ n: 2 });
  file.flush();
  expect(events).toEqual(['record-file-failing']);
  rmSync(path, { recursive: true });
  file.append({ n: 3 });
  file.close();
  expect(readFileSync(path, 'utf8')).toBe('{"n":1}\n{"n":2}\n{"n":3}\n');
  expect(events).toEqual(['record-file-failing', 'record-file-recovered']);
});

test('a full disk costs the oldest of the lines held, counted; never memory without bound', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-'));
  const path = join(folder, 'calls.jsonl');
  // Every write to /dev/full fails with ENOSPC.
  symlinkSync('/dev/full', path);
  const { events, log } = logOf();
  const file = new JsonlFile(path, log, 10);
  for (let n = 0; n < 100; n++) {
    file.append({ n });
    file.flush();
  }
  expect(file.lostCount).toBe(90);
  rmSync(path);
  file.close();
  expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(11);
  expect(events[0]).toBe('record-file-failing');
});
