import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Backlog } from '../../../src/sip/endpoint/backlog.ts';
import type { EngineHere } from '../../kit/engine.ts';
import { TEST_WORKERS } from '../../kit/test-workers.ts';
import {
  ackOf,
  call,
  type FieldWorld,
  inDialog,
  phoneInvite,
  requestOf,
  responseTo,
  startField,
  statusOf,
  token,
} from '../field/world.ts';
import { fieldOf, methodOf } from '../outbound/wire-message.ts';

/** Keeps the thread for so long. */
function keepBusy(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

/** From the limit of a trunk to the order in which datagrams are served: its own thread is looked into. */
describe.skipIf(TEST_WORKERS > 1).each([
  [
    'has its turn before an INVITE that came first, where the trunk has no place left',
    { concurrentCalls: 1 },
    ['BYE', 'INVITE'],
  ],
  ['waits behind that, where there is room', {}, ['INVITE', 'BYE']],
])('while time is short the BYE of a call over a trunk %s', (_what, limits, order) => {
  let world: FieldWorld;

  beforeAll(async () => {
    world = await startField({ trunk: { limits } });
  });
  afterAll(async () => {
    vi.restoreAllMocks();
    await world.stop();
  });

  test('in the order in which they are handled', async () => {
    const { phone, carrier } = world;
    const { caller } = await call(phone, phoneInvite(phone), carrier);
    const quiet = carrier.serves;
    carrier.serves = (message) =>
      methodOf(message) === 'INVITE' ? responseTo(message, '486 Busy Here', token()) : quiet(message);
    const { endpoint } = (world as unknown as EngineHere).node.engine;
    vi.spyOn(Backlog.prototype, 'isShort', 'get').mockReturnValue(true);
    const handle = endpoint.handle.bind(endpoint);
    // The first message takes so long that those behind it wait for the next turn.
    const handled = vi.spyOn(endpoint, 'handle').mockImplementationOnce((text, flow) => {
      handle(text, flow);
      keepBusy(20);
    });
    const next = phoneInvite(phone);
    phone.send(requestOf(phone, 'REGISTER sip:acme.test SIP/2.0', { CSeq: '1 REGISTER' }));
    phone.send(next);
    phone.send(inDialog(phone, caller, 'BYE', 2));
    const answers = [await phone.nextAnswer(), await phone.nextAnswer(), await phone.nextAnswer()];
    const methods = handled.mock.calls.map(([text]) => text.split(' ')[0]);
    expect(methods.filter((method) => method === 'INVITE' || method === 'BYE')).toEqual(order);
    const refused = answers.find((answer) => fieldOf(answer, 'CSeq').endsWith('INVITE'));
    if (refused !== undefined) phone.send(ackOf(phone, next, refused));
    expect(answers.map(statusOf)).toContain(200);
  });
});
