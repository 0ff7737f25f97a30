import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { peersSkipped } from '../../kit/peers.ts';
import { acme, carrierTrunk } from '../world.ts';
import { type ConsoleWorld, consoleWorld } from './console-world.ts';

describe.skipIf(peersSkipped)('what was typed is not lost', () => {
  let world: ConsoleWorld;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tandem-entries-'));
    world = await consoleWorld({ provisioning: { tenants: [acme()], trunks: [carrierTrunk(5998)] } });
  });
  afterAll(async () => {
    await world.stop();
    rmSync(folder, { recursive: true });
  });

  test('a step back or forth in the browser asks before the page is left, and is taken back with a no', async () => {
    const { page, faults } = await world.signedIn({ id: 'pat', role: 'system-admin' });
    await page.getByRole('link', { name: 'Extensions' }).click();
    await page.getByRole('link', { name: 'Trunks', exact: true }).click();
    await page.getByRole('link', { name: 'Add a trunk' }).click();
    await page.getByText('Register-based').click();
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByLabel('Name of the trunk').fill('line');
    const answers = [false, false, true];
    page.on('dialog', (dialog) => void (answers.shift() === true ? dialog.accept() : dialog.dismiss()));
    for (const left of [2, 1]) {
      await page.evaluate(left === 2 ? 'history.back()' : 'history.go(-2)');
      await expect.poll(() => answers.length).toBe(left);
      await expect.poll(() => page.url()).toMatch(/\/trunks\/new$/);
      expect(await page.getByLabel('Name of the trunk').inputValue()).toBe('line');
    }
    await page.goBack();
    await page.getByRole('link', { name: 'carrier' }).waitFor();
    await page.goBack();
    await page.getByRole('link', { name: '101', exact: true }).waitFor();
    await page.goForward();
    await page.getByRole('link', { name: 'carrier' }).waitFor();
    expect(faults).toEqual([]);
  }, 180_000);

  test('a part of a form that was opened stays open while the last fault in it is being mended', async () => {
    const { page, faults } = await world.signedIn({ id: 'kim', role: 'system-admin' });
    await page.goto(`${world.url}/console/inbound-rules/acme/new`);
    await page.getByLabel('Name of the rule').fill('office');
    await page.getByLabel('Trunk', { exact: true }).fill('carrier');
    await page.getByLabel('DID number or range').fill('14155550150');
    await page.getByLabel('Calls go to').selectOption('hangUp');
    await page.getByText('Opening hours', { exact: true }).first().click();
    await page.getByRole('button', { name: 'Add a span' }).click();
    await page.getByLabel('From', { exact: true }).fill('25:00');
    await page.getByLabel('To', { exact: true }).fill('18:00');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.locator('.field-error').waitFor();
    await page.getByLabel('From', { exact: true }).fill('08:00');
    await page.locator('.field-error').waitFor({ state: 'detached' });
    await page.getByLabel('To', { exact: true }).fill('19:00');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByRole('link', { name: 'office' }).waitFor();
    expect(faults).toEqual([]);
  }, 180_000);

  test('a spreadsheet that was mended is chosen again under its name; what is imported is what was looked at', async () => {
    const { page, faults } = await world.signedIn({ id: 'lee', role: 'system-admin' });
    await page.goto(`${world.url}/console/extensions/acme/csv`);
    const file = join(folder, 'phones.csv');
    const choose = async (text: string) => {
      writeFileSync(file, text);
      const chooser = page.waitForEvent('filechooser');
      await page.getByLabel('File').click();
      await (await chooser).setFiles(file);
    };
    await choose('number,name\n12x,Wrong\n');
    await page.getByRole('cell', { name: 'Line 2' }).waitFor();
    await choose('number,name\n120,Looked at\n');
    await page.getByText('Every line is fine').waitFor();
    writeFileSync(file, 'number,name\n121,Never looked at, and longer\n');
    await page.getByRole('button', { name: 'Import 1' }).click();
    await page.getByRole('link', { name: '120' }).waitFor();
    expect(await page.getByRole('link', { name: '121' }).count()).toBe(0);
    expect(faults).toEqual([]);
  }, 180_000);
});
