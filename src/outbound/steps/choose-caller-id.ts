import { plainNumber } from '../../provisioning/tenants/number.ts';
import { numbersMeant, someNumberMeant } from '../../provisioning/tenants/number-format.ts';
import type { Group, TrunkCallerId } from '../../provisioning/tenants/schema.ts';
import { octetsFromText } from '../../sip/message/index.ts';
import type { RouteState, RouteStep } from '../context.ts';
import { printable } from '../outbound-cli.ts';
import { isMember } from '../rules.ts';
import type { Trace } from '../trace.ts';

/**
 * The outbound caller ID: the first candidate that is set and inside the calling tenant's pool on this trunk (guide "Outbound Caller
 * ID Priority", behaviour 3). Extensions: app, extension, outbound rule, user group (only when the rule matched by group), company.
 * Services: the service, then the company. A caller ID set for this trunk precedes the same owner's general one.
 */
export const chooseCallerId: RouteStep = {
  name: 'caller-id',
  run(route, trace) {
    if (offers(route, (source, value, displayName) => takes(route, source, value, displayName, trace)))
      return undefined;
    // Emergency calls pass every policy: a wrong number on display is better than no help.
    if (route.trunk.options.callerIdOutsidePool === 'reject' && !route.call.emergency) {
      return { status: 403, reason: 'Caller ID Not Allowed', code: 'caller-id-outside-pool' };
    }
    if (trace.on) {
      trace.candidate({
        source: `${route.call.facts.caller.kind}-number`,
        value: route.call.callerNumber,
        verdict: 'taken',
        reason: route.call.emergency ? 'no candidate is left' : 'no candidate is left (callerIdOutsidePool: pass)',
      });
    }
    return undefined;
  },
};

/** Takes a candidate as the caller ID if it is set and may be shown. */
function takes(
  route: RouteState,
  source: string,
  written: string | undefined,
  displayName: string | undefined,
  trace: Trace,
): boolean {
  // RFC 3966 §5.1.1: what is written for the eye does not leave.
  const value = written === undefined ? '' : plainNumber(written);
  if (value === '') {
    if (trace.on) trace.candidate({ source, value: undefined, verdict: 'passed-over', reason: 'not set' });
    return false;
  }
  if (!mayBeShown(route, source, value)) {
    reject(route, source, value, trace);
    return false;
  }
  route.callerId = { value, source, displayName };
  if (trace.on) {
    trace.candidate({
      source,
      value,
      verdict: 'taken',
      reason: `the first that is set and inside the tenant's DID pool on this trunk${meaning(route, value)}`,
    });
  }
  return true;
}

/** A caller ID must be in the pool; the number for emergencies need only not be somebody else's. */
function mayBeShown(route: RouteState, source: string, value: string): boolean {
  if (isInPool(route, value)) return true;
  return source.startsWith(EMERGENCY) && !route.holdsForeign(value);
}

/** Says whether a number may be shown on this route: inside the tenant's pool on the trunk in hand. */
export function isInPool(route: RouteState, value: string): boolean {
  return someNumberMeant(value, route.trunk.numberFormat, (number) => route.planned.pool.contains(number));
}

/** On a trunk that writes nationally: as which number of the pool the value was read. */
function meaning({ trunk, planned }: RouteState, value: string): string {
  if (trunk.numberFormat === 'e164') return '';
  const number = numbersMeant(value, trunk.numberFormat).find((candidate) => planned.pool.contains(candidate));
  return `, as ${number} (numberFormat: ${trunk.numberFormat})`;
}

function reject(route: RouteState, source: string, value: string, trace: Trace): void {
  const reason = `outside the DID pool of ${route.call.facts.tenant.name} on trunk ${route.trunk.name}`;
  route.report('caller-id-rejected', source, printable(value), reason);
  if (trace.on) trace.candidate({ source, value, verdict: 'passed-over', reason });
}

/** Source of the numbers that are shown on emergency calls alone. */
const EMERGENCY = 'emergency';

/** Hears of a candidate; true: it is taken, and no more are wanted. */
type Taker = (source: string, value: string | undefined, displayName?: string) => boolean;

interface Owner {
  readonly outboundCallerId?: string | undefined;
  readonly outboundCallerIds: readonly TrunkCallerId[];
}

/** Offers candidates, best first, until one is taken: most calls need only the first or second. */
function offers(route: RouteState, take: Taker): boolean {
  const { caller, tenant } = route.call.facts;
  const { outboundCallerId } = route.planned.route;
  if (route.call.emergency) {
    if (tenant.emergency.routes.length > 0 && take(`${EMERGENCY}, route`, outboundCallerId)) return true;
    if (take(EMERGENCY, tenant.emergency.callbackNumber)) return true;
  }
  if (caller.kind === 'service')
    return ofOwner(route, 'service', caller.service, take) || ofOwner(route, 'company', tenant, take);
  return (
    ofApp(route, take) ||
    ofOwner(route, 'extension', caller.extension, take) ||
    take('route', outboundCallerId) ||
    take('outbound-rule', route.call.rule?.outboundCallerId) ||
    ofGroups(route, take) ||
    ofOwner(route, 'company', tenant, take)
  );
}

function ofOwner(route: RouteState, source: string, owner: Owner, take: Taker): boolean {
  const { trunk } = route;
  for (const entry of owner.outboundCallerIds) {
    if (entry.trunk !== trunk.name && entry.trunk !== trunk.id) continue;
    const displayName = entry.displayName === undefined ? undefined : octetsFromText(entry.displayName);
    if (take(`${source}, for this trunk`, entry.callerId, displayName)) return true;
  }
  return take(source, owner.outboundCallerId);
}

/** Groups count only when the rule matched by group: those of the rule that the caller belongs to, in the rule's order. */
function ofGroups(route: RouteState, take: Taker): boolean {
  const { call } = route;
  const { tenant } = call.facts;
  for (const name of call.rule?.match.groups ?? []) {
    if (!isMember(tenant, name, call.callerNumber)) continue;
    const group = tenant.groups.find((candidate) => candidate.name === name);
    if (group === undefined) continue;
    if (ofOwner(route, `group ${name}`, group, take)) return true;
    if (group.outboundCallerId === undefined && group.dids.length > 0 && ofDids(route, group, take)) return true;
  }
  return false;
}

/** A group that has DIDs and no caller ID shows the first of them (guide "User Groups as a Fallback"): the first that this trunk takes. */
function ofDids(route: RouteState, { name, dids }: Group, take: Taker): boolean {
  return take(`group ${name}, its first DID`, dids.find((did) => isInPool(route, did)) ?? dids[0]);
}

/**
 * App-specified: P-Preferred-Identity of an authenticated extension (RFC 3325 §9.2, behaviour 4), of several the first that may be shown.
 * The phone's own number in it is how many phones name themselves, not a wish.
 */
function ofApp(route: RouteState, take: Taker): boolean {
  const { facts, callerNumber } = route.call;
  const wishes = facts.forwarding === undefined ? facts.request.preferredIdentities : [];
  if (wishes.length === 0) return take('app', undefined);
  const numbers = wishes.filter((number) => number !== callerNumber);
  return numbers.length === 0 ? take('app', undefined) : numbers.some((number) => take('app', number));
}
