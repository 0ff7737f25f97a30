import { expect, test } from 'vitest';
import { KnownNodes } from '../../../src/engine/continuity/known-nodes.ts';
import type { Target } from '../../../src/sip/transport/index.ts';

const at = (address: string): Target => ({ transport: 'udp', address, port: 5060 });
const B = at('192.0.2.2');
/** This node's own, another node's of now, and a stranger's. */
const [OWN, C, STRANGER] = ['192.0.2.1', '192.0.2.3', '192.0.2.250'];

function roster() {
  const nodes = new Map<string, { sip?: Target; quietMs: number; signs: boolean; process?: string }>();
  const peers = {
    names: () => [...nodes.keys()],
    addressOf: (name: string) => nodes.get(name)?.sip,
    quietMs: (name: string) => nodes.get(name)?.quietMs,
    signs: (name: string) => nodes.get(name)?.signs === true,
    processOf: (name: string) => nodes.get(name)?.process,
    isPeerAddress: (address: string) => address === C,
  };
  const known = new KnownNodes(peers, { isOwnHost: (host) => host === OWN });
  return { nodes, known };
}

test('one that fell silent is known where it was, and how it answers', () => {
  const { nodes, known } = roster();
  nodes.set('b', { sip: B, quietMs: 1_200, signs: true });
  known.note();
  nodes.delete('b');
  expect(known.names()).toEqual(['b']);
  expect([known.lastAddressOf('b'), known.addressOf('b', 1_000), known.signs('b')]).toEqual([B, B, true]);
  expect(known.isHeard('b', 1_000)).toBe(false);
});

test('an address where a node was when it was heard of last is known, and no other', () => {
  const { nodes, known } = roster();
  nodes.set('b', { sip: B, quietMs: 1_200, signs: true });
  known.note();
  nodes.delete('b');
  expect([B.address, C, OWN, STRANGER].map((address) => known.wasAt(address))).toEqual([true, false, false, false]);
});

test('one that is there and does not answer is known where it was', () => {
  const { nodes, known } = roster();
  nodes.set('b', { sip: B, quietMs: 0, signs: false });
  known.note();
  nodes.set('b', { quietMs: 1_500, signs: false });
  expect([known.names(), known.addressOf('b', 1_000)]).toEqual([['b'], B]);
});

test('one that told of itself to the end has left: another one may be at its address', () => {
  const { nodes, known } = roster();
  nodes.set('b', { sip: B, quietMs: 100, signs: true });
  known.note();
  nodes.delete('b');
  expect([known.addressOf('b', 1_000), known.lastAddressOf('b')]).toEqual([undefined, B]);
});

test('whoever follows a node may speak for it: another node, or this one, and nobody for an address that no node had', () => {
  const { nodes, known } = roster();
  nodes.set('b', { sip: B, quietMs: 100, signs: true });
  known.note();
  nodes.delete('b');
  const followers = [C, OWN, STRANGER].map((follower) => known.mayFollow(B.address, follower));
  expect([followers, known.mayFollow(STRANGER, C)]).toEqual([[true, true, false], false]);
});

test('an address that another node has now is not its own any more', () => {
  const { nodes, known } = roster();
  nodes.set('b', { sip: B, quietMs: 2_000, signs: true });
  known.note();
  nodes.delete('b');
  nodes.set('c', { sip: B, quietMs: 0, signs: true });
  expect(known.addressOf('b', 1_000)).toBeUndefined();
});

test('of names that come and go the latest 200 are kept', () => {
  const { nodes, known } = roster();
  for (let name = 0; name < 250; name++) {
    nodes.clear();
    nodes.set(`n${name}`, { sip: B, quietMs: 0, signs: true });
    known.note();
  }
  expect(known.names()).toHaveLength(200);
  expect(known.names()[0]).toBe('n50');
});

test('worth a question are those in the roster, and of the others the ten that were there latest', () => {
  const { nodes, known } = roster();
  for (let name = 0; name < 15; name++) {
    nodes.set(`gone-${name}`, { sip: B, quietMs: 100, signs: true });
    known.note();
    nodes.delete(`gone-${name}`);
  }
  nodes.set('b', { sip: B, quietMs: 100, signs: true });
  const latest = Array.from({ length: 10 }, (_, index) => `gone-${index + 5}`);
  expect(known.latestNames()).toEqual([...latest, 'b']);
  expect([known.isListed('b'), known.isListed('gone-14')]).toEqual([true, false]);
});
