import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../kit/free-port.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { allWell, startAnswerer, startCaller } from '../sipp.ts';
import { acme } from '../world.ts';
import { type ConsoleWorld, consoleWorld } from './console-world.ts';

const next = (page: Page) => page.getByRole('button', { name: 'Next' }).click();

describe.skipIf(peersSkipped)('the wizards, from an empty system to an answered call', () => {
  let world: ConsoleWorld;
  beforeAll(async () => {
    const bare = { outboundRules: [], inboundRules: [] };
    const bolt = { name: 'bolt', domain: 'bolt.test', extensions: [], groups: [] };
    world = await consoleWorld({ provisioning: { tenants: [acme(bare), bolt] } });
  });
  afterAll(() => world.stop());

  const rule = (trunk: string) => ({
    name: 'world',
    match: { prefixes: ['9'] },
    routes: [{ trunk, strip: 1, prepend: '+' }],
  });

  test('a system admin adds an IP trunk step by step; faults stand at their fields; the call leaves as the preview shows it', async () => {
    const carrierPort = await freePort();
    const { page, faults } = await world.signedIn({ id: 'pat', role: 'system-admin' });
    await page.getByText('No trunks yet').waitFor();
    expect(await world.look(page, 'trunks-empty')).toEqual([]);
    await page.getByRole('link', { name: 'Add a trunk' }).click();
    await page.getByText('IP-based').click();
    expect(await world.look(page, 'wizard-type')).toEqual([]);
    await next(page);

    await page.getByLabel('Brand').selectOption('twilio');
    await page.getByText('What Twilio Elastic SIP Trunking brings along').waitFor();
    await page.getByLabel('Brand').selectOption('generic');
    await page.getByLabel('Name of the trunk').fill('carrier');
    await next(page);

    await page.getByLabel('Host, domain or IP').fill('not a host');
    await page.locator('.field-error').waitFor();
    await page.getByLabel('Host, domain or IP').fill('127.0.0.1');
    await page.locator('.field-error').waitFor({ state: 'detached' });
    await page.getByRole('textbox', { name: /^Port/ }).fill(String(carrierPort));
    await next(page);

    await page.getByLabel('Verify the port').check();
    expect(await world.look(page, 'wizard-options')).toEqual([]);
    await next(page);

    await page.getByRole('button', { name: 'Add a tenant' }).click();
    await page.getByRole('button', { name: 'Add a tenant' }).click();
    await page.getByLabel('DID pool').nth(0).fill('14155550100-14155550199');
    await page.getByLabel('DID pool').nth(1).fill('14155550199-14155550299');
    await page.locator('.field-error', { hasText: '14155550199' }).waitFor();
    expect(await world.look(page, 'wizard-overlap')).toEqual([]);
    await page.getByLabel('DID pool').nth(1).fill('14155550200-14155550299');
    await page.locator('.field-error').waitFor({ state: 'detached' });
    await next(page);

    await page.getByLabel('P-Asserted-Identity: User part').selectOption('OutboundCallerId');
    const line = page.locator('mark', { hasText: 'P-Asserted-Identity: ' });
    await line.waitFor();
    const shown = await line.innerText();
    expect(shown).toMatch(/<sip:14155550101@acme\.test>/);
    expect(await world.look(page, 'wizard-parameters')).toEqual([]);
    await next(page);
    await page.getByText('Everything fits').waitFor();
    await page.getByRole('button', { name: 'Add this trunk' }).click();
    await page.getByRole('heading', { name: 'carrier', level: 1 }).waitFor();
    expect(await world.look(page, 'trunk')).toEqual([]);

    await world.engine.api('/api/v1/tenants/acme/outbound-rules', rule('carrier'));
    const carrier = await startAnswerer('answer', { localPort: carrierPort });
    const [result] = await allWell(carrier, await startCaller('phone-call', world.engine.address()));
    expect(result?.messages).toContain(shown);

    await page.getByRole('button', { name: 'Delete' }).click();
    await page.locator('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText('tenants/acme/outbound-rules/world').waitFor();
    expect(faults).toEqual([]);
  }, 240_000);

  test('a tenant admin adds an accept-register trunk of its own, and cannot add IP trunks nor change the system’s', async () => {
    const gatewayPort = await freePort();
    const { page, faults } = await world.signedIn({ id: 'kim', role: 'tenant-admin', tenant: 'acme' });
    await page.getByRole('link', { name: 'carrier' }).click();
    await page.getByText('Your system admin holds this trunk').waitFor();
    expect(await page.getByRole('link', { name: 'Edit' }).count()).toBe(0);
    expect(await page.getByText('14155550200').count()).toBe(0);
    await page.getByRole('link', { name: 'Trunks' }).first().click();
    await page.getByRole('link', { name: 'Add a trunk' }).click();
    expect(await page.getByRole('radio', { name: 'IP-based' }).isDisabled()).toBe(true);
    await page.getByText('Accept register').click();
    await next(page);
    await page.getByLabel('Name of the trunk').fill('gateway');
    await next(page);
    await page.getByLabel('Host label').fill('gateway.example');
    await next(page);
    await page.getByLabel('User name or authentication name').fill('gw1');
    await page.getByLabel('Password').fill('secret-gw1');
    await next(page);
    await next(page);
    // In acme's pool at another provider: no conflict there.
    await page.getByLabel('DID pool').fill('442071000000-442071000099');
    await next(page);
    await next(page);
    await page.getByText('Everything fits').waitFor();
    await page.getByRole('button', { name: 'Add this trunk' }).click();
    await page.getByRole('heading', { name: 'gateway', level: 1 }).waitFor();

    const keys = { user: 'gw1', domain: 'gateway.example' };
    await allWell(await startCaller('phone-register', world.engine.address(), { localPort: gatewayPort, keys }));
    await page.getByText('online', { exact: true }).waitFor();
    const to = { ...rule('gateway'), name: 'gateway', match: { prefixes: ['8'] } };
    await world.engine.api('/api/v1/tenants/acme/outbound-rules', to);
    const gateway = await startAnswerer('answer', { localPort: gatewayPort });
    const phone = await startCaller('phone-call', world.engine.address(), { keys: { called: '8442071838750' } });
    await allWell(gateway, phone);
    expect(faults).toEqual([]);
  }, 240_000);
});
