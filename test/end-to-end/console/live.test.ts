import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { peerCommand, peersSkipped } from '../../kit/peers.ts';
import { acme, carrierTrunk } from '../world.ts';
import { type ConsoleWorld, consoleWorld, countOf, settled, shown } from './console-world.ts';
import { RawCarrier, RawPhone } from './raw-peers.ts';

/** What becomes a script where text is taken for markup, an attribute, an address or a style. */
const STING = '<img src=x onerror=globalThis.stung=1>';
const MADE =
  'main script, main iframe, main img, main math, main [onerror], main [onload], main [href^="javascript"], main style, main [style*="url"]';

const CALL = {
  called: '915551234',
  callId: 'call<script>globalThis.stung(1)</script>',
  displayName: `Al ${STING}`,
  fields: [
    `User-Agent: ${STING} phone`,
    `Subject: ${STING} subject`,
    `X-Odd: "><svg/onload=globalThis.stung=1>`,
    'Reason: Q.850;cause=16;text="<script>globalThis.stung=1</script>"',
  ],
  sdp: [`s=${STING}`, `a=odd:<script>globalThis.stung=1</script>`],
};

async function requireClean(page: Page): Promise<void> {
  await settled(page);
  expect(await page.locator(MADE).count()).toBe(0);
  expect(await page.evaluate<unknown>('globalThis.stung')).toBeUndefined();
}

