import { ownCopy } from '../../base/text.ts';
import { decimalAt, isToken, listedWords, listHolds, splitList } from './characters.ts';
import { HeaderId, headerIdOf, headerNames } from './header-id.ts';
import { foldsOf, idAt, isCanonical, LINE_STARTS, lineAt, lineEndAt, valueEnd, valueStart } from './header-rows.ts';
import { bitOf, HeaderTable } from './header-table.ts';
import type { OctetWriter } from './octet-writer.ts';

// Where what was read of a field is kept: first of those that are read of nearly every message, then of their parts, then of others.
const USUAL: readonly HeaderId[] = [
  HeaderId.Via,
  HeaderId.From,
  HeaderId.To,
  HeaderId.CallId,
  HeaderId.CSeq,
  HeaderId.Contact,
];
const WITH_PARTS: readonly HeaderId[] = [HeaderId.From, HeaderId.To, HeaderId.Contact];
const FIRST_OTHER = USUAL.length + WITH_PARTS.length;
const SLOTS = headerNames().map((_, id) => slotOf(USUAL, id, 0) ?? FIRST_OTHER + 2 * id);
const PART_SLOTS = headerNames().map((_, id) => slotOf(WITH_PARTS, id, USUAL.length) ?? FIRST_OTHER + 2 * id + 1);

function slotOf(ids: readonly number[], id: number, first: number): number | undefined {
  const place = ids.indexOf(id);
  return place < 0 ? undefined : first + place;
}

/** Header fields to add, in order. */
export type HeaderList = readonly (readonly [HeaderId, string])[];

/**
 * The header fields of a message, in order.
 *
 * A field that was received is two numbers: its id and places in the message's text. Its value is sliced out when somebody asks, once,
 * and what a parser makes of it is kept beside it. A field that was added here holds its own text; in a message that was made here nothing
 * else is kept. So a message that is read and relayed costs its scan and nothing else, and what nobody touched leaves as it came, in its
 * order, spelling and folding.
 *
 * Rules: `value` texts never hold CR, LF or NUL (folding is undone, §7.3.1); the first field of a name is the one that counts; nothing
 * here is an object keyed by a peer's text.
 */
export class Headers extends HeaderTable {
  /** What parsers made of first fields, by id, and of their tags behind; made when the first one asks. */
  #parsed: unknown[] | undefined = undefined;

  /** @param room how many fields will be added, where it is known to be many. */
  constructor(source = '', room = 0) {
    super(source, room);
  }

  has(id: HeaderId): boolean {
    return this.find(id, 0) >= 0;
  }

  /** The first field's value: trimmed, unfolded, lists not split. */
  value(id: HeaderId): string | undefined {
    const index = this.find(id, 0);
    return index < 0 ? undefined : this.valueAt(index);
  }

  /** What `read` makes of the first field's value, which is `text[start, end)`; nothing is kept. Undefined when there is no such field. */
  read<T>(id: HeaderId, read: (text: string, start: number, end: number) => T): T | undefined {
    const index = this.find(id, 0);
    if (index < 0) return undefined;
    if (!this.isPlain(index)) {
      const value = this.valueAt(index);
      return read(value, 0, value.length);
    }
    const start = valueStart(this.source, this.rows, index);
    return read(this.source, start, valueEnd(this.source, this.rows, index, start));
  }

  /** The first field's value as a decimal number of at most 10 digits: -1 when it is none, undefined when there is no field. */
  decimal(id: HeaderId): number | undefined {
    return this.read(id, decimalAt);
  }

  /**
   * What `parse` makes of the first field's value, which is `text[start, end)`; of a received message it is kept until fields of this name
   * change: nothing is read twice. One parser per name. Undefined when there is no such field.
   */
  parsed<T>(id: HeaderId, parse: (text: string, start: number, end: number) => T): T | undefined {
    return this.kept(id, SLOTS[id] as number, parse);
  }

  /** The same for what a second parser makes of the field, e.g. only its tag. */
  parsedPart<T>(id: HeaderId, parse: (text: string, start: number, end: number) => T): T | undefined {
    return this.kept(id, PART_SLOTS[id] as number, parse);
  }

  private kept<T>(id: HeaderId, slot: number, parse: (text: string, start: number, end: number) => T): T | undefined {
    // What is made here is read once or twice: keeping what was read would take more than reading it again.
    if (!this.isReceived) return this.read(id, parse);
    const kept = this.#parsed?.[slot] as T | undefined;
    if (kept !== undefined) return kept;
    const parsed = this.read(id, parse);
    if (parsed === undefined) return undefined;
    this.#parsed ??= new Array(FIRST_OTHER);
    this.#parsed[slot] = parsed;
    return parsed;
  }

  /** The value of every field of this name, in order. */
  fieldValues(id: HeaderId): string[] {
    const first = this.find(id, 0);
    if (first < 0) return [];
    // One, nearly always: a list that grows has room for seventeen.
    const values = [this.valueAt(first)];
    for (let index = this.find(id, first + 1); index >= 0; index = this.find(id, index + 1))
      values.push(this.valueAt(index));
    return values;
  }

