/** Provisioning documents, and whole tenants, as bodies. */
import { type Tenant, tenantSchema } from '../provisioning/tenants/schema.ts';
import { type Provisioning, provisioningSchema } from '../provisioning/trunk-settings/schema.ts';
import { gatherProvisioning } from '../settings/aside.ts';
import { withoutMarks } from './documents.ts';
import { isLargeBody, jsonOf, readLargeBody, type Turn } from './large-body.ts';
import { check } from './validation.ts';

/** A document's body, read and checked in form; throws an ApiProblem that names every fault. The octets are used up. */
export async function documentOf(body: unknown, inTurn: Turn): Promise<Provisioning> {
  // No body, or one that another parser has read.
  if (!Buffer.isBuffer(body)) return check(provisioningSchema, withoutMarks(body));
  if (!isLargeBody('document', body)) return readDocument(body.toString());
  const { gathered } = await readLargeBody('document', body, gatherProvisioning, inTurn);
  return gathered.provisioning;
}

/** A tenant's body, with what it owns. The octets are used up. */
export async function wholeTenantOf(body: unknown, inTurn: Turn): Promise<Tenant> {
  if (!Buffer.isBuffer(body)) return check(tenantSchema, withoutMarks(body));
  if (!isLargeBody('tenant', body)) return readTenant(body.toString());
  const { gathered } = await readLargeBody('tenant', body, gatherProvisioning, inTurn);
  return gathered.provisioning.tenants[0] as Tenant;
}

/** {@link wholeTenantOf} on the thread that calls it. */
export function readTenant(text: string): Tenant {
  return check(tenantSchema, withoutMarks(jsonOf(text)));
}

/** {@link documentOf} on the thread that calls it. */
export function readDocument(text: string): Provisioning {
  return check(provisioningSchema, withoutMarks(jsonOf(text)));
}
