import { createSocket } from 'node:dgram';
import { expect, onTestFinished, test } from 'vitest';
import type { Dealt } from '../../src/engine/admit/dealing.ts';
import { HandOver } from '../../src/workers/hand-over.ts';
import { eventually } from '../kit/eventually.ts';

const KEY = Buffer.alloc(32, 7);

async function pair() {
  const [a, b] = [new HandOver(KEY), new HandOver(KEY)];
  await Promise.all([a.open(), b.open()]);
  onTestFinished(async () => {
    await Promise.all([a.close(), b.close()]);
  });
  const taken: Dealt[] = [];
  b.onGiven((dealt) => taken.push(dealt));
  a.siblings = [a.port, b.port];
  return { a, b, taken };
}

const dealt = (text: string): Dealt => ({
  listenerId: 'udp:[::]:5060',
  octets: Buffer.from(text, 'latin1'),
  address: '2001:db8::7',
  port: 50_123,
});

test('a datagram comes with the address that it came from, octet for octet', async () => {
  const { a, taken } = await pair();
  expect(a.give(1, dealt('INVITE \xff\x00\r\n'))).toBe(true);
  expect(a.give(1, dealt(''))).toBe(true);
  await eventually('both', () => taken.length === 2);
  expect({ ...taken[0], octets: taken[0]?.octets.toString('latin1') }).toEqual({
    listenerId: 'udp:[::]:5060',
    octets: 'INVITE \xff\x00\r\n',
    address: '2001:db8::7',
    port: 50_123,
  });
});

test('one who is not there takes nothing, and who is first is known', async () => {
  const { a } = await pair();
  expect([a.give(2, dealt('x')), a.isFirst(0), a.isFirst(1)]).toEqual([false, true, false]);
  a.siblings = [undefined, a.port];
  expect([a.give(0, dealt('x')), a.isFirst(1)]).toEqual([false, true]);
});

test('what does not fit with the address that it came from is not taken on: whoever has it serves it', async () => {
  const { a, taken } = await pair();
  const most = 65_507 - 36 - 'udp:[::]:5060'.length - '2001:db8::7'.length;
  expect(a.give(1, dealt('x'.repeat(most + 1)))).toBe(false);
  expect(a.give(1, dealt('x'.repeat(most)))).toBe(true);
  await eventually('the largest', () => taken.length > 0);
  expect(taken.map(({ octets }) => octets.length)).toEqual([most]);
});

test('another program of the machine cannot make datagrams up', async () => {
  const { a, b, taken } = await pair();
  const stranger = createSocket('udp4');
  onTestFinished(() => void stranger.close());
  for (const made of [
    Buffer.alloc(0),
    Buffer.alloc(31),
    Buffer.alloc(200),
    Buffer.concat([Buffer.alloc(32, 8), Buffer.alloc(40)]),
  ])
    stranger.send(made, b.port, '127.0.0.1');
  a.give(1, dealt('last'));
  await eventually('the last', () => taken.length > 0);
  expect(taken.map(({ octets }) => octets.toString())).toEqual(['last']);
});
