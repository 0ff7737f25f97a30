import { describe, expect, test, vi } from 'vitest';
import {
  createResponse,
  HeaderId,
  type HeaderList,
  parseMessage,
  parseNameAddr,
  type SipRequest,
} from '../../src/sip/message/index.ts';
import { expiresOf, idOf, OTHER, PROVIDER, Provider, registerTrunk, settle, TrunkWorld } from './provider.ts';

const register = (world: TrunkWorld, index: number) => world.provider.registers()[index];
const contactOf = (request: SipRequest | undefined) => request?.headers.value(HeaderId.Contact) ?? '';
const gaps = (world: TrunkWorld) =>
  world.provider.arrivedMs.map((at, index, all) => at - (all[index - 1] ?? at)).slice(1);

describe('the REGISTER', () => {
  test('RFC 3261 §10.2: the domain in the Request-URI, username@host in From and To, an opaque token in Contact', () => {
    const world = new TrunkWorld([registerTrunk({ port: 5060 })]).run(11);
    const request = register(world, 0);
    expect(request?.requestUri).toBe(`sip:${PROVIDER}:5060`);
    expect(request?.to().uri).toMatchObject({ user: '4930555', host: PROVIDER });
    expect(request?.from().uri).toMatchObject({ user: '4930555', host: PROVIDER });
    expect(request?.toTag()).toBeUndefined();
    const contact = request?.contact()?.uri;
    expect(contact).toMatchObject({ host: '192.0.2.1', port: 5060 });
    expect((contact as { user: string }).user).toMatch(/^[0-9a-f]{24}$/);
    expect(expiresOf(request)).toBe(600);
    expect(request?.headers.value(HeaderId.Supported)).toBe('path');
  });

  test('RFC 6140 §5.1: bulk registration has `bnc` without a user part, Require and Proxy-Require gin, and still names the trunk', () => {
    const world = new TrunkWorld([registerTrunk({ options: { bnc: true } })]).run(11);
    const request = register(world, 0);
    const uri = request?.contact()?.uri as {
      user?: string;
      params: { has(name: string): boolean; get(name: string): string };
    };
    expect(uri.user).toBeUndefined();
    expect(uri.params.has('bnc')).toBe(true);
    expect(uri.params.get('tdm')).toMatch(/^[0-9a-f]{24}$/);
    expect(request?.headers.value(HeaderId.Require)).toBe('gin');
    expect(request?.headers.value(HeaderId.ProxyRequire)).toBe('gin');
    expect(world.status().state).toBe('online');
  });

  test('an outbound proxy gets the REGISTER, with a Route to it only when asked for', () => {
    const proxied = registerTrunk({ host: 'carrier.example', outboundProxy: { host: PROVIDER, port: 5060 } });
    const world = new TrunkWorld([proxied]).run(11);
    expect(register(world, 0)?.requestUri).toBe('sip:carrier.example');
    expect(register(world, 0)?.headers.has(HeaderId.Route)).toBe(false);
    const routed = registerTrunk({
      host: 'carrier.example',
      outboundProxy: { host: PROVIDER, port: 5060, route: true },
    });
    const second = new TrunkWorld([routed]).run(11);
    expect(register(second, 0)?.headers.value(HeaderId.Route)).toBe(`<sip:${PROVIDER}:5060;lr>`);
  });

  test('§10.2: all of a run share one Call-ID, with rising CSeq, and one Contact', () => {
    const world = new TrunkWorld([registerTrunk()]).run(3000);
    const requests = world.provider.registers();
    expect(requests.length).toBeGreaterThan(3);
    expect(new Set(requests.map((request) => request.callId())).size).toBe(1);
    expect(new Set(requests.map((request) => request.headers.value(HeaderId.Contact))).size).toBe(1);
    const sequences = requests.map((request) => request.cseq().sequence);
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
    expect(new Set(sequences).size).toBe(sequences.length);
  });

  test('the Contact token makes an INVITE from any address the trunk’s', () => {
    const world = new TrunkWorld([registerTrunk()]).run(11);
    const contact = parseNameAddr(register(world, 0)?.headers.value(HeaderId.Contact) ?? '');
    const token = (contact.uri as { user: string }).user;
    const invite = parseMessage(
      `INVITE sip:${token}@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.9;branch=z9hG4bK1\r\nFrom: <sip:1@x>;tag=1\r\nTo: <sip:2@x>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n`,
    );
    if (invite.kind !== 'request') throw new Error('no request');
    const flow = world.endpoint.flowTo({ transport: 'udp', address: '203.0.113.9', port: 5060 });
    expect(world.service.identification.identify(invite, flow)).toMatchObject({
      kind: 'trunk',
      trunk: { name: 'carrier' },
    });
  });
});

