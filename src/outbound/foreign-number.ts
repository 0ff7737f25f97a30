import type { Directory } from '../provisioning/directory/directory.ts';
import { normalizeNumber, separatorLength, withAsciiDigits } from '../provisioning/tenants/number.ts';
import type { Tenant } from '../provisioning/tenants/schema.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import { unescapeUser } from '../sip/message/index.ts';
import type { HeaderField } from './draft.ts';
import type { OutboundEvent } from './explanation.ts';
import { printable } from './outbound-cli.ts';

/** Shortest run of digits inside other text that is taken for a telephone number. */
const SHORTEST_EMBEDDED_NUMBER = 7;

/**
 * Behaviour 7: says whether a text is, or holds, a number that another tenant owns on the trunk's provider. The text as a whole is
 * compared as caller IDs are; inside other text every run of seven digits or more counts, of whatever script, separators left aside,
 * with and without the dialling prefixes that a pool entry never has. Digits and separators may be escaped, as in the user part of a
 * URI (RFC 3261 §19.1.2); what is written counts as it stands, too, for no escapes are read outside of URIs.
 */
export function holdsForeignNumber(directory: Directory, tenant: Tenant, trunk: Trunk, written: string): boolean {
  if (written === '') return false;
  if (textIsForeign(directory, tenant, trunk, written)) return true;
  return written.includes('%') && textIsForeign(directory, tenant, trunk, unescapeUser(written));
}

function textIsForeign(directory: Directory, tenant: Tenant, trunk: Trunk, written: string): boolean {
  const text = withAsciiDigits(written);
  if (normalizeNumber(text) !== undefined) return isForeign(directory, tenant, trunk, text);
  let digits = '';
  for (let index = 0; index <= text.length; index += 1) {
    const code = index === text.length ? 0 : text.charCodeAt(index);
    if (code >= 0x30 && code <= 0x39) digits += text.charAt(index);
    else if (digits !== '') {
      const length = separatorLength(text, index);
      if (length > 0) {
        index += length - 1;
        continue;
      }
      if (runIsForeign(directory, tenant, trunk, digits)) return true;
      digits = '';
    }
  }
  return false;
}

/** What to tell of a header field, relayed or added, that holds such a number, and so does not go to the trunk; undefined: it may. */
export function foreignNumberIn(
  directory: Directory,
  tenant: Tenant,
  trunk: Trunk,
  [name, value]: HeaderField,
): OutboundEvent | undefined {
  if (!holdsForeignNumber(directory, tenant, trunk, value)) return undefined;
  const reason = "another tenant's number on this provider";
  return { kind: 'foreign-number-blocked', trunkId: trunk.id, source: name, value: printable(value), reason };
}

function runIsForeign(directory: Directory, tenant: Tenant, trunk: Trunk, digits: string): boolean {
  if (digits.length < SHORTEST_EMBEDDED_NUMBER) return false;
  return isForeign(directory, tenant, trunk, digits);
}

function isForeign(directory: Directory, tenant: Tenant, trunk: Trunk, number: string): boolean {
  return directory.numberOwnedByAnother(trunk.id, tenant.name, number);
}
