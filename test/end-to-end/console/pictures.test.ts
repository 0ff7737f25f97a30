/**
 * The pictures of docs/console.md, from a running engine with made-up carriers:
 *
 *   TANDEM_PICTURES=1 npx vitest run test/end-to-end/console/pictures.test.ts
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { test } from 'vitest';
import { acme, carrierTrunk } from '../world.ts';
import { consoleWorld } from './console-world.ts';

const FOLDER = join(import.meta.dirname, '../../../docs/console');
const SIZE = { width: 1120, height: 700 };

const shoot = async (page: Page, name: string) => {
  await page.waitForTimeout(500);
  await page.screenshot({ path: join(FOLDER, `${name}.png`) });
};

test.runIf(process.env['TANDEM_PICTURES'] === '1')('the pictures of the documentation', async () => {
  mkdirSync(FOLDER, { recursive: true });
  const register = { type: 'register' as const, credentials: { authName: 'acme-4711', password: 'made-up-password' } };
  const world = await consoleWorld({
    provisioning: {
      tenants: [acme()],
      trunks: [
        carrierTrunk(5998),
        carrierTrunk(5060, { ...register, id: '2', name: 'Example-Telecom', host: '127.0.0.2' }),
        carrierTrunk(5061, { id: '3', name: 'Backup-Carrier', host: '127.0.0.3', enabled: false }),
      ].map((trunk, index) => ({
        ...trunk,
        tenants: [{ tenant: 'acme', didPool: `1415555${index}100-1415555${index}199` }],
      })),
    },
  });

  const first = await world.browser(SIZE);
  await shoot(first.page, 'first-run');
  const { page } = await world.signedIn({ id: 'pat@acme.example', role: 'system-admin' }, SIZE);
  await page.getByRole('link', { name: 'Example-Telecom' }).waitFor();
  await shoot(page, 'trunks');
  await page.goto(`${world.url}/console/trunks/3/edit`);
  await page.getByRole('button', { name: 'Header fields' }).click();
  await page.getByLabel('P-Asserted-Identity: User part').selectOption('OutboundCallerId');
  await page.locator('mark', { hasText: 'P-Asserted-Identity' }).waitFor();
  await shoot(page, 'wizard');
  await world.stop();
});