describe('a node that has ended', () => {
  const secret = new Uint8Array(32).fill(9);
  const tokenOf = (request: SipRequest | undefined) => /<sip:([0-9a-f]+)@/.exec(contactOf(request))?.[1] ?? '';
  /** A registrar that lists a Contact besides the one that it is sent. */
  const listing = (other: (token: string) => string, rewritten?: string) => {
    const world = new TrunkWorld([registerTrunk()], { contactSecret: secret });
    world.provider.onRegister = (transaction, request) => {
      const token = tokenOf(request);
      const contact = rewritten === undefined ? contactOf(request) : `<sip:${token}@${rewritten}>`;
      const listed: [HeaderId, string][] = [
        [HeaderId.Contact, `${contact};expires=600`],
        [HeaderId.Contact, `${other(token)};expires=500`],
      ];
      transaction.respond(createResponse(request, 200, 'OK', { toTag: 'p', headers: listed }));
    };
    return world.run(20);
  };

  test('its Contact, which the registrar lists besides ours, is removed', () => {
    const world = listing((token) => `<sip:${token}@192.0.2.99:5070>`);
    const [, removal, ...more] = world.provider.registers();
    expect(contactOf(removal)).toBe(`<sip:${tokenOf(register(world, 0))}@192.0.2.99:5070>`);
    expect(expiresOf(removal)).toBe(0);
    expect(more).toEqual([]);
    expect(world.status().state).toBe('online');
  });

  test.each([
    ['Contacts of others are left alone', () => '<sip:someone-else@192.0.2.99:5070>', undefined],
    [
      'nothing is removed where the registrar writes our Contact otherwise',
      (token: string) => `<sip:${token}@10.0.0.9>`,
      '203.0.113.7',
    ],
  ])('%s', (_name, other, rewritten) => {
    expect(listing(other, rewritten).provider.registers()).toHaveLength(1);
  });
});

describe('refreshing', () => {
  test('the first REGISTERs of many trunks are spread over 10 s', () => {
    const trunks = Array.from({ length: 50 }, (_, index) => registerTrunk({ name: `t${index}` }));
    const world = new TrunkWorld(trunks).run(11);
    const at = world.provider.arrivedMs;
    expect(at).toHaveLength(50);
    expect(Math.max(...at) - Math.min(...at)).toBeGreaterThan(7_000);
    expect(Math.max(...at)).toBeLessThan(10_100);
  });

  test.each([
    [600, 541.5, 570],
    [3600, 3391.5, 3570],
    [40, 19, 20],
    [5, 2.375, 2.5],
  ])(
    'granted %i s, it comes again after %f to %f s: max(half, granted - 30 s), a little earlier by chance',
    (granted, least, most) => {
      const world = new TrunkWorld([registerTrunk()]);
      world.provider.onRegister = (transaction) => world.provider.accept(transaction, granted);
      world.run(11 + granted * 5);
      expect(gaps(world).length).toBeGreaterThan(3);
      for (const gap of gaps(world)) {
        expect(gap / 1000).toBeGreaterThanOrEqual(least);
        expect(gap / 1000).toBeLessThanOrEqual(most + 0.02);
      }
      expect(world.events).toEqual(['carrier: unknown > registering', 'carrier: registering > online']);
    },
  );

  test('§10.2.4: the expiry of our own Contact counts, not that of another one or of the message', () => {
    const world = new TrunkWorld([registerTrunk()]);
    world.provider.onRegister = (transaction, request) => {
      const own = `${request.headers.value(HeaderId.Contact)};expires=60`;
      transaction.reply(200, 'OK', [
        [HeaderId.Contact, `<sip:somebody@203.0.113.5>;expires=3000, ${own}`],
        [HeaderId.Expires, '1800'],
      ]);
    };
    world.run(11);
    expect(world.status().registration?.grantedSeconds).toBe(60);
  });

  test('a 200 that grants nothing is a failure', () => {
    const world = new TrunkWorld([registerTrunk()]);
    world.provider.onRegister = (transaction, request) =>
      transaction.reply(200, 'OK', [[HeaderId.Contact, `${request.headers.value(HeaderId.Contact)};expires=0`]]);
    world.run(11);
    expect(world.status()).toMatchObject({ state: 'offline', reason: 'registered for 0 seconds' });
  });

  test('RFC 3608: Service-Route is kept for calls and replaced by the next registration', () => {
    const world = new TrunkWorld([registerTrunk()]);
    let route = '<sip:edge1.carrier.example;lr>, <sip:edge2.carrier.example;lr>';
    world.provider.onRegister = (transaction) =>
      world.provider.accept(transaction, undefined, [[HeaderId.ServiceRoute, route]]);
    world.run(11);
    const condition = () => world.service.condition(world.status().trunkId);
    expect(condition().serviceRoutes).toEqual(['<sip:edge1.carrier.example;lr>', '<sip:edge2.carrier.example;lr>']);
    route = 'sip:edge9.carrier.example;lr';
    world.run(600);
    expect(condition().serviceRoutes).toEqual([`<${route}>`]);
  });
});

