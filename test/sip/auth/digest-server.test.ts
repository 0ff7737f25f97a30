import crypto from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ha1 } from '../../../src/sip/auth/algorithms.ts';
import { parseDigest } from '../../../src/sip/auth/digest-params.ts';
import { digestResponse } from '../../../src/sip/auth/digest-response.ts';
import { DigestServer } from '../../../src/sip/auth/index.ts';
import { HeaderId } from '../../../src/sip/message/index.ts';
import { anyCharacter } from '../../kit/any-character.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { ALICE, authorize, authWorld, clientFor, REALM, reasonOf, request, SOURCE, tamper } from './kit.ts';

describe('challenges', () => {
  test('RFC 8760 §2.3: one header field per algorithm, the strongest first; §2.6: each with qop', () => {
    const { server } = authWorld({ algorithms: ['SHA-256', 'MD5'] });
    const values = server
      .challenge('user', REALM, SOURCE)
      .map(([id, value]) => [id, value.replace(/"[0-9a-zA-Z_-]{20,}"/g, '"x"')]);
    expect(values).toEqual([
      [HeaderId.WwwAuthenticate, `Digest realm="${REALM}", nonce="x", algorithm=SHA-256, qop="auth"`],
      [HeaderId.WwwAuthenticate, `Digest realm="${REALM}", nonce="x", algorithm=MD5, qop="auth"`],
    ]);
  });

  test('by default one, with MD5, the algorithm that every phone knows', () => {
    const { server } = authWorld();
    const values = server.challenge('proxy', REALM, SOURCE);
    expect(values.map(([id, value]) => [id, /algorithm=[^,]*/.exec(value)?.[0]])).toEqual([
      [HeaderId.ProxyAuthenticate, 'algorithm=MD5'],
    ]);
  });

  test('the algorithms are a setting of the realm and of the user', () => {
    const { server, verify } = authWorld({
      policyOf: (realm, user) =>
        realm === REALM && user !== 'bob' ? { algorithms: ['SHA-256'], legacy: false } : undefined,
    });
    const offered = (realm: string, user?: string) => {
      const values = server.challenge('user', realm, SOURCE, false, user);
      return values.map(([, value]) => /algorithm=([^,]*)/.exec(value)?.[1]);
    };
    expect([offered(REALM, 'alice'), offered(REALM, 'bob'), offered('other.example.com')]).toEqual([
      ['SHA-256'],
      ['MD5'],
      ['MD5'],
    ]);
    // What is accepted goes by the user name of the credentials, whatever To says.
    const weak = authorize(request(), server.challenge('user', REALM, SOURCE, false, 'bob'));
    expect(verify(weak)).toMatchObject({
      reason: 'algorithm',
      headers: [[HeaderId.WwwAuthenticate, expect.any(String)]],
    });
    const strong = authorize(request(), server.challenge('user', REALM, SOURCE, false, 'alice'));
    expect(reasonOf(verify(strong))).toBe('accepted');
  });

  test('a request is asked for whom it claims to be of: To of a REGISTER, From of any other', () => {
    const heard: unknown[] = [];
    const { server } = authWorld({
      observer: {
        onChallenged: (asked, realm, user, source) => heard.push([asked.method, realm, user, source]),
        onCredentials: (realm, user, source) => heard.push([realm, user, source]),
      },
    });
    for (const method of ['REGISTER', 'INVITE', 'OPTIONS']) {
      const message = request(method);
      message.headers.add(HeaderId.To, `<sip:to@${REALM}>`);
      message.headers.add(HeaderId.From, `<sip:from@${REALM}>;tag=1`);
      expect(server.ask(message, 'proxy', REALM, SOURCE)).toMatchObject({ status: 407, reason: 'no-credentials' });
    }
    const bare = request();
    server.verify(bare, 'user', REALM, SOURCE, () => ALICE);
    server.verify(authorize(bare, server.challenge('user', REALM, SOURCE)), 'user', REALM, SOURCE, () => ALICE);
    expect(heard).toEqual([
      ['REGISTER', REALM, 'to', SOURCE],
      ['INVITE', REALM, 'from', SOURCE],
      ['OPTIONS', REALM, 'from', SOURCE],
      ['REGISTER', REALM, undefined, SOURCE],
      [REALM, undefined, SOURCE],
    ]);
  });

  test('no two challenges share a nonce', () => {
    const { server } = authWorld();
    const nonces = Array.from({ length: 1000 }, () => server.challenge('user', REALM, SOURCE)[0]?.[1]);
    expect(new Set(nonces).size).toBe(1000);
  });
});

