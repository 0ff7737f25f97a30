import { afterAll, beforeAll, describe, test } from 'vitest';
import { type EngineProcess, startEngineProcess } from '../../kit/engine-process.ts';
import { freePort } from '../../kit/free-port.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { acme, carrierTrunk } from '../world.ts';
import { type ConsoleBrowsers, consoleAt, valueIn } from './console-world.ts';

describe.skipIf(peersSkipped)('an engine that is killed under an open console', () => {
  let engine: EngineProcess;
  let world: ConsoleBrowsers;
  beforeAll(async () => {
    const port = await freePort('127.0.0.1');
    engine = await startEngineProcess({
      provisioning: { tenants: [acme()], trunks: [carrierTrunk(5996)] },
      settings: { api: { host: '127.0.0.1', port } },
    });
    world = consoleAt(`http://127.0.0.1:${port}`, engine.dataFolder, () => engine.stop());
  });
  afterAll(() => world.stop());

  test('the page says so, keeps what was typed, and goes on by itself when the engine is back', async () => {
    const { page } = await world.signedIn({ id: 'pat', role: 'system-admin' });
    await page.getByRole('link', { name: 'carrier' }).waitFor();
    const events = await page.context().newPage();
    events.setDefaultTimeout(30_000);
    await events.goto(`${world.url}/console/events`);
    await events.getByText('following').waitFor();
    await page.goto(`${world.url}/console/trunks/new`);
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
    await valueIn(page.getByLabel('Name of the trunk')).toBe('typed while it was away');
    // The session is known to the new process too.
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByLabel('Host, domain or IP').waitFor();
  }, 120_000);
});