describe('challenges', () => {
  test('authName and password answer a 401 with the strongest algorithm; later REGISTERs need no challenge', () => {
    const world = new TrunkWorld([registerTrunk()]);
    world.provider.withDigest('s3cret', { algorithms: ['MD5', 'SHA-256'], nonceLifetimeMs: 86_400_000 });
    world.run(1200);
    const requests = world.provider.registers();
    expect(requests[0]?.headers.has(HeaderId.Authorization)).toBe(false);
    expect(requests[1]?.headers.value(HeaderId.Authorization)).toContain('username="auth-77"');
    expect(requests[1]?.headers.value(HeaderId.Authorization)).toContain('algorithm=SHA-256');
    expect(requests).toHaveLength(4);
    expect(world.status().state).toBe('online');
  });

  test('a stale nonce is answered once more', () => {
    const world = new TrunkWorld([registerTrunk()]);
    world.provider.withDigest('s3cret', { nonceLifetimeMs: 300_000 });
    world.run(580);
    expect(world.provider.registers()).toHaveLength(4);
    expect(world.status().state).toBe('online');
  });

  test('a second challenge for ever: two messages a turn, three turns, then rejected and at rest', () => {
    const world = new TrunkWorld([registerTrunk()]);
    let nonce = 0;
    world.provider.onRegister = (transaction) =>
      transaction.reply(401, 'Unauthorized', [
        [HeaderId.WwwAuthenticate, `Digest realm="carrier.example", nonce="n${nonce++}", algorithm=MD5, qop="auth"`],
      ]);
    world.run(24 * 3600);
    expect(world.provider.registers()).toHaveLength(6);
    expect(world.status()).toMatchObject({ state: 'rejected', lastCode: 401, reason: 'Unauthorized' });
  });

  test('a stale challenge for ever ends too', () => {
    const world = new TrunkWorld([registerTrunk()]);
    let nonce = 0;
    world.provider.onRegister = (transaction) =>
      transaction.reply(401, 'Unauthorized', [
        [HeaderId.WwwAuthenticate, `Digest realm="carrier.example", nonce="n${nonce++}", stale=true, qop="auth"`],
      ]);
    world.run(24 * 3600);
    expect(world.provider.registers()).toHaveLength(9);
    expect(world.status().state).toBe('rejected');
  });

  test('the password never leaves', () => {
    const world = new TrunkWorld([registerTrunk()]);
    world.provider.withDigest('s3cret');
    world.run(1200);
    expect(world.network.packets.some(({ text }) => text.includes('s3cret'))).toBe(false);
  });
});

