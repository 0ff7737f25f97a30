import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../kit/free-port.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { startCaller } from '../sipp.ts';
import { acme, carrierTrunk } from '../world.ts';
import { type ConsoleWorld, consoleWorld, countOf, isDisabled, settled, shown } from './console-world.ts';

const NARROW = { width: 360, height: 740 };
const heading = (page: Page, name: string | RegExp) => page.getByRole('heading', { level: 1, name }).waitFor();

describe.skipIf(peersSkipped)('the pages of what is provisioned', () => {
  let world: ConsoleWorld;
  let carrierPort: number;
  beforeAll(async () => {
    const bolt = { name: 'bolt', domain: 'bolt.test' };
    carrierPort = await freePort();
    world = await consoleWorld({ provisioning: { tenants: [acme(), bolt], trunks: [carrierTrunk(carrierPort)] } });
  });
  afterAll(() => world.stop());
  const stored = (path: string) => world.engine.api(`/api/v1/tenants/acme/${path}`) as Promise<Record<string, unknown>>;

  test('a system admin makes each kind of thing; faults stand at their fields; what refers to it is said before it is deleted', async () => {
    const { page, faults } = await world.signedIn({ id: 'pat', role: 'system-admin' });
    await page.getByRole('link', { name: 'Extensions' }).click();
    await page.getByRole('link', { name: '101', exact: true }).waitFor();
    expect(await world.look(page, 'extensions')).toEqual([]);
    await page.getByRole('link', { name: 'Add an extension' }).click();
    await page.getByLabel('Number').fill('12a');
    await page.getByRole('textbox', { name: /^Password/ }).fill('secret-104');
    await page.getByLabel('Rings for').fill('soon');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await expect
      .poll(() => page.locator('.field-error').allInnerTexts())
      .toEqual(['must be 1 to 15 digits', expect.stringMatching(/number/)]);
    expect(await world.look(page, 'new-extension')).toEqual([]);
    await page.getByLabel('Number').fill('104');
    await page.getByLabel('Rings for').fill('25');
    await page.getByLabel('When busy to').fill('101');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByText('104 is added.').waitFor();
    await page.getByRole('link', { name: '104' }).waitFor();
    expect(await stored('extensions/104')).toMatchObject({
      forward: { busy: '101', noAnswerSeconds: 25 },
      passwordSet: true,
    });

    await page.getByRole('link', { name: '101', exact: true }).click();
    await heading(page, '101 · Alice');
    await page.getByLabel('Name of the user').fill('Alice B.');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('101 is saved.').waitFor();
    expect(await stored('extensions/101')).toMatchObject({ name: 'Alice B.', passwordSet: true });
    await page.getByRole('link', { name: 'Changes' }).click();
    const entry = page.getByRole('row', { name: 'tenants/acme/extensions/101' }).first();
    await shown(entry).toMatch(/pat[\s\S]*changed[\s\S]*name Alice → Alice B\./);
    await page.getByLabel('Search').fill('tenants/acme/extensions/104');
    await countOf(page.getByRole('row')).toBe(2);
    await shown(page.getByRole('row').last()).toMatch(/pat[\s\S]*added/);
    expect(await world.lookTwice(page, 'audit')).toEqual([]);
    await page.goto(`${world.url}/console/extensions/acme/of/101`);
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByText('tenants/acme/extensions/104').waitFor();
    await isDisabled(page.locator('dialog').getByRole('button', { name: 'Delete' })).toBe(true);
    expect(await world.look(page, 'extension-in-use')).toEqual([]);
    await page.keyboard.press('Escape');

    await page.getByRole('link', { name: 'User groups' }).click();
    await page.getByText('No user groups yet').waitFor();
    expect(await world.look(page, 'groups-empty')).toEqual([]);
    await page.getByRole('link', { name: 'Add a group' }).click();
    await page.getByLabel('Name of the group').fill('sales');
    await page.getByLabel('Members').fill('101\n102');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByRole('link', { name: 'sales' }).waitFor();

    await page.getByRole('link', { name: 'Services' }).click();
    await page.getByRole('link', { name: 'Add a service' }).click();
    await page.getByLabel('Number', { exact: true }).fill('600');
    await page.getByLabel('Name of the service').fill('Front desk');
    await page.getByLabel('Members').fill('101\n103');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByRole('link', { name: '600' }).waitFor();
    expect(await stored('services/600')).toMatchObject({ kind: 'ring-group', members: ['101', '103'] });

    await page.getByRole('link', { name: 'Outbound rules' }).click();
    await page.getByRole('link', { name: 'Add an outbound rule' }).click();
    await shown(page.getByLabel('Order').locator('option:checked')).toBe('As listed');

    await page.getByRole('link', { name: 'Inbound rules' }).click();
    await page.getByRole('link', { name: 'Add an inbound rule' }).click();
    await page.getByLabel('Name of the rule').fill('desk');
    await page.getByLabel('Trunk', { exact: true }).fill('carrier');
    await page.getByLabel('DID number or range').fill('4930100');
    await page.getByLabel('Calls go to').selectOption('service');
    await page.getByLabel('Number of the service').fill('600');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.locator('.field-error').waitFor();
    await page.getByLabel('DID number or range').fill('14155550150');
    await page.getByText('Opening hours', { exact: true }).first().click();
    await page.getByRole('button', { name: 'Add a span' }).click();
    await page.getByLabel('From', { exact: true }).fill('08:00');
    await page.getByLabel('To', { exact: true }).fill('18:00');
    await page.getByRole('checkbox', { name: 'Sat' }).check();
    expect(await world.look(page, 'new-inbound-rule')).toEqual([]);
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByRole('link', { name: 'desk' }).waitFor();
    expect(await stored('inbound-rules/desk')).toMatchObject({
      destination: { service: '600' },
      hours: { open: [{ days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat'], from: '08:00', to: '18:00' }] },
    });
    expect(await world.look(page, 'inbound-rules')).toEqual([]);
    expect(faults).toEqual([]);
  }, 180_000);

  test('many are changed or deleted at once, with what came of it for each; a spreadsheet is looked at line by line before it is imported', async () => {
    const { page, faults } = await world.signedIn({ id: 'kim', role: 'tenant-admin', tenant: 'acme' });
    // It names 101.
    await world.engine.api('/api/v1/tenants/acme/groups', { name: 'front', members: ['101'] });
    await page.goto(`${world.url}/console/extensions`);
    await page.getByRole('link', { name: '102' }).waitFor();
    await page.getByLabel('Pick 102').check();
    await page.getByLabel('Pick 103').check();
    await page.getByRole('button', { name: 'Change a field' }).click();
    await page.getByLabel('Field').selectOption('outboundCallerId');
    await page.locator('dialog').getByRole('textbox').fill('4930999');
    expect(await world.look(page, 'bulk')).toEqual([]);
    await page.getByRole('button', { name: 'Change 2' }).click();
    await page.getByText('2 left as they were:').waitFor();
    expect(await world.look(page, 'bulk-refused')).toEqual([]);
    await page.getByRole('button', { name: 'Close' }).click();
    await page.getByLabel('Pick all').check();
    await page.getByRole('button', { name: 'Change a field' }).click();
    await page.getByLabel('Field').selectOption('forward.noAnswerSeconds');
    await page.locator('dialog').getByRole('textbox').fill('33');
    await page.locator('dialog button[type=submit]').click();
    await page.getByText(/\d changed/).waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
    expect(await stored('extensions/103')).toMatchObject({ forward: { noAnswerSeconds: 33 } });

    await page.getByRole('link', { name: 'Import and export' }).click();
    const file = (text: string) => ({ name: 'phones.csv', mimeType: 'text/csv', buffer: Buffer.from(text, 'latin1') });
    await page
      .getByLabel('File')
      .setInputFiles(file('number;name;password\r\n120;J\u00f6rg;secret-120\r\n12x;Wrong;\r\n'));
    await page.getByRole('cell', { name: 'Line 3' }).waitFor();
    await countOf(page.getByText('Read as WINDOWS-1252, separated by semicolons')).toBe(1);
    await isDisabled(page.getByRole('button', { name: /^Import \d/ })).toBe(true);
    expect(await world.look(page, 'import-faults')).toEqual([]);
    await page.getByRole('button', { name: 'Import only the 1 good ones' }).click();
    await page.getByRole('link', { name: '120' }).waitFor();
    expect(await stored('extensions/120')).toMatchObject({ name: 'J\u00f6rg', passwordSet: true });
    await page.getByRole('link', { name: 'Import and export' }).click();
    const downloaded = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Download' }).click();
    const text = readFileSync(await (await downloaded).path(), 'utf8');
    expect(text).toMatch(/^\ufeffnumber,name,enabled,password,[^\r]*\r\n101,/);

    await page.goto(`${world.url}/console/extensions`);
    await page.getByLabel('Pick 120').check();
    await page.getByLabel('Pick 101').check();
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByText('1 stay, since something names them:').waitFor();
    expect(await world.look(page, 'bulk-delete')).toEqual([]);
    await page.getByRole('button', { name: 'Delete 1' }).click();
    await page.getByText('1 deleted').waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
    await page.getByRole('link', { name: '120' }).waitFor({ state: 'detached' });
    expect(faults).toEqual([]);
  }, 180_000);

  test('before a rule is saved one sees which of the latest calls would leave differently, in its form and on the plan page', async () => {
    // That it leaves is enough: nobody is at the carrier's port.
    await (await startCaller('phone-call', world.engine.address())).finished;
    await expect.poll(() => world.engine.api('/api/v1/call-records'), { timeout: 20_000 }).toMatchObject({ total: 1 });
    const { page, faults } = await world.signedIn({ id: 'lee', role: 'system-admin' });
    await page.goto(`${world.url}/console/outbound-rules/acme/of/world`);
    await page.getByLabel('Prepend').fill('00');
    await page.getByRole('button', { name: 'What would change' }).click();
    await page.getByText('1 of 1 calls').waitFor();
    await shown(page.locator('ins').first()).toContain('00');
    expect(await world.look(page, 'rule-plan')).toEqual([]);
    expect(await stored('outbound-rules/world')).toMatchObject({ routes: [{ prepend: '+' }] });
    await page.getByLabel('Trunk', { exact: true }).fill('nobody');
    await page.getByRole('button', { name: 'What would change' }).click();
    await page.locator('.field-error').waitFor();
    page.on('dialog', (dialog) => void dialog.accept());
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.locator('dialog').getByText('1 of 1 calls').waitFor();
    await page.keyboard.press('Escape');

    await page.getByRole('link', { name: 'Change preview' }).click();
    const document = (await world.engine.api('/api/v1/provisioning')) as {
      tenants: { name: string; outboundCallerId?: string; outboundRules: { routes: object[] }[] }[];
    };
    const tenants = document.tenants
      .filter(({ name }) => name === 'acme')
      .map((tenant) => ({ ...tenant, outboundRules: [] }));
    await page.getByLabel('The change, as a provisioning document').fill(JSON.stringify({ tenants }));
    await page.locator('main button[type=submit]').click();
    await page.getByText('1 of 1 calls').waitFor();
    expect(await world.look(page, 'plan')).toEqual([]);
    await page.getByLabel('The change, as a provisioning document').fill('{');
    await page.locator('main button[type=submit]').click();
    await page.getByRole('alert').getByText('JSON').waitFor();
    expect(faults).toEqual([]);
  }, 180_000);

  test('a tenant admin has its own tenant and what it may set there; whoever only reads is offered nothing', async () => {
    const { page, faults } = await world.signedIn({ id: 'ann', role: 'tenant-admin', tenant: 'acme' });
    await page.getByRole('link', { name: 'Tenants' }).click();
    await page.getByRole('link', { name: 'acme' }).click();
    await page.getByLabel('SIP domain').waitFor();
    await settled(page);
    expect(await page.getByRole('link', { name: 'bolt' }).count()).toBe(0);
    await isDisabled(page.getByLabel('SIP domain')).toBe(true);
    await isDisabled(page.getByLabel('Stop all calls out')).toBe(true);
    expect(await page.getByRole('button', { name: 'Delete' }).count()).toBe(0);
    await page.getByLabel('Company caller ID').fill('14155550102');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('acme is saved.').waitFor();
    await page.getByRole('link', { name: 'Number processing' }).click();
    await page.getByLabel('Process numbers').check();
    await page.getByRole('textbox', { name: 'Own country code' }).fill('1');
    await page.getByRole('button', { name: 'Save' }).click();
    // That it is saved may still be said of the time before.
    await expect
      .poll(() => world.engine.api('/api/v1/tenants/acme'))
      .toMatchObject({ outboundCallerId: '14155550102', numberProcessing: { countryCode: '1' } });
    await page.getByRole('link', { name: 'Limits' }).click();
    await page.getByLabel('Calls at once').waitFor();
    await settled(page);
    expect(await page.getByRole('button', { name: 'Save' }).count()).toBe(0);
    for (const path of ['tenants/bolt', 'extensions/bolt', 'extensions/bolt/of/101', 'outbound-rules/bolt/of/world']) {
      await page.goto(`${world.url}/console/${path}`);
      await page.getByText('does not exist').first().waitFor();
    }

    const eve = await world.signedIn({ id: 'eve', role: 'tenant-admin', tenant: 'acme', readOnly: true });
    for (const path of [
      'extensions/acme',
      'extensions/acme/of/101',
      'outbound-rules/acme/of/world',
      'tenants/acme',
      'certificates',
    ]) {
      await eve.page.goto(`${world.url}/console/${path}`);
      await eve.page.locator('main .card').first().waitFor();
      await settled(eve.page);
      for (const name of [/^Add/, /^Save/, /^Delete/, /^Pick/, /^Change a field/])
        expect(await eve.page.locator('main').getByRole('button', { name }).count(), `${path} ${name}`).toBe(0);
      expect(await eve.page.locator('main').getByRole('checkbox', { name: /^Pick/ }).count()).toBe(0);
    }
    const ask = (method: string, path: string, body: unknown) =>
      eve.page.evaluate<number>(
        `fetch('/api/v1/session').then((r) => r.json()).then(({ csrfToken }) => fetch('/api/v1/${path}', { method: '${method}', headers: { 'x-csrf-token': csrfToken, 'content-type': '${typeof body === 'string' ? 'text/csv' : 'application/json'}' }, body: ${JSON.stringify(typeof body === 'string' ? body : JSON.stringify(body))} })).then((r) => r.status)`,
      );
    expect(await ask('PATCH', 'tenants/acme/extensions', { keys: ['101'], patch: { name: 'x' } })).toBe(403);
    expect(await ask('POST', 'tenants/acme/csv/extensions', 'number\n1')).toBe(403);
    expect(await ask('PATCH', 'tenants/bolt/extensions', { keys: ['101'], patch: null })).toBe(403);
    expect([...faults, ...eve.faults]).toEqual([]);
  }, 180_000);

  test('transports, certificates and a new tenant; all of it in German, dark and 360 px wide', async () => {
    const { page, faults } = await world.signedIn(
      { id: 'max', role: 'system-admin' },
      { ...NARROW, dark: true, locale: 'de-DE' },
    );
    for (const [path, name] of [
      ['extensions/acme', 'Nebenstellen'],
      ['extensions/acme/csv', 'Nebenstellen als Tabelle'],
      ['services/bolt', 'Dienste'],
      ['outbound-rules/acme/of/world', 'world'],
      ['tenants', 'Mandanten'],
      ['tenants/acme/dial-codes', 'acme'],
      ['certificates', 'Zertifikate'],
      ['certificates/+/new', 'Zertifikat hinzuf\u00fcgen'],
      ['transports', 'Transporte'],
      ['transports/+/new', 'Transport hinzuf\u00fcgen'],
      ['tenants/+/new', 'Mandanten anlegen'],
    ] as const) {
      await page.goto(`${world.url}/console/${path}`);
      await heading(page, name);
      await page.locator('main .card').first().waitFor();
      expect(await world.look(page, `narrow-dark-${path.replaceAll('/', '-')}`), path).toEqual([]);
      expect(await page.evaluate<number>('document.documentElement.scrollWidth'), path).toBeLessThanOrEqual(
        NARROW.width,
      );
    }
    await page.getByLabel('Name', { exact: true }).fill('cork');
    await page.getByLabel('SIP-Domain').fill('bolt.test');
    await page.getByRole('button', { name: 'Anlegen' }).click();
    await page.locator('.field-error').waitFor();
    await page.getByLabel('SIP-Domain').fill('cork.test');
    await page.getByRole('button', { name: 'Anlegen' }).click();
    await heading(page, 'cork');

    // A part none of whose fields is asked for is not there.
    await page.goto(`${world.url}/console/certificates/+/new`);
    await page.getByRole('heading', { name: 'Anrufe signieren' }).waitFor();
    await page.getByLabel('Wof\u00fcr es ist').selectOption('tls');
    await page.getByRole('heading', { name: 'Anrufe signieren' }).waitFor({ state: 'detached' });

    const port = await freePort();
    await page.goto(`${world.url}/console/transports/+/new`);
    await page.getByLabel('Name', { exact: true }).fill('streams');
    await page.getByLabel('Protokoll').selectOption('tcp');
    await page.getByLabel('Adresse', { exact: true }).fill('192.0.2.1');
    await page.getByLabel('Port', { exact: true }).fill(String(port));
    await page.getByRole('button', { name: 'Anlegen' }).click();
    await page.locator('.field-error').waitFor();
    await page.getByLabel('Adresse', { exact: true }).fill('127.0.0.1');
    await page.getByRole('button', { name: 'Anlegen' }).click();
    await page.getByText('hier hinzugef\u00fcgt').waitFor();
    expect(await optionsOver(port)).toMatch(/^SIP\/2\.0 200 /);
    expect(await world.look(page, 'narrow-dark-transport-added')).toEqual([]);
    await page.getByRole('button', { name: 'L\u00f6schen streams' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'L\u00f6schen' }).click();
    await page.getByText('hier hinzugef\u00fcgt').waitFor({ state: 'detached' });
    await expect(optionsOver(port)).rejects.toThrow('ECONNREFUSED');
    expect(faults).toEqual([]);
  }, 180_000);
});

/** The answer to an OPTIONS over TCP. */
async function optionsOver(port: number): Promise<string> {
  const client = connect(port, '127.0.0.1');
  try {
    await once(client, 'connect');
    const via = `Via: SIP/2.0/TCP 127.0.0.1:5099;branch=z9hG4bK-console-${port}`;
    const fields = ['Max-Forwards: 70', 'From: <sip:a@127.0.0.1>;tag=1', 'To: <sip:127.0.0.1>', `Call-ID: c-${port}`];
    client.write(
      `${['OPTIONS sip:127.0.0.1 SIP/2.0', via, ...fields, 'CSeq: 1 OPTIONS'].join('\r\n')}\r\nContent-Length: 0\r\n\r\n`,
    );
    return String((await once(client, 'data'))[0]);
  } finally {
    client.destroy();
  }
}
