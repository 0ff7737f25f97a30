import { expect, test } from 'vitest';
import { sourceOf } from '../../../src/base/source.ts';
import { ConnectionSlots } from '../../../src/sip/transport/connection-slots.ts';
import { TransportCounters } from '../../../src/sip/transport/counters.ts';
import { defaultTransportLimits } from '../../../src/sip/transport/types.ts';
import { knownBy } from '../../kit/known.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

const TRUNK = '192.0.2.1';

function start(limits: Partial<typeof defaultTransportLimits> = {}) {
  const clock = new VirtualScheduler();
  const counters = new TransportCounters();
  const known = new Set([TRUNK]);
  const policy = { admits: () => true, hasRoomFor: () => true, ...knownBy((address: string) => known.has(address)) };
  const slots = new ConnectionSlots(clock, { ...defaultTransportLimits, ...limits }, counters, policy);
  /** How many of so many connections, each of an address of its own, get a slot. */
  const strangers = (count: number, from = 0) =>
    Array.from({ length: count }, (_each, at) => slots.take(`198.51.${100 + from}.${at}`)).filter(
      (refusal) => refusal === undefined,
    ).length;
  return { clock, counters, known, slots, strangers };
}

test('strangers together have so many connections a second, which takes none from a known peer', () => {
  const { clock, slots, strangers } = start({ strangersPerSecond: 20 });
  expect(strangers(100)).toBe(20);
  expect(slots.take('198.51.100.200')).toContain('unknown addresses in this second');
  for (let count = 0; count < 100; count++) expect(slots.take(TRUNK)).toBeUndefined();
  clock.advance(500);
  expect(strangers(100, 1)).toBe(10);
  clock.advance(3_600_000);
  expect(strangers(100, 2)).toBe(20);
});

test('a known peer has the slots that are kept for such, strangers the others', () => {
  const { slots, strangers, counters } = start({ maxConnections: 10, reservedConnections: 4 });
  expect(strangers(20)).toBe(6);
  for (let count = 0; count < 4; count++) expect(slots.take(TRUNK)).toBeUndefined();
  expect(slots.take(TRUNK)).toBe('all connection slots are taken');
  expect(counters.connections).toBe(10);
  slots.release(TRUNK);
  expect(slots.take('198.51.103.1')).toContain('kept for known peers');
  expect(slots.take(TRUNK)).toBeUndefined();
});

test('a known peer leaves others a place, however many its addresses are, and has again what it gives back', () => {
  const counters = new TransportCounters();
  const ofPeer = (address: string) => (address === TRUNK ? TRUNK : sourceOf('of acme', address));
  const policy = { admits: () => true, hasRoomFor: () => true, sourceOf: ofPeer };
  const limits = { ...defaultTransportLimits, maxConnections: 100 };
  const slots = new ConnectionSlots(new VirtualScheduler(), limits, counters, policy);
  const taken = (count: number, addressOf: (at: number) => string) =>
    Array.from({ length: count }, (_each, at) => slots.take(addressOf(at))).filter((refusal) => refusal === undefined);
  expect(taken(200, (at) => `198.51.100.${at}`)).toHaveLength(75);
  expect(slots.take('198.51.100.250')).toBe('this peer has its share of the connections');
  expect(taken(200, () => TRUNK)).toHaveLength(19);
  for (let at = 0; at < 60; at++) slots.release(`198.51.100.${at}`);
  expect(taken(200, () => TRUNK)).toHaveLength(45);
  expect(taken(200, (at) => `198.51.100.${at}`).length).toBeGreaterThan(0);
});

test.each([75, 50])('an address that counts as another source after %i connections has no second share', (before) => {
  let isSignedIn = true;
  const ofAcme = (address: string) => (isSignedIn ? address : sourceOf('of acme', address));
  const sourceOfAny = (address: string) => (address === TRUNK ? TRUNK : ofAcme(address));
  const policy = { admits: () => true, hasRoomFor: () => true, sourceOf: sourceOfAny };
  const limits = { ...defaultTransportLimits, maxConnections: 100 };
  const slots = new ConnectionSlots(new VirtualScheduler(), limits, new TransportCounters(), policy);
  const taken = (count: number, address: string) =>
    Array.from({ length: count }, () => slots.take(address)).filter((refusal) => refusal === undefined).length;
  expect(taken(before, '198.51.100.1')).toBe(before);
  isSignedIn = false;
  expect(before + taken(100, '198.51.100.1')).toBe(75);
  expect(taken(100, TRUNK)).toBe(19);
  for (let at = 0; at < 75; at++) slots.release('198.51.100.1');
  for (let at = 0; at < 19; at++) slots.release(TRUNK);
  // All is given back to whom it was taken from, and it counts as what it is now.
  expect([taken(100, TRUNK), taken(100, '198.51.100.1')]).toEqual([75, 18]);
});

