import {
  type Provisioning,
  type ProvisioningInput,
  provisioningSchema,
} from '../../src/provisioning/trunk-settings/schema.ts';

/** A state as files would give it, with all defaults. */
export function provision(input: ProvisioningInput): Provisioning {
  return provisioningSchema.parse(input);
}