describe('423', () => {
  test('§10.2.8: Min-Expires is asked for at once and kept for the refreshes', () => {
    const world = new TrunkWorld([registerTrunk()]);
    world.provider.onRegister = (transaction, request) => {
      if (expiresOf(request) < 1800) transaction.reply(423, 'Interval Too Brief', [[HeaderId.MinExpires, '1800']]);
      else world.provider.accept(transaction);
    };
    world.run(4000);
    expect(world.provider.registers().map(expiresOf)).toEqual([600, 1800, 1800, 1800]);
    expect(world.events).not.toContain('carrier: registering > offline');
  });

  test('of two on the way each may want more', () => {
    const world = new TrunkWorld([registerTrunk()]);
    world.provider.onRegister = (transaction, request) => {
      const least = [900, 1800].find((seconds) => expiresOf(request) < seconds);
      if (least === undefined) world.provider.accept(transaction);
      else transaction.reply(423, 'Interval Too Brief', [[HeaderId.MinExpires, String(least)]]);
    };
    world.run(15);
    expect(world.provider.registers().map(expiresOf)).toEqual([600, 900, 1800]);
    expect(world.status().state).toBe('online');
  });

  test('a Min-Expires that grows with every answer is followed three times a turn', () => {
    const world = new TrunkWorld([registerTrunk()]);
    world.provider.onRegister = (transaction, request) =>
      transaction.reply(423, 'Interval Too Brief', [[HeaderId.MinExpires, String(expiresOf(request) + 60)]]);
    world.run(15);
    expect(world.provider.registers()).toHaveLength(4);
    expect(world.status()).toMatchObject({ state: 'offline', lastCode: 423 });
  });

  test.each(['600', '10', 'soon', undefined])(
    '§10.3 step 7: with a Min-Expires of %s an hour is asked for',
    (minExpires) => {
      const world = new TrunkWorld([registerTrunk()]);
      world.provider.onRegister = (transaction, request) => {
        const headers: HeaderList = minExpires === undefined ? [] : [[HeaderId.MinExpires, minExpires]];
        if (expiresOf(request) < 3600) transaction.reply(423, 'Interval Too Brief', headers);
        else world.provider.accept(transaction);
      };
      world.run(15);
      expect(world.provider.registers().map(expiresOf)).toEqual([600, 3600]);
      expect(world.status().state).toBe('online');
    },
  );

  test('an hour that is too brief is a failure', () => {
    const world = new TrunkWorld([
      registerTrunk({ credentials: { username: 'acme', password: 's', registerSeconds: 3600 } }),
    ]);
    world.provider.onRegister = (transaction) => transaction.reply(423);
    world.run(15);
    expect(world.provider.registers()).toHaveLength(1);
  });
});

