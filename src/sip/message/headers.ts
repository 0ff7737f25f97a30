import { decimalAt, isToken, listedWords, listHolds, splitList } from './characters.ts';
import { HeaderId, headerIdOf, headerName, headerNames } from './header-id.ts';

// A field is two numbers. The first has the id in its low bits and above them where the received line starts, 0 for a field that holds
// its own text. The second has in its low bits how far the colon is from there, and above them where the line ends.
const ID_BITS = 7;
const ID_MASK = (1 << ID_BITS) - 1;
const COLON_BITS = 7;
/** A colon that is further away is searched for. */
const FAR_COLON = (1 << COLON_BITS) - 1;
/** Room for the fields of a plain answer or request within a dialog. */
const FIRST_ROOM = 8;

// Where what was read of a field is kept: first of those that are read of nearly every message, then of their parts, then of others.
const USUAL: readonly HeaderId[] = [HeaderId.Via, HeaderId.From, HeaderId.To, HeaderId.CSeq, HeaderId.Contact];
const WITH_PARTS: readonly HeaderId[] = [HeaderId.From, HeaderId.To];
const FIRST_OTHER = USUAL.length + WITH_PARTS.length;
const SLOTS = headerNames().map((_, id) => slotOf(USUAL, id, 0) ?? FIRST_OTHER + 2 * id);
const PART_SLOTS = headerNames().map((_, id) => slotOf(WITH_PARTS, id, USUAL.length) ?? FIRST_OTHER + 2 * id + 1);

function slotOf(ids: readonly number[], id: number, first: number): number | undefined {
  const place = ids.indexOf(id);
  return place < 0 ? undefined : first + place;
}

/** Ids below have a bit of their own among those that are known to be there; all others share the last one. */
const OWN_BITS = 31;

/** Longest text whose places fit into the numbers. */
export const MAX_TEXT_LENGTH = 1 << 24;

const NO_NUMBERS: number[] = [];
const LINE_STARTS = headerNames().map((name) => `\r\n${name}: `);

/** The two numbers of a received line, for {@link Headers.setReceived}: where it starts, its colon, and its closing CR. */
export function putRow(rows: number[], index: number, id: HeaderId, start: number, colon: number, end: number): void {
  rows[index * 2] = (start << ID_BITS) | id;
  rows[index * 2 + 1] = (end << COLON_BITS) | Math.min(colon - start, FAR_COLON);
}

const bitOf = (id: HeaderId): number => (id < OWN_BITS ? 1 << id : 1 << OWN_BITS);

/** Header fields to add, in order. */
export type HeaderList = readonly (readonly [HeaderId, string])[];

/**
 * The header fields of a message, in order.
 *
 * A field that was received is two numbers: its id and places in the message's text. Its value is sliced out when somebody asks, once,
 * and what a parser makes of it is kept beside it. A field that was added here holds its own text. So a message that is read and
 * relayed costs its scan and nothing else, and what nobody touched leaves as it came, in its order, spelling and folding.
 *
 * Rules: `value` texts never hold CR, LF or NUL (folding is undone, §7.3.1); the first field of a name is the one that counts; nothing
 * here is an object keyed by a peer's text.
 */
export class Headers {
  readonly #source: string;
  /** Number of fields (lines, not list elements); the arrays below may have more room. */
  count = 0;
  #rows = NO_NUMBERS;
  /** Of the fields that hold their own text, and of those received that somebody asked for; made when the first one is. */
  #values: (string | undefined)[] | undefined = undefined;
  /** What parsers made of first fields, by id, and of their tags behind; made when the first one asks. */
  #parsed: unknown[] | undefined = undefined;
  /** Own names of added fields that have no id, by place; made when the first one is added. */
  #names: (string | undefined)[] | undefined = undefined;
  /** Bits of the ids that were ever put here, and of those that were put here more than once: nearly all searches are for fields that are not there. */
  #seen = 0;
  #repeated = 0;
  /** True when a received line is folded or holds a NUL: only then are values cleaned. */
  #irregular = false;
  /** True when a received line holds a NUL: then no line is relayed as received, since the octet must not leave. */
  #unsafe = false;

