/**
 * Settings that dial codes store. Each would be a change of what is provisioned, which is checked, committed, and served by every node, one
 * after the other with those of all tenants' admins. So a tenant's phones, however often they dial codes, make one change a second: what
 * comes while the next one waits is written with it.
 */
import { Latest } from '../../base/latest.ts';
import { pause, type Scheduler } from '../../base/scheduler.ts';
import type { StoredSetting } from '../../outbound/index.ts';
import type { ChangeResult } from '../directory/store.ts';

type WriteSettings = (tenant: string, settings: readonly StoredSetting[]) => Promise<ChangeResult>;

/** What waits to be written; of one extension and what is set the latest counts. */
interface Gathered {
  readonly settings: Map<string, StoredSetting>;
  readonly written: Promise<ChangeResult>;
}

const LEAST_MS = 1_000;
/** Tenants whose last change is remembered. */
const MOST_TENANTS = 10_000;

export class GatheredSettings {
  readonly #scheduler: Scheduler;
  readonly #write: WriteSettings;
  readonly #waiting = new Map<string, Gathered>();
  /** When a tenant's next change may begin, monotonic, ms. */
  readonly #nextMs = new Latest<string, number>(MOST_TENANTS);

  constructor(scheduler: Scheduler, write: WriteSettings) {
    this.#scheduler = scheduler;
    this.#write = write;
  }

  /** Settles when it is written, or is not. */
  store(tenant: string, setting: StoredSetting): Promise<ChangeResult> {
    const { settings, written } = this.#waiting.get(tenant) ?? this.#begin(tenant);
    settings.set(`${setting.extension} ${Object.keys(setting.set).join()}`, setting);
    return written;
  }

  #begin(tenant: string): Gathered {
    const settings = new Map<string, StoredSetting>();
    const gathered = { settings, written: this.#inTurn(tenant, settings) };
    this.#waiting.set(tenant, gathered);
    return gathered;
  }

  async #inTurn(tenant: string, settings: ReadonlyMap<string, StoredSetting>): Promise<ChangeResult> {
    const waitMs = (this.#nextMs.get(tenant) ?? 0) - this.#scheduler.nowMs();
    await (waitMs > 0 ? pause(this.#scheduler, waitMs) : Promise.resolve());
    this.#waiting.delete(tenant);
    this.#nextMs.set(tenant, this.#scheduler.nowMs() + LEAST_MS);
    return await this.#write(tenant, [...settings.values()]);
  }
}
