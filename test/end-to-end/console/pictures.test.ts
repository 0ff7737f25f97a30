/**
 * The pictures of docs/console.md, from a running engine with made-up carriers:
 *
 *   TANDEM_PICTURES=1 npx vitest run test/end-to-end/console/pictures.test.ts
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { acme, carrierTrunk } from '../world.ts';
import { type ConsoleWorld, consoleWorld, settled } from './console-world.ts';
import { RawCarrier, RawPhone } from './raw-peers.ts';

const FOLDER = join(import.meta.dirname, '../../../docs/console');
const SIZE = { width: 1440, height: 860 };

const shoot = async (page: Page, name: string) => {
  await settled(page);
  await page.screenshot({ path: join(FOLDER, `${name}.png`) });
};

/** Some calls that ended, and one that goes on. */
async function callsOf(world: ConsoleWorld, carrier: RawCarrier): Promise<() => Promise<void>> {
  const phone = new RawPhone(world.engine.port());
  const dial = async (index: number, status: number, reason: string) => {
    const call = { called: `9141555501${10 + index}`, callId: `picture-${index}`, fields: ['User-Agent: Desk phone'] };
    Object.assign(carrier, { status, reason });
    await phone.call(call);
    await expect.poll(() => carrier.hasCall(call.called)).toBe(true);
    carrier.answer();
    await phone.final(call);
    return () => phone.hangUp(call);
  };
  for (const index of [1, 2, 3, 4, 5, 6]) await (await dial(index, 200, 'OK'))();
  await dial(7, 486, 'Busy Here');
  await dial(8, 503, 'Service Unavailable');
  const end = await dial(9, 200, 'OK');
  return async () => {
    await end();
    phone.close();
  };
}

test.runIf(process.env['TANDEM_PICTURES'] === '1')('the pictures of the documentation', async () => {
  mkdirSync(FOLDER, { recursive: true });
  const register = { type: 'register' as const, credentials: { authName: 'acme-4711', password: 'made-up-password' } };
  const carrier = await RawCarrier.open();
  const world = await consoleWorld({
    provisioning: {
      tenants: [acme()],
      trunks: [
        carrierTrunk(carrier.port),
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
  await page.getByRole('heading', { name: 'Trunks', level: 1 }).waitFor();
  await page.goto(`${world.url}/console/trunks/3/edit`);
  await page.getByRole('button', { name: 'Header fields' }).click();
  await page.getByLabel('P-Asserted-Identity: User part').selectOption('OutboundCallerId');
  await page.locator('mark', { hasText: 'P-Asserted-Identity' }).waitFor();
  await shoot(page, 'wizard');

  const end = await callsOf(world, carrier);
  await page.goto(`${world.url}/console/calls`);
  await page.locator('td a').first().click();
  await page.locator('.ladder-row', { hasText: 'INVITE (SDP)from tandem' }).click();
  await page.getByText('Why this value:').first().waitFor();
  await page.evaluate('window.scrollTo(0, 0)');
  await shoot(page, 'ladder');
  await end();
  await page.goto(`${world.url}/console/charts`);
  await page.locator('.code-part').first().waitFor();
  await page.getByLabel('Begun within').selectOption('15');
  await shoot(page, 'charts');
  await page.goto(`${world.url}/console/trunks`);
  await page.getByText('in the last hour,').first().waitFor();
  await shoot(page, 'trunks');
  carrier.close();
  await world.stop();
});
