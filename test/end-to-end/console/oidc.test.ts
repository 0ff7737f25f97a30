import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { TestAuthority } from '../../kit/certificates.ts';
import { freePort } from '../../kit/free-port.ts';
import { IdentityProvider } from '../../kit/identity-provider.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { acme, carrierTrunk } from '../world.ts';
import { type ConsoleWorld, consoleWorld } from './console-world.ts';

const HTTPS = { takesAnyCertificate: true };

describe.skipIf(peersSkipped)('sign-in by an identity provider, in a browser, over HTTPS', () => {
  let provider: IdentityProvider;
  let world: ConsoleWorld;
  let folder: string;
  /** By name: the provider is asked by address, and is another site to the browser. */
  let home: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tandem-oidc-'));
    const authority = new TestAuthority();
    const { cert, key } = authority.issue({ commonName: 'localhost', alternativeNames: ['DNS:localhost'] });
    authority.remove();
    writeFileSync(join(folder, 'cert.pem'), cert);
    writeFileSync(join(folder, 'key.pem'), key);
    const port = await freePort();
    home = `https://localhost:${port}`;
    provider = await new IdentityProvider().start();
    provider.redirectUris = [`${home}/console/oidc/callback`];
    const { issuer, clientId, clientSecret } = provider;
    const roles = [{ value: 'ops', role: 'tenant-admin', tenant: 'acme' } as const];
    world = await consoleWorld({
      provisioning: { tenants: [acme()], trunks: [carrierTrunk(5998)] },
      settings: {
        api: { port, certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem') },
        console: { oidc: { name: 'Acme SSO', issuer, clientId, clientSecret, consoleUrl: home, roles } },
      },
    });
  });
  afterAll(async () => {
    await world.stop();
    await provider.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(() => {
    provider.claims = { sub: 'u-1', preferred_username: 'pat', groups: ['ops'] };
    provider.error = undefined;
  });

  async function atSignIn(): Promise<{ page: Page; faults: string[] }> {
    const opened = await world.browser(HTTPS);
    await opened.page.goto(`${home}/console/sign-in`);
    return opened;
  }

  const byProvider = (page: Page) => page.getByRole('link', { name: 'Acme SSO' });

  test('the button leads to the provider and back to the trunks, under a new session that no script and no other site has', async () => {
    const { page, faults } = await atSignIn();
    await byProvider(page).waitFor();
    expect(await world.look(page, 'sign-in-oidc')).toEqual([]);
    // Somebody has put a session of its own into this browser (session fixation).
    await page.context().addCookies([{ name: 'tandem-session', value: 'planted', url: home, secure: true }]);
    const began = page.waitForResponse((response) => response.url() === `${home}/console/oidc/start`);
    await byProvider(page).click();
    await page.getByRole('link', { name: 'carrier' }).waitFor();
    expect((await began).headers()['strict-transport-security']).toMatch(/max-age=\d+/);
    expect(new URL(page.url()).origin).toBe(home);
    const session = (await page.context().cookies(home)).find(({ value }) => value !== 'planted');
    expect(session).toMatchObject({ secure: true, httpOnly: true, sameSite: 'Strict', path: '/' });
    expect(await page.evaluate<string>('document.cookie')).not.toContain(session?.value ?? 'planted');
    await page.getByRole('link', { name: 'Your account' }).click();
    await page.getByText('oidc:pat').first().waitFor();
    expect(await world.look(page, 'account-oidc')).toEqual([]);

    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('signed out').waitFor();
    expect(page.url()).toContain(`${provider.issuer}/sign-out`);
    await page.goto(`${home}/console/trunks`);
    await byProvider(page).waitFor();
    expect(faults).toEqual([]);
  });

  test('whoever is not let in reads why, and may try again', async () => {
    const { page, faults } = await atSignIn();
    provider.claims = { sub: 'u-2', preferred_username: 'lee', groups: ['guests'] };
    await byProvider(page).click();
    await page.getByText('nothing of what it says of you gives you a role here').waitFor();
    expect(await world.look(page, 'sign-in-oidc-refused')).toEqual([]);
    provider.error = 'access_denied';
    await byProvider(page).click();
    await page.getByText('You have not agreed to sign in.').waitFor();
    expect((await page.context().cookies(home)).filter(({ name }) => name.includes('session'))).toEqual([]);
    provider.error = undefined;
    provider.claims = { sub: 'u-2', preferred_username: 'lee', groups: ['ops'] };
    await byProvider(page).click();
    await page.getByRole('link', { name: 'carrier' }).waitFor();
    expect(faults).toEqual([]);
  });

  test('an answer that this browser did not ask for signs nobody in (login CSRF), and leads nowhere else', async () => {
    const { page } = await atSignIn();
    const theirs = await fetch(
      `${provider.issuer}/authorize?${new URLSearchParams({
        client_id: provider.clientId,
        redirect_uri: `${home}/console/oidc/callback`,
        response_type: 'code',
        scope: 'openid',
        state: 'mine',
        code_challenge: 'x'.repeat(43),
        code_challenge_method: 'S256',
      })}`,
      { redirect: 'manual' },
    );
    await page.goto(`${theirs.headers.get('location')}&next=https://evil.example/`);
    await page.getByText('This sign-in took too long, or began in another browser').waitFor();
    expect(new URL(page.url()).origin).toBe(home);
    const { signedIn } = await page.evaluate<{ signedIn: boolean }>(
      'fetch("/api/v1/session").then((answer) => answer.json())',
    );
    expect(signedIn).toBe(false);
  });
});
