import { describe, expect, test } from 'vitest';
import { Egress } from '../../src/base/egress.ts';

describe('egress', () => {
  test.each([
    ['127.0.0.1', 'loopback'],
    ['127.8.8.8', 'loopback'],
    ['0.0.0.0', 'unspecified'],
    ['10.1.2.3', 'private'],
    ['172.31.0.1', 'private'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['169.254.1.1', 'link-local'],
    ['169.254.169.254', 'a metadata service'],
    ['168.63.129.16', 'a metadata service'],
    ['100.100.100.200', 'a metadata service'],
    ['fd00:ec2::254', 'a metadata service'],
    ['224.0.0.1', 'multicast'],
    ['255.255.255.255', 'broadcast'],
    ['240.0.0.1', 'reserved'],
    ['198.18.0.1', 'reserved'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['0:0:0:0:0:0:0:1', 'loopback'],
    ['fe80::1', 'link-local'],
    ['fe80::1%eth0', 'link-local'],
    ['FD00::1', 'private'],
    ['ff02::1', 'multicast'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:a9fe:a9fe', 'a metadata service'],
    ['::127.0.0.1', 'reserved'],
    ['64:ff9b::10.0.0.1', 'translated'],
    ['2002:a00:1::', 'translated'],
  ])('%s is not for tenants: %s', (address, kind) => {
    expect(new Egress().refusal(address, 5060)).toBe(
      `egress: ${address} is not a public address (${kind}); egress.allow of the node's configuration can admit it`,
    );
  });

  test.each(['203.0.113.7', '8.8.8.8', '172.32.0.1', '2001:db8::1', '2600::1', '::ffff:8.8.8.8'])(
    '%s is public',
    (address) => {
      expect(new Egress().refusal(address, 5060)).toBeUndefined();
    },
  );

  test('what is no address leads nowhere', () => {
    expect(new Egress().refusal('localhost', 5060)).toBe('egress: localhost is no address');
  });

  test('the operator admits addresses and networks, in any spelling, and no others', () => {
    const egress = new Egress({ allow: ['10.20.0.0/16', '127.0.0.1', 'fd00:1::/32'] });
    for (const address of ['10.20.3.4', '127.0.0.1', '::ffff:127.0.0.1', 'fd00:1::5'])
      expect(egress.refusal(address, 5060), address).toBeUndefined();
    for (const address of ['10.21.0.1', '127.0.0.2', '169.254.169.254', 'fd00:2::5'])
      expect(egress.refusal(address, 5060), address).toContain('is not a public address');
  });

  test("the engine's own listeners are nobody's trunk, also where the operator admits their network", () => {
    const isOwn = (address: string, port: number) => address === '203.0.113.7' && port === 5060;
    const egress = new Egress({ allow: ['203.0.113.0/24'], isOwn });
    expect(egress.refusal('::ffff:203.0.113.7', 5060)).toContain('is this engine itself');
    expect(egress.refusal('203.0.113.7', 5062)).toBeUndefined();
  });
});
