import type { Directory } from '../provisioning/directory/directory.ts';
import type { Party } from '../provisioning/tenants/party.ts';
import type { Tenant } from '../provisioning/tenants/schema.ts';

/**
 * Who has a number inside the tenant; undefined for one of the outside. An emergency number is always one of those, whoever has it for
 * an extension.
 */
export function insideParty(directory: Directory, tenant: Tenant, number: string): Party | undefined {
  return tenant.emergencyNumbers.includes(number) ? undefined : directory.party(tenant.name, number);
}
