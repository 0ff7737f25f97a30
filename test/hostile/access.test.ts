/** The "Access" table of docs/security.md: everything that a stranger, a neighbour or a thief sends, with carriers that record every octet. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DigestClient } from '../../src/sip/auth/index.ts';
import { HeaderId, type SipRequest, type SipResponse, serialize } from '../../src/sip/message/index.ts';
import {
  type Agent,
  CARRIER_A,
  CARRIER_B,
  CARRIER_PASSWORD,
  ENGINE,
  expectNothingHeld,
  GATEWAY_PASSWORD,
  PASSWORD,
  type Phone,
  SDP,
  World,
  type WorldOptions,
} from '../engine/world.ts';

const STRANGER = '198.51.100.66';

let world: World;
let stranger: Agent;
let timersAtStart: number;

async function begin(options: WorldOptions = {}): Promise<void> {
  world = await World.start(options);
  stranger = world.agent(STRANGER);
  timersAtStart = world.scheduler.armedCount;
}

beforeEach(() => begin());

afterEach(() => {
  // Always: alive, nothing uncaught, everything given back, OPTIONS answered.
  expectNothingHeld(world);
  expect(world.scheduler.armedCount).toBeLessThanOrEqual(timersAtStart);
  expect(world.engine.registrations.registrar.count).toBe(0);
  expect(world.log.lines.filter(({ level }) => level === 'error')).toEqual([]);
  const witness = world.agent('198.51.100.99');
  expect(witness.ask(witness.request('OPTIONS', `sip:${ENGINE}`)).status).toBe(200);
});

/** What reached a carrier, pings aside. */
function atTheSink(): string[] {
  const carriers = new Set([`${CARRIER_A}:5060`, `${CARRIER_B}:5060`]);
  return world.network.packets.filter(({ to, text }) => carriers.has(to) && !isPing(text)).map(({ text }) => text);
}

const isPing = (text: string) =>
  text.startsWith('OPTIONS ') || (text.startsWith('SIP/2.0') && text.includes(' OPTIONS\r\n'));

const methods = ['INVITE', 'MESSAGE', 'REFER', 'SUBSCRIBE'] as const;

function fieldsOf(method: string): Record<string, string> {
  if (method === 'REFER') return { 'Refer-To': '<sip:18005550199@acme.example.com>', Contact: `<sip:${STRANGER}>` };
  if (method === 'SUBSCRIBE') return { Event: 'dialog', Contact: `<sip:${STRANGER}>` };
  return {};
}

describe('without authentication', () => {
  const froms = [
    ['a stranger', `<sip:mallory@${STRANGER}>`],
    ["an extension's address", '<sip:101@acme.example.com>'],
    ["another tenant's extension", '<sip:101@globex.example.com>'],
    ["the trunk's host", `<sip:14155550100@${CARRIER_A}>`],
    ["a gateway's label", '<sip:gw1@gateway.example.com>'],
    ['this engine', `<sip:101@${ENGINE}>`],
    ['a telephone number', '<tel:+14155550100>'],
  ] as const;
  const uris = ['sip:18005550199@acme.example.com', 'sip:14155550100@acme.example.com', `sip:18005550199@${CARRIER_A}`];

  test.each(methods.flatMap((method) => froms.map(([who, from]) => [method, who, from] as const)))(
    '%s that says it is from %s: challenged, and nothing reaches a carrier or a phone',
    (method, _who, from) => {
      const phone = world.phone('101', '203.0.113.1');
      for (const uri of uris) {
        const request = stranger.request(
          method,
          uri,
          { From: `${from};tag=x`, ...fieldsOf(method) },
          method === 'INVITE' ? SDP : '',
        );
        const response = stranger.ask(request);
        expect([401, 407]).toContain(response.status);
        if (method === 'INVITE') stranger.ack(request, response);
      }
      expect(atTheSink()).toEqual([]);
      expect(phone.requests()).toEqual([]);
      expect(world.held()).toMatchObject({ calls: 0, legs: 0 });
    },
  );

  test.each(['INVITE', 'MESSAGE', 'REFER', 'SUBSCRIBE', 'BYE', 'UPDATE', 'INFO', 'PRACK', 'NOTIFY', 'OPTIONS'])(
    '%s with a made-up To tag: 481, whatever Route it carries',
    (method) => {
      const request = stranger.request(method, `sip:18005550199@${ENGINE}`, {
        To: '<sip:18005550199@acme.example.com>;tag=made-up',
        Route: [`<sip:${ENGINE};lr>`, `<sip:${CARRIER_A};lr>`],
        ...fieldsOf(method),
      });
      const response = stranger.ask(request);
      expect(response.status).toBe(481);
      if (method === 'INVITE') stranger.ack(request, response);
      expect(atTheSink()).toEqual([]);
    },
  );

  test('a preloaded Route is never followed, neither for a stranger nor for a phone', () => {
    const route = [`<sip:${ENGINE};lr>`, '<sip:203.0.113.200;lr>'];
    const target = world.agent('203.0.113.200');
    const request = stranger.request('INVITE', 'sip:18005550199@acme.example.com', { Route: route }, SDP);
    stranger.ack(request, stranger.ask(request));
    const phone = world.phone('101', '203.0.113.1');
    phone.call('18005550199', { Route: route });
    expect(target.peer.received).toEqual([]);
    expect(atTheSink()).toHaveLength(1);
    expect(atTheSink()[0]).not.toContain('\r\nRoute:');
  });

  test.each(['UNKNOWN', 'PUBLISH', 'invite', 'REGISTERX'])('%s gets an answer and starts nothing', (method) => {
    const response = stranger.ask(stranger.request(method, 'sip:101@acme.example.com', { Event: 'presence' }));
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(atTheSink()).toEqual([]);
  });
});

