/** Requests that arrived over different paths and are one (RFC 3261 §8.2.2.2): From tag, Call-ID and CSeq are the same. */
import { secretHash } from '../../base/shelf.ts';
import { HeaderId, type SipRequest } from '../message/index.ts';

/** A request that copies by another path may be merged with. */
export interface Mergeable<Entry> {
  readonly request: SipRequest;
  /** Undefined: none is merged with it any more. */
  mergeHash: number | undefined;
  /** The next one in the same place. */
  nextMerged: Entry | undefined;
}

/** The rule does not apply inside a dialog, nor to ACK and CANCEL. */
export function canBeMerged(request: SipRequest): boolean {
  return request.method !== 'ACK' && request.method !== 'CANCEL' && request.toTag() === undefined;
}

/** Of what such requests have in common. */
export function mergeHash(request: SipRequest): number {
  return secretHash(request.callId(), mergeHashBeside(request));
}

/** The same without the Call-ID. */
export function mergeHashBeside(request: SipRequest): number {
  return secretHash(request.fromTag() ?? '', secretHash(request.method)) ^ request.cseq().sequence;
}

const FIRST_PLACES = 64;

/** Those that are kept, by number: no text is put together to find one. They are linked in place, as `kept-servers.ts` says. */
export class MergedRequests<Entry extends Mergeable<Entry>> {
  #places: (Entry | undefined)[] = new Array(FIRST_PLACES).fill(undefined);
  #size = 0;

  /** One whose hash is set. */
  add(entry: Entry): void {
    if (entry.mergeHash === undefined) return;
    if (this.#size === this.#places.length) this.#spread();
    this.#put(entry, entry.mergeHash);
    this.#size++;
  }

  has(request: SipRequest, hash: number): boolean {
    for (let each = this.#places[this.#placeOf(hash)]; each !== undefined; each = each.nextMerged)
      if (each.mergeHash === hash && areOne(request, each.request)) return true;
    return false;
  }

  delete(entry: Entry): void {
    const { mergeHash: hash, nextMerged: next } = entry;
    if (hash === undefined) return;
    entry.mergeHash = undefined;
    entry.nextMerged = undefined;
    const place = this.#placeOf(hash);
    let before: Entry | undefined;
    let each = this.#places[place];
    while (each !== undefined && each !== entry) {
      before = each;
      each = each.nextMerged;
    }
    // One that had its hash is not among them until it is kept.
    if (each === undefined) return;
    if (before === undefined) this.#places[place] = next;
    else before.nextMerged = next;
    this.#size--;
  }

  clear(): void {
    this.#places = new Array(FIRST_PLACES).fill(undefined);
    this.#size = 0;
  }

  #put(entry: Entry, hash: number): void {
    const place = this.#placeOf(hash);
    entry.nextMerged = this.#places[place];
    this.#places[place] = entry;
  }

  /** Over twice as many places. */
  #spread(): void {
    const entries: Entry[] = [];
    for (const first of this.#places)
      for (let each = first; each !== undefined; each = each.nextMerged) entries.push(each);
    this.#places = new Array(2 * this.#places.length).fill(undefined);
    for (const entry of entries) this.#put(entry, entry.mergeHash as number);
  }

  #placeOf(hash: number): number {
    return hash & (this.#places.length - 1);
  }
}

/** Of one that was let go of nothing is left to be compared with. */
function areOne(request: SipRequest, known: SipRequest): boolean {
  return (
    known.headers.has(HeaderId.CallId) &&
    known.callId() === request.callId() &&
    known.fromTag() === request.fromTag() &&
    known.cseq().sequence === request.cseq().sequence &&
    known.method === request.method
  );
}
