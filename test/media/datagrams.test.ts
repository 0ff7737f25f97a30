import { createSocket } from 'node:dgram';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { openDatagrams } from '../../src/media/index.ts';
import { eventually } from '../kit/eventually.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

test('what is sent before the socket is connected arrives, and so do answers', async () => {
  const relay = createSocket('udp4');
  closers.push(() => relay.close());
  relay.on('message', (octets, { port, address }) => relay.send(`to ${octets}`, port, address));
  await new Promise<void>((resolve) => relay.bind(0, '127.0.0.1', resolve));
  const heard: string[] = [];
  const datagrams = openDatagrams('127.0.0.1', relay.address().port, (octets) => heard.push(octets));
  closers.push(datagrams.close);
  datagrams.send('one');
  datagrams.send('two');
  await eventually('both answers', () => heard.length === 2 || undefined);
  expect(heard.toSorted()).toEqual(['to one', 'to two']);
});

test.each([
  ['that no way leads to', '255.255.255.255'],
  ['whose name has no address', 'relay.invalid'],
])('a relay %s: what is sent is lost, again and again, and the process goes on', async (_what, host) => {
  const datagrams = openDatagrams(host, 2223, () => {});
  closers.push(datagrams.close);
  for (let i = 0; i < 50; i++) {
    datagrams.send('ping');
    await turn();
  }
  datagrams.close();
});