describe('credentials of another tenant', () => {
  test.each(methods)(
    '%s to a domain with the realm of another: challenged for that domain, whose users it is not',
    (method) => {
      const hank = world.phone('101', '203.0.113.50', { domain: 'globex.example.com', password: 'c4n4ry-globex' });
      const alice = world.phone('101', '203.0.113.1');
      const request = hank.request(
        method,
        'sip:102@acme.example.com',
        { From: '<sip:101@acme.example.com>;tag=x', ...fieldsOf(method) },
        method === 'INVITE' ? SDP : '',
      );
      const response = hank.askAuthenticated(request, hank.client);
      if (method === 'INVITE') hank.ack(request, response);
      expect(response.status).toBe(407);
      expect(response.headers.value(HeaderId.ProxyAuthenticate)).toContain('realm="acme.example.com"');
      expect(alice.requests()).toEqual([]);
      expect(atTheSink()).toEqual([]);
    },
  );

  test('the right user name and password in the realm of another tenant are wrong', () => {
    const alice = new DigestClient({ username: '101', secret: { password: PASSWORD } });
    const from = '<sip:101@globex.example.com>;tag=x';
    const request = stranger.request('INVITE', 'sip:18005550199@globex.example.com', { From: from }, SDP);
    const response = stranger.askAuthenticated(request, alice);
    expect(response.status).toBe(407);
    expect(atTheSink()).toEqual([]);
  });

  test("an answer to one tenant's challenge with the other's realm written over it is refused", () => {
    const from = '<sip:101@acme.example.com>;tag=x';
    const request = stranger.request('INVITE', 'sip:18005550199@acme.example.com', { From: from }, SDP);
    const challenge = stranger.ask(request);
    stranger.ack(request, challenge);
    const client = new DigestClient({ username: '101', secret: { password: 'c4n4ry-globex' } });
    const text = serialize(stranger.authorized(request, challenge, client));
    stranger.sends(text.replaceAll('realm="acme.example.com"', 'realm="globex.example.com"'));
    expect(stranger.responses().at(-1)?.status).toBe(407);
    expect(atTheSink()).toEqual([]);
  });
});

