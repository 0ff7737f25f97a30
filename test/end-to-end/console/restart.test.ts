import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BrowserContext } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBrowser } from '../../kit/browser.ts';
import { type EngineProcess, startEngineProcess } from '../../kit/engine-process.ts';
import { freePort } from '../../kit/free-port.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { acme, carrierTrunk } from '../world.ts';
import { PASSWORD, signIn } from './console-world.ts';

describe.skipIf(peersSkipped)('an engine that is killed under an open console', () => {
  let engine: EngineProcess;
  let browser: BrowserContext;
  let url: string;
  beforeAll(async () => {
    const port = await freePort('127.0.0.1');
    url = `http://127.0.0.1:${port}`;
    engine = await startEngineProcess({
      provisioning: { tenants: [acme()], trunks: [carrierTrunk(5996)] },
      settings: { api: { host: '127.0.0.1', port } },
    });
    const token = readFileSync(join(engine.dataFolder, 'owner-token'), 'utf8').trim();
    const made = await fetch(`${url}/api/v1/users`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ id: 'pat', role: 'system-admin', password: PASSWORD }),
    });
    expect(made.status).toBe(201);
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await engine.stop();
  });

  test('the page says so, keeps what was typed, and goes on by itself when the engine is back', async () => {
    const page = browser.pages()[0] ?? (await browser.newPage());
    page.setDefaultTimeout(30_000);
    await page.goto(`${url}/console`);
    await signIn(page, 'pat');
    await page.getByRole('link', { name: 'carrier' }).waitFor();
    const events = await browser.newPage();
    events.setDefaultTimeout(30_000);
    await events.goto(`${url}/console/events`);
    await events.getByText('following').waitFor();
    await page.goto(`${url}/console/trunks/new`);
    await page.getByText('IP-based').click();
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByLabel('Name of the trunk').fill('half typed');

    engine.child.signal('SIGKILL');
    await page.getByText('The engine does not answer.').first().waitFor();
    await events.getByText('coming back').waitFor();
    await page.getByLabel('Name of the trunk').fill('typed while it was away');
    await engine.killAndRestart();
    await page.getByText('The engine is back.').waitFor();
    await page.getByText('The engine does not answer.').first().waitFor({ state: 'detached' });
    await events.getByText('following').waitFor();
    expect(await page.getByLabel('Name of the trunk').inputValue()).toBe('typed while it was away');
    // The session is known to the new process too.
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByLabel('Host, domain or IP').waitFor();
  }, 120_000);
});
