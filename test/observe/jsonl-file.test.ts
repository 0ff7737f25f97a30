import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, type MockInstance, test, vi } from 'vitest';
import { allAtOnce } from '../../src/base/steps.ts';
import { JsonlFile, octetsOf } from '../../src/observe/jsonl-file.ts';

function logOf() {
  const events: string[] = [];
  const write = (event: string) => void events.push(event);
  return { events, log: { debug() {}, info: write, warn: write, error: write } };
}

test('what cannot be written is held, said once, and written when it can be', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-'));
  const path = join(folder, 'calls.jsonl');
  // A folder stands where the file should be: opening it for writing fails whoever asks.
  mkdirSync(path);
  const { events, log } = logOf();
  const file = new JsonlFile(path, log);
  file.append({ n: 1 });
  await file.flush();
  file.append({ n: 2 });
  await file.flush();
  expect(events).toEqual(['record-file-failing']);
  rmSync(path, { recursive: true });
  file.append({ n: 3 });
  await file.close();
  expect(readFileSync(path, 'utf8')).toBe('{"n":1}\n{"n":2}\n{"n":3}\n');
  expect(events).toEqual(['record-file-failing', 'record-file-recovered']);
});

test('a full disk costs the oldest of the lines held, counted; never memory without bound', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-'));
  const path = join(folder, 'calls.jsonl');
  // Every write to /dev/full fails with ENOSPC.
  symlinkSync('/dev/full', path);
  const { events, log } = logOf();
  const file = new JsonlFile(path, log, 10);
  for (let n = 0; n < 100; n++) {
    file.append({ n });
    await file.flush();
  }
  expect(file.lostCount).toBe(90);
  rmSync(path);
  await file.close();
  expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(11);
  expect(events[0]).toBe('record-file-failing');
});

test.each(['records', 'octets'])('what waits of %s is 32 MB at most, or the latest one', async (kind) => {
  const path = join(mkdtempSync(join(tmpdir(), 'tandem-')), 'audit.jsonl');
  mkdirSync(path);
  const file = new JsonlFile(path, logOf().log);
  const append = (n: number, length: number) => {
    const value = { n, text: 'x'.repeat(length) };
    file.append(kind === 'octets' ? allAtOnce(octetsOf([JSON.stringify(value)])) : value);
  };
  for (let n = 0; n < 40; n++) append(n, 1_048_576 - 64);
  await file.flush();
  expect(file.lostCount).toBe(8);
  for (let n = 40; n < 42; n++) append(n, 1_048_576 - 64);
  await file.flush();
  expect(file.lostCount).toBe(10);
  append(42, 40 * 1_048_576);
  await file.flush();
  expect(file.lostCount).toBe(42);
  rmSync(path, { recursive: true });
  await file.close();
  const written = readFileSync(path, 'utf8');
  const { n, text } = JSON.parse(written);
  // No pattern: one that goes through 40 MB may find no room on the stack.
  expect([n, text === 'x'.repeat(40 * 1_048_576), written.indexOf('\n')]).toEqual([42, true, written.length - 1]);
});

test('a line is written off the turn that appends it, and closing waits for it', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'tandem-')), 'records', 'calls.jsonl');
  const file = new JsonlFile(path, logOf().log);
  for (let n = 0; n < 1000; n++) file.append({ n });
  const written = file.flush();
  // Nothing has touched the disk yet.
  expect(existsSync(path)).toBe(false);
  // What comes while that is written comes after it.
  file.append({ n: 1000 });
  await file.close();
  await written;
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { n: number }).n)).toEqual(Array.from({ length: 1001 }, (_, n) => n));
});

test('a value without a JSON text costs its own line, counted and said; what came before and comes after is written', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'tandem-')), 'calls.jsonl');
  const { events, log } = logOf();
  const file = new JsonlFile(path, log);
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  for (const value of [{ n: 1 }, { n: 1n }, cycle, undefined, { n: 2 }]) file.append(value);
  await file.flush();
  file.append({ n: 3 });
  await file.reopen();
  file.append({ n: 4 });
  await file.close();
  expect(readFileSync(path, 'utf8')).toBe('{"n":1}\n{"n":2}\n{"n":3}\n{"n":4}\n');
  expect(file.lostCount).toBe(3);
  expect(events).toEqual(Array(3).fill('record-file-failing'));
});

test('a line of megabytes is written in parts, whole, whatever characters it has and wherever it is cut', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'tandem-')), 'audit.jsonl');
  const file = new JsonlFile(path, logOf().log);
  // Characters of two in a text, at even and at odd places, between short lines.
  const values = ['a', '😀'.repeat(300_000), `x${'😀'.repeat(300_000)}`, 'ü'.repeat(100_000), 'z'];
  for (const value of values) file.append(value);
  const encoders = [
    vi.spyOn(Buffer, 'from'),
    vi.spyOn(Buffer.prototype, 'write'),
    vi.spyOn(TextEncoder.prototype, 'encode'),
  ];
  await file.close();
  const encoded = encoders.flatMap(({ mock }) =>
    mock.calls.flatMap(([text]) => (typeof text === 'string' ? [text] : [])),
  );
  vi.restoreAllMocks();
  expect(readFileSync(path, 'utf8')).toBe(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
  expect(encoded.length).toBeGreaterThan(10);
  expect(Math.max(...encoded.map((text) => text.length))).toBeLessThan(200_000);
});

