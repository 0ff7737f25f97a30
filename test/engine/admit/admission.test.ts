import { describe, expect, test } from 'vitest';
import { DigestClient } from '../../../src/sip/auth/index.ts';
import { HeaderId } from '../../../src/sip/message/index.ts';
import { PhoneThere, registeredThere, twoNodes } from '../two-nodes.ts';
import {
  type Agent,
  CARRIER_A,
  CARRIER_A_ID,
  ENGINE,
  GATEWAY_ID,
  GATEWAY_PASSWORD,
  PASSWORD,
  SDP,
  World,
} from '../world.ts';

const DID = `sip:14155550100@${ENGINE}`;

/** Whom the engine took the sender of an INVITE for: the status it got and the record that was made. */
function outcomeOf(world: World, agent: Agent, fields = {}, uri = DID) {
  const invite = agent.request('INVITE', uri, fields, SDP);
  agent.sends(invite);
  const response = agent.responses(invite.callId()).at(-1);
  if (response !== undefined && response.status >= 300) agent.ack(invite, response);
  const facts = world.observed.ended.at(-1)?.facts;
  return { status: response?.status, trunkId: facts?.trunkId, tenant: facts?.tenant, response };
}

describe('who sent this? (behaviour 26)', () => {
  test('the address of a trunk is the trunk', async () => {
    const world = await World.start();
    // 480: the DID is known, its phone is not registered.
    expect(outcomeOf(world, world.agent(CARRIER_A))).toMatchObject({
      status: 480,
      trunkId: CARRIER_A_ID,
      tenant: 'acme',
    });
  });

  test('an associated network is the trunk, an address beside it is not', async () => {
    const world = await World.start({ trunks: { 'carrier-a': { associatedIps: ['192.0.2.128/25'] } } });
    expect(outcomeOf(world, world.agent('192.0.2.129')).trunkId).toBe(CARRIER_A_ID);
    expect(outcomeOf(world, world.agent('192.0.2.127')).status).toBe(407);
  });

  test('verifyPort: only the port that the trunk is sent to', async () => {
    const world = await World.start({ trunks: { 'carrier-a': { options: { verifyPort: true } } } });
    expect(outcomeOf(world, world.agent(CARRIER_A, 5062)).status).toBe(407);
    expect(outcomeOf(world, world.agent(CARRIER_A)).trunkId).toBe(CARRIER_A_ID);
  });

  test("an extension's credentials are the extension's, though they come from a trunk's address", async () => {
    const world = await World.start();
    const carrier = world.agent(CARRIER_A);
    const client = new DigestClient({ username: '101', secret: { password: PASSWORD } });
    const request = carrier.request(
      'INVITE',
      'sip:102@acme.example.com',
      { From: '<sip:101@acme.example.com>;tag=1' },
      SDP,
    );
    const challenged = carrier.again(request);
    challenged.headers.set(
      HeaderId.ProxyAuthorization,
      'Digest username="101", realm="acme.example.com", nonce="", uri="sip:x", response=""',
    );
    const challenge = carrier.ask(challenged);
    expect(challenge.status).toBe(407);
    carrier.ack(challenged, challenge);
    const answered = carrier.ask(carrier.authorized(challenged, challenge, client));
    expect(answered.status).toBe(480);
    expect(world.observed.ended.at(-1)?.facts).toMatchObject({ direction: 'internal', extension: '101' });
  });

  test('over a flow on which a phone is registered it is that phone: challenged, not the trunk of that address', async () => {
    const world = await World.start({ trunks: { 'carrier-a': { associatedIps: ['203.0.113.0/24'] } } });
    const phone = world.phone('101', '203.0.113.1');
    expect(outcomeOf(world, phone).status).toBe(407);
    expect(outcomeOf(world, world.agent('203.0.113.9'), {}, `sip:14155550102@${ENGINE}`).trunkId).toBe(CARRIER_A_ID);
  });

  test('an extension that trusts an address needs no digest from there, and from nowhere else', async () => {
    const world = await World.start({
      acme: {
        extensions: [
          { number: '101', password: PASSWORD, trustedAddresses: ['203.0.113.0/28'] },
          { number: '102', password: PASSWORD },
        ],
      },
    });
    const from = (user: string) => ({ From: `<sip:${user}@acme.example.com>;tag=1` });
    const to = 'sip:102@acme.example.com';
    expect(outcomeOf(world, world.agent('203.0.113.3'), from('101'), to).status).toBe(480);
    expect(world.observed.ended.at(-1)?.facts).toMatchObject({ extension: '101' });
    expect(outcomeOf(world, world.agent('203.0.113.4'), from('102'), to).status).toBe(407);
    expect(outcomeOf(world, world.agent('203.0.113.99'), from('101'), to).status).toBe(407);
  });

  test.each([
    ['P-Preferred-Identity', '"Alice" <sip:101@acme.example.com>', 480],
    ['P-Asserted-Identity', '<tel:+1415>, <sip:101@acme.example.com>', 480],
    ['Remote-Party-ID', '<sip:101@acme.example.com>;party=calling;privacy=full', 480],
    ['P-Preferred-Identity', '<sip:102@acme.example.com>', 407],
    ['P-Preferred-Identity', '<sip:101@globex.example.com>', 407],
    ['P-Asserted-Identity', '<sip:anonymous@anonymous.invalid>', 407],
  ])('with an anonymous From it is who %s: %s names: %d', async (name, value, status) => {
    const extensions = [
      { number: '101', trustedAddresses: ['203.0.113.0/28'] },
      { number: '102', password: PASSWORD },
    ];
    const world = await World.start({ acme: { extensions } });
    const fields = { From: '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1', [name]: value };
    expect(outcomeOf(world, world.agent('203.0.113.3'), fields, 'sip:102@acme.example.com').status).toBe(status);
    if (status === 480) expect(world.observed.ended.at(-1)?.facts).toMatchObject({ extension: '101' });
    const named = { ...fields, From: '<sip:102@acme.example.com>;tag=1' };
    expect(outcomeOf(world, world.agent('203.0.113.3'), named, 'sip:102@acme.example.com').status).toBe(407);
  });

  test.each([
    ['in From', { From: '"Anonymous" <sip:anonymous@globex.example.com>;tag=1' }],
    ['at the node, which is globex', { 'P-Preferred-Identity': `<sip:101@${ENGINE}>` }],
    ['in From at the node', { From: `"Anonymous" <sip:anonymous@${ENGINE}>;tag=1` }],
    ['in a second field', { 'P-Asserted-Identity': '<sip:101@globex.example.com>' }],
    ['called', { 'P-Preferred-Identity': '', 'Remote-Party-ID': '<sip:101@acme.example.com>;party=called' }],
  ])(
    'an anonymous caller that names another tenant, or whom it calls, is nobody’s extension: %s',
    async (_case, other) => {
      const extensions = [{ number: '101', trustedAddresses: ['203.0.113.0/28'] }, { number: '102' }];
      const world = await World.start({ acme: { extensions }, settings: { defaultTenant: 'globex' } });
      const said = {
        From: '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1',
        'P-Preferred-Identity': '<sip:101@192.168.1.5>',
      };
      expect(outcomeOf(world, world.agent('203.0.113.3'), said, `sip:102@${ENGINE}`).status).toBe(480);
      const fields = Object.entries({ ...said, ...other }).filter(([, value]) => value !== '');
      const agent = world.agent('203.0.113.4');
      expect(outcomeOf(world, agent, Object.fromEntries(fields), `sip:102@${ENGINE}`).status).toBe(407);
    },
  );

  test.each([
    ['without a password', {}],
    ['with one', { password: PASSWORD }],
  ])(
    'it needs none either when it has registered there, also after a change of its tenant: %s',
    async (_case, secret) => {
      const trusting = { number: '101', trustedAddresses: ['203.0.113.0/28'], ...secret };
      const others = [{ number: '102', password: PASSWORD }];
      const world = await World.start({ acme: { extensions: [trusting, ...others] } });
      const phone = world.agent('203.0.113.3');
      const address = '<sip:101@acme.example.com>';
      const register = phone.request('REGISTER', 'sip:acme.example.com', { From: `${address};tag=1`, To: address });
      expect(phone.ask(register).status).toBe(200);
      const to = 'sip:102@acme.example.com';
      const from = (user: string) => ({ From: `<sip:${user}@acme.example.com>;tag=1` });
      expect(outcomeOf(world, phone, from('101'), to).status).toBe(480);
      expect(world.observed.ended.at(-1)?.facts).toMatchObject({ extension: '101' });
      // Whoever it says to be else has to show it.
      expect(outcomeOf(world, phone, from('102'), to).status).toBe(407);
      await world.provision({ acme: { extensions: [{ ...trusting, name: 'Ann' }, ...others] } });
      expect(world.engine.registrations.bindingsOfOwner({ tenant: 'acme', number: '101' })).toHaveLength(1);
      await world.provision({ acme: { extensions: others } });
      expect(world.engine.registrations.bindingsOfOwner({ tenant: 'acme', number: '101' })).toHaveLength(0);
    },
  );

  test('an extension that trusts a carrier’s address, and is called as a caller is, takes no call of another tenant’s', async () => {
    const world = await World.start({
      trunks: { 'carrier-a': { associatedIps: ['203.0.113.0/24'] } },
      globex: { extensions: [{ number: '4930123456', trustedAddresses: ['203.0.113.0/24'] }] },
    });
    const from = { From: '<sip:4930123456@carrier.example>;tag=1' };
    const outcome = outcomeOf(world, world.agent('203.0.113.9'), from, `sip:14155550102@${ENGINE}`);
    expect(outcome.trunkId).toBe(CARRIER_A_ID);
    expect(world.observed.ended.at(-1)?.facts).not.toHaveProperty('extension');
  });

  describe('an extension of another tenant that trusts the address of somebody who has not registered', () => {
    const trusting = { number: '101', trustedAddresses: ['203.0.113.60'] };
    const claimed = { globex: { extensions: [trusting] } };

    test.each([
      ['says its own domain', '<sip:101@acme.example.com>;tag=1', `sip:18005550199@${ENGINE}`],
      ['calls its own domain', '<sip:101@pbx.local>;tag=1', 'sip:18005550199@acme.example.com'],
      ['says this node, which serves its tenant', `<sip:101@${ENGINE}>;tag=1`, `sip:18005550199@${ENGINE}`],
      ['says a name of it', '<sip:101@ACME.example.com.>;tag=1', `sip:18005550199@${ENGINE}`],
    ])('places no call of whoever %s', async (_what, From, uri) => {
      const world = await World.start({ ...claimed, settings: { defaultTenant: 'acme' } });
      const { status, response } = outcomeOf(world, world.agent('203.0.113.60'), { From }, uri);
      expect(status).toBe(407);
      expect(response?.headers.value(HeaderId.ProxyAuthenticate)).toContain('realm="acme.example.com"');
      expect(world.observed.ended).toEqual([]);
    });

    test('takes nothing from one of its own tenant that is trusted there too', async () => {
      const own = { extensions: [trusting, { number: '102', password: PASSWORD }] };
      const world = await World.start({ ...claimed, acme: own });
      const from = { From: '<sip:101@pbx.local>;tag=1' };
      expect(outcomeOf(world, world.agent('203.0.113.60'), from, 'sip:102@acme.example.com').status).toBe(480);
      expect(world.observed.ended.at(-1)?.facts).toMatchObject({ tenant: 'acme', extension: '101' });
    });

    test('nor does a longer prefix', async () => {
      const own = {
        extensions: [
          { number: '101', trustedAddresses: ['203.0.113.0/24'] },
          { number: '102', password: PASSWORD },
        ],
      };
      const world = await World.start({ ...claimed, acme: own });
      const from = { From: '<sip:101@acme.example.com>;tag=1' };
      expect(outcomeOf(world, world.agent('203.0.113.60'), from, 'sip:102@acme.example.com').status).toBe(480);
      expect(world.observed.ended.at(-1)?.facts).toMatchObject({ tenant: 'acme', extension: '101' });
    });
  });

  test('a gateway’s label that is a name of this node takes no phone of the tenant that is served there', async () => {
    const label = {
      ...{
        id: '77',
        name: 'label',
        type: 'accept-register' as const,
        owner: 'globex',
        host: ENGINE,
        didPool: '4930100',
      },
      credentials: { authName: '101', password: 'c4n4ry-of-the-label' },
    } as const;
    const world = await World.start({ settings: { defaultTenant: 'acme' }, moreTrunks: [label] });
    const from = { From: `<sip:101@${ENGINE}>;tag=1` };
    const { response } = outcomeOf(world, world.agent('203.0.113.61'), from, `sip:102@${ENGINE}`);
    expect(response?.headers.value(HeaderId.ProxyAuthenticate)).toContain('realm="acme.example.com"');
  });

  test.each([
    ['globex', 'of acme', '<sip:101@acme.example.com>', 'sip:102@acme.example.com', 407],
    ['globex', 'of acme that asks for nobody’s domain', '<sip:101@acme.example.com>', `sip:4930100@${ENGINE}`, 404],
    ['globex', 'of nobody', '<sip:4940999@carrier.example.net>', 'sip:4930100@acme.example.com', 404],
    ['acme', 'of acme', '<sip:101@acme.example.com>', 'sip:102@acme.example.com', 404],
    ['system', 'of acme', '<sip:101@acme.example.com>', 'sip:102@acme.example.com', 404],
  ])('at the address and port of a trunk of %s’s own, who says to be %s', async (owner, _who, From, uri, status) => {
    const trunk = { id: '77', name: 'own', owner, host: '203.0.113.65', port: 5060, didPool: '4930100' };
    const register = { type: 'register' as const, credentials: { authName: 'own', password: 'c4n4ry-own' } };
    const world = await World.start({ moreTrunks: [{ ...trunk, ...register }] });
    const { response, status: answered } = outcomeOf(
      world,
      world.agent('203.0.113.65'),
      { From: `${From};tag=1` },
      uri,
    );
    expect(answered).toBe(status);
    const challenge = response?.headers.value(HeaderId.ProxyAuthenticate) ?? '';
    expect(challenge.includes('realm="acme.example.com"')).toBe(status === 407);
  });

  describe('another tenant’s gateway whose label is what others write in From', () => {
    const label = (host: string) => ({
      ...{ id: '77', name: 'label', type: 'accept-register' as const, owner: 'globex', host, didPool: '4930100' },
      credentials: { authName: '101', password: 'c4n4ry-of-the-label' },
    });
    const whatsapp = {
      ...{ id: '78', name: 'whatsapp', type: 'whatsapp' as const, owner: 'acme', didPool: '14155550160' },
      whatsapp: {
        ...{ number: '14155550160', phoneNumberId: '1', accountId: '2' },
        ...{ accessToken: 't', appSecret: 's', verifyToken: 'v' },
        calls: { hostname: 'node.example.net', password: 'made-by-meta' },
      },
    };

    test.each([
      ['a phone that hides', 'anonymous.invalid', 'sip:102@acme.example.com', 'acme.example.com'],
      ['one of the default tenant', 'anonymous.invalid', `sip:102@${ENGINE}`, 'acme.example.com'],
      ['a phone that writes its own address', '192.168.1.5', 'sip:102@acme.example.com', 'acme.example.com'],
      ['WhatsApp', 'wa.meta.vc', 'sip:+14155550160@node.example.net', 'node.example.net'],
    ])('%s is asked for its own credentials all the same', async (_who, host, uri, realm) => {
      const settings = { defaultTenant: 'acme' };
      const world = await World.start({ settings, moreTrunks: [label(host), whatsapp] });
      const from = { From: `<sip:caller@${host}>;tag=1` };
      const { response } = outcomeOf(world, world.agent('203.0.113.63'), from, uri);
      expect(response?.headers.value(HeaderId.ProxyAuthenticate)).toContain(`realm="${realm}"`);
    });

    test.each([
      ['this node', `sip:4930100@${ENGINE}`],
      ['a name of this node that WhatsApp calls others by', 'sip:4930100@node.example.net'],
      ['its own label', 'sip:4930100@label.example.org'],
      ['its own tenant', 'sip:4930100@globex.example.com'],
      ['a host that is nobody’s', 'sip:4930100@198.51.100.200'],
    ])('signs in as that where it asks for %s', async (_what, uri) => {
      const settings = { defaultTenant: 'acme' };
      const world = await World.start({ settings, moreTrunks: [label('label.example.org'), whatsapp] });
      const from = { From: '<sip:caller@label.example.org>;tag=1' };
      const { response } = outcomeOf(world, world.agent('203.0.113.64'), from, uri);
      expect(response?.headers.value(HeaderId.ProxyAuthenticate)).toContain('realm="label.example.org"');
    });
  });

  test.each([
    ['takes away none of what one is asked for', true],
    ['that is disabled adds none to it', false],
  ])('a gateway of another tenant with the same label %s', async (_what, enabled) => {
    const label = { type: 'accept-register' as const, host: 'gateway.example.com', didPool: '4930100' };
    const other = {
      ...{ ...label, id: '7', name: 'other', owner: 'globex', enabled },
      credentials: { authName: 'gw2', password: 'c4n4ry-other', digest: { algorithms: ['SHA-512-256' as const] } },
    };
    const own = { ...label, id: '8', name: 'own', owner: 'acme', didPool: '4930200' };
    const world = await World.start({
      moreTrunks: [
        other,
        { ...own, credentials: { authName: 'gw3', password: 'c4n4ry-own', digest: { algorithms: ['MD5'] } } },
      ],
    });
    const from = { From: '<sip:4930200@gateway.example.com>;tag=1' };
    const { response } = outcomeOf(world, world.agent('203.0.113.62'), from);
    const asked = response?.headers.fieldValues(HeaderId.ProxyAuthenticate).join() ?? '';
    expect([asked.includes('algorithm=MD5'), asked.includes('algorithm=SHA-512-256')]).toEqual([true, enabled]);
  });

  test('a gateway proves itself by digest from any address; trust=binding lets its flow do so', async () => {
    for (const trust of ['digest', 'binding'] as const) {
      const world = await World.start({ trunks: { gateway: { options: { trust } } } });
      const gateway = world.agent('203.0.113.30');
      const client = new DigestClient({ username: 'gw1', secret: { password: GATEWAY_PASSWORD } });
      const address = '<sip:gw1@gateway.example.com>';
      const register = gateway.request('REGISTER', 'sip:gateway.example.com', {
        From: `${address};tag=1`,
        To: address,
      });
      expect(gateway.askAuthenticated(register, client).status).toBe(200);
      const did = `sip:14155550150@${ENGINE}`;
      const unproven = outcomeOf(world, gateway, {}, did);
      expect(unproven.status).toBe(trust === 'binding' ? 404 : 407);
      if (trust === 'binding') expect(unproven.trunkId).toBe(GATEWAY_ID);
      const proven = gateway.askAuthenticated(gateway.request('INVITE', did, {}, SDP), client);
      expect(proven.status).toBe(404);
      expect(world.observed.ended.at(-1)?.facts.trunkId).toBe(GATEWAY_ID);
    }
  });

  test('two trunks at one address: the one in whose pools the called number is', async () => {
    const shared = { associatedIps: ['192.0.2.30'] };
    const world = await World.start({ trunks: { 'carrier-a': shared, 'carrier-b': shared } });
    expect(outcomeOf(world, world.agent('192.0.2.30'), {}, `sip:14155550201@${ENGINE}`).trunkId).toBe(CARRIER_A_ID);
  });

  test('still several: 403, and the event names the candidates; never the first one', async () => {
    const shared = { associatedIps: ['192.0.2.30'] };
    const world = await World.start({ trunks: { 'carrier-a': shared, 'carrier-b': shared } });
    const outcome = outcomeOf(world, world.agent('192.0.2.30'));
    expect(outcome.status).toBe(403);
    expect(world.observed.ended).toEqual([]);
    expect(world.observed.refused).toMatchObject([
      {
        code: 'ambiguous-trunk',
        detail: { candidates: ['carrier-a', 'carrier-b'], source: '192.0.2.30:5060', method: 'INVITE' },
      },
    ]);
  });

  test("From with the trunk's host, from elsewhere, proves nothing", async () => {
    const world = await World.start();
    const outcome = outcomeOf(world, world.agent('198.51.100.66'), { From: `<sip:1@${CARRIER_A}>;tag=1` });
    expect(outcome.status).toBe(407);
    expect(outcome.response?.headers.value(HeaderId.ProxyAuthenticate)).toContain('realm="unknown.invalid"');
  });

  test("an address that a trunk has among many does not let a tenant's user in unchallenged", async () => {
    const world = await World.start({ trunks: { 'carrier-a': { associatedIps: ['203.0.113.0/24'] } } });
    const from = { From: '<sip:101@acme.example.com>;tag=1' };
    const outcome = outcomeOf(world, world.agent('203.0.113.5'), from, 'sip:102@acme.example.com');
    expect(outcome.status).toBe(407);
    expect(outcome.response?.headers.value(HeaderId.ProxyAuthenticate)).toContain('realm="acme.example.com"');
  });

  test('a disabled trunk, and one that was deleted, are nobody', async () => {
    const world = await World.start({ trunks: { 'carrier-a': { enabled: false } } });
    expect(outcomeOf(world, world.agent(CARRIER_A)).status).toBe(407);
    const other = await World.start();
    expect(outcomeOf(other, other.agent(CARRIER_A)).trunkId).toBe(CARRIER_A_ID);
    await other.provision({ trunks: { 'carrier-a': { enabled: false } } });
    expect(outcomeOf(other, other.agent(CARRIER_A)).status).toBe(407);
  });

  test('an application server signs in as its service', async () => {
    const world = await World.start({
      acme: { services: [{ kind: 'virtual-receptionist', number: '700', name: 'Menu', password: PASSWORD }] },
    });
    const server = world.phone('700', '203.0.113.70');
    const invite = server.call('101');
    expect(server.final(invite)?.status).toBe(480);
    expect(world.observed.ended.at(-1)?.facts).toMatchObject({ caller: '700', tenant: 'acme', direction: 'internal' });
  });

  test("somebody at the engine's own address, where no tenant is served, is told of once a source", async () => {
    const world = await World.start();
    const stranger = world.agent('203.0.113.9');
    for (const From of [`<sip:105@${ENGINE}>;tag=1`, `<sip:106@${ENGINE}>;tag=1`])
      expect(outcomeOf(world, stranger, { From }, `sip:102@${ENGINE}`).status).toBe(407);
    expect(outcomeOf(world, world.agent('203.0.113.10'), { From: '<sip:105@elsewhere.example>;tag=1' }).status).toBe(
      407,
    );
    const told = world.observed.refused.filter(({ code }) => code === 'own-address');
    expect(told).toHaveLength(1);
    expect(told[0]?.detail).toMatchObject({ method: 'INVITE', host: ENGINE, user: '105' });
    expect(told[0]?.detail['hint']).toContain('defaultTenant');
  });

  test.each([
    ['spaces round the equals sign', (value: string) => value.replaceAll('=', ' = ')],
    ['a realm without quotes', (value: string) => value.replace('realm="acme.example.com"', 'realm=acme.example.com')],
    ['empty elements', (value: string) => value.replace('realm', ', ,realm')],
  ])('RFC 3261 §25.1: credentials with %s are those of their realm', async (_what, edit) => {
    const world = await World.start();
    const phone = world.agent('203.0.113.20');
    const client = new DigestClient({ username: '101', secret: { password: PASSWORD } });
    const from = { From: '<sip:101@acme.example.com>;tag=1' };
    const request = phone.request('INVITE', 'sip:102@acme.example.com', from, SDP);
    phone.sends(request);
    const challenge = phone.responses(request.callId()).at(-1);
    if (challenge === undefined) expect.unreachable();
    phone.ack(request, challenge);
    const answer = client.answer(challenge, request, 'engine', 0);
    if (answer.kind !== 'retry') expect.unreachable();
    const [[, value] = [undefined, '']] = answer.headers;
    const fields = { ...from, 'Proxy-Authorization': edit(value) };
    expect(outcomeOf(world, phone, fields, 'sip:102@acme.example.com').status).toBe(480);
  });
});