  /** @param room how many fields will be added, where it is known to be many. */
  constructor(source = '', room = 0) {
    this.#source = source;
    if (room > 0) this.#rows = new Array(room * 2);
  }

  /** None yet, of a message that repeats fields of another one: see {@link take}. */
  static beside(other: Headers, room = 0): Headers {
    return new Headers(other.#source, room);
  }

  has(id: HeaderId): boolean {
    return this.#find(id, 0) >= 0;
  }

  /** The first field's value: trimmed, unfolded, lists not split. */
  value(id: HeaderId): string | undefined {
    const index = this.#find(id, 0);
    return index < 0 ? undefined : this.#valueAt(index);
  }

  /** The first field's value as a decimal number of at most 10 digits: -1 when it is none, undefined when there is no field. */
  decimal(id: HeaderId): number | undefined {
    const index = this.#find(id, 0);
    if (index < 0) return undefined;
    if (!this.#isPlain(index)) {
      const value = this.#valueAt(index);
      return decimalAt(value, 0, value.length);
    }
    const start = this.#startOf(index);
    return decimalAt(this.#source, start, this.#endOf(index, start));
  }

  /**
   * What `parse` makes of the first field's value, which is `text[start, end)`, kept until fields of this name change: nothing is read
   * twice. One parser per name. Undefined when there is no such field.
   */
  parsed<T>(id: HeaderId, parse: (text: string, start: number, end: number) => T): T | undefined {
    return this.#kept(id, SLOTS[id] as number, parse);
  }

  /** The same for what a second parser makes of the field, e.g. only its tag. */
  parsedPart<T>(id: HeaderId, parse: (text: string, start: number, end: number) => T): T | undefined {
    return this.#kept(id, PART_SLOTS[id] as number, parse);
  }

  #kept<T>(id: HeaderId, slot: number, parse: (text: string, start: number, end: number) => T): T | undefined {
    const kept = this.#parsed?.[slot] as T | undefined;
    if (kept !== undefined) return kept;
    const index = this.#find(id, 0);
    if (index < 0) return undefined;
    let parsed: T;
    if (this.#isPlain(index)) {
      const start = this.#startOf(index);
      parsed = parse(this.#source, start, this.#endOf(index, start));
    } else {
      const value = this.#valueAt(index);
      parsed = parse(value, 0, value.length);
    }
    this.#parsed ??= new Array(FIRST_OTHER);
    this.#parsed[slot] = parsed;
    return parsed;
  }

  /** The value of every field of this name, in order. */
  fieldValues(id: HeaderId): string[] {
    const values: string[] = [];
    for (let index = this.#find(id, 0); index >= 0; index = this.#find(id, index + 1))
      values.push(this.#valueAt(index));
    return values;
  }

  /** The elements of all fields of this name, comma lists split (§7.3.1). Not for names whose values hold bare commas (Date, *-Authenticate). */
  listValues(id: HeaderId): string[] {
    const first = this.#find(id, 0);
    if (first < 0) return [];
    const values = splitList(this.#valueAt(first));
    for (let index = this.#find(id, first + 1); index >= 0; index = this.#find(id, index + 1)) {
      for (const value of splitList(this.#valueAt(index))) values.push(value);
    }
    return values;
  }

  /** Whether a comma list of tokens (Require, Supported, Allow) names `token`; option tags are compared without case (RFC 3261 §7.3.1). */
  lists(id: HeaderId, token: string): boolean {
    for (let index = this.#find(id, 0); index >= 0; index = this.#find(id, index + 1))
      if (listHolds(this.#valueAt(index), token)) return true;
    return false;
  }

  /** Which of the words (in upper case) the comma lists of this name have among their elements: bit n says that the nth is there. */
  listed(id: HeaderId, words: readonly string[]): number {
    let found = 0;
    for (let index = this.#find(id, 0); index >= 0; index = this.#find(id, index + 1))
      found |= listedWords(this.#valueAt(index), words);
    return found;
  }

  /** Fields of this name. */
  countOf(id: HeaderId): number {
    let count = 0;
    for (let index = this.#find(id, 0); index >= 0; index = this.#find(id, index + 1)) count++;
    return count;
  }

  /** The first id flagged in `single` (indexed by id) that stands more than once, with different values; `HeaderId.Other` when none does. */
  firstConflict(single: Uint8Array): HeaderId {
    if (this.#repeated === 0) return HeaderId.Other;
    for (let index = 0; index < this.count; index++) {
      const id = this.#idAt(index);
      if (single[id] !== 1 || (this.#repeated & bitOf(id)) === 0) continue;
      if (this.#find(id, index + 1) >= 0 && this.conflicts(id)) return id;
    }
    return HeaderId.Other;
  }

  /** True when fields of this name have different values. */
  conflicts(id: HeaderId): boolean {
    if ((this.#repeated & bitOf(id)) === 0) return false;
    const first = this.#find(id, 0);
    for (let index = this.#find(id, first + 1); first >= 0 && index >= 0; index = this.#find(id, index + 1)) {
      if (this.#valueAt(index) !== this.#valueAt(first)) return true;
    }
    return false;
  }

  hasNamed(name: string): boolean {
    return this.valueNamed(name) !== undefined;
  }

  /** Like `value`, for a name that may have no id. */
  valueNamed(name: string): string | undefined {
    const id = headerIdOf(name);
    if (id !== HeaderId.Other) return this.value(id);
    const index = this.#findNamed(name.toLowerCase(), 0);
    return index < 0 ? undefined : this.#valueAt(index);
  }

  fieldValuesNamed(name: string): string[] {
    const id = headerIdOf(name);
    if (id !== HeaderId.Other) return this.fieldValues(id);
    const lowerName = name.toLowerCase();
    const values: string[] = [];
    for (let index = this.#findNamed(lowerName, 0); index >= 0; index = this.#findNamed(lowerName, index + 1))
      values.push(this.#valueAt(index));
    return values;
  }

  /** Appends a field. */
  add(id: HeaderId, value: string): this {
    this.#makeRoom();
    this.#put(this.count++, id, value);
    this.#note(id);
    return this;
  }

  /**
   * Appends the first field of this name that `other` has, if any. Of the text that {@link beside} began with it stays where it stands,
   * when that is how it would be written here.
   */
  takeFirst(other: Headers, id: HeaderId): void {
    const index = other.#find(id, 0);
    if (index >= 0) this.#take(other, index, id);
  }

  /** The same of every field of this name. */
  takeAll(other: Headers, id: HeaderId): void {
    for (let index = other.#find(id, 0); index >= 0; index = other.#find(id, index + 1)) this.#take(other, index, id);
  }

  #take(other: Headers, index: number, id: HeaderId): void {
    if (other.#source !== this.#source || !other.#isCanonical(index)) {
      this.add(id, other.#valueAt(index));
      return;
    }
    this.#makeRoom();
    const place = this.count++;
    this.#rows[place * 2] = other.#rows[index * 2] as number;
    this.#rows[place * 2 + 1] = other.#rows[index * 2 + 1] as number;
    this.#note(id);
  }

  /** Appends a field under its own name; known names get their id and canonical spelling. */
  addNamed(name: string, value: string): this {
    const id = headerIdOf(name);
    this.add(id, value);
    if (id === HeaderId.Other) {
      this.#names ??= new Array(this.count);
      this.#names[this.count - 1] = checkedName(name);
    }
    return this;
  }

  /** Puts a field above the first one of its name, or first of all: how Via, Route and Record-Route grow. */
  prepend(id: HeaderId, value: string): this {
    const place = Math.max(this.#find(id, 0), 0);
    this.#makeRoom();
    for (let index = this.count++; index > place; index--) this.#move(index - 1, index);
    this.#put(place, id, value);
    this.#note(id);
    this.#forget(id);
    return this;
  }

  /** Replaces the first field of this name in place and removes the others, or appends one. */
  set(id: HeaderId, value: string): this {
    const index = this.#find(id, 0);
    if (index < 0) return this.add(id, value);
    this.replaceFirst(id, value);
    for (let other = this.#find(id, index + 1); other >= 0; other = this.#find(id, index + 1)) this.#removeAt(other);
    return this;
  }

  /** Replaces the first field of this name and leaves the others; false when there is none. `parsed`: what its parser makes of the value. */
  replaceFirst(id: HeaderId, value: string, parsed?: unknown): boolean {
    const index = this.#find(id, 0);
    if (index < 0) return false;
    this.#put(index, id, value);
    this.#forget(id);
    if (parsed !== undefined && this.#parsed !== undefined) this.#parsed[SLOTS[id] as number] = parsed;
    return true;
  }

  /** Removes the first field of this name only; false when there is none. */
  removeFirst(id: HeaderId): boolean {
    const index = this.#find(id, 0);
    if (index < 0) return false;
    this.#removeAt(index);
    this.#forget(id);
    return true;
  }

  /** Removes every field of this name; false when there was none. */
  remove(id: HeaderId): boolean {
    return this.#removeWhere((index) => this.#idAt(index) === id);
  }

  removeNamed(name: string): boolean {
    const id = headerIdOf(name);
    if (id !== HeaderId.Other) return this.remove(id);
    const lowerName = name.toLowerCase();
    return this.#removeWhere(
      (index) => this.#idAt(index) === HeaderId.Other && this.#nameAt(index).toLowerCase() === lowerName,
    );
  }

  /** Name as written (canonical for added fields), value and id of each field in order. */
  forEach(visit: (name: string, value: string, id: HeaderId) => void): void {
    for (let index = 0; index < this.count; index++)
      visit(this.#nameAt(index), this.#valueAt(index), this.#idAt(index));
  }

  clone(): Headers {
    const copy = new Headers(this.#source);
    copy.count = this.count;
    copy.#rows = this.#rows.slice();
    copy.#values = this.#values?.slice();
    copy.#parsed = this.#parsed?.slice();
    copy.#names = this.#names?.slice();
    copy.#seen = this.#seen;
    copy.#repeated = this.#repeated;
    copy.#irregular = this.#irregular;
    copy.#unsafe = this.#unsafe;
    return copy;
  }

  /** For the scanner: the received fields, once, as {@link putRow} wrote them. */
  setReceived(rows: readonly number[], count: number): void {
    this.count = count;
    this.#rows = rows.slice(0, count * 2);
    for (let index = 0; index < count; index++) this.#note(this.#idAt(index));
  }

  /** For the scanner: some line is folded. */
  markIrregular(): void {
    this.#irregular = true;
  }

  /** For the scanner: some line holds a NUL. */
  markUnsafe(): void {
    this.#irregular = true;
    this.#unsafe = true;
  }

  /**
   * For the serializer: the whole text of a message, every field as `CRLF Name: value`, with one Content-Length where there was one or at
   * the end. Runs of untouched fields are one slice of the received text; every other value is written as `clean`, if given, makes it.
   * Undefined when `isWhole` says so, which sees how many characters stand before the empty line, and how many line ends there are meant
   * to be among them.
   */
  render(
    startLine: string,
    body: string,
    isWhole: (text: string, length: number, lineEnds: number) => boolean,
    clean?: (value: string) => string,
  ): string | undefined {
    let text = startLine;
    let runStart = 0;
    let runEnd = -1;
    let lineEnds = 0;
    let hasLength = false;
    for (let index = 0; index < this.count; index++) {
      const isLength = this.#idAt(index) === HeaderId.ContentLength;
      if (isLength && hasLength) continue;
      const isOwn = this.#unsafe || (isLength && !this.#isLength(index, body.length));
      const start = isOwn ? 0 : this.#lineOf(index);
      if (start === 0 || start !== runEnd) {
        if (runStart > 0) text += this.#source.slice(runStart - 2, runEnd - 2);
        runStart = start;
      }
      runEnd = start === 0 ? -1 : this.#lineEndOf(index) + 2;
      if (start === 0) text = isLength ? withLength(text, body.length) : this.#withLine(text, index, clean);
      else if (this.#irregular) lineEnds += this.#foldsOf(index);
      lineEnds++;
      hasLength ||= isLength;
    }
    if (runStart > 0) text += this.#source.slice(runStart - 2, runEnd - 2);
    if (!hasLength) {
      text = withLength(text, body.length);
      lineEnds++;
    }
    const whole = `${text}\r\n\r\n${body}`;
    return isWhole(whole, text.length, lineEnds) ? whole : undefined;
  }

  /** How often a received line is folded. */
  #foldsOf(index: number): number {
    const end = this.#lineEndOf(index);
    let folds = 0;
    for (
      let at = this.#source.indexOf('\r\n', this.#lineOf(index));
      at < end;
      at = this.#source.indexOf('\r\n', at + 2)
    )
      folds++;
    return folds;
  }

  /** Whether a Content-Length field may leave as it came: if it says what is so. */
  #isLength(index: number, bodyOctets: number): boolean {
    return this.#lineOf(index) > 0 && Number(this.#valueAt(index)) === bodyOctets;
  }

  #withLine(text: string, index: number, clean: ((value: string) => string) | undefined): string {
    const held = this.#valueAt(index);
    const value = clean === undefined ? held : clean(held);
    const id = this.#idAt(index);
    return id === HeaderId.Other ? `${text}\r\n${this.#nameAt(index)}: ${value}` : text + LINE_STARTS[id] + value;
  }

  #idAt(index: number): HeaderId {
    return (this.#rows[index * 2] as number) & ID_MASK;
  }

  /** Where the field's received line starts; 0 when it holds its own text. */
  #lineOf(index: number): number {
    return (this.#rows[index * 2] as number) >> ID_BITS;
  }

  /** Where it ends. */
  #lineEndOf(index: number): number {
    return (this.#rows[index * 2 + 1] as number) >> COLON_BITS;
  }

  #colonOf(index: number): number {
    const distance = (this.#rows[index * 2 + 1] as number) & FAR_COLON;
    const line = this.#lineOf(index);
    return distance === FAR_COLON ? this.#source.indexOf(':', line) : line + distance;
  }

  /** Whether the value of a field is what stands in the received text. */
  #isPlain(index: number): boolean {
    return !this.#irregular && this.#lineOf(index) > 0;
  }

  /** Where the value of a received field starts. */
  #startOf(index: number): number {
    const end = this.#lineEndOf(index);
    let start = this.#colonOf(index) + 1;
    while (start < end && this.#source.charCodeAt(start) <= 0x20) start++;
    return start;
  }

  /** Where it ends. */
  #endOf(index: number, start: number): number {
    let end = this.#lineEndOf(index);
    while (end > start && this.#source.charCodeAt(end - 1) <= 0x20) end--;
    return end;
  }

  /** Whether a field that was received is written as it would be here: full name, one space, the value and nothing else. */
  #isCanonical(index: number): boolean {
    if (!this.#isPlain(index)) return false;
    const prefix = LINE_STARTS[this.#idAt(index)] as string;
    const line = this.#lineOf(index);
    if (!this.#source.startsWith(prefix, line - 2)) return false;
    const start = line - 2 + prefix.length;
    const end = this.#lineEndOf(index);
    return end > start && this.#source.charCodeAt(start) > 0x20 && this.#source.charCodeAt(end - 1) > 0x20;
  }

  #note(id: HeaderId): void {
    const bit = bitOf(id);
    this.#repeated |= this.#seen & bit;
    this.#seen |= bit;
  }

  #find(id: HeaderId, from: number): number {
    if ((this.#seen & bitOf(id)) === 0) return -1;
    const rows = this.#rows;
    for (let index = from; index < this.count; index++)
      if (((rows[index * 2] as number) & ID_MASK) === id) return index;
    return -1;
  }

  #findNamed(lowerName: string, from: number): number {
    for (let index = this.#find(HeaderId.Other, from); index >= 0; index = this.#find(HeaderId.Other, index + 1)) {
      const start = this.#lineOf(index);
      // White space before the colon is rare; without it the length tells nearly all names apart.
      if (start > 0 && this.#colonOf(index) - start < lowerName.length) continue;
      const name = this.#nameAt(index);
      if (name.length === lowerName.length && name.toLowerCase() === lowerName) return index;
    }
    return -1;
  }

  #nameAt(index: number): string {
    const start = this.#lineOf(index);
    if (start === 0) return this.#names?.[index] ?? headerName(this.#idAt(index));
    let end = this.#colonOf(index);
    // §25.1 HCOLON: white space may stand before the colon.
    while (end > start && this.#source.charCodeAt(end - 1) <= 0x20) end--;
    return this.#source.slice(start, end);
  }

  #valueAt(index: number): string {
    const cached = this.#values?.[index];
    if (cached !== undefined) return cached;
    const start = this.#startOf(index);
    const slice = this.#source.slice(start, this.#endOf(index, start));
    const value = this.#irregular ? unfold(slice) : slice;
    this.#values ??= new Array(this.#rows.length >> 1);
    this.#values[index] = value;
    return value;
  }

  /** A field with its own text takes a place. */
  #put(index: number, id: HeaderId, value: string): void {
    this.#rows[index * 2] = id;
    this.#rows[index * 2 + 1] = 0;
    this.#values ??= new Array(this.#rows.length >> 1);
    this.#values[index] = value;
    if (this.#names !== undefined) this.#names[index] = undefined;
  }

  /** Fields of this name have changed: what was read of them counts no more. */
  #forget(id: HeaderId): void {
    if (this.#parsed === undefined) return;
    this.#parsed[SLOTS[id] as number] = undefined;
    this.#parsed[PART_SLOTS[id] as number] = undefined;
  }

  #move(from: number, to: number): void {
    this.#rows[to * 2] = this.#rows[from * 2] as number;
    this.#rows[to * 2 + 1] = this.#rows[from * 2 + 1] as number;
    if (this.#values !== undefined) this.#values[to] = this.#values[from];
    if (this.#names !== undefined) this.#names[to] = this.#names[from];
  }

  /** Room for one more field. */
  #makeRoom(): void {
    if (this.count * 2 < this.#rows.length) return;
    const room = Math.max(FIRST_ROOM, this.count + (this.count >> 1));
    const rows = new Array<number>(room * 2);
    for (let index = 0; index < this.count * 2; index++) rows[index] = this.#rows[index] as number;
    this.#rows = rows;
    if (this.#values !== undefined) this.#values = widened(this.#values, this.count, room);
  }

  #removeAt(index: number): void {
    for (let next = index + 1; next < this.count; next++) this.#move(next, next - 1);
    this.#shrink(this.count - 1);
  }

  /** One pass, since a thousand fields of one name must not cost a thousand removals. */
  #removeWhere(matches: (index: number) => boolean): boolean {
    let kept = 0;
    for (let index = 0; index < this.count; index++) {
      if (matches(index)) continue;
      if (kept !== index) this.#move(index, kept);
      kept++;
    }
    if (kept === this.count) return false;
    this.#shrink(kept);
    this.#parsed = undefined;
    return true;
  }

  /** What stood behind the last field is let go. */
  #shrink(count: number): void {
    for (let index = count; index < this.count; index++) {
      this.#rows[index * 2] = HeaderId.Other;
      this.#rows[index * 2 + 1] = 0;
      if (this.#values !== undefined) this.#values[index] = undefined;
      if (this.#names !== undefined) this.#names[index] = undefined;
    }
    this.count = count;
  }
}

/** The same with more room. */
function widened(values: readonly (string | undefined)[], count: number, room: number): (string | undefined)[] {
  const wide = new Array<string | undefined>(room);
  for (let index = 0; index < count; index++) wide[index] = values[index];
  return wide;
}

function withLength(text: string, octets: number): string {
  return octets === 0 ? `${text}\r\nContent-Length: 0` : `${text}\r\nContent-Length: ${octets}`;
}

/** §7.3.1: folding means one space. Stray CR, LF and NUL become one too, so that no value can break a line. */
function unfold(text: string): string {
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

function checkedName(name: string): string {
  if (!isToken(name)) throw new TypeError(`${JSON.stringify(name)} is no header field name`);
  return name;
}
