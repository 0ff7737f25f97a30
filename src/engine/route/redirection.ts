/** Where a redirection leads (RFC 3261 §8.1.3.4): its Contacts as numbers that are dialled, never as addresses that are sent to. */
import { isIP } from 'node:net';
import { dialledNumber, type NodeFacts } from '../../outbound/index.ts';
import type { Tenant } from '../../provisioning/tenants/schema.ts';
import { canonicalHost } from '../../provisioning/trunk-settings/sources.ts';
import { addressValues, HeaderId, type NameAddr, readTypedAddress, type SipResponse } from '../../sip/message/index.ts';

/** Contacts of one redirection that are looked at. */
const MAX_CONTACTS = 8;

/** Numbers of a redirection's Contacts, by descending q; one that cannot be read leads nowhere and costs the others nothing. */
export function redirectedNumbers(
  response: SipResponse,
  accepts: (address: NameAddr) => boolean = () => true,
): string[] {
  const contacts: { readonly number: string; readonly q: number }[] = [];
  const addresses = addressValues(response.headers, HeaderId.Contact).flatMap((text) => readTypedAddress(text) ?? []);
  for (const address of addresses.slice(0, MAX_CONTACTS)) {
    const number = dialledNumber(address.uri);
    if (number === '' || !accepts(address)) continue;
    const q = Number(address.params.get('q') ?? 1);
    contacts.push({ number, q: Number.isNaN(q) ? 0 : q });
  }
  const numbers = contacts.sort((a, b) => b.q - a.q).map(({ number }) => number);
  return [...new Set(numbers)];
}

/**
 * Whether a phone's Contact names a number of this system or of the telephone network: in its tenant's domain or at an address of this
 * engine, in no domain at all (phones write the address of their own), or as a telephone number. `102` of a foreign domain is somebody
 * else's 102.
 */
export function isNumberHere({ uri }: NameAddr, { domain }: Tenant, node: NodeFacts): boolean {
  if (!('host' in uri)) return uri.scheme === 'tel';
  if (uri.params.get('user')?.toLowerCase() === 'phone' || dialledNumber(uri).startsWith('+')) return true;
  if (isIP(uri.host) !== 0 || NOBODYS_HOST.test(uri.host)) return true;
  const host = canonicalHost(uri.host);
  const { addresses, privateAddresses } = node;
  const said = [...Object.values(addresses), ...Object.values(privateAddresses)].map((address) => address.host);
  return [domain, ...said].some((each) => canonicalHost(each) === host);
}

/** What phones and browsers call themselves that know no address of their own (RFC 2606 §2, RFC 6761 §6.3). */
const NOBODYS_HOST = /^(?:localhost|.*\.invalid)\.?$/i;
