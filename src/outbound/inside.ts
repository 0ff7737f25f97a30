import type { Party } from '../tenants/party.ts';
import type { Tenant } from '../tenants/schema.ts';
import type { Directory } from '../trunks/directory.ts';

/**
 * Who has a number inside the tenant; undefined for one of the outside. An emergency number is always one of those, whoever has it for
 * an extension.
 */
export function insideParty(directory: Directory, tenant: Tenant, number: string): Party | undefined {
  return tenant.emergencyNumbers.includes(number) ? undefined : directory.party(tenant.name, number);
}
