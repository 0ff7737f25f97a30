import { networkInterfaces } from 'node:os';
import { describe, expect, test } from 'vitest';
import { addressesOf, listenerOptions } from '../../src/engine/listeners.ts';
import { nodeSchema } from '../../src/settings/node-schema.ts';

const listening = (host: string) => ({ id: host, transport: 'udp' as const, host, port: 5060 });
const ofMachine = (family: string) =>
  Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).filter((each) => each.family === family).map(({ address }) => address),
  );

describe("this engine's own addresses", () => {
  test('are those that it listens on', () => {
    expect([...addressesOf([listening('192.0.2.1'), listening('2001:db8::1')])]).toEqual(['192.0.2.1', '2001:db8::1']);
  });

  test('are all of the machine where it listens on every interface', () => {
    const all = addressesOf([listening('0.0.0.0')]);
    for (const address of ofMachine('IPv4')) expect(all).toContain(address);
    expect(all).toContain('127.0.0.1');
    const both = addressesOf([listening('::')]);
    for (const address of [...ofMachine('IPv4'), ...ofMachine('IPv6')]) expect(both).toContain(address);
  });
});

test('a listener is opened with what it says itself, else with what the node advertises', () => {
  const settings = nodeSchema.parse({
    listen: [
      { transport: 'udp', host: '10.0.0.1', port: 5060 },
      { transport: 'tcp', host: '10.0.0.1', port: 5070, publicHost: '203.0.113.9', publicPort: 5080 },
    ],
    advertise: { publicHost: '203.0.113.7', privateHost: '10.0.0.5' },
  });
  const [udp, tcp] = settings.listen.map((listen) => listenerOptions(listen, settings));
  expect(udp).toMatchObject({
    transport: 'udp',
    host: '10.0.0.1',
    port: 5060,
    publicHost: '203.0.113.7',
    privateHost: '10.0.0.5',
  });
  expect(tcp).toMatchObject({ port: 5070, publicHost: '203.0.113.9', publicPort: 5080 });
});

test('a certificate that cannot be read is named', () => {
  const settings = nodeSchema.parse({
    listen: [
      { transport: 'tls', host: '127.0.0.1', port: 0, certificate: '/nowhere/cert.pem', key: '/nowhere/key.pem' },
    ],
  });
  expect(() => settings.listen.map((listen) => listenerOptions(listen, settings))).toThrow('/nowhere/cert.pem');
});
