import { RingParts } from '../base/ring-parts.ts';
import type { JsonLine } from './jsonl-file.ts';
import { type FoundBy, KeptRecords } from './kept-records.ts';

/** Where a record is: the ring, and its number in it. */
export interface RecordPlace<T extends FoundBy> {
  readonly ring: KeptRecords<T>;
  readonly number: number;
}

/**
 * The latest call records, of which those of one tenant take no other's place: of a tenant that has its part of a ring the further ones are in a
 * second ring, where only such tenants' are. Of each its latest are kept: those that came before one that is lost are as good as lost.
 */
export class SharedRecords<T extends FoundBy> {
  readonly #first: KeptRecords<T>;
  readonly #further: KeptRecords<T>;
  /** Of the first ring. */
  readonly #parts: RingParts;
  #arrived = 0;

  /** @param capacity of each ring; octets as well */
  constructor(capacity: number, mostOctets: number) {
    this.#parts = new RingParts(capacity, mostOctets);
    this.#first = new KeptRecords(capacity, mostOctets, this.#parts.first);
    this.#further = new KeptRecords(capacity, mostOctets, this.#parts.further);
  }

  add(record: T, line: JsonLine): void {
    const ring = this.#parts.takes(record.tenant ?? '') ? this.#first : this.#further;
    ring.add(record, line, this.#arrived++);
  }

  /** Those that came last first. They may go while they are asked for. */
  *places(): Generator<RecordPlace<T>> {
    const rings = [this.#first, this.#further] as const;
    for (const ring of rings) ring.pack();
    let [a, b] = rings.map((ring) => ring.next - 1) as [number, number];
    const [first, further] = rings;
    while (a >= first.first || b >= further.first) {
      const isFirst = b < further.first || (a >= first.first && first.arrival(a) > further.arrival(b));
      const place = isFirst ? { ring: first, number: a-- } : { ring: further, number: b-- };
      if (this.isKept(place)) yield place;
    }
  }

  isKept({ ring, number }: RecordPlace<T>): boolean {
    if (number < ring.first) return false;
    return ring.arrival(number) > this.#parts.lostOf(ring.tenant(number));
  }

  /** The latest with this id, of the call or of a leg; of one tenant where it is given. */
  get(id: string, tenant?: string): T | undefined {
    const a = this.#first.latest(id, tenant, (number) => this.isKept({ ring: this.#first, number }));
    const b = this.#further.latest(id, tenant, (number) => this.isKept({ ring: this.#further, number }));
    const isFirst =
      a !== undefined && (b === undefined || this.#first.arrival(a.number) > this.#further.arrival(b.number));
    return (isFirst ? a : b)?.record;
  }
}
