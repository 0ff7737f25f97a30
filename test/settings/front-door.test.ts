import { expect, test } from 'vitest';
import { validateText } from './kit.ts';

/** The documented example of everything; what validates once keeps validating. */
const EXAMPLE = `
tenants:
  - name: acme
    domain: acme.example.com
    outboundCallerId: "14155550100"
    dialCodes: { anonymous: "*67" }
    limits: { concurrentCalls: 100 }
    extensions:
      - { number: "101", name: Alice, password: s3cret, outboundCallerId: "14155550101", anonymousCalls: false, forward: { always: null, busy: null, noAnswer: null }, trustedAddresses: [] }
      - { number: "102" }
    groups:
      - { name: sales, members: ["101"], dids: ["14155550120"], outboundCallerId: "14155550120" }
    services:
      - { kind: ring-group, number: "600", name: Front desk, members: ["101", "102"], ringSeconds: 20, overflow: "14155559999", outboundCallerId: "14155550130" }
      - { kind: virtual-receptionist, number: "700", name: Menu, password: s3cret, outboundCallerId: "14155550131" }
    outboundRules:
      - name: world
        priority: 10
        match: { prefixes: ["9"], lengths: [11, 12], extensions: ["101-199"], groups: [sales] }
        outboundCallerId: "14155550140"
        routes: [ { trunk: carrier-a, strip: 1, prepend: "+" }, { trunk: carrier-b, strip: 1 } ]
    inboundRules:
      - { name: main, trunk: carrier-a, dids: "14155550100", callers: null, destination: { extension: "101" } }
trunks:
  - id: "235468356"
    name: carrier-a
    type: ip
    owner: system
    brand: generic
    host: 127.0.0.1
    port: 5080
    transport: udp
    outboundProxy: { host: 10.1.1.1, port: 5060 }
    associatedIps: ["203.0.113.0/24", "198.51.100.7"]
    credentials: { authName: "123456", username: "123456", password: s3cret, registerSeconds: 600 }
    options:
      usePrivateIp: false
      rewriteViaHost: false
      verifyPort: false
      singleVia: true
      telUriRequestLine: false
      telUriTo: false
      stirShaken: false
      removePlus: false
      keepAlive: { enabled: true, intervalSeconds: 360 }
    limits: { concurrentCalls: 1000, callsPerSecond: 50 }
    outboundParameters:
      requestUri: { user: CalledNum, host: TrunkHostPort }
      contact: { user: CallerNum, host: ContactUri }
      to: { user: CalledNum, host: TrunkHostPort }
      from: { displayName: CallerDispName, user: OutboundCallerId, host: SipDomain }
      pAssertedIdentity: { user: OutboundCallerId, host: TrunkHostPort }
      removeHeaders: [P-Preferred-Identity]
      privacy: [id, user, header]
    inboundParameters: { calledNumber: to.user, callerNumber: from.user, callerDisplayName: from.displayName }
    tenants:
      - { tenant: acme, didPool: "14155550100-14155550199; 14155559999" }
  - { name: carrier-b, type: ip, host: 127.0.0.2, tenants: [{ tenant: acme, didPool: "1" }] }
`;

test('the example of the front door validates', () => {
  expect(validateText(EXAMPLE)).toEqual([]);
});
