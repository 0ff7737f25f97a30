import { expect, test } from 'vitest';
import { nodesPort, RosterPeers, trunkElsewhere } from '../../src/node/cluster.ts';
import { nodeSchema } from '../../src/settings/node-schema.ts';
import type { KnownNode, NodeRoster } from '../../src/store/index.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

const sip = { transport: 'udp' as const, address: '192.0.2.1', port: 5060 };

function rosterOf(nodes: readonly KnownNode[]): NodeRoster {
  const hasEnded = (name: string) => !nodes.some((node) => node.name === name);
  return { announce() {}, others: () => nodes, told: () => undefined, isCutOff: false, hasEnded, clockOffsetMs: 0 };
}

test('a node that was silent is passed over until it tells of itself again', () => {
  const nodes: KnownNode[] = [{ name: 'b', sip, beat: 7, heardAtMs: 0 }];
  const peers = new RosterPeers(rosterOf(nodes), new VirtualScheduler());
  expect(peers.addressOf('b')).toEqual(sip);
  peers.noteSilent('b', undefined);
  expect(peers.addressOf('b')).toBeUndefined();
  expect(peers.isPeerAddress('192.0.2.1')).toBe(true);
  nodes[0] = { name: 'b', sip, beat: 8, heardAtMs: 0 };
  expect(peers.addressOf('b')).toEqual(sip);
  peers.noteSilent('nobody', undefined);
  expect(peers.addressOf('nobody')).toBeUndefined();
});

test('a node has ended that the roster misses, and not one that was there within a minute: it may not have told of itself yet', () => {
  const clock = new VirtualScheduler();
  const peers = new RosterPeers(rosterOf([{ name: 'b', sip, beat: 1, heardAtMs: 0 }]), clock);
  const wasThereAtWallMs = clock.wallMs();
  const ended = () => ['b', 'c'].map((name) => peers.hasEnded(name, wasThereAtWallMs));
  expect(ended()).toEqual([false, false]);
  clock.advance(59_999);
  expect(ended()).toEqual([false, false]);
  clock.advance(1);
  expect(ended()).toEqual([false, true]);
});

test('a process that has come since is not passed over for the silence of the one before', () => {
  const nodes: KnownNode[] = [{ name: 'b', sip, beat: 1, heardAtMs: 0, process: '1-1' }];
  const peers = new RosterPeers(rosterOf(nodes), new VirtualScheduler());
  const asked = peers.processOf('b');
  nodes[0] = { name: 'b', sip, beat: 2, heardAtMs: 0, process: '1-2' };
  peers.noteSilent('b', asked);
  expect(peers.addressOf('b')).toEqual(sip);
  peers.noteSilent('b', peers.processOf('b'));
  expect(peers.addressOf('b')).toBeUndefined();
  // It counts its beats anew, and may be heard first, or asked for first, at the number of the one before.
  nodes[0] = { name: 'b', sip, beat: 2, heardAtMs: 0, instance: 'another' };
  expect(peers.addressOf('b')).toEqual(sip);
});

test('workers of one node reach each other at their own address, whatever the node says of itself to others', () => {
  const own = { ...sip, address: '10.0.0.5' };
  const nodes: KnownNode[] = [
    { name: 'edge-1-w2', sip: own, local: { node: 'edge-1', address: '192.0.2.1' }, beat: 1, heardAtMs: 0 },
    { name: 'edge-2-w1', sip: own, local: { node: 'edge-2', address: '192.0.2.1' }, beat: 1, heardAtMs: 0 },
  ];
  const peers = new RosterPeers(rosterOf(nodes), new VirtualScheduler(), 'edge-1');
  expect(nodes.map(({ name }) => peers.addressOf(name)?.address)).toEqual(['192.0.2.1', '10.0.0.5']);
  expect(['192.0.2.1', '10.0.0.5'].map((address) => peers.isPeerAddress(address))).toEqual([true, true]);
  const alone = new RosterPeers(rosterOf(nodes), new VirtualScheduler());
  expect(nodes.map(({ name }) => alone.addressOf(name)?.address)).toEqual(['10.0.0.5', '10.0.0.5']);
});

test('what a worker of another machine has left is for the one of its number beside this one, while that is there', () => {
  const clock = new VirtualScheduler();
  const nodes: KnownNode[] = [
    { name: 'edge-1-w2', beat: 1, heardAtMs: 0 },
    { name: 'edge-1-w3', beat: 1, heardAtMs: 0, isDraining: true },
    { name: 'edge-2-w2', beat: 1, heardAtMs: 0 },
  ];
  const isLeft = (name: string) => new RosterPeers(rosterOf(nodes), clock, 'edge-1').hasCounterpart(name);
  expect(isLeft('edge-2-w2')).toBe(true);
  // Its own number, one that drains, one that there is not, no worker, and that one itself.
  const names = ['edge-2-w1', 'edge-2-w3', 'edge-2-w9', 'edge-3', 'edge-1-w2'];
  expect(names.map(isLeft)).toEqual(names.map(() => false));
  const alone = new RosterPeers(rosterOf(nodes), clock);
  expect(alone.hasCounterpart('edge-2-w2')).toBe(false);
  clock.advance(1_500);
  expect(isLeft('edge-2-w2')).toBe(false);
});

