/**
 * Comma-separated values (RFC 4180) as spreadsheets write them: with or without a byte order mark, in UTF-8, UTF-16 or Windows-1252,
 * separated by commas, semicolons or tabs. Read and written in steps: a list of 100,000 lines keeps nobody waiting.
 */
import type { Steps } from './steps.ts';

export interface CsvRow {
  /** Where it begins in the file, from 1: a quoted cell may hold line ends. */
  readonly line: number;
  /** Of the header all, of other rows those of the columns that are kept, as far as the row goes. */
  readonly cells: readonly string[];
  /** Cells up to the last that is not empty, those that are not kept among them. */
  readonly width: number;
}

export interface CsvTable {
  readonly encoding: CsvEncoding;
  readonly separator: CsvSeparator;
  /** The first row; undefined for a file without one, or where it has a fault: the rest is not read then. */
  readonly header: CsvRow | undefined;
  readonly rows: readonly CsvRow[];
  /** There are more rows than were to be read. */
  readonly isCut: boolean;
  /** What is wrong with the quoting, or with a row's length, by line; such a row is not in `rows`. */
  readonly faults: readonly { readonly line: number; readonly message: string }[];
}

export type CsvEncoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';
export type CsvSeparator = ',' | ';' | '\t';

const SEPARATORS: readonly CsvSeparator[] = [',', ';', '\t'];
/** A longer row is none: each is read in one step. */
const MOST_ROW_CHARACTERS = 65_536;
/** Octets that are decoded in a step. */
const PIECE = 65_536;
/** What a spreadsheet would take for a formula. */
const FORMULA = /^'*[=+\-@\t\r]/;
const SIGNED = /^[+-]?\d+(?:\.\d+)?$/;

/**
 * @param mostRows so many are read beside the header, with those that are empty or have a fault
 * @param keeps of which of the header's columns cells are kept; what it throws ends the reading. A file may be nothing but separators, and
 * would take ten times its octets with all its cells
 */
export function* readCsv(
  octets: Uint8Array,
  mostRows: number,
  keeps: (header: CsvRow) => readonly boolean[],
): Steps<CsvTable> {
  const { encoding, text } = yield* decoded(octets);
  const told = /^sep=([,;\t])\r?\n/i.exec(text);
  const separator = (told?.[1] as CsvSeparator | undefined) ?? separatorOf(text);
  const reader = new RowReader(text, separator, told?.[0].length ?? 0, told === null ? 1 : 2);
  let header: ReadRow | undefined;
  const rows: CsvRow[] = [];
  const faults: CsvTable['faults'][number][] = [];
  for (let count = 0; ; count++) {
    const row = reader.next();
    yield;
    if (row === undefined) return { encoding, separator, header, rows, faults, isCut: false };
    if (count > mostRows) return { encoding, separator, header, rows, faults, isCut: true };
    if (row.fault !== undefined) {
      faults.push({ line: row.line, message: row.fault });
      if (header === undefined) return { encoding, separator, header, rows, faults, isCut: false };
    } else if (row.width > 0) {
      if (header !== undefined) rows.push(row);
      else reader.keepOnly(keeps(row));
      header ??= row;
    }
  }
}

/**
 * A line with its end. What a spreadsheet would run as a formula begins with an apostrophe, which {@link cellText} takes off again: what
 * peers send stands in these files too. A number with its sign stays as it is.
 */
export function csvLine(
  cells: readonly (string | number | boolean | undefined)[],
  separator: CsvSeparator = ',',
): string {
  return `${cells.map((cell) => written(String(cell ?? ''), separator)).join(separator)}\r\n`;
}