describe('failures', () => {
  test.each([403, 404, 401])('three %i in a row: rejected until an admin retries', (status) => {
    const world = new TrunkWorld([registerTrunk()]);
    world.provider.onRegister = (transaction) => transaction.reply(status);
    world.run(24 * 3600);
    expect(world.provider.registers()).toHaveLength(3);
    expect(world.status()).toMatchObject({ state: 'rejected', lastCode: status });
    expect(world.service.condition(world.status().trunkId).up).toBe(false);
    world.provider.onRegister = (transaction) => world.provider.accept(transaction);
    expect(world.service.retry(world.status().trunkId)).toBe(true);
    world.run(1);
    expect(world.status().state).toBe('online');
  });

  test.each([403, 404])(
    'RFC 3261 §20.33: a %i that says when to come again is no refusal of the credentials',
    (status) => {
      const world = new TrunkWorld([registerTrunk()]);
      world.provider.onRegister = (transaction) => world.provider.accept(transaction);
      world.run(11);
      world.provider.onRegister = (transaction) => transaction.reply(status, undefined, [[HeaderId.RetryAfter, '60']]);
      world.run(3600);
      expect(world.status()).toMatchObject({ state: 'offline', lastCode: status });
      world.provider.onRegister = (transaction) => world.provider.accept(transaction);
      world.run(2400);
      expect(world.status().state).toBe('online');
    },
  );

  test.each([401, 403, 404, 407])(
    'a %i to credentials is one of them, whatever it says beside, and asks for no haste',
    (status) => {
      const world = new TrunkWorld([registerTrunk()]);
      const server = world.provider.withDigest('another');
      const { onRegister } = world.provider;
      world.provider.onRegister = (transaction, request) => {
        if (request.headers.has(HeaderId.Authorization))
          transaction.reply(status, undefined, [
            ...server.challenge(status === 407 ? 'proxy' : 'user', 'carrier.example', PROVIDER),
            [HeaderId.RetryAfter, '1'],
          ]);
        else onRegister(transaction, request);
      };
      world.run(3600);
      expect(world.status()).toMatchObject({ state: 'rejected', lastCode: status });
    },
  );

  test.each([403, 404])('a %i that wants to be asked again in a second is asked at growing intervals', (status) => {
    const world = new TrunkWorld([registerTrunk()]);
    world.provider.onRegister = (transaction) => transaction.reply(status, undefined, [[HeaderId.RetryAfter, '1']]);
    world.run(3600);
    for (const [index, gap] of gaps(world).entries()) expect(gap).toBeGreaterThanOrEqual(24_000 * 2 ** index);
    expect(gaps(world).length).toBeGreaterThan(3);
  });

  test('rejected until its settings change', () => {
    const world = new TrunkWorld([registerTrunk()]);
    world.provider.onRegister = (transaction) => transaction.reply(403);
    world.run(3600);
    world.provider.onRegister = (transaction) => world.provider.accept(transaction);
    world.apply([registerTrunk({ limits: { concurrentCalls: 5 } })]);
    world.run(3600);
    expect(world.status().state).toBe('rejected');
    world.apply([registerTrunk({ credentials: { username: '4930555', password: 'another' } })]);
    world.run(11);
    expect(world.status().state).toBe('online');
  });

  test('what the provider says is shown as the text it is', () => {
    const world = new TrunkWorld([registerTrunk()]);
    world.provider.onRegister = (transaction) => transaction.reply(500, Buffer.from('Später').toString('latin1'));
    world.run(11);
    expect(world.status().reason).toBe('Später');
  });

  test('a refusal counts only in a row', () => {
    const world = new TrunkWorld([registerTrunk()]);
    let turn = 0;
    world.provider.onRegister = (transaction) => {
      if (turn++ % 3 === 2) world.provider.accept(transaction, 60);
      else transaction.reply(403);
    };
    world.run(3600);
    expect(world.events).not.toContain('carrier: offline > rejected');
    expect(world.provider.registers().length).toBeGreaterThan(10);
  });

  test('other failures back off from 30 s to 30 min, ± 20 %', () => {
    const world = new TrunkWorld([registerTrunk()]);
    world.provider.onRegister = (transaction) => transaction.reply(500);
    world.run(5 * 3600);
    const waits = gaps(world).map((gap) => gap / 1000);
    expect(waits.length).toBeGreaterThan(10);
    for (const [index, wait] of waits.entries()) {
      const nominal = Math.min(30 * 2 ** index, 1800);
      expect(wait).toBeGreaterThanOrEqual(nominal * 0.8);
      expect(wait).toBeLessThanOrEqual(nominal * 1.2 + 0.1);
    }
    expect(world.status()).toMatchObject({ state: 'offline', lastCode: 500, reason: 'Server Internal Error' });
  });

  test('Retry-After is honoured', () => {
    const world = new TrunkWorld([registerTrunk()]);
    world.provider.onRegister = (transaction) => transaction.reply(503, undefined, [[HeaderId.RetryAfter, '300']]);
    world.run(1000);
    for (const gap of gaps(world)) expect(gap).toBeGreaterThanOrEqual(300_000);
    expect(gaps(world).length).toBeGreaterThanOrEqual(2);
    expect(world.locator.failed.get(`udp:${PROVIDER}:5060`)).toBe(300_000);
  });

  test('a provider that never answers: offline after 32 s, and few packets', () => {
    const world = new TrunkWorld([registerTrunk({ host: '198.51.100.99' })]).run(3600);
    expect(world.status()).toMatchObject({ state: 'offline', reason: 'no answer' });
    // Eleven copies a try (timer E), and a try after 30 s, 1, 2, 4, 8, 16 and 30 min.
    expect(world.sent('REGISTER')).toBeLessThanOrEqual(11 * 8);
    expect(world.sent('REGISTER')).toBeGreaterThan(11 * 4);
  });

  test('a refresh that is answered 500 leaves the registration until it lapses', () => {
    const world = new TrunkWorld([
      registerTrunk({ credentials: { username: 'u', password: 'p', registerSeconds: 120 } }),
    ]);
    let turn = 0;
    world.provider.onRegister = (transaction) =>
      turn++ === 0 ? world.provider.accept(transaction) : transaction.reply(500);
    world.run(100);
    expect(world.provider.registers().length).toBeGreaterThan(1);
    expect(world.status()).toMatchObject({ state: 'online', lastCode: 500 });
    world.run(40);
    expect(world.status().state).toBe('offline');
    expect(world.events.at(-1)).toBe('carrier: online > offline');
  });

  test('one whose registration lapses while it waits for its turn lets those go first that still have theirs', () => {
    const trunk = (username: string) => registerTrunk({ name: username, credentials: { username, password: 'p' } });
    const names = ['busy', 'lapsed1', 'lapsed2', 'kept'];
    const world = new TrunkWorld(names.map(trunk), { pacer: { window: 1 } });
    const userOf = (request: SipRequest) => (request.to().uri as { user: string }).user;
    world.provider.onRegister = (transaction, request) =>
      world.provider.accept(transaction, userOf(request) === 'kept' ? 600 : 30);
    world.run(12);
    world.provider.onRegister = () => {};
    for (const name of names) world.service.retry(String(idOf(name)));
    // The only turn ends after 64*T1, and then there are two.
    world.scheduler.advance(33_000);
    expect(world.provider.registers().slice(4).map(userOf)).toEqual(['busy', 'kept', 'lapsed1']);
  });

  test('RFC 3263 §4.3: a silent target is followed by the next one in the same turn, and so is one that says 503', () => {
    const world = new TrunkWorld([registerTrunk({ host: 'carrier.example' })]);
    const second = new Provider(world.network, OTHER);
    world.locator.answers.set('carrier.example', [
      { transport: 'udp', address: '198.51.100.99', port: 5060 },
      { transport: 'udp', address: PROVIDER, port: 5060 },
      { transport: 'udp', address: OTHER, port: 5060 },
    ]);
    world.provider.onRegister = (transaction) => transaction.reply(503);
    world.run(20);
    expect(second.registers()).toHaveLength(1);
    expect(world.status()).toMatchObject({ state: 'online', registration: { server: `udp:${OTHER}:5060` } });
    expect([...world.locator.failed.keys()]).toContain('udp:198.51.100.99:5060');
  });

  test('nothing that a 200 says can stop it', () => {
    const world = new TrunkWorld([registerTrunk()]);
    world.provider.onRegister = (transaction) =>
      transaction.reply(200, 'OK', [
        [HeaderId.Contact, '<mailto:x@y>;expires=soon'],
        [HeaderId.Expires, 'never'],
        [HeaderId.ServiceRoute, '<sip:good.example;lr>, <<<'],
      ]);
    world.run(11);
    expect(world.status()).toMatchObject({ state: 'online', registration: { grantedSeconds: 600 } });
    expect(world.service.condition(world.status().trunkId).serviceRoutes).toBeUndefined();
    expect(world.endpoint.counters.uncaughtErrors).toBe(0);
  });
});

