import { describe, expect, expectTypeOf, test } from 'vitest';
import { Reception } from '../../src/engine/admit/reception.ts';
import { KnownNodes } from '../../src/engine/continuity/known-nodes.ts';
import type { EngineOptions } from '../../src/engine/engine-options.ts';
import { EngineNetwork, servedNames } from '../../src/engine/network.ts';
import { NO_PEERS, PeerPass } from '../../src/engine/peer-nodes.ts';
import { Served } from '../../src/engine/served.ts';
import type { Directory } from '../../src/provisioning/directory/directory.ts';
import { nodeSchema } from '../../src/settings/node-schema.ts';
import type { DnsRecordType } from '../../src/sip/locate/index.ts';
import { HeaderId, type SipRequest } from '../../src/sip/message/index.ts';
import { SimulatedNetwork } from '../kit/simulated-network.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { RecordingLog } from '../sip/transport/recorder.ts';
import { type Agent, CARRIER_A, ENGINE, Observed, provisioningOf, SDP, World } from './world.ts';

const OTHER_OF_CARRIER = '192.0.2.11';
const STRANGER = '203.0.113.99';

test.each([
  ['another address of its trunk', OTHER_OF_CARRIER, 200],
  ['anywhere else', STRANGER, undefined],
])('an answer to an INVITE that comes from %s', async (_where, address, status) => {
  const world = await World.start({ trunks: { 'carrier-a': { associatedIps: [OTHER_OF_CARRIER] } } });
  const [carrier, other] = [world.agent(CARRIER_A), world.agent(address)];
  const phone = world.phone('101', '203.0.113.5');
  const invite = phone.call('15551234');
  other.answer(carrier.took('INVITE'), 200, 'OK', {}, SDP);
  expect(phone.final(invite)?.status).toBe(status);
  expect(world.engine.endpoint.transactions.counters.wrongPeer).toBe(status === undefined ? 1 : 0);
});

describe('a CANCEL (§9.2) from another address than its INVITE, with the branch and all else right', () => {
  const CLAIMED = '192.0.2.66';
  const of = (invite: SipRequest) => ({
    Via: invite.headers.value(HeaderId.Via),
    From: invite.headers.value(HeaderId.From),
    To: invite.headers.value(HeaderId.To),
    'Call-ID': invite.callId(),
    CSeq: `${invite.cseq().sequence} CANCEL`,
  });
  const cancelled = (sender: Agent, invite: SipRequest) => {
    sender.send(sender.request('CANCEL', invite.requestUri, of(invite)));
    sender.world.run();
    return sender.responses(invite.callId()).map(({ status }) => status);
  };
  const begin = async (claimed: string) => {
    const otherTrunk = { associatedIps: [claimed, CLAIMED], tenants: [{ tenant: 'globex', didPool: '14155550300' }] };
    const world = await World.start({
      trunks: { 'carrier-a': { associatedIps: [OTHER_OF_CARRIER] }, 'carrier-b': otherTrunk },
    });
    return { world, phone: world.phone('101', '203.0.113.1') };
  };

  test.each([
    ['of its trunk', OTHER_OF_CARRIER, 200],
    ['of another trunk, which says to have its own address as well', CLAIMED, 481],
  ])('%s', async (_whose, address, status) => {
    const { world, phone } = await begin(CARRIER_A);
    const carrier = world.agent(CARRIER_A);
    const invite = carrier.request('INVITE', `sip:14155550100@${ENGINE}`, {}, SDP);
    carrier.sends(invite);
    const asked = phone.took('INVITE');
    phone.answer(asked, 180, 'Ringing');
    expect(cancelled(world.agent(address), invite)).toContain(status);
    expect(phone.requests('CANCEL')).toHaveLength(status === 200 ? 1 : 0);
  });

  test('of a trunk that says to have the phone’s', async () => {
    const { world, phone } = await begin('203.0.113.1');
    const invite = phone.call('15551234');
    expect(cancelled(world.agent(CLAIMED), invite)).toEqual([481]);
    expect(world.agent(CARRIER_A).requests('CANCEL')).toEqual([]);
  });
});