describe('acceptance', () => {
  test.each(['MD5', 'SHA-256', 'SHA-512-256'] as const)('RFC 8760 §2.1: the right password with %s', (algorithm) => {
    const { server, verify } = authWorld({ algorithms: [algorithm] });
    const verdict = verify(authorize(request(), server.challenge('user', REALM, SOURCE)));
    expect(verdict).toEqual({ outcome: 'accepted', username: 'alice', algorithm, account: ALICE });
  });

  test('RFC 7616 §5.2: an account kept as H(A1) only', () => {
    const { server } = authWorld();
    const secret = { ha1: { MD5: ha1('MD5', 'alice', REALM, 's3cret') } };
    const message = authorize(request(), server.challenge('proxy', REALM, SOURCE));
    const verdict = server.verify(message, 'proxy', REALM, SOURCE, () => ({ secret }));
    expect(verdict.outcome).toBe('accepted');
  });

  test('RFC 3261 §22.3: credentials of other realms are passed over', () => {
    const { server, verify } = authWorld();
    const message = authorize(request(), server.challenge('user', REALM, SOURCE));
    message.headers.prepend(
      HeaderId.Authorization,
      'Digest username="x", realm="elsewhere", nonce="n", uri="u", response="r"',
    );
    expect(reasonOf(verify(message))).toBe('accepted');
  });

  test('DEVIATION: beside credentials that are out of date, those for the latest challenge count, wherever they stand', () => {
    const { server, verify } = authWorld();
    const before = `Digest username="alice", realm="${REALM}", nonce="${'0'.repeat(27)}", uri="sip:${REALM}", response="${'0'.repeat(32)}", qop=auth, nc=00000001, cnonce="c"`;
    for (const put of ['prepend', 'add'] as const) {
      const message = authorize(request(), server.challenge('user', REALM, SOURCE));
      message.headers[put](HeaderId.Authorization, before);
      expect(reasonOf(verify(message)), put).toBe('accepted');
    }
    const message = request();
    message.headers.add(HeaderId.Authorization, before).add(HeaderId.Authorization, before);
    expect(reasonOf(verify(message))).toBe('nonce-forged');
  });

  test('DEVIATION: so do they beside credentials whose nonce is good by time, and its count used', () => {
    const { server, verify } = authWorld();
    const before = authorize(request(), server.challenge('user', REALM, SOURCE));
    const used = before.headers.value(HeaderId.Authorization) ?? '';
    expect(reasonOf(verify(before))).toBe('accepted');
    for (const put of ['prepend', 'add'] as const) {
      const message = authorize(request(), server.challenge('user', REALM, SOURCE, true));
      message.headers[put](HeaderId.Authorization, used);
      expect(reasonOf(verify(message)), put).toBe('accepted');
      expect(reasonOf(verify(message)), put).toBe('nonce-count');
      expect(reasonOf(server.verify(message, 'user', REALM, SOURCE, () => ALICE, true)), put).toBe('accepted');
    }
  });

  test('RFC 7616 §3.4.3: auth-int with the body as sent', () => {
    const { server, verify } = authWorld({ qop: ['auth-int'] });
    const message = authorize(
      request('INVITE', 'sip:1@acme.example.com', 'v=0\r\n'),
      server.challenge('user', REALM, SOURCE),
    );
    expect(message.headers.value(HeaderId.Authorization)).toContain('qop=auth-int');
    expect(reasonOf(verify(message))).toBe('accepted');
  });

  test('a nonce is used again with a rising count', () => {
    const { server, verify } = authWorld();
    const client = clientFor();
    expect(reasonOf(verify(authorize(request(), server.challenge('user', REALM, SOURCE), client)))).toBe('accepted');
    for (let round = 0; round < 3; round++) {
      const next = request();
      for (const [id, value] of client.preemptive(next, 'server')) next.headers.add(id, value);
      expect(reasonOf(verify(next))).toBe('accepted');
    }
  });

  test("nodes that share the secret accept each other's nonces; others say stale", () => {
    const clock = new VirtualScheduler();
    const secret = new Uint8Array(32).fill(7);
    const [a, b, stranger] = [
      new DigestServer({ clock, secret }),
      new DigestServer({ clock, secret }),
      new DigestServer({ clock }),
    ];
    const message = authorize(request(), a.challenge('user', REALM, SOURCE));
    expect(reasonOf(b.verify(message, 'user', REALM, SOURCE, () => ALICE))).toBe('accepted');
    expect(reasonOf(stranger.verify(message, 'user', REALM, SOURCE, () => ALICE))).toBe('nonce-forged');
  });
});

