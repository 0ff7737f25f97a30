/** Requests that arrived over different paths and are one (RFC 3261 §8.2.2.2): From tag, Call-ID and CSeq are the same. */
import { LinkedPlaces } from '../../base/linked-places.ts';
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

/** Those that are kept, by number: no text is put together to find one. */
export class MergedRequests<Entry extends Mergeable<Entry>> extends LinkedPlaces<Entry> {
  /** One whose hash is set. */
  override add(entry: Entry): void {
    if (entry.mergeHash !== undefined) super.add(entry);
  }

  has(request: SipRequest, hash: number): boolean {
    for (let each = this.firstAt(hash); each !== undefined; each = each.nextMerged)
      if (each.mergeHash === hash && areOne(request, each.request)) return true;
    return false;
  }

  override delete(entry: Entry): boolean {
    if (entry.mergeHash === undefined) return false;
    // One that had its hash is not among them until it is kept.
    const wasThere = super.delete(entry);
    entry.mergeHash = undefined;
    return wasThere;
  }

  protected hashOf(entry: Entry): number {
    return entry.mergeHash as number;
  }

  protected linkOf(entry: Entry): Entry | undefined {
    return entry.nextMerged;
  }

  protected link(entry: Entry, next: Entry | undefined): void {
    entry.nextMerged = next;
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
