/** The certificate and key files that a configuration or a provisioning file names, opened before anything depends on them. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { Problem } from '../base/errors.ts';
import type { TrunkSettings } from '../provisioning/trunk-settings/schema.ts';
import type { NodeSettings } from './node-schema.ts';
import { formatPath, type Segment } from './schema-problems.ts';

export interface CredentialProblem extends Problem {
  readonly segments: readonly Segment[];
}

type Report = (field: string, code: string, message: string) => undefined;

interface KeyPairFiles {
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  readonly ca?: string | undefined;
}

/** Every file of a node that is missing, unreadable, empty, no PEM of its kind, or does not belong to its counterpart. */
export function credentialProblems({ listen, api, store }: NodeSettings): CredentialProblem[] {
  const problems: CredentialProblem[] = [];
  for (const [index, listener] of listen.entries()) {
    if (listener.transport === 'tls' && !isStillToBeMade(listener))
      problems.push(...problemsAt(['listen', index], listener));
  }
  if (api.enabled) problems.push(...problemsAt(['api'], api));
  if (store.kind === 'redis' && store.tls !== undefined) problems.push(...problemsAt(['store', 'tls'], store.tls));
  return problems;
}

/** The same for what the engine shows to trunks and takes from them. */
export function trunkCredentialProblems(trunks: readonly TrunkSettings[]): CredentialProblem[] {
  return trunks.flatMap((trunk, index) => credentialProblemsOf(trunk, ['trunks', index]));
}

/** The same for one trunk, which stands at `place`. */
export function credentialProblemsOf({ tls = {} }: TrunkSettings, place: readonly Segment[]): CredentialProblem[] {
  return problemsAt([...place, 'tls'], tls);
}

function problemsAt(place: readonly Segment[], credentials: KeyPairFiles): CredentialProblem[] {
  const problems: CredentialProblem[] = [];
  checkCredentials(credentials, (field, code, message) => {
    const segments = [...place, field];
    problems.push({ code, path: formatPath(segments), message, segments });
    return undefined;
  });
  return problems;
}

/** A pair that `selfSigned` makes at the start. */
export function isStillToBeMade({ selfSigned, certificate, key }: NodeSettings['listen'][number]): boolean {
  if (!selfSigned || certificate === undefined || key === undefined) return false;
  return !existsSync(certificate) && !existsSync(key);
}

function checkCredentials({ certificate, key, ca }: KeyPairFiles, report: Report): void {
  if (ca !== undefined) readCertificate('ca', ca, report);
  const chain = certificate === undefined ? undefined : readCertificate('certificate', certificate, report);
  const secret = key === undefined ? undefined : readKey(key, report);
  if (chain === undefined || secret === undefined) return;
  if (!chain.first.checkPrivateKey(secret.key)) {
    report('key', 'key-mismatch', `${key} is not the key of ${certificate}: name the pair that was issued together`);
    return;
  }
  try {
    createSecureContext({ cert: chain.text, key: secret.text });
  } catch (error) {
    report('certificate', 'file-unusable', `${certificate} cannot be used for TLS: ${(error as Error).message}`);
  }
}

function readCertificate(field: string, file: string, report: Report) {
  const text = readText(field, file, report);
  if (text === undefined) return undefined;
  try {
    return { text, first: new X509Certificate(text) };
  } catch {
    return report(
      field,
      'file-unusable',
      `${file} holds no certificate in PEM: it begins with -----BEGIN CERTIFICATE-----`,
    );
  }
}

function readKey(file: string, report: Report) {
  const text = readText('key', file, report);
  if (text === undefined) return undefined;
  try {
    return { text, key: createPrivateKey(text) };
  } catch {
    return report('key', 'file-unusable', `${file} holds no private key in PEM without a passphrase`);
  }
}

function readText(field: string, file: string, report: Report): string | undefined {
  try {
    const text = readFileSync(file, 'utf8');
    if (text.trim() !== '') return text;
    return report(field, 'file-unusable', `${file} is empty`);
  } catch (error) {
    return report(field, 'file-unreadable', `${resolve(file)} ${whyUnreadable((error as NodeJS.ErrnoException).code)}`);
  }
}

/** What an operator does about a file that cannot be opened, by the system's code. */
export function whyUnreadable(code: string | undefined): string {
  switch (code) {
    case 'ENOENT':
      return 'does not exist: create it, or correct the path';
    case 'EACCES':
    case 'EPERM':
      return 'may not be read by the user that runs the engine: give it to that user, or let its group read it';
    case 'EISDIR':
      return 'is a folder';
    default:
      return `cannot be read: ${code}`;
  }
}
