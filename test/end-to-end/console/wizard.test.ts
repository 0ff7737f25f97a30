import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestAuthority } from '../../kit/certificates.ts';
import { freePort } from '../../kit/free-port.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { allWell, startAnswerer, startCaller } from '../sipp.ts';
import { acme } from '../world.ts';
import { type ConsoleWorld, consoleWorld, isDisabled, settled, shown } from './console-world.ts';

const next = (page: Page) => page.getByRole('button', { name: 'Next' }).click();

describe.skipIf(peersSkipped)('the wizards, from an empty system to an answered call', () => {
  let world: ConsoleWorld;
  let folder: string;
  beforeAll(async () => {
    const bare = { outboundRules: [], inboundRules: [] };
    const bolt = { name: 'bolt', domain: 'bolt.test', extensions: [], groups: [] };
    folder = mkdtempSync(join(tmpdir(), 'tandem-wizard-'));
    const authority = new TestAuthority();
    const { cert, key } = authority.issue({ commonName: 'sbc1.acme.test', alternativeNames: ['DNS:sbc1.acme.test'] });
    authority.remove();
    writeFileSync(join(folder, 'cert.pem'), cert);
    writeFileSync(join(folder, 'key.pem'), key);
    const host = '127.0.0.1';
    const files = { certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
    world = await consoleWorld({
      provisioning: {
        tenants: [acme(bare), bolt],
        certificates: [{ name: 'acme-sbc', owner: 'acme', use: 'tls', chain: cert, key }],
      },
      settings: {
        listen: [
          { transport: 'udp', host, port: 0 },
          { transport: 'tls', host, port: 0, ...files },
        ],
        // Nobody answers there: no name of the world is asked for.
        dns: { servers: ['127.0.0.1:9'], timeoutMs: 100 },
      },
    });
  });
  afterAll(async () => {
    await world.stop();
    rmSync(folder, { recursive: true });
  });

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
    await shown(line).toMatch(/<sip:14155550101@acme\.test>/);
    const previewed = await line.innerText();
    expect(await world.look(page, 'wizard-parameters')).toEqual([]);
    await next(page);
    await page.getByText('Everything fits').waitFor();
    // It may be saved so, and no call would leave.
    await page.getByRole('button', { name: 'Options' }).click();
    await page.getByLabel('STIR/SHAKEN signature required').check();
    await page.getByRole('button', { name: 'Check' }).click();
    await page.getByText('this call would be refused').waitFor();
    await page.getByText('403 Call Cannot Be Signed').waitFor();
    expect(await page.getByText('Everything fits').count()).toBe(0);
    await page.getByRole('button', { name: 'Options' }).click();
    await page.getByLabel('A call that no certificate can sign').selectOption('leaves without a signature');
    await page.getByRole('button', { name: 'Check' }).click();
    await page.getByText('Everything fits').waitFor();
    // Signatures of calls in are checked with trust anchors, which this node does not have.
    await page.getByRole('button', { name: 'Options' }).click();
    await page.getByLabel('Signatures of calls in').selectOption('are checked and shown; the call goes on');
    await page.locator('.field-error').waitFor();
    expect(await world.look(page, 'wizard-stir')).toEqual([]);
    await page.getByLabel('Signatures of calls in').selectOption({ index: 0 });
    await page.getByLabel('STIR/SHAKEN signature required').uncheck();
    await page.getByRole('button', { name: 'Check' }).click();
    await page.getByText('Everything fits').waitFor();
    await page.getByRole('button', { name: 'Add this trunk' }).click();
    // The last step is what `tandem doctor` finds: nobody answers there yet.
    await page.locator('.findings li', { hasText: 'OPTIONS' }).first().waitFor();
    expect(await world.look(page, 'doctor')).toEqual([]);
    await page.getByRole('link', { name: 'Open the trunk' }).click();
    await page.getByRole('button', { name: 'Check this trunk' }).waitFor();
    expect(await world.look(page, 'trunk')).toEqual([]);

    await world.engine.api('/api/v1/tenants/acme/outbound-rules', rule('carrier'));
    const carrier = await startAnswerer('answer', { localPort: carrierPort });
    const [result] = await allWell(carrier, await startCaller('phone-call', world.engine.address()));
    expect(result?.messages).toContain(previewed);

    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByText('tenants/acme/outbound-rules/world').waitFor();
    await isDisabled(page.locator('dialog').getByRole('button', { name: 'Delete' })).toBe(true);
    await page.keyboard.press('Escape');

    // What the call that has just left would have looked like, before the change is saved.
    await page.getByRole('link', { name: 'Edit' }).click();
    await page.getByRole('button', { name: 'Header fields' }).click();
    await page.getByText('What the variables stand for').click();
    await page.getByLabel('P-Asserted-Identity: User part').selectOption('CallerNum');
    expect(await world.look(page, 'wizard-variables')).toEqual([]);
    await page.getByRole('button', { name: 'Check', exact: true }).first().click();
    await page.getByText('1 of 1 calls would leave differently').waitFor();
    await page.locator('del', { hasText: previewed.replace('P-Asserted-Identity: ', '') }).waitFor();
    expect(await world.look(page, 'wizard-change')).toEqual([]);
    // Somebody else's change in between is not overwritten.
    const id = page.url().split('/').at(-2) ?? '';
    const stored = (await world.engine.api(`/api/v1/trunks/${id}`)) as Record<string, unknown>;
    const put = {
      method: 'PUT',
      headers: { authorization: `Bearer ${world.engine.token}`, 'content-type': 'application/json' },
    };
    const { status: _status, ...settings } = stored;
    const changed = JSON.stringify({ ...settings, limits: { concurrentCalls: 7 } });
    expect((await fetch(`${world.url}/api/v1/trunks/${id}`, { ...put, body: changed })).status).toBe(200);
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByRole('alert').filter({ hasText: 'changed' }).waitFor();
    expect(faults).toEqual([]);
  }, 240_000);

  test('a tenant admin adds an accept-register trunk of its own, and cannot add IP trunks nor change the system’s', async () => {
    const gatewayPort = await freePort();
    await world.engine.api('/api/v1/trunks', {
      name: 'system-line',
      type: 'ip',
      host: '127.0.0.9',
      tenants: [
        { tenant: 'acme', didPool: '14155550400-14155550499' },
        { tenant: 'bolt', didPool: '14155550500-14155550599' },
      ],
    });
    const { page, faults } = await world.signedIn({ id: 'kim', role: 'tenant-admin', tenant: 'acme' });
    await page.getByRole('link', { name: 'system-line' }).click();
    await page.getByText('Your system admin holds this trunk').waitFor();
    await settled(page);
    expect(await page.getByRole('link', { name: 'Edit' }).count()).toBe(0);
    expect(await page.getByText('14155550500').count()).toBe(0);
    await page.getByRole('link', { name: 'Trunks' }).first().click();
    await page.getByRole('link', { name: 'Add a trunk' }).click();
    await isDisabled(page.getByRole('radio', { name: 'IP-based' })).toBe(true);
    await page.getByText('Accept register').click();
    await next(page);
    await page.getByLabel('Name of the trunk').fill('gateway');
    await next(page);
    await page.getByLabel('Host label').fill('gateway.example');
    await next(page);
    await page.getByLabel('Authorization name').fill('gw1');
    await page.getByLabel('Password').fill('secret-gw1');
    await next(page);
    await next(page);
    // In acme's pool at another provider: no conflict there.
    await page.getByLabel('DID pool').fill('442071000000-442071000099');
    await next(page);
    await next(page);
    await page.getByText('Everything fits').waitFor();
    await page.getByRole('button', { name: 'Add this trunk' }).click();
    await page.locator('.findings li', { hasText: 'Gateway' }).first().waitFor();
    // What the guide has entered at the gateway.
    const needs = page.getByRole('region', { name: 'What the gateway needs' });
    for (const value of ['gateway.example', '127.0.0.1', `${world.engine.port()} (UDP)`, 'gw1'])
      await shown(needs).toContain(value);
    expect(await world.look(page, 'wizard-gateway')).toEqual([]);
    await page.getByRole('link', { name: 'Open the trunk' }).click();
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

  test('a tenant admin adds a Teams trunk and fills in a WhatsApp one: what would be refused is said while it is typed', async () => {
    const { page, faults } = await world.signedIn({ id: 'lou', role: 'tenant-admin', tenant: 'acme' });
    await page.getByRole('link', { name: 'Add a trunk' }).click();
    await page.getByText('Microsoft Teams', { exact: true }).click();
    await next(page);
    await page.getByLabel('Name of the trunk').fill('teams');
    await next(page);
    const fqdn = page.getByLabel('Name of this system at Teams');
    const fault = (text: string | RegExp) => page.locator('.field-error', { hasText: text }).first().waitFor();
    const certificate = page.locator('.field', { has: page.getByLabel('Certificate') });
    await fqdn.fill('sbc1.acme.test');
    await page.getByLabel('Certificate').fill('acme-sbx');
    await certificate.locator('.field-error', { hasText: 'no certificate "acme-sbx"' }).waitFor();
    await page.getByRole('listitem').filter({ hasText: 'Certificate: tenant "acme" has no certificate' }).waitFor();
    await fqdn.fill('192.0.2.7');
    await page.getByLabel('Certificate').fill('acme-sbc');
    await fault('192.0.2.7');
    await fqdn.fill('sbc1.acme.onmicrosoft.com');
    await fault('onmicrosoft.com');
    await fqdn.fill('other.acme.test');
    await fault('other.acme.test');
    expect(await world.look(page, 'wizard-teams')).toEqual([]);
    await fqdn.fill('sbc1.acme.test');
    await page.locator('.field-error').waitFor({ state: 'detached' });
    await next(page);
    await page.getByLabel('DID pool').fill('14155550300-14155550309');
    await next(page);
    const message = 'no listener has the transport tls: add one before a trunk uses it';
    const errors = [{ code: 'transport-missing', path: 'trunk.transport', message }];
    const refusal = { status: 422, json: { code: 'validation-failed', detail: message, errors } };
    await page.route('**/trunks/preview', (route) => route.fulfill(refusal));
    await next(page);
    await page.getByText(`Transport: ${message}`).waitFor();
    expect(await page.getByRole('button', { name: 'Go to' }).count(), 'a Teams trunk has no such step').toBe(0);
    await page.unrouteAll();
    await page.getByRole('button', { name: 'Back' }).click();
    await next(page);
    await page.getByText('Everything fits').waitFor();
    await page.getByRole('button', { name: 'Add this trunk' }).click();
    await page.locator('.findings li', { hasText: 'Certificate' }).first().waitFor();
    await page.getByText('Something is wrong').waitFor();

    await page.getByRole('link', { name: 'Trunks' }).first().click();
    await page.getByRole('link', { name: 'Add a trunk' }).click();
    await page.getByText('WhatsApp', { exact: true }).click();
    await next(page);
    await page.getByLabel('Name of the trunk').fill('whatsapp');
    await next(page);
    // Without numbers nobody goes on.
    await next(page);
    await page.getByLabel('DID pool').fill('14155550310');
    await next(page);
    await page.getByLabel('Phone number ID').fill('one');
    await fault('must be digits');
    await page.getByLabel('Phone number ID').fill('1001');
    await page.getByLabel('WhatsApp Business account ID').fill('2002');
    for (const secret of ['Access token', 'App secret', 'Verify token']) await page.getByLabel(secret).fill('made-up');
    await page.getByLabel('WhatsApp number').fill('+14155550399');
    await fault('14155550399');
    expect(await world.look(page, 'wizard-whatsapp')).toEqual([]);
    await page.getByLabel('WhatsApp number').fill('+14155550310');
    await page.locator('.field-error').waitFor({ state: 'detached' });
    await next(page);
    await page.getByText('Everything fits').waitFor();
    expect(faults).toEqual([]);
  }, 240_000);
});