describe('refusal', () => {
  /** What is done to a good request, and why it is refused. */
  const cases: [name: string, change: (value: string) => string, reason: string, status: number][] = [
    ['no qop', (value) => value.replace(/, qop=auth, nc=\w+, cnonce="\w+"/, ''), 'no-qop', 401],
    ['an unknown qop', (value) => value.replace('qop=auth', 'qop=auth-conf'), 'qop', 401],
    ['algorithm NONE', (value) => value.replace('MD5', 'NONE'), 'algorithm', 401],
    ['algorithm MD5-sess', (value) => value.replace('MD5', 'MD5-sess'), 'algorithm', 401],
    ['an algorithm that was not offered', (value) => value.replace('MD5', 'SHA-512-256'), 'algorithm', 401],
    ['a forged nonce', (value) => value.replace(/ nonce=".{8}/, ' nonce="00000000'), 'nonce-forged', 401],
    ['an empty nonce', (value) => value.replace(/ nonce="[^"]*"/, ' nonce=""'), 'nonce-forged', 401],
    ['another URI', (value) => value.replace(/uri="[^"]*"/, 'uri="sip:evil.example.com"'), 'uri', 400],
    ['a URI that is none', (value) => value.replace(/uri="[^"]*"/, 'uri="%%"'), 'uri', 400],
    ['an altered count', (value) => value.replace('nc=00000001', 'nc=00000002'), 'password', 401],
    ['a count of 4 digits', (value) => value.replace('nc=00000001', 'nc=0001'), 'short-count', 400],
    ['a count of 9 digits', (value) => value.replace('nc=00000001', 'nc=000000001'), 'short-count', 400],
    ['a count of 17 digits', (value) => value.replace('nc=', 'nc=000000000'), 'malformed', 400],
    ['a count over 32 bits', (value) => value.replace('nc=00000001', 'nc=100000001'), 'malformed', 400],
    [
      "another realm's user name",
      (value) => value.replace('username="alice"', 'username="alice@other.example.com"'),
      'unknown-user',
      401,
    ],
    ['a count of control characters', (value) => value.replace('nc=00000001', 'nc=0000000\x11'), 'malformed', 400],
    ['no client nonce', (value) => value.replace(/, cnonce="\w+"/, ''), 'malformed', 400],
    [
      'a client nonce of 3 KB',
      (value) => value.replace(/cnonce="\w+"/, `cnonce="${'c'.repeat(3000)}"`),
      'malformed',
      400,
    ],
    [
      'a client nonce of 64 KB',
      (value) => value.replace(/cnonce="\w+"/, `cnonce="${'c'.repeat(65_536)}"`),
      'malformed',
      400,
    ],
    ['a short response', (value) => value.replace(/response="\w{4}/, 'response="'), 'malformed', 400],
    [
      'a response that is no hexadecimal',
      (value) => value.replace(/response="\w{4}/, 'response="zzzz'),
      'malformed',
      400,
    ],
    ['a directive twice', (value) => `${value}, username="bob"`, 'malformed', 400],
    ['no user name', (value) => value.replace('username="alice", ', ''), 'malformed', 400],
    ['another user name', (value) => value.replace('username="alice"', 'username="bob"'), 'unknown-user', 401],
    ['another realm', (value) => value.replace(REALM, 'other.example.com'), 'no-credentials', 401],
    ['Basic', () => 'Basic YWxpY2U6czNjcmV0', 'no-credentials', 401],
    ['an unclosed quote', (value) => value.slice(0, -1), 'malformed', 400],
  ];

  test.each(cases)('security.md, digest: %s', (_name, change, reason, status) => {
    const { server, verify } = authWorld();
    const message = tamper(authorize(request(), server.challenge('user', REALM, SOURCE)), change);
    expect(verify(message)).toMatchObject({ outcome: 'refused', reason, status });
  });

  test('RFC 7616 §5.5: the same count twice, or a lower one, is stale', () => {
    const { server, verify } = authWorld();
    const client = clientFor();
    const first = authorize(request(), server.challenge('user', REALM, SOURCE), client);
    const second = request();
    for (const [id, value] of client.preemptive(second, 'server')) second.headers.add(id, value);
    expect(reasonOf(verify(second))).toBe('accepted');
    for (const replayed of [second, first]) {
      const verdict = verify(replayed);
      expect(verdict).toMatchObject({ reason: 'nonce-count', status: 401 });
      expect(verdict.outcome === 'refused' && verdict.headers[0]?.[1]).toContain('stale=true');
    }
  });

  test('a count that is used is good for the same request when it goes on here after another process', () => {
    const { server, verify } = authWorld();
    const message = authorize(request('INVITE'), server.challenge('user', REALM, SOURCE));
    expect(reasonOf(verify(message))).toBe('accepted');
    const again = (isAgain: boolean, password = 's3cret') =>
      reasonOf(server.verify(message, 'user', REALM, SOURCE, () => ({ ...ALICE, secret: { password } }), isAgain));
    expect([again(true), again(true, 'other'), again(false)]).toEqual(['accepted', 'password', 'nonce-count']);
  });

  test('another method', () => {
    const { server, verify } = authWorld();
    const message = authorize(request('REGISTER'), server.challenge('user', REALM, SOURCE));
    const moved = request('INVITE');
    moved.headers.add(HeaderId.Authorization, message.headers.value(HeaderId.Authorization) ?? '');
    expect(reasonOf(verify(moved))).toBe('password');
  });

  test('auth-int with a changed body', () => {
    const { server, verify } = authWorld({ qop: ['auth-int'] });
    const message = authorize(request('INVITE', `sip:1@${REALM}`, 'v=0\r\n'), server.challenge('user', REALM, SOURCE));
    message.body = 'v=1\r\n';
    expect(reasonOf(verify(message))).toBe('password');
  });

  test('auth where only auth-int is offered', () => {
    const { server, verify } = authWorld({ qop: ['auth-int'] });
    const message = authorize(request(), server.challenge('user', REALM, SOURCE));
    expect(reasonOf(verify(tamper(message, (value) => value.replace('auth-int', 'auth'))))).toBe('qop');
  });

  test('a challenge of a node of another version is answered here, and a request that was let in there is let in again', () => {
    const clock = new VirtualScheduler(1_000_000_000_000);
    const server = new DigestServer({ clock, secret: new Uint8Array(32).fill(3) });
    // As it has been in each version.
    const challenge = `Digest realm="${REALM}", nonce="cre66i9s0esb6um_hs44i2UV62Q", algorithm=MD5, qop="auth"`;
    const message = authorize(request('INVITE'), [[HeaderId.WwwAuthenticate, challenge]]);
    const outcome = (isAgain: boolean) => reasonOf(server.verify(message, 'user', REALM, SOURCE, () => ALICE, isAgain));
    expect(outcome(false)).toBe('accepted');
    clock.advance(400_000);
    expect([outcome(false), outcome(true)]).toEqual(['nonce-expired', 'accepted']);
  });

  test('a request that was let in before is so when its nonce is old by now, if that is one of ours', () => {
    const { server, clock } = authWorld();
    const message = authorize(request(), server.challenge('user', REALM, SOURCE));
    const again = (source: string, isAgain: boolean) =>
      reasonOf(server.verify(message, 'user', REALM, source, () => ALICE, isAgain));
    clock.advance(400_000);
    expect([again(SOURCE, false), again('192.0.2.99', true), again(SOURCE, true)]).toEqual([
      'nonce-expired',
      'nonce-forged',
      'accepted',
    ]);
  });

  test('an old nonce is stale after its lifetime, and only then', () => {
    const { clock, server, verify } = authWorld({ nonceLifetimeMs: 60_000 });
    const challenge = server.challenge('user', REALM, SOURCE);
    clock.advance(59_999);
    expect(reasonOf(verify(authorize(request(), challenge)))).toBe('accepted');
    clock.advance(1);
    const verdict = verify(authorize(request(), challenge));
    expect(verdict).toMatchObject({ reason: 'nonce-expired', status: 401 });
    expect(verdict.outcome === 'refused' && verdict.headers.every(([, value]) => value.endsWith('stale=true'))).toBe(
      true,
    );
  });

  test('a nonce works from the address and for the realm it was made for only', () => {
    const { server, verify } = authWorld();
    const message = authorize(request(), server.challenge('user', REALM, SOURCE));
    expect(reasonOf(verify(message, '192.0.2.11'))).toBe('nonce-forged');
    const elsewhere = authorize(request(), server.challenge('user', 'other.example.com', SOURCE));
    const moved = tamper(elsewhere, (value) => value.replace('other.example.com', REALM));
    expect(reasonOf(verify(moved))).toBe('nonce-forged');
  });
});

describe('the uri of the credentials', () => {
  const served = (host: string) => host === REALM || host === '192.0.2.1';

  test('the hash is over the uri as given; who hears of it is told both', () => {
    const heard: unknown[] = [];
    const { server, verify } = authWorld({
      observer: {
        onOtherUri: (asked, realm, username, uri) => heard.push([asked.requestUri, realm, username, uri]),
      },
    });
    const signed = authorize(request('REGISTER', `sip:${REALM}:5060`), server.challenge('user', REALM, SOURCE));
    const moved = request('REGISTER', `sip:${REALM}`);
    moved.headers.add(HeaderId.Authorization, signed.headers.value(HeaderId.Authorization) ?? '');
    expect(reasonOf(verify(moved))).toBe('accepted');
    expect(heard).toEqual([[`sip:${REALM}`, REALM, 'alice', `sip:${REALM}:5060`]]);
    const forged = tamper(
      authorize(request('REGISTER', `sip:${REALM}`), server.challenge('user', REALM, SOURCE)),
      (value) => value.replace(/uri="[^"]*"/, `uri="sip:${REALM}:5060"`),
    );
    expect(reasonOf(verify(forged))).toBe('password');
    expect(heard).toHaveLength(1);
  });

  test('another user is another request: 400, and the log can say what was signed', () => {
    const { server } = authWorld({ servesHost: served });
    const signed = authorize(request('INVITE', `sip:102@${REALM}`), server.challenge('user', REALM, SOURCE));
    const moved = request('INVITE', `sip:103@${REALM}`);
    moved.headers.add(HeaderId.Authorization, signed.headers.value(HeaderId.Authorization) ?? '');
    expect(server.verify(moved, 'user', REALM, SOURCE, () => ALICE)).toMatchObject({
      reason: 'uri',
      status: 400,
      uri: `sip:102@${REALM}`,
    });
  });
});

describe('clients of RFC 2069, where the policy admits them', () => {
  const legacy = { policyOf: () => ({ algorithms: ['MD5' as const], legacy: true }) };

  /** The answer of a client that knows nothing of qop. */
  const old = (challenges: [HeaderId, string][], password = 's3cret') => {
    const plain = challenges.map(([id, value]): [HeaderId, string] => [id, value.replace(', qop="auth"', '')]);
    const message = authorize(request(), plain, clientFor(password));
    expect(message.headers.value(HeaderId.Authorization)).not.toMatch(/qop|nc=|cnonce/);
    return message;
  };

  test('an answer without qop is accepted, once for each nonce: the next is stale', () => {
    const { server, verify } = authWorld(legacy);
    const message = old(server.challenge('user', REALM, SOURCE));
    expect(reasonOf(verify(message))).toBe('accepted');
    const verdict = verify(message);
    expect(verdict).toMatchObject({ reason: 'nonce-count', status: 401 });
    expect(verdict.outcome === 'refused' && verdict.headers[0]?.[1]).toContain('stale=true');
    expect(reasonOf(verify(old(server.challenge('user', REALM, SOURCE))))).toBe('accepted');
  });

  test('its password is still checked, and those who can do better are asked for qop', () => {
    const { server, verify } = authWorld(legacy);
    expect(reasonOf(verify(old(server.challenge('user', REALM, SOURCE), 'wrong')))).toBe('password');
    expect(server.challenge('user', REALM, SOURCE)[0]?.[1]).toContain('qop="auth"');
    expect(reasonOf(verify(authorize(request(), server.challenge('user', REALM, SOURCE))))).toBe('accepted');
  });

  test('qop repeated with an empty count and client nonce is as good as none', () => {
    const { server, verify } = authWorld(legacy);
    const message = old(server.challenge('user', REALM, SOURCE));
    const value = message.headers.value(HeaderId.Authorization);
    message.headers.set(HeaderId.Authorization, `${value}, qop=auth, nc="", cnonce=""`);
    expect(reasonOf(verify(message))).toBe('accepted');
  });

  test.each([
    ['as it was sent', '1', '1'],
    ['as it was sent', '000000001', '000000001'],
    ['as it was sent', '0000000000000001', '0000000000000001'],
    ['with eight digits', '1', '00000001'],
    ['with eight digits', 'a', '0000000a'],
  ])('a count of another width is hashed %s: %s', (_how, nc, hashed) => {
    const { server, verify } = authWorld(legacy);
    const message = request();
    const value = server.challenge('user', REALM, SOURCE)[0]?.[1] ?? '';
    const nonce = /nonce="([^"]*)"/.exec(value)?.[1] ?? '';
    const response = digestResponse(ha1('MD5', 'alice', REALM, 's3cret'), {
      algorithm: 'MD5',
      method: 'REGISTER',
      uri: `sip:${REALM}`,
      nonce,
      qop: 'auth',
      nc: hashed,
      cnonce: 'c',
      body: '',
    });
    message.headers.add(
      HeaderId.Authorization,
      `Digest username="alice", realm="${REALM}", nonce="${nonce}", uri="sip:${REALM}", response="${response}", qop=auth, nc=${nc}, cnonce="c"`,
    );
    expect(reasonOf(verify(message))).toBe('accepted');
    expect(reasonOf(verify(message))).toBe('nonce-count');
  });
});

describe('DEVIATION: what other servers admit, and nothing is lost by', () => {
  /** Credentials as a client makes them that writes user name, realm and client nonce so, and hashes them as it writes them. */
  function written(
    challenge: readonly (readonly [HeaderId, string])[],
    how: { username?: string; realm?: string; hashedRealm?: string; cnonce?: string; password?: string },
  ) {
    const { username = 'alice', realm = REALM, cnonce = 'c', password = 's3cret' } = how;
    const { hashedRealm = realm } = how;
    const message = request();
    const nonce = /nonce="([^"]*)"/.exec(challenge[0]?.[1] ?? '')?.[1] ?? '';
    const input = {
      method: 'REGISTER',
      uri: `sip:${REALM}`,
      nonce,
      qop: 'auth',
      nc: '00000001',
      cnonce,
      body: '',
    } as const;
    const response = digestResponse(ha1('MD5', username, hashedRealm, password), { algorithm: 'MD5', ...input });
    message.headers.add(
      HeaderId.Authorization,
      `Digest username="${username}", realm="${realm}", nonce="${nonce}", uri="${input.uri}", response="${response}", qop=auth, nc=${input.nc}, cnonce="${cnonce}"`,
    );
    return message;
  }
  test.each([
    ['an empty client nonce', { cnonce: '' }],
    ['the realm in other letters, hashed as written', { realm: REALM.toUpperCase() }],
    ['the realm in other letters, hashed as it was asked for', { realm: REALM.toUpperCase(), hashedRealm: REALM }],
    ['the user name with the realm', { username: `alice@${REALM}` }],
    ['both in other letters', { username: `alice@${REALM.toUpperCase()}`, realm: REALM.toUpperCase() }],
  ])('%s', (_what, how) => {
    const { server, verify } = authWorld();
    const challenge = server.challenge('user', REALM, SOURCE);
    expect(reasonOf(verify(written(challenge, how)))).toBe('accepted');
    expect(reasonOf(verify(written(challenge, how)))).toBe('nonce-count');
    expect(reasonOf(verify(written(challenge, { ...how, password: 'guess' })))).toBe('password');
  });

  test('a hash made for another realm proves nothing', () => {
    const { server, verify } = authWorld();
    const challenge = server.challenge('user', REALM, SOURCE);
    const other = 'other.example.com';
    expect(reasonOf(verify(written(challenge, { hashedRealm: other })))).toBe('password');
    expect(reasonOf(verify(written(challenge, { realm: other })))).toBe('no-credentials');
    expect(reasonOf(verify(written(challenge, { username: `alice@${other}` })))).toBe('unknown-user');
  });

  test('guesses in every spelling count against the one account', () => {
    const { server, verify } = authWorld();
    const challenge = server.challenge('user', REALM, SOURCE);
    const reasons = Array.from({ length: 60 }, (_, index) => {
      const username = index % 2 === 0 ? 'alice' : `alice@${REALM}`;
      const realm = index % 3 === 0 ? REALM : REALM.toUpperCase();
      return reasonOf(verify(written(challenge, { username, realm, password: `guess-${index}` })));
    });
    const tries = reasons.indexOf('throttled');
    expect(tries).toBeGreaterThan(0);
    expect(reasonOf(verify(written(challenge, {})))).toBe('throttled');
    // As many as in one spelling.
    const { server: second, verify: verifySecond } = authWorld();
    const again = second.challenge('user', REALM, SOURCE);
    const plain = Array.from({ length: 60 }, (_, index) =>
      reasonOf(verifySecond(written(again, { password: `guess-${index}` }))),
    );
    expect(plain.indexOf('throttled')).toBe(tries);
  });
});

describe('who exists?', () => {
  test('unknown user, wrong password and disabled user get the same status, phrase and header lengths', () => {
    const { server, verify } = authWorld();
    const shape = (username: string, password: string) => {
      const client = clientFor(password, { username });
      const verdict = verify(authorize(request(), server.challenge('user', REALM, SOURCE), client));
      if (verdict.outcome === 'accepted') throw new Error('accepted');
      return [verdict.status, verdict.reasonPhrase, verdict.headers.map(([id, value]) => [id, value.length])];
    };
    expect(shape('nobody', 's3cret')).toEqual(shape('alice', 'wrong'));
  });

  test('they cost the same hashing', () => {
    const { server, verify } = authWorld();
    const bad = (username: string) =>
      authorize(request(), server.challenge('user', REALM, SOURCE), clientFor('wrong', { username }));
    verify(bad('alice'));
    const count = (username: string) => {
      const message = bad(username);
      return hashedStrings(() => verify(message));
    };
    // The nonce that came and the one that goes, two each, H(A2) and the response.
    expect(count('alice')).toBe(6);
    expect(count('nobody')).toBe(count('alice'));
  });
});

describe('password guessing', () => {
  test('the right password at guess 100 of a fast run is not found', () => {
    const { server, verify } = authWorld();
    const guess = (password: string) =>
      verify(authorize(request(), server.challenge('user', REALM, SOURCE), clientFor(password)));
    for (let index = 0; index < 99; index++) guess(`guess-${index}`);
    const last = guess('s3cret');
    expect(last).toMatchObject({ outcome: 'refused', reason: 'throttled', status: 401, reasonPhrase: 'Unauthorized' });
  });

  test("a forged nonce from a phone's address blocks nobody", () => {
    const { server, verify } = authWorld();
    for (let index = 0; index < 1000; index++) {
      verify(
        tamper(
          authorize(request(), server.challenge('user', REALM, '203.0.113.9'), clientFor('wrong')),
          (value) => value,
        ),
      );
    }
    expect(reasonOf(verify(authorize(request(), server.challenge('user', REALM, SOURCE))))).toBe('accepted');
  });
});

test('verify never throws and never accepts what was not computed with the password, whatever the octets', () => {
  // A world for each: an accepted one uses up the nonce count, and the refused ones throttle those that follow.
  const make = () => {
    const { server, verify } = authWorld();
    const message = authorize(request(), server.challenge('user', REALM, SOURCE));
    return { verify, good: message.headers.value(HeaderId.Authorization) ?? '' };
  };
  let accepted = 0;
  const property = (at: number, cut: number, octets: string) => {
    const { verify, good } = make();
    const value = good.slice(0, at) + octets + good.slice(at + cut);
    const message = request();
    message.headers.add(HeaderId.Authorization, value.replaceAll(/[\r\n\0]/g, ' '));
    const verdict = verify(message);
    if (verdict.outcome !== 'accepted') return;
    accepted++;
    expect(verdict.username).toBe('alice');
    expect(message.headers.fieldValues(HeaderId.Authorization).map(hashed)).toEqual([hashed(good)]);
  };
  const octets = fc.string({ unit: anyCharacter, maxLength: 20 });
  fc.assert(fc.property(fc.nat(make().good.length), fc.nat(20), octets, property), {
    numRuns: 1000,
    examples: [[0, 0, '']],
  });
  expect(accepted).toBeGreaterThan(0);
});

/** What the response is computed from, and the response: hexadecimal digits and qop compare without regard to case. */
function hashed(value: string) {
  const { username, realm, nonce, uri, qop, nc, cnonce, response } = parseDigest(value) ?? {};
  const [lowerQop, lowerResponse] = [qop?.toLowerCase(), response?.toLowerCase()];
  return { username, realm, nonce, uri, qop: lowerQop, nc, cnonce, response: lowerResponse };
}

/** Counts calls of the one-shot hash while `work` runs. */
function hashedStrings(work: () => void): number {
  const original = crypto.hash;
  let count = 0;
  crypto.hash = ((...args: Parameters<typeof original>) => {
    count++;
    return original(...args);
  }) as typeof original;
  try {
    syncExports();
    work();
  } finally {
    crypto.hash = original;
    syncExports();
  }
  return count;
}

function syncExports(): void {
  (process.getBuiltinModule('node:module') as typeof import('node:module')).syncBuiltinESMExports();
}
