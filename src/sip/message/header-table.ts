import type { Defect } from './defect.ts';
import { HeaderId, headerName } from './header-id.ts';
import {
  colonAt,
  copyRow,
  idAt,
  indexOfId,
  lineAt,
  nameIn,
  ownText,
  putOwnRow,
  type Rows,
  unfold,
  valueEnd,
  valueStart,
} from './header-rows.ts';

/** Room for the fields of a plain answer or request within a dialog. */
const FIRST_ROOM = 8;
/** Ids below have a bit of their own among those that are known to be there; all others share the last one. */
const OWN_BITS = 31;
const NO_ROWS: Rows = [];

/** The bit that stands for an id in {@link HeaderTable.seen}. */
export const bitOf = (id: HeaderId): number => (id < OWN_BITS ? 1 << id : 1 << OWN_BITS);

/** What hardly a message has: no other one has room for it. */
class Oddities {
  /** Own names of added fields that have no id, by place; made when the first one is added. */
  names: (string | undefined)[] | undefined = undefined;
  /** Some received line is folded. */
  isFolded = false;
  /** Some received line holds a NUL. */
  hasNul = false;
  /** Of SIP, when it is none that is served. */
  version: string | undefined = undefined;
  defect: Defect | undefined = undefined;
}

/**
 * The fields of a message as a table: a row each, in order. Knows where fields stand, not what they mean; {@link Headers} reads and
 * writes them.
 */
export abstract class HeaderTable {
  /** The received text that rows point into; empty for a message that repeats nothing of one. */
  readonly source: string;
  /** Number of fields (lines, not list elements); the arrays below may have more room. */
  count = 0;
  protected rows = NO_ROWS;
  /** Bits of the ids that were ever put here, and of those that were put here more than once: nearly all searches are for fields that are not there. */
  protected seen = 0;
  protected repeated = 0;
  protected oddities: Oddities | undefined = undefined;
  /** Whether {@link source} is this message's own text, and not one that it repeats fields of. */
  protected isReceived = false;

  /** @param room how many fields will be added, where it is known to be many. */
  constructor(source: string, room: number) {
    this.source = source;
    if (room > 0) this.rows = new Array(room * 2);
  }

  /** For the scanner: the received fields, once, as `putRow` wrote them. */
  setReceived(rows: Rows, count: number): void {
    this.isReceived = true;
    this.count = count;
    this.rows = rows.slice(0, count * 2);
    for (let index = 0; index < count; index++) this.note(idAt(rows, index));
  }

  /** For the scanner: some line is folded. */
  markIrregular(): void {
    this.odd().isFolded = true;
  }

  /** For the scanner: some line holds a NUL. */
  markUnsafe(): void {
    this.odd().hasNul = true;
  }

  /** A received line is folded or holds a NUL: only then are values cleaned. */
  protected get irregular(): boolean {
    return this.oddities !== undefined && (this.oddities.isFolded || this.oddities.hasNul);
  }

  /** A received line holds a NUL: then no line is relayed as received, since the octet must not leave. */
  protected get unsafe(): boolean {
    return this.oddities?.hasNul === true;
  }

  /** To note something there. */
  protected odd(): Oddities {
    this.oddities ??= new Oddities();
    return this.oddities;
  }

  /** Whether the value of a field is what stands in the received text. */
  protected isPlain(index: number): boolean {
    return !this.irregular && lineAt(this.rows, index) > 0;
  }

  /** A field of this id has come. */
  protected note(id: HeaderId): void {
    const bit = bitOf(id);
    this.repeated |= this.seen & bit;
    this.seen |= bit;
  }

  /** The place of the first field of this id from `from` on, -1 when there is none. */
  protected find(id: HeaderId, from: number): number {
    return (this.seen & bitOf(id)) === 0 ? -1 : indexOfId(this.rows, id, from, this.count);
  }

  /** The same of a name that has no id, in lower case. */
  protected findNamed(lowerName: string, from: number): number {
    for (let index = this.find(HeaderId.Other, from); index >= 0; index = this.find(HeaderId.Other, index + 1)) {
      const start = lineAt(this.rows, index);
      // White space before the colon is rare; without it the length tells nearly all names apart.
      if (start > 0 && colonAt(this.source, this.rows, index) - start < lowerName.length) continue;
      const name = this.nameAt(index);
      if (name.length === lowerName.length && name.toLowerCase() === lowerName) return index;
    }
    return -1;
  }

  protected nameAt(index: number): string {
    if (lineAt(this.rows, index) > 0) return nameIn(this.source, this.rows, index);
    return this.oddities?.names?.[index] ?? headerName(idAt(this.rows, index));
  }

  protected valueAt(index: number): string {
    const own = ownText(this.rows, index);
    if (own !== undefined) return own;
    const start = valueStart(this.source, this.rows, index);
    const slice = this.source.slice(start, valueEnd(this.source, this.rows, index, start));
    return this.irregular ? unfold(slice) : slice;
  }

  /** A field with its own text takes a place. */
  protected put(index: number, id: HeaderId, value: string): void {
    putOwnRow(this.rows, index, id, value);
    this.unname(index);
  }

  protected append(id: HeaderId, value: string): void {
    this.makeRoom();
    this.put(this.count++, id, value);
    this.note(id);
  }

  /** A field is put above the one at `place`. */
  protected insert(place: number, id: HeaderId, value: string): void {
    this.makeRoom();
    for (let index = this.count++; index > place; index--) this.move(index - 1, index);
    this.put(place, id, value);
    this.note(id);
  }

  /** Appends a row of another table of the same text. */
  protected appendRow(rows: Rows, index: number, id: HeaderId): void {
    this.makeRoom();
    copyRow(rows, index, this.rows, this.count++);
    this.note(id);
  }

  protected removeAt(index: number): void {
    for (let next = index + 1; next < this.count; next++) this.move(next, next - 1);
    this.shrink(this.count - 1);
  }

  /** One pass, since a thousand fields of one name must not cost a thousand removals. False when none matches. */
  protected removeWhere(matches: (index: number) => boolean): boolean {
    let kept = 0;
    for (let index = 0; index < this.count; index++) {
      if (matches(index)) continue;
      if (kept !== index) this.move(index, kept);
      kept++;
    }
    if (kept === this.count) return false;
    this.shrink(kept);
    return true;
  }

  /** Room for one more field. */
  protected makeRoom(): void {
    if (this.count * 2 < this.rows.length) return;
    const room = Math.max(FIRST_ROOM, this.count + (this.count >> 1));
    const rows: Rows = new Array(room * 2);
    for (let index = 0; index < this.count; index++) copyRow(this.rows, index, rows, index);
    this.rows = rows;
  }

  private unname(index: number): void {
    const names = this.oddities?.names;
    if (names !== undefined) names[index] = undefined;
  }

  private move(from: number, to: number): void {
    copyRow(this.rows, from, this.rows, to);
    const names = this.oddities?.names;
    if (names !== undefined) names[to] = names[from];
  }

  /** What stood behind the last field is let go. */
  private shrink(count: number): void {
    for (let index = count; index < this.count; index++) {
      putOwnRow(this.rows, index, HeaderId.Other, '');
      this.unname(index);
    }
    this.count = count;
  }
}