test('beside a worker of another machine are those of that machine that take new calls', () => {
  const on = (machine: string, name: string, more: Partial<KnownNode> = {}): KnownNode => ({
    ...{ name, local: { node: machine, address: '10.0.0.1' }, beat: 1, heardAtMs: 0 },
    ...more,
  });
  const nodes = [
    on('edge-2', 'edge-2-w1'),
    on('edge-2', 'edge-2-w2'),
    on('edge-2', 'edge-2-w3'),
    on('edge-2', 'edge-2-w4', { isDraining: true }),
    on('edge-1', 'edge-1-w2'),
    // Of a node that has no workers, whatever it is called.
    { name: 'edge-2-w5', beat: 1, heardAtMs: 0 },
  ];
  const of = (ofNode?: string) => (name: string) =>
    new RosterPeers(rosterOf(nodes), new VirtualScheduler(), ofNode).workersBeside(name);
  for (const workersBeside of [of('edge-1'), of()]) {
    expect(workersBeside('edge-2-w1')).toEqual(['edge-2-w2', 'edge-2-w3']);
    expect(workersBeside('edge-3')).toEqual([]);
  }
  // Those of this machine take what is here as they come.
  expect(of('edge-1')('edge-1-w1')).toEqual([]);
});

test('a question is for the node of that name, or for the workers of the node of that name', () => {
  const local = { node: 'edge-2', address: '192.0.2.1' };
  const nodes = rosterOf([
    { name: 'edge-1-w2', local: { node: 'edge-1', address: '10.0.0.1' }, beat: 1, heardAtMs: 0 },
    { name: 'edge-2-w1', local, beat: 1, heardAtMs: 0 },
    { name: 'edge-2-w2', local, beat: 1, heardAtMs: 0 },
    { name: 'edge-3', beat: 1, heardAtMs: 0 },
    { name: 'edge-3-w1', beat: 1, heardAtMs: 0 },
  ]);
  const { api } = nodeSchema.parse({});
  const questions = { ask: () => Promise.reject(new Error('silent')), answerWith() {} };
  const asked = nodesPort({ node: 'edge-1-w1', api }, { nodes, questions }, new VirtualScheduler(), 'edge-1');
  expect(asked.named('edge-1')).toEqual(['edge-1-w1', 'edge-1-w2']);
  expect(asked.named('edge-1-w1')).toEqual(['edge-1-w1']);
  expect(asked.named('edge-2')).toEqual(['edge-2-w1', 'edge-2-w2']);
  // A node may be called so and have no workers.
  expect(asked.named('edge-3')).toEqual(['edge-3']);
  expect(asked.named('edge')).toEqual([]);
  // The workers of an embedded store ask each other nothing: whoever is before them does.
  const apart = { nodes };
  const alone = nodesPort({ node: 'edge-1-w1', api }, apart, new VirtualScheduler(), 'edge-1');
  expect(['edge-1', 'edge-1-w2'].map((name) => alone.named(name))).toEqual([['edge-1-w1'], []]);
});

test('who has registered a trunk is named while it can be reached, and where it says that it is', () => {
  const contacts = { udp: { host: '203.0.113.1', port: 5070 } };
  const nodes: KnownNode[] = [
    { name: 'a', sip, beat: 1, heardAtMs: 0, registered: ['2'] },
    { name: 'b', sip, contacts, beat: 1, heardAtMs: 0, registered: ['1', '3'] },
  ];
  const peers = new RosterPeers(rosterOf(nodes), new VirtualScheduler());
  expect(['1', '2', '4'].map((id) => peers.registeredAt(id))).toEqual(['b', 'a', undefined]);
  expect(peers.advertised('b', 'udp', 'public')).toEqual(contacts.udp);
  expect(peers.advertised('b', 'udp', 'private')).toEqual({ host: '192.0.2.1', port: 5070 });
  expect(peers.advertised('b', 'tls', 'public')).toBeUndefined();
  peers.noteSilent('b', undefined);
  expect(peers.registeredAt('1')).toBeUndefined();
});

test('a trunk that another node registers is as that node says: well, unless it names it', () => {
  const offline = { state: 'offline' as const, code: 503, reason: 'Service Unavailable' };
  const roster = rosterOf([
    { name: 'b', beat: 1, heardAtMs: 0 },
    { name: 'c', beat: 1, heardAtMs: 0, trunks: { '1': offline } },
  ]);
  expect(trunkElsewhere(roster, '1')).toEqual(offline);
  expect(trunkElsewhere(roster, 'constructor')?.state).toBe('online');
  expect(trunkElsewhere(rosterOf([]), '1')).toBeUndefined();
});

test('the process of a node is the one that it has told last', () => {
  const nodes: KnownNode[] = [{ name: 'b', beat: 1, heardAtMs: 0, process: '1-1' }];
  const peers = new RosterPeers(rosterOf(nodes), new VirtualScheduler());
  expect([peers.processOf('b'), peers.processOf('c')]).toEqual(['1-1', undefined]);
  nodes[0] = { name: 'b', beat: 1, heardAtMs: 0, process: '1-2' };
  expect(peers.processOf('b')).toBe('1-2');
});

test('how long a node is quiet counts from when it told of itself, where that is known', () => {
  const roster = rosterOf([
    { name: 'b', beat: 1, heardAtMs: 0, toldAtMs: -400 },
    { name: 'c', beat: 1, heardAtMs: 0 },
  ]);
  const peers = new RosterPeers(roster, new VirtualScheduler());
  expect([peers.quietMs('b'), peers.quietMs('c'), peers.quietMs('d')]).toEqual([400, 0, undefined]);
});
