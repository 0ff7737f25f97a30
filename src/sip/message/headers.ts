import { isToken, listHolds, splitList } from './characters.ts';
import { HeaderId, headerIdOf, headerName, headerNames } from './header-id.ts';

/** An entry of the table: the id in the low bits, above them the number of the received line, or 0 for a field that holds its own text. */
const ID_BITS = 7;
const ID_MASK = (1 << ID_BITS) - 1;
/** Room for the fields of most messages. */
const FIRST_ROOM = 16;

const NO_NUMBERS: number[] = [];
const NO_VALUES: (string | undefined)[] = [];
const LINE_STARTS = headerNames().map((name) => `\r\n${name}: `);

/** Header fields to add, in order. */
export type HeaderList = readonly (readonly [HeaderId, string])[];

/**
 * The header fields of a message, in order.
 *
 * A field that was received is a number in a table and three integers into the message's text: start of line, colon, end of line. Its
 * value is sliced out when somebody asks, once, and what a parser makes of the value is kept beside it. A field that was added here
 * holds its own text. So a message that is read and relayed costs its scan and nothing else, and what nobody touched leaves as it came,
 * in its order, spelling and folding.
 *
 * Rules: `value` texts never hold CR, LF or NUL (folding is undone, §7.3.1); the first field of a name is the one that counts; nothing
 * here is an object keyed by a peer's text.
 */
export class Headers {
  readonly #source: string;
  /** Three integers per received line; never changed. */
  #lines: readonly number[] = NO_NUMBERS;
  /** Number of fields (lines, not list elements); the arrays below may have more room. */
  count = 0;
  #fields = NO_NUMBERS;
  #values = NO_VALUES;
  /** What parsers made of the values, by place; made when the first one asks. */
  #parsed: unknown[] | undefined = undefined;
  /** Own names of added fields that have no id, by place; made when the first one is added. */
  #names: (string | undefined)[] | undefined = undefined;
  /** True when a received line is folded or holds a NUL: only then are values cleaned. */
  #irregular = false;
  /** True when a received line holds a NUL: then no line is relayed as received, since the octet must not leave. */
  #unsafe = false;

  constructor(source = '') {
    this.#source = source;
  }

  has(id: HeaderId): boolean {
    return this.#find(id, 0) >= 0;
  }

  /** The first field's value: trimmed, unfolded, lists not split. */
  value(id: HeaderId): string | undefined {
    const index = this.#find(id, 0);
    return index < 0 ? undefined : this.#valueAt(index);
  }

