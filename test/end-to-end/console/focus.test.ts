import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { peersSkipped } from '../../kit/peers.ts';
import { acme, carrierTrunk } from '../world.ts';
import { type ConsoleWorld, consoleWorld, countOf, settled, shown } from './console-world.ts';

/** What has the focus, as a screen reader would name it. */
const focused = (page: Page) =>
  expect.poll(
    () => page.evaluate<string>('[document.activeElement.tagName, document.activeElement.innerText].join(" ").trim()'),
    { timeout: 30_000 },
  );

const REFUSAL = { status: 409, json: { code: 'in-use', detail: 'it is in use' } };

describe.skipIf(peersSkipped)('the focus of a keyboard', () => {
  let world: ConsoleWorld;
  let page: Page;
  let faults: string[];
  beforeAll(async () => {
    world = await consoleWorld({ provisioning: { tenants: [acme()], trunks: [carrierTrunk(5998)] } });
    ({ page, faults } = await world.signedIn({ id: 'ida', role: 'system-admin' }));
  });
  afterAll(() => world.stop());

  test('stays on the button that imports, while it does and when it is refused', async () => {
    await page.goto(`${world.url}/console/extensions/acme/csv`);
    await page.getByLabel('File').setInputFiles({
      name: 'a.csv',
      mimeType: 'text/csv',
      buffer: Buffer.from('number,password\n701,secret-701\n'),
    });
    const button = page.getByRole('button', { name: 'Import 1', exact: true });
    await button.waitFor();
    await settled(page);
    let letGo = () => {};
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    await page.route('**/csv/extensions?*', async (route) => {
      await held;
      await route.fulfill(REFUSAL);
    });
    await button.press('Enter');
    await page.locator('progress').waitFor();
    await focused(page).toBe('BUTTON Import 1');
    letGo();
    await page.getByRole('alert').filter({ hasText: 'in use' }).waitFor();
    await focused(page).toBe('BUTTON Import 1');
    await page.unroute('**/csv/extensions?*');
    await button.press('Enter');
    await page.getByRole('link', { name: '701' }).waitFor();
    await focused(page).toMatch(/^H1 /);
    expect(faults).toEqual([]);
  }, 180_000);

  test('stays on the button that turns pages, on the last and on the first one', async () => {
    const user = {
      role: 'system-admin',
      enabled: true,
      readOnly: false,
      codes: false,
      createdAt: '2026-12-01T00:00:00Z',
    };
    await page.route('**/api/v1/users?*', (route) => {
      const offset = Number(new URL(route.request().url()).searchParams.get('offset'));
      const items = Array.from({ length: offset === 0 ? 50 : 1 }, (_, at) => ({ ...user, id: `u${offset + at}` }));
      return route.fulfill({ json: { items, total: 51, offset } });
    });
    await page.goto(`${world.url}/console/users`);
    await page.getByRole('button', { name: 'Next page' }).press('Enter');
    await shown(page.locator('.pager span[aria-live]')).toBe('51–51 of 51');
    await focused(page).toBe('BUTTON Next page');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Previous page' }).press('Enter');
    await shown(page.locator('.pager span[aria-live]')).toBe('1–50 of 51');
    await focused(page).toBe('BUTTON Previous page');
    await page.unroute('**/api/v1/users?*');
    expect(faults).toEqual([]);
  }, 180_000);

  test('stays on the button that deletes, when that is refused, and goes back to the one that opened the dialog', async () => {
    await page.goto(`${world.url}/console/extensions/acme/of/103`);
    const opener = page.getByRole('button', { name: 'Delete' });
    await opener.press('Enter');
    const dialog = page.locator('dialog');
    await settled(page);
    await page.route('**/acme/extensions/103', (route) =>
      route.request().method() === 'DELETE' ? route.fulfill(REFUSAL) : route.fallback(),
    );
    await dialog.getByRole('button', { name: 'Delete' }).press('Enter');
    await dialog.getByText('it is in use').waitFor();
    await focused(page).toBe('BUTTON Delete');
    await page.keyboard.press('Escape');
    await countOf(dialog).toBe(0);
    await focused(page).toBe('BUTTON Delete');
    expect(await opener.evaluate((element) => element === element.ownerDocument.activeElement)).toBe(true);
    expect(faults).toEqual([]);
  }, 180_000);

  test('goes to the name of the list that a row is taken out of', async () => {
    await page.goto(`${world.url}/console/outbound-rules/acme/of/world`);
    await settled(page);
    const rows = page.getByRole('button', { name: /^Remove/ });
    await rows.last().press('Enter');
    await focused(page).toMatch(/^LEGEND /);
    expect(faults).toEqual([]);
  }, 180_000);

  test('goes to the page that the menu of a narrow window leads to', async () => {
    await page.setViewportSize({ width: 360, height: 780 });
    await page.goto(`${world.url}/console/users`);
    await page.getByRole('button', { name: 'Menu' }).press('Enter');
    await page.getByRole('navigation').getByRole('link', { name: 'Webhooks' }).press('Enter');
    await page.getByRole('heading', { name: 'Webhooks', exact: true }).waitFor();
    await focused(page).toBe('H1 Webhooks');
    await page.setViewportSize({ width: 1280, height: 800 });
    expect(faults).toEqual([]);
  }, 180_000);
});
