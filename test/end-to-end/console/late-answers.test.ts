import type { Page, Route } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { peersSkipped } from '../../kit/peers.ts';
import { acme, carrierTrunk } from '../world.ts';
import { type ConsoleWorld, consoleWorld, countOf, settled, shown } from './console-world.ts';

/** Requests of a page that wait until somebody lets them go on. */
interface Held {
  readonly routes: readonly Route[];
  /** Settles once so many have come. */
  come(count: number): Promise<void>;
}

async function hold(page: Page, url: string, method: string, most = 1): Promise<Held> {
  const routes: Route[] = [];
  await page.route(url, (route) => {
    if (route.request().method() !== method || routes.length >= most) return route.fallback();
    routes.push(route);
    return undefined;
  });
  return { routes, come: (count) => expect.poll(() => routes.length, { timeout: 30_000 }).toBe(count) };
}

describe.skipIf(peersSkipped)('an answer that takes its time', () => {
  let world: ConsoleWorld;
  beforeAll(async () => {
    world = await consoleWorld({ provisioning: { tenants: [acme()], trunks: [carrierTrunk(5998)] } });
  });
  afterAll(() => world.stop());

  test('a dialog waits for it: a token that was made is shown', async () => {
    const { page, faults } = await world.signedIn({ id: 'may', role: 'system-admin' });
    await page.goto(`${world.url}/console/tokens`);
    await page.getByRole('button', { name: 'Make a token' }).first().click();
    const held = await hold(page, '**/api/v1/tokens', 'POST', 2);
    await page.locator('dialog button[type=submit]').click();
    await held.come(1);
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await page.locator('dialog').getByRole('button', { name: 'Cancel' }).click({ force: true });
    await held.routes[0]?.continue();
    await page.locator('.secret').waitFor();
    expect(held.routes).toHaveLength(1);
    expect(faults).toEqual([]);
  }, 180_000);

  test('a button that is pressed again meanwhile asks once', async () => {
    const { page, faults } = await world.signedIn({ id: 'ned', role: 'system-admin' });
    await world.signedIn({ id: 'otto', role: 'system-admin' });
    await page.goto(`${world.url}/console/users`);
    const row = page.getByRole('row').filter({ hasText: 'otto' });
    const held = await hold(page, '**/api/v1/users/otto', 'PATCH', 3);
    await row.getByRole('button', { name: 'Lock out' }).dblclick();
    await held.come(1);
    await row.getByRole('button', { name: 'Lock out' }).click({ force: true });
    for (const route of held.routes) await route.continue();
    await row.getByRole('button', { name: 'Let in again' }).waitFor();
    expect(held.routes).toHaveLength(1);
    expect(faults).toEqual([]);
  }, 180_000);

  test('of two files the one that was chosen last is looked at', async () => {
    const { page, faults } = await world.signedIn({ id: 'pia', role: 'system-admin' });
    await page.goto(`${world.url}/console/extensions/acme/csv`);
    const held = await hold(page, '**/csv/extensions?*', 'POST');
    const file = (numbers: readonly string[]) => ({
      name: 'a.csv',
      mimeType: 'text/csv',
      buffer: Buffer.from(['number', ...numbers].join('\n')),
    });
    const input = page.locator('input[type=file]');
    await input.setInputFiles(file(['701', '702', '703']));
    await held.come(1);
    const second = page.waitForResponse(/csv\/extensions\?/);
    await input.setInputFiles(file(['704']));
    await second;
    const first = page.waitForResponse(/csv\/extensions\?/);
    await held.routes[0]?.continue();
    await first;
    await page.getByRole('button', { name: 'Import 1', exact: true }).waitFor();
    await settled(page);
    await countOf(page.getByText('1 lines: 1 new')).toBe(1);
    await countOf(page.getByText('3 lines')).toBe(0);
    expect(faults).toEqual([]);
  }, 180_000);

  test('all rows are picked by it only if nobody has picked otherwise meanwhile', async () => {
    const { page, faults } = await world.signedIn({ id: 'quinn', role: 'system-admin' });
    await page.goto(`${world.url}/console/extensions/acme`);
    const all = page.getByRole('checkbox', { name: 'Pick all' });
    await all.waitFor();
    await settled(page);
    const held = await hold(page, '**/acme/extensions?*', 'GET');
    await all.click();
    await held.come(1);
    await all.click();
    await held.routes[0]?.continue();
    await settled(page);
    expect(await page.getByText(/picked$/).count()).toBe(0);
    expect(faults).toEqual([]);
  }, 180_000);

  test('the wizard stays at the step that somebody has gone to, and shows what is said of the latest draft', async () => {
    const { page, faults } = await world.signedIn({ id: 'rae', role: 'system-admin' });
    await page.goto(`${world.url}/console/trunks/new`);
    await page.getByText('IP-based').click();
    const next = page.getByRole('button', { name: 'Next' });
    await next.click();
    await page.getByLabel('Name of the trunk').fill('late');
    await settled(page);
    const first = await hold(page, '**/api/v1/trunks/preview', 'POST');
    await next.click();
    await first.come(1);
    await page.getByRole('button', { name: 'Back' }).click();
    await first.routes[0]?.continue();
    await settled(page);
    await page.getByText('IP-based').waitFor();
    await next.click();
    await next.click();
    const host = page.getByLabel('Host, domain or IP');
    await host.fill('not a host');
    await page.locator('.field-error').waitFor();
    await settled(page);
    const second = await hold(page, '**/api/v1/trunks/preview', 'POST');
    await next.click();
    await second.come(1);
    await host.fill('127.0.0.1');
    await page.locator('.field-error').waitFor({ state: 'detached' });
    await second.routes[0]?.continue();
    await settled(page);
    expect(await page.locator('.field-error').count()).toBe(0);
    expect(faults).toEqual([]);
  }, 180_000);

  test('what is shown is what was asked for last, whichever answer comes last', async () => {
    const { page, faults } = await world.signedIn({ id: 'sol', role: 'system-admin' });
    const url = `**/api/v1/trunks/${carrierTrunk(5998).id}/status`;
    const held: Route[] = [];
    let asked = 0;
    await page.route(url, async (route) => {
      asked += 1;
      if (asked === 2) return void held.push(route);
      const response = await route.fetch();
      const found = (await response.json()) as object;
      return route.fulfill({ response, json: { ...found, ...(asked > 2 && { state: 'rejected' }) } });
    });
    await page.goto(`${world.url}/console/trunks/${carrierTrunk(5998).id}`);
    await page.getByText('rejected', { exact: true }).waitFor();
    const late = page.waitForResponse((response) => response.request() === held[0]?.request());
    await held[0]?.continue();
    await (await late).finished();
    await page.evaluate('new Promise(requestAnimationFrame)');
    expect(await page.getByText('rejected', { exact: true }).count()).toBe(1);
    expect(faults).toEqual([]);
  }, 180_000);

  test('the focus is not lost with the row that it was in', async () => {
    const { page, faults } = await world.signedIn({ id: 'uma', role: 'system-admin' });
    await world.signedIn({ id: 'vic', role: 'system-admin' });
    await page.goto(`${world.url}/console/users`);
    const row = page.getByRole('row').filter({ hasText: 'vic' });
    await row.getByRole('button', { name: 'Delete' }).press('Enter');
    await page.locator('dialog').getByRole('button', { name: 'Delete' }).press('Enter');
    await countOf(row).toBe(0);
    await expect.poll(() => page.evaluate('document.activeElement.tagName')).toBe('H1');
    expect(faults).toEqual([]);
  }, 180_000);

  test('why a trunk is not asked again is said', async () => {
    const { page, faults } = await world.signedIn({ id: 'tom', role: 'system-admin' });
    const { id } = carrierTrunk(5998);
    await page.route(`**/api/v1/trunks/${id}/status`, async (route) => {
      const response = await route.fetch();
      return route.fulfill({ response, json: { ...((await response.json()) as object), state: 'rejected' } });
    });
    await page.goto(`${world.url}/console/trunks/${id}`);
    await page.getByRole('button', { name: 'Register again now' }).click();
    await shown(page.getByRole('alert').filter({ hasText: 'not asked again' })).toContain('does not register');
    expect(faults).toEqual([]);
  }, 180_000);
});
