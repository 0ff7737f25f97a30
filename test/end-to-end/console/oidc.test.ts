import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as ask, createServer as createHttpServer, type Server } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type KeyPair, TestAuthority } from '../../kit/certificates.ts';
import { freePort } from '../../kit/free-port.ts';
import { IdentityProvider } from '../../kit/identity-provider.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { acme } from '../world.ts';
import { type ConsoleWorld, consoleWorld, settled, signIn } from './console-world.ts';

const HOST = 'console.test';
const tenant = acme({ outboundRules: [], inboundRules: [] });
const ROLES = [
  { value: 'admins', role: 'system-admin' },
  { value: 'acme-readers', role: 'tenant-admin', tenant: 'acme', readOnly: true },
] as const;

let provider: IdentityProvider;
let pair: KeyPair;
let folder: string;

beforeAll(async () => {
  provider = await new IdentityProvider().start();
  provider.asks = true;
  const authority = new TestAuthority();
  pair = authority.issue({ commonName: HOST, alternativeNames: [`DNS:${HOST}`] });
  authority.remove();
  folder = mkdtempSync(join(tmpdir(), 'tandem-oidc-'));
  writeFileSync(join(folder, 'cert.pem'), pair.cert);
  writeFileSync(join(folder, 'key.pem'), pair.key);
});
afterAll(async () => {
  await provider.stop();
  rmSync(folder, { recursive: true });
});

function settingsOf(consoleUrl: string, api: object) {
  const { issuer, clientId, clientSecret } = provider;
  provider.redirectUris = [...provider.redirectUris, `${consoleUrl}/console/oidc/callback`];
  return {
    api: { host: '127.0.0.1', requestsPerMinute: 1_000_000, hosts: [HOST], ...api },
    console: { oidc: { name: 'Acme SSO', issuer, consoleUrl, clientId, clientSecret, roles: [...ROLES] } },
  };
}

const browserOptions = () => ({ host: HOST, trusts: pair.cert });
const toProvider = (page: Page) => page.getByRole('link', { name: 'Sign in with Acme SSO' }).click();
const agree = (page: Page) => page.getByRole('button', { name: 'Sign in as the one' }).click();

async function throughProvider(page: Page): Promise<void> {
  await toProvider(page);
  await agree(page);
}

function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  return once(server, 'listening').then(() => (server.address() as AddressInfo).port);
}

