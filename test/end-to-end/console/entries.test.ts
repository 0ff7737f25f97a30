import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { peersSkipped } from '../../kit/peers.ts';
import { acme, carrierTrunk } from '../world.ts';
import { type ConsoleWorld, consoleWorld, countOf, PASSWORD, shown, valueIn } from './console-world.ts';

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
  const api = async (method: string, path: string, body?: object) => {
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const headers = { authorization: `Bearer ${world.engine.token}`, ...type };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await fetch(`${world.url}/api/v1/${path}`, { method, headers, ...sent });
    if (!answer.ok) throw new Error(await answer.text());
  };

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

  test('a step back is taken back after steps within one page, too', async () => {
    const { page, faults } = await world.signedIn({ id: 'eve', role: 'system-admin' });
    const add = page.getByRole('link', { name: 'Add an extension' });
    const number = page.getByLabel('Number', { exact: true });
    page.on('dialog', (dialog) => void dialog.dismiss());
    await page.getByRole('link', { name: 'Extensions' }).click();
    await add.click();
    await number.fill('140');
    await page.getByLabel('Name of the user').fill('Erin');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByRole('link', { name: '140', exact: true }).waitFor();
    await api('PATCH', 'tenants/acme/extensions', { keys: ['140'], patch: null });
    // The list took the form's place: a step back leads from the list to the list.
    await page.evaluate('history.back()');
    await expect.poll(() => page.evaluate('history.state?.place')).toBe(1);
    await add.click();
    await number.fill('141');
    const asked = page.waitForEvent('dialog');
    await page.evaluate('history.back()');
    await asked;
    await expect.poll(() => page.url()).toMatch(/\/extensions\/acme\/new$/);
    expect(await number.inputValue()).toBe('141');
    expect(faults).toEqual([]);
  }, 180_000);

  test('neither the link to the page itself nor the one to its content is a step', async () => {
    const { page, faults } = await world.signedIn({ id: 'sue', role: 'system-admin' });
    const trunks = page.getByRole('link', { name: 'Trunks', exact: true });
    await trunks.click();
    await page.getByRole('link', { name: 'carrier' }).waitFor();
    const steps = await page.evaluate('history.length');
    await trunks.click();
    expect(await page.evaluate('history.length')).toBe(steps);
    await page.getByRole('link', { name: 'Skip to the content' }).press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('content');
    expect(await page.evaluate('history.length')).toBe(steps);
    expect(page.url()).toMatch(/\/trunks$/);
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

    await page.goto(`${world.url}/console/extensions/acme/csv`);
    await page.evaluate("File.prototype.arrayBuffer = () => Promise.reject(new DOMException('', 'NotReadableError'))");
    await choose('number,name\n122,Cannot be read\n');
    await shown(page.getByRole('alert')).toContain('Choose it again.');
    expect(faults).toEqual([]);
  }, 180_000);

  test('what somebody else has changed or deleted meanwhile is told, and stays, with what was typed beside it', async () => {
    const { page, faults } = await world.signedIn({ id: 'max', role: 'system-admin' });
    await api('POST', 'tenants/acme/extensions', { number: '130', name: 'Dora', outboundCallerId: '14155550130' });
    await page.goto(`${world.url}/console/extensions/acme/of/130`);
    await page.getByLabel('When busy to').fill('101');
    await api('PATCH', 'tenants/acme/extensions/130', { name: 'Dora B.', limits: { concurrentCalls: 3 } });
    await page.getByRole('button', { name: 'Save' }).click();
    await shown(page.getByRole('alert')).toContain(
      'Somebody else has changed this meanwhile: Name of the user, Calls at once.',
    );
    await valueIn(page.getByLabel('Name of the user')).toBe('Dora B.');
    await valueIn(page.getByLabel('When busy to')).toBe('101');
    expect(await world.look(page, 'changed-meanwhile')).toEqual([]);
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('130 is saved.').waitFor();
    expect(await world.engine.api('/api/v1/tenants/acme/extensions/130')).toMatchObject({
      name: 'Dora B.',
      forward: { busy: '101' },
      limits: { concurrentCalls: 3 },
    });

    await page.getByLabel('Name of the user').fill('Dora C.');
    await api('PATCH', 'tenants/acme/extensions', { keys: ['130'], patch: null });
    await page.getByRole('button', { name: 'Save' }).click();
    await shown(page.getByRole('alert')).toContain('Somebody else has changed or deleted this meanwhile');
    await valueIn(page.getByLabel('Name of the user')).toBe('Dora C.');
    expect(faults).toEqual([]);
  }, 180_000);

  test('what is typed while a save is under way, or while it is read again, stays and is saved by the next', async () => {
    const { page, faults } = await world.signedIn({ id: 'kim', role: 'system-admin' });
    await api('POST', 'tenants/acme/extensions', { number: '150', name: 'Kim', outboundCallerId: '14155550150' });
    await page.goto(`${world.url}/console/extensions/acme/of/150`);
    const name = page.getByLabel('Name of the user');
    const busy = page.getByLabel('When busy to');
    const save = page.getByRole('button', { name: 'Save' });
    for (const method of ['PUT', 'GET']) {
      await name.fill(`Kim, ${method}`);
      const gate = Promise.withResolvers<void>();
      const asked = Promise.withResolvers<void>();
      await page.route('**/extensions/150', async (route) => {
        if (route.request().method() !== method) return route.fallback();
        asked.resolve();
        await gate.promise;
        return route.continue();
      });
      await save.click();
      await asked.promise;
      await busy.fill(method === 'PUT' ? '101' : '');
      gate.resolve();
      await page.getByText('150 is saved.').first().waitFor();
      await page.getByRole('heading', { name: `150 · Kim, ${method}` }).waitFor();
      await page.unroute('**/extensions/150');
      await valueIn(busy).toBe(method === 'PUT' ? '101' : '');
      await save.click();
      const there = async () => {
        const found = await world.engine.api('/api/v1/tenants/acme/extensions/150');
        const { name: is, forward } = found as { name: string; forward: { busy?: string | null } };
        return [is, forward.busy ?? ''];
      };
      await expect.poll(there).toEqual([`Kim, ${method}`, method === 'PUT' ? '101' : '']);
      await valueIn(name).toBe(`Kim, ${method}`);
    }
    expect(faults).toEqual([]);
  }, 180_000);

  test('a password is proposed by the browser, shown until it is saved, and never again', async () => {
    const { page, faults } = await world.signedIn({ id: 'ida', role: 'system-admin' });
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.goto(`${world.url}/console/extensions/acme/of/103`);
    const password = page.getByLabel(/^Password/);
    await page.getByRole('button', { name: 'Propose a strong one' }).click();
    await valueIn(password).toMatch(/^(?:[a-z2-9]{5}-){3}[a-z2-9]{5}$/);
    expect(await password.getAttribute('type')).toBe('text');
    const proposed = await password.inputValue();
    await page.getByRole('button', { name: 'Copy' }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(proposed);
    expect(await world.look(page, 'password')).toEqual([]);
    await page.getByRole('button', { name: 'Save' }).click();
    await valueIn(password).toBe('');
    expect(await password.getAttribute('type')).toBe('password');
    await password.fill('typed by hand');
    expect(await password.getAttribute('type')).toBe('password');
    expect(faults).toEqual([]);
  }, 180_000);

  test('a range of extensions is added at once, each with a password that is shown once; one that is there is not changed', async () => {
    const { page, faults } = await world.signedIn({ id: 'ann', role: 'system-admin' });
    await page.goto(`${world.url}/console/extensions/acme`);
    await page.getByRole('link', { name: 'Add a range' }).click();
    const last = page.getByLabel('Last number');
    const add = page.getByRole('button', { name: 'Add', exact: true });
    await page.getByLabel('First number').fill('103');
    await last.fill('22');
    await add.click();
    await shown(page.locator('.field-error')).toContain('as long as the first number');
    await last.fill('105');
    await add.click();
    await shown(page.locator('.field-error')).toBe('there are such extensions already: 103');
    await api('POST', 'tenants/acme/services', { kind: 'queue', number: '312', name: 'Help' });
    await page.getByLabel('First number').fill('301');
    await last.fill('320');
    await add.click();
    await shown(page.getByRole('alert')).toContain('312 is already the number of the service "Help"');
    await api('DELETE', 'tenants/acme/services/312');
    // Somebody else makes one of them in the very moment.
    await page.route('**/csv/extensions*', async (route) => {
      await api('PUT', 'tenants/acme/extensions/305', { number: '305', name: 'Theirs' });
      await route.continue();
    });
    await add.click();
    await shown(page.locator('.field-error')).toBe('there are such extensions already: 305');
    await page.unroute('**/csv/extensions*');
    await api('DELETE', 'tenants/acme/extensions/305');
    expect(await world.lookTwice(page, 'range')).toEqual([]);
    await add.click();
    const rows = page.getByRole('dialog').locator('pre');
    await shown(rows).toMatch(/^301 {2}[a-z2-9-]{23}\n302 [\s\S]*\n320 {2}[a-z2-9-]{23}$/);
    expect(await world.look(page, 'range-made')).toEqual([]);
    for (let times = 0; times < 3; times++) await page.keyboard.press('Escape');
    await rows.waitFor();
    const saved = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save as a file' }).click();
    const [head, first = '', ...others] = readFileSync(await (await saved).path(), 'utf8').split('\r\n');
    expect(head).toBe('number,password');
    expect((await rows.innerText()).startsWith(`${first.replace(',', '  ')}\n`)).toBe(true);
    expect(others).toHaveLength(19);
    const asked = page.waitForEvent('dialog');
    const back = page.evaluate('history.back()');
    const question = await asked;
    expect(question.message()).toContain('shown to nobody again');
    await question.dismiss();
    await back;
    await rows.waitFor();
    await page.getByRole('button', { name: 'I have them' }).click();
    await page.getByRole('link', { name: '320', exact: true }).waitFor();
    expect(await world.engine.api('/api/v1/tenants/acme/extensions/301')).toMatchObject({ passwordSet: true });
    expect(faults).toEqual([]);
  }, 180_000);

  test('an answer that gets lost leaves no password and no token that nobody has seen', async () => {
    const { page, faults } = await world.signedIn({ id: 'ida', role: 'system-admin' });
    const loseAnswers = (path: string) =>
      page.route(path, async (route) => {
        if (route.request().method() !== 'POST') return route.continue();
        await route.fetch();
        await route.abort();
      });
    await page.goto(`${world.url}/console/extensions/acme/range`);
    await page.getByLabel('First number').fill('401');
    await page.getByLabel('Last number').fill('402');
    const add = page.getByRole('button', { name: 'Add', exact: true });
    await loseAnswers('**/csv/extensions*');
    await add.click();
    await shown(page.getByRole('alert')).toContain('nobody knows whether the extensions were made');
    await page.unroute('**/csv/extensions*');
    expect(await world.engine.api('/api/v1/tenants/acme/extensions/402')).toMatchObject({ passwordSet: true });
    await add.click();
    await shown(page.getByRole('dialog')).toContain('401, 402 are there now');
    expect(await world.look(page, 'range-unseen')).toEqual([]);
    await page.getByRole('button', { name: 'Set the passwords' }).click();
    await shown(page.getByRole('dialog').locator('pre')).toMatch(/^401 {2}[a-z2-9-]{23}\n402 {2}[a-z2-9-]{23}$/);
    await page.getByRole('button', { name: 'I have them' }).click();

    await page.goto(`${world.url}/console/tokens`);
    await page.getByRole('button', { name: 'Make a token' }).click();
    await page.getByLabel('What it is for').fill('lost');
    await loseAnswers('**/api/v1/tokens');
    await page.locator('dialog button[type=submit]').click();
    await shown(page.getByRole('alert')).toContain('revoke it, and make another');
    await page.unroute('**/api/v1/tokens');
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('row', { name: /lost/ }).waitFor();
    expect(faults).toEqual([]);
  }, 180_000);

  test('a fault names the entry of a list that it is about, in the language of the reader', async () => {
    const { page, faults } = await world.signedIn({ id: 'uwe', role: 'system-admin' }, { locale: 'de-DE' });
    await page.goto(`${world.url}/console/services/acme/new`);
    await page.getByLabel('Name des Dienstes').fill('Büro');
    await page.getByLabel('Mitglieder').fill('101\n102\n12 a');
    await page.getByRole('button', { name: 'Anlegen', exact: true }).click();
    await shown(page.getByRole('alert')).toContain('Mitglieder: 12 a: muss aus 1 bis 15 Ziffern bestehen');
    await shown(page.getByRole('alert')).toContain('Nummer: fehlt');
    await page.getByLabel('Nummer', { exact: true }).fill('600');
    await page.getByLabel('Mitglieder').fill('101\n777');
    await page.getByRole('button', { name: 'Anlegen', exact: true }).click();
    await shown(page.locator('.field-error')).toBe('es gibt keine Nebenstelle 777');
    expect(faults).toEqual([]);
  }, 180_000);

  test('a session that ends in a form says that nothing was saved, and the form is saved after the sign-in', async () => {
    const { page, faults } = await world.signedIn({ id: 'joe', role: 'system-admin' });
    await page.goto(`${world.url}/console/extensions/acme/of/102`);
    await page.getByLabel('Name of the user').fill('Robert');
    await page.context().clearCookies();
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('dialog').getByLabel('Password').fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await countOf(page.getByRole('dialog')).toBe(0);
    await shown(page.getByRole('alert')).toContain('Your session had ended, and nothing was saved.');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('102 is saved.').waitFor();
    expect(faults).toEqual([]);
  }, 180_000);
});
