import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Log } from '../base/log.ts';
import { allAtOnce, inSlices, type Steps } from '../base/steps.ts';

const GATHER_MS = 50;
/** Of lines that wait; one that is longer waits alone. Records count once they are texts. */
const MOST_HELD_OCTETS = 33_554_432;

/** JSON that is text yet, or its octets with the end of the line. */
type Line = string | Uint8Array;

/** A value of which more than one needs the JSON text: the first that asks makes it. */
export class JsonLine {
  readonly #value: unknown;
  #text: string | undefined = undefined;

  constructor(value: unknown) {
    this.#value = value;
  }

  /** Undefined, or a TypeError, for a value that has none. */
  get text(): string | undefined {
    this.#text ??= JSON.stringify(this.#value) as string | undefined;
    return this.#text;
  }
}

/**
 * Appends one JSON object per line. Rotation is the operator's: move the file and send SIGHUP, which calls {@link reopen}.
 *
 * Lines are gathered for a twentieth of a second and made and written together, since a write per line costs more than all else about it,
 * and a text made between other work takes a multiple of its time; off the thread, since a disk may take its time. A full disk drops no call: the write is tried again with the next line, the lines held
 * are bounded, and what is lost is counted and logged once per outage.
 *
 * Several processes may append to one file, the workers of a machine: a line is one write, however long it is. One that was cut, as the
 * process was killed or the disk was full, has its end before the next line comes.
 */
export class JsonlFile {
  readonly path: string;
  readonly #log: Log;
  readonly #maxHeldLines: number;
  readonly #mode: number;
  #file: FileHandle | undefined;
  /** What came since the last write. */
  #values: unknown[] = [];
  /** What could not be written then. */
  #lines: Line[] = [];
  /** Of both. */
  #heldOctets = 0;
  #scheduled = false;
  /** What is done to the file, one after the other. */
  #work: Promise<void> = Promise.resolve();
  #failing = false;
  /** The last line that was written is not whole. */
  #isCut = false;
  #lostCount = 0;

  constructor(path: string, log: Log, maxHeldLines = 10_000, mode = 0o640) {
    this.path = path;
    this.#log = log;
    this.#maxHeldLines = maxHeldLines;
    this.#mode = mode;
  }

  /** Lines lost since the start: to a failing disk, or since a value has no JSON text. */
  get lostCount(): number {
    return this.#lostCount;
  }

  /**
   * The value is the file's until it is written: it must not change. Octets ({@link octetsOf}) are a line as they are. A value without a
   * JSON text is lost, counted and logged.
   */
  append(value: unknown): void {
    this.#values.push(value);
    this.#heldOctets += heldOctets(value);
    this.#dropOldest();
    if (this.#scheduled) return;
    this.#scheduled = true;
    setTimeout(() => this.flush(), GATHER_MS).unref();
  }

  /** Resolves when what is held was written, or could not be. */
  flush(): Promise<void> {
    return this.#next(() => this.#write());
  }

  /** Closes the file when what is held was written; the next line opens (and creates) it again under its name. */
  reopen(): Promise<void> {
    return this.#next(async () => {
      await this.#write();
      await this.#close();
    });
  }

  close(): Promise<void> {
    return this.reopen();
  }

  #next(step: () => Promise<void>): Promise<void> {
    // What failed before is not this step's matter.
    this.#work = this.#work.then(step, step);
    return this.#work;
  }

  async #write(): Promise<void> {
    this.#scheduled = false;
    const lines = this.#takeLines();
    if (lines.length === 0) return;
    let written = 0;
    try {
      this.#file ??= await this.#open();
      await this.#endCutLine(this.#file);
      for (const batch of batchesOf(lines)) {
        const octets = await encoded(batch);
        for (let at = 0; at < octets.length; ) {
          const { bytesWritten } = await this.#file.write(octets, at);
          at += bytesWritten;
          written += bytesWritten;
        }
      }
      if (this.#failing) this.#log.info('record-file-recovered', { path: this.path, lostCount: this.#lostCount });
      this.#failing = false;
    } catch (error) {
      const { rest, isCut } = unwritten(lines, written);
      this.#isCut ||= isCut;
      this.#lines = rest;
      for (const line of rest) this.#heldOctets += heldOctets(line);
      this.#dropOldest();
      if (!this.#failing) this.#log.error('record-file-failing', { path: this.path, error });
      this.#failing = true;
      await this.#close();
    }
  }

  #takeLines(): Line[] {
    const lines = this.#lines;
    for (const value of this.#values) {
      const line = this.#lineOf(value);
      if (line !== undefined) lines.push(line);
    }
    this.#lines = [];
    this.#values = [];
    this.#heldOctets = 0;
    return lines;
  }

  /** One value without a JSON text costs that line and no other. */
  #lineOf(value: unknown): Line | undefined {
    if (value instanceof Uint8Array) return value;
    try {
      const line: string | undefined = value instanceof JsonLine ? value.text : JSON.stringify(value);
      if (line === undefined) throw new TypeError(`a ${typeof value} has no JSON text`);
      return line;
    } catch (error) {
      this.#lostCount++;
      this.#log.error('record-file-failing', { path: this.path, error });
      return undefined;
    }
  }

  #dropOldest(): void {
    const ofLines = this.#lines.length;
    const held = ofLines + this.#values.length;
    let excess = 0;
    for (; held - excess > this.#maxHeldLines || this.#heldOctets > MOST_HELD_OCTETS; excess++) {
      if (held - excess === 1) break;
      this.#heldOctets -= heldOctets(excess < ofLines ? this.#lines[excess] : this.#values[excess - ofLines]);
    }
    if (excess === 0) return;
    const dropped = this.#lines.splice(0, excess).length;
    this.#values.splice(0, excess - dropped);
    this.#lostCount += excess;
  }

  async #open(): Promise<FileHandle> {
    await mkdir(dirname(this.path), { recursive: true, mode: 0o750 });
    const file = await open(this.path, 'a', this.#mode);
    try {
      // A pipe or a device says nothing of what is in it.
      this.#isCut = (await endsWithinLine(this.path, file)) ?? this.#isCut;
    } catch (error) {
      // A handle that is left to the garbage collector ends the process.
      await closeQuietly(file);
      throw error;
    }
    return file;
  }

  async #endCutLine(file: FileHandle): Promise<void> {
    if (!this.#isCut) return;
    await file.write('\n');
    this.#isCut = false;
  }

  async #close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) await closeQuietly(file);
  }
}

