import { expect, test } from 'vitest';
import { EndpointCounters } from '../../../src/sip/endpoint/counters.ts';
import { LargeRequests, type SendOver } from '../../../src/sip/endpoint/large-requests.ts';
import type { ClientTransaction, ClientTransactionUser } from '../../../src/sip/endpoint/types.ts';
import type { Flow, Target } from '../../../src/sip/transport/index.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { request } from './world.ts';

const PEER: Target = { transport: 'udp', address: '192.0.2.9', port: 5060 };
const USER = { onResponse() {}, onTimeout() {}, onTransportError() {} };

test('§18.1.1: that TCP does not work from one listener says nothing of another', () => {
  const flowTo = ({ transport }: Target) => ({ transport, reliable: transport === 'tcp', connected: false }) as Flow;
  const transport = { flowTo, supports: () => true, listenerBeside: ({ listenerId }: Target) => listenerId ?? 'first' };
  const large = new LargeRequests(transport as never, new EndpointCounters(), new VirtualScheduler());
  const [users, ways]: [ClientTransactionUser[], ClientTransaction[]] = [[], []];
  const sendOver: SendOver = (flow, user) => {
    users.push(user);
    return ways[ways.push({ flow } as ClientTransaction) - 1] as ClientTransaction;
  };
  const invite = request('INVITE', 'a', 'x'.repeat(1_300));
  const takes = (listenerId?: string) =>
    large.takes(listenerId === undefined ? PEER : { ...PEER, listenerId }, 'x'.repeat(1_400));
  expect([takes(), takes('second')]).toEqual([true, true]);
  large.send(invite, { ...PEER, listenerId: 'second' }, USER, sendOver);
  users[0]?.onTransportError('no route', ways[0] as ClientTransaction);
  expect([takes(), takes('second'), takes('third')]).toEqual([true, false, true]);
});
