import fc from 'fast-check';
import { expect, test } from 'vitest';
import { allAtOnce } from '../../../src/base/steps.ts';
import {
  editedByName,
  editedTrunks,
  tenantIn,
  tenantPlace,
  trunkIn,
  trunkPlace,
} from '../../../src/provisioning/directory/places.ts';
import type { Provisioned } from '../../../src/provisioning/trunk-settings/schema.ts';
import { provision } from '../../trunks/kit.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'] as const;
const tenantOf = (name: string, zone: string) => {
  const [tenant] = provision({ tenants: [{ name, domain: `${name}.example.com`, timeZone: zone }] }).tenants;
  if (tenant === undefined) throw new Error('no tenant');
  return tenant;
};
const zones = ['Europe/Rome', 'Europe/Paris'] as const;
const edit = fc.record({
  put: fc.array(fc.tuple(fc.constantFrom(...NAMES), fc.constantFrom(...zones)), { maxLength: 4 }),
  removed: fc.array(fc.constantFrom(...NAMES, 'nobody'), { maxLength: 3 }),
});

test('edited lists, and places in them: what is replaced keeps its place, what is new comes last, what is put is not removed', () => {
  fc.assert(
    fc.property(fc.array(edit, { maxLength: 8 }), (edits) => {
      let tenants: Provisioned['tenants'] = [];
      let model = new Map<string, string>();
      for (const { put, removed } of edits) {
        const written = put.map(([name, zone]) => tenantOf(name, zone));
        tenants = allAtOnce(editedByName(tenants, written, removed));
        model = new Map(model);
        for (const name of removed) if (!put.some(([wanted]) => wanted === name)) model.delete(name);
        for (const [name, zone] of put) model.set(name, zone);
        expect(tenants.map(({ name, timeZone }) => [name, timeZone])).toEqual([...model]);
        const names = [...model.keys()];
        for (const name of [...NAMES, 'nobody']) {
          expect(tenantPlace({ tenants }, name)).toBe(names.indexOf(name));
          expect(tenantIn({ tenants }, name)?.timeZone).toBe(model.get(name));
        }
      }
    }),
    { numRuns: 100 },
  );
});

test('a list without edits is the list itself', () => {
  const tenants = [tenantOf('a', 'Europe/Rome')];
  expect(allAtOnce(editedByName(tenants, [], ['nobody']))).toBe(tenants);
});

test('trunks are found by id, of two with one id the first', () => {
  const { trunks } = provision({
    trunks: [
      { id: '7', name: 'one', type: 'ip', host: 'a.example.com' },
      { id: '7', name: 'two', type: 'ip', host: 'b.example.com' },
    ],
  });
  expect(trunkPlace({ trunks }, '7')).toBe(0);
  expect(trunkIn({ trunks }, '7')?.name).toBe('one');
  expect(trunkPlace({ trunks: allAtOnce(editedTrunks(trunks, [], ['7'])) }, '7')).toBe(-1);
});
