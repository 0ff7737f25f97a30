import { ANY_NUMBER, LONG, sharedAuthority, signer } from '../../test/kit/stir/signed.ts';

/**
 * What is provisioned for the trunk calls of the benchmarks: a phone admitted by address (extension 4989100200), an outbound rule, a
 * DID pool, a mapped identity field.
 */
export function benchProvisioning(carrierPort: number) {
  return {
    tenants: [
      {
        name: 'bench',
        domain: 'pbx.example.com',
        outboundCallerId: '+4989100200',
        extensions: [{ number: '4989100200', name: 'Alice', password: 'labsecret', trustedAddresses: ['127.0.0.1'] }],
        outboundRules: [{ name: 'world', match: { prefixes: ['+'] }, routes: [{ trunk: 'carrier' }] }],
      },
    ],
    trunks: [
      {
        id: '1',
        name: 'carrier',
        type: 'ip',
        host: '127.0.0.1',
        port: carrierPort,
        options: { verifyPort: true },
        outboundParameters: { pAssertedIdentity: { user: 'OutboundCallerId', host: 'TrunkHostPort' } },
        tenants: [{ tenant: 'bench', didPool: '4989100000-4989199999' }],
      },
    ],
  };
}

/** The same calls from a phone that is asked for its password at each. */
export function digestProvisioning(carrierPort: number) {
  const { tenants, trunks } = benchProvisioning(carrierPort);
  const [tenant] = tenants;
  const extensions = tenant?.extensions.map(({ trustedAddresses: _, ...rest }) => rest);
  return { tenants: [{ ...tenant, extensions }], trunks };
}

/** An extension that is admitted by no address. */
export const CHALLENGED = '4989100201';

/** The same calls from the phone that is admitted by its address, and another extension that is asked for its password. */
export function challengedProvisioning(carrierPort: number) {
  const { tenants, trunks } = benchProvisioning(carrierPort);
  const [tenant] = tenants;
  const extensions = [...(tenant?.extensions ?? []), { number: CHALLENGED, password: 'labsecret' }];
  return { tenants: [{ ...tenant, extensions }], trunks };
}

/** The same calls, each of them signed: `shaken` with attestation A. SIPp's carrier listens on UDP alone. */
export function signedProvisioning(carrierPort: number) {
  const { trunks, ...rest } = benchProvisioning(carrierPort);
  const [trunk] = trunks;
  const options = { ...trunk?.options, stirShaken: true, largeRequests: 'udp' };
  return {
    ...rest,
    certificates: [signer('bench', { owner: 'bench' }, sharedAuthority().leaf(ANY_NUMBER, LONG))],
    trunks: [{ ...trunk, options, tenants: trunk?.tenants.map((each) => ({ ...each, verified: true })) }],
  };
}
