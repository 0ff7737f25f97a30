import type { RouteState, RouteStep } from '../context.ts';
import { type Address, FIELD_LABEL } from '../draft.ts';
import { printable } from '../outbound-cli.ts';
import type { Refusal } from '../outcome.ts';

const GUARDED = ['from', 'contact', 'pAssertedIdentity', 'pPreferredIdentity', 'remotePartyIdCalling'] as const;

/**
 * The last look (behaviour 7): no identity field of the finished draft holds a number that another tenant owns on this provider.
 * Earlier steps see to that value by value; should one of them ever fail to, the route is refused and nothing is sent.
 */
export const guardTenancy: RouteStep = {
  name: 'tenancy-guard',
  run(route, trace) {
    for (const name of GUARDED) {
      const address = route.draft[name];
      if (address === undefined || address.user === route.callerId?.value) continue;
      const refusal = check(route, FIELD_LABEL[name], address);
      if (refusal !== undefined) return refusal;
    }
    if (trace.on)
      trace.step({
        step: 'tenancy-guard',
        outcome: 'continue',
        reason: "no other tenant's number in any identity field",
      });
    return undefined;
  },
};

function check(route: RouteState, field: string, address: Address): Refusal | undefined {
  if (!route.holdsForeign(address.user) && !route.holdsForeign(address.displayName)) return undefined;
  route.report('foreign-number-blocked', field, printable(address.user), 'found by the last look before sending');
  return { status: 403, reason: 'Caller ID Not Allowed', code: 'foreign-number' };
}
