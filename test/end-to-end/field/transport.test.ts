import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dialogOfCallee, Phone, SDP } from '../outbound/phone.ts';
import { UdpParty } from '../outbound/udp-party.ts';
import { fieldOf, responseTo, tagOf, uriOf, valuesOf, writeMessage } from '../outbound/wire-message.ts';
import { startWorld, type World } from '../outbound/wire-world.ts';

const DOMAIN = 'acme.test';
type Tenant = Parameters<World['hold']>[0][number];
type Trunk = Parameters<World['hold']>[1][number];

function acme(): Tenant {
  return {
    name: 'acme',
    domain: DOMAIN,
    outboundCallerId: '14155550100',
    extensions: [{ number: '101' }, { number: '102' }],
    outboundRules: [{ name: 'world', match: { prefixes: ['9'] }, routes: [{ trunk: 'carrier', strip: 1 }] }],
    inboundRules: [{ name: 'main', trunk: 'carrier', dids: '14155550101', destination: { extension: '101' } }],
  };
}

function trunk(world: World, changes: Partial<Trunk> = {}): Trunk {
  return {
    id: '1',
    name: 'carrier',
    type: 'ip',
    host: '127.0.0.1',
    port: world.carrier.port,
    tenants: [{ tenant: 'acme', didPool: '14155550100-14155550199' }],
    ...changes,
  };
}

const credentials = { authName: 'acme-trunk', password: 'c4rrier' };
const challenge = (field: string, realm: string, nonce: string) =>
  `${field}: Digest realm="${realm}", nonce="${nonce}", algorithm=MD5, qop="auth"`;
const callOut = { user: '101', domain: DOMAIN, dialled: '914155559999' };

