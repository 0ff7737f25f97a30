import { isToken, splitList } from './characters.ts';
import { HeaderId, headerIdOf, headerName } from './header-id.ts';

/**
 * The header fields of a message, in order.
 *
 * A field that was received is four integers into the message's text: id, start of line, colon, end of line. Its value is sliced out
 * when somebody asks, once. A field that was added here holds its own text. So a message that is read and relayed costs its scan and
 * nothing else, and what nobody touched leaves as it came, in its order, spelling and folding.
 *
 * Rules: `value` texts never hold CR, LF or NUL (folding is undone, §7.3.1); the first field of a name is the one that counts; nothing
 * here is an object keyed by a peer's text.
 */
export class Headers {
  readonly #source: string;
  /** Four integers per field; the start is -1 for a field that holds its own text. */
  readonly #table: number[] = [];
  readonly #values: (string | undefined)[] = [];
  /** Own names of added fields that have no id, by place; made when the first one is added. */
  #names: (string | undefined)[] | undefined = undefined;
  /** True when a received line is folded or holds a stray CR, LF or NUL: only then are values cleaned. */
  #irregular = false;
  /** True when a received line holds a NUL: then no line is relayed as received, since the octet must not leave. */
  #unsafe = false;
  #changed = false;
  #revision = 0;

  constructor(source = '') {
    this.#source = source;
  }

  /** Number of fields (lines, not list elements). */
  get count(): number {
    return this.#values.length;
  }

  /** True when fields were added, replaced or removed since the message was read. */
  get changed(): boolean {
    return this.#changed;
  }

  /** Grows with every change: what was read from the fields is still true while this is the same. */
  get revision(): number {
    return this.#revision;
  }

  has(id: HeaderId): boolean {
    return this.#find(id, 0) >= 0;
  }