describe('digest misuse', () => {
  let alice: Phone;
  beforeEach(() => {
    alice = world.phone('101', '203.0.113.1');
  });

  /** An INVITE with the answer to a fresh challenge; `alter` works on its text. */
  function attempt(alter: (text: string) => string, client = alice.client): SipResponse {
    const invite = alice.invite('18005550199');
    const challenge = alice.ask(invite);
    alice.ack(invite, challenge);
    const request = alice.authorized(invite, challenge, client);
    alice.sends(alter(serialize(request)));
    const response = alice.responses(invite.callId()).at(-1);
    if (response === undefined) throw new Error('no answer');
    if (response.status >= 300) alice.ack(request, response);
    return response;
  }

  const directive = (name: string, value: string) => (text: string) =>
    text.replaceAll(new RegExp(`\\b${name}=("[^"]*"|[^,\\r]*)`, 'g'), `${name}=${value}`);
  const without = (name: string) => (text: string) =>
    text.replaceAll(new RegExp(`, ?${name}=("[^"]*"|[^,\\r]*)`, 'g'), '');

  test.each<[string, (text: string) => string]>([
    ['another method', (text) => text.replaceAll('INVITE', 'MESSAGE')],
    ['another Request-URI', (text) => text.replace('INVITE sip:18005550199@', 'INVITE sip:19005550199@')],
    ['another uri', directive('uri', '"sip:19005550199@acme.example.com"')],
    ['a forged nonce', directive('nonce', '"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"')],
    ['an empty nonce', directive('nonce', '""')],
    ['no qop', (text) => without('nc')(without('cnonce')(without('qop')(text)))],
    ['an unknown qop', directive('qop', 'auth-conf')],
    ['algorithm=NONE', directive('algorithm', 'NONE')],
    ['algorithm=MD5-sess', directive('algorithm', 'MD5-sess')],
    ['algorithm=SHA-1', directive('algorithm', 'SHA-1')],
    ['a cnonce of 20 KB', directive('cnonce', `"${'x'.repeat(7_000)}"`)],
    ['no cnonce', without('cnonce')],
    ['nc of 64 digits', directive('nc', `${'0'.repeat(63)}1`)],
    ['no response', without('response')],
    ['an empty response', directive('response', '""')],
    ['a response of zeros', directive('response', `"${'0'.repeat(64)}"`)],
    ['another user', directive('username', '"102"')],
    ['a user named __proto__', directive('username', '"__proto__"')],
    [
      'userhash',
      (text) => text.replaceAll('username="101"', 'username="101", userhash=true').replaceAll('"101"', '"x"'),
    ],
    ['auth-int over another body', directive('qop', 'auth-int')],
  ])('%s: refused, nothing leaves', (_what, alter) => {
    expect([400, 401, 407]).toContain(attempt(alter).status);
    expect(atTheSink()).toEqual([]);
  });

  test('the same nc twice and a lower nc: refused as stale', () => {
    const invite = alice.invite('18005550199');
    const challenge = alice.ask(invite);
    alice.ack(invite, challenge);
    const first = alice.authorized(invite, challenge, alice.client);
    alice.sends(first);
    expect(atTheSink()).toHaveLength(1);
    const replay = alice.again(first);
    replay.headers.set(HeaderId.CallId, 'replayed');
    const response = alice.ask(replay);
    expect(response.status).toBe(407);
    expect(response.headers.value(HeaderId.ProxyAuthenticate)).toContain('stale=true');
    expect(atTheSink()).toHaveLength(1);
  });

  test('a nonce sent to one address is not good from another', () => {
    const invite = alice.invite('18005550199');
    const challenge = alice.ask(invite);
    alice.ack(invite, challenge);
    const stolen = alice.authorized(invite, challenge, alice.client);
    stranger.sends(serialize(stolen).replaceAll('203.0.113.1', STRANGER));
    expect(stranger.responses().at(-1)?.status).toBe(407);
    expect(atTheSink()).toEqual([]);
  });

  test('an old nonce: stale, and the new one is good', () => {
    const invite = alice.invite('18005550199');
    const challenge = alice.ask(invite);
    alice.ack(invite, challenge);
    world.run(301_000);
    const late = alice.ask(alice.authorized(invite, challenge, alice.client));
    expect(late.status).toBe(407);
    expect(late.headers.value(HeaderId.ProxyAuthenticate)).toContain('stale=true');
  });

  test('20 Authorization fields cost one refusal', () => {
    const value = 'Digest username="101", realm="acme.example.com", nonce="x", uri="sip:x", response="y"';
    const request = stranger.request('INVITE', 'sip:18005550199@acme.example.com', {
      'Proxy-Authorization': Array(20).fill(value),
    });
    expect([400, 407]).toContain(stranger.ask(request).status);
  });
});

