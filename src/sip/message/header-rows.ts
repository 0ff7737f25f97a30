/**
 * A received header field is two numbers, its row: where its line stands in the text of its message, and which field it is. What is
 * read of a row is read here, as ranges of that text; no string is made before somebody asks for one.
 *
 * The first number has the id in its low bits and above them where the line starts, 0 for a field that holds its own text. The second
 * has in its low bits how far the colon is from there, and above them where the line ends; in its place a field that holds its own text
 * has that text.
 */
import { type HeaderId, headerNames } from './header-id.ts';

const ID_BITS = 7;
const ID_MASK = (1 << ID_BITS) - 1;
const COLON_BITS = 7;
/** A colon that is further away is searched for. */
const FAR_COLON = (1 << COLON_BITS) - 1;

/** Longest text whose places fit into the numbers. */
export const MAX_TEXT_LENGTH = 1 << 24;

/** How each field begins where it is written by this engine, with the line end before it. */
export const LINE_STARTS: readonly string[] = headerNames().map((name) => `\r\n${name}: `);

export type Rows = (number | string)[];

/** The row of a received line: where it starts, its colon, and its closing CR. */
export function putRow(rows: Rows, index: number, id: HeaderId, start: number, colon: number, end: number): void {
  rows[index * 2] = (start << ID_BITS) | id;
  rows[index * 2 + 1] = (end << COLON_BITS) | Math.min(colon - start, FAR_COLON);
}

/** The row of a field that holds its own text. */
export function putOwnRow(rows: Rows, index: number, id: HeaderId, value: string): void {
  rows[index * 2] = id;
  rows[index * 2 + 1] = value;
}

/** The text that a field holds; undefined for a received one. */
export function ownText(rows: Rows, index: number): string | undefined {
  const value = rows[index * 2 + 1];
  return typeof value === 'string' ? value : undefined;
}

export function copyRow(from: Rows, index: number, to: Rows, place: number): void {
  to[place * 2] = from[index * 2] as number;
  to[place * 2 + 1] = from[index * 2 + 1] as number | string;
}

export function idAt(rows: Rows, index: number): HeaderId {
  return (rows[index * 2] as number) & ID_MASK;
}

/** The place of the first field of this id among `[from, count)`, -1 when there is none. */
export function indexOfId(rows: Rows, id: HeaderId, from: number, count: number): number {
  for (let index = from; index < count; index++) if (((rows[index * 2] as number) & ID_MASK) === id) return index;
  return -1;
}

/** Where the field's received line starts; 0 when it holds its own text. */
export function lineAt(rows: Rows, index: number): number {
  return (rows[index * 2] as number) >> ID_BITS;
}

/** Where it ends. */
export function lineEndAt(rows: Rows, index: number): number {
  return (rows[index * 2 + 1] as number) >> COLON_BITS;
}

export function colonAt(text: string, rows: Rows, index: number): number {
  const distance = (rows[index * 2 + 1] as number) & FAR_COLON;
  const line = lineAt(rows, index);
  return distance === FAR_COLON ? text.indexOf(':', line) : line + distance;
}

/** Where the value of a received field starts. */
export function valueStart(text: string, rows: Rows, index: number): number {
  const end = lineEndAt(rows, index);
  let start = colonAt(text, rows, index) + 1;
  while (start < end && text.charCodeAt(start) <= 0x20) start++;
  return start;
}

/** Where it ends. */
export function valueEnd(text: string, rows: Rows, index: number, start: number): number {
  let end = lineEndAt(rows, index);
  while (end > start && text.charCodeAt(end - 1) <= 0x20) end--;
  return end;
}

/** The name as it was received. */
export function nameIn(text: string, rows: Rows, index: number): string {
  const start = lineAt(rows, index);
  let end = colonAt(text, rows, index);
  // §25.1 HCOLON: white space may stand before the colon.
  while (end > start && text.charCodeAt(end - 1) <= 0x20) end--;
  return text.slice(start, end);
}

/** Whether a received line is written as it would be here: full name, one space, the value and nothing else. */
export function isCanonical(text: string, rows: Rows, index: number): boolean {
  const prefix = LINE_STARTS[idAt(rows, index)] as string;
  const line = lineAt(rows, index);
  if (!text.startsWith(prefix, line - 2)) return false;
  const start = line - 2 + prefix.length;
  const end = lineEndAt(rows, index);
  return end > start && text.charCodeAt(start) > 0x20 && text.charCodeAt(end - 1) > 0x20;
}

/** How often a received line is folded. */
export function foldsOf(text: string, rows: Rows, index: number): number {
  const end = lineEndAt(rows, index);
  let folds = 0;
  for (let at = text.indexOf('\r\n', lineAt(rows, index)); at >= 0 && at < end; at = text.indexOf('\r\n', at + 2))
    folds++;
  return folds;
}

/** §7.3.1: folding means one space. Stray CR, LF and NUL become one too, so that no value can break a line. */
export function unfold(text: string): string {
  let result = '';
  let runStart = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code !== 0x0d && code !== 0x0a && code !== 0) continue;
    let runEnd = index;
    while (runEnd > runStart && text.charCodeAt(runEnd - 1) <= 0x20) runEnd--;
    result += `${text.slice(runStart, runEnd)} `;
    while (index + 1 < text.length && text.charCodeAt(index + 1) <= 0x20) index++;
    runStart = index + 1;
  }
  return runStart === 0 ? text : result + text.slice(runStart);
}
