/** What an answered call of another process takes up again here: places on its trunks, grants of the fraud guards, ways to its parties. */
import { type CallSnapshot, destinationAt, type Restorer } from '../call/index.ts';
import type { TrunkService } from '../trunks/trunk-service.ts';
import type { OutboundGuards } from './outbound-guards.ts';
import type { Served } from './served.ts';

export interface CallRestorerOptions {
  readonly trunks: Pick<TrunkService, 'admit' | 'admitInbound' | 'secured'>;
  readonly guards: OutboundGuards;
  readonly served: Pick<Served, 'directory'>;
  /** Monotonic time of a wall clock time, ms. */
  readonly monotonicMs: (wallMs: number) => number;
}

/** Limits count it and never refuse it: it was admitted when it began. */
export function restorerOf(snapshot: CallSnapshot, options: CallRestorerOptions): Restorer {
  const places = placesOf(snapshot, options);
  const { sessionLimitMs } = snapshot;
  return {
    ...(sessionLimitMs !== undefined && { sessionLimitMs }),
    reach: (place, { trunkId }) => {
      const to = destinationAt(place);
      // A trunk that is gone, or whose files cannot be read, is tried as it was: a BYE that is not taken harms nobody.
      return 'send' in to || trunkId === undefined ? to : (options.trunks.secured(trunkId, to) ?? to);
    },
    onEnd: () => {
      for (const release of places) release();
    },
  };
}

function placesOf(
  snapshot: CallSnapshot,
  { trunks, guards, served, monotonicMs }: CallRestorerOptions,
): (() => void)[] {
  const { facts, caller, callee, answeredAtMs } = snapshot;
  const now = served.directory;
  const tenant = facts.tenant === undefined ? undefined : now.tenantByName(facts.tenant);
  if (tenant === undefined) return [];
  const trunkOf = (id: string | undefined) => (id === undefined ? undefined : now.trunk(id));
  const [from, to] = [trunkOf(caller.options.trunkId), trunkOf(callee.options.trunkId)];
  const grants = [
    ...(from === undefined ? [] : [trunks.admitInbound(from, tenant, now, true)]),
    ...(to === undefined ? [] : [trunks.admit(to, tenant, now, true)]),
  ];
  if (to !== undefined && facts.sessionId !== undefined) {
    const extension = facts.extension === undefined ? undefined : now.extension(tenant.name, facts.extension);
    const call = { tenant, extension, number: facts.called, emergency: false };
    guards.resume(facts.sessionId, call, monotonicMs(answeredAtMs));
  }
  return grants.flatMap((grant) => (grant.granted ? [() => grant.release()] : []));
}