  /** The elements of all fields of this name, comma lists split (§7.3.1). Not for names whose values hold bare commas (Date, *-Authenticate). */
  listValues(id: HeaderId): string[] {
    const first = this.find(id, 0);
    if (first < 0) return [];
    const values = splitList(this.valueAt(first));
    for (let index = this.find(id, first + 1); index >= 0; index = this.find(id, index + 1)) {
      for (const value of splitList(this.valueAt(index))) values.push(value);
    }
    return values;
  }

  /** Whether a comma list of tokens (Require, Supported, Allow) names `token`; option tags are compared without case (RFC 3261 §7.3.1). */
  lists(id: HeaderId, token: string): boolean {
    for (let index = this.find(id, 0); index >= 0; index = this.find(id, index + 1))
      if (listHolds(this.valueAt(index), token)) return true;
    return false;
  }

  /** Which of the words (in upper case) the comma lists of this name have among their elements: bit n says that the nth is there. */
  listed(id: HeaderId, words: readonly string[]): number {
    let found = 0;
    for (let index = this.find(id, 0); index >= 0; index = this.find(id, index + 1))
      found |= listedWords(this.valueAt(index), words);
    return found;
  }

  /** Fields of this name. */
  countOf(id: HeaderId): number {
    let count = 0;
    for (let index = this.find(id, 0); index >= 0; index = this.find(id, index + 1)) count++;
    return count;
  }

  /** The first id flagged in `single` (indexed by id) that stands more than once, with different values; `HeaderId.Other` when none does. */
  firstConflict(single: Uint8Array): HeaderId {
    if (this.repeated === 0) return HeaderId.Other;
    for (let index = 0; index < this.count; index++) {
      const id = idAt(this.rows, index);
      if (single[id] !== 1 || (this.repeated & bitOf(id)) === 0) continue;
      if (this.find(id, index + 1) >= 0 && this.conflicts(id)) return id;
    }
    return HeaderId.Other;
  }

  /** True when fields of this name have different values. */
  conflicts(id: HeaderId): boolean {
    if ((this.repeated & bitOf(id)) === 0) return false;
    const first = this.find(id, 0);
    for (let index = this.find(id, first + 1); first >= 0 && index >= 0; index = this.find(id, index + 1)) {
      if (this.valueAt(index) !== this.valueAt(first)) return true;
    }
    return false;
  }

  hasNamed(name: string): boolean {
    return this.placeNamed(name) >= 0;
  }

  /** Like `value`, for a name that may have no id. */
  valueNamed(name: string): string | undefined {
    const index = this.placeNamed(name);
    return index < 0 ? undefined : this.valueAt(index);
  }

  private placeNamed(name: string): number {
    const id = headerIdOf(name);
    if (id !== HeaderId.Other) return this.find(id, 0);
    // Hardly a message has a field without an id, and nearly every one is asked for several.
    return this.has(id) ? this.findNamed(name.toLowerCase(), 0) : -1;
  }

  fieldValuesNamed(name: string): string[] {
    const id = headerIdOf(name);
    if (id !== HeaderId.Other) return this.fieldValues(id);
    const lowerName = name.toLowerCase();
    const values: string[] = [];
    for (let index = this.findNamed(lowerName, 0); index >= 0; index = this.findNamed(lowerName, index + 1))
      values.push(this.valueAt(index));
    return values;
  }

  /** Appends a field. */
  add(id: HeaderId, value: string): this {
    this.append(id, value);
    return this;
  }

  /**
   * Appends the first field of this name that `other` has, if any. Where both are of one source text it stays where it stands in that,
   * when that is how it would be written here.
   */
  takeFirst(other: Headers, id: HeaderId): void {
    const index = other.find(id, 0);
    if (index >= 0) this.take(other, index, id);
  }

  /** The same of every field of this name. */
  takeAll(other: Headers, id: HeaderId): void {
    for (let index = other.find(id, 0); index >= 0; index = other.find(id, index + 1)) this.take(other, index, id);
  }

  private take(other: Headers, index: number, id: HeaderId): void {
    if (other.source !== this.source || !(other.isPlain(index) && isCanonical(other.source, other.rows, index))) {
      this.add(id, other.valueAt(index));
      return;
    }
    this.appendRow(other.rows, index, id);
  }

  /** Appends a field under its own name; known names get their id and canonical spelling. */
  addNamed(name: string, value: string): this {
    const id = headerIdOf(name);
    this.add(id, value);
    if (id === HeaderId.Other) {
      const odd = this.odd();
      odd.names ??= new Array(this.count);
      odd.names[this.count - 1] = checkedName(name);
    }
    return this;
  }

  /** Puts a field above the first one of its name, or first of all: how Via, Route and Record-Route grow. */
  prepend(id: HeaderId, value: string): this {
    this.insert(Math.max(this.find(id, 0), 0), id, value);
    this.forget(id);
    return this;
  }

  /** Replaces the first field of this name in place and removes the others, or appends one. */
  set(id: HeaderId, value: string): this {
    const index = this.find(id, 0);
    if (index < 0) return this.add(id, value);
    this.replaceFirst(id, value);
    for (let other = this.find(id, index + 1); other >= 0; other = this.find(id, index + 1)) this.removeAt(other);
    return this;
  }

