/** An engine and a browser on its console. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { BrowserContext, Locator, Page, Request } from 'playwright-core';
import { expect } from 'vitest';
import { accessibilityFaults } from '../../kit/axe.ts';
import { type BrowserOptions, openBrowser } from '../../kit/browser.ts';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import type { EngineOptions } from '../../kit/engine-process.ts';

export const PASSWORD = 'correct horse battery';
/** What is read on a page may take so long on a machine that others use as well. */
const PATIENT = { timeout: 30_000 };
/** With it the API answers no browser sooner: whoever looks at a page before it has read what is asked about then fails. */
const LATE_MS = Number(process.env['TANDEM_LATE_ANSWERS_MS'] ?? 0);
/** Pictures that a run leaves to be looked at. */
const PICTURES = join(import.meta.dirname, '../../../coverage/console');

interface NewUser {
  readonly id: string;
  readonly role: 'system-admin' | 'tenant-admin';
  readonly tenant?: string;
  readonly readOnly?: boolean;
}

/** Browsers on the console of an engine that runs somewhere. */
export interface ConsoleBrowsers {
  readonly url: string;
  readonly ownerToken: string;
  /** A browser of its own, on the console; what its pages throw and log as errors is kept. */
  browser(options?: BrowserOptions): Promise<{ readonly page: Page; readonly faults: string[] }>;
  /** Makes a user with the owner's token and signs it in, in a browser of its own. It is in: a page that is opened before would end the sign-in. */
  signedIn(user: NewUser, options?: BrowserOptions): Promise<{ readonly page: Page; readonly faults: string[] }>;
  /** What axe finds once the page is {@link settled}, and a picture. */
  look(page: Page, name: string): Promise<readonly string[]>;
  /** The same in both lights and both widths that the console is made for: light at 1,920, dark at 360, where nothing is wider than the page. */
  lookTwice(page: Page, name: string): Promise<readonly string[]>;
  /** Ends the browsers, and the engine with them. */
  stop(): Promise<void>;
}

export interface ConsoleWorld extends ConsoleBrowsers {
  readonly engine: TestEngine;
}

/** @param at where browsers come to it, when that is another address than the engine's own. */
export async function consoleWorld(options: EngineOptions, at?: string): Promise<ConsoleWorld> {
  const engine = await startEngine(options);
  return { engine, ...consoleAt(at ?? engine.apiAddress, engine.dataFolder, () => engine.stop()) };
}

/** @param dataFolder where the engine keeps its owner's token */
export function consoleAt(url: string, dataFolder: string, stopEngine: () => Promise<void>): ConsoleBrowsers {
  const ownerToken = readFileSync(join(dataFolder, 'owner-token'), 'utf8').trim();
  const browsers: BrowserContext[] = [];
  const browser: ConsoleBrowsers['browser'] = async (browserOptions) => {
    const context = await openBrowser(browserOptions);
    browsers.push(context);
    watchRequests(context);
    if (LATE_MS > 0) await context.route('**/api/v1/**', (route) => wait(LATE_MS).then(() => route.continue()));
    const page = context.pages()[0] ?? (await context.newPage());
    page.setDefaultTimeout(PATIENT.timeout);
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(error.message));
    // A refusal by the API is answered on the page; the browser calls it an error too.
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
        faults.push(message.text());
    });
    await page.goto(`${url}/console`);
    return { page, faults };
  };
  const look = async (page: Page, name: string, what: 'all' | 'looks' = 'all') => {
    mkdirSync(PICTURES, { recursive: true });
    await settled(page);
    await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
    return accessibilityFaults(page, what);
  };
  return {
    url,
    ownerToken,
    browser,
    async signedIn(user, browserOptions) {
      const headers = { authorization: `Bearer ${ownerToken}`, 'content-type': 'application/json' };
      // A test that is tried again has made it before.
      await fetch(`${url}/api/v1/users/${user.id}`, { method: 'DELETE', headers });
      const body = JSON.stringify({ password: PASSWORD, ...user });
      const made = await fetch(`${url}/api/v1/users`, { method: 'POST', headers, body });
      if (!made.ok) throw new Error(await made.text());
      const opened = await browser(browserOptions);
      await signIn(opened.page, user.id);
      await opened.page.locator('#menu').waitFor({ state: 'attached' });
      return opened;
    },
    look: (page, name) => look(page, name),
    async lookTwice(page, name) {
      await page.setViewportSize({ width: 360, height: 780 });
      await page.emulateMedia({ colorScheme: 'dark' });
      const faults = [...(await look(page, `${name}-narrow`, 'looks'))];
      const width = await page.evaluate<number>('document.documentElement.scrollWidth');
      if (width > 360) faults.push(`${name} is ${width} px wide`);
      await page.setViewportSize({ width: 1920, height: 1000 });
      await page.emulateMedia({ colorScheme: 'light' });
      return [...faults, ...(await look(page, name))];
    },
    async stop() {
      for (const context of browsers) await context.close();
      await stopEngine();
    },
  };
}

