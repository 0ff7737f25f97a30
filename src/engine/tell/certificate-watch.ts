/** Warns before certificates end: 30, 7 and 1 days before, and when they have. Certificates that end in silence stop calls. */
import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../../base/scheduler.ts';
import { signingCertificate } from '../../provisioning/trunk-settings/certificates.ts';
import { tlsCertificate } from '../../provisioning/trunk-settings/tls-certificates.ts';
import type { Served } from '../served.ts';

const DAY_MS = 86_400_000;
/** Days before the end; 0: it has ended. */
const THRESHOLDS = [0, 1, 7, 30] as const;
export type DaysLeft = (typeof THRESHOLDS)[number];
/** How late a warning may be. */
const LOOK_MS = 3_600_000;

export interface ExpiringCertificate {
  readonly name: string;
  /** `system` or a tenant's name. */
  readonly owner: string;
  readonly notAfterMs: number;
  /** At most so many days are left. */
  readonly daysLeft: DaysLeft;
}

export interface CertificateWatchOptions {
  readonly scheduler: Scheduler;
  readonly served: Pick<Served, 'directory'>;
  /** Those that listeners and the HTTP interface show out of files, by the file. */
  readonly shown: () => readonly { readonly name: string; readonly notAfterMs: number }[];
  readonly onExpiring: (certificate: ExpiringCertificate) => void;
}

interface Told {
  readonly notAfterMs: number;
  readonly daysLeft: DaysLeft;
}

/** Each warning is given once for each certificate and each of its ends; again after a restart. */
export class CertificateWatch implements TimerTarget {
  readonly #options: CertificateWatchOptions;
  /** By key: of which end, and which warning was the last. */
  #told: ReadonlyMap<string, Told> = new Map();
  #timer: Timer | undefined;

  constructor(options: CertificateWatchOptions) {
    this.#options = options;
  }

  /** Looks at once, and from then on; again whenever certificates have changed. */
  look(): void {
    const { scheduler, onExpiring } = this.#options;
    this.#timer = cancelTimer(this.#timer);
    const told = new Map<string, Told>();
    let nextMs = LOOK_MS;
    const watched = this.#watched();
    for (const [key, { name, owner, notAfterMs }] of watched) {
      const leftMs = notAfterMs - scheduler.wallMs();
      const before = this.#told.get(key);
      const known = before?.notAfterMs === notAfterMs ? before : undefined;
      const daysLeft = THRESHOLDS.find((days) => leftMs <= days * DAY_MS);
      const next = THRESHOLDS.findLast((days) => leftMs > days * DAY_MS);
      if (next !== undefined) nextMs = Math.min(nextMs, leftMs - next * DAY_MS);
      if (daysLeft === undefined) continue;
      told.set(key, { notAfterMs, daysLeft });
      if (known === undefined || daysLeft < known.daysLeft) onExpiring({ name, owner, notAfterMs, daysLeft });
    }
    this.#told = told;
    if (watched.size > 0) this.#timer = scheduler.schedule(Math.max(nextMs, 1), this, 0);
  }

  /** By a key: two listeners may show one file, and a certificate of the store may be called as a file is. */
  #watched(): ReadonlyMap<string, Omit<ExpiringCertificate, 'daysLeft'>> {
    const { served, shown } = this.#options;
    const watched = new Map<string, Omit<ExpiringCertificate, 'daysLeft'>>();
    for (const settings of served.directory.provisioning.certificates) {
      const { notAfterMs } = settings.use === 'tls' ? tlsCertificate(settings) : signingCertificate(settings);
      const { name, owner } = settings;
      watched.set(`stored ${name}`, { name, owner, notAfterMs });
    }
    for (const { name, notAfterMs } of shown()) watched.set(`file ${name}`, { name, owner: 'system', notAfterMs });
    return watched;
  }

  onTimer(): void {
    this.#timer = undefined;
    this.look();
  }

  stop(): void {
    this.#timer = cancelTimer(this.#timer);
  }
}
