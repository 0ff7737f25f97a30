/** What the engine keeps for the verification of callers: whom to believe, the certificates fetched so far, and the limits of fetching. */
import { getCACertificates } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import { Egress } from '../../base/egress.ts';
import type { Scheduler } from '../../base/scheduler.ts';
import type { AddressesOf } from '../../observe/index.ts';
import { servedPath } from '../../provisioning/trunk-settings/certificates.ts';
import type { NodeSettings, StirSettings } from '../../settings/node-schema.ts';
import type { StirFiles } from '../../settings/stir-files.ts';
import {
  type CertificateFetch,
  CertificateRepository,
  certificateFetch,
  Icons,
  type RepositoryCounters,
  type Signatures,
  signaturesHere,
  type Trust,
  Verifier,
} from '../../stir/index.ts';
import type { Served } from '../served.ts';
import { CallVerification } from './call-verification.ts';

export interface StirServiceOptions {
  readonly settings: Pick<NodeSettings, 'stir'>;
  readonly scheduler: Scheduler;
  readonly signatures?: Signatures;
  readonly served: Pick<Served, 'directory' | 'isOwnAddress'>;
  /** Where certificates and icons are. */
  readonly addressesOf: AddressesOf;
  /** In place of https. */
  readonly fetchCertificate?: CertificateFetch;
}

interface FetchBasis {
  readonly fetch: StirSettings['fetch'];
  readonly authorities: readonly string[];
}

const NOBODY: Trust = { anchors: [], revocationLists: [] };

export class StirService {
  readonly verification: CallVerification;
  readonly #options: StirServiceOptions;
  /** Of icons of callers, since the start. */
  readonly iconCounters: RepositoryCounters = { hits: 0, fetched: 0, failed: 0, limited: 0 };
  readonly #counters: RepositoryCounters = { hits: 0, fetched: 0, failed: 0, limited: 0 };
  #trust: Trust = NOBODY;
  #basis: FetchBasis;
  #repository: CertificateRepository;
  #icons: Icons;

  constructor(options: StirServiceOptions) {
    this.#options = options;
    this.#basis = { fetch: options.settings.stir.fetch, authorities: [] };
    this.#repository = this.#repositoryOf(this.#basis);
    this.#icons = this.#iconsOf(this.#basis);
    const verifier = new Verifier({
      signatures: options.signatures ?? signaturesHere,
      wallMs: () => options.scheduler.wallMs(),
      repository: { signer: (url, tenant) => this.#repository.signer(url, tenant) },
      icons: { fault: (icon, tenant, withinMs) => this.#icons.fault(icon, tenant, withinMs) },
      timeoutMs: () => this.#basis.fetch.timeoutMs,
    });
    const verifies = () => this.#trust.anchors.length > 0;
    this.verification = new CallVerification({ verifier, verifies });
  }

  /** What is fetched, for metrics. */
  get certificates(): Pick<CertificateRepository, 'counters' | 'waiting' | 'size'> {
    return this.#repository;
  }

  /** Takes what a start or a reload has read. Other limits begin with nothing fetched; calls that wait go on as they began. */
  apply({ fetch }: StirSettings, { trust, authorities }: StirFiles): void {
    this.#trust = trust;
    const basis = { fetch, authorities };
    if (isDeepStrictEqual(basis, this.#basis)) return;
    this.#basis = basis;
    this.#repository = this.#repositoryOf(basis);
    this.#icons = this.#iconsOf(basis);
  }

  #repositoryOf(basis: FetchBasis): CertificateRepository {
    const limits = { ...basis.fetch, scheduler: this.#options.scheduler };
    return new CertificateRepository({
      ...limits,
      counters: this.#counters,
      trust: () => this.#trust,
      fetch: this.#fetchOf(basis),
    });
  }

  /** Icons of callers are fetched under the same limits. */
  #iconsOf(basis: FetchBasis): Icons {
    const limits = { ...basis.fetch, scheduler: this.#options.scheduler };
    return new Icons({ ...limits, counters: this.iconCounters, fetch: this.#fetchOf(basis, 'image/*') });
  }

  #fetchOf({ fetch: { maxOctets, allow }, authorities }: FetchBasis, accept?: string): CertificateFetch {
    const { served, addressesOf, fetchCertificate } = this.#options;
    if (fetchCertificate !== undefined) return fetchCertificate;
    const isOwn = (address: string, port: number) => served.isOwnAddress(address, port);
    return certificateFetch({
      maxOctets,
      egress: new Egress({ allow, isOwn, setting: 'stir.fetch.allow' }),
      addressesOf,
      // What this node's own HTTP interface serves.
      own: {
        isAt: isOwn,
        file: (path) => served.directory.provisioning.certificates.find((each) => servedPath(each) === path)?.chain,
      },
      authorities: authorities.length === 0 ? undefined : [...getCACertificates('default'), ...authorities],
      ...(accept !== undefined && { accept }),
    });
  }
}
