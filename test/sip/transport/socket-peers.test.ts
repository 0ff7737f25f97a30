import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { describe, expect, test } from 'vitest';
import { SocketPeers } from '../../../src/sip/transport/socket-peers.ts';

/** What a peer is called when the kernel tells its name. */
function toldAs(isIpv6: boolean, name: readonly number[]): { address: string; port: number } {
  const names = new Uint32Array(8);
  names.set(name);
  const { address, port } = new SocketPeers(isIpv6).named(names, 0);
  return { address, port };
}

describe('addresses of peers', () => {
  test.each(['192.0.2.1', '10.0.0.255', '255.255.255.255', '1.2.3.4'])('%s there and back', (address) => {
    const name = new SocketPeers(false).of(address, 5060)?.name ?? [];
    // The port, then the address, in network order.
    const octets = Buffer.from(new Uint32Array(name).buffer).subarray(2, 8);
    expect([...octets]).toEqual([0x13, 0xc4, ...address.split('.').map(Number)]);
    expect(toldAs(false, name)).toEqual({ address, port: 5060 });
  });

  test.each([
    ['::1', '::1'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8::ff00:42:8329', '2001:db8::ff00:42:8329'],
    ['::ffff:192.0.2.128', '::ffff:192.0.2.128'],
    ['::', '::'],
    ['fe80::1', 'fe80::1'],
  ])('%s is written as %s (RFC 5952)', (address, written) => {
    const name = new SocketPeers(true).of(address, 65_535)?.name ?? [];
    expect(toldAs(true, name)).toEqual({ address: written, port: 65_535 });
  });

  test('a link-local address is told with its interface, as the runtime does', () => {
    const name = [...(new SocketPeers(true).of('fe80::1', 5060)?.name ?? [])];
    const [loopback, addresses] = Object.entries(networkInterfaces()).find(([, list]) =>
      list?.some(({ address }) => address === '::1'),
    ) as [string, { scopeid?: number }[]];
    name[6] = 4_000_000_000;
    expect(toldAs(true, name).address).toBe('fe80::1%4000000000');
    expect([loopback, addresses.length > 0]).toEqual(['lo', true]);
  });

  test.each([
    [false, '::1', 5060],
    [true, '127.0.0.1', 5060],
    [true, 'fe80::1%lo', 5060],
    [false, '127.0.0.1', 0],
    [false, '127.0.0.1', 65_536],
    [false, 'sip.example.com', 5060],
    [false, '127.0.0.01', 5060],
  ])('IPv6 %s: %s port %i is left to the runtime', (isIpv6, address, port) => {
    expect(new SocketPeers(isIpv6).of(address, port)).toBeUndefined();
  });

  test('peers in one place of the memory are told apart', () => {
    const peers = new SocketPeers(false);
    const text = ({ address, port }: { address: string; port: number }) => `${address}:${port}`;
    const names = new Uint32Array(16);
    for (let third = 0; third < 1_000; third++) {
      const address = `10.${third >> 8}.${third & 255}.1`;
      const peer = peers.of(address, 5060);
      names.set(peer?.name ?? [], 8);
      expect([text(peers.named(names, 1)), peer?.address]).toEqual([`${address}:5060`, address]);
    }
    expect(peers.of('10.0.7.1', 5060)?.address).toBe('10.0.7.1');
  });

  test('an IPv6 peer is told as the runtime tells it', async () => {
    const [one, other] = [createSocket('udp6'), createSocket('udp6')];
    await Promise.all([one, other].map((socket) => new Promise<void>((resolve) => socket.bind(0, '::1', resolve))));
    other.send('x', one.address().port, '::1');
    const [, remote] = await once(one, 'message');
    expect(toldAs(true, new SocketPeers(true).of('0:0::0:1', other.address().port)?.name ?? [])).toEqual({
      address: remote.address,
      port: remote.port,
    });
    one.close();
    other.close();
  });
});