  /** Replaces the first field of this name and leaves the others; false when there is none. `parsed`: what its parser makes of the value. */
  replaceFirst(id: HeaderId, value: string, parsed?: unknown): boolean {
    const index = this.find(id, 0);
    if (index < 0) return false;
    this.put(index, id, value);
    this.forget(id);
    if (parsed !== undefined && this.#parsed !== undefined) this.#parsed[SLOTS[id] as number] = parsed;
    return true;
  }

  /** Removes every field of this name; false when there was none. */
  remove(id: HeaderId): boolean {
    return this.removeAll((index) => idAt(this.rows, index) === id);
  }

  removeNamed(name: string): boolean {
    const id = headerIdOf(name);
    if (id !== HeaderId.Other) return this.remove(id);
    const lowerName = name.toLowerCase();
    return this.removeAll(
      (index) => idAt(this.rows, index) === HeaderId.Other && this.nameAt(index).toLowerCase() === lowerName,
    );
  }

  private removeAll(matches: (index: number) => boolean): boolean {
    if (!this.removeWhere(matches)) return false;
    this.#parsed = undefined;
    return true;
  }

  /** Name as written (canonical for added fields), value and id of each field in order. */
  forEach(visit: (name: string, value: string, id: HeaderId) => void): void {
    for (let index = 0; index < this.count; index++)
      visit(this.nameAt(index), this.valueAt(index), idAt(this.rows, index));
  }

  /**
   * For the serializer: every field as `CRLF Name: value`, with one Content-Length where there was one or at the end, the empty line and
   * the body. Runs of untouched fields are one range of the received text; every other value is written as `clean`, if given, makes it.
   *
   * @returns how many line ends are meant to stand before the empty line
   */
  write(writer: OctetWriter, body: string, clean?: (value: string) => string): number {
    let runStart = 0;
    let runEnd = -1;
    let lineEnds = 0;
    let hasLength = false;
    const { source } = this;
    for (let index = 0; index < this.count; index++) {
      const isLength = idAt(this.rows, index) === HeaderId.ContentLength;
      if (isLength && hasLength) continue;
      const isOwn = this.unsafe || (isLength && !this.isLength(index, body.length));
      const start = isOwn ? 0 : lineAt(this.rows, index);
      if (start === 0 || start !== runEnd) {
        if (runStart > 0) writer.put(source.slice(runStart - 2, runEnd - 2));
        runStart = start;
      }
      runEnd = start === 0 ? -1 : lineEndAt(this.rows, index) + 2;
      lineEnds++;
      if (start > 0) {
        if (this.irregular) lineEnds += foldsOf(source, this.rows, index);
      } else if (isLength) writer.putOctets(`\r\nContent-Length: ${body.length}`);
      else this.writeLine(writer, index, clean);
      hasLength ||= isLength;
    }
    if (runStart > 0) writer.put(source.slice(runStart - 2, runEnd - 2));
    if (!hasLength) lineEnds++;
    writer.putOctets(hasLength ? EMPTY_LINE : lengthAndEnd(body.length));
    writer.put(body);
    return lineEnds;
  }

  /** Whether a Content-Length field may leave as it came: if it says what is so. */
  private isLength(index: number, bodyOctets: number): boolean {
    return lineAt(this.rows, index) > 0 && Number(this.valueAt(index)) === bodyOctets;
  }

  private writeLine(writer: OctetWriter, index: number, clean: ((value: string) => string) | undefined): void {
    const held = this.valueAt(index);
    const value = clean === undefined ? held : clean(held);
    const id = idAt(this.rows, index);
    if (id === HeaderId.Other) {
      const name = this.nameAt(index);
      writer.putOctets('\r\n');
      writer.put(name);
      writer.putOctets(': ');
    } else writer.putOctets(LINE_STARTS[id] as string);
    writer.put(value);
  }

  /** Fields of this name have changed: what was read of them counts no more. */
  private forget(id: HeaderId): void {
    const parsed = this.#parsed;
    if (parsed === undefined) return;
    // A place that was never made is none to be cleared: it would be made, with all before it.
    const [slot, partSlot] = [SLOTS[id] as number, PART_SLOTS[id] as number];
    if (slot < parsed.length) parsed[slot] = undefined;
    if (partSlot < parsed.length) parsed[partSlot] = undefined;
  }
}

/** What the body stands behind. */
export const EMPTY_LINE = '\r\n\r\n';

/** The last header line and the empty one. */
function lengthAndEnd(octets: number): string {
  if (octets >= USUAL_OCTETS) return `\r\nContent-Length: ${octets}\r\n\r\n`;
  ENDS[octets] ??= ownCopy(`\r\nContent-Length: ${octets}\r\n\r\n`);
  return ENDS[octets];
}
/** By the octets of the body, as far as usual session descriptions go. */
const ENDS: string[] = [];
const USUAL_OCTETS = 2048;

function checkedName(name: string): string {
  if (!isToken(name)) throw new TypeError(`${JSON.stringify(name)} is no header field name`);
  return name;
}
