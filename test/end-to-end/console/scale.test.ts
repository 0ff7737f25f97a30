/**
 * Large listings in the console, on a machine that does nothing else; it is no part of the suite:
 *
 *   TANDEM_SCALE=full npx vitest run test/end-to-end/console/scale.test.ts
 */
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { accessibilityFaults } from '../../kit/axe.ts';
import { acme, carrierTrunk } from '../world.ts';
import { type ConsoleWorld, consoleWorld } from './console-world.ts';

const TRUNKS = 10_000;
const EXTENSIONS = 100_000;
const FIRST_ROWS_MS = 1000;
const SEARCH_MS = 300;

/** When the first row was there, since the page was asked for. */
const firstRows = (page: Page) =>
  page.evaluate<number>(
    "new Promise((resolve) => { const look = () => document.querySelector('tbody a') ? resolve(performance.now()) : requestAnimationFrame(look); look(); })",
  );
/** How long the engine took for the latest search. */
const searchMs = (page: Page, q: string) =>
  page.evaluate<number>(
    `performance.getEntriesByType('resource').filter(({ name }) => name.includes('q=${q}')).at(-1).duration`,
  );

describe.runIf(process.env['TANDEM_SCALE'] === 'full')(`${EXTENSIONS} extensions and ${TRUNKS} trunks`, () => {
  let world: ConsoleWorld;
  beforeAll(async () => {
    const trunks = Array.from({ length: TRUNKS }, (_, index) => ({
      id: String(1000 + index),
      name: `line-${index}`,
      type: 'ip' as const,
      host: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
      tenants: [],
    }));
    world = await consoleWorld({ provisioning: { tenants: [acme()], trunks: [carrierTrunk(5995), ...trunks] } });
  }, 300_000);
  afterAll(() => world.stop());

  test('come in by a spreadsheet, are there at once, scroll to the end, and are found', async () => {
    const rows = Array.from({ length: EXTENSIONS }, (_, index) => `${200_000 + index},User ${index}`);
    const began = performance.now();
    const response = await fetch(`${world.url}/api/v1/tenants/acme/csv/extensions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${world.ownerToken}`, 'content-type': 'text/csv' },
      body: `number,name\n${rows.join('\n')}`,
    });
    expect(await response.json()).toMatchObject({ applied: true, created: EXTENSIONS });
    const importMs = performance.now() - began;
    const { page, faults } = await world.signedIn({ id: 'pat', role: 'system-admin' });
    await page.locator('#menu').waitFor({ state: 'attached' });
    const times: Record<string, number> = { importMs };
    for (const [path, q] of [
      ['extensions/acme', `User%20${EXTENSIONS - 1}`.replace('%20', '+')],
      ['trunks', `line-${TRUNKS - 1}`],
    ] as const) {
      await page.goto(`${world.url}/console/${path}`, { waitUntil: 'commit' });
      times[`${path}: rows`] = await firstRows(page);
      if (path === 'extensions/acme') {
        const drawn = () => page.locator('tbody tr').count();
        expect(await drawn()).toBeLessThan(80);
        await page.evaluate('window.scrollTo(0, document.documentElement.scrollHeight)');
        await page.getByRole('link', { name: String(200_000 + EXTENSIONS - 1) }).waitFor();
        expect(await drawn()).toBeLessThan(80);
        expect(await page.locator('table').getAttribute('aria-rowcount')).toBe(String(EXTENSIONS + 4));
        expect(await accessibilityFaults(page)).toEqual([]);
        await page.evaluate('window.scrollTo(0, 0)');
      }
      await page.getByRole('searchbox').fill(q.replace('+', ' '));
      await expect.poll(() => page.locator('tbody tr').count(), { timeout: 30_000 }).toBe(1);
      times[`${path}: search`] = await searchMs(page, q);
    }
    console.log(times);
    expect(times['extensions/acme: rows']).toBeLessThan(FIRST_ROWS_MS);
    expect(times['trunks: rows']).toBeLessThan(FIRST_ROWS_MS);
    expect(times['extensions/acme: search']).toBeLessThan(SEARCH_MS);
    expect(times['trunks: search']).toBeLessThan(SEARCH_MS);
    expect(faults).toEqual([]);
  }, 300_000);
});
