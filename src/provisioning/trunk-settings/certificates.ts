/** Certificates as the engine uses them: read once per written object, chosen by owner, number and time. Their private keys stay in here. */
import type { KeyObject } from 'node:crypto';
import { derived } from '../../base/derived.ts';
import { listsNumber, readSigningChain, readSigningKey, type SigningChain, x5uFault } from '../../stir/index.ts';
import { DidPool } from '../tenants/did-pool.ts';
import type { CertificateSettings } from './certificate-schema.ts';
import type { ProvisioningProblem } from './problem.ts';
import { checkTlsCertificate, tlsCertificate } from './tls-certificates.ts';

/** A certificate that can sign. */
export interface SigningCertificate extends SigningChain {
  readonly name: string;
  /** `system` or a tenant's name. */
  readonly owner: string;
  readonly x5u: string;
  /** The chain, PEM. */
  readonly pem: string;
  /** Undefined: every number that the TNAuthList allows. */
  readonly numbers: DidPool | undefined;
  readonly key: KeyObject;
}

/** The certificate as it takes effect. The written one has passed {@link checkCertificate}. */
export const signingCertificate = derived((settings: CertificateSettings): SigningCertificate => {
  const chain = readSigningChain(settings.chain);
  const { name, owner, x5u = '' } = settings;
  const numbers = settings.numbers === undefined ? undefined : DidPool.parse(settings.numbers);
  return {
    ...chain,
    name,
    owner,
    x5u,
    pem: settings.chain,
    numbers,
    key: readSigningKey(settings.key ?? '', chain.leaf),
  };
});

/** What is wrong with a certificate as written; paths begin at its fields. Whether it has ended is no fault: it is refused where it is uploaded. */
export function checkCertificate(settings: CertificateSettings): ProvisioningProblem[] {
  const problems: ProvisioningProblem[] = [];
  const report = (code: string, path: string, message: string) =>
    problems.push({ code, path, message, ...(settings.owner !== 'system' && { tenants: [settings.owner] }) });
  if (settings.use === 'tls') {
    checkTlsCertificate(settings, report);
    return problems;
  }
  const fault = settings.x5u === undefined ? 'is missing: verifiers fetch the chain there' : x5uFault(settings.x5u);
  if (fault !== undefined) report('certificate-x5u', 'x5u', fault);
  const pool = attempt(
    () => (settings.numbers === undefined ? undefined : DidPool.parse(settings.numbers)),
    (error) => report('pool-entry', 'numbers', error.message),
  );
  const chain = attempt(
    () => readSigningChain(settings.chain),
    (error) => report('certificate-chain', 'chain', error.message),
  );
  if (settings.key === undefined)
    report('certificate-key', 'key', 'is missing: a certificate signs with its private key');
  else if (chain !== undefined) {
    const { key } = settings;
    attempt(
      () => readSigningKey(key, chain.leaf),
      (error) => report('certificate-key', 'key', error.message),
    );
  }
  if (chain !== undefined && pool !== undefined) {
    const outside = outsideOf(chain, pool);
    if (outside !== undefined)
      report(
        'certificate-numbers',
        'numbers',
        `${outside} is not in the certificate's TNAuthList: it may not sign for it`,
      );
  }
  return problems;
}

/** When a certificate begins and ends, for those that check one before it is written; undefined when it cannot be read. */
export function validityOf(
  settings: CertificateSettings,
): Pick<SigningChain, 'notBeforeMs' | 'notAfterMs'> | undefined {
  return attempt(
    () => (settings.use === 'tls' ? tlsCertificate(settings) : readSigningChain(settings.chain)),
    () => undefined,
  );
}

/** Why a certificate does not sign for a number; undefined: it does. */
export function refusalOf(certificate: SigningCertificate, number: string, wallMs: number): string | undefined {
  if (wallMs < certificate.notBeforeMs) return `begins at ${new Date(certificate.notBeforeMs).toISOString()}`;
  if (wallMs >= certificate.notAfterMs) return `ended at ${new Date(certificate.notAfterMs).toISOString()}`;
  if (certificate.numbers !== undefined && !certificate.numbers.contains(Number(number)))
    return `does not sign for ${number}`;
  const { tnAuthList } = certificate;
  // A service provider code names numbers that the certificate does not list.
  if (tnAuthList.spcs.length > 0 || listsNumber(tnAuthList, number)) return undefined;
  return `has a TNAuthList without ${number}`;
}

/** The order in which certificates are asked: the tenant's own, those with `numbers`, the one that began last. */
export function byPrecedence(a: SigningCertificate, b: SigningCertificate): number {
  return (
    Number(a.owner === 'system') - Number(b.owner === 'system') ||
    Number(a.numbers === undefined) - Number(b.numbers === undefined) ||
    b.notBeforeMs - a.notBeforeMs ||
    (a.name < b.name ? -1 : 1)
  );
}

/** Path under which the chain of a certificate is served, when its x5u says that it is. */
export function servedPath({ name, x5u = '' }: Pick<CertificateSettings, 'name' | 'x5u'>): string | undefined {
  const path = `/stir/${name}.pem`;
  return URL.canParse(x5u) && new URL(x5u).pathname === path ? path : undefined;
}

/** The first of the pool's numbers that the certificate does not list; undefined when all are, or a code may name them. */
function outsideOf({ tnAuthList }: SigningChain, pool: DidPool): string | undefined {
  if (tnAuthList.spcs.length > 0) return undefined;
  for (let index = 0; index < pool.size; index += 1) {
    const { first, last } = pool.range(index);
    let next = first;
    while (next <= last) {
      const range = tnAuthList.ranges.find(({ first: from, last: to }) => Number(from) <= next && next <= Number(to));
      if (range === undefined) return String(next);
      next = Number(range.last) + 1;
    }
  }
  return undefined;
}

function attempt<T>(work: () => T, onError: (error: Error) => void): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    onError(error);
    return undefined;
  }
}
