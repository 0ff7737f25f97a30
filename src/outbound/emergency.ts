import type { OutboundRoute, OutboundRule, Tenant } from '../provisioning/tenants/schema.ts';
import { isEmergencyService, type Uri } from '../sip/message/index.ts';
import type { EmergencyCall, PlanState } from './context.ts';
import { dialledNumber } from './facts.ts';
import { mismatch, rulesOf } from './rules.ts';

/**
 * Says whether what was dialled, without separators, is one of the tenant's emergency numbers: bare (with a `+` in front, or the `#`
 * that some phones send at the end, too), or behind the digits that the tenant dials for an outside line. Those are the digits that a
 * rule names as a prefix and its route strips: whoever has learnt to dial 9 first dials 9 911 in need.
 */
export function emergencyCallOf(tenant: Tenant, dialled: string): EmergencyCall | undefined {
  const { emergencyNumbers } = tenant;
  if (emergencyNumbers.includes(dialled)) return { number: dialled, accessCode: '' };
  const bare = dialled.endsWith('#') ? dialled.slice(0, -1) : dialled;
  for (const number of emergencyNumbers) {
    if (!bare.endsWith(number)) continue;
    const accessCode = bare.slice(0, bare.length - number.length);
    if (accessCode === '' || accessCode === '+') return { number, accessCode: '' };
    if (isAccessCode(tenant, accessCode) && !isOwnNumber(tenant, bare)) return { number, accessCode };
  }
  return undefined;
}

/** Whether a Request-URI asks for an emergency: by one of the tenant's numbers, or by name (RFC 5031) where it has routes for that. */
export function asksEmergency(tenant: Tenant, uri: Uri): boolean {
  if (isEmergencyService(uri)) return emergencyServiceNumber(tenant) !== undefined;
  return emergencyCallOf(tenant, dialledNumber(uri)) !== undefined;
}

/**
 * The number that stands for `urn:service:sos`: the first of the tenant's emergency numbers. Undefined when the tenant has no emergency
 * routes, and nobody has said that such a call may be placed.
 */
export function emergencyServiceNumber(tenant: Tenant): string | undefined {
  return tenant.emergency.routes.length > 0 ? tenant.emergencyNumbers[0] : undefined;
}

/** The prefix may go on behind the code (`91`, `9011`): who is taught to dial 9 first dials no 1 in need. */
function isAccessCode(tenant: Tenant, code: string): boolean {
  return rulesOf(tenant).some(
    ({ rule }) =>
      rule.match.prefixes.some((prefix) => prefix.startsWith(code)) &&
      rule.routes.some(({ strip }) => strip === code.length),
  );
}

/** Somebody of the tenant has that number, code included. */
function isOwnNumber({ extensions, services }: Tenant, dialled: string): boolean {
  return extensions.some(({ number }) => number === dialled) || services.some(({ number }) => number === dialled);
}

/** Where an emergency call goes. */
export interface EmergencyRoutes {
  /** The rule that it goes by, for the record; undefined when it goes by the tenant's own list, or by no rule at all. */
  readonly rule: OutboundRule | undefined;
  readonly routes: readonly OutboundRoute[];
  readonly reason: string;
}

/**
 * The routes of an emergency call: the tenant's own list; else those of the rule that names the number itself, as that rule says;
 * else the trunks of the rule that matches, then all others of the tenant, and there the number leaves as it was dialled.
 */
export function emergencyRoutes(call: PlanState): EmergencyRoutes {
  const { tenant, directory } = call.facts;
  const { number, accessCode } = call.emergencyCall as EmergencyCall;
  if (tenant.emergency.routes.length > 0) {
    return { rule: undefined, routes: tenant.emergency.routes, reason: "the tenant's own list for emergency numbers" };
  }
  const matching = (dialled: string) =>
    rulesOf(tenant).filter((candidate) => mismatch(candidate, dialled, call.callerNumber, tenant) === undefined);
  for (const dialled of new Set([number, accessCode + number])) {
    const own = matching(dialled).find(({ rule }) => rule.match.prefixes.includes(dialled))?.rule;
    if (own === undefined) continue;
    const taken = dialled.length - number.length;
    const routes = own.routes.map((route) => ({ ...route, strip: Math.max(0, route.strip - taken) }));
    return { rule: own, routes, reason: `rule "${own.name}" names it` };
  }
  const matched = matching(accessCode + number)[0]?.rule;
  const trunks = new Map<string, OutboundRoute>();
  const others = rulesOf(tenant).flatMap(({ rule }) => rule.routes);
  for (const route of [...(matched?.routes ?? []), ...others]) {
    const trunk = directory.trunkFor(tenant.name, route.trunk);
    if (trunk !== undefined && !trunks.has(trunk.id)) trunks.set(trunk.id, { ...route, strip: 0, prepend: '' });
  }
  for (const { id } of directory.trunksOf(tenant.name)) {
    if (!trunks.has(id)) trunks.set(id, { trunk: id, strip: 0, prepend: '' });
  }
  const reason = matched === undefined ? 'every trunk of the tenant' : `the trunks of rule "${matched.name}", then all`;
  return { rule: matched, routes: [...trunks.values()], reason: `${reason}; the number leaves as dialled` };
}
