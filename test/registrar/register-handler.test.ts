import { describe, expect, test } from 'vitest';
import { HeaderId } from '../../src/sip/message/index.ts';
import { ACCOUNT, BOB, DOMAIN, flowFrom, handlerWorld, phone, register } from './kit.ts';

describe('RFC 3665 §2: registration', () => {
  test('§2.1: a new registration is challenged, then accepted', () => {
    const { send, signIn, uris, refused } = handlerWorld();
    const challenge = send(register({ contacts: ['<sip:bob@192.0.2.4>'] }));
    expect(challenge.status).toBe(401);
    expect(challenge.response.headers.fieldValues(HeaderId.WwwAuthenticate)).toHaveLength(1);
    expect([uris(), refused]).toEqual([[], []]);
    const answer = signIn({ contacts: ['<sip:bob@192.0.2.4>'] }, phone());
    expect([answer.status, answer.contacts]).toEqual([200, ['<sip:bob@192.0.2.4>;expires=3600']]);
  });

  test('§2.2: an update of the contact list', () => {
    const { signIn, uris } = handlerWorld();
    const client = phone();
    signIn({ contacts: ['<sip:bob@192.0.2.4>'], callId: 'a' }, client);
    const answer = signIn({ contacts: ['<sip:bob@cell.example.com>;q=0.5'], callId: 'b' }, client);
    expect(answer.contacts).toHaveLength(2);
    expect(uris()).toEqual(['sip:bob@192.0.2.4', 'sip:bob@cell.example.com']);
  });

  test('§2.3: a request for the current contact list', () => {
    const { signIn } = handlerWorld();
    signIn({}, phone());
    expect(signIn({ contacts: [], callId: 'b' }, phone()).contacts).toEqual(['<sip:bob@192.0.2.4>;expires=3600']);
  });

  test('§2.4: the cancellation of a registration', () => {
    const { signIn, uris } = handlerWorld();
    signIn({}, phone());
    const answer = signIn({ contacts: ['*'], expires: 0, callId: 'b' }, phone());
    expect([answer.status, answer.contacts, uris()]).toEqual([200, [], []]);
  });

  test('§2.5: an unsuccessful registration', () => {
    const { signIn, uris, refused } = handlerWorld();
    expect(signIn({}, phone('bob', 'wrong')).status).toBe(401);
    expect(uris()).toEqual([]);
    expect(refused.at(-1)).toMatchObject({ status: 401, digest: 'password', username: 'bob', domain: DOMAIN });
  });
});

describe('RFC 3261 §10.3: steps in order', () => {
  test('step 1 and 5: another domain is 404, before anybody is asked who it is', () => {
    const { send } = handlerWorld();
    expect(send(register({ to: 'sip:bob@elsewhere.example.net' })).status).toBe(404);
    expect(send(register({ uri: 'sip:other.example.com' })).status).toBe(404);
    expect(send(register({ to: 'tel:+14155550100' })).status).toBe(404);
  });

  test("the engine's own address in the Request-URI stands for the domain of To", () => {
    const { send } = handlerWorld();
    expect(send(register({ uri: 'sip:192.0.2.1:5060' })).status).toBe(401);
  });

  test('so does the name of a server that nobody is served by', () => {
    const { signIn, uris } = handlerWorld();
    expect(signIn({ uri: 'sip:registrar.provider.example' }, phone()).status).toBe(200);
    expect(uris()).toHaveLength(1);
  });

  test('step 2: an unknown extension is 420', () => {
    const { send } = handlerWorld();
    const answer = send(register({ headers: ['Require: path, gruu'] }));
    expect([answer.status, answer.header(HeaderId.Unsupported)]).toEqual([420, 'gruu']);
  });

  test("step 4: a REGISTER for another address-of-record than one's own is 403", () => {
    const { signIn, uris, registrar, refused } = handlerWorld();
    expect(signIn({ to: `sip:alice@${DOMAIN}` }, phone()).status).toBe(403);
    expect(refused.at(-1)).toMatchObject({ status: 403, username: 'alice' });
    expect(uris()).toEqual([]);
    expect(registrar.count).toBe(0);
  });

  test('step 5: escapes and parameters of To do not matter, nor does its port', () => {
    const { signIn, uris } = handlerWorld();
    expect(signIn({ to: `sip:%62ob@ACME.example.com:5070;user=phone` }, phone()).status).toBe(200);
    expect(uris()).toHaveLength(1);
  });

  test('credentials of one domain are worth nothing in another', () => {
    const { signIn, refused } = handlerWorld();
    const elsewhere = { to: 'sip:bob@other.example.com', uri: 'sip:other.example.com' };
    expect(signIn(elsewhere, phone()).status).toBe(401);
    expect(refused.at(-1)?.digest).toBe('unknown-user');
  });
});

test('who has signed in is admitted, so that copies get the same answer; nobody else is', () => {
  const { signIn, send, done } = handlerWorld();
  signIn({}, phone());
  send(register({ to: 'sip:bob@nowhere.example.org' }));
  expect(done).toEqual(['401', 'admitted', '200', '404']);
});

test('an account may be admitted by its address', () => {
  const { send, uris } = handlerWorld({
    trusted: (domain, user, address) =>
      domain === DOMAIN && user === 'bob' && address === '192.0.2.4' ? ACCOUNT : undefined,
  });
  expect(send(register(), flowFrom('192.0.2.5', 5060)).status).toBe(401);
  expect(send(register(), flowFrom('192.0.2.4', 5060)).status).toBe(200);
  expect(uris()).toHaveLength(1);
});

test("behaviour 24: a gateway registers with any To at the trunk's label", () => {
  const gateway = { aor: 'gw@label', user: undefined, newestOnly: true, secret: { password: 'e1' } };
  const { signIn, uris } = handlerWorld({
    domainOf: (host) => (host === 'label' ? host : undefined),
    find: (domain, username) => (domain === 'label' && username === 'gw1' ? gateway : undefined),
  });
  const fields = { uri: 'sip:label', to: 'sip:whatever@label', contacts: ['<sip:whatever@10.0.0.1>'] };
  expect(signIn(fields, phone('gw1', 'e1')).status).toBe(200);
  expect(uris('gw@label')).toEqual(['sip:whatever@10.0.0.1']);
  expect(uris(BOB)).toEqual([]);
});
