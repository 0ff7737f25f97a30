import { describe, expect, test } from 'vitest';
import { DialogSet } from '../../../src/sip/dialog/index.ts';
import { requestWith, responseTo } from './fixture.ts';

describe('dialogs of one INVITE', () => {
  test('§12.1: each To tag of a provisional response makes an early dialog; 100 and failures make none', () => {
    const invite = requestWith('INVITE');
    const set = new DialogSet(invite);
    expect(set.receiveResponse(responseTo(invite, 100))).toBeUndefined();
    const first = set.receiveResponse(responseTo(invite, 180, { toTag: 'one' }));
    const second = set.receiveResponse(responseTo(invite, 183, { toTag: 'two' }));
    expect(set.receiveResponse(responseTo(invite, 183, { toTag: 'one' }))).toBe(first);
    expect(second).not.toBe(first);
    expect(set.receiveResponse(responseTo(invite, 486, { toTag: 'three' }))).toBeUndefined();
    expect(set.dialogs().map((each) => [each.remoteTag, each.state])).toEqual([
      ['one', 'early'],
      ['two', 'early'],
    ]);
  });

  test('§13.2.2.4: each 2xx confirms its own dialog, known or new', () => {
    const invite = requestWith('INVITE');
    const set = new DialogSet(invite);
    const early = set.receiveResponse(responseTo(invite, 180, { toTag: 'one' }));
    expect(set.receiveResponse(responseTo(invite, 200, { toTag: 'one' }))).toBe(early);
    expect(early?.state).toBe('confirmed');
    expect(set.receiveResponse(responseTo(invite, 200, { toTag: 'late' }))?.state).toBe('confirmed');
    expect(set.size).toBe(2);
  });

  test('§13.2.2.3: when the INVITE ends the early dialogs end, the confirmed ones stay', () => {
    const invite = requestWith('INVITE');
    const set = new DialogSet(invite);
    const early = set.receiveResponse(responseTo(invite, 180, { toTag: 'one' }));
    const won = set.receiveResponse(responseTo(invite, 200, { toTag: 'two' }));
    set.endEarly();
    expect([early?.state, won?.state, set.size]).toEqual(['terminated', 'confirmed', 1]);
  });

  test('a peer that invents tags gets no more than the limit, and its 2xx still counts', () => {
    const invite = requestWith('INVITE');
    const set = new DialogSet(invite, 4);
    for (let index = 0; index < 100; index++) set.receiveResponse(responseTo(invite, 180, { toTag: `t${index}` }));
    expect(set.size).toBe(4);
    expect(set.receiveResponse(responseTo(invite, 200, { toTag: 'real' }))?.state).toBe('confirmed');
  });
});
