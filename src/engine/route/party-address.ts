/** Who a party is, as the phones of its tenant are shown it: a number in the tenant's domain, never another tenant's. */
import type { RoutedLeg } from '../../call/index.ts';
import { dialledNumber } from '../../outbound/index.ts';
import type { Directory } from '../../provisioning/directory/directory.ts';
import { normalizeNumber } from '../../provisioning/tenants/number.ts';
import type { Tenant } from '../../provisioning/tenants/schema.ts';
import {
  escapeUser,
  formatHost,
  isUnknownNumber,
  type NameAddr,
  octetsFromText,
  quote,
} from '../../sip/message/index.ts';

/** `"Name" <sip:number@domain>` in octets; `name` is in octets too. */
export function partyAddress(tenant: Tenant, number: string, name: string): string {
  const uri = `<sip:${escapeUser(number)}@${formatHost(tenant.domain)}>`;
  return name === '' ? uri : `${quote(name)} ${uri}`;
}

/** An extension or service of the tenant. */
export function ownParty(directory: Directory, tenant: Tenant, number: string): string {
  const party = directory.member(tenant.name, number);
  return partyAddress(tenant, number, octetsFromText(party?.name ?? ''));
}

/** Somebody outside, reached over a trunk; undefined when there is no number, or it is another tenant's there (behaviour 7). */
export function outsideParty(
  directory: Directory,
  tenant: Tenant,
  trunkId: string,
  number: string,
  name: string,
): string | undefined {
  if (number === '') return undefined;
  for (const text of [number, name]) {
    const comparable = normalizeNumber(text);
    if (comparable !== undefined && directory.numberOwnedByAnother(trunkId, tenant.name, comparable)) return undefined;
  }
  return partyAddress(tenant, number, name);
}

/** What a trusted trunk says of the party that is connected (RFC 3325 §5). */
export function assertedParty(
  directory: Directory,
  leg: RoutedLeg,
  { uri, displayName }: NameAddr,
): string | undefined {
  const { tenant: name } = leg.call.record.facts;
  const tenant = name === undefined ? undefined : directory.tenantByName(name);
  const { trunkId } = leg.options;
  if (tenant === undefined || trunkId === undefined) return undefined;
  const number = dialledNumber(uri);
  if (isUnknownNumber(number)) return undefined;
  return outsideParty(directory, tenant, trunkId, number, displayName ?? '');
}