describe('password guessing', () => {
  const register = (password: string): SipResponse => {
    const client = new DigestClient({ username: '101', secret: { password } });
    const fields = { From: '<sip:101@acme.example.com>;tag=x', To: '<sip:101@acme.example.com>' };
    return stranger.askAuthenticated(stranger.request('REGISTER', 'sip:acme.example.com', fields), client, 20);
  };

  test('the right password at guess 100 of a fast run is not found', () => {
    for (let guess = 1; guess < 100; guess++) expect(register(`guess-${guess}`).status).toBe(401);
    expect(register(PASSWORD).status).toBe(401);
    expect(world.observed.registered).toEqual([]);
  });

  test('the phone itself keeps working from where it has signed in, whoever guesses elsewhere', () => {
    const alice = world.phone('101', '203.0.113.1');
    for (let guess = 1; guess < 100; guess++) register(`guess-${guess}`);
    expect(alice.register().status).toBe(200);
  });

  test("a trunk's address is never blocked by guesses that come with it as source", () => {
    const asCarrier = world.agent(CARRIER_A);
    const client = new DigestClient({ username: '101', secret: { password: 'wrong' } });
    for (let guess = 0; guess < 100; guess++) {
      const fields = { From: '<sip:101@acme.example.com>;tag=x', To: '<sip:101@acme.example.com>' };
      asCarrier.askAuthenticated(asCarrier.request('REGISTER', 'sip:acme.example.com', fields), client, 20);
    }
    const alice = world.phone('101', '203.0.113.1');
    const invite = asCarrier.request('INVITE', `sip:14155550100@${ENGINE}`, {}, SDP);
    asCarrier.sends(invite);
    expect(alice.requests('INVITE')).toHaveLength(1);
    alice.answers(alice.took('INVITE'), 486, 'Busy Here');
    const refusal = asCarrier.responses(invite.callId()).at(-1);
    expect(refusal?.status).toBe(486);
    if (refusal !== undefined) asCarrier.ack(invite, refusal);
  });
});

describe('who exists?', () => {
  const shape = (response: SipResponse) => {
    const names: string[] = [];
    response.headers.forEach((name, value) => {
      names.push(
        `${name}:${name === 'Call-ID' || name === 'Via' || name === 'From' || name === 'To' ? '' : value.replaceAll(/nonce="[^"]*"/g, (nonce) => `nonce of ${nonce.length}`)}`,
      );
    });
    return { status: response.status, reason: response.reason, names };
  };
  const probe = (method: string, user: string, password: string) => {
    const client = new DigestClient({ username: user, secret: { password } });
    const address = `<sip:${user}@acme.example.com>`;
    const uri = method === 'REGISTER' ? 'sip:acme.example.com' : 'sip:18005550199@acme.example.com';
    const request = stranger.request(method, uri, {
      From: `${address};tag=x`,
      To: method === 'REGISTER' ? address : `<${uri}>`,
      'User-Agent': 'LabPhone/1.0'.padEnd(120, '.'),
    });
    const challenge = stranger.ask(request);
    if (method === 'INVITE') stranger.ack(request, challenge);
    const again = stranger.authorized(request, challenge, client);
    const refusal = stranger.ask(again);
    if (method === 'INVITE') stranger.ack(again, refusal);
    return {
      challenge: shape(challenge),
      refusal: shape(refusal),
      length: serialize(refusal).length - refusal.callId().length,
    };
  };

  test.each(['INVITE', 'REGISTER', 'MESSAGE'])(
    '%s: unknown, wrong password and disabled get the same answers',
    async (method) => {
      await begin({
        acme: {
          extensions: [
            { number: '101', password: PASSWORD },
            { number: '102', password: PASSWORD, enabled: false },
          ],
        },
      });
      const wrong = probe(method, '101', 'wrong');
      expect(probe(method, '999', 'wrong')).toEqual(wrong);
      expect(probe(method, '102', PASSWORD)).toEqual(wrong);
      expect(wrong.refusal.status).toBe(method === 'REGISTER' ? 401 : 407);
    },
  );
});