function written(cell: string, separator: CsvSeparator): string {
  const text = FORMULA.test(cell) && !SIGNED.test(cell) ? `'${cell}` : cell;
  return text.includes(separator) || /["\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** What a cell says, without the apostrophe that guards a spreadsheet against it. */
export function cellText(cell: string): string {
  return cell.startsWith("'") && FORMULA.test(cell) ? cell.slice(1) : cell;
}

function* decoded(octets: Uint8Array): Steps<{ encoding: CsvEncoding; text: string }> {
  const [first, second, third] = octets;
  if (first === 0xff && second === 0xfe) return { encoding: 'utf-16le', text: yield* textOf(octets, 'utf-16le') };
  if (first === 0xfe && second === 0xff) return { encoding: 'utf-16be', text: yield* textOf(octets, 'utf-16be') };
  const isMarked = first === 0xef && second === 0xbb && third === 0xbf;
  try {
    return { encoding: 'utf-8', text: yield* textOf(octets, 'utf-8', !isMarked) };
  } catch {
    return { encoding: 'windows-1252', text: yield* textOf(octets, 'windows-1252') };
  }
}

/** Throws a TypeError for what is not in this encoding, where `isFatal`. */
function* textOf(octets: Uint8Array, encoding: CsvEncoding, isFatal = false): Steps<string> {
  const decoder = new TextDecoder(encoding, { fatal: isFatal });
  let text = '';
  for (let at = 0; at < octets.length; at += PIECE) {
    text += decoder.decode(octets.subarray(at, at + PIECE), { stream: true });
    yield;
  }
  return text + decoder.decode();
}

/** The one that stands most often in the first line, outside quotes. */
function separatorOf(text: string): CsvSeparator {
  const head = text.slice(0, 10_000).replaceAll(/"(?:[^"]|"")*"/g, '');
  const [line = ''] = head.split(/\r?\n|\r/, 1);
  const counts = SEPARATORS.map((separator) => line.split(separator).length);
  return SEPARATORS[counts.indexOf(Math.max(...counts))] ?? ',';
}

interface ReadRow extends CsvRow {
  readonly fault?: string;
}

class RowReader {
  readonly #text: string;
  readonly #separator: string;
  /** By column; undefined: all are kept. */
  #keeps: readonly boolean[] | undefined;
  #at: number;
  #line: number;
  /** Of what is read of this row. */
  #end = 0;

  constructor(text: string, separator: string, at: number, line: number) {
    this.#text = text;
    this.#separator = separator;
    this.#at = at;
    this.#line = line;
  }

  keepOnly(keeps: readonly boolean[]): void {
    this.#keeps = keeps;
  }

  next(): ReadRow | undefined {
    if (this.#at >= this.#text.length) return undefined;
    const line = this.#line;
    const cells: string[] = [];
    let width = 0;
    let fault: string | undefined;
    this.#end = Math.min(this.#at + MOST_ROW_CHARACTERS, this.#text.length);
    for (let column = 0; ; column++) {
      const isQuoted = this.#text[this.#at] === '"';
      const cell = isQuoted ? this.#quoted() : this.#plain();
      if (cell === undefined) return this.#unclosed(line);
      const rest = isQuoted ? this.#plain() : '';
      if (this.#goesOn()) return this.#ended(line, `the row has more than ${MOST_ROW_CHARACTERS} characters`);
      if (cell !== '') width = column + 1;
      if (this.#keeps?.[column] ?? this.#keeps === undefined) cells.push(cell);
      if (rest.trim() !== '') fault ??= `there is text behind a closing quote: ${rest.slice(0, 20)}`;
      if (this.#text[this.#at] !== this.#separator) break;
      this.#at++;
    }
    this.#endLine();
    return { line, cells, width, ...(fault !== undefined && { fault }) };
  }

  /** Whether the row has more than is read of one. */
  #goesOn(): boolean {
    return this.#at >= this.#end && this.#end < this.#text.length && !/[\r\n]/.test(this.#text[this.#end] as string);
  }

  #unclosed(line: number): ReadRow {
    const isLong = this.#end < this.#text.length;
    const within = isLong ? ` within the ${MOST_ROW_CHARACTERS} characters that a row may have` : '';
    return this.#ended(line, `a quote is opened and not closed${within}`);
  }

  /** Where the next row begins, nobody knows. */
  #ended(line: number, fault: string): ReadRow {
    const isAll = this.#end >= this.#text.length;
    this.#at = this.#text.length;
    return { line, cells: [], width: 0, fault: isAll ? fault : `${fault}; nothing behind it was read` };
  }

  /** Up to the next separator or line end. */
  #plain(): string {
    const from = this.#at;
    for (; this.#at < this.#end; this.#at++) {
      const sign = this.#text[this.#at];
      if (sign === this.#separator || sign === '\n' || sign === '\r') break;
    }
    return this.#text.slice(from, this.#at).trim();
  }

  /** Undefined: it is never closed, or not where a row ends. */
  #quoted(): string | undefined {
    let cell = '';
    let from = this.#at + 1;
    for (;;) {
      const end = this.#text.indexOf('"', from);
      if (end < 0 || end >= this.#end) return undefined;
      cell += this.#text.slice(from, end);
      if (this.#text[end + 1] !== '"') {
        this.#at = end + 1;
        this.#line += cell.split('\n').length - 1;
        return cell;
      }
      cell += '"';
      from = end + 2;
    }
  }

  #endLine(): void {
    if (this.#text[this.#at] === '\r') this.#at++;
    if (this.#text[this.#at] === '\n') this.#at++;
    this.#line++;
  }
}
