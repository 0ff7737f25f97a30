/** Which of 10,000 trunks sent a request: look-ups per second by address, network, shared address with DID pools, token and certificate. */
import { bench, do_not_optimize, group, run } from 'mitata';
import { WheelScheduler } from '../src/base/wheel-scheduler.ts';
import { calledNumbersOf } from '../src/engine/explain/inbound-view.ts';
import { Directory } from '../src/provisioning/directory/directory.ts';
import { Precedence } from '../src/provisioning/directory/precedence.ts';
import { provisioningSchema, type TrunkInput } from '../src/provisioning/trunk-settings/schema.ts';
import { parseMessage, type SipRequest } from '../src/sip/message/index.ts';
import type { Flow } from '../src/sip/transport/index.ts';
import { Identification } from '../src/trunks/identification.ts';

const TRUNKS = 10_000;
const SHARED_ADDRESS = '198.18.0.1';
const SHARED = 10;

const addressOf = (index: number) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
const networkOf = (index: number) => `100.${64 + (index >> 12)}.${(index >> 4) & 255}.${(index & 15) * 16}/28`;

function invite(called: string, uri: string): SipRequest {
  const message = parseMessage(
    `INVITE ${uri} SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: <sip:4412@x>;tag=1\r\nTo: <sip:${called}@x>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n`,
  );
  if (message.kind !== 'request') throw new Error('not a request');
  return message;
}

const trunks: TrunkInput[] = Array.from({ length: TRUNKS }, (_, index) => ({
  id: String(index + 1),
  name: `t${index}`,
  type: 'ip',
  host: addressOf(index),
  associatedIps: [networkOf(index)],
  options: { mutualTls: index >= TRUNKS - 100 },
  tls: { peerNames: [`t${index}.example`] },
  tenants: [{ tenant: 'acme', didPool: `${10_000_000 + index * 100}-${10_000_099 + index * 100}` }],
}));
const directory = new Directory(
  provisioningSchema.parse({ tenants: [{ name: 'acme', domain: 'acme.example.com' }], trunks }),
);
const identification = new Identification(directory, calledNumbersOf, new Precedence(new WheelScheduler()));
const filledMs = performance.now();
for (const [index, trunk] of directory.trunks.entries()) {
  const addresses = [{ address: addressOf(index), port: 5060 }];
  if (index < SHARED) addresses.push({ address: SHARED_ADDRESS, port: 5060 });
  identification.setAddresses(trunk, addresses);
  identification.setToken(trunk, `token${index}`);
}
console.log(`${TRUNKS} trunks indexed in ${Math.round(performance.now() - filledMs)} ms`);

const udp = (remoteAddress: string) =>
  ({ transport: 'udp', remoteAddress, remotePort: 5060, tls: undefined }) as unknown as Flow;
const tls = {
  transport: 'tls',
  remoteAddress: '203.0.113.1',
  remotePort: 40_000,
  tls: { verified: true, names: [`t${TRUNKS - 1}.example`] },
} as unknown as Flow;
const last = TRUNKS - 101;
const plain = invite(String(10_000_000), 'sip:10000000@192.0.2.1');
const pooled = invite(String(10_000_000 + 700), 'sip:10000700@192.0.2.1');
const tokened = invite('1', `sip:token${last}@192.0.2.1`);

const cases: [name: string, request: SipRequest, flow: Flow, expected: string | undefined][] = [
  ['the address of the last trunk', plain, udp(addressOf(last)), `t${last}`],
  ['a network of the last trunk', plain, udp(networkOf(last).replace('/28', '')), `t${last}`],
  [`an address of ${SHARED} trunks, told apart by DID pools`, pooled, udp(SHARED_ADDRESS), 't7'],
  ['a Contact token', tokened, udp('203.0.113.1'), `t${last}`],
  ['a certificate', plain, tls, `t${TRUNKS - 1}`],
  ['a stranger', plain, udp('203.0.113.1'), undefined],
];

group(`identify among ${TRUNKS} trunks`, () => {
  for (const [name, request, flow, expected] of cases) {
    const found = identification.identify(request, flow);
    const trunk = found.kind === 'trunk' ? found.trunk.name : undefined;
    if (trunk !== expected) throw new Error(`${name}: expected ${expected}, found ${trunk ?? found.kind}`);
    bench(name, () => do_not_optimize(identification.identify(request, flow)));
  }
  bench('is this address a trunk’s? (per message, for the share under load)', () =>
    do_not_optimize(identification.knows(addressOf(last))),
  );
});

await run();
