import { storeTime } from '../base/store-time.ts';
import type { WheelScheduler } from '../base/wheel-scheduler.ts';
import type { Engine } from '../engine/engine.ts';
import { MessageService } from '../messages/index.ts';
import type { JsonLogger } from '../observe/index.ts';
import type { NodeSettings } from '../settings/node-schema.ts';
import type { Stores } from '../store/index.ts';
import type { MessageWatch } from './message-watch.ts';
import type { NodeOptions } from './node-options.ts';

interface Parts {
  readonly options: NodeOptions;
  readonly settings: NodeSettings;
  readonly scheduler: WheelScheduler;
  readonly log: JsonLogger;
  readonly stores: Stores;
}

/** Messages to and from the outside, joined with the engine to which phones register. */
export function messageService(
  { options, settings, scheduler, log, stores }: Parts,
  engine: Engine,
  watcher: MessageWatch,
  apiAddress: () => string | undefined,
): MessageService {
  const { publicUrl } = settings.api;
  const service = new MessageService({
    store: stores.messages,
    // What one node holds, and until when, others read.
    scheduler: storeTime(stores.calls, scheduler),
    log,
    node: settings.node,
    egress: engine.egress,
    addressesOf: engine.addressesOf,
    phones: engine.messaging,
    directory: () => engine.directory,
    watcher,
    onHealth: (trunkId, health) => engine.trunks.tell(trunkId, health),
    secret: stores.nonceSecret,
    publicUrl: () => publicUrl?.replace(/\/+$/, '') ?? apiAddress(),
    ...settings.messages,
  });
  options.worker?.workers.onNews((news) => {
    if (news.kind === 'told') service.tokenLearned(news.trunkId, news.health);
  });
  engine.messaging.outside = {
    isForOutside: (tenant, host) => service.isForOutside(tenant, host),
    send: (message) => service.sendFromPhone(message),
    checkToken: (trunkId) => service.checkToken(trunkId),
    phoneRegistered: (tenant, number) => service.phoneRegistered(tenant, number),
  };
  return service;
}
