import { expect, test } from 'vitest';
import type { Claim } from '../../src/messages/index.ts';
import { messageService } from '../../src/node/message-service.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { directoryOf, MemoryStore, silentLog, turn } from '../messages/world.ts';

test('what it holds of messages is by the store’s clock, which other nodes go by', async () => {
  const scheduler = new VirtualScheduler();
  const [directory, messages, claims] = [directoryOf(), new MemoryStore(), [] as Claim[]];
  const claim = messages.claim.bind(messages);
  messages.claim = (what) => {
    claims.push(what);
    return claim(what);
  };
  const parts = {
    ...{ options: {}, scheduler, log: silentLog },
    settings: { node: 'ahead', api: {}, messages: { keepDays: 30, bytesPerTenant: 1_000_000 } },
    stores: { messages, calls: { clockOffsetMs: () => 120_000 }, nonceSecret: new Uint8Array(32) },
  };
  const engine = { directory, messaging: {}, egress: {}, addressesOf: () => {}, trunks: { tell() {} } };
  const service = messageService(parts as never, engine as never, { on() {} } as never, () => undefined);
  await service.start();
  await turn();
  scheduler.advance(60_000);
  await turn();
  expect(claims.length).toBeGreaterThan(0);
  for (const { nowMs } of claims) expect(nowMs).toBeLessThanOrEqual(scheduler.wallMs() - 120_000);
  await service.stop();
});