export async function signIn(page: Page, name: string, password = PASSWORD): Promise<void> {
  await page.locator('input[autocomplete=username]').fill(name);
  await page.locator('input[autocomplete=current-password]').fill(password);
  await page.locator('button[type=submit]').click();
}

/** The text of what is on the page, looked at until it is as expected. */
export const shown = (locator: Locator) => expect.poll(() => locator.innerText(), PATIENT);
export const countOf = (locator: Locator) => expect.poll(() => locator.count(), PATIENT);
export const valueIn = (locator: Locator) => expect.poll(() => locator.inputValue(), PATIENT);
export const isDisabled = (locator: Locator) => expect.poll(() => locator.isDisabled(), PATIENT);

/** What a page has asked for and not heard of yet, and what it has read before: it stays on the page while it is read again. */
interface Reading {
  readonly open: Set<Request>;
  readonly known: Set<string>;
}

const readings = new WeakMap<Page, Reading>();

function watchRequests(context: BrowserContext): void {
  const readingOf = (request: Request): Reading | undefined => {
    const page = request.serviceWorker() === null ? request.frame().page() : undefined;
    if (page === undefined) return undefined;
    const reading = readings.get(page) ?? { open: new Set(), known: new Set() };
    readings.set(page, reading);
    return reading;
  };
  context.on('request', (request) => {
    if (request.isNavigationRequest()) {
      // Another document: what this one has asked for is heard of by nobody.
      const frame = request.frame();
      if (frame.parentFrame() === null) readings.delete(frame.page());
      return;
    }
    const { pathname } = new URL(request.url());
    const reading = readingOf(request);
    const isReadAgain = request.method() === 'GET' && reading?.known.has(request.url()) === true;
    // A stream has no end.
    if (pathname.startsWith('/api/v1/') && pathname !== '/api/v1/events' && !isReadAgain) reading?.open.add(request);
  });
  const heard = (request: Request) => {
    if (request.isNavigationRequest()) return;
    const reading = readingOf(request);
    reading?.open.delete(request);
    reading?.known.add(request.url());
  };
  // What a page does not read of an answer keeps its request from being finished.
  context.on('response', (response) => heard(response.request()));
  context.on('requestfailed', heard);
}

/** What a page may need to draw what it has read, and to ask for what that makes it read. A page behind another one draws no frames to wait for. */
const QUIET_LOOKS = 4;
const LOOK_MS = 50;

/** Waits until the page has read all that it asks for: what is not there then does not come by itself. */
export async function settled(page: Page): Promise<void> {
  await expect.poll(() => page.locator('h1, .gate').count(), PATIENT).toBeGreaterThan(0);
  let quiet = 0;
  const look = async () => {
    const busy = await page.locator('[aria-busy="true"], .skeleton').count();
    quiet = busy === 0 && (readings.get(page)?.open.size ?? 0) === 0 ? quiet + 1 : 0;
    return quiet;
  };
  await expect.poll(look, { ...PATIENT, interval: LOOK_MS }).toBeGreaterThanOrEqual(QUIET_LOOKS);
}
