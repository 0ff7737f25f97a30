import { describe, expect, test } from 'vitest';
import { SharedPlaces } from '../../src/base/shared-places.ts';

/** Seekers that say in which order they got a place. */
function setUp() {
  const places = new SharedPlaces(128);
  const started: string[] = [];
  const seeker = (owner: string, name = owner) => ({ owner, onPlace: () => started.push(name) });
  const askMany = (owner: string, count: number) => {
    const seekers = Array.from({ length: count }, (_, at) => seeker(owner, `${owner}${at}`));
    for (const each of seekers) places.ask(each);
    return seekers;
  };
  return { places, started, seeker, askMany };
}

describe('SharedPlaces', () => {
  test('one owner has three quarters of 128, the next three quarters of the rest', () => {
    const { started, askMany } = setUp();
    askMany('acme', 200);
    expect(started).toHaveLength(96);
    askMany('bolt', 200);
    expect(started).toHaveLength(96 + 24);
  });

  test('however many owners ask, 128 are under way, and each of those who wait has its turn', () => {
    const { places, started, seeker } = setUp();
    for (let at = 0; at < 1_000; at++) places.ask(seeker(String(at)));
    expect(started).toHaveLength(128);
    // Each ends, in the order in which it began.
    for (let at = 0; at < 1_000; at++) places.giveBack(started[at] as string);
    expect(started).toEqual(Array.from({ length: 1_000 }, (_, at) => String(at)));
  });

  test('of those who wait, owners come in turn, and of one owner each in the order in which it asked', () => {
    const { places, started, askMany, seeker } = setUp();
    askMany('acme', 100);
    for (let at = 0; at < 40; at++) places.ask(seeker(String(at)));
    expect(started).toHaveLength(128);
    askMany('bolt', 2);
    places.ask(seeker('cove'));
    for (let turn = 0; turn < 4; turn++) places.giveBack('acme');
    // acme has more than its share while others came.
    expect(started.slice(128)).toEqual(['32', '33', '34', '35']);
    for (let turn = 0; turn < 92; turn++) places.giveBack('acme');
    expect(started.slice(132)).toEqual([
      '36',
      '37',
      '38',
      '39',
      'bolt0',
      'cove',
      'bolt1',
      'acme96',
      'acme97',
      'acme98',
      'acme99',
    ]);
  });

  test('who has withdrawn gets no place, and takes nobody else’s', () => {
    const { places, started, askMany } = setUp();
    const waiting = askMany('acme', 100).slice(96);
    for (const each of waiting.slice(0, 3)) places.withdraw(each);
    places.giveBack('acme');
    places.giveBack('acme');
    expect(started.slice(96)).toEqual(['acme99']);
    askMany('acme', 2);
    expect(started.slice(97)).toEqual(['acme0']);
  });
});