const LINE_END = 0x0a;
/** Encoded at a time, in characters: the record of a large change has millions, which calls would wait for. */
const ENCODED_CHARACTERS = 65_536;

/** As many lines together as are encoded at a time, none in two. */
function* batchesOf(lines: readonly Line[]): Generator<readonly Line[], void> {
  let from = 0;
  let length = 0;
  for (const [at, line] of lines.entries()) {
    if (at > from && length + line.length > ENCODED_CHARACTERS) {
      yield lines.slice(from, at);
      from = at;
      length = 0;
    }
    length += line.length;
  }
  yield lines.slice(from);
}

/** A long line is alone. */
function encoded(lines: readonly Line[]): Uint8Array | Promise<Uint8Array> {
  const [line = ''] = lines;
  if (line.length <= ENCODED_CHARACTERS) return allAtOnce(octetsOf(lines));
  return typeof line === 'string' ? inSlices(octetsOf(lines)) : line;
}

/**
 * Octets of JSON texts with the ends of their lines, outside of the heap and in memory of their own; in steps, since a text may have
 * millions of characters. They are written one by one: put together first, they would be in the heap once more.
 */
export function* octetsOf(lines: readonly Line[]): Steps<Buffer> {
  const octets = Buffer.allocUnsafeSlow(lines.reduce((sum, line) => sum + lengthOf(line), 0));
  let at = 0;
  for (const line of lines) {
    if (typeof line !== 'string') {
      octets.set(line, at);
      at += line.length;
      continue;
    }
    for (let from = 0; from < line.length; yield) {
      const end = endOfPart(line, from + ENCODED_CHARACTERS);
      at += octets.write(line.slice(from, end), at);
      from = end;
    }
    at = octets.writeUInt8(LINE_END, at);
  }
  return octets;
}

/** A text counts its characters: in the heap it has two octets for each where one of them is beyond Latin-1. */
function heldOctets(value: unknown): number {
  return typeof value === 'string' || value instanceof Uint8Array ? value.length : 0;
}

/** In octets, with its end. */
function lengthOf(line: Line): number {
  return typeof line === 'string' ? Buffer.byteLength(line) + 1 : line.length;
}

/** Not within a character that is two in the text. */
function endOfPart(line: string, end: number): number {
  const isSplit = end < line.length && (line.charCodeAt(end - 1) & 0xfc00) === 0xd800;
  return isSplit ? end - 1 : end;
}

interface Unwritten {
  readonly rest: Line[];
  /** A part of the first is written. */
  readonly isCut: boolean;
}

/** A line that was cut by the failure is written again in full, so that readers lose nothing but the cut copy. */
function unwritten(lines: readonly Line[], written: number): Unwritten {
  let done = 0;
  let remaining = written;
  for (; done < lines.length; done++) {
    const length = lengthOf(lines[done] as Line);
    if (length > remaining) break;
    remaining -= length;
  }
  return { rest: lines.slice(done), isCut: remaining > 0 };
}

/** A line of another process that takes longer than this to grow is not being written any more. */
const GROWING_MS = 20;

/** Whether the last line of a file has no end, since who wrote it was killed. Undefined: not a file, or one that may not be read. */
async function endsWithinLine(path: string, appended: FileHandle): Promise<boolean | undefined> {
  if (!(await appended.stat()).isFile()) return undefined;
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    for (let before = -1; ; ) {
      const { size } = await file.stat();
      if (size === 0) return false;
      const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
      if (buffer[0] === LINE_END) return false;
      if (size === before) return true;
      before = size;
      await pause(GROWING_MS);
    }
  } finally {
    await closeQuietly(file);
  }
}

/** What could not be written was told by the write; a close that fails has freed the descriptor all the same. */
async function closeQuietly(file: FileHandle): Promise<void> {
  await file.close().catch(() => {});
}
