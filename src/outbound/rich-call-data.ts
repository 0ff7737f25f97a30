/** Which rich call data (RFC 9795) go with a call: what the caller's settings say, else those of its tenant. */

import { memberOf } from '../provisioning/tenants/party.ts';
import { textFromOctets } from '../sip/message/index.ts';
import { type RichClaims, richClaims } from '../stir/index.ts';
import type { RouteState } from './context.ts';

/** The claims; a text says why there are none; undefined: none are wanted. */
export function richCallDataOf(route: RouteState): RichClaims | string | undefined {
  const { trunk, call, draft } = route;
  const { tenant, caller, forwarding } = call.facts;
  // Who calls from outside is not the tenant's to describe.
  if (trunk.options.stirRichCallData === 'off' || forwarding?.fromTrunk === true) return undefined;
  const own = memberOf(caller).richCallData;
  const { richCallData: common } = tenant;
  if (own === undefined && common === undefined)
    return `neither ${caller.kind} ${call.callerNumber} nor tenant ${tenant.name} has richCallData`;
  if (call.anonymous) return 'the caller is anonymous';
  const name = own?.name ?? common?.name ?? textFromOctets(draft.from.displayName);
  const { icon: url, iconDigest: digest } = (own?.icon === undefined ? common : own) ?? {};
  return richClaims(name, url === undefined || digest === undefined ? undefined : { url, digest });
}
