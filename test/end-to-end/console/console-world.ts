/** An engine and a browser on its console. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { accessibilityFaults } from '../../kit/axe.ts';
import { type BrowserOptions, openBrowser } from '../../kit/browser.ts';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import type { EngineOptions } from '../../kit/engine-process.ts';

export const PASSWORD = 'correct horse battery';
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
  /** Makes a user with the owner's token and signs it in, in a browser of its own. */
  signedIn(user: NewUser, options?: BrowserOptions): Promise<{ readonly page: Page; readonly faults: string[] }>;
  /** What axe finds, and a picture. */
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
    const page = context.pages()[0] ?? (await context.newPage());
    page.setDefaultTimeout(15_000);
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