describe('over UDP', () => {
  test.each([
    [undefined, []],
    ['203.0.113.77', [26_500, 600_000]],
  ])(
    'RFC 5626 §4.4.2: the way through a NAT is kept open for as long as is granted, where the registrar saw %s',
    (seen, kept) => {
      const world = new TrunkWorld([registerTrunk()]);
      world.provider.onRegister = (transaction) => {
        const { headers } = transaction.request;
        const via = headers.value(HeaderId.Via) ?? '';
        if (seen !== undefined) headers.replaceFirst(HeaderId.Via, via.replace(/received=[^;]*/, `received=${seen}`));
        world.provider.accept(transaction);
      };
      const keepAlive = vi.spyOn(
        world.endpoint.flowTo({ transport: 'udp', address: PROVIDER, port: 5060 }),
        'keepAlive',
      );
      world.run(11);
      expect(world.status().state).toBe('online');
      expect(keepAlive.mock.calls.flat()).toEqual(kept);
    },
  );
});

describe('connections', () => {
  const overTcp = registerTrunk({ transport: 'tcp' });

  test('over TCP the Contact says so, and a lost connection is registered again within seconds', () => {
    const world = new TrunkWorld([overTcp]).run(300);
    expect(register(world, 0)?.headers.value(HeaderId.Contact)).toContain(';transport=tcp');
    const flow = world.endpoint.flowTo({ transport: 'tcp', address: PROVIDER, port: 5060 });
    flow.close('test');
    expect(world.status().state).toBe('registering');
    world.run(3);
    expect(world.status().state).toBe('online');
    expect(world.provider.registers()).toHaveLength(2);
  });

  test('a refresh over another connection: the loss of that one counts from then on', () => {
    const world = new TrunkWorld([overTcp]).run(20);
    world.locator.answers.set(PROVIDER, [{ transport: 'tcp', address: OTHER, port: 5060 }]);
    const second = new Provider(world.network, OTHER);
    world.run(600);
    expect(second.registers()).toHaveLength(1);
    world.endpoint.flowTo({ transport: 'tcp', address: PROVIDER, port: 5060 }).close('old one');
    expect(world.status().state).toBe('online');
    world.endpoint.flowTo({ transport: 'tcp', address: OTHER, port: 5060 }).close('new one');
    expect(world.status().state).toBe('registering');
  });

  test('a provider that closes TCP every 30 s is not stormed', () => {
    const world = new TrunkWorld([overTcp]).run(11);
    for (let round = 0; round < 120; round++) {
      world.endpoint.flowTo({ transport: 'tcp', address: PROVIDER, port: 5060 }).close('peer');
      world.run(30);
    }
    // An hour: at least a try every two minutes, at most one per closed connection.
    expect(world.provider.registers().length).toBeLessThanOrEqual(121);
    expect(world.provider.registers().length).toBeGreaterThan(30);
  });

  test('a refused connection is a failure like silence', () => {
    const world = new TrunkWorld([registerTrunk({ transport: 'tcp', host: '198.51.100.99' })]).run(11);
    expect(world.status()).toMatchObject({ state: 'offline', reason: 'connection refused' });
  });
});

