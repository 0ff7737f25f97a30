import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isStillToBeMade } from './credential-files.ts';
import type { Listen } from './node-schema.ts';

const YEAR_MS = 365 * 24 * 3600 * 1000;

/**
 * Makes a self-signed certificate for each TLS listener with `selfSigned` whose certificate and key files are both missing, so that a
 * trial needs no preparation. Returns the files made; existing files are never touched.
 */
export async function makeMissingCertificates(listeners: readonly Listen[], wallMs: number): Promise<string[]> {
  const made: string[] = [];
  for (const listener of listeners) {
    const { certificate, key, host } = listener;
    if (certificate === undefined || key === undefined || !isStillToBeMade(listener)) continue;
    // Loaded by who needs it alone: a node with certificates of its own would keep four megabytes of it for ever.
    const { generate } = await import('selfsigned');
    const pems = await generate([{ name: 'commonName', value: 'tandem' }], {
      keyType: 'ec',
      curve: 'P-256',
      algorithm: 'sha256',
      notBeforeDate: new Date(wallMs - 60_000),
      notAfterDate: new Date(wallMs + YEAR_MS),
      extensions: [
        // It speaks for this listener alone: whoever trusts it trusts nothing that could be signed with its key.
        { name: 'basicConstraints', cA: false, critical: true },
        { name: 'keyUsage', digitalSignature: true, critical: true },
        { name: 'extKeyUsage', serverAuth: true },
        {
          name: 'subjectAltName',
          altNames: [
            { type: 2, value: 'localhost' },
            { type: 7, ip: host },
          ],
        },
      ],
    });
    mkdirSync(dirname(certificate), { recursive: true });
    mkdirSync(dirname(key), { recursive: true });
    writeFileSync(key, pems.private, { mode: 0o600, flag: 'wx' });
    writeFileSync(certificate, pems.cert, { flag: 'wx' });
    made.push(certificate);
  }
  return made;
}
