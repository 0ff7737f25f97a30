import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Log } from '../base/log.ts';

const GATHER_MS = 50;

/**
 * Appends one JSON object per line. Rotation is the operator's: move the file and send SIGHUP, which calls {@link reopen}.
 *
 * Lines are gathered for a twentieth of a second and written together: a write per line costs more than all else about it. A full disk drops no call: the write is tried again with the next
 * line, the lines held are bounded, and what is lost is counted and logged once per outage.
 */
export class JsonlFile {
  readonly path: string;
  readonly #log: Log;
  readonly #maxHeldLines: number;
  readonly #mode: number;
  #descriptor: number | undefined;
  #lines: string[] = [];
  #scheduled = false;
  #failing = false;
  #lostCount = 0;

  constructor(path: string, log: Log, maxHeldLines = 10_000, mode = 0o640) {
    this.path = path;
    this.#log = log;
    this.#maxHeldLines = maxHeldLines;
    this.#mode = mode;
  }

  /** Lines lost to a failing disk since the start. */
  get lostCount(): number {
    return this.#lostCount;
  }

  append(value: unknown): void {
    if (this.#lines.length >= this.#maxHeldLines) {
      this.#lines.shift();
      this.#lostCount++;
    }
    this.#lines.push(`${JSON.stringify(value)}\n`);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setTimeout(() => this.flush(), GATHER_MS).unref();
  }

  /** Writes what is held. */
  flush(): void {
    this.#scheduled = false;
    if (this.#lines.length === 0) return;
    const octets = Buffer.from(this.#lines.join(''), 'utf8');
    let written = 0;
    try {
      this.#descriptor ??= this.#open();
      while (written < octets.length) written += writeSync(this.#descriptor, octets, written);
      this.#lines = [];
      if (this.#failing) this.#log.info('record-file-recovered', { path: this.path, lostCount: this.#lostCount });
      this.#failing = false;
    } catch (error) {
      this.#keepUnwritten(written);
      if (!this.#failing) this.#log.error('record-file-failing', { path: this.path, error });
      this.#failing = true;
      this.reopen();
    }
  }

  /** A line that was cut by the failure is written again in full on a line of its own, so that readers lose nothing but the cut copy. */
  #keepUnwritten(written: number): void {
    let done = 0;
    let remaining = written;
    for (; done < this.#lines.length; done++) {
      const length = Buffer.byteLength(this.#lines[done] as string, 'utf8');
      if (length > remaining) break;
      remaining -= length;
    }
    this.#lines = this.#lines.slice(done);
    if (remaining > 0) this.#lines[0] = `\n${(this.#lines[0] as string).trimStart()}`;
  }

  /** Closes the file; the next line opens (and creates) it again under its name. */
  reopen(): void {
    if (this.#descriptor === undefined) return;
    closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  close(): void {
    this.flush();
    this.reopen();
  }

  #open(): number {
    mkdirSync(dirname(this.path), { recursive: true, mode: 0o750 });
    return openSync(this.path, 'a', this.#mode);
  }
}
