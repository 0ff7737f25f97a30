import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { JsonLine } from '../../src/observe/jsonl-file.ts';
import { KeptRecords } from '../../src/observe/kept-records.ts';

interface Kept {
  readonly callId: string;
  readonly sipCallIds: readonly string[];
  readonly startedAt: string;
  readonly endedAt: string;
  readonly number: number;
  readonly tenant?: string;
}

const startedAt = '2026-11-01T10:00:00.000Z';
const endedAt = '2026-11-01T10:01:00.000Z';

const add = (kept: KeptRecords<Kept>, record: Kept) => kept.add(record, new JsonLine(record));

describe('kept records', () => {
  test.each([1, 2, 3, 4, 7, 40])('are found by the id of the call and of each of its %i legs', (legs) => {
    const kept = new KeptRecords<Kept>(1000, 1e6);
    const record = (number: number): Kept => ({
      callId: `call ${number}`,
      sipCallIds: Array.from({ length: legs }, (_, leg) => `leg ${leg} of ${number}`),
      startedAt,
      endedAt,
      number,
    });
    for (let number = 0; number < 300; number++) add(kept, record(number));
    for (const number of [0, 150, 299])
      for (const id of [record(number).callId, ...record(number).sipCallIds])
        expect(kept.get(id), id).toEqual(record(number));
    expect(kept.get('call 300')).toBeUndefined();
    expect(kept.get('')).toBeUndefined();
  });

  test('an id that nobody has makes none of them read, however many legs they have', () => {
    const kept = new KeptRecords<Kept>(1000, 1e7);
    for (let number = 0; number < 1000; number++) {
      const sipCallIds = Array.from({ length: 12 }, (_, leg) => `leg ${leg} of ${number}`);
      add(kept, { callId: `call ${number}`, sipCallIds, startedAt, endedAt, number });
    }
    kept.pack();
    const parse = vi.spyOn(JSON, 'parse');
    const text = vi.spyOn(kept, 'text');
    expect(kept.get('leg 12 of 7')).toBeUndefined();
    expect(parse).not.toHaveBeenCalled();
    expect(text.mock.calls.length).toBeLessThan(500);
    expect(kept.get('leg 11 of 7')?.number).toBe(7);
    expect(parse).toHaveBeenCalledOnce();
    parse.mockRestore();
  });

  test('of others’ records with the same id none is read for a tenant, whatever they say of it', () => {
    const kept = new KeptRecords<Kept>(1000, 1e7);
    const shared = { sipCallIds: ['shared', '"tenant":"acme"'], startedAt, endedAt };
    add(kept, { ...shared, callId: 'own', number: 0, tenant: 'acme' });
    for (let number = 1; number < 900; number++)
      add(kept, { ...shared, callId: `${number}`, number, tenant: 'globex' });
    const parse = vi.spyOn(JSON, 'parse');
    expect(kept.get('shared', 'acme')?.callId).toBe('own');
    expect(kept.get('899', 'acme')).toBeUndefined();
    expect(parse).toHaveBeenCalledOnce();
    parse.mockRestore();
    expect(kept.get('shared')?.callId).toBe('899');
  });

  test('the latest of those with an id is found, until so many others have come', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.array(fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { minLength: 1, maxLength: 6 }), {
          maxLength: 100,
        }),
        (capacity, calls) => {
          const kept = new KeptRecords<Kept>(capacity, 1e6);
          const records = calls.map(([callId = '', ...sipCallIds], number) => ({
            callId,
            sipCallIds,
            startedAt,
            endedAt,
            number,
          }));
          for (const record of records) add(kept, record);
          for (const id of ['a', 'f'])
            expect(kept.get(id)).toEqual(
              records.slice(-capacity).findLast(({ callId, sipCallIds }) => [callId, ...sipCallIds].includes(id)),
            );
        },
      ),
    );
  });

  test('one without a JSON text costs nobody else anything', () => {
    const kept = new KeptRecords<Kept>(10, 1e6);
    kept.add({ callId: 'none', sipCallIds: [], startedAt, endedAt, number: 0 }, new JsonLine(undefined));
    kept.add({ callId: 'circle', sipCallIds: [], startedAt, endedAt, number: 0 }, new JsonLine(1n));
    add(kept, { callId: 'whole', sipCallIds: [], startedAt, endedAt, number: 1 });
    expect(kept.get('whole')?.number).toBe(1);
    expect(kept.get('none')).toBeUndefined();
    expect(kept.get('circle')).toBeUndefined();
  });
});
