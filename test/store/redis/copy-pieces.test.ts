import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allAtOnce } from '../../../src/base/steps.ts';
import { applyEdits } from '../../../src/provisioning/directory/store.ts';
import type { Provisioned } from '../../../src/provisioning/trunk-settings/schema.ts';
import { KINDS } from '../../../src/store/documents.ts';
import { type Divided, dividedAfter, NOTHING } from '../../../src/store/redis/copy-pieces.ts';
import { isCollected } from '../../kit/collected.ts';
import { tenant, trunk } from '../records.ts';

const next = (before: Divided, state: Provisioned) => allAtOnce(dividedAfter(before, state));
const stateOf = (tenants: Provisioned['tenants']): Provisioned => ({ tenants, trunks: [], certificates: [] });
const tenantsOf = (count: number, prefix = 't') =>
  Array.from({ length: count }, (_, index) => tenant(`${prefix}${index}`));

/** What the pieces hold, in their order. */
function joined({ pieces }: Divided): Record<string, readonly object[]> {
  return Object.fromEntries(
    KINDS.map((kind) => [kind, pieces.flatMap((piece) => (piece.kind === kind ? piece.documents : []))]),
  );
}

function withExtensions(name: string, count: number) {
  const one = tenant(name);
  const [first] = one.extensions;
  if (first === undefined) throw new Error('no extension');
  return { ...one, extensions: Array.from({ length: count }, (_, n) => ({ ...first, number: String(1_000 + n) })) };
}

test('whatever is edited, the pieces hold the state in its order', () => {
  const name = fc.integer({ min: 0, max: 400 }).map((n) => `t${n}`);
  const edits = fc.record({ put: fc.array(name, { maxLength: 150 }), gone: fc.array(name, { maxLength: 150 }) });
  fc.assert(
    fc.property(fc.array(edits, { maxLength: 12 }), (all) => {
      let divided = next(NOTHING, stateOf(tenantsOf(250)));
      for (const { put, gone } of all) {
        const putTenants = [...new Set(put)].map((each) => tenant(each));
        const putTrunks = putTenants.slice(0, 3).map((_, index) => trunk(String(100_000_000 + index)));
        const state = applyEdits(divided.state, { putTenants, deleteTenants: gone, putTrunks });
        divided = next(divided, state);
        expect(joined(divided)).toEqual(state);
      }
    }),
    { numRuns: 60 },
  );
});

test('a state whose order is another one is divided anew', () => {
  const divided = next(NOTHING, stateOf(tenantsOf(250)));
  const turned = stateOf([...divided.state.tenants].reverse());
  expect(joined(next(divided, turned))).toEqual(turned);
});

test('one that has come in the middle is kept there', () => {
  const divided = next(NOTHING, stateOf(tenantsOf(250)));
  const state = stateOf([...divided.state.tenants].toSpliced(100, 0, tenant('between')));
  expect(joined(next(divided, state))).toEqual(state);
});

describe('of a state that changed', () => {
  const before = next(NOTHING, stateOf(tenantsOf(1_000)));
  const anew = ({ pieces }: Divided) => pieces.filter((piece) => !before.pieces.includes(piece));

  test('nothing is another piece where nothing changed', () => {
    expect(next(before, before.state).pieces).toEqual(before.pieces);
    expect(anew(next(before, stateOf([...before.state.tenants])))).toEqual([]);
  });

  test.each([
    ['changed', { putTenants: [tenant('t500', 'Bob')] }],
    ['removed', { deleteTenants: ['t500'] }],
    ['added', { putTenants: [tenant('new')] }],
  ])('one piece is another one where a tenant was %s', (_, edits) => {
    expect(anew(next(before, applyEdits(before.state, edits)))).toHaveLength(1);
  });
});

test('no piece has more than a thousand extensions, but that of a tenant that has', () => {
  const tenants = Array.from({ length: 30 }, (_, index) => withExtensions(`t${index}`, index === 7 ? 5_000 : 150));
  const { pieces } = next(NOTHING, stateOf(tenants));
  const counts = pieces.map(({ documents }) =>
    documents.reduce((sum, document) => sum + ('extensions' in document ? document.extensions.length : 0), 0),
  );
  expect(Math.max(...counts.filter((count) => count !== 5_000))).toBeLessThanOrEqual(1_000);
  expect(pieces.find(({ documents }) => documents.includes(tenants[7] as never))?.documents).toHaveLength(1);
});

test('of many tenants that go, pieces do not stay as many as there were', () => {
  let divided = next(NOTHING, stateOf(tenantsOf(10_000)));
  for (let left = 0; left < 99; left++) {
    const gone = [...divided.state.tenants].filter((_, index) => index % 2 === 0).map(({ name }) => name);
    if (gone.length < 2) break;
    divided = next(divided, applyEdits(divided.state, { deleteTenants: gone }));
    const needed = Math.ceil(divided.state.tenants.length / 100);
    expect(divided.pieces.length).toBeLessThanOrEqual(4 * 2 * needed + 20);
  }
});

test('the pieces of a state hold no state that was before it', async () => {
  const gone: WeakRef<object>[] = [];
  let divided = next(NOTHING, stateOf(tenantsOf(20)));
  const replaceFirst = () => {
    const [first, ...rest] = divided.state.tenants;
    if (first === undefined) throw new Error('no tenant');
    gone.push(new WeakRef<object>(divided.state), new WeakRef<object>(first));
    divided = next(divided, stateOf([{ ...first }, ...rest]));
  };
  for (let n = 0; n < 5; n++) replaceFirst();
  // The last two: the change that was found still names what it replaced.
  for (const ref of gone.slice(0, -2)) expect(await isCollected(ref)).toBe(true);
  expect(joined(divided)['tenants']).toHaveLength(20);
});
