import { describe, expect, test } from 'vitest';
import type { AddressScope } from '../../../src/base/address-scope.ts';
import { FrontProxies } from '../../../src/engine/admit/front-proxies.ts';
import { CallerLegs } from '../../../src/engine/route/caller-legs.ts';
import { MediaParties } from '../../../src/engine/route/media-parties.ts';
import { EngineFacts } from '../../../src/engine/tell/engine-facts.ts';
import { HeaderId, SipRequest } from '../../../src/sip/message/index.ts';
import type { Flow } from '../../../src/sip/transport/index.ts';
import { CARRIER_A_ID, provisioningOf } from '../world.ts';

const HERE = { public: { host: '198.51.100.1', port: 5060 }, private: { host: '10.0.0.1', port: 5060 } };
const endpoint = { advertised: (_to: unknown, scope: AddressScope = 'public') => HERE[scope] };
const facts = new EngineFacts('tandem/test', endpoint, { firstTarget: () => undefined });
facts.listeningChanged();
const legs = new CallerLegs({
  facts,
  media: new MediaParties({ configured: false }),
  front: new FrontProxies([]),
  endpoint,
  registrations: { phoneOn: () => 'desk' },
});
const directory = provisioningOf({
  trunks: { 'carrier-a': { options: { usePrivateIp: true, rewriteViaHost: true } } },
});
const flow = { transport: 'udp', remoteAddress: '192.0.2.10' } as Flow;
function requestTo(uri: string): SipRequest {
  const asked = new SipRequest('INVITE', uri);
  asked.headers.add(HeaderId.From, '<sip:101@acme.example.com>;tag=a').add(HeaderId.To, '<sip:102@acme.example.com>');
  return asked;
}
const request = requestTo('sip:14155550101@198.51.100.1');

describe('the leg of a trunk', () => {
  const trunk = directory.trunk(CARRIER_A_ID);
  if (trunk === undefined) throw new Error('no such trunk');

  test('says where the engine is by the trunk’s options', () => {
    expect(legs.ofTrunk(request, flow, trunk, '14155550101')).toMatchObject({
      contact: '<sip:14155550101@10.0.0.1:5060>',
      scope: 'private',
      viaHost: '198.51.100.1',
      trunkId: CARRIER_A_ID,
    });
  });

  test('RFC 3891: of one that takes another’s place it says the same', () => {
    const newcomer = legs.ofNewcomer(request, flow, { kind: 'trunk', trunk }, directory);
    expect(newcomer).toEqual(legs.ofTrunk(request, flow, trunk, '14155550101'));
  });
});

test('RFC 3261 §12.1.1: a caller who asks for a SIPS URI over TLS is told a SIPS Contact', () => {
  const trunk = directory.trunk(CARRIER_A_ID);
  if (trunk === undefined) throw new Error('no such trunk');
  const secured = { ...flow, transport: 'tls' } as Flow;
  const asked = requestTo('sips:14155550101@198.51.100.1');
  expect(legs.ofTrunk(asked, secured, trunk, '1').contact).toBe('<sips:1@10.0.0.1:5060>');
  expect(legs.ofTrunk(request, secured, trunk, '1').contact).toBe('<sip:1@10.0.0.1:5060;transport=tls>');
});

test('the leg of an extension has its tenant, number and phone as owner', () => {
  const tenant = directory.tenantByName('acme');
  const extension = directory.extension('acme', '101');
  if (tenant === undefined || extension === undefined) throw new Error('not provisioned');
  const leg = legs.ofNewcomer(request, flow, { kind: 'extension', tenant, extension }, directory);
  expect(leg).toMatchObject({ owner: { tenant: 'acme', number: '101', phone: 'desk' }, showsIdentity: true });
});

test('behaviour 22: what the tenant relays is relayed to each of its phones, to one that takes another’s place too', () => {
  const relay = { user: ['X-Desk'], trunk: ['X-Carrier'], all: ['X-Site'] };
  const relaying = provisioningOf({ acme: { headers: { relay } } });
  const tenant = relaying.tenantByName('acme');
  const extension = relaying.extension('acme', '101');
  if (tenant === undefined || extension === undefined) throw new Error('not provisioned');
  const source = { kind: 'extension', tenant, extension } as const;
  const [caller, newcomer] = [
    legs.ofEndpoint(request, flow, source, relaying, '102'),
    legs.ofNewcomer(request, flow, source, relaying),
  ];
  for (const leg of [caller, newcomer])
    expect(leg).toMatchObject({ relayHeaders: ['X-Site', 'X-Desk'], relayTrunkHeaders: ['X-Site', 'X-Carrier'] });
});
