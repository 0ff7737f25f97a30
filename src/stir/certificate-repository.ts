/** Certificates by the URL that names them ({@link FetchedFiles}), and who signs with them. */
import type { X509Certificate } from 'node:crypto';
import { MAX_CHAIN, type Signer, signerOf } from './chain.ts';
import { FetchedFiles, type FetchedFilesOptions, type RepositoryCounters, Unfetched } from './fetched-files.ts';
import type { StirFailure } from './received-passport.ts';
import { certificatesIn, type Trust } from './trust.ts';

export interface RepositoryOptions extends FetchedFilesOptions {
  /** Whom to believe; another object after a reload. */
  readonly trust: () => Trust;
}

/** What is no certificate is kept like one: asking again would bring the same. */
interface CertificateFile {
  readonly certificates: readonly X509Certificate[] | StirFailure;
  verified: { readonly trust: Trust; readonly signer: Signer | StirFailure } | undefined;
}

export class CertificateRepository {
  readonly #files: FetchedFiles<CertificateFile>;
  readonly #trust: () => Trust;

  constructor(options: RepositoryOptions) {
    this.#trust = options.trust;
    this.#files = new FetchedFiles(options, {
      one: 'the certificate',
      many: 'certificates',
      read: (octets) => ({ certificates: chainIn(octets), verified: undefined }),
    });
  }

  get counters(): RepositoryCounters {
    return this.#files.counters;
  }

  /** Calls that wait now. */
  get waiting(): number {
    return this.#files.waiting;
  }

  get size(): number {
    return this.#files.size;
  }

  /** Who signs with the certificate of a URL, for a call of this tenant: at once when it is known, else when it was fetched, which takes `timeoutMs` at most. */
  signer(url: URL, tenant: string): Signer | StirFailure | Promise<Signer | StirFailure> {
    const file = this.#files.get(url, tenant);
    return file instanceof Promise ? file.then((fetched) => this.#verified(fetched)) : this.#verified(file);
  }

  /** The certificate's own dates are looked at with each call. */
  #verified(file: CertificateFile | Unfetched): Signer | StirFailure {
    if (file instanceof Unfetched) return { status: 436, reason: file.reason };
    const { certificates } = file;
    if ('status' in certificates) return certificates;
    const trust = this.#trust();
    if (file.verified?.trust !== trust) {
      const signer = signerOf(certificates, trust);
      file.verified = { trust, signer: typeof signer === 'string' ? { status: 437, reason: signer } : signer };
    }
    return file.verified.signer;
  }
}

function chainIn(octets: Uint8Array): readonly X509Certificate[] | StirFailure {
  try {
    const certificates = certificatesIn(octets);
    if (certificates.length <= MAX_CHAIN) return certificates;
    const reason = `the chain has ${certificates.length} certificates: ${MAX_CHAIN} are looked at`;
    return { status: 437, reason };
  } catch (error) {
    return { status: 436, reason: `what x5u leads to ${(error as Error).message}` };
  }
}