describe('what a node passes on of which this one has not heard yet', () => {
  const aliceWrites = { From: '<sip:101@acme.example.com>;tag=1' };

  /** After how long it is heard of, by somebody who waits for its request to be answered; what bob is sent of it. */
  async function sentToBob(method: 'INVITE' | 'MESSAGE', heardOfAfterMs: number) {
    let isHeardOf = false;
    const { one, two } = await twoNodes({}, undefined, () => isHeardOf);
    const bob = new PhoneThere(two, '203.0.113.9', '102');
    bob.register();
    two.run(500);
    registeredThere(one, '102', 'acme.example.com', '203.0.113.9');
    const alice = one.phone('101', '203.0.113.1');
    const request = alice.request(method, 'sip:102@acme.example.com', aliceWrites, method === 'INVITE' ? SDP : 'hello');
    const challenge = alice.ask(request, 10);
    if (method === 'INVITE') alice.ack(request, challenge);
    alice.send(alice.authorized(request, challenge, alice.client));
    one.run(heardOfAfterMs);
    isHeardOf = true;
    one.run(2_000);
    return { requests: bob.requests(method), answers: alice.responses(request.callId()).map(({ status }) => status) };
  }

  test.each(['INVITE', 'MESSAGE'] as const)('%s: it reaches the phone when it comes again', async (method) => {
    expect((await sentToBob(method, 400)).requests).toHaveLength(1);
  });

  test('a node that stays unknown is asked for a password as anybody: its sender hears of it', async () => {
    const { requests, answers } = await sentToBob('MESSAGE', 30_000);
    expect([requests, answers]).toEqual([[], [407, 480]]);
  });
});