describe('the DNS', () => {
  test('a changed answer is followed at the next refresh', () => {
    const world = new TrunkWorld([registerTrunk({ host: 'carrier.example' })]);
    const second = new Provider(world.network, OTHER);
    world.locator.answers.set('carrier.example', [{ transport: 'udp', address: PROVIDER, port: 5060 }]);
    world.run(20);
    expect(world.status().registration?.server).toBe(`udp:${PROVIDER}:5060`);
    world.locator.answers.set('carrier.example', [{ transport: 'udp', address: OTHER, port: 5060 }]);
    world.run(600);
    expect(second.registers().length).toBeGreaterThan(0);
    expect(world.status().registration?.server).toBe(`udp:${OTHER}:5060`);
  });

  test('one that is silent for 10 s delays the registration and nothing else', async () => {
    const world = new TrunkWorld([registerTrunk({ host: 'slow.example' }), registerTrunk({ name: 'quick' })]);
    world.locator.answers.set('slow.example', 'silent');
    world.run(11);
    expect(world.status('quick').state).toBe('online');
    expect(world.status().state).toBe('registering');
    world.run(10);
    for (const answer of world.locator.waiting) answer([{ transport: 'udp', address: PROVIDER, port: 5060 }]);
    await settle();
    world.run(1);
    expect(world.status().state).toBe('online');
  });

  test('a name that cannot be located is tried again with back-off', () => {
    const world = new TrunkWorld([registerTrunk({ host: 'nowhere.example' })]).run(15);
    expect(world.status()).toMatchObject({ state: 'offline', reason: 'nowhere.example could not be located' });
    world.locator.answers.set('nowhere.example', [{ transport: 'udp', address: PROVIDER, port: 5060 }]);
    world.run(40);
    expect(world.status().state).toBe('online');
  });
});