  /**
   * What `parse` makes of the first field's value, kept until that field changes: nothing is read twice. One parser per name. Undefined
   * when there is no such field.
   */
  parsed<T>(id: HeaderId, parse: (value: string) => T): T | undefined {
    const index = this.#find(id, 0);
    if (index < 0) return undefined;
    this.#parsed ??= new Array(this.#fields.length);
    let parsed = this.#parsed[index] as T | undefined;
    if (parsed === undefined) {
      parsed = parse(this.#valueAt(index));
      this.#parsed[index] = parsed;
    }
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

  /** Fields of this name. */
  countOf(id: HeaderId): number {
    let count = 0;
    for (let index = this.#find(id, 0); index >= 0; index = this.#find(id, index + 1)) count++;
    return count;
  }

  /** The first id flagged in `single` (indexed by id) that stands more than once, with different values; `HeaderId.Other` when none does. */
  firstConflict(single: Uint8Array): HeaderId {
    for (let index = 0; index < this.count; index++) {
      const id = this.#idAt(index);
      if (single[id] === 1 && this.#find(id, index + 1) >= 0 && this.conflicts(id)) return id;
    }
    return HeaderId.Other;
  }

  /** True when fields of this name have different values. */
  conflicts(id: HeaderId): boolean {
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
    if (this.count === this.#fields.length) this.#makeRoom();
    this.#put(this.count++, id, value);
    return this;
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
    if (this.count === this.#fields.length) this.#makeRoom();
    for (let index = this.count++; index > place; index--) this.#move(index - 1, index);
    this.#put(place, id, value);
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

  /** Replaces the first field of this name and leaves the others; false when there is none. */
  replaceFirst(id: HeaderId, value: string): boolean {
    const index = this.#find(id, 0);
    if (index < 0) return false;
    this.#put(index, id, value);
    return true;
  }

  /** Removes the first field of this name only; false when there is none. */
  removeFirst(id: HeaderId): boolean {
    const index = this.#find(id, 0);
    if (index >= 0) this.#removeAt(index);
    return index >= 0;
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
    copy.#lines = this.#lines;
    copy.count = this.count;
    copy.#fields = this.#fields.slice();
    copy.#values = this.#values.slice();
    copy.#parsed = this.#parsed?.slice();
    copy.#names = this.#names?.slice();
    copy.#irregular = this.#irregular;
    copy.#unsafe = this.#unsafe;
    return copy;
  }

  /** For the scanner: the received fields, once. Three integers a line: where it starts, its colon, and the index of its closing CR. */
  setReceived(ids: readonly HeaderId[], lines: readonly number[], count: number): void {
    this.count = count;
    this.#lines = lines.slice(0, count * 3);
    this.#fields = ids.slice(0, count);
    for (let index = 0; index < count; index++)
      this.#fields[index] = (this.#fields[index] as number) | ((index + 1) << ID_BITS);
    this.#values = new Array(count);
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
   * For the serializer: every field as `CRLF Name: value`, with one Content-Length of `bodyOctets` where there was one or at the end.
   * Runs of untouched fields are one slice of the received text; every other value is written as `clean` makes it.
   */
  render(bodyOctets: number, clean: (value: string) => string): string {
    let text = '';
    let runStart = -1;
    let runEnd = -1;
    let hasLength = false;
    for (let index = 0; index < this.count; index++) {
      const isLength = this.#idAt(index) === HeaderId.ContentLength;
      const line =
        this.#unsafe || (isLength && !this.#isLength(index, bodyOctets, hasLength)) ? 0 : this.#lineOf(index);
      const start = line === 0 ? -1 : (this.#lines[line - 3] as number);
      if (start < 0 || start !== runEnd) {
        if (runStart >= 0) text += this.#source.slice(runStart - 2, runEnd - 2);
        runStart = start;
      }
      runEnd = start < 0 ? -1 : (this.#lines[line - 1] as number) + 2;
      if (start < 0) {
        if (!isLength) text = this.#withLine(text, index, clean);
        else if (!hasLength) text = withLength(text, bodyOctets);
      }
      hasLength ||= isLength;
    }
    if (runStart >= 0) text += this.#source.slice(runStart - 2, runEnd - 2);
    return hasLength ? text : withLength(text, bodyOctets);
  }

  /** Whether a Content-Length field may leave as it came: the first one, if it says what is so. */
  #isLength(index: number, bodyOctets: number, isSecond: boolean): boolean {
    return !isSecond && Number(this.#valueAt(index)) === bodyOctets;
  }

  #withLine(text: string, index: number, clean: (value: string) => string): string {
    const value = clean(this.#valueAt(index));
    const id = this.#idAt(index);
    return id === HeaderId.Other ? `${text}\r\n${this.#nameAt(index)}: ${value}` : text + LINE_STARTS[id] + value;
  }

  #idAt(index: number): HeaderId {
    return (this.#fields[index] as number) & ID_MASK;
  }

  /** Where the integers of the field's received line end in `#lines`; 0 when it holds its own text. */
  #lineOf(index: number): number {
    return ((this.#fields[index] as number) >> ID_BITS) * 3;
  }

  #find(id: HeaderId, from: number): number {
    const fields = this.#fields;
    for (let index = from; index < this.count; index++) if (((fields[index] as number) & ID_MASK) === id) return index;
    return -1;
  }

  #findNamed(lowerName: string, from: number): number {
    for (let index = this.#find(HeaderId.Other, from); index >= 0; index = this.#find(HeaderId.Other, index + 1)) {
      const name = this.#nameAt(index);
      if (name.length === lowerName.length && name.toLowerCase() === lowerName) return index;
    }
    return -1;
  }

  #nameAt(index: number): string {
    const line = this.#lineOf(index);
    if (line === 0) return this.#names?.[index] ?? headerName(this.#idAt(index));
    const start = this.#lines[line - 3] as number;
    let end = this.#lines[line - 2] as number;
    // §25.1 HCOLON: white space may stand before the colon.
    while (end > start && this.#source.charCodeAt(end - 1) <= 0x20) end--;
    return this.#source.slice(start, end);
  }

  #valueAt(index: number): string {
    const cached = this.#values[index];
    if (cached !== undefined) return cached;
    const line = this.#lineOf(index);
    let start = (this.#lines[line - 2] as number) + 1;
    let end = this.#lines[line - 1] as number;
    while (start < end && this.#source.charCodeAt(start) <= 0x20) start++;
    while (end > start && this.#source.charCodeAt(end - 1) <= 0x20) end--;
    const slice = this.#source.slice(start, end);
    const value = this.#irregular ? unfold(slice) : slice;
    this.#values[index] = value;
    return value;
  }

  /** A field with its own text takes a place. */
  #put(index: number, id: HeaderId, value: string): void {
    this.#fields[index] = id;
    this.#values[index] = value;
    if (this.#parsed !== undefined) this.#parsed[index] = undefined;
    if (this.#names !== undefined) this.#names[index] = undefined;
  }

  #move(from: number, to: number): void {
    this.#fields[to] = this.#fields[from] as number;
    this.#values[to] = this.#values[from];
    if (this.#parsed !== undefined) this.#parsed[to] = this.#parsed[from];
    if (this.#names !== undefined) this.#names[to] = this.#names[from];
  }

  #makeRoom(): void {
    const room = Math.max(FIRST_ROOM, this.count + (this.count >> 1));
    const fields = new Array<number>(room);
    const values = new Array<string | undefined>(room);
    for (let index = 0; index < this.count; index++) {
      fields[index] = this.#fields[index] as number;
      values[index] = this.#values[index];
    }
    this.#fields = fields;
    this.#values = values;
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
    return true;
  }

  /** What stood behind the last field is let go. */
  #shrink(count: number): void {
    for (let index = count; index < this.count; index++) this.#put(index, HeaderId.Other, '');
    this.count = count;
  }
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