describe.skipIf(peersSkipped)('sign-in by an identity provider, behind a proxy that ends TLS', () => {
  let world: ConsoleWorld;
  let apiPort: number;
  let proxy: Server;
  let elsewhere: Server;
  /** Another site, which its visitor's browser shows. */
  let evil: string;
  let evilPage = '';
  beforeAll(async () => {
    apiPort = await freePort();
    proxy = createServer(pair, ({ method, url, headers }, response) => {
      const told = { ...headers, 'x-forwarded-for': '127.0.0.9', 'x-forwarded-proto': 'https' };
      // `pipe` ends the request; a stream that is left is left there as well.
      const onward = ask({ host: '127.0.0.1', port: apiPort, method, path: url, headers: told }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      onward.on('error', () => response.destroy());
      response.on('close', () => onward.destroy());
      response.req.pipe(onward);
    });
    const url = `https://${HOST}:${await listening(proxy)}`;
    elsewhere = createHttpServer((_, response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html>${evilPage}`),
    );
    evil = `http://127.0.0.1:${await listening(elsewhere)}`;
    world = await consoleWorld(
      {
        provisioning: { tenants: [tenant, { name: 'bolt', domain: 'bolt.test' }] },
        settings: settingsOf(url, { port: apiPort, trustedProxies: ['127.0.0.1'] }),
      },
      url,
    );
    await world.engine.api('/api/v1/users', { id: 'pat', role: 'system-admin', password: 'correct horse battery' });
  });
  afterAll(async () => {
    await world.stop();
    for (const server of [proxy, elsewhere]) {
      server.closeAllConnections();
      server.close();
    }
  });

  test('the button leads there and back; the session is a cookie that only HTTPS and no script reads; sign-out ends both', async () => {
    provider.claims = { sub: 'u-1', preferred_username: 'ann', groups: ['acme-readers'] };
    const { page, faults } = await world.browser(browserOptions());
    await page.getByRole('link', { name: 'Sign in with Acme SSO' }).waitFor();
    expect(await world.look(page, 'sign-in-provider')).toEqual([]);
    await throughProvider(page);
    await page.getByRole('heading', { level: 1, name: 'Trunks' }).waitFor();
    await page.waitForURL(`${world.url}/console/trunks`);
    expect(await page.context().cookies()).toEqual([
      expect.objectContaining({
        name: '__Host-tandem',
        domain: HOST,
        path: '/',
        secure: true,
        httpOnly: true,
        sameSite: 'Strict',
      }),
    ]);
    expect(await page.evaluate<string>('document.cookie')).toBe('');
    const answer = await page.reload();
    expect(await answer?.headerValue('strict-transport-security')).toMatch(/^max-age=\d{8}/);

    // What the claim gives, and no more.
    await page.getByText('Tenant admin · acme · read only').waitFor();
    await settled(page);
    expect(await page.getByRole('link', { name: 'Add a trunk' }).count()).toBe(0);
    const status = (path: string) => page.evaluate<number>(`fetch('${path}').then(({ status }) => status)`);
    expect([await status('/api/v1/tenants/acme'), await status('/api/v1/tenants/bolt')]).toEqual([200, 404]);

    await page.getByRole('link', { name: 'Your account' }).click();
    await page.getByRole('heading', { level: 1, name: 'Your account' }).waitFor();
    expect(await world.look(page, 'account-provider')).toEqual([]);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('You are signed out.').waitFor();
    expect(new URL(page.url()).origin).toBe(provider.issuer);
    expect(await page.context().cookies(world.url)).toEqual([]);
    await page.getByRole('link', { name: 'Back to the console' }).click();
    await page.getByRole('link', { name: 'Sign in with Acme SSO' }).waitFor();
    await page.waitForURL(`${world.url}/console/sign-in`);
    expect(faults).toEqual([]);
  }, 240_000);

  test('who is refused reads why, at the button that begins again', async () => {
    const { page, faults } = await world.browser(browserOptions());
    const refused = async (text: string) => {
      await throughProvider(page);
      await page.getByText(text).waitFor();
      expect((await page.context().cookies()).map(({ name }) => name)).toEqual([]);
    };
    provider.claims = { sub: 'u-2', preferred_username: 'eve', groups: ['guests'] };
    await refused('nothing of what it says of you gives you a role here');
    expect(await world.look(page, 'sign-in-refused')).toEqual([]);
    provider.claims = { sub: 'u-2', preferred_username: 'eve', groups: ['admins'] };
    for (const [broken, text] of [
      [{ error: 'access_denied' }, 'You have not agreed to sign in'],
      [{ wrong: { iss: 'https://evil.example' } }, 'calls itself by another name'],
      [{ wrong: { iat: 1_000, exp: 1_300 } }, 'clocks of this node and of the identity provider differ'],
      [{ isDown: true }, 'does not answer as it should'],
    ] as const) {
      Object.assign(provider, broken);
      await refused(text);
      Object.assign(provider, { error: undefined, wrong: {}, isDown: false });
    }
    // The answer of a sign-in that another browser began is worth nothing here: nobody is led into an account of somebody else's choosing.
    provider.asks = false;
    const theirs = await fetch(`http://127.0.0.1:${apiPort}/console/oidc/start?again`, { redirect: 'manual' });
    const back = await fetch(theirs.headers.get('location') ?? '', { redirect: 'manual' });
    provider.asks = true;
    await page.goto(`${back.headers.get('location')}&next=${evil}`);
    await page.getByText('began in another browser').waitFor();
    await throughProvider(page);
    await page.getByRole('heading', { level: 1, name: 'Trunks' }).waitFor();
    expect(faults).toEqual([]);
  }, 240_000);

  test('another site cannot choose the session, lead elsewhere, change anything, sign out, nor show the console in a frame', async () => {
    provider.claims = { sub: 'u-3', preferred_username: 'kim', groups: ['admins'] };
    const { page } = await world.browser(browserOptions());
    // Session fixation: a cookie that was there before, as a user's own session and as made up, is not the one that is signed in.
    await signIn(page, 'pat');
    await page.getByRole('heading', { level: 1, name: 'Trunks' }).waitFor();
    const [planted] = await page.context().cookies();
    await page.goto(`${world.url}/console/oidc/start?return=${evil}&redirect_uri=${evil}`);
    await agree(page);
    await page.getByText('oidc:kim').waitFor();
    // Open redirect: whatever the address asks for, the way ends at the console.
    await page.waitForURL(`${world.url}/console/trunks`);
    const [held] = await page.context().cookies();
    expect(held?.value).not.toBe(planted?.value);
    for (const path of [
      `/console//${new URL(evil).host}`,
      `/console/sign-in?next=${evil}`,
      `/console/sign-in#${evil}`,
    ]) {
      await page.goto(world.url + path);
      await page.getByText('oidc:kim').waitFor();
      expect(new URL(page.url()).origin).toBe(world.url);
    }

    // Clickjacking, and forged requests by form, fetch and picture, each with what this browser holds.
    evilPage = `<iframe src="${world.url}/console"></iframe><iframe name="hole"></iframe>
      <img src="${world.url}/console/oidc/start">
      <form method="post" enctype="text/plain" target="hole" action="${world.url}/api/v1/tenants"><input name='{"name":"evil","domain":"evil.test","x":"' value='"}'></form>`;
    await page.goto(evil);
    await expect.poll(() => page.frames()[1]?.url()).toMatch(/^chrome-error:/);
    expect(await page.frames()[1]?.locator('h1', { hasText: 'Trunks' }).count()).toBe(0);
    await Promise.all([
      page.waitForResponse((answer) => answer.request().method() === 'POST'),
      page.evaluate('document.forms[0].submit()'),
    ]);
    const forged = `Promise.all([
      fetch('${world.url}/api/v1/session', { method: 'DELETE', credentials: 'include', mode: 'no-cors' }),
      fetch('${world.url}/api/v1/tenants', { method: 'POST', credentials: 'include', mode: 'no-cors', body: '{"name":"evil","domain":"evil.test"}' }),
      fetch('${world.url}/api/v1/tenants', { credentials: 'include' }).then(() => 'read', () => 'unread'),
    ].map((each) => Promise.resolve(each).catch(() => 'refused')))`;
    expect(await page.evaluate<string[]>(forged)).toContain('unread');
    const { items } = (await world.engine.api('/api/v1/tenants')) as { items: { name: string }[] };
    expect(items.map(({ name }) => name).toSorted()).toEqual(['acme', 'bolt']);
    await page.goto(`${world.url}/console`);
    await page.getByText('oidc:kim').waitFor();
    expect((await page.context().cookies(world.url)).find(({ name }) => name === '__Host-tandem')?.value).toBe(
      held?.value,
    );
  }, 240_000);
});

describe.skipIf(peersSkipped)('sign-in by an identity provider, at the engine’s own HTTPS', () => {
  test('from the first-run page on; the browser comes by HTTPS ever after, whatever it is told', async () => {
    provider.claims = { sub: 'u-1', preferred_username: 'ann', groups: ['admins'] };
    const port = await freePort();
    const url = `https://${HOST}:${port}`;
    const files = { certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
    const world = await consoleWorld(
      { provisioning: { tenants: [tenant] }, settings: settingsOf(url, { port, ...files }) },
      url,
    );
    try {
      const { page, faults } = await world.browser(browserOptions());
      await page.getByRole('link', { name: 'Sign in with Acme SSO' }).waitFor();
      expect(await world.look(page, 'first-run-provider')).toEqual([]);
      await throughProvider(page);
      await page.getByText('oidc:ann').waitFor();
      expect(await page.context().cookies()).toMatchObject([{ name: '__Host-tandem', secure: true, httpOnly: true }]);
      // RFC 6797: nothing answers there without TLS, so only a browser that has kept the header arrives.
      await page.goto(`http://${HOST}:${port}/console/users`);
      await page.getByRole('heading', { level: 1, name: 'Users' }).waitFor();
      await page.waitForURL(`${url}/console/users`);
      expect(faults).toEqual([]);
    } finally {
      await world.stop();
    }
  }, 240_000);
});