describe('toward a carrier over UDP', () => {
  let world: World;
  beforeAll(async () => {
    const listen = (name: string, host: string) => ({ name, transport: 'udp' as const, host, port: 0 });
    world = await startWorld({
      settings: {
        listen: [
          listen('one', '127.0.0.1'),
          listen('two', '127.0.0.4'),
          listen('six', '::1'),
          { transport: 'tcp', host: '127.0.0.1', port: 0 },
        ],
      },
    });
  });
  afterAll(() => world.stop());

  test('RFC 3261 §22.3: 401 and then 407, of one realm: the third INVITE carries both answers', async () => {
    await world.hold([acme()], [trunk(world, { credentials })]);
    world.carrier.answer = (invite) => {
      if (fieldOf(invite, 'Authorization') === '')
        return { statuses: ['401 Unauthorized'], headers: [challenge('WWW-Authenticate', 'r', 'n1')] };
      if (fieldOf(invite, 'Proxy-Authorization') === '')
        return { statuses: ['407 Proxy'], headers: [challenge('Proxy-Authenticate', 'r', 'n2')] };
      return { statuses: ['486 Busy Here'] };
    };
    expect((await world.phone.call(callOut)).status).toBe(486);
    const last = world.carrier.take().at(-1);
    if (last === undefined) throw new Error('no INVITE');
    expect(valuesOf(last, 'Authorization')).toEqual([expect.stringMatching(/realm="r".*nc=00000002/)]);
    expect(valuesOf(last, 'Proxy-Authorization')).toEqual([expect.stringMatching(/realm="r".*nc=00000001/)]);
  });

  test.each([
    ['two realms in one field', ['realm="a", nonce="@1", Digest realm="b", nonce="@2"'], ['a', 'b']],
    ['another scheme in front', ['realm="a", nonce="@"'], ['a'], 'Basic realm="a", Digest'],
    ['the strongest of one field', ['realm="a", nonce="@", algorithm=AKAv1-MD5, Digest realm="a", nonce="@m"'], ['a']],
    ['an unquoted list', ['realm="a", nonce="@", qop=auth,auth-int'], ['a']],
    ['an empty list', ['realm="a", nonce="@", qop=""'], ['a']],
    ['empty values', ['realm="a", nonce="@", stale=, opaque='], ['a']],
    ['commas too many', [', realm="a",, nonce="@",'], ['a']],
    ['a comma left out', ['realm="a" nonce="@"'], ['a']],
    ['no realm', ['nonce="@", algorithm=MD5'], ['']],
    ['no quotes', ['realm=a, nonce=@/+==, algorithm=md5, domain=sip:192.0.2.1'], ['a']],
    ['in lines', ['realm="a",\r\n\tnonce="@",\r\n algorithm="MD5", charset=UTF-8, userhash=false'], ['a']],
    ['a flag', ['realm="a", nonce="@", strict, algorithm=MD5'], ['a']],
    ['several fields', ['realm="a", nonce="@1"', 'realm="b", nonce="@2"'], ['a', 'b']],
  ])('a challenge as servers write it: %s', async (name, challenges, realms, scheme = 'Digest') => {
    await world.hold([acme()], [trunk(world, { credentials })]);
    // A nonce of its own for each row.
    const nonce = name.replaceAll(' ', '-');
    const headers = challenges.map((text) => `WWW-Authenticate: ${scheme} ${text.replaceAll('@', nonce)}`);
    const isAnswered = (invite: Parameters<typeof valuesOf>[0]) =>
      valuesOf(invite, 'Authorization').filter((value) => value.includes(`nonce="${nonce}`)).length === realms.length;
    world.carrier.answer = (invite) =>
      isAnswered(invite) ? { statuses: ['486 Busy Here'] } : { statuses: ['401 Unauthorized'], headers };
    expect((await world.phone.call(callOut)).status).toBe(486);
    const sent = world.carrier.take().at(-1);
    const answered = sent === undefined ? [] : valuesOf(sent, 'Authorization');
    expect(realms.filter((realm) => answered.some((value) => value.includes(`realm="${realm}"`)))).toEqual(realms);
  });

  test.each([
    ['401', '401'],
    ['407', '407'],
    ['401', '407'],
    ['407', '401'],
  ])(
    'another realm than before (%s, later %s) is answered, and what is stale does not go along for ever',
    async (...asked) => {
      await world.hold([acme()], [trunk(world, { credentials })]);
      for (const [index, status] of asked.entries()) {
        const [asks, answers] =
          status === '401' ? ['WWW-Authenticate', 'Authorization'] : ['Proxy-Authenticate', 'Proxy-Authorization'];
        const realm = `sbc${index + 1}`;
        // As many servers do, it reads the first credentials alone.
        world.carrier.answer = (invite) =>
          valuesOf(invite, answers)[0]?.includes(`realm="${realm}"`) === true
            ? { statuses: ['486 Busy Here'] }
            : { statuses: [`${status} No`], headers: [challenge(asks, realm, `n-${realm}`)] };
        expect((await world.phone.call(callOut)).status).toBe(486);
      }
      world.carrier.take();
      expect((await world.phone.call(callOut)).status).toBe(486);
      const fields = world.carrier
        .take()
        .map((invite) => [...valuesOf(invite, 'Authorization'), ...valuesOf(invite, 'Proxy-Authorization')].length);
      expect(fields).toEqual([1]);
    },
  );

  test('RFC 3261 §17.1.3: the answer may come from another address of the trunk, and from no other', async () => {
    await world.hold([acme()], [trunk(world, { associatedIps: ['127.0.0.7'] })]);
    const [other, stranger] = [await UdpParty.open('127.0.0.7'), await UdpParty.open('127.0.0.8')];
    try {
      world.carrier.answer = () => ({ statuses: [] });
      const coming = world.carrier.nextInvite();
      const call = world.phone.call(callOut);
      const invite = await coming;
      stranger.send(responseTo(invite, '403 Forbidden', 'x'), world.sip);
      other.send(responseTo(invite, '486 Busy Here', 'c'), world.sip);
      expect((await call).status).toBe(486);
    } finally {
      other.close();
      stranger.close();
      world.carrier.take();
    }
  });

  test('Via and Contact say the address of the socket that sends: IPv6, and the listener that the trunk names', async () => {
    const six = await UdpParty.open('::1');
    try {
      six.onMessage = (message, from) => {
        if (message.startLine.startsWith('INVITE')) six.send(responseTo(message, '486 Busy Here', 'c'), from);
      };
      await world.hold([acme()], [trunk(world, { host: '::1', port: six.port })]);
      expect((await world.phone.call(callOut)).status).toBe(486);
      const [invite] = six.received;
      if (invite === undefined) throw new Error('no INVITE');
      expect(fieldOf(invite, 'Via')).toContain('SIP/2.0/UDP [::1]:');
      expect(fieldOf(invite, 'Contact')).toMatch(/@\[::1\]:/);
    } finally {
      six.close();
    }
    world.carrier.answer = () => ({ statuses: ['486 Busy Here'] });
    await world.hold([acme()], [trunk(world, { options: { listener: 'two' } })]);
    expect((await world.phone.call(callOut)).status).toBe(486);
    const [named] = world.carrier.take();
    if (named === undefined) throw new Error('no INVITE');
    expect(fieldOf(named, 'Via')).toContain('SIP/2.0/UDP 127.0.0.4:');
    expect(fieldOf(named, 'Contact')).toMatch(/@127\.0\.0\.4:/);
    await world.hold([acme()], [trunk(world, { options: { listener: 'none' } })]);
    expect((await world.phone.call(callOut)).status).toBe(503);
    expect((await world.logged('trunk-not-located'))['error']).toContain('"none"');
  });

  test.each<[how: string, heard: (socket: Socket) => void]>([
    ['closes', (socket) => socket.destroy()],
    ['resets', (socket) => socket.resetAndDestroy()],
    ['speaks something else', (socket) => socket.write('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')],
    ['says nothing', () => {}],
  ])('RFC 3261 §18.1.1: a large INVITE comes over UDP when the TCP port takes it and %s', async (_how, heard) => {
    let connections = 0;
    const server: Server = createServer((socket) => {
      connections++;
      socket.on('error', () => {});
      socket.once('data', () => heard(socket));
    });
    const carrier = await world.spareCarrier();
    server.listen(carrier.port, '127.0.0.1');
    await once(server, 'listening');
    try {
      await world.hold([acme()], [trunk(world, { port: carrier.port })]);
      const body = `${SDP}${'a=x:0123456789\r\n'.repeat(90)}`;
      expect((await world.phone.call({ ...callOut, body })).status).toBe(486);
      expect(carrier.take()).toHaveLength(1);
      expect(connections).toBe(1);
      // Remembered: the next one does not wait.
      expect((await world.phone.call({ ...callOut, body })).status).toBe(486);
      expect(carrier.take()).toHaveLength(1);
      expect(connections).toBe(1);
    } finally {
      carrier.close();
      server.close();
    }
  });

  test('largeRequests: udp: TCP is never tried, though its port takes connections', async () => {
    let connections = 0;
    const server: Server = createServer((socket) => {
      connections++;
      socket.on('error', () => {});
    });
    const carrier = await world.spareCarrier();
    server.listen(carrier.port, '127.0.0.1');
    await once(server, 'listening');
    try {
      await world.hold([acme()], [trunk(world, { port: carrier.port, options: { largeRequests: 'udp' } })]);
      const body = `${SDP}${'a=x:0123456789\r\n'.repeat(90)}`;
      expect((await world.phone.call({ ...callOut, body })).status).toBe(486);
      const invites = carrier.take();
      expect(invites.map((invite) => invite.text.length > 1300 && fieldOf(invite, 'Via').includes('/UDP '))).toEqual([
        true,
      ]);
      expect(connections).toBe(0);
    } finally {
      carrier.close();
      server.close();
    }
  });

  test('RFC 3261 §22: a challenge to the BYE of a call that the carrier opened is answered', async () => {
    await world.hold([acme()], [trunk(world, { credentials })]);
    await world.phone.register('101', DOMAIN);
    world.phone.answer = ['200 OK'];
    const carrier = world.carrier.party;
    const from = `<sip:+15550001@127.0.0.1>;tag=c`;
    const to = `<sip:14155550101@127.0.0.1>`;
    const send = (method: string, fields: readonly string[], target: string, body = '') =>
      carrier.send(
        writeMessage(
          `${method} ${target} SIP/2.0`,
          [
            `Via: SIP/2.0/UDP ${carrier.hostPort};rport;branch=z9hG4bK${method}1`,
            'Max-Forwards: 70',
            `From: ${from}`,
            'Call-ID: carrier-call',
            `CSeq: 1 ${method}`,
            `Contact: <sip:carrier@${carrier.hostPort}>`,
            ...fields,
          ],
          body,
        ),
        world.sip,
      );
    const answered = carrier.next((message) => message.startLine.startsWith('SIP/2.0 2'), 'the 200');
    send('INVITE', [`To: ${to}`, 'Content-Type: application/sdp'], `sip:14155550101@127.0.0.1`, SDP);
    const answer = await answered;
    send('ACK', [`To: ${to};tag=${tagOf(fieldOf(answer, 'To'))}`], uriOf(fieldOf(answer, 'Contact')));
    const invite = world.phone.party.received.find(({ startLine }) => startLine.startsWith('INVITE'));
    if (invite === undefined) throw new Error('the phone was not called');
    const isBye = (message: { startLine: string }) => message.startLine.startsWith('BYE');
    const first = carrier.next(isBye, 'the BYE');
    await world.phone.inDialog(dialogOfCallee(invite), 'BYE', 1);
    const bye = await first;
    const second = carrier.next((message) => isBye(message) && message.text !== bye.text, 'the BYE with credentials');
    carrier.send(responseTo(bye, '407 Proxy', 'e', [challenge('Proxy-Authenticate', 'r', 'n9')]), world.sip);
    const again = await second;
    expect(fieldOf(again, 'Proxy-Authorization')).toContain('username="acme-trunk"');
    carrier.send(responseTo(again, '200 OK', 'e'), world.sip);
  });
});

describe("a phone that registers at the engine's own address", () => {
  test.each([
    ['the default tenant has it', 'acme', 200],
    ['without one it is refused, and the log says what to set', undefined, 404],
  ])('%s', async (_name, defaultTenant, status) => {
    const world = await startWorld({
      settings: {
        listen: [{ transport: 'udp', host: '127.0.0.1', port: 0 }],
        ...(defaultTenant === undefined ? {} : { defaultTenant }),
      },
    });
    try {
      await world.hold([acme()], [trunk(world)]);
      const phone = await Phone.open(world.sip, '127.0.0.2');
      try {
        const answer = await phone.request('REGISTER', 'sip:127.0.0.1', '101', DOMAIN, [
          'Max-Forwards: 70',
          'From: <sip:101@127.0.0.1>;tag=1',
          'To: <sip:101@127.0.0.1>',
          'Call-ID: own-address',
          `Contact: <sip:101@${phone.contact}>`,
        ]);
        expect(answer.status).toBe(status);
        if (status === 404) expect((await world.logged('request-refused'))['hint']).toContain('defaultTenant');
        else await expect.poll(() => world.registrations('101')).toHaveLength(1);
      } finally {
        phone.close();
      }
    } finally {
      await world.stop();
    }
  });
});
