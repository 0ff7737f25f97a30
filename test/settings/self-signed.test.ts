import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Listen } from '../../src/settings/node-schema.ts';
import { makeMissingCertificates } from '../../src/settings/self-signed.ts';
import { peerCommand } from '../kit/peers.ts';

const folder = mkdtempSync(join(tmpdir(), 'tandem-self-signed-'));
afterAll(() => rmSync(folder, { recursive: true }));
const certificate = join(folder, 'tls', 'cert.pem');
const key = join(folder, 'tls', 'key.pem');
const listener: Listen = {
  transport: 'tls',
  host: '127.0.0.1',
  port: 5061,
  certificate,
  key,
  selfSigned: true,
  clientCertificate: 'none',
  minVersion: 'TLSv1.2',
};

describe('the pair that selfSigned makes', () => {
  test('is signed with SHA-256, is no authority, serves servers only, and names localhost and the address (RFC 5280 §4.2.1)', async () => {
    expect(await makeMissingCertificates([listener], Date.now())).toEqual([certificate]);
    const made = new X509Certificate(readFileSync(certificate));
    expect(made.ca).toBe(false);
    // id-kp-serverAuth
    expect(made.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect(made.subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1');
    const text = execFileSync(peerCommand('openssl'), ['x509', '-in', certificate, '-noout', '-text'], {
      encoding: 'utf8',
    });
    expect([...text.matchAll(/Signature Algorithm: (\S+)/g)].map(([, name]) => name)).toEqual([
      'ecdsa-with-SHA256',
      'ecdsa-with-SHA256',
    ]);
    expect(text).toContain('CA:FALSE');
    expect(statSync(key).mode & 0o777).toBe(0o600);
  });

  test('is kept: a second start makes nothing', async () => {
    const before = readFileSync(certificate, 'utf8');
    expect(await makeMissingCertificates([listener], Date.now())).toEqual([]);
    expect(readFileSync(certificate, 'utf8')).toBe(before);
  });
});