  /** The first field's value: trimmed, unfolded, lists not split. */
  value(id: HeaderId): string | undefined {
    const index = this.#find(id, 0);
    return index < 0 ? undefined : this.#valueAt(index);
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

  /** Fields of this name. */
  countOf(id: HeaderId): number {
    let count = 0;
    for (let index = this.#find(id, 0); index >= 0; index = this.#find(id, index + 1)) count++;
    return count;
  }

  /** The first id flagged in `single` (indexed by id) that stands more than once, with different values; `HeaderId.Other` when none does. */
  firstConflict(single: Uint8Array): HeaderId {
    const table = this.#table;
    for (let at = 0; at < table.length; at += 4) {
      const id = table[at] as number;
      if (single[id] === 1 && this.#find(id, (at >> 2) + 1) >= 0 && this.conflicts(id)) return id;
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
    this.#touch();
    this.#table.push(id, -1, 0, 0);
    this.#values.push(value);
    this.#names?.push(undefined);
    return this;
  }

  /** Appends a field under its own name; known names get their id and canonical spelling. */
  addNamed(name: string, value: string): this {
    const id = headerIdOf(name);
    this.add(id, value);
    if (id === HeaderId.Other) {
      this.#names ??= new Array<string | undefined>(this.count).fill(undefined);
      this.#names[this.count - 1] = checkedName(name);
    }
    return this;
  }

  /** Puts a field above the first one of its name, or first of all: how Via, Route and Record-Route grow. */
  prepend(id: HeaderId, value: string): this {
    this.#touch();
    const index = Math.max(this.#find(id, 0), 0);
    this.#table.splice(index * 4, 0, id, -1, 0, 0);
    this.#values.splice(index, 0, value);
    this.#names?.splice(index, 0, undefined);
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
    this.#touch();
    this.#table[index * 4 + 1] = -1;
    this.#values[index] = value;
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
    return this.#removeWhere((index) => this.#table[index * 4] === id);
  }

  removeNamed(name: string): boolean {
    const id = headerIdOf(name);
    if (id !== HeaderId.Other) return this.remove(id);
    const lowerName = name.toLowerCase();
    return this.#removeWhere(
      (index) => this.#table[index * 4] === HeaderId.Other && this.#nameAt(index).toLowerCase() === lowerName,
    );
  }

  /** Name as written (canonical for added fields), value and id of each field in order. */
  forEach(visit: (name: string, value: string, id: HeaderId) => void): void {
    for (let index = 0; index < this.count; index++)
      visit(this.#nameAt(index), this.#valueAt(index), this.#table[index * 4] as number);
  }

  clone(): Headers {
    const copy = new Headers(this.#source);
    for (const entry of this.#table) copy.#table.push(entry);
    for (const value of this.#values) copy.#values.push(value);
    copy.#names = this.#names?.slice();
    copy.#irregular = this.#irregular;
    copy.#unsafe = this.#unsafe;
    copy.#changed = this.#changed;
    copy.#revision = this.#revision;
    return copy;
  }

  /** For the scanner: a received field. `lineEnd` is the index of its closing CR. */
  addScanned(id: HeaderId, lineStart: number, colon: number, lineEnd: number): void {
    this.#revision++;
    this.#table.push(id, lineStart, colon, lineEnd);
    this.#values.push(undefined);
    this.#names?.push(undefined);
  }

  /** For the scanner: some line is folded or holds stray control characters. */
  markIrregular(): void {
    this.#irregular = true;
  }

  /** For the scanner: some line holds a NUL. */
  markUnsafe(): void {
    this.#irregular = true;
    this.#unsafe = true;
  }

  /**
   * For the serializer: every field as `Name: value CRLF`, with one Content-Length of `bodyOctets` where there was one or at the end.
   * Runs of untouched fields are one slice of the received text; `check` sees every other value before it is written.
   */
  render(bodyOctets: number, check: (value: string) => void): string {
    const table = this.#table;
    let text = '';
    let runStart = -1;
    let runEnd = -1;
    let hasLength = false;
    for (let index = 0; index < this.count; index++) {
      const id = table[index * 4] as number;
      const start = table[index * 4 + 1] as number;
      const isLength = id === HeaderId.ContentLength;
      const untouched =
        start >= 0 && !this.#unsafe && !(isLength && (hasLength || Number(this.#valueAt(index)) !== bodyOctets));
      if (!untouched || start !== runEnd) {
        if (runStart >= 0) text += this.#source.slice(runStart, runEnd);
        runStart = untouched ? start : -1;
      }
      runEnd = untouched ? (table[index * 4 + 3] as number) + 2 : -1;
      if (!untouched && isLength && !hasLength) text += `Content-Length: ${bodyOctets}\r\n`;
      else if (!untouched && !isLength) text += this.#line(index, check);
      hasLength ||= isLength;
    }
    if (runStart >= 0) text += this.#source.slice(runStart, runEnd);
    return hasLength ? text : `${text}Content-Length: ${bodyOctets}\r\n`;
  }

  #line(index: number, check: (value: string) => void): string {
    const value = this.#valueAt(index);
    check(value);
    return `${this.#nameAt(index)}: ${value}\r\n`;
  }

  #find(id: HeaderId, from: number): number {
    const table = this.#table;
    for (let at = from * 4; at < table.length; at += 4) if (table[at] === id) return at >> 2;
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
    const start = this.#table[index * 4 + 1] as number;
    if (start < 0) return this.#names?.[index] ?? headerName(this.#table[index * 4] as number);
    let end = this.#table[index * 4 + 2] as number;
    // §25.1 HCOLON: white space may stand before the colon.
    while (end > start && this.#source.charCodeAt(end - 1) <= 0x20) end--;
    return this.#source.slice(start, end);
  }

  #valueAt(index: number): string {
    const cached = this.#values[index];
    if (cached !== undefined) return cached;
    let start = (this.#table[index * 4 + 2] as number) + 1;
    let end = this.#table[index * 4 + 3] as number;
    while (start < end && this.#source.charCodeAt(start) <= 0x20) start++;
    while (end > start && this.#source.charCodeAt(end - 1) <= 0x20) end--;
    const slice = this.#source.slice(start, end);
    const value = this.#irregular ? unfold(slice) : slice;
    this.#values[index] = value;
    return value;
  }

  #removeAt(index: number): void {
    this.#touch();
    this.#table.splice(index * 4, 4);
    this.#values.splice(index, 1);
    this.#names?.splice(index, 1);
  }

  #touch(): void {
    this.#changed = true;
    this.#revision++;
  }

  /** One pass, since a thousand fields of one name must not cost a thousand splices. */
  #removeWhere(matches: (index: number) => boolean): boolean {
    let kept = 0;
    for (let index = 0; index < this.count; index++) {
      if (matches(index)) continue;
      if (kept !== index) {
        for (let part = 0; part < 4; part++) this.#table[kept * 4 + part] = this.#table[index * 4 + part] as number;
        this.#values[kept] = this.#values[index];
        if (this.#names !== undefined) this.#names[kept] = this.#names[index];
      }
      kept++;
    }
    if (kept === this.count) return false;
    this.#touch();
    this.#table.length = kept * 4;
    this.#values.length = kept;
    if (this.#names !== undefined) this.#names.length = kept;
    return true;
  }
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
