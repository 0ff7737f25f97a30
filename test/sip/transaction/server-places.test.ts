import { describe, expect, test } from 'vitest';
import { parseMessage, type SipRequest } from '../../../src/sip/message/index.ts';
import { ServerPlaces, type Shortage } from '../../../src/sip/transaction/server-places.ts';
import type { Channel } from '../../../src/sip/transaction/types.ts';

const request = (method: string, toTag = '', body = '') =>
  parseMessage(
    `${method} sip:a@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:b@example.com>;tag=1\r\nTo: <sip:a@example.com>${toTag}\r\nCall-ID: 1\r\nCSeq: 1 ${method}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  ) as SipRequest;
const INVITE = request('INVITE');
const FORGED = '192.0.2.10';

const isFull = (places: ServerPlaces, message: SipRequest, source: string) =>
  places.shortageFor(message, source) !== undefined;

/** How many requests of one address are taken until one is refused. */
function fill(places: ServerPlaces, source: string, message = INVITE): number {
  for (let taken = 0; ; taken++) {
    if (isFull(places, message, source)) return taken;
    places.takeMachine(message, source);
  }
}

describe('one address', () => {
  test('has three quarters of the table at most; those who come then have three quarters of the rest, and so on', () => {
    const places = new ServerPlaces(1_000, Number.POSITIVE_INFINITY);
    expect(fill(places, FORGED)).toBe(750);
    expect(fill(places, '192.0.2.20')).toBe(188);
    expect(fill(places, '192.0.2.30')).toBe(47);
    expect(isFull(places, INVITE, '192.0.2.40')).toBe(false);
  });

  test('has three quarters of the memory at most, by the length of what it sends', () => {
    const octets = 100 * 2 ** 20;
    const places = new ServerPlaces(1_000_000, octets);
    const large = request('INVITE', '', 'x'.repeat(50_000));
    expect(fill(places, FORGED, large)).toBeLessThan((0.75 * octets) / 50_000);
    expect(fill(places, FORGED)).toBe(0);
    expect(fill(places, '192.0.2.20')).toBeGreaterThan(1_000);
  });

  test('has its places back as they end; eight records outside of the heap take one', () => {
    const places = new ServerPlaces(4, Number.POSITIVE_INFINITY);
    const octets = [1, 2, 3].map(() => places.takeMachine(INVITE, FORGED));
    expect(isFull(places, INVITE, FORGED)).toBe(true);
    places.giveMachine(FORGED, octets[0] as number);
    for (let record = 0; record < 8; record++) {
      expect(isFull(places, INVITE, FORGED)).toBe(false);
      places.takeRecord(FORGED);
    }
    expect([places.count, isFull(places, INVITE, FORGED)]).toEqual([10, true]);
    places.giveRecord(FORGED);
    expect([places.count, isFull(places, INVITE, FORGED)]).toEqual([9, false]);
  });
});

test('what ends a call has a quarter more, whoever has taken the places', () => {
  const places = new ServerPlaces(4, Number.POSITIVE_INFINITY);
  fill(places, FORGED);
  for (const source of ['192.0.2.20', '192.0.2.30']) fill(places, source);
  expect(places.shortageFor(INVITE, '192.0.2.40')).toBe('places');
  const bye = request('BYE', ';tag=2');
  expect([isFull(places, bye, FORGED), isFull(places, request('CANCEL'), FORGED)]).toEqual([false, false]);
  places.takeMachine(bye, FORGED);
  expect(places.shortageFor(bye, FORGED)).toBe('places');
});

describe('what goes on', () => {
  test('has a quarter more, and of that one address its share: others can call, and go on', () => {
    const places = new ServerPlaces(1_000, Number.POSITIVE_INFINITY);
    const info = request('INFO', ';tag=2');
    // Three times what is free of 1,250.
    expect(fill(places, FORGED, info)).toBe(938);
    expect(places.shortageFor(info, FORGED)).toBe('placesOfAddress');
    expect(isFull(places, INVITE, '192.0.2.20')).toBe(false);
    expect(isFull(places, info, '192.0.2.20')).toBe(false);
    expect(isFull(places, request('BYE', ';tag=2'), FORGED)).toBe(false);
  });

  test('the same of the memory', () => {
    const places = new ServerPlaces(1_000_000, 100 * 2 ** 20);
    const info = request('INFO', ';tag=2', 'x'.repeat(10_000));
    fill(places, FORGED, info);
    expect(places.shortageFor(info, FORGED)).toBe('memoryOfAddress');
    expect(isFull(places, INVITE, '192.0.2.20')).toBe(false);
    expect(isFull(places, request('BYE', ';tag=2'), FORGED)).toBe(false);
  });

  test('an address that has its share of new calls goes on with them', () => {
    const places = new ServerPlaces(1_000, Number.POSITIVE_INFINITY);
    fill(places, FORGED);
    expect(places.shortageFor(INVITE, FORGED)).toBe('placesOfAddress');
    expect(fill(places, FORGED, request('UPDATE', ';tag=2'))).toBe(188);
  });
});

describe('an emergency call', () => {
  const SOS = request('INVITE', '', 'sos');
  const from = (remoteAddress: string) => ({ remoteAddress }) as Channel;

  /** How many of one address are taken until one is refused, and for want of what. */
  function fillJudged(places: ServerPlaces, message: SipRequest, source: string): [number, Shortage] {
    for (let taken = 0; ; taken++) {
      const shortage = places.refusalOf(message, from(source));
      if (shortage !== undefined) return [taken, shortage];
      places.takeMachine(message, source);
    }
  }

  const judged = (speaksForMany: (flow: Channel) => boolean = () => false) =>
    new ServerPlaces(1_000, Number.POSITIVE_INFINITY, {
      isEmergency: (message) => message === SOS,
      speaksForMany: (_message, flow) => speaksForMany(flow),
    });

  test('has a place though its address has its share, of a quarter more', () => {
    const places = judged();
    expect(fillJudged(places, INVITE, FORGED)).toEqual([750, 'placesOfAddress']);
    expect(fillJudged(places, SOS, FORGED)).toEqual([188, 'placesOfAddress']);
  });

  test('many in the name of one address leave others a place for their calls, and for emergency calls beyond the limit', () => {
    const places = judged();
    expect(fillJudged(places, SOS, FORGED)).toEqual([938, 'placesOfAddress']);
    expect(fillJudged(places, INVITE, '192.0.2.20')).toEqual([47, 'placesOfAddress']);
    for (const [index, taken] of [12, 3].entries())
      expect(fillJudged(places, INVITE, `192.0.2.3${index}`)[0]).toBe(taken);
    expect(fillJudged(places, SOS, '192.0.2.40')).toEqual([188, 'placesOfAddress']);
  });

  test('whoever speaks for many may use all of it', () => {
    const places = judged(() => true);
    expect(fillJudged(places, INVITE, FORGED)).toEqual([1_000, 'places']);
    expect(fillJudged(places, SOS, FORGED)).toEqual([250, 'places']);
  });
});
