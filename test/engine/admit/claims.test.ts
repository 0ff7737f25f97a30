import { describe, expect, test } from 'vitest';
import { Claims } from '../../../src/engine/admit/claims.ts';
import type { TrustedExtension } from '../../../src/engine/admit/trusted-extensions.ts';
import { AddressIndex } from '../../../src/trunks/address-index.ts';

interface OfTrunk {
  readonly trunk: { readonly owner: string };
}

function world() {
  const trunks = new AddressIndex<OfTrunk>();
  const trusted = new AddressIndex<TrustedExtension>();
  const claims = new Claims({ networksAround: (address: string) => trunks.covering(address) } as never, {
    index: trusted,
  });
  return {
    claims,
    trunk: (owner: string, ...networks: string[]) => trunks.set({ trunk: { owner } }, networks),
    trusts: (name: string, ...networks: string[]) =>
      trusted.set({ tenant: { name }, extension: {} } as unknown as TrustedExtension, networks),
    peers: (...addresses: string[]) => addresses.map((address) => claims.peerOf(address)),
  };
}

test('what one tenant claims is one peer, however many its trunks, networks and trusted addresses', () => {
  const { trunk, trusts, peers } = world();
  trunk('acme', '198.51.100.0/24', '2001:db8:1::/48');
  trunk('acme', '203.0.113.7');
  trusts('acme', '203.0.113.64/26');
  trunk('globex', '192.0.2.0/24');
  expect(peers('198.51.100.1', '198.51.100.2', '2001:db8:1:2::3', '203.0.113.7', '203.0.113.70')).toEqual(
    Array(5).fill('of acme'),
  );
  expect(peers('192.0.2.9', '203.0.113.8')).toEqual(['of globex', undefined]);
});

describe('an operator’s trunk', () => {
  test('each network of it is a peer, and each address that it names or resolves to is one by itself', () => {
    const { trunk, peers } = world();
    trunk('system', '198.51.100.0/24', '198.51.101.0/24', '203.0.113.7', '2001:db8:1::/48', '2001:db8::7');
    expect(peers('198.51.100.1', '198.51.100.2', '198.51.101.1')).toEqual([
      '198.51.100.0/24',
      '198.51.100.0/24',
      '198.51.101.0/24',
    ]);
    expect(peers('203.0.113.7', '2001:db8::7', '2001:db8:1::9')).toEqual([
      '203.0.113.7',
      '2001:db8::7',
      '2001:db8:1::/48',
    ]);
  });

  test('is whose the address is, whatever tenants claim around it or in it', () => {
    const { trunk, trusts, peers } = world();
    trunk('system', '203.0.113.7', '198.51.100.0/24');
    trunk('acme', '203.0.113.0/24', '198.51.100.8');
    trusts('globex', '198.51.100.9');
    expect(peers('203.0.113.7', '198.51.100.8', '198.51.100.9')).toEqual([
      '203.0.113.7',
      '198.51.100.0/24',
      '198.51.100.0/24',
    ]);
  });
});

describe('an address that several tenants claim', () => {
  test('is of no peer with what one of them claims alone: neither a network around it nor an address within it does', () => {
    const { trunk, peers } = world();
    trunk('acme', '203.0.113.7', '198.51.100.0/24');
    trunk('globex', '203.0.113.0/24', '198.51.100.7');
    expect(peers('203.0.113.7', '198.51.100.7')).toEqual(['of acme globex', 'of acme globex']);
    expect(peers('203.0.113.8', '198.51.100.8')).toEqual(['of globex', 'of acme']);
  });

  test('is of the network’s where many do, as of a carrier that each has a trunk of its own at', () => {
    const { trunk, peers } = world();
    for (let tenant = 0; tenant < 9; tenant++) trunk(`tenant-${tenant}`, '203.0.113.0/24', '198.51.100.7');
    expect(peers('203.0.113.7', '203.0.113.8', '198.51.100.7')).toEqual([
      '203.0.113.0/24',
      '203.0.113.0/24',
      '198.51.100.7',
    ]);
  });

  test('is of those who name it where many claim a network around it', () => {
    const { trunk, peers } = world();
    trunk('acme', '203.0.113.7');
    for (let at = 0; at < 9; at++) trunk(`tenant-${at}`, '203.0.113.0/24');
    expect(peers('203.0.113.7', '203.0.113.8', '203.0.113.9')).toEqual([
      '203.0.113.7',
      '203.0.113.0/24',
      '203.0.113.0/24',
    ]);
  });

  test('is whose it is where an operator’s trunk is the tenth that claims its network', () => {
    const { trunk, peers } = world();
    for (let at = 0; at < 9; at++) trunk(`tenant-${at}`, '203.0.113.0/24');
    trunk('system', '203.0.113.0/24');
    trunk('acme', '203.0.113.7');
    expect(peers('203.0.113.7')).toEqual(['203.0.113.0/24']);
  });

  test('is of the narrowest network’s where many do in several', () => {
    const { trunk, peers } = world();
    for (let tenant = 0; tenant < 5; tenant++) trunk(`wide-${tenant}`, '203.0.113.0/24');
    for (let tenant = 0; tenant < 5; tenant++) trunk(`narrow-${tenant}`, '203.0.113.0/25');
    expect(peers('203.0.113.7', '203.0.113.8')).toEqual(['203.0.113.0/25', '203.0.113.0/25']);
    expect(new Set(peers('203.0.113.128', '203.0.113.129')).size).toBe(1);
  });
});

test('who claims more, or no more, is heard of at once', () => {
  const trunks = new AddressIndex<OfTrunk>();
  const claims = new Claims({ networksAround: (address: string) => trunks.covering(address) } as never, {
    index: new AddressIndex<TrustedExtension>(),
  });
  const other = { trunk: { owner: 'globex' } };
  trunks.set({ trunk: { owner: 'acme' } }, ['203.0.113.7']);
  expect(claims.peerOf('203.0.113.7')).toBe('of acme');
  trunks.set(other, ['203.0.113.7']);
  expect(claims.peerOf('203.0.113.7')).toBe('of acme globex');
  trunks.delete(other);
  expect(claims.peerOf('203.0.113.7')).toBe('of acme');
});