describe('the end of a registration', () => {
  test('on shutdown the Contact is removed, with credentials', async () => {
    const world = new TrunkWorld([registerTrunk()]);
    world.provider.withDigest('s3cret', { nonceLifetimeMs: 1000 });
    world.run(20);
    expect(world.provider.bindings.size).toBe(1);
    let stopped = false;
    const stopping = world.service.stop().then(() => {
      stopped = true;
    });
    world.scheduler.advance(1000);
    await stopping;
    expect(stopped).toBe(true);
    expect(world.provider.bindings.size).toBe(0);
    expect(expiresOf(world.provider.registers().at(-1))).toBe(0);
  });

  test('a silent provider holds a shutdown up for 4 s at most', async () => {
    const world = new TrunkWorld([registerTrunk()]).run(20);
    world.provider.onRegister = () => {};
    const stopping = world.service.stop();
    world.scheduler.advance(4001);
    await stopping;
    const packets = world.network.packets.length;
    world.scheduler.advance(3_600_000);
    expect(world.network.packets.length).toBe(packets);
  });

  test('a deleted or disabled trunk is removed at the provider', () => {
    const world = new TrunkWorld([registerTrunk()]).run(20);
    world.apply([]);
    world.scheduler.advance(1000);
    expect(world.provider.bindings.size).toBe(0);
    world.apply([registerTrunk()]);
    world.scheduler.advance(11_000);
    expect(world.provider.bindings.size).toBe(1);
    world.apply([registerTrunk({ enabled: false })]);
    world.scheduler.advance(1000);
    expect(world.provider.bindings.size).toBe(0);
    expect(world.status()).toMatchObject({ state: 'offline', reason: 'disabled' });
  });

  test.each([
    ['host', { host: OTHER }],
    ['outbound proxy', { outboundProxy: { host: OTHER } }],
    ['transport', { transport: 'tcp' as const }],
    ['password', { credentials: { authName: 'auth-77', username: '4930555', password: 'new', registerSeconds: 600 } }],
    ['user name', { credentials: { authName: 'auth-77', username: '49', password: 's3cret', registerSeconds: 600 } }],
  ])('another %s registers anew', (_what, change) => {
    const world = new TrunkWorld([registerTrunk()]).run(20);
    new Provider(world.network, OTHER);
    const before = world.sent('REGISTER');
    world.apply([registerTrunk(change)]);
    world.run(15);
    // One that removes the old Contact, one that makes the new one.
    expect(world.sent('REGISTER')).toBe(before + 2);
    expect(world.status().state).toBe('online');
  });

  test.each([
    ['limits', { limits: { concurrentCalls: 3 } }],
    ['name', { name: 'renamed', id: registerTrunk().id }],
    ['addresses', { associatedIps: ['203.0.113.0/24'] }],
    ['mappings and options', { options: { removePlus: true, verifyPort: true } }],
    [
      'register interval',
      { credentials: { authName: 'auth-77', username: '4930555', password: 's3cret', registerSeconds: 900 } },
    ],
  ])('another %s does not', (_what, change) => {
    const world = new TrunkWorld([registerTrunk()]).run(20);
    world.apply([registerTrunk(change as object)]);
    world.run(300);
    expect(world.sent('REGISTER')).toBe(1);
    expect(world.status().state).toBe('online');
  });
});

test('registration: off never sends REGISTER', () => {
  const world = new TrunkWorld([registerTrunk({ options: { registration: 'off' } })]).run(3600);
  expect(world.sent('REGISTER')).toBe(0);
  expect(world.service.condition(world.status().trunkId).up).toBe(true);
});

test('several trunks to one provider have registrations of their own', () => {
  const world = new TrunkWorld([
    registerTrunk({ name: 'a', credentials: { username: 'a', password: 'pa' } }),
    registerTrunk({ name: 'b', credentials: { username: 'b', password: 'pb' } }),
  ]).run(20);
  expect(world.provider.bindings.size).toBe(2);
  expect(new Set(world.provider.bindings.values()).size).toBe(2);
});

test('over a link that loses a fifth, doubles and reorders packets, a day passes without a lapse', () => {
  const world = new TrunkWorld([registerTrunk()], {}, { loss: 0.2, duplication: 0.1, jitterMs: 50, seed: 11 });
  world.provider.withDigest('s3cret');
  world.run(40);
  expect(world.status().state).toBe('online');
  world.events.length = 0;
  world.run(24 * 3600);
  expect(world.events).toEqual([]);
  expect(world.network.packets.some(({ lost }) => lost)).toBe(true);
});

test.each<[string, (world: TrunkWorld) => void]>([
  ['its turn', (world) => void vi.spyOn(world.endpoint, 'advertised').mockImplementationOnce(bug)],
  [
    'the timer of its transaction',
    (world) => {
      world.provider.onRegister = () => {
        world.provider.onRegister = (transaction) => world.provider.accept(transaction);
      };
      vi.spyOn(world.locator, 'markFailed').mockImplementationOnce(bug);
    },
  ],
])('a defect met by %s is counted, and the trunk registers again', (_by, meets) => {
  const world = new TrunkWorld([registerTrunk()]);
  meets(world);
  world.run(300);
  expect(world.endpoint.counters.uncaughtErrors).toBe(1);
  expect(world.status().state).toBe('online');
});

function bug(): never {
  throw new TypeError('a bug');
}
