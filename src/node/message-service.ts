import { storeTime } from '../base/store-time.ts';
import type { Engine } from '../engine/engine.ts';
import { MessageService } from '../messages/index.ts';
import type { MessageWatch } from './message-watch.ts';
import type { NodeParts } from './node-options.ts';

/** Messages to and from the outside, joined with the engine to which phones register. */
export function messageService(
  {
    options,
    settings,
    scheduler,
    log,
    stores,
  }: Pick<NodeParts, 'options' | 'settings' | 'scheduler' | 'log' | 'stores'>,
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