describe.skipIf(peersSkipped)('the live pages and the records of the console', () => {
  let world: ConsoleWorld;
  let carrier: RawCarrier;
  /** Its trunk's figures are of the calls of one test. */
  let other: RawCarrier;
  let phone: RawPhone;
  beforeAll(async () => {
    carrier = await RawCarrier.open();
    other = await RawCarrier.open();
    const rule = (name: string, prefix: string, trunk: string) => ({
      name,
      match: { prefixes: [prefix] },
      routes: [{ trunk, strip: 1, prepend: '+' }],
    });
    const rules = [rule('world', '9', 'carrier'), rule('other', '8', 'other')];
    const bolt = { name: 'bolt', domain: 'bolt.test', extensions: [], groups: [] };
    world = await consoleWorld({
      provisioning: {
        tenants: [acme({ outboundRules: rules }), bolt],
        trunks: [carrierTrunk(carrier.port), carrierTrunk(other.port, { id: '2', name: 'other' })],
      },
    });
    phone = new RawPhone(world.engine.port());
  });
  afterAll(async () => {
    phone.close();
    carrier.close();
    other.close();
    await world.stop();
  });

  test('a ladder grows while one watches; each message opens readable, with its reasons; strings of peers stay text', async () => {
    carrier.fields = [`Server: ${STING} carrier`, `Warning: 399 x "${STING}"`];
    const { page, faults } = await world.signedIn({ id: 'pat', role: 'system-admin' }, { width: 1280, height: 900 });
    await page.getByRole('link', { name: 'Events' }).click();
    await page.getByText('following').waitFor();
    const events = await page.context().newPage();
    await events.goto(`${world.url}/console/events`);
    await events.getByText('following').waitFor();
    await page.getByRole('link', { name: 'Calls' }).click();
    await phone.call(CALL);
    await page.getByRole('link', { name: '101 → 915551234' }).waitFor();
    expect(await world.lookTwice(page, 'calls')).toEqual([]);
    await requireClean(page);
    await page.getByRole('link', { name: '101 → 915551234' }).click();
    await page.getByText('180 Ringing').nth(1).waitFor();
    const before = await page.locator('.ladder-row').count();
    expect(await world.look(page, 'call-ringing')).toEqual([]);
    carrier.answer();
    await phone.final(CALL);
    await page.getByText('talking').waitFor();
    await page.locator('.ladder-row', { hasText: 'ACK' }).nth(2).waitFor();
    await countOf(page.locator('.ladder-row')).toBeGreaterThan(before + 2);

    const sent = page.locator('.ladder-row', { hasText: 'INVITE (SDP)from tandem to carrier' });
    await sent.click();
    const message = page.getByRole('region', { name: 'The chosen message' });
    await message.getByText('Who calls, as the other side may show it').waitFor();
    await message.getByText('Why this value:').first().waitFor();
    await countOf(message.locator('.field-why')).toBeGreaterThan(3);
    expect(await world.lookTwice(page, 'ladder')).toEqual([]);
    // Every message once, in the page itself: a click from here costs a quarter of a second each.
    const [rows, opened, made] = await page.evaluate<[number, number, number]>(
      `(async () => {
        let [opened, made] = [0, 0];
        const rows = document.querySelectorAll('.ladder-row');
        for (const row of rows) {
          if (row.getAttribute('aria-expanded') !== 'true') row.click();
          await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
          if (row.getAttribute('aria-expanded') === 'true') opened++;
          made += document.querySelectorAll(${JSON.stringify(MADE)}).length;
        }
        return [rows.length, opened, made];
      })()`,
    );
    expect([opened, made]).toEqual([rows, 0]);
    expect(rows).toBeGreaterThan(before + 2);
    await requireClean(page);
    await page.locator('.ladder-row', { hasText: 'INVITE (SDP)from Caller to tandem' }).nth(1).click();
    await message.getByText(`${STING} subject`).waitFor();
    await shown(message).toContain(`Al ${STING}`);
    await shown(message).toContain('odd:<script>');
    await message.getByRole('button', { name: 'As text' }).click();
    await message.getByText('X-Odd').waitFor();
    await requireClean(page);
    await events.getByText('answered').waitFor();
    await events.getByLabel('Number, trunk or address').fill('nothing of this');
    await events.getByText('Nothing matches').waitFor();
    await events.getByLabel('Number, trunk or address').fill('915551234');
    await events.getByText('answered').waitFor();
    expect(await world.lookTwice(events, 'events')).toEqual([]);
    await requireClean(events);
    await events.close();

    await page.getByRole('button', { name: 'End the call' }).click();
    await page.locator('dialog').getByRole('button', { name: 'End the call' }).click();
    await phone.endedByEngine();
    await page.getByText('This call has ended').waitFor();
    await page.getByRole('link', { name: 'Its record' }).click();
    await page.getByRole('heading', { name: 'What was tried' }).waitFor();
    await page.getByText('this system').waitFor();
    await requireClean(page);
    expect(faults).toEqual([]);
  }, 240_000);

  test('records are found and tell what was tried; charts sum them up; both leave as files', async () => {
    const answered = { ...CALL, callId: 'answered-call', called: '815551234' };
    const refused = { ...CALL, callId: 'refused-call', called: '815559876' };
    const call = async (options: typeof refused) => {
      await phone.call(options);
      await expect.poll(() => other.hasCall(options.called)).toBe(true);
      other.answer();
      await phone.final(options);
    };
    await call(answered);
    await phone.hangUp(answered);
    other.status = 486;
    other.reason = STING;
    other.fields = [`Reason: Q.850;cause=17;text="${STING}"`, `P-Asserted-Identity: "${STING}" <sip:x@carrier.test>`];
    await call(refused);
    const { page, faults } = await world.signedIn(
      { id: 'kim', role: 'tenant-admin', tenant: 'acme', readOnly: true },
      { width: 360, height: 780, dark: true },
    );
    await page.getByRole('heading', { name: 'Trunks', level: 1 }).waitFor();
    await page.goto(`${world.url}/console/records`);
    await page.getByRole('link', { name: '101 → 815559876' }).waitFor();
    await page.getByLabel('Search: Number').fill('5551234');
    await page.getByRole('link', { name: '101 → 815559876' }).waitFor({ state: 'detached' });
    await page.getByLabel('Search: Number').fill('');
    await page.getByLabel('Code').fill('486');
    await page.getByRole('link', { name: '101 → 815551234' }).waitFor({ state: 'detached' });
    await page.getByRole('link', { name: '101 → 815559876' }).waitFor();
    expect(await world.lookTwice(page, 'records')).toEqual([]);
    const [table] = await Promise.all([page.waitForEvent('download'), page.getByText('Export as CSV').click()]);
    expect(table.suggestedFilename()).toBe('calls.csv');
    await page.getByRole('link', { name: '101 → 815559876' }).click();
    await page.getByText('What was tried').waitFor();
    await page
      .getByRole('cell', { name: 'other', exact: true })
      .or(page.locator('td strong', { hasText: 'other' }))
      .first()
      .waitFor();
    await page.locator('.ladder-row', { hasText: '486' }).first().click();
    await shown(page.locator('main')).toContain(STING);
    await requireClean(page);
    expect(await world.lookTwice(page, 'record')).toEqual([]);
    const [capture] = await Promise.all([page.waitForEvent('download'), page.getByText('Capture file').click()]);
    const folder = mkdtempSync(join(tmpdir(), 'tandem-capture-'));
    await capture.saveAs(join(folder, 'call.pcap'));
    const read = spawnSync(
      peerCommand('tshark'),
      [
        '-r',
        join(folder, 'call.pcap'),
        '-d',
        `udp.port==${other.port},sip`,
        '-T',
        'fields',
        '-e',
        'sip.Status-Code',
        '-e',
        'sip.Method',
        '-o',
        'udp.check_checksum:TRUE',
        '-o',
        'ip.check_checksum:TRUE',
      ],
      { encoding: 'utf8' },
    );
    rmSync(folder, { recursive: true });
    expect(read.stdout).toContain('INVITE');
    expect(read.stdout).toContain('486');

    await page.goto(`${world.url}/console/charts`);
    await page.getByRole('heading', { name: 'Final codes by trunk' }).waitFor();
    await page.locator('.code-part', { hasText: '486' }).waitFor();
    expect(await world.lookTwice(page, 'charts')).toEqual([]);
    await page.goto(`${world.url}/console/trunks`);
    await page.getByText('2 in the last hour, 50% answered').waitFor();
    // It may only look: a call cannot be ended, not by asking for it either.
    const ended = await page.evaluate<number>(
      "fetch('/api/v1/session').then((r) => r.json()).then(({ csrfToken }) => fetch('/api/v1/calls/any', { method: 'DELETE', headers: { 'x-csrf-token': csrfToken } })).then((r) => r.status)",
    );
    expect(ended).toBe(403);
    // Of another tenant, and of the system, there is nothing to be had.
    const statuses = await page.evaluate<number[]>(
      `Promise.all(${JSON.stringify(['/api/v1/node', '/api/v1/call-records?tenant=bolt', '/api/v1/call-statistics?tenant=bolt', '/api/v1/calls/nobody/trace'])}.map((path) => fetch(path).then(({ status }) => status)))`,
    );
    expect(statuses).toEqual([403, 404, 404, 404]);
    expect(faults).toEqual([]);
  }, 240_000);

  test('health shows the node, its store, its event loop and its sockets', async () => {
    const { page, faults } = await world.signedIn(
      { id: 'lee', role: 'system-admin' },
      { width: 1920, height: 1000, dark: true },
    );
    await page.getByRole('link', { name: 'Health' }).click();
    await page.getByText(`UDP 127.0.0.1:${world.engine.port()}`).waitFor();
    await page.getByText('takes changes').waitFor();
    expect(await world.lookTwice(page, 'health')).toEqual([]);

    await page.route('**/api/v1/node', async (route) => {
      const answer = await route.fetch();
      const told = await answer.json();
      await route.fulfill({ response: answer, json: { ...told, eventLoop: { ...told.eventLoop, maxMs: 64_000 } } });
    });
    await page.setViewportSize({ width: 390, height: 800 });
    const highest = page.locator('.chart-text', { hasText: '80,000 ms' });
    await highest.waitFor();
    const [text, frame] = [await highest.boundingBox(), await page.locator('.chart-frame').boundingBox()];
    expect(text?.x, 'the axis is cut').toBeGreaterThanOrEqual(frame?.x ?? Number.NaN);
    expect(faults).toEqual([]);
  }, 240_000);
});
