import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { oidcSchema } from '../../src/settings/console-schema.ts';
import { IdentityProvider } from '../kit/identity-provider.ts';
import { RecordingLog } from '../sip/transport/recorder.ts';
import { type Answer, ask, startTestApi, type TestApi } from './kit.ts';

const CONSOLE = 'http://127.0.0.1';
const CALLBACK = `${CONSOLE}/console/oidc/callback`;
const ROLES = [
  { value: 'admins', role: 'system-admin' },
  { value: 'auditors', role: 'system-admin', readOnly: true },
  { value: 'ops', role: 'tenant-admin', tenant: 'acme' },
  { value: 'acme-readers', role: 'tenant-admin', tenant: 'acme', readOnly: true },
  { value: 'lost', role: 'tenant-admin', tenant: 'gone' },
];
/** As a browser says that another site's page has sent it here. */
const FROM_ELSEWHERE = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', host: '127.0.0.1' };

let provider: IdentityProvider;
let world: TestApi;
let log: RecordingLog;

beforeEach(async () => {
  provider = await new IdentityProvider().start();
  provider.redirectUris = [CALLBACK];
  await serve();
});
afterEach(async () => {
  await world.close();
  await provider.stop();
});

async function serve(settings: object = {}): Promise<void> {
  log = new RecordingLog();
  const { issuer, clientId, clientSecret } = provider;
  const given = { issuer, clientId, clientSecret, consoleUrl: CONSOLE, name: 'Acme SSO', roles: ROLES, ...settings };
  world = await startTestApi({ log, signInBy: oidcSchema.parse(given) });
}

async function serveAgain(settings: object): Promise<void> {
  await world.close();
  await serve(settings);
}

/** A browser that keeps its cookies. */
class Browser {
  readonly cookies = new Map<string, string>();

  async get(url: string, headers: Record<string, string> = FROM_ELSEWHERE): Promise<Answer> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await ask(world, undefined, 'GET', url, undefined, cookie === '' ? headers : { ...headers, cookie });
    for (const line of [answer.headers['set-cookie'] ?? []].flat() as string[]) {
      const [pair = ''] = line.split(';');
      const [name = '', value = ''] = pair.split('=');
      if (line.includes('Max-Age=0')) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return answer;
  }

  /** To the provider, which sends it back at once: where to. */
  async toProvider(): Promise<string> {
    const start = await this.get('/console/oidc/start');
    expect(start.status).toBe(302);
    const answer = await fetch(String(start.headers['location']), { redirect: 'manual' });
    const back = answer.headers.get('location');
    if (back === null) throw new Error(`the provider refuses: ${await answer.text()}`);
    expect(back.startsWith(`${CALLBACK}?`)).toBe(true);
    return back.slice(CONSOLE.length);
  }

  async signIn(): Promise<Answer> {
    return this.get(await this.toProvider());
  }

  session(): Promise<Answer> {
    return this.get('/api/v1/session', { 'sec-fetch-site': 'same-origin' });
  }
}

function refused(answer: Answer, fault: string): void {
  expect([answer.status, answer.headers['location']]).toEqual([302, `/console/sign-in#oidc=${fault}`]);
  expect(String(answer.headers['set-cookie'])).not.toContain('tandem-session');
}

test('a page without a session is told of the provider', async () => {
  expect((await new Browser().session()).body).toEqual({ signedIn: false, firstRun: true, provider: 'Acme SSO' });
});