/** A network whose listeners open, and which notes the names that it is given to show over TLS. */
function network() {
  const scheduler = new VirtualScheduler();
  const settings = nodeSchema.parse({ listen: [{ transport: 'udp', host: ENGINE, port: 5060 }] });
  const teams = { fqdn: 'sbc.acme.example.com', certificate: 'sbc' };
  const directory = provisioningOf();
  const asked: string[] = [];
  const served: string[][] = [];
  const dns = {
    query: async (name: string, type: DnsRecordType) => {
      asked.push(`${type} ${name}`);
      const records = type === 'A' ? [{ type, name, ttlSeconds: 60, address: '192.0.2.50' } as const] : [];
      return { status: 'answered' as const, records };
    },
  };
  const simulated = new SimulatedNetwork(scheduler).transportAt(ENGINE);
  const options = {
    ...{ settings, scheduler, directory, dns, log: new RecordingLog(), observer: new Observed(), version: 'test' },
    storeSetting: async () => {},
    createTransport: (user: Parameters<typeof simulated>[0]) =>
      Object.assign(simulated(user), {
        serveNames: (pairs: ReadonlyMap<string, unknown>) => void served.push([...pairs.keys()]),
      }),
  };
  const own = new Served(settings, directory);
  const pass = new PeerPass({ node: 'test', secret: new Uint8Array(32), clock: scheduler, peers: NO_PEERS });
  const known = new KnownNodes(NO_PEERS, own);
  const here = { ...options, served: own, peers: NO_PEERS, storeTime: scheduler, pass, known };
  const made = new EngineNetwork({ ...here, ...new Reception(here) }, { onRequest() {}, onAck() {} });
  return { made, asked, served, teams };
}

test('what callers have looked up is apart from what trunks are found by: neither answers nor failures of one count for the other', async () => {
  const { made, asked } = network();
  const query = { host: 'certs.example', port: 443, transport: 'tls' as const };
  const [target] = await made.webHosts.locate(query);
  if (target === undefined) throw new Error('not found');
  const before = asked.length;
  expect(before).toBeGreaterThan(0);
  await made.webHosts.locate(query);
  expect(asked).toHaveLength(before);
  await made.locator.locate(query);
  expect(asked).toHaveLength(2 * before);
  made.webHosts.markFailed(target);
  expect([made.webHosts.isFailed(target), made.locator.isFailed(target)]).toEqual([true, false]);
});

test('names of one tenant’s webhooks that nobody answers keep nobody else’s waiting, nor those of its own trunks', () => {
  const { made, asked } = network();
  const many = (kind: string) => Array.from({ length: 200 }, (_, at) => `${kind}${at}.globex.example`);
  for (const host of many('hook')) void made.addressesOf(host, 443, 'globex').catch(() => {});
  expect(asked).toHaveLength(89);
  void made.addressesOf('hook.acme.example', 443, 'acme').catch(() => {});
  void Promise.resolve(made.locator.locate({ host: 'sbc.globex.example', port: 5060, owner: 'globex' })).catch(
    () => {},
  );
  expect(asked.filter((question) => question.startsWith('A ')).slice(-2)).toEqual([
    'A hook.acme.example',
    'A sbc.globex.example',
  ]);
});

test('whenever what is listened on changes, names over TLS are shown anew and the node says of itself what it is now', async () => {
  const { made, served } = network();
  let told = 0;
  made.audience.give({ listeningChanged: () => told++ });
  await made.listeners.open();
  expect([told, served]).toEqual([1, [[]]]);
});

test('what tenants make this engine send to is never itself, nor a place inside', async () => {
  const { made } = network();
  made.audience.give({ listeningChanged: () => {} });
  await made.listeners.open();
  expect(made.egress.refusal(ENGINE, 5060)).toBeDefined();
  expect(made.egress.refusal('10.0.0.1', 5060)).toBeDefined();
  expect(made.egress.refusal('8.8.8.8', 5060)).toBeUndefined();
});

test('a Teams trunk that is enabled and has its certificate is answered to by its own name, others are not', () => {
  const trunk = (name: string, parts: object) => ({
    name,
    enabled: true,
    teams: { fqdn: `${name}.example` },
    ...parts,
  });
  const trunks = [trunk('a', {}), trunk('b', { enabled: false }), trunk('c', {}), trunk('d', { teams: undefined })];
  const directory = {
    trunks,
    tlsCertificateOf: ({ name }: { name: string }) =>
      name === 'c' ? undefined : { cert: `${name} cert`, key: `${name} key` },
  };
  expect([...servedNames(directory as unknown as Directory)]).toEqual([
    ['a.example', { cert: 'a cert', key: 'a key' }],
  ]);
});

/** What the engine adds to what it hands on. */
type Added =
  | ('userAgent' | 'secret' | 'served' | 'pass' | 'known' | 'mark')
  | ('trunks' | 'facts' | 'relays' | 'media' | 'messaging')
  | ('stir' | 'registered' | 'branches' | 'grants' | 'routing' | 'calls' | 'self' | 'contacts');

test('what the engine’s parts are handed on together has each name once: another would take its place without a word', () => {
  expectTypeOf<Extract<keyof EngineOptions, keyof Reception | keyof EngineNetwork | Added>>().toBeNever();
  expectTypeOf<Extract<keyof Reception, keyof EngineNetwork | Added>>().toBeNever();
  expectTypeOf<Extract<keyof EngineNetwork, Added>>().toBeNever();
});
