/** What an answered call of another process takes up again here: places on its trunks, grants of the fraud guards, ways to its parties. */
import type { Clock } from '../../base/scheduler.ts';
import {
  answeredAgoMs,
  type CallSnapshot,
  destinationAt,
  type LegSnapshot,
  type PlaceSnapshot,
  type Reacher,
  type Restorer,
} from '../../call/index.ts';
import { emergencyCallOf } from '../../outbound/index.ts';
import { viaOf } from '../../provisioning/trunk-settings/own-address.ts';
import type { Trunk } from '../../provisioning/trunk-settings/schema.ts';
import type { Endpoint } from '../../sip/endpoint/index.ts';
import type { Target } from '../../sip/transport/index.ts';
import type { TrunkService } from '../../trunks/trunk-service.ts';
import { contactAt } from '../own-contact.ts';
import type { OutboundGuards } from '../route/outbound-guards.ts';
import type { Served } from '../served.ts';

export interface CallRestorerOptions {
  readonly trunks: Pick<TrunkService, 'admit' | 'admitInbound' | 'secured'>;
  readonly guards: OutboundGuards;
  readonly served: Pick<Served, 'directory'>;
  readonly scheduler: Clock;
}

/** Limits count it and never refuse it: it was admitted when it began. */
export function restorerOf(snapshot: CallSnapshot, options: CallRestorerOptions): Restorer {
  const places = placesOf(snapshot, options);
  const { sessionLimitMs } = snapshot;
  return {
    ...(sessionLimitMs !== undefined && { sessionLimitMs }),
    reach: reacherOf(options),
    onEnd: () => {
      for (const release of places) release();
    },
    giveBack: () => {
      for (const release of places) release();
      options.guards.release(snapshot.facts.sessionId);
    },
  };
}

/** Where the legs of other processes are reached from here. */
export function reacherOf({ trunks }: Pick<CallRestorerOptions, 'trunks'>): Reacher {
  return (place, { trunkId }) => {
    const to = destinationAt(place);
    // A trunk that is gone, or whose files cannot be read, is tried as it was: a BYE that is not taken harms nobody.
    return 'send' in to || trunkId === undefined ? to : (trunks.secured(trunkId, to) ?? to);
  };
}

/** A call of another node with what this one's Contact says, and without the other's listeners. */
export function movedHere(
  snapshot: CallSnapshot,
  endpoint: Pick<Endpoint, 'advertised'>,
  { directory }: Pick<Served, 'directory'>,
): CallSnapshot {
  const here = (leg: LegSnapshot) => {
    const { trunkId } = leg.options;
    return legHere(leg, endpoint, trunkId === undefined ? undefined : directory.trunk(trunkId));
  };
  return { ...snapshot, caller: here(snapshot.caller), callee: here(snapshot.callee) };
}

/** A place of another node's, from this one: listeners of which there is none here are left out. */
export function targetHere({ kind: _, ...target }: PlaceSnapshot, endpoint: Pick<Endpoint, 'advertised'>): Target {
  if (endpoint.advertised(target) !== undefined) return target;
  const { listenerId: __, ...anywhere } = target;
  return anywhere;
}

function legHere(leg: LegSnapshot, endpoint: Pick<Endpoint, 'advertised'>, trunk: Trunk | undefined): LegSnapshot {
  const { scope } = leg.options;
  const target = targetHere(leg.place, endpoint);
  const place = { kind: leg.place.kind, ...target };
  const own = endpoint.advertised(target, scope);
  // A name that the trunk has for all nodes stays; without a listener for it the peer is told nothing new.
  if (own === undefined || trunk?.teams !== undefined) return { ...leg, place };
  const via = trunk && viaOf(trunk, (of) => endpoint.advertised(target, of));
  const here = (contact: string) => contactAt(contact, own);
  const { dialog, options } = leg;
  return {
    ...leg,
    place,
    dialog: { ...dialog, localContact: here(dialog.localContact) },
    options: { ...options, ...via, contact: here(options.contact) },
  };
}

function placesOf(snapshot: CallSnapshot, { trunks, guards, served, scheduler }: CallRestorerOptions): (() => void)[] {
  const { facts, caller, callee } = snapshot;
  const now = served.directory;
  const tenant = facts.tenant === undefined ? undefined : now.tenantByName(facts.tenant);
  if (tenant === undefined) return [];
  const trunkOf = (id: string | undefined) => (id === undefined ? undefined : now.trunk(id));
  const [from, to] = [trunkOf(caller.options.trunkId), trunkOf(callee.options.trunkId)];
  const grants = [
    ...(from === undefined ? [] : [trunks.admitInbound(from, tenant, now, true)]),
    ...(to === undefined ? [] : [trunks.admit(to, tenant, now, true)]),
  ];
  if (to !== undefined) {
    const extension = facts.extension === undefined ? undefined : now.extension(tenant.name, facts.extension);
    const emergency = emergencyCallOf(tenant, facts.called) !== undefined;
    const call = { tenant, extension, number: facts.called, emergency };
    guards.resume(snapshot, call, scheduler.nowMs() - answeredAgoMs(snapshot, scheduler.wallMs()));
  }
  return grants.flatMap((grant) => (grant.granted ? [() => grant.release()] : []));
}
