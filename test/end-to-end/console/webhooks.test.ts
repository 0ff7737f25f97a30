import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signWebhook } from '../../../src/observe/webhooks.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { acme, carrierTrunk } from '../world.ts';
import { type ConsoleWorld, consoleWorld, countOf, shown } from './console-world.ts';

describe.skipIf(peersSkipped)('webhooks', () => {
  let world: ConsoleWorld;
  let status = 200;
  const taken: { readonly body: string; readonly signature: string }[] = [];
  const receiver = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => {
      body += String(part);
    });
    request.on('end', () => {
      taken.push({ body, signature: String(request.headers['tandem-signature']) });
      response.writeHead(status).end();
    });
  });
  beforeAll(async () => {
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    world = await consoleWorld({ provisioning: { tenants: [acme()], trunks: [carrierTrunk(5998)] } });
  });
  afterAll(async () => {
    await world.stop();
    receiver.closeAllConnections();
    receiver.close();
  });
  const address = () => `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/crm`;

  test('a webhook is added, its secret is shown once and signs; it is tested, changed and deleted', async () => {
    const { page, faults } = await world.signedIn({ id: 'pat', role: 'system-admin' });
    const submit = page.locator('dialog button[type=submit]');
    await page.getByRole('link', { name: 'Webhooks' }).click();
    await page.getByText('No webhooks yet').waitFor();
    expect(await world.look(page, 'webhooks-empty')).toEqual([]);
    await page.getByRole('button', { name: 'Add a webhook' }).first().click();
    await page.getByLabel('Address').fill('crm');
    await page.getByLabel('Call record').uncheck();
    await submit.click();
    await shown(page.getByRole('alert')).toContain('Address: must be an http or https URL');
    await shown(page.getByRole('alert')).toContain('What is posted: ');
    await page.getByLabel('Address').fill(address());
    await page.getByLabel('Change', { exact: true }).check();
    expect(await world.lookTwice(page, 'webhook-new')).toEqual([]);
    await submit.click();
    const secret = await page.locator('.secret').innerText();
    expect(secret).toMatch(/^[a-z2-9-]{23}$/);
    const asked = page.waitForEvent('dialog');
    const back = page.evaluate('history.back()');
    const question = await asked;
    expect(question.message()).toContain('shown to nobody again');
    await question.dismiss();
    await back;
    expect(await page.locator('.secret').innerText()).toBe(secret);
    await page.getByRole('button', { name: 'I have kept it' }).click();

    // Nothing is posted into a private network without leave, and the page says why.
    const row = page.getByRole('row', { name: /crm/ });
    await row.getByRole('button', { name: 'Test' }).click();
    await shown(page.getByRole('dialog')).toContain('No answer:');
    await page.getByRole('button', { name: 'Close' }).click();
    await row.getByRole('button', { name: 'Edit' }).click();
    await page.getByLabel('It may be in a private network').check();
    await submit.click();
    await page.getByText('The webhook is saved.').waitFor();

    status = 500;
    await row.getByRole('button', { name: 'Test' }).click();
    await shown(page.getByRole('dialog')).toContain('The receiver answered 500');
    status = 204;
    await page.getByRole('button', { name: 'Once more' }).click();
    await shown(page.getByRole('dialog')).toContain('The receiver took it: it answered 204.');
    expect(await world.look(page, 'webhook-test')).toEqual([]);
    // The change of the webhook has been told to it, too.
    const tests = taken.filter(({ body: posted }) => JSON.parse(posted).type === 'test');
    const { body, signature } = tests.at(-1) ?? { body: '{}', signature: '' };
    expect(tests).toHaveLength(2);
    expect(signature).toBe(signWebhook(secret, Number(/^t=(\d+)/.exec(signature)?.[1]), body));
    await page.keyboard.press('Escape');
    await countOf(page.getByRole('dialog')).toBe(0);

    // The change that is made to it is told to it, and the list says that it got there.
    await row.getByRole('button', { name: 'Edit' }).click();
    await page.getByLabel('Give it a new secret').check();
    await page.getByLabel('Fraud guard').check();
    await submit.click();
    await shown(page.locator('.secret')).not.toBe(secret);
    await page.getByRole('button', { name: 'I have kept it' }).click();
    await row.getByText('answered 204').waitFor();
    expect(await world.lookTwice(page, 'webhooks')).toEqual([]);

    await row.getByRole('button', { name: 'Delete' }).click();
    await page.locator('dialog').getByRole('button', { name: 'Delete' }).click();
    await page.getByText('No webhooks yet').waitFor();
    expect(await world.engine.api('/api/v1/webhooks')).toMatchObject({ total: 0 });
    expect(faults).toEqual([]);
  }, 180_000);

  test("a tenant admin's is its tenant's; who reads only is offered nothing; an answer that gets lost is told", async () => {
    const { page, faults } = await world.signedIn({ id: 'ann', role: 'tenant-admin', tenant: 'acme' });
    await page.goto(`${world.url}/console/webhooks`);
    await page.getByRole('button', { name: 'Add a webhook' }).first().click();
    await page.getByLabel('Address').fill('https://hooks.example.net/acme');
    expect(await page.getByLabel('It may be in a private network').count()).toBe(0);
    await page.route('**/api/v1/webhooks', async (route) => {
      if (route.request().method() !== 'POST') return route.continue();
      await route.fetch();
      await route.abort();
    });
    await page.locator('dialog button[type=submit]').click();
    await shown(page.getByRole('alert')).toContain('give it a new one');
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('row', { name: /hooks\.example\.net/ }).waitFor();
    const listed = () => world.engine.api('/api/v1/webhooks') as Promise<{ items: { id: string; tenant: string }[] }>;
    const [hook] = (await listed()).items;
    expect(hook?.tenant).toBe('acme');

    // What somebody else changes while the form is open stays as it is then.
    await page
      .getByRole('row', { name: /hooks\.example\.net/ })
      .getByRole('button', { name: 'Edit' })
      .click();
    await page.getByLabel('Fraud guard').check();
    const { apiAddress, token } = world.engine;
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const other = { method: 'PATCH', headers, body: JSON.stringify({ enabled: false }) };
    expect((await fetch(`${apiAddress}/api/v1/webhooks/${hook?.id}`, other)).status).toBe(200);
    await page.locator('dialog button[type=submit]').click();
    await page.getByText('The webhook is saved.').waitFor();
    expect(await listed()).toMatchObject({ items: [{ enabled: false, topics: ['call-record', 'fraud'] }] });

    const reader = await world.signedIn({ id: 'rob', role: 'tenant-admin', tenant: 'acme', readOnly: true });
    await reader.page.goto(`${world.url}/console/webhooks`);
    await reader.page.getByRole('row', { name: /hooks\.example\.net/ }).waitFor();
    for (const name of ['Add a webhook', 'Test', 'Edit', 'Delete'])
      expect(await reader.page.getByRole('button', { name }).count()).toBe(0);
    expect([...faults, ...reader.faults]).toEqual([]);
  }, 180_000);
});
