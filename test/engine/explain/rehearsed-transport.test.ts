import { expect, test } from 'vitest';
import { SteppedScheduler } from '../../../src/base/stepped-scheduler.ts';
import { RehearsedTransport } from '../../../src/engine/explain/rehearsed-transport.ts';
import type { EndpointTransport } from '../../../src/sip/endpoint/index.ts';
import type { Target } from '../../../src/sip/transport/index.ts';

const OWN = { host: '198.51.100.1', port: 5060 };

function staged(real: Partial<EndpointTransport> = {}) {
  const scheduler = new SteppedScheduler({ nowMs: () => 0, wallMs: () => 0 });
  const heard: string[] = [];
  const failed: string[] = [];
  const transport = new RehearsedTransport({
    real: { supports: () => true, advertisedToward: () => OWN, ...real } as unknown as EndpointTransport,
    scheduler,
    user: { onMessage() {}, onFlowClosed() {}, onFlowFailed: (_, reason) => void failed.push(reason) },
    hears: (text, flow) => void heard.push(`${flow.remoteAddress} ${text}`),
  });
  return { transport, scheduler, heard, failed };
}

const TARGET: Target = { transport: 'udp', address: '192.0.2.10', port: 5060 };

test('what is sent is heard and leaves nowhere; the flow to one target is one, that over another transport another', () => {
  const { transport, heard } = staged();
  const flow = transport.flowTo(TARGET);
  flow.send('INVITE');
  expect(heard).toEqual(['192.0.2.10 INVITE']);
  expect(transport.flowTo({ ...TARGET })).toBe(flow);
  expect(transport.flowTo({ ...TARGET, transport: 'tcp' })).not.toBe(flow);
  expect([flow.reliable, transport.flowTo({ ...TARGET, transport: 'tls' }).reliable]).toEqual([false, true]);
  expect(transport.advertised(flow)).toEqual(OWN);
});

test.each([
  ['a place that a tenant may not send to', { refusal: () => 'loopback' }, 'loopback'],
  ['a transport that nothing listens on', { advertisedToward: () => undefined }, 'no listener for it'],
])('%s: the flow fails, on the next turn as a real one does', (_, real, reason) => {
  const { transport, scheduler, failed } = staged(real);
  transport.flowTo(TARGET);
  expect(failed).toEqual([]);
  scheduler.step();
  expect(failed).toEqual([reason]);
});