test('who is not known any more is a stranger, whatever it has had before', () => {
  const { slots, known } = start({ maxConnectionsPerSource: 5 });
  for (let count = 0; count < 5; count++) expect(slots.take(TRUNK)).toBeUndefined();
  known.delete(TRUNK);
  expect(slots.take(TRUNK)).toBe('too many connections from this address');
});

test('when strangers hold all their slots, the one whose latest message is oldest gives way; who is known, or has come in the last 32 s, does not', () => {
  const { slots, clock, counters, known } = start({ maxConnections: 6, reservedConnections: 2 });
  const gone: string[] = [];
  const hold = (remoteAddress: string) => {
    clock.advance(10);
    expect(slots.take(remoteAddress)).toBeUndefined();
    const holder = {
      remoteAddress,
      messageAtMs: clock.nowMs(),
      giveWay() {
        gone.push(remoteAddress);
        slots.release(remoteAddress, holder);
      },
    };
    slots.prove(remoteAddress, holder);
    return holder;
  };
  const [phone, asks] = ['198.51.100.1', '198.51.100.2', '198.51.100.3', '198.51.100.4'].map(hold);
  known.add(phone?.remoteAddress ?? '');
  clock.advance(20_000);
  expect(slots.take('198.51.100.5')).toContain('kept for known peers');
  Object.assign(asks ?? {}, { messageAtMs: clock.nowMs() });
  clock.advance(15_000);
  hold('198.51.100.5');
  expect(gone).toEqual(['198.51.100.3']);
  hold('198.51.100.6');
  expect(gone).toEqual(['198.51.100.3', '198.51.100.4']);
  hold('198.51.100.7');
  expect(slots.take('198.51.100.8')).toContain('kept for known peers');
  expect(gone).toEqual(['198.51.100.3', '198.51.100.4', '198.51.100.2']);
  // A known peer takes what is kept for such first.
  for (let count = 0; count < 2; count++) expect(slots.take(TRUNK)).toBeUndefined();
  expect(slots.take(TRUNK)).toBe('all connection slots are taken');
  clock.advance(35_000);
  expect(slots.take(TRUNK)).toBeUndefined();
  expect(gone.slice(3)).toEqual(['198.51.100.5']);
  expect(counters.connections).toBe(6);
});

test('a stranger that says something every half minute gives way too, once it has been here for 32 s: the eldest first, after all that are silent', () => {
  const { slots, clock, counters, known } = start({ maxConnections: 5, reservedConnections: 1 });
  const gone: string[] = [];
  const hold = (remoteAddress: string) => {
    const holder = {
      remoteAddress,
      messageAtMs: clock.nowMs(),
      giveWay() {
        gone.push(remoteAddress);
        slots.release(remoteAddress, holder);
      },
    };
    expect(slots.take(remoteAddress), remoteAddress).toBeUndefined();
    slots.prove(remoteAddress, holder);
    clock.advance(10);
    return holder;
  };
  const [signedIn, ...holders] = ['198.51.100.1', '198.51.100.2', '198.51.100.3', '198.51.100.4'].map(hold);
  known.add(signedIn?.remoteAddress ?? '');
  const say = (which: typeof holders) => {
    for (const holder of which) holder.messageAtMs = clock.nowMs();
  };
  clock.advance(30_000);
  say(holders);
  // For a transaction's time a stranger's connection is its own, whoever else comes.
  expect(slots.take('198.51.100.5')).toContain('kept for known peers');
  clock.advance(30_000);
  say(holders);
  clock.advance(10);
  hold('198.51.100.5');
  expect(gone).toEqual(['198.51.100.2']);
  clock.advance(30_000);
  say(holders.slice(2));
  clock.advance(5_000);
  hold('198.51.100.6');
  hold('198.51.100.7');
  expect(gone.slice(1)).toEqual(['198.51.100.3', '198.51.100.5']);
  hold('198.51.100.8');
  expect(gone.slice(3)).toEqual(['198.51.100.4']);
  expect(slots.take('198.51.100.9')).toContain('kept for known peers');
  expect([counters.connectionsGaveWay, counters.connections]).toEqual([4, 4]);
});

