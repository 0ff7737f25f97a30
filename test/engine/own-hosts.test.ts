import { networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { OwnHosts } from '../../src/engine/own-hosts.ts';
import { nodeSchema } from '../../src/settings/node-schema.ts';

const settings = nodeSchema.parse({
  advertise: { publicHost: 'SBC.example.com' },
  listen: [{ transport: 'udp', host: '127.0.0.1', port: 5060, publicHost: '203.0.113.7' }],
});
const udp = (host: string) => ({ id: host, transport: 'udp' as const, host, port: 5060 });

test('what is advertised and what is listened on, however it is spelled', () => {
  const hosts = new OwnHosts(settings);
  hosts.listensOn([udp('127.0.0.1'), udp('2001:db8::1')], settings.listen);
  for (const own of ['sbc.example.com', 'sbc.example.com.', '203.0.113.7', '127.0.0.1', 'localhost'])
    expect(hosts.has(own), own).toBe(true);
  for (const own of ['2001:db8::1', '[2001:DB8:0::1]', '[2001:0db8::0001]']) expect(hosts.has(own), own).toBe(true);
  for (const other of ['example.com', '203.0.113.8', '[2001:db8::2]', '']) expect(hosts.has(other), other).toBe(false);
});

test('localhost is the loopback address of either family', () => {
  const hosts = new OwnHosts(settings);
  hosts.listensOn([udp('::1')], settings.listen);
  for (const own of ['localhost', 'LOCALHOST.', '[::1]', '0:0::1']) expect(hosts.has(own), own).toBe(true);
  expect(hosts.has('127.0.0.1')).toBe(false);
  hosts.listensOn([udp('2001:db8::1')], settings.listen);
  expect(hosts.has('localhost')).toBe(false);
});

test('a listener on all interfaces stands for each address of the machine', () => {
  const hosts = new OwnHosts(settings);
  hosts.listensOn([udp('::')], settings.listen);
  const addresses = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
  for (const address of addresses) expect(hosts.has(address), address).toBe(true);
});
