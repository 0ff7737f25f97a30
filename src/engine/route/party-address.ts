/** Who a party is, as the phones of its tenant are shown it: a number in the tenant's domain, never another tenant's. */
import { derived } from '../../base/derived.ts';
import { joined, ownCopy } from '../../base/text.ts';
import type { RoutedLeg } from '../../call/index.ts';
import type { Directory } from '../../provisioning/directory/directory.ts';
import { normalizeNumber, plainNumber } from '../../provisioning/tenants/number.ts';
import type { Tenant } from '../../provisioning/tenants/schema.ts';
import {
  escapeUser,
  formatHost,
  isUnknownNumber,
  type NameAddr,
  octetsFromText,
  quote,
  subscriberNumber,
} from '../../sip/message/index.ts';

/** `"Name" <sip:number@domain>` in octets, as one text of its own; `name` is in octets too. */
export function partyAddress(tenant: Tenant, number: string, name = ''): string {
  return joined(name === '' ? '' : `${quote(name)} `, '<sip:', escapeUser(number), endAt(tenant));
}

const endAt = derived(({ domain }: Tenant) => ownCopy(`@${formatHost(domain)}>`));

/** An extension or service of the tenant: one text for all its calls, which keep it for as long as they last. */
export function ownParty(directory: Directory, tenant: Tenant, number: string): string {
  const known = addressesOf(tenant);
  const address = known.get(number);
  if (address !== undefined) return address;
  const party = directory.member(tenant.name, number);
  if (party === undefined) return partyAddress(tenant, number);
  const made = partyAddress(tenant, party.number, octetsFromText(party.name ?? ''));
  known.set(party.number, made);
  return made;
}

/** Of those members of a tenant who have called or were called, by number. */
const addressesOf = derived((_tenant: Tenant) => new Map<string, string>());

/** Somebody outside, reached over a trunk; undefined when there is no number, or it is another tenant's there (behaviour 7). */
export function outsideParty(
  directory: Directory,
  tenant: Tenant,
  trunkId: string,
  number: string,
  name: string,
): string | undefined {
  if (number === '') return undefined;
  if (isAnothers(directory, tenant, trunkId, number) || isAnothers(directory, tenant, trunkId, name)) return undefined;
  return partyAddress(tenant, number, name);
}

function isAnothers(directory: Directory, tenant: Tenant, trunkId: string, text: string): boolean {
  const comparable = normalizeNumber(text);
  return comparable !== undefined && directory.numberOwnedByAnother(trunkId, tenant.name, comparable);
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
  const number = plainNumber(subscriberNumber(uri));
  if (isUnknownNumber(number)) return undefined;
  return outsideParty(directory, tenant, trunkId, number, displayName ?? '');
}
