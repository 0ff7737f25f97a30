import type { TenantInput, TrunkInput } from '../../outbound/world.ts';
import type { World } from './wire-world.ts';

/** An IP trunk to the world's carrier, by address, so that the carrier's calls are known as the trunk's at once. */
export function localTrunk(world: World, changes: Partial<TrunkInput> = {}): TrunkInput {
  return {
    id: '235468356',
    name: 'CallCentric',
    type: 'ip',
    host: '127.0.0.1',
    // Tests have many carriers on this machine.
    anotherAccount: (changes.type ?? 'ip') === 'ip',
    port: world.carrier.port,
    tenants: [{ tenant: 'acme', didPool: '14155550100-14155550199' }],
    ...changes,
  };
}

export const DOMAIN = 'sip.portsip.io';
export const COMPANY = '14155550105';

/** Everybody calls out over the local trunk; the main number rings extension 101. */
export function acme(changes: Partial<TenantInput> = {}): TenantInput {
  return {
    name: 'acme',
    domain: DOMAIN,
    outboundCallerId: COMPANY,
    extensions: [
      { number: '101', name: 'Alice', outboundCallerId: '14155550101' },
      { number: '102', name: 'Bob', outboundCallerId: '14155550102' },
      { number: '103', name: 'Carol' },
    ],
    outboundRules: [{ name: 'world', routes: [{ trunk: 'CallCentric' }] }],
    inboundRules: [{ name: 'main', trunk: 'CallCentric', dids: '14155550110', destination: { extension: '101' } }],
    ...changes,
  };
}
