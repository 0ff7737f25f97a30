/** The space of V8's heap that new objects are in: whether it is collected at the moment, or grows. */
import { getHeapSpaceStatistics } from 'node:v8';

/** V8 adds a page at a time: while the space grows beyond its size, it has never more room left. */
const PAGE_OCTETS = 2 ** 18;
const MARGIN_OCTETS = 2 ** 20;

/**
 * While V8 marks the heap, 0.2 s for 200 MB, it collects no new objects. The space grows beyond its size page by page, and what is alive in it
 * is moved at once when the marking ends, while everything stands still: with a document of megabytes under way 25 MB, which took 30 to 80 ms.
 * V8 does not tell that it marks, but this shows.
 */
export class YoungSpace {
  readonly #read: () => Size | undefined;
  #sizeOctets = Infinity;

  constructor(read: () => Size | undefined = sizeNow) {
    this.#read = read;
  }

  /** Takes some 10 µs. */
  isOutgrown(): boolean {
    const { space_used_size: used = 0, space_available_size: left = 0 } = this.#read() ?? {};
    if (left > PAGE_OCTETS) this.#sizeOctets = used + left;
    return left <= PAGE_OCTETS && used > this.#sizeOctets + MARGIN_OCTETS;
  }
}

interface Size {
  readonly space_used_size: number;
  readonly space_available_size: number;
}

function sizeNow(): Size | undefined {
  return getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space');
}
