import { plainNumber } from '../../provisioning/tenants/number.ts';
import type { RouteState, RouteStep } from '../context.ts';
import { type Address, FIELD_LABEL } from '../draft.ts';
import type { Trace } from '../trace.ts';

/** Who is called. */
const CALLED = ['requestUri', 'to'] as const;
/** Who calls. */
const CALLING = ['from', 'contact', 'pAssertedIdentity', 'pPreferredIdentity'] as const;
/** ITU-T E.164: 15 digits at most, no country code begins with 0; the shortest numbers in use have 7. */
const E164 = /^\+[1-9][0-9]{6,14}$/;

/**
 * Microsoft Teams takes E.164 numbers with `+` and nothing else, `user=phone` on those it is called with. A number that cannot be written
 * so is refused here, where the log can say why.
 */
export const writeForTeams: RouteStep = {
  name: 'teams',
  run(route, trace) {
    if (route.trunk.teams === undefined) return undefined;
    for (const name of CALLED) {
      if (!writeInternational(route, route.draft[name], name, trace))
        return { status: 484, reason: 'Address Incomplete', code: 'not-e164' };
      route.draft[name].uriParams += ';user=phone';
    }
    for (const name of CALLING) {
      const address = route.draft[name];
      if (address === undefined || address.user === '') continue;
      if (writeInternational(route, address, name, trace)) continue;
      // From is whom Teams looks up; a Contact leads here whatever its user is.
      if (name === 'from') return { status: 403, reason: 'Caller ID Not Allowed', code: 'not-e164' };
      if (name === 'contact') address.user = '';
      else route.draft[name] = undefined;
    }
    return undefined;
  },
};

/** Writes a number with `+`; false when it is none of E.164. */
export function writeInternational(
  route: RouteState,
  address: Address,
  name: (typeof CALLED)[number] | (typeof CALLING)[number],
  trace: Trace,
): boolean {
  const number = internationalForm(plainNumber(address.user));
  if (!E164.test(number)) return false;
  if (number === address.user) return true;
  address.user = number;
  if (trace.on)
    trace.field({
      field: `${FIELD_LABEL[name]}.user`,
      value: number,
      source: `type ${route.trunk.type}`,
      origin: 'engine',
      reason: `${route.trunk.name} takes E.164 numbers with + alone`,
    });
  return true;
}

function internationalForm(number: string): string {
  if (number.startsWith('+')) return number;
  return number.startsWith('00') ? `+${number.slice(2)}` : `+${number}`;
}