test('those that are known are passed over, however many they are', () => {
  const { slots, clock, known } = start({ maxConnections: 2_000, reservedConnections: 0, strangersPerSecond: 10_000 });
  const gone: string[] = [];
  for (let index = 0; index < 2_000; index++) {
    const remoteAddress = `10.0.${index >> 8}.${index & 255}`;
    slots.take(remoteAddress);
    slots.prove(remoteAddress, { remoteAddress, messageAtMs: 0, giveWay: () => gone.push(remoteAddress) });
    if (index !== 1_500) known.add(remoteAddress);
  }
  clock.advance(60_000);
  const refused = Array.from({ length: 20 }, (_each, at) => slots.take(`198.51.100.${at}`)).filter(Boolean);
  expect(gone).toEqual(['10.0.5.220']);
  expect(refused.length).toBe(19);
});

test('who has its own share takes no place that all strangers have in this second', () => {
  const { slots, strangers } = start({ strangersPerSecond: 20, maxUnprovenPerSource: 5 });
  for (let count = 0; count < 50; count++) slots.take('198.51.100.7');
  expect(strangers(100, 1)).toBe(15);
});

test('of an office of thousands of phones in one /64 some are looked up for a connection, not all for each', () => {
  const counters = new TransportCounters();
  let lookUps = 0;
  const known = new Set<string>();
  const policy = {
    admits: () => true,
    hasRoomFor: () => true,
    ...knownBy((address) => {
      lookUps++;
      return known.has(address);
    }),
  };
  const limits = { ...defaultTransportLimits, maxConnectionsPerSource: 100, strangersPerSecond: 100_000 };
  const slots = new ConnectionSlots(new VirtualScheduler(), limits, counters, policy);
  // Each comes as a stranger and has registered by the time that the next one comes.
  for (let phone = 1; phone <= 4_000; phone++) {
    const address = `2001:db8:1:2::${phone.toString(16)}`;
    expect(slots.take(address), address).toBeUndefined();
    slots.prove(address);
    known.add(address);
  }
  expect(lookUps).toBeLessThan(4_000 * 70);
});

test('one address has so many, fewer as long as they bring no message; what ends gives its place back', () => {
  const { slots } = start({ maxConnectionsPerSource: 3, maxUnprovenPerSource: 2 });
  const address = '198.51.100.7';
  expect([slots.take(address), slots.take(address)]).toEqual([undefined, undefined]);
  expect(slots.take(address)).toContain('without a message');
  slots.prove(address);
  expect(slots.take(address)).toBeUndefined();
  slots.prove(address);
  expect(slots.take(address)).toBe('too many connections from this address');
  slots.release(address);
  expect(slots.take(address)).toBeUndefined();
});

test('an IPv6 host that comes from all addresses of its /64 is one', () => {
  const { slots } = start({ maxConnectionsPerSource: 3 });
  const addresses = ['2001:db8:1:2::1', '2001:db8:1:2::2', '2001:db8:1:2:ffff::3', '2001:db8:1:2::4'];
  expect(addresses.slice(0, 3).map((address) => slots.take(address))).toEqual([undefined, undefined, undefined]);
  expect(slots.take(addresses[3] as string)).toBe('too many connections from this address');
  expect(slots.take('2001:db8:1:3::1')).toBeUndefined();
  slots.release(addresses[0] as string);
  expect(slots.take(addresses[3] as string)).toBeUndefined();
});

test('phones of an office in one /64 that are registered take none of its strangers’ places', () => {
  const known = new Set<string>();
  const counters = new TransportCounters();
  const policy = { admits: () => true, hasRoomFor: () => true, ...knownBy((address: string) => known.has(address)) };
  const limits = { ...defaultTransportLimits, maxConnectionsPerSource: 3, maxUnprovenPerSource: 2 };
  const slots = new ConnectionSlots(new VirtualScheduler(), limits, counters, policy);
  const addressOf = (phone: number) => `2001:db8:1:2::${phone.toString(16)}`;
  for (let phone = 1; phone <= 50; phone++) {
    expect(slots.take(addressOf(phone)), addressOf(phone)).toBeUndefined();
    slots.prove(addressOf(phone));
    known.add(addressOf(phone));
  }
  const strangers = [101, 102, 103, 104].map(addressOf);
  for (const address of strangers.slice(0, 3)) {
    expect(slots.take(address)).toBeUndefined();
    slots.prove(address);
  }
  expect(slots.take(strangers[3] as string)).toBe('too many connections from this address');
  // Whoever is not registered any more is a stranger again.
  for (const address of strangers.slice(0, 3)) slots.release(address);
  known.delete(addressOf(1));
  known.delete(addressOf(2));
  known.delete(addressOf(3));
  expect(slots.take(strangers[3] as string)).toBe('too many connections from this address');
  for (let phone = 1; phone <= 50; phone++) slots.release(addressOf(phone));
  expect([slots.take(strangers[3] as string), counters.connections]).toEqual([undefined, 1]);
});
