/** What an answered call of another process takes up again here: places on its trunks, grants of the fraud guards, ways to its parties. */
import type { Clock } from '../../base/scheduler.ts';
import {
  answeredAgoMs,
  type CallSnapshot,
  destinationAt,
  type GrantSnapshot,
  type LegSnapshot,
  type PlaceSnapshot,
  type Reacher,
  type Restorer,
} from '../../call/index.ts';
import { dialledNumber, emergencyCallOf } from '../../outbound/index.ts';
import type { Tenant } from '../../provisioning/tenants/schema.ts';
import { viaOf } from '../../provisioning/trunk-settings/own-address.ts';
import type { Trunk } from '../../provisioning/trunk-settings/schema.ts';
import type { Endpoint } from '../../sip/endpoint/index.ts';
import { parseUri } from '../../sip/message/index.ts';
import type { Target } from '../../sip/transport/index.ts';
import type { TrunkService } from '../../trunks/trunk-service.ts';
import { contactAt } from '../own-contact.ts';
import type { CallGrants } from '../route/call-grants.ts';
import type { Served } from '../served.ts';

export interface CallRestorerOptions {
  readonly trunks: Pick<TrunkService, 'admit' | 'admitInbound' | 'secured'>;
  readonly grants: CallGrants;
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
      options.grants.release(snapshot.facts.sessionId);
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

function placesOf(snapshot: CallSnapshot, options: CallRestorerOptions): (() => void)[] {
  const { facts, caller, callee, grants } = snapshot;
  const { trunks, served } = options;
  const now = served.directory;
  const tenant = facts.tenant === undefined ? undefined : now.tenantByName(facts.tenant);
  if (tenant === undefined) return [];
  const trunkOf = (id: string | undefined) => (id === undefined ? undefined : now.trunk(id));
  const [from, to] = [trunkOf(caller.options.trunkId), trunkOf(callee.options.trunkId)];
  // The guards count the tenant's place of a call to the outside, whose party may have come to the caller's place.
  const cameIn = grants === undefined || facts.direction === 'inbound';
  const places = [
    ...(from === undefined ? [] : [trunks[cameIn ? 'admitInbound' : 'admit'](from, tenant, now, true)]),
    ...(to === undefined ? [] : [trunks.admit(to, tenant, now, true)]),
  ];
  if (grants !== undefined) for (const grant of grants) resumed(grant, snapshot, options);
  else if (to !== undefined) resumedByLegs(tenant, snapshot, options);
  return places.flatMap((place) => (place.granted ? [() => place.release()] : []));
}

function resumed(
  grant: GrantSnapshot,
  snapshot: CallSnapshot,
  { grants, served, scheduler }: CallRestorerOptions,
): void {
  const { number, emergency, talkMs } = grant;
  const tenant = served.directory.tenantByName(grant.tenant);
  if (tenant === undefined) return;
  const call = { tenant, extension: extensionOf(tenant, grant.extension, served), number, emergency };
  const sinceMs = talkMs + Math.max(0, scheduler.wallMs() - snapshot.takenAtMs);
  grants.resume(snapshot, call, scheduler.nowMs() - sinceMs);
}

/** Where nobody has said what was granted. */
function resumedByLegs(
  tenant: Tenant,
  snapshot: CallSnapshot,
  { grants, served, scheduler }: CallRestorerOptions,
): void {
  const { facts, transferredTo } = snapshot;
  // Who was transferred may talk to the one or the other.
  const emergency = emergencyCallOf(tenant, facts.called) !== undefined || isEmergency(tenant, transferredTo);
  const call = { tenant, extension: extensionOf(tenant, facts.extension, served), number: facts.called, emergency };
  grants.resume(snapshot, call, scheduler.nowMs() - answeredAgoMs(snapshot, scheduler.wallMs()));
}

function extensionOf(tenant: Tenant, number: string | undefined, { directory }: CallRestorerOptions['served']) {
  return number === undefined ? undefined : directory.extension(tenant.name, number);
}

function isEmergency(tenant: Tenant, referTo: string | undefined): boolean {
  return referTo !== undefined && emergencyCallOf(tenant, dialledNumber(parseUri(referTo))) !== undefined;
}
