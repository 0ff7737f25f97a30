import { buildCancel } from '../sip/endpoint/index.ts';
import { serialize } from '../sip/message/index.ts';
import type { ClientTransaction, ServerTransaction } from './ports.ts';
import { type PlaceSnapshot, placeOf } from './snapshot.ts';

/**
 * A call without an answer, as plain data: what another process needs to place it again for a caller who still waits. Whoever is asked by
 * it now is cancelled then.
 */
export interface WaitingSnapshot {
  /** Of the shape; another one is not read. */
  readonly version: 'waiting-1';
  readonly id: string;
  /** The caller's INVITE, and where from: a datagram, since a connection ends with its process and its caller knows. */
  readonly invite: string;
  readonly from: PlaceSnapshot;
  readonly cancels: readonly WaitingCancel[];
  /** Wall clock, ms. */
  readonly takenAtMs: number;
}

/** The CANCEL of an INVITE under way. */
export interface WaitingCancel {
  readonly text: string;
  readonly to: PlaceSnapshot;
}

/** Undefined where the caller waits at the end of a connection. */
export function waitingInvite({
  request,
  flow,
}: ServerTransaction): Pick<WaitingSnapshot, 'invite' | 'from'> | undefined {
  return flow.reliable ? undefined : { invite: serialize(request), from: placeOf(flow) };
}

/** Undefined where no datagram would bring it. */
export function cancellationOf({ request, flow }: ClientTransaction): WaitingCancel | undefined {
  return flow.reliable ? undefined : { text: serialize(buildCancel(request, [])), to: placeOf(flow) };
}
