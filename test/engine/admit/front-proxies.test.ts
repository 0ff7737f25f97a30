import { isIP } from 'node:net';
import { describe, expect, test } from 'vitest';
import { FrontProxies } from '../../../src/engine/admit/front-proxies.ts';
import { NO_PEERS, type PeerNodes } from '../../../src/engine/peer-nodes.ts';
import { parseMessage, type SipRequest } from '../../../src/sip/message/index.ts';
import { type Agent, CARRIER_A, CARRIER_A_ID, ENGINE, Phone, type RequestFields, SDP, World } from '../world.ts';

const FRONT = '203.0.113.50';
const OTHER_NODE = '198.51.100.2';
const DID = `sip:14155550100@${ENGINE}`;

const request = (...fields: string[]) =>
  parseMessage(
    ['OPTIONS sip:x SIP/2.0', 'Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1', ...fields, '', ''].join('\r\n'),
  ) as SipRequest;
const flow = (remoteAddress: string) => ({
  remoteAddress,
  remotePort: 5060,
  transport: 'tcp' as const,
  tls: undefined,
});

describe('whom a front proxy names as the sender', () => {
  const front = new FrontProxies([FRONT, '10.0.0.0/8']);

  test('is the sender, with its port where that is said', () => {
    expect(front.senderOf(request('X-Auth-IP: 192.0.2.9', 'X-Auth-Port: 5062'), flow(FRONT))).toEqual({
      remoteAddress: '192.0.2.9',
      remotePort: 5062,
      transport: 'udp',
      tls: undefined,
    });
    expect(front.senderOf(request('x-auth-ip: 2001:db8::9'), flow('10.1.2.3'))).toMatchObject({
      remoteAddress: '2001:db8::9',
      remotePort: 0,
    });
  });

  test.each([
    ['[2001:DB8::9]', '2001:db8::9'],
    ['2001:db8:0:0::9', '2001:db8::9'],
    ['::ffff:192.0.2.9', '192.0.2.9'],
  ])('is written as every other address (%s)', (said, address) => {
    expect(front.senderOf(request(`X-Auth-IP: ${said}`), flow(FRONT)).remoteAddress).toBe(address);
  });

  test.each([
    ['nothing', []],
    ['an empty text', ['X-Auth-IP:']],
    ['what is no address', ['X-Auth-IP: carrier.example.com']],
    ['an address with its port', ['X-Auth-IP: 192.0.2.9:5060']],
    ['two addresses in two fields', ['X-Auth-IP: 192.0.2.9', 'X-Auth-IP: 192.0.2.10']],
    ['two addresses in one field', ['X-Auth-IP: 192.0.2.9, 192.0.2.10']],
    ['itself', [`X-Auth-IP: ${FRONT}`]],
    ['another front proxy', ['X-Auth-IP: 10.1.2.3']],
    ['two ports', ['X-Auth-IP: 192.0.2.9', 'X-Auth-Port: 5060', 'X-Auth-Port: 5061']],
    ...['99999', '-1', 'x', '5060.5', '0', '0x13c4', ''].map((port) => [
      `${port || 'nothing'} as the port`,
      ['X-Auth-IP: 192.0.2.9', `X-Auth-Port: ${port}`],
    ]),
  ] as [string, string[]][])('who names %s says of nobody that it is the sender, itself included', (_what, fields) => {
    const sender = front.senderOf(request(...fields), flow(FRONT));
    expect(sender).toMatchObject({ unnamed: true, tls: undefined });
    expect(isIP(sender.remoteAddress)).toBe(0);
  });

  test('who is no front proxy is the sender itself, whomever it names', () => {
    const from = flow('203.0.113.51');
    expect(front.senderOf(request('X-Auth-IP: 192.0.2.9'), from)).toBe(from);
  });
});

/** Whom the engine takes the sender of an INVITE for. */
function taken(world: World, agent: Agent, fields: RequestFields) {
  agent.ask(agent.request('INVITE', DID, fields, SDP));
  return { status: agent.responses().at(-1)?.status, trunkId: world.observed.ended.at(-1)?.facts.trunkId };
}

