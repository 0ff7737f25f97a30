/** Provisioning documents, and whole tenants, as bodies. */
import { type Tenant, tenantSchema } from '../provisioning/tenants/schema.ts';
import { provisioningSchema } from '../provisioning/trunk-settings/schema.ts';
import { gatherProvisioning } from '../settings/aside.ts';
import { bodyReader } from './large-body.ts';

export const { readText: readDocument, readBody: documentOf } = bodyReader(
  'document',
  provisioningSchema,
  gatherProvisioning,
  ({ provisioning }) => provisioning,
);

/** A tenant with what it owns. */
export const { readText: readTenant, readBody: wholeTenantOf } = bodyReader(
  'tenant',
  tenantSchema,
  gatherProvisioning,
  ({ provisioning }) => provisioning.tenants[0] as Tenant,
);
