import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { totpCode } from '../../../src/api/totp.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { acme, carrierTrunk } from '../world.ts';
import { type ConsoleWorld, consoleWorld, countOf, PASSWORD, shown, signIn, valueIn } from './console-world.ts';

const NARROW = { width: 360, height: 740 };

describe.skipIf(peersSkipped)('the console, from an engine that nobody has signed in to', () => {
  let world: ConsoleWorld;
  beforeAll(async () => {
    world = await consoleWorld({ provisioning: { tenants: [acme()], trunks: [carrierTrunk(5998)] } });
  });
  afterAll(() => world.stop());

  test('the first admin is made with the owner’s token, sees the trunks, and sets up codes that the next sign-in needs', async () => {
    const { page, faults } = await world.browser();
    await page.getByLabel('Owner token').fill('no-token');
    await page.getByLabel('Your name').fill('pat@example.com');
    await page.getByLabel('Password', { exact: true }).fill('short');
    await page.getByLabel('Password once more').fill('short');
    await page.getByRole('button', { name: 'Make the first admin' }).click();
    await shown(page.locator('.field-error')).toBe('is not the token that the file has now');
    await page.getByLabel('Owner token').fill(world.ownerToken);
    await page.getByRole('button', { name: 'Make the first admin' }).click();
    await shown(page.getByRole('alert')).toContain('must have at least 12 characters');
    expect(await world.look(page, 'first-run')).toEqual([]);
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByLabel('Password once more').fill(PASSWORD);
    await page.getByRole('button', { name: 'Make the first admin' }).click();
    await page.getByRole('link', { name: 'carrier' }).waitFor();
    expect(await world.look(page, 'trunks')).toEqual([]);

    await page.getByRole('link', { name: 'Your account' }).click();
    await page.getByRole('button', { name: 'Set up an authenticator app' }).click();
    const secret = (await page.locator('.secret').innerText()).replaceAll(' ', '');
    const code = () => totpCode(secret, Math.floor(Date.now() / 30_000));
    await page.getByLabel('The code that it shows now').fill(code());
    expect(await world.look(page, 'account')).toEqual([]);
    await page.getByRole('button', { name: 'Switch it on' }).click();
    await page.getByText('Each sign-in needs a code of your').waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await signIn(page, 'pat@example.com');
    await page.getByLabel('Code of your authenticator app').fill(totpCode(secret, Math.floor(Date.now() / 30_000) + 1));
    expect(await world.look(page, 'sign-in')).toEqual([]);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('link', { name: 'Trunks', exact: true }).waitFor();
    expect(faults).toEqual([]);
  }, 180_000);

  test('users and tokens are made and ended; a token is shown once and works', async () => {
    const { page, faults } = await world.signedIn({ id: 'kim', role: 'system-admin' });
    await page.getByRole('link', { name: 'Users' }).click();
    await page.getByRole('button', { name: 'Add a user' }).click();
    await page.getByLabel('Name', { exact: true }).fill('lee');
    await page.getByLabel('First password').fill(PASSWORD);
    await page.getByLabel('May', { exact: true }).selectOption('tenant-admin');
    await page.getByLabel('Tenant', { exact: true }).selectOption('acme');
    expect(await world.look(page, 'new-user')).toEqual([]);
    await page.locator('dialog button[type=submit]').click();
    await page.getByRole('row', { name: /lee/ }).waitFor();
    expect(await world.look(page, 'users')).toEqual([]);
    const refusal = { code: 'not-permitted', detail: 'not by this one' };
    await page.route('**/api/v1/users/lee', (route) => route.fulfill({ status: 403, json: refusal }));
    await page.getByRole('row', { name: /lee/ }).getByRole('button', { name: 'Lock out' }).click();
    await page.getByRole('alert').getByText('not by this one').waitFor();
    await page.unrouteAll();
    await page.getByRole('row', { name: /lee/ }).getByRole('button', { name: 'Lock out' }).click();
    await page.getByRole('row', { name: /lee/ }).getByRole('button', { name: 'Let in again' }).waitFor();
    await page.getByRole('row', { name: /lee/ }).getByRole('button', { name: 'Delete' }).click();
    await page.locator('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('row', { name: /lee/ }).waitFor({ state: 'detached' });

    await page.getByRole('link', { name: 'API tokens' }).click();
    await page.getByRole('button', { name: 'Make a token' }).click();
    await page.getByLabel('What it is for').fill('billing');
    await page.getByLabel('Read only').check();
    const days = page.getByLabel(/^Days until/);
    await days.fill('soon');
    await page.locator('dialog button[type=submit]').click();
    await page.locator('.field-error').getByText('must be a number, not text').waitFor();
    await days.fill('30');
    await page.locator('dialog button[type=submit]').click();
    const token = await page.locator('.secret').innerText();
    const ask = () => fetch(`${world.url}/api/v1/trunks`, { headers: { authorization: `Bearer ${token}` } });
    expect((await ask()).status).toBe(200);
    await page.getByRole('button', { name: 'I have kept it' }).click();
    await page
      .getByRole('row', { name: /billing/ })
      .getByRole('button', { name: 'Revoke' })
      .click();
    await page.locator('dialog').getByRole('button', { name: 'Revoke' }).click();
    await page.getByText('The token is revoked.').waitFor();
    expect((await ask()).status).toBe(401);
    expect(await world.look(page, 'tokens')).toEqual([]);
    expect(faults).toEqual([]);
  }, 180_000);

  test('it is German for who reads German, dark where the system is, and fits 360 px', async () => {
    const { page, faults } = await world.signedIn(
      { id: 'max', role: 'system-admin' },
      { ...NARROW, dark: true, locale: 'de-DE' },
    );
    await page.getByRole('link', { name: 'carrier' }).waitFor();
    await shown(page.locator('h1')).toBe('Trunks');
    for (const [path, name] of [
      ['trunks', 'Trunks'],
      ['trunks/new', 'Trunk anlegen'],
      ['calls', 'Laufende Anrufe'],
      ['registrations', 'Registrierungen'],
      ['events', 'Ereignisse'],
      ['try', 'Nummer ausprobieren'],
      ['plan', 'Änderungsvorschau'],
      ['users', 'Benutzer'],
      ['tokens', 'API-Tokens'],
      ['webhooks', 'Webhooks'],
      ['account', 'Ihr Konto'],
    ] as const) {
      await page.goto(`${world.url}/console/${path}`);
      await page.getByRole('heading', { level: 1, name }).waitFor();
      expect(await world.look(page, `narrow-dark-${path.replace('/', '-')}`)).toEqual([]);
      expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(NARROW.width);
    }
    await page.getByRole('button', { name: 'Menü' }).click();
    expect(await world.look(page, 'narrow-dark-menu')).toEqual([]);
    await page.keyboard.press('Escape');
    await countOf(page.getByRole('button', { name: 'Menü', exact: true }).and(page.locator(':focus'))).toBe(1);
    expect(faults).toEqual([]);
  }, 180_000);

  test('a session that ends asks for the password over the page, and what was typed there stays', async () => {
    const { page, faults } = await world.signedIn({ id: 'ann', role: 'system-admin' });
    await page.getByRole('link', { name: 'carrier' }).waitFor();
    await page.getByPlaceholder('Name or host').fill('carr');
    const cookies = await page.context().cookies();
    expect(cookies).toMatchObject([{ httpOnly: true, sameSite: 'Strict', path: '/' }]);
    await page.context().clearCookies();
    await page.getByText('Your session has ended').waitFor();
    await page.locator('dialog input[type=password]').fill(PASSWORD);
    await page.locator('dialog button[type=submit]').click();
    await page.locator('dialog').waitFor({ state: 'detached' });
    await valueIn(page.getByPlaceholder('Name or host')).toBe('carr');
    expect(faults).toEqual([]);
  }, 180_000);
});