describe('forged messages in a call', () => {
  let alice: Phone;
  let carrier: Agent;
  let invite: SipRequest;
  let sent: SipRequest;

  beforeEach(() => {
    alice = world.phone('101', '203.0.113.1');
    carrier = world.agent(CARRIER_A);
    invite = alice.call('18005550199');
    sent = carrier.took('INVITE');
  });

  function answered(): SipResponse {
    carrier.answers(sent, 200, 'OK', {}, SDP);
    const final = alice.final(invite);
    if (final === undefined) throw new Error('not answered');
    return final;
  }

  afterEach(() => {
    // The call was touched by nobody: it still ends with its own BYE.
    const final = alice.responses(invite.callId()).at(-1);
    if (final === undefined) throw new Error('no answer');
    expect(world.held().calls).toBe(1);
    const bye = alice.within(invite, final.status === 200 ? final : answered(), 'BYE');
    expect(alice.ask(bye).status).toBe(200);
    carrier.answer(carrier.took('BYE'), 200, 'OK');
    expect(world.observed.ended.map(({ endedBy, endReason }) => [endedBy, endReason])).toEqual([['caller', 'bye']]);
  });

  test('BYE with guessed tags from anywhere, and with the right ones from a third address: 481', () => {
    const final = answered();
    const wrong = alice.within(invite, final, 'BYE', { To: '<sip:18005550199@acme.example.com>;tag=guessed' });
    expect(alice.ask(wrong).status).toBe(481);
    for (const forger of [stranger, world.agent(CARRIER_B), world.phone('102', '203.0.113.2')]) {
      const fields = { From: invite.headers.value(HeaderId.From), To: final.headers.value(HeaderId.To) };
      const right = { ...fields, 'Call-ID': invite.callId(), CSeq: '77 BYE' };
      expect(forger.ask(forger.request('BYE', `sip:${ENGINE}`, right)).status).toBe(481);
    }
    expect(carrier.requests('BYE')).toEqual([]);
  });

  test('CANCEL with a guessed branch, or the right one from a third address: 481, the carrier hears nothing', () => {
    for (const [forger, via] of [
      [alice, `SIP/2.0/UDP ${alice.host};rport;branch=z9hG4bK-guessed`],
      [stranger, invite.headers.value(HeaderId.Via) ?? ''],
    ] as const) {
      const fields = {
        Via: via,
        From: invite.headers.value(HeaderId.From),
        To: invite.headers.value(HeaderId.To),
        'Call-ID': invite.callId(),
        CSeq: `${invite.cseq().sequence} CANCEL`,
      };
      forger.sends(forger.request('CANCEL', invite.requestUri, fields));
      const answers = forger.responses(invite.callId()).filter((response) => response.cseq().method === 'CANCEL');
      expect(answers.map(({ status }) => status)).toEqual([481]);
    }
    expect(carrier.requests('CANCEL')).toEqual([]);
    answered();
  });

  test.each([200, 302, 401, 407, 486, 603])(
    '%i with a guessed branch, or the right one from a third address: not seen',
    (status) => {
      const guessed = serialize(sent).replace(/branch=[^;\r]+/, 'branch=z9hG4bKguessed');
      for (const [forger, text] of [
        [carrier, guessed],
        [stranger, serialize(sent)],
      ] as const) {
        const headers = text
          .split('\r\n')
          .slice(1)
          .filter((line) => /^(Via|From|To|Call-ID|CSeq):/.test(line));
        forger.sends(
          `SIP/2.0 ${status} Forged\r\n${headers.join('\r\n').replace(/^To: .*$/m, (line) => `${line};tag=forged`)}\r\n` +
            `Contact: <sip:${STRANGER}>\r\nContent-Length: 0\r\n\r\n`,
        );
      }
      expect(alice.responses(invite.callId()).every(({ status: told }) => told === 100 || told === 407)).toBe(true);
      expect(carrier.requests('INVITE')).toHaveLength(1);
      answered();
    },
  );

  test('REFER, re-INVITE, UPDATE, INFO and ACK with the right tags from a third address change nothing', () => {
    const final = answered();
    const before = atTheSink().length;
    for (const method of ['REFER', 'INVITE', 'UPDATE', 'INFO', 'MESSAGE', 'NOTIFY']) {
      const request = stranger.request(
        method,
        `sip:${ENGINE}`,
        {
          From: invite.headers.value(HeaderId.From),
          To: final.headers.value(HeaderId.To),
          'Call-ID': invite.callId(),
          CSeq: `88 ${method}`,
          Contact: `<sip:${STRANGER}>`,
          ...(method === 'REFER' ? { 'Refer-To': '<sip:19005550199@acme.example.com>' } : {}),
        },
        method === 'INVITE' ? SDP : '',
      );
      const response = stranger.ask(request);
      expect(response.status).toBe(481);
      if (method === 'INVITE') stranger.ack(request, response);
    }
    expect(atTheSink()).toHaveLength(before);
  });

  test('Replaces of a call of another tenant, or by a stranger, takes nothing over', () => {
    const final = answered();
    const replaces = `${invite.callId()};to-tag=${final.toTag()};from-tag=${invite.fromTag()}`;
    const hank = world.phone('101', '203.0.113.50', { domain: 'globex.example.com', password: 'c4n4ry-globex' });
    const taken = hank.call('101', { Replaces: replaces, Require: 'replaces' });
    expect(hank.final(taken)?.status).toBeGreaterThanOrEqual(400);
    const request = stranger.request('INVITE', 'sip:101@acme.example.com', { Replaces: replaces }, SDP);
    const challenge = stranger.ask(request);
    expect(challenge.status).toBe(407);
    stranger.ack(request, challenge);
  });
});