test('a line that was cut, since the process before was killed, costs that line and not the next one', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'tandem-')), 'audit.jsonl');
  writeFileSync(path, '{"n":1}\n{"cut":"hal');
  for (const n of [2, 3]) {
    const file = new JsonlFile(path, logOf().log);
    file.append({ n });
    await file.close();
  }
  expect(readFileSync(path, 'utf8')).toBe('{"n":1}\n{"cut":"hal\n{"n":2}\n{"n":3}\n');
});

test('lines of two that append to one file are whole, however long they are', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'tandem-')), 'audit.jsonl');
  const files = ['a', 'b'].map((name) => ({ name, file: new JsonlFile(path, logOf().log) }));
  const isWhole = (line: string) => /^"(a+|b+)"$/.test(line);
  for (const { name, file } of files) {
    // One of megabytes; then many that are more than is written at a time.
    file.append(name.repeat(2_000_000));
    for (let n = 0; n < 300; n++) file.append(name.repeat(1_000));
  }
  await Promise.all(files.map(({ file }) => file.close()));
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  expect(lines.filter(isWhole)).toHaveLength(602);
  expect(lines).toHaveLength(602);
});

test.each(['stat', 'read'] as const)(
  'a disk that fails at %s as the file is opened leaves no handle open, and the line comes with the next try',
  async (failing) => {
    const path = join(mkdtempSync(join(tmpdir(), 'tandem-')), 'calls.jsonl');
    writeFileSync(path, '{"n":1}\n{"cut":"hal');
    // There is no other way to the class.
    await using handle = await open(path, 'r');
    const prototype = Object.getPrototypeOf(handle) as typeof handle;
    const stat = vi.spyOn(prototype, 'stat');
    const spy = failing === 'stat' ? stat : vi.spyOn(prototype, 'read');
    spy.mockRejectedValueOnce(Object.assign(new Error('i/o error'), { code: 'EIO' }));
    const { events, log } = logOf();
    const file = new JsonlFile(path, log);
    try {
      file.append({ n: 2 });
      await file.flush();
      expect(events).toEqual(['record-file-failing']);
      const opened = stat.mock.contexts as (typeof handle)[];
      expect(opened.length).toBeGreaterThan(0);
      expect(opened.map(({ fd }) => fd)).toEqual(opened.map(() => -1));
      await file.close();
    } finally {
      vi.restoreAllMocks();
    }
    expect(readFileSync(path, 'utf8')).toBe('{"n":1}\n{"cut":"hal\n{"n":2}\n');
  },
);

test('lines that are octets already stand between the others as they came, also when they are written at the second try', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'tandem-')), 'audit.jsonl');
  mkdirSync(path);
  const { events, log } = logOf();
  const file = new JsonlFile(path, log);
  // More together than go with one write, short ones and one of megabytes.
  const texts = Array.from({ length: 2_000 }, (_each, n) =>
    JSON.stringify({ n, text: 'ü'.repeat(n === 700 ? 1_000_000 : n % 40) }),
  );
  for (const [n, text] of texts.entries())
    file.append(n % 50 === 0 ? (JSON.parse(text) as object) : allAtOnce(octetsOf([text])));
  await file.flush();
  expect(events).toEqual(['record-file-failing']);
  rmSync(path, { recursive: true });
  await file.close();
  expect(readFileSync(path, 'utf8')).toBe(texts.map((text) => `${text}\n`).join(''));
});

test.each(['records', 'octets'])(
  'of %s that a full disk took some, and one in part, that one is ended and comes again whole, and none twice',
  async (kind) => {
    const folder = mkdtempSync(join(tmpdir(), 'tandem-'));
    await using handle = await open(join(folder, 'any'), 'w');
    const prototype = Object.getPrototypeOf(handle) as typeof handle;
    const path = join(folder, 'calls.jsonl');
    const { events, log } = logOf();
    const file = new JsonlFile(path, log);
    const texts = ['{"n":1}', '{"n":2}', '{"n":"ü"}', '{"n":4}'];
    const whole = prototype.write as (octets: Uint8Array, offset: number, length?: number) => Promise<object>;
    const write = vi.spyOn(prototype, 'write') as MockInstance<typeof whole>;
    write.mockImplementationOnce(function (this: unknown, octets) {
      // Within the ü.
      return whole.call(this, octets, 0, 23);
    });
    write.mockRejectedValueOnce(Object.assign(new Error('no room'), { code: 'ENOSPC' }));
    try {
      for (const text of texts)
        file.append(kind === 'octets' ? allAtOnce(octetsOf([text])) : (JSON.parse(text) as object));
      await file.flush();
      expect(events).toEqual(['record-file-failing']);
      file.append({ n: 5 });
      await file.close();
    } finally {
      vi.restoreAllMocks();
    }
    expect(events).toEqual(['record-file-failing', 'record-file-recovered']);
    expect([readFileSync(path, 'utf8'), file.lostCount]).toEqual([
      '{"n":1}\n{"n":2}\n{"n":"\ufffd\n{"n":"ü"}\n{"n":4}\n{"n":5}\n',
      0,
    ]);
  },
);
