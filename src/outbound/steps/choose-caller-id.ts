import { plainNumber } from '../../tenants/number.ts';
import { numbersMeant, someNumberMeant } from '../../tenants/number-format.ts';
import type { Group, TrunkCallerId } from '../../tenants/schema.ts';
import type { RouteState, RouteStep } from '../context.ts';
import { holdsForeignNumber } from '../foreign-number.ts';
import { printable } from '../outbound-cli.ts';
import { isMember } from '../rules.ts';
import { octets } from '../text.ts';
import type { Trace } from '../trace.ts';

/**
 * The outbound caller ID: the first candidate that is set and inside the calling tenant's pool on this trunk (guide "Outbound Caller
 * ID Priority", behaviour 3). Extensions: app, extension, outbound rule, user group (only when the rule matched by group), company.
 * Services: the service, then the company. A caller ID set for this trunk precedes the same owner's general one.
 */
export const chooseCallerId: RouteStep = {
  name: 'caller-id',
  run(route, trace) {
    for (const offered of offers(route)) {
      // RFC 3966 §5.1.1: what is written for the eye does not leave.
      const offer = { ...offered, value: offered.value === undefined ? undefined : plainNumber(offered.value) };
      if (offer.value === undefined || offer.value === '') {
        if (trace.on)
          trace.candidate({ source: offer.source, value: undefined, verdict: 'passed-over', reason: 'not set' });
        continue;
      }
      if (!mayBeShown(route, offer)) {
        reject(route, offer.source, offer.value, trace);
        continue;
      }
      route.callerId = { value: offer.value, source: offer.source, displayName: offer.displayName };
      if (trace.on) {
        trace.candidate({
          source: offer.source,
          value: offer.value,
          verdict: 'taken',
          reason: `the first that is set and inside the tenant's DID pool on this trunk${meaning(route, offer.value)}`,
        });
      }
      break;
    }
    if (route.callerId !== undefined) return undefined;
    // Emergency calls pass every policy: a wrong number on display is better than no help.
    if (route.trunk.options.callerIdOutsidePool === 'reject' && route.call.emergency === undefined) {
      return { status: 403, reason: 'Caller ID Not Allowed', code: 'caller-id-outside-pool' };
    }
    if (trace.on) {
      trace.candidate({
        source: `${route.call.facts.caller.kind}-number`,
        value: route.call.callerNumber,
        verdict: 'taken',
        reason:
          route.call.emergency !== undefined
            ? 'no candidate is left'
            : 'no candidate is left (callerIdOutsidePool: pass)',
      });
    }
    return undefined;
  },
};

/** A caller ID must be in the pool; the number for emergencies need only not be somebody else's. */
function mayBeShown(route: RouteState, { source, value = '' }: Offer): boolean {
  if (isInPool(route, value)) return true;
  const { directory, tenant } = route.call.facts;
  return source.startsWith(EMERGENCY) && !holdsForeignNumber(directory, tenant, route.trunk, value);
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

interface Offer {
  readonly source: string;
  readonly value: string | undefined;
  readonly displayName: string | undefined;
}

interface Owner {
  readonly outboundCallerId?: string | undefined;
  readonly outboundCallerIds: readonly TrunkCallerId[];
}

/** Candidates, best first, one at a time: most calls need only the first or second. */
function* offers(route: RouteState): Generator<Offer> {
  const { caller, tenant } = route.call.facts;
  if (route.call.emergency !== undefined) {
    if (tenant.emergency.routes.length > 0) {
      yield { source: `${EMERGENCY}, route`, value: route.planned.route.outboundCallerId, displayName: undefined };
    }
    yield { source: EMERGENCY, value: tenant.emergency.callbackNumber, displayName: undefined };
  }
  if (caller.kind === 'service') {
    yield* ofOwner(route, 'service', caller.service);
  } else {
    yield { source: 'app', value: appSpecified(route), displayName: undefined };
    yield* ofOwner(route, 'extension', caller.extension);
    yield { source: 'route', value: route.planned.route.outboundCallerId, displayName: undefined };
    yield { source: 'outbound-rule', value: route.call.rule?.outboundCallerId, displayName: undefined };
    yield* ofGroups(route);
  }
  yield* ofOwner(route, 'company', tenant);
}

function* ofOwner(route: RouteState, source: string, owner: Owner): Generator<Offer> {
  const { trunk } = route;
  for (const entry of owner.outboundCallerIds) {
    if (entry.trunk !== trunk.name && entry.trunk !== trunk.id) continue;
    const displayName = entry.displayName === undefined ? undefined : octets(entry.displayName);
    yield { source: `${source}, for this trunk`, value: entry.callerId, displayName };
  }
  yield { source, value: owner.outboundCallerId, displayName: undefined };
}

/** Groups count only when the rule matched by group: those of the rule that the caller belongs to, in the rule's order. */
function* ofGroups(route: RouteState): Generator<Offer> {
  const { call } = route;
  const { tenant } = call.facts;
  for (const name of call.rule?.match.groups ?? []) {
    if (!isMember(tenant, name, call.callerNumber)) continue;
    const group = tenant.groups.find((candidate) => candidate.name === name);
    if (group === undefined) continue;
    yield* ofOwner(route, `group ${name}`, group);
    if (group.outboundCallerId === undefined && group.dids.length > 0) yield ofDids(route, group);
  }
}

/** A group that has DIDs and no caller ID shows the first of them (guide "User Groups as a Fallback"): the first that this trunk takes. */
function ofDids(route: RouteState, { name, dids }: Group): Offer {
  const value = dids.find((did) => isInPool(route, did)) ?? dids[0];
  return { source: `group ${name}, its first DID`, value, displayName: undefined };
}

/**
 * App-specified: P-Preferred-Identity of an authenticated extension (RFC 3325 §9.2, behaviour 4). The phone's own number in it is how
 * many phones name themselves, not a wish.
 */
function appSpecified(route: RouteState): string | undefined {
  const { facts, callerNumber } = route.call;
  if (facts.forwarding !== undefined || facts.request.preferredIdentity === callerNumber) return undefined;
  return facts.request.preferredIdentity;
}
