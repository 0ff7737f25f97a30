import type { ProvisioningInput } from '../kit/engine-process.ts';

type Tenant = NonNullable<ProvisioningInput['tenants']>[number];
type Trunk = NonNullable<ProvisioningInput['trunks']>[number];

/** The tenant of most tests: three phones, a way out, DIDs to the phones. */
export function acme(changes: Partial<Tenant> = {}): Tenant {
  return {
    name: 'acme',
    domain: 'acme.test',
    outboundCallerId: '14155550100',
    extensions: [
      { number: '101', name: 'Alice', password: 'secret-101', outboundCallerId: '14155550101' },
      { number: '102', name: 'Bob', password: 'secret-102' },
      { number: '103', name: 'Carol', password: 'secret-103' },
    ],
    outboundRules: [
      { name: 'world', match: { prefixes: ['9'] }, routes: [{ trunk: 'carrier', strip: 1, prepend: '+' }] },
    ],
    inboundRules: [
      { name: 'direct', trunk: 'carrier', dids: '14155550101-14155550103', destination: { extensions: '101-103' } },
    ],
    ...changes,
  };
}

/** An IP trunk to a carrier on this machine; phones share its address, its port tells it apart. */
export function carrierTrunk(port: number, changes: Partial<Trunk> = {}): Trunk {
  return {
    id: '1',
    name: 'carrier',
    type: 'ip',
    host: '127.0.0.1',
    // Tests have many carriers on this machine.
    anotherAccount: (changes.type ?? 'ip') === 'ip',
    port,
    options: { verifyPort: true },
    tenants: [{ tenant: 'acme', didPool: '14155550100-14155550199' }],
    ...changes,
  };
}