describe('challenges of carriers', () => {
  const credentials = { authName: 'acme-user', password: CARRIER_PASSWORD, realm: 'carrier-a.example.net' };
  const challenge = (realm: string, nonce = 'n1') => ({
    'Proxy-Authenticate': `Digest realm="${realm}", nonce="${nonce}", algorithm=MD5, qop="auth"`,
  });

  beforeEach(() =>
    begin({
      trunks: {
        'carrier-a': { credentials },
        'carrier-b': { credentials: { ...credentials, realm: 'carrier-b.example.net' } },
      },
    }),
  );

  test.each(['carrier-b.example.net', 'evil.example.net', 'acme.example.com', ''])(
    'for the realm "%s", which is not the trunk\'s, get no Authorization',
    (realm) => {
      const alice = world.phone('101', '203.0.113.1');
      const carrier = world.agent(CARRIER_A);
      alice.call('18005550199');
      carrier.answers(carrier.took('INVITE'), 407, 'Who', challenge(realm));
      expect(carrier.requests('INVITE')).toHaveLength(1);
      expect(atTheSink().join('')).not.toContain('Authorization');
    },
  );

  test('that never end are answered at most twice', () => {
    const alice = world.phone('101', '203.0.113.1');
    const carrier = world.agent(CARRIER_A);
    const invite = alice.call('18005550199');
    for (let index = 0; index < 10; index++) {
      const request = carrier.requests('INVITE')[index];
      if (request === undefined) break;
      carrier.answers(request, 407, 'Who', challenge('carrier-a.example.net', `n${index}`));
    }
    expect(carrier.requests('INVITE').length).toBeLessThanOrEqual(3);
    expect(alice.final(invite)?.status).toBe(503);
    expect(alice.responses(invite.callId()).at(-1)?.headers.has(HeaderId.ProxyAuthenticate)).toBe(false);
  });

  test("the trunk's own realm is answered, and the answer goes nowhere else", () => {
    const alice = world.phone('101', '203.0.113.1');
    const carrier = world.agent(CARRIER_A);
    alice.call('18005550199');
    carrier.answers(carrier.took('INVITE'), 407, 'Who', challenge('carrier-a.example.net'));
    const again = carrier.took('INVITE', 1);
    expect(again.headers.value(HeaderId.ProxyAuthorization)).toContain('username="acme-user"');
    carrier.answers(again, 503);
    const other = world.network.packets.filter(({ to }) => to !== `${CARRIER_A}:5060`);
    expect(other.some(({ text }) => text.includes('acme-user'))).toBe(false);
  });
});

describe('gateways (behaviour 24)', () => {
  test('the host label alone, and the label with wrong credentials, prove nothing', () => {
    const client = new DigestClient({ username: 'gw1', secret: { password: 'wrong' } });
    const fields = { From: '<sip:gw1@gateway.example.com>;tag=x' };
    const request = stranger.request('INVITE', 'sip:14155550150@gateway.example.com', fields, SDP);
    const response = stranger.askAuthenticated(request, client);
    expect(response.status).toBe(407);
    expect(world.held().calls).toBe(0);
  });

  test('with the right ones it is that trunk, whatever its address; its password signs in as nobody else', () => {
    const client = new DigestClient({ username: 'gw1', secret: { password: GATEWAY_PASSWORD } });
    const fields = { From: '<sip:gw1@gateway.example.com>;tag=x' };
    const request = stranger.request('INVITE', 'sip:14155550150@gateway.example.com', fields, SDP);
    // Its DID has no inbound rule.
    expect(stranger.askAuthenticated(request, client).status).toBe(404);
    const asPhone = stranger.request(
      'INVITE',
      'sip:18005550199@acme.example.com',
      { From: '<sip:gw1@acme.example.com>;tag=x' },
      SDP,
    );
    expect(stranger.askAuthenticated(asPhone, client).status).toBe(407);
    expect(atTheSink()).toEqual([]);
  });
});

describe('whose identity counts: that of the credentials, whatever From says (RFC 3261 §22)', () => {
  const inviteAtTheSink = () => atTheSink().find((text) => text.startsWith('INVITE ')) ?? '';

  test.each([
    ["another extension's", '<sip:102@acme.example.com>'],
    ["another tenant's", '<sip:101@globex.example.com>'],
    ['nobody of ours', '<sip:14155559999@elsewhere.example.net>'],
  ])('an INVITE with %s From is the call of who signed in', (_whose, from) => {
    const alice = world.phone('101', '203.0.113.1');
    const placed = (fields: Record<string, string>) => {
      const call = alice.call('918005550199', fields);
      world.run(100);
      const [live] = world.engine.calls.list();
      const sent = /^From: (?:"[^"]*" )?(<[^>]*>)/m.exec(inviteAtTheSink())?.[1];
      alice.send(alice.request('CANCEL', call.requestUri, {}, ''));
      return { party: live?.facts.caller, sent };
    };
    const own = placed({});
    world.scheduler.runUntilIdle(600_000);
    world.network.packets.length = 0;
    expect(placed({ From: `${from};tag=other` })).toEqual(own);
    expect(own).toMatchObject({ party: expect.stringContaining('101'), sent: expect.stringContaining('sip:') });
  });
});