describe('an engine behind a proxy', () => {
  test('a carrier is known by the address that the proxy names, and by no address of its own choice', async () => {
    const world = await World.start({ settings: { frontProxies: [FRONT] } });
    expect(taken(world, world.agent('203.0.113.77'), { 'X-Auth-IP': CARRIER_A })).toMatchObject({ status: 407 });
    expect(taken(world, world.agent(FRONT), { 'X-Auth-IP': '203.0.113.77' })).toMatchObject({ status: 407 });
    expect(taken(world, world.agent(FRONT), { 'X-Auth-IP': CARRIER_A })).toEqual({
      status: 480,
      trunkId: CARRIER_A_ID,
    });
  });

  test.each([
    ['nobody', {}],
    ['an address with a port', { 'X-Auth-IP': `${CARRIER_A}:5060` }],
    ['two', { 'X-Auth-IP': [CARRIER_A, '203.0.113.77'] }],
    ['itself', { 'X-Auth-IP': FRONT }],
  ])(
    'the proxy that a trunk is reached through is not that trunk when it names %s, and is answered',
    async (_what, fields) => {
      const world = await World.start({
        settings: { frontProxies: [FRONT] },
        trunks: {
          'carrier-a': { outboundProxy: { host: FRONT, port: 5060, route: true }, associatedIps: ['203.0.113.0/24'] },
        },
      });
      const front = world.agent(FRONT);
      expect(taken(world, front, fields)).toEqual({ status: 407, trunkId: undefined });
      expect(world.engine.trunks.identification.addressesOf(CARRIER_A_ID)).not.toContain(FRONT);
      expect(taken(world, front, { 'X-Auth-IP': CARRIER_A })).toEqual({ status: 480, trunkId: CARRIER_A_ID });
      expect(front.ask(front.request('OPTIONS', `sip:${ENGINE}`)).status).toBe(200);
    },
  );

  test('nobody is known because somebody behind the same proxy has signed in unnamed', async () => {
    const world = await World.start({ settings: { frontProxies: [FRONT] } });
    const phone = new Phone(world, FRONT, '101');
    phone.call('102');
    expect(phone.responses().at(-1)?.status).toBe(480);
    expect(world.engine.sources.knows(`behind ${FRONT}`)).toBe(false);
  });

  test('a nonce is good for the address that the proxy names', async () => {
    const world = await World.start({ settings: { frontProxies: [FRONT] } });
    const phone = new Phone(world, FRONT, '101');
    expect(phone.register({ 'X-Auth-IP': '203.0.113.77' }).status).toBe(200);
  });

  test('Path of the proxy is taken from a phone that knows nothing of it, from nobody else, and leads there from every node', async () => {
    const peers: PeerNodes = {
      ...NO_PEERS,
      addressOf: (name) => (name === 'other' ? { transport: 'udp', address: OTHER_NODE, port: 5060 } : undefined),
    };
    const world = await World.start({ settings: { frontProxies: [FRONT] }, engine: { peers } });
    const path = { Path: `<sip:${FRONT};lr>`, Contact: '<sip:102@192.168.1.2:5060>' };
    expect(new Phone(world, '203.0.113.60', '102').register(path).status).toBe(420);
    const front = new Phone(world, FRONT, '102');
    expect(front.register(path).status).toBe(200);
    const { registrar } = world.engine.registrations;
    const [binding] = [...registrar.all()];
    if (binding === undefined) throw new Error('not registered');
    const alice = world.phone('101', '203.0.113.1');
    alice.call('102');
    expect(front.took('INVITE').headers.valueNamed('Route')).toBe(`<sip:${FRONT};lr>`);
    const { flow: _, ...stored } = binding;
    registrar.applyRemote(binding.aor, [
      {
        ...stored,
        node: 'other',
        refreshedAtWallMs: world.scheduler.wallMs(),
        expiresAtWallMs: world.scheduler.wallMs() + 600_000,
      },
    ]);
    alice.call('102');
    expect(front.requests('INVITE')).toHaveLength(2);
    expect(front.took('INVITE', 1).headers.valueNamed('X-Tandem-Peer')).toBeUndefined();
  });
});

