import { createHash, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium } from 'playwright-core';
import { peerCommand } from './peers.ts';

export interface BrowserOptions {
  readonly width?: number;
  readonly height?: number;
  readonly dark?: boolean;
  readonly locale?: string;
  /** A name that this machine has for this browser. */
  readonly host?: string;
  /** A certificate that it trusts as if a public authority had issued it, PEM. */
  readonly trusts?: string;
}

/** Debian's Chromium without a window, with a profile of its own; it asks nobody but the pages that it is led to. */
export async function openBrowser(options: BrowserOptions = {}): Promise<BrowserContext> {
  const { width = 1280, height = 800, dark = false, locale = 'en-GB', host, trusts } = options;
  const profile = mkdtempSync(join(tmpdir(), 'tandem-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: peerCommand('chromium'),
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-dev-shm-usage',
      ...(host === undefined ? [] : [`--host-resolver-rules=MAP ${host} 127.0.0.1`]),
      ...(trusts === undefined ? [] : [`--ignore-certificate-errors-spki-list=${keyHash(trusts)}`]),
    ],
    viewport: { width, height },
    colorScheme: dark ? 'dark' : 'light',
    locale,
    reducedMotion: 'reduce',
  });
  context.once('close', () => rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }));
  return context;
}

function keyHash(certificate: string): string {
  const key = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(key).digest('base64');
}