describe('REGISTER misuse', () => {
  let alice: Phone;
  beforeEach(() => {
    alice = world.phone('101', '203.0.113.1');
  });
  const contacts = () =>
    [...world.engine.registrations.registrar.all()].map(({ aor, contactUri }) => `${aor} ${contactUri}`);
  const HERS = ['101@acme.example.com sip:101@203.0.113.1:5060'];

  test.each([
    ["another's address of record", { To: '<sip:102@acme.example.com>' }, 403],
    ["another tenant's address of record", { To: '<sip:101@globex.example.com>' }, 404],
    ['a domain that is not here', { To: '<sip:101@evil.example.net>' }, 404],
    ['20 contacts', { Contact: Array.from({ length: 20 }, (_, n) => `<sip:101@203.0.113.1:${6000 + n}>`) }, 403],
    ['* that does not expire at once', { Contact: '*', Expires: '3600' }, 400],
    ['* beside another contact', { Contact: ['*', '<sip:101@203.0.113.1>'], Expires: '0' }, 400],
    ['our own address as Contact', { Contact: `<sip:101@${ENGINE}:5060>` }, 403],
    ['multicast as Contact', { Contact: '<sip:101@224.0.1.75>' }, 403],
    ['broadcast as Contact', { Contact: '<sip:101@255.255.255.255>' }, 403],
    ['a metadata service as Contact', { Contact: '<sip:101@169.254.169.254>' }, 403],
    ['an address of nobody as Contact', { Contact: '<sip:101@240.0.0.1>' }, 403],
    ['a telephone number as Contact', { Contact: '<tel:+14155550100>' }, 400],
    ['too short an expiry', { Expires: '5' }, 423],
  ])('%s: refused, the old binding is intact', (_what, fields, status) => {
    const response = alice.register(fields);
    expect(response.status).toBe(status);
    for (const contact of HERS) expect(contacts()).toContain(contact);
    expect(contacts().length).toBeLessThanOrEqual(2);
  });

  test('an expiry that is no number is read as the default (RFC 3261 §10.2.1.1)', () => {
    expect(alice.register({ Expires: 'x' }).status).toBe(200);
    expect(contacts()).toEqual(HERS);
  });

  test('an expiry of 2^32 and beyond is granted no longer than the longest', () => {
    for (const expires of ['4294967296', '99999999999999999999']) {
      expect(alice.register({ Expires: expires }).status).toBe(200);
      world.run(3_601_000);
      expect(contacts()).toEqual([]);
    }
  });

  test('an older CSeq of the same Call-ID changes nothing (RFC 3261 §10.3 step 7)', () => {
    const callId = { 'Call-ID': 'one-registration' };
    expect(alice.register({ ...callId, CSeq: '100 REGISTER' }).status).toBe(200);
    const old = alice.register({ ...callId, CSeq: '50 REGISTER', Expires: '0' });
    expect(old.status).toBeGreaterThanOrEqual(400);
    for (const contact of HERS) expect(contacts()).toContain(contact);
  });

  test('no more contacts than the extension may have', () => {
    const statuses = Array.from(
      { length: 10 },
      (_, index) => alice.register({ Contact: `<sip:101@203.0.113.1:${7000 + index}>` }).status,
    );
    // With the one that she has.
    expect(statuses).toEqual([200, 200, 200, 200, 403, 403, 403, 403, 403, 403]);
    expect(contacts()).toHaveLength(5);
  });

  test('a Contact at a metadata service is not sent to: the phone is reached where it came from, or not at all', () => {
    alice.register({ Contact: '*', Expires: '0' });
    alice.register({ Contact: '<sip:101@169.254.169.254:80>' });
    const bob = world.phone('102', '203.0.113.2');
    const call = bob.call('101');
    world.run(40_000);
    bob.final(call);
    expect(world.network.packets.filter(({ to }) => to.startsWith('169.254.'))).toEqual([]);
  });

  test.each(['169.254.169.254:80', '169.254.1.1', '127.0.0.1', '[fe80::1]', '[::1]'])(
    'without rport neither: %s',
    (host) => {
      alice.register({ Contact: '*', Expires: '0' });
      const via = `SIP/2.0/UDP ${alice.host};branch=z9hG4bK-${world.next()}`;
      const fields = { From: `${alice.address};tag=1`, To: alice.address, Contact: `<sip:101@${host}>`, Via: via };
      const request = alice.request('REGISTER', 'sip:acme.example.com', fields);
      const again = alice.authorized(request, alice.ask(request), alice.client);
      again.headers.set(HeaderId.Via, `SIP/2.0/UDP ${alice.host};branch=z9hG4bK-${world.next()}`);
      alice.ask(again);
      const bob = world.phone('102', '203.0.113.2');
      const call = bob.call('101');
      world.run(40_000);
      bob.final(call);
      const reached = new Set(world.network.packets.map(({ to }) => to.slice(0, to.lastIndexOf(':'))));
      for (const place of ['169.254.169.254', '169.254.1.1', '127.0.0.1', 'fe80::1', '::1'])
        expect(reached).not.toContain(place);
    },
  );
});

