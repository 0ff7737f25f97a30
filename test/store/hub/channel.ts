import { silentLog } from '../../../src/base/log.ts';
import { WheelScheduler } from '../../../src/base/wheel-scheduler.ts';
import { openWorkerStore } from '../../../src/store/hub/open.ts';
import type { FromHub, HubChannel, StoreHub, Stores } from '../../../src/store/index.ts';

/** A worker's store on a hub in the same process; what goes between them is copied as between processes. */
export async function joinHub(hub: StoreHub, folder: string, index: number): Promise<Stores & { leave(): void }> {
  let listener: (message: FromHub | undefined) => void = () => {};
  const place = hub.join(`edge-w${index + 1}`, index, (message) => {
    const copy = structuredClone(message);
    setImmediate(() => listener(copy));
  });
  const channel: HubChannel = {
    send: (order) => {
      place.receive(structuredClone(order));
      return true;
    },
    onMessage: (heard) => {
      listener = heard;
    },
  };
  const scheduler = new WheelScheduler();
  const stores = await openWorkerStore(folder, channel, { log: silentLog, scheduler });
  return {
    ...stores,
    async close() {
      await stores.close();
      scheduler.close();
      place.leave();
    },
    leave: () => {
      place.leave();
      listener(undefined);
    },
  };
}
