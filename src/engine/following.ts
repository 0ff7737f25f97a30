/** What is known beside the snapshot that is served follows it, in slices: of many tenants and trunks that changed some a little later. */
import type { Log } from '../base/log.ts';
import { inSlices, type Steps } from '../base/steps.ts';
import type { ProvisioningDiff } from '../provisioning/directory/difference.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import type { Capacity } from '../trunks/capacity.ts';
import type { Guards } from '../trunks/guards.ts';
import { limitsOf } from '../trunks/holders.ts';
import type { TrustedExtensions } from './admit/trusted-extensions.ts';
import type { Registrations } from './registrations.ts';
import type { Served } from './served.ts';

export interface FollowingOptions {
  readonly log: Log;
  readonly served: Pick<Served, 'directory'>;
  readonly trusted: Pick<TrustedExtensions, 'follow'>;
  readonly registrations: Pick<Registrations, 'forgetUnprovisioned'>;
  readonly guards: Pick<Guards, 'follow'>;
  readonly capacity: Pick<Capacity, 'follow'>;
}

export class Following {
  readonly #options: FollowingOptions;
  /** Not followed to the end yet. */
  readonly #diffs: ProvisioningDiff[] = [];

  constructor(options: FollowingOptions) {
    this.#options = options;
  }

  /** The snapshot that is served differs from the one before by this. */
  follow(diff: ProvisioningDiff): void {
    this.#diffs.push(diff);
    if (this.#diffs.length === 1) void inSlices(this.#follow());
  }

  *#follow(): Steps<void> {
    const { trusted, registrations, log } = this.#options;
    for (let diff = this.#diffs[0]; diff !== undefined; diff = this.#diffs[0]) {
      try {
        yield* trusted.follow(diff.tenants);
        yield* registrations.forgetUnprovisioned(diff);
      } catch (error) {
        log.error('registrations-not-checked', { error: String(error) });
      }
      yield* this.#followLimits(diff);
      this.#diffs.shift();
    }
  }

  /** What is set anew holds for calls that run, too, and the other nodes are told of them. */
  *#followLimits({ tenants, trunks }: ProvisioningDiff): Steps<void> {
    const { served, guards, capacity } = this.#options;
    const directory: Directory = served.directory;
    if (tenants.length > 0) yield* guards.follow(directory);
    if (tenants.length + trunks.length > 0) yield* capacity.follow((key) => limitsOf(key, directory));
  }
}