describe('a flood of half-made things', () => {
  test('1,000 unauthenticated INVITEs that are never acknowledged leave nothing behind', () => {
    for (let index = 0; index < 1_000; index++) {
      stranger.send(stranger.request('INVITE', 'sip:18005550199@acme.example.com', {}, SDP));
      if (index % 100 === 0) world.run(10);
    }
    world.run();
    expect(atTheSink()).toEqual([]);
    expect(world.held().calls).toBe(0);
  });

  test('100 calls that are placed and abandoned at every stage leave nothing behind', () => {
    const alice = world.phone('101', '203.0.113.1');
    const carrier = world.agent(CARRIER_A);
    for (let index = 0; index < 100; index++) {
      const invite = alice.call(`1800555${String(index).padStart(4, '0')}`);
      const sent = carrier.took('INVITE');
      if (index % 4 === 1) carrier.answer(sent, 180, 'Ringing');
      if (index % 4 === 2) carrier.answer(sent, 183, 'Progress', {}, SDP);
      // Answered, and then neither side says another word.
      if (index % 4 === 3) carrier.answer(sent, 200, 'OK', {}, SDP);
      expect(invite.method).toBe('INVITE');
      carrier.peer.received.length = 0;
    }
    expect(world.held().calls).toBeGreaterThan(50);
  });
});

describe('amplification by unauthenticated UDP', () => {
  const USUAL = {
    'Call-ID': '8f4a2c1e-77b0-4d5e-9a63-2f1c0b7d9e55',
    Allow: 'INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, MESSAGE, OPTIONS, INFO, SUBSCRIBE, UPDATE, PRACK',
    Supported: 'replaces, norefersub, outbound, path, timer',
    'User-Agent': 'Ordinary Phone 4.2.1 (build 20260115)',
    Contact: '<sip:101@198.51.100.66:5060;ob>;+sip.instance="<urn:uuid:2b9a1c34-5d6e-4f70-8123-456789abcdef>"',
  };
  const methodsOfStrangers = ['INVITE', 'REGISTER', 'MESSAGE', 'OPTIONS', 'SUBSCRIBE', 'BYE'];

  /** Octets that a request brings back within 8 s, over its own: the largest answer, and all of them. */
  function factors(method: string, more: Record<string, string>): { one: number; all: number } {
    const to = `<sip:101@acme.example.com>${method === 'BYE' ? ';tag=x' : ''}`;
    const fields = { From: '<sip:101@acme.example.com>;tag=x', To: to, ...fieldsOf(method), ...more };
    const request = stranger.request(method, 'sip:101@acme.example.com', fields);
    stranger.send(request);
    world.run(8_000);
    const answers = stranger.peer.received.map((text) => text.length);
    const octets = serialize(request).length;
    return { one: Math.max(...answers) / octets, all: answers.reduce((sum, length) => sum + length, 0) / octets };
  }

  test.each(methodsOfStrangers)(
    '%s as phones send it: an answer of at most 1.5 times its size, 3 times within 8 s',
    (method) => {
      const { one, all } = factors(method, USUAL);
      expect(one).toBeLessThanOrEqual(1.5);
      expect(all).toBeLessThanOrEqual(3);
    },
  );

  test.each(methodsOfStrangers)('%s with nothing in it that it could do without: 3 times within 8 s', (method) => {
    expect(factors(method, {}).all).toBeLessThanOrEqual(3);
  });
});
