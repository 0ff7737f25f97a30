import type { Log } from '../base/log.ts';
import type { Scheduler } from '../base/scheduler.ts';
import { openEmbedded } from './embedded/open.ts';
import { openWorkerStore } from './hub/open.ts';
import type { HubChannel } from './hub/protocol.ts';
import type { StoreLocation, Stores } from './stores.ts';

export { StoreHub } from './hub/hub.ts';
export type { FromHub, HubChannel, Order } from './hub/protocol.ts';
export { loadStoreKey } from './key.ts';
export type * from './stores.ts';

export interface StoreContext {
  readonly log: Log;
  readonly scheduler: Scheduler;
  /** Where TANDEM_STORE_KEY is looked up; default: the process's. */
  readonly environment?: NodeJS.ProcessEnv;
  /** For one of several workers: the way to the process that has the files of an embedded store. */
  readonly hub?: HubChannel | undefined;
}

/** Opens what the settings name. Rejects with a SettingsError that says what an operator has to mend. */
export async function openStores(
  settings: { readonly node: string; readonly store: StoreLocation },
  { log, scheduler, environment = process.env, hub }: StoreContext,
): Promise<Stores> {
  const { store } = settings;
  if (store.kind === 'embedded' && hub !== undefined) return openWorkerStore(store.path, hub, { log, scheduler });
  if (store.kind === 'embedded') return openEmbedded(store.path, { log, scheduler, environment });
  // The client of Redis is loaded where there is one alone.
  const { openRedis } = await import('./redis/open.ts');
  return openRedis(store, { log, clock: scheduler, environment, node: settings.node });
}
