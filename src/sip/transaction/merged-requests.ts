/** Requests that arrived over different paths and are one (RFC 3261 §8.2.2.2): From tag, Call-ID and CSeq are the same. */
import { secretHash } from '../../base/shelf.ts';
import { HeaderId, type SipRequest } from '../message/index.ts';

/** A request that copies by another path may be merged with. */
export interface Mergeable<Entry> {
  readonly request: SipRequest;
  /** Undefined: none is merged with it any more. */
  mergeHash: number | undefined;
  /** Another one with the same. */
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

/** Those that are kept, by number: no text is put together to find one. */
export class MergedRequests<Entry extends Mergeable<Entry>> {
  readonly #first = new Map<number, Entry>();

  /** One whose hash is set. */
  add(entry: Entry): void {
    if (entry.mergeHash === undefined) return;
    entry.nextMerged = this.#first.get(entry.mergeHash);
    this.#first.set(entry.mergeHash, entry);
  }

  has(request: SipRequest, hash: number): boolean {
    for (let each = this.#first.get(hash); each !== undefined; each = each.nextMerged)
      if (areOne(request, each.request)) return true;
    return false;
  }

  delete(entry: Entry): void {
    const { mergeHash: hash, nextMerged: next } = entry;
    if (hash === undefined) return;
    entry.mergeHash = undefined;
    entry.nextMerged = undefined;
    const first = this.#first.get(hash);
    if (first !== entry) {
      for (let each = first; each !== undefined; each = each.nextMerged)
        if (each.nextMerged === entry) each.nextMerged = next;
    } else if (next === undefined) this.#first.delete(hash);
    else this.#first.set(hash, next);
  }

  clear(): void {
    this.#first.clear();
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