test('the browser is sent to the provider with PKCE, state and nonce, each time others, and what it keeps no script reads', async () => {
  const [first, second] = [new Browser(), new Browser()];
  const starts = [await first.get('/console/oidc/start'), await second.get('/console/oidc/start')];
  const asked = starts.map(({ headers }) => new URL(String(headers['location'])).searchParams);
  expect(Object.fromEntries(asked[0] ?? [])).toMatchObject({
    client_id: 'tandem',
    redirect_uri: CALLBACK,
    response_type: 'code',
    scope: 'openid profile email',
    code_challenge_method: 'S256',
  });
  for (const name of ['state', 'nonce', 'code_challenge'])
    expect(new Set(asked.map((each) => each.get(name))).size, name).toBe(2);
  expect(String(starts[0]?.headers['set-cookie'])).toMatch(
    /^tandem-oidc=[\w-]+\.[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=600$/,
  );
});

test.each([
  [['admins'], { role: 'system-admin', readOnly: false }],
  [['staff', 'auditors'], { role: 'system-admin', readOnly: true }],
  ['ops', { role: 'tenant-admin', tenant: 'acme', readOnly: false }],
  [['acme-readers', 'ops'], { role: 'tenant-admin', tenant: 'acme', readOnly: false }],
])('groups %j: %j', async (groups, expected) => {
  provider.claims = { sub: 'u-1', preferred_username: 'pat', groups };
  const browser = new Browser();
  const answer = await browser.signIn();
  expect([answer.status, answer.headers['location']]).toEqual([302, '/console']);
  const { body } = await browser.session();
  expect(body).toMatchObject({ signedIn: true, actor: 'oidc:pat', ...expected });
  expect(body.tenant).toBe('tenant' in expected ? expected.tenant : undefined);
  expect(browser.cookies.has('tandem-oidc')).toBe(false);
  expect(log.lines).toContainEqual(
    expect.objectContaining({
      event: 'signed-in',
      fields: expect.objectContaining({ actor: 'oidc:pat', provider: 'Acme SSO', subject: 'u-1' }),
    }),
  );
  const [entry] = world.audit.find({ actor: 'oidc:pat' });
  expect(entry?.()).toMatchObject({ action: 'create', resource: 'session', after: { subject: 'u-1' } });
});

test('what the role allows is held: a tenant’s reader changes nothing, and sees no other tenant', async () => {
  provider.claims = { sub: 'u-1', preferred_username: 'pat', groups: ['acme-readers'] };
  const browser = new Browser();
  await browser.signIn();
  const { csrfToken } = (await browser.session()).body;
  const own = { 'sec-fetch-site': 'same-origin', cookie: `tandem-session=${browser.cookies.get('tandem-session')}` };
  expect((await ask(world, undefined, 'GET', '/api/v1/tenants/acme', undefined, own)).status).toBe(200);
  expect((await ask(world, undefined, 'GET', '/api/v1/tenants/bolt', undefined, own)).status).toBe(404);
  const change = { ...own, 'x-csrf-token': String(csrfToken) };
  expect((await ask(world, undefined, 'DELETE', '/api/v1/tenants/acme', undefined, change)).status).toBe(403);
});

test('who has no preferred name is called by its mail address, else by its subject; control characters go', async () => {
  for (const [claims, actor] of [
    [{ sub: 'u-2', email: 'kim@example.com' }, 'oidc:kim@example.com'],
    [{ sub: 'u-3' }, 'oidc:u-3'],
    [{ sub: 'u-4', preferred_username: 'le\r\ne\u202e' }, 'oidc:lee'],
  ] as const) {
    provider.claims = { groups: ['admins'], ...claims };
    const browser = new Browser();
    await browser.signIn();
    expect((await browser.session()).body.actor).toBe(actor);
  }
});

test('a role that only the userinfo endpoint tells is found there', async () => {
  provider.claims = { sub: 'u-1', preferred_username: 'pat' };
  provider.userinfo = { groups: ['admins'] };
  const browser = new Browser();
  await browser.signIn();
  expect((await browser.session()).body).toMatchObject({ signedIn: true, role: 'system-admin' });
});

test('a public client, without a secret, proves itself by PKCE alone', async () => {
  await serveAgain({ clientSecret: undefined });
  refused(await new Browser().signIn(), 'refused');
  expect(provider.refusals).toEqual(['invalid_client']);
  provider.isPublic = true;
  expect((await new Browser().signIn()).headers['location']).toBe('/console');
});

describe('refused, with the reason on the page and in the log', () => {
  const reasonOf = () => log.lines.find(({ event }) => event === 'oidc-refused')?.fields['reason'];

  test.each([
    ['no role', { groups: ['guests'] }, 'pat may do nothing here: its groups has none of console.oidc.roles'],
    ['no claim', {}, 'pat may do nothing here: it has no claim groups'],
    ['a claim that is no text', { groups: [{ admins: true }, 7] }, 'its groups has none of console.oidc.roles'],
    ['a tenant that is not there', { groups: ['lost'] }, 'there is no tenant gone'],
  ])('%s', async (_, claims, reason) => {
    provider.claims = { sub: 'u-1', preferred_username: 'pat', ...claims };
    const browser = new Browser();
    refused(await browser.signIn(), 'no-role');
    expect(reasonOf()).toContain(reason);
    expect((await browser.session()).body.signedIn).toBe(false);
  });

  test.each([
    ['another issuer in the token', { iss: 'https://evil.example' }, 'wrong-issuer'],
    ['a token that has ended', { iat: 1_000, exp: 1_300 }, 'clock'],
    ['another audience', { aud: 'somebody-else' }, 'refused'],
    ['another nonce', { nonce: 'of another sign-in' }, 'refused'],
  ])('%s', async (_, wrong, fault) => {
    provider.wrong = wrong;
    refused(await new Browser().signIn(), fault);
    expect(reasonOf()).toBeTypeOf('string');
  });

  test('a provider that names itself otherwise', async () => {
    provider.issuerName = 'https://other.example';
    refused(await new Browser().get('/console/oidc/start'), 'wrong-issuer');
  });

  test('a provider that is not there; once it is, the next sign-in goes on', async () => {
    const issuer = provider.issuer;
    await provider.stop();
    refused(await new Browser().get('/console/oidc/start'), 'unreachable');
    expect(reasonOf()).toContain('ECONNREFUSED');
    provider = await new IdentityProvider().start();
    expect(provider.issuer).not.toBe(issuer);
    provider.redirectUris = [CALLBACK];
    await serveAgain({});
    expect((await new Browser().signIn()).headers['location']).toBe('/console');
  });

  test('somebody who does not agree', async () => {
    provider.error = 'access_denied';
    refused(await new Browser().signIn(), 'cancelled');
  });

  test('a wrong secret', async () => {
    await serveAgain({ clientSecret: 'wrong' });
    refused(await new Browser().signIn(), 'refused');
    expect(reasonOf()).toBe('the provider says invalid_client');
  });
});

describe('forged and repeated', () => {
  test('a code that was used, with what the browser kept: the provider refuses, nobody is signed in', async () => {
    const browser = new Browser();
    const kept = new Browser();
    const back = await browser.toProvider();
    for (const [name, value] of browser.cookies) kept.cookies.set(name, value);
    expect((await browser.get(back)).headers['location']).toBe('/console');
    refused(await kept.get(back), 'refused');
    expect(provider.refusals).toEqual(['invalid_grant']);
  });

  test('an answer that another browser fetched, or that nobody asked for, signs nobody in', async () => {
    const attacker = new Browser();
    const back = await attacker.toProvider();
    refused(await new Browser().get(back), 'expired');
    const victim = new Browser();
    await victim.toProvider();
    refused(await victim.get(back), 'refused');
  });

  test('what the browser keeps, changed or too old, is nothing', async () => {
    const browser = new Browser();
    const back = await browser.toProvider();
    const kept = browser.cookies.get('tandem-oidc') ?? '';
    const [text = '', mark = ''] = kept.split('.');
    const forged = Buffer.from(JSON.stringify({ state: 'x', nonce: 'y', verifier: 'z', startedMs: 0 }));
    for (const other of [`${forged.toString('base64url')}.${mark}`, text, `${text}.`, '.', `${text}.AAAA`]) {
      browser.cookies.set('tandem-oidc', other);
      refused(await browser.get(back), 'expired');
    }
    browser.cookies.set('tandem-oidc', kept);
    world.clock.advance(601_000);
    refused(await browser.get(back), 'expired');
  });

  test('a session that was there before admits nobody into the new one: the cookie is another', async () => {
    const browser = new Browser();
    browser.cookies.set('tandem-session', `${'0'.repeat(32)}_${'A'.repeat(43)}`);
    await browser.signIn();
    expect(browser.cookies.get('tandem-session')).not.toContain('AAAA');
    expect((await browser.session()).body.signedIn).toBe(true);
  });

  test('nothing in the answer leads elsewhere: the way back is this console, whatever is asked', async () => {
    const browser = new Browser();
    const back = `${await browser.toProvider()}&redirect_uri=https://evil.example&return=//evil.example`;
    expect((await browser.get(back)).headers['location']).toMatch(/^\/console(?:\/sign-in#oidc=refused)?$/);
    const start = await new Browser().get('/console/oidc/start?return=//evil.example');
    expect(new URL(String(start.headers['location'])).origin).toBe(provider.issuer);
  });

  test('asked under another name, the browser goes to the one that the provider knows first, and only once', async () => {
    const elsewhere = { ...FROM_ELSEWHERE, host: 'localhost' };
    const browser = new Browser();
    const first = await browser.get('/console/oidc/start', elsewhere);
    expect(first.headers['location']).toBe(`${CONSOLE}/console/oidc/start?again`);
    const again = await browser.get('/console/oidc/start?again', elsewhere);
    expect(new URL(String(again.headers['location'])).origin).toBe(provider.issuer);
  });
});

test('refused answers throttle nobody at that address: another site’s page can fetch as many as it likes', async () => {
  for (let fetched = 0; fetched < 40; fetched++) {
    const { status, headers } = await new Browser().get('/console/oidc/callback');
    expect([status, headers['location']]).toEqual([302, expect.stringContaining('#oidc=')]);
  }
  const { body } = await ask(world, world.tokens.system, 'POST', '/api/v1/sign-in-links');
  const link = { link: String(body.path).split('link=')[1] };
  const own = { 'sec-fetch-site': 'same-origin' };
  expect((await ask(world, undefined, 'POST', '/api/v1/session', link, own)).status).toBe(201);
});

test('a session that ends with the word of the provider makes no sign-in link, which would outlive it', async () => {
  provider.claims = { sub: 'u-1', preferred_username: 'pat', groups: ['admins'] };
  const browser = new Browser();
  await browser.signIn();
  const { role, readOnly, csrfToken } = (await browser.session()).body;
  expect([role, readOnly]).toEqual(['system-admin', false]);
  const cookie = `tandem-session=${browser.cookies.get('tandem-session')}`;
  const headers = { 'sec-fetch-site': 'same-origin', cookie, 'x-csrf-token': String(csrfToken) };
  const { status, body } = await ask(world, undefined, 'POST', '/api/v1/sign-in-links', undefined, headers);
  expect([status, body.code]).toEqual([403, 'not-permitted']);
});

test('sign-out ends the session here and says where the provider ends its own', async () => {
  const browser = new Browser();
  await browser.signIn();
  const { csrfToken } = (await browser.session()).body;
  const cookie = `tandem-session=${browser.cookies.get('tandem-session')}`;
  const headers = { 'sec-fetch-site': 'same-origin', cookie, 'x-csrf-token': String(csrfToken) };
  const { body } = await ask(world, undefined, 'DELETE', '/api/v1/session', undefined, headers);
  const url = new URL(body.signOutUrl);
  expect(url.origin + url.pathname).toBe(`${provider.issuer}/sign-out`);
  expect(url.searchParams.get('post_logout_redirect_uri')).toBe(`${CONSOLE}/console/sign-in`);
  expect((await ask(world, undefined, 'GET', '/api/v1/session', undefined, headers)).body.signedIn).toBe(false);
});

test('without a provider there is no such page', async () => {
  await world.close();
  world = await startTestApi();
  expect((await ask(world, undefined, 'GET', '/console/oidc/start')).status).toBe(404);
  expect((await ask(world, undefined, 'GET', '/api/v1/session')).body.provider).toBeUndefined();
});
