import { createSocket, Socket } from 'node:dgram';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
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

test('a socket that cannot be bound for want of descriptors costs what was to be sent then; the next one arrives', async () => {
  const relay = createSocket('udp4');
  closers.push(() => relay.close());
  const heard: string[] = [];
  relay.on('message', (octets) => heard.push(String(octets)));
  await new Promise<void>((resolve) => relay.bind(0, '127.0.0.1', resolve));
  let refused = 0;
  const bind = vi.spyOn(Socket.prototype, 'bind').mockImplementation(function (this: Socket) {
    setImmediate(() => {
      refused++;
      this.emit('error', Object.assign(new Error('bind EMFILE 0.0.0.0'), { code: 'EMFILE' }));
    });
    return this;
  });
  closers.push(() => bind.mockRestore());
  const datagrams = openDatagrams('127.0.0.1', relay.address().port, () => {});
  closers.push(datagrams.close);
  datagrams.send('one');
  await eventually('the first is refused', () => refused === 1 || undefined);
  datagrams.send('two');
  await eventually('the second is refused', () => refused === 2 || undefined);
  bind.mockRestore();
  datagrams.send('three');
  await eventually('the third', () => heard.length === 1 || undefined);
  expect(heard).toEqual(['three']);
});