describe('a request within a call comes from where its party is, not from the proxy that everybody is behind', () => {
  const HERE = { 'X-Auth-IP': '203.0.113.77', 'X-Auth-Port': '5062' };
  const OTHERS: readonly RequestFields[] = [{ 'X-Auth-IP': '203.0.113.78' }, {}];

  test('a caller', async () => {
    const world = await World.start({ settings: { frontProxies: [FRONT] } });
    const carrier = world.agent(CARRIER_A);
    const phone = new Phone(world, FRONT, '101');
    const invite = phone.call('18005550199', HERE);
    carrier.answer(carrier.took('INVITE'), 200, 'OK', {}, SDP);
    const answers = () => phone.responses(invite.callId()).filter(({ status }) => status === 200);
    const [answer] = answers();
    if (answer === undefined) throw new Error('not answered');
    const ack = (fields: RequestFields) => {
      phone.send(phone.within(invite, answer, 'ACK', { ...fields, CSeq: `${invite.cseq().sequence} ACK` }));
      const sent = answers().length;
      world.run(4_500);
      return answers().length - sent;
    };
    for (const fields of OTHERS) expect(ack(fields)).toBeGreaterThan(0);
    expect(ack(HERE)).toBe(0);
    for (const fields of OTHERS) expect(phone.ask(phone.within(invite, answer, 'BYE', fields)).status).toBe(481);
    expect(carrier.requests('BYE')).toEqual([]);
    expect(phone.ask(phone.within(invite, answer, 'BYE', HERE)).status).toBe(200);
    expect(carrier.requests('BYE')).toHaveLength(1);
  });

  test('a phone that is called, also after it has registered from elsewhere', async () => {
    const world = await World.start({ settings: { frontProxies: [FRONT] } });
    const alice = world.phone('101', '203.0.113.1');
    const phone = new Phone(world, FRONT, '102');
    const path = { Path: `<sip:${FRONT};lr>`, Contact: '<sip:102@192.168.1.2:5060>' };
    expect(phone.register({ ...path, ...HERE }).status).toBe(200);
    const sources = () =>
      [...world.engine.registrations.registrar.bindings('102@acme.example.com')].map(({ source }) => source);
    expect(sources()).toMatchObject([{ transport: 'udp', address: '203.0.113.77', port: 5062 }]);
    const invite = alice.call('102');
    phone.answer(phone.took('INVITE'), 200, 'OK', {}, SDP);
    expect(alice.final(invite)?.status).toBe(200);
    const bye = (fields: RequestFields) => phone.ask(phone.withinOf(phone.took('INVITE'), 'BYE', fields)).status;
    for (const fields of [...OTHERS, { 'X-Auth-IP': '203.0.113.79' }]) expect(bye(fields)).toBe(481);
    expect(phone.register({ ...path, 'X-Auth-IP': '203.0.113.79' }).status).toBe(200);
    expect(bye({ 'X-Auth-IP': '203.0.113.79' })).toBe(200);
    expect(alice.requests('BYE')).toHaveLength(1);
  });

  test('a carrier, from any address of its trunk', async () => {
    const world = await World.start({
      settings: { frontProxies: [FRONT] },
      trunks: { 'carrier-a': { associatedIps: ['192.0.2.11'] } },
    });
    const alice = world.phone('101', '203.0.113.1');
    const front = world.agent(FRONT);
    const invite = front.request('INVITE', DID, { 'X-Auth-IP': CARRIER_A }, SDP);
    front.sends(invite);
    alice.answer(alice.took('INVITE'), 200, 'OK', {}, SDP);
    const answer = front.responses(invite.callId()).at(-1);
    if (answer?.status !== 200) throw new Error('not answered');
    const bye = (fields: RequestFields) => front.ask(front.within(invite, answer, 'BYE', fields)).status;
    for (const fields of OTHERS) expect(bye(fields)).toBe(481);
    expect(bye({ 'X-Auth-IP': '192.0.2.11' })).toBe(200);
    expect(alice.requests('BYE')).toHaveLength(1);
  });
});
