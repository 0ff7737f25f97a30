import { describe, expect, test } from 'vitest';
import { SipRequest } from '../../../src/sip/message/index.ts';
import {
  canBeMerged,
  type Mergeable,
  MergedRequests,
  mergeHash,
} from '../../../src/sip/transaction/merged-requests.ts';
import { grownOldBy } from '../../kit/grown-old.ts';
import { makeInvite, makeRequest } from './fixture.ts';

interface Entry extends Mergeable<Entry> {
  request: SipRequest;
}

const entryOf = (request: SipRequest, hash = mergeHash(request)): Entry => ({
  request,
  mergeHash: hash,
  nextMerged: undefined,
});

describe('§8.2.2.2: requests by different paths', () => {
  test('are one with the same From tag, Call-ID and CSeq, whatever their branch', () => {
    const merged = new MergedRequests<Entry>();
    const entry = entryOf(makeInvite());
    merged.add(entry);
    const has = (request: SipRequest) => merged.has(request, mergeHash(request));
    expect(has(makeInvite({ branch: 'z9hG4bKanother' }))).toBe(true);
    expect(has(makeInvite({ callId: 'another' }))).toBe(false);
    expect(has(makeRequest('MESSAGE'))).toBe(false);
    merged.delete(entry);
    expect(has(makeInvite())).toBe(false);
  });

  test('are told apart where their hashes are the same', () => {
    const merged = new MergedRequests<Entry>();
    const requests = ['a', 'b', 'c'].map((callId) => makeInvite({ callId }));
    const entries = requests.map((request) => entryOf(request, 7));
    for (const entry of entries) merged.add(entry);
    const known = () => requests.map((request) => merged.has(request, 7));
    expect(known()).toEqual([true, true, true]);
    merged.delete(entries[1] as Entry);
    expect(known()).toEqual([true, false, true]);
    merged.delete(entries[2] as Entry);
    expect(known()).toEqual([true, false, false]);
    merged.delete(entries[2] as Entry);
    expect(merged.has(makeInvite({ callId: 'd' }), 7)).toBe(false);
    merged.clear();
    expect(known()).toEqual([false, false, false]);
  });

  test('are found however many there are, and where their hashes have one place', () => {
    const merged = new MergedRequests<Entry>();
    const entries = Array.from({ length: 300 }, (_, at) => entryOf(makeInvite({ callId: `call-${at}` }), 1024 * at));
    for (const entry of entries) merged.add(entry);
    const known = () => entries.filter(({ request }, at) => merged.has(request, 1024 * at));
    expect(known()).toEqual(entries);
    for (const entry of entries.slice(0, 299)) merged.delete(entry);
    expect(known()).toEqual(entries.slice(299));
  });

  test('that are gone grow old with nobody', () => {
    const script = `
      const { MergedRequests } = await import('../../src/sip/transaction/merged-requests.ts');
      const merged = new MergedRequests();
      const entryOf = (at) => ({ request: new Array(125).fill(at), mergeHash: at, nextMerged: undefined });
      const first = entryOf(-1);
      merged.add(first);
      for (let at = 0; at < 10_000; at++) globalThis.last = new Array(125).fill(at);
      merged.delete(first);
      globalThis.work = () => {
        const latest = [];
        for (let at = 0; at < 50_000; at++) {
          if (latest[at % 6] !== undefined) merged.delete(latest[at % 6]);
          latest[at % 6] = entryOf(at);
          merged.add(latest[at % 6]);
        }
      };
    `;
    // All are 54 MB.
    expect(grownOldBy(script)).toBeLessThan(10_000_000);
  });

  test('are none of one that was let go of', () => {
    const merged = new MergedRequests<Entry>();
    const entry = entryOf(makeInvite());
    merged.add(entry);
    entry.request = new SipRequest('INVITE', '');
    expect(merged.has(makeInvite(), mergeHash(makeInvite()))).toBe(false);
  });

  test.each(['ACK', 'CANCEL'])('are never %s', (method) => {
    expect(canBeMerged(makeRequest(method))).toBe(false);
    expect(canBeMerged(makeInvite())).toBe(true);
  });
});
