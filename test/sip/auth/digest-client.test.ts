import { describe, expect, test } from 'vitest';
import { ha1 } from '../../../src/sip/auth/algorithms.ts';
import { replaceAuthorization } from '../../../src/sip/auth/digest-client.ts';
import { parseDigest } from '../../../src/sip/auth/digest-params.ts';
import { DigestClient } from '../../../src/sip/auth/index.ts';
import { HeaderId, type SipRequest, SipResponse } from '../../../src/sip/message/index.ts';
import { authWorld, clientFor, REALM, reasonOf, request, SOURCE } from './kit.ts';

const NEXT_HOP = '192.0.2.80:5060';

function challenged(values: readonly string[], status = 401): SipResponse {
  const response = new SipResponse(status, 'No');
  const id = status === 401 ? HeaderId.WwwAuthenticate : HeaderId.ProxyAuthenticate;
  for (const value of values) response.headers.add(id, value);
  return response;
}

function challenge(parts: Record<string, string>): string {
  const all = { realm: `"${REALM}"`, nonce: '"n1"', qop: '"auth"', algorithm: 'MD5', ...parts };
  return `Digest ${Object.entries(all)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}=${value}`)
    .join(', ')}`;
}

/** What the client answers, as directives; or why it gives up. */
function answered(
  client: DigestClient,
  values: readonly string[],
  message: SipRequest = request(),
  tries = 0,
  status = 401,
) {
  const answer = client.answer(challenged(values, status), message, NEXT_HOP, tries);
  if (answer.kind === 'give-up') return answer.reason;
  replaceAuthorization(message, answer.headers);
  return parseDigest(answer.headers[0]?.[1] ?? '');
}

describe('choice of a challenge', () => {
  test('RFC 8760 §2.4: the strongest algorithm that is understood, in whatever order they come', () => {
    const offered = ['MD5', 'SHA-256', 'AKAv1-MD5'].map((algorithm) => challenge({ algorithm }));
    expect(answered(clientFor(), offered)).toMatchObject({ algorithm: 'SHA-256', qop: 'auth', nc: '00000001' });
    expect(answered(clientFor(), [...offered, challenge({ algorithm: 'SHA-512-256' })])).toMatchObject({
      algorithm: 'SHA-512-256',
    });
  });

  test('only algorithms that H(A1) is known for', () => {
    const secret = { ha1: { MD5: ha1('MD5', 'alice', REALM, 's3cret') } };
    const client = clientFor('', { secret });
    expect(answered(client, [challenge({ algorithm: 'SHA-256' }), challenge({})])).toMatchObject({ algorithm: 'MD5' });
    expect(answered(client, [challenge({ algorithm: 'SHA-256', nonce: '"n2"' })])).toBe('unsupported-challenge');
  });

  test('qop auth is preferred; auth-int alone is answered; an unknown one is not', () => {
    expect(answered(clientFor(), [challenge({ qop: '"auth-int, auth"' })])).toMatchObject({ qop: 'auth' });
    expect(answered(clientFor(), [challenge({ qop: '"auth-int"' })])).toMatchObject({ qop: 'auth-int' });
    expect(answered(clientFor(), [challenge({ qop: '"auth-conf"' })])).toBe('unsupported-challenge');
  });

  test('RFC 3261 §22.4: a server without qop and algorithm gets neither', () => {
    const params = answered(clientFor(), [challenge({ qop: '', algorithm: '' })]);
    expect(params).toMatchObject({ response: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect(params).toHaveProperty('qop', undefined);
    expect(params).toHaveProperty('algorithm', undefined);
    expect(params).toHaveProperty('cnonce', undefined);
  });

  test('an empty qop is none', () => {
    const answer = answered(clientFor(), [challenge({ qop: '""' })]);
    expect(answer).toHaveProperty('qop', undefined);
    expect(answer).toHaveProperty('response');
  });

  test('RFC 7616 §3.4: opaque is returned unchanged, also with quotes in it', () => {
    expect(answered(clientFor(), [challenge({ opaque: '"a\\"b\\\\c"' })])).toMatchObject({ opaque: 'a"b\\c' });
  });

  // The expected value was computed apart, by the formula of the RFC.
  test('RFC 7616 §3.4.2: MD5-sess', () => {
    const client = new DigestClient(
      { username: 'alice', secret: { password: 's3cret' } },
      { cnonce: () => '0a4f113b' },
    );
    expect(answered(client, [challenge({ algorithm: 'MD5-sess' })])).toMatchObject({
      algorithm: 'MD5-sess',
      response: 'b7e4ebc49a0fa6408d105517025c3bb3',
    });
  });

  test('a challenge that names no realm has the empty one, which a list of realms leaves out', () => {
    expect(answered(clientFor(), ['Digest nonce="n1", algorithm=MD5'])).toMatchObject({ realm: '', nonce: 'n1' });
    expect(answered(clientFor('s3cret', { realms: [REALM] }), ['Digest nonce="n1"'])).toBe('foreign-realm');
  });

  // The expected values were computed apart, by the formula of the RFC.
  test.each([
    ['ISO-8859-1', 'Z\xfcrich', '60decdaa2d1b7c5bb949cafc13e72ffb'],
    ['UTF-8', 'Z\xc3\xbcrich', '446779732577cfb68a7e91841d287285'],
  ])('a realm in %s is answered in its own octets', (_what, realm, response) => {
    const offered = `Digest realm="${realm}", nonce="n1"`;
    const client = clientFor();
    const message = request();
    expect(answered(client, [offered], message)).toMatchObject({ realm, response });
    expect(answered(client, [offered.replace('n1', 'n2')], message, 1)).toBe('rejected');
  });

  test('Basic, a malformed challenge and none at all are not answered', () => {
    expect(answered(clientFor(), ['Basic realm="x"'])).toBe('no-challenge');
    expect(answered(clientFor(), [`${challenge({})}, realm="again"`])).toBe('no-challenge');
    expect(answered(clientFor(), [])).toBe('no-challenge');
  });
});

describe('security.md: never for a realm or destination that is not its own', () => {
  test('a realm not in the list gets nothing', () => {
    const other = [challenge({ realm: '"victim.example.net"' })];
    expect(answered(clientFor('s3cret', { realms: [REALM] }), other)).toBe('foreign-realm');
  });

  test('of two realms only the own one is answered', () => {
    const client = clientFor('s3cret', { realms: [REALM] });
    const response = challenged([challenge({ realm: '"victim.example.net"' }), challenge({})], 407);
    const answer = client.answer(response, request('INVITE'), NEXT_HOP, 0);
    expect(answer.kind === 'retry' && answer.headers.map(([id, value]) => [id, parseDigest(value)?.realm])).toEqual([
      [HeaderId.ProxyAuthorization, REALM],
    ]);
  });

  test('a nonce in use goes to its own destination only', () => {
    const client = clientFor();
    answered(client, [challenge({})]);
    expect(client.preemptive(request(), '192.0.2.81:5060')).toEqual([]);
    const [header] = client.preemptive(request(), NEXT_HOP);
    expect(parseDigest(header?.[1] ?? '')).toMatchObject({ nc: '00000002', nonce: 'n1' });
  });
});

describe('at most two tries', () => {
  test('refused credentials are not sent again', () => {
    const client = clientFor();
    const message = request();
    answered(client, [challenge({})], message);
    expect(answered(client, [challenge({ nonce: '"n2"' })], message, 1)).toBe('rejected');
    expect(client.preemptive(request(), NEXT_HOP)).toEqual([]);
  });

  test('RFC 7616 §3.3: a stale nonce is answered once more', () => {
    const client = clientFor();
    const message = request();
    answered(client, [challenge({})], message);
    expect(answered(client, [challenge({ nonce: '"n2"', stale: 'TRUE' })], message, 1)).toMatchObject({
      nonce: 'n2',
      nc: '00000001',
    });
    expect(answered(client, [challenge({ nonce: '"n3"', stale: 'true' })], message, 2)).toBe('too-many-tries');
  });

  test('an endless 407 ends after two answers', () => {
    const client = clientFor();
    const message = request('INVITE');
    let tries = 0;
    while (
      typeof answered(client, [challenge({ nonce: `"n${tries}"`, stale: 'true' })], message, tries, 407) !== 'string'
    )
      tries++;
    expect(tries).toBe(2);
  });

  test('a nonce used again without being asked, and refused, costs one more try', () => {
    const client = clientFor();
    answered(client, [challenge({})]);
    const message = request();
    for (const [id, value] of client.preemptive(message, NEXT_HOP)) message.headers.add(id, value);
    expect(answered(client, [challenge({ nonce: '"n2"' })], message, 0)).toMatchObject({ nonce: 'n2' });
    expect(answered(client, [challenge({ nonce: '"n3"' })], message, 1)).toBe('rejected');
  });

  test('RFC 3261 §22.3: a second proxy with its own realm is answered too, beside the first', () => {
    const client = clientFor();
    const message = request('INVITE');
    answered(client, [challenge({ realm: '"one"' })], message, 0, 407);
    answered(client, [challenge({ realm: '"two"' })], message, 1, 407);
    const realms = message.headers.fieldValues(HeaderId.ProxyAuthorization).map((value) => parseDigest(value)?.realm);
    expect(realms).toEqual(['one', 'two']);
  });
});

describe('a carrier that asks with another realm than before', () => {
  /** Sends a request with what is known, has it refused, and gives the realms that its next version is sent with. */
  function nextOf(client: DigestClient, status: number, realms: readonly string[], nonce = realms.join()): string[] {
    const refused = request('INVITE');
    for (const [id, value] of client.preemptive(refused, NEXT_HOP)) refused.headers.add(id, value);
    const next = request('INVITE');
    const asked = realms.map((realm) => challenge({ realm: `"${realm}"`, nonce: `"${nonce}"` }));
    expect(client.authorize(challenged(asked, status), refused, next, NEXT_HOP, 0)).toBeUndefined();
    return realmsOf(next);
  }
  const realmsOf = ({ headers }: SipRequest): string[] =>
    [HeaderId.Authorization, HeaderId.ProxyAuthorization].flatMap((id) =>
      headers
        .fieldValues(id)
        .map((value) => `${id === HeaderId.Authorization ? 401 : 407} ${parseDigest(value)?.realm}`),
    );

  test.each([
    [401, 401],
    [407, 407],
    [401, 407],
    [407, 401],
  ])('%i, later %i: what was for the former one goes along no more', (before, after) => {
    const client = clientFor();
    expect(nextOf(client, before, ['sbc1'])).toEqual([`${before} sbc1`]);
    expect(nextOf(client, after, ['sbc2'])).toEqual([`${after} sbc2`]);
    expect(client.preemptive(request('INVITE'), NEXT_HOP)).toHaveLength(1);
  });

  test.each<[string, Record<string, string>]>([
    ['a realm without quotes', { realm: 'sbc2', qop: '' }],
    ['a nonce that is called stale', { realm: '"sbc2"', stale: 'TRUE' }],
    ['the nonce of before', { realm: '"sbc2"', nonce: '"sbc1"' }],
    ['an empty realm', { realm: '""' }],
    ['a realm in other letters', { realm: '"SBC1"' }],
    ['an address with its port', { realm: '"192.0.2.80:5060"' }],
    ['words', { realm: '"My SIP, \\"Inc\\"."' }],
  ])('that asks with %s: that one alone is answered, and the former one again when it comes back', (_what, asked) => {
    const client = clientFor();
    nextOf(client, 407, ['sbc1']);
    const value = challenge({ nonce: '"n2"', ...asked });
    const realm = parseDigest(value)?.realm;
    for (const status of [407, 401]) {
      const refused = request('INVITE');
      for (const [id, sent] of client.preemptive(refused, NEXT_HOP)) refused.headers.add(id, sent);
      const next = request('INVITE');
      expect(client.authorize(challenged([value], status), refused, next, NEXT_HOP, 0)).toBeUndefined();
      expect(realmsOf(next)).toEqual([`${status} ${realm}`]);
      expect(nextOf(client, 407, ['sbc1'], `back ${status}`)).toEqual(['407 sbc1']);
    }
  });

  test('RFC 3261 §22.3: of two proxies one whose nonce is stale leaves the other its credentials', () => {
    const client = clientFor();
    nextOf(client, 407, ['one', 'two']);
    expect(nextOf(client, 407, ['two'], 'fresh').sort()).toEqual(['407 one', '407 two']);
  });

  test('the nonce of this minute, refused when it is used again unasked, is answered anew', () => {
    const client = clientFor();
    nextOf(client, 401, ['sbc1'], 'n1');
    expect(nextOf(client, 401, ['sbc1'], 'n1')).toEqual(['401 sbc1']);
  });
});

test('RFC 7616 §3.5: nextnonce takes the place of the nonce in use', () => {
  const client = clientFor();
  answered(client, [challenge({})]);
  const ok = new SipResponse(200, 'OK');
  ok.headers.add(HeaderId.AuthenticationInfo, 'nextnonce="n9", qop=auth');
  client.learn(ok, NEXT_HOP);
  expect(parseDigest(client.preemptive(request(), NEXT_HOP)[0]?.[1] ?? '')).toMatchObject({
    nonce: 'n9',
    nc: '00000001',
  });
});

test('RFC 7616 §4: names and passwords outside ASCII work from end to end', () => {
  const { server } = authWorld();
  const account = { secret: { password: 'pässwörd' } };
  const client = new DigestClient({ username: 'jäsøn', secret: { password: 'pässwörd' } });
  const message = request();
  const values = server.challenge('user', 'münchen.example', SOURCE).map(([, value]) => value);
  answered(
    client,
    values.map((value) => Buffer.from(value, 'utf8').toString('latin1')),
    message,
  );
  const verdict = server.verify(message, 'user', 'münchen.example', SOURCE, (name) =>
    name === 'jäsøn' ? account : undefined,
  );
  expect(reasonOf(verdict)).toBe('accepted');
});

test('the nonces kept are bounded', () => {
  const client = clientFor();
  for (let index = 0; index < 100; index++)
    client.answer(challenged([challenge({})]), request(), `192.0.2.1:${index}`, 0);
  const kept = Array.from({ length: 100 }, (_, index) => client.preemptive(request(), `192.0.2.1:${index}`).length);
  expect(kept.reduce((sum, count) => sum + count)).toBe(16);
});

test('a copy knows what the client has learnt; what it counts and learns is its own', () => {
  const client = clientFor();
  answered(client, [challenge({})]);
  const copy = client.copy();
  const [shown] = copy.preemptive(request(), NEXT_HOP);
  expect(copy.preemptive(request(), NEXT_HOP)).not.toEqual([shown]);
  expect(client.preemptive(request(), NEXT_HOP)).toEqual([shown]);
  const stranger = clientFor();
  answered(stranger.copy(), [challenge({})]);
  expect(stranger.preemptive(request(), NEXT_HOP)).toEqual([]);
});
