import fc from 'fast-check';
import { expect, test } from 'vitest';
import { networksIn } from '../../../src/base/network.ts';
import { allAtOnce } from '../../../src/base/steps.ts';
import { groupSteps, groupsAround } from '../../../src/provisioning/trunk-settings/providers.ts';
import { type TrunkSources, withNetworks } from '../../../src/provisioning/trunk-settings/sources.ts';

const networks = ['10.0.0.1', '10.0.0.2', '10.0.0.0/24', '10.0.0.0/16', '10.0.1.1', '192.0.2.1', '2001:db8::/32'];
const someNetworks = (most: number) =>
  fc.uniqueArray(fc.constantFrom(...networks), { maxLength: most }).map((texts) => networksIn(texts));
const sources: fc.Arbitrary<TrunkSources> = fc.record({
  brands: fc.uniqueArray(fc.constantFrom('x', 'y'), { maxLength: 1 }),
  names: fc.uniqueArray(fc.constantFrom('a.example', 'b.example', 'c.example', 'd.example'), { maxLength: 2 }),
  networks: someNetworks(2),
});

test.each([
  ['few', 12, 3],
  ['so many that all are grouped', 60, 40],
])('the groups around some trunks are those of all in which one of them is: %s', (_what, most, seeds) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(sources, someNetworks(1)), { maxLength: most }), fc.nat(seeds), (list, count) => {
      const items = list.map(([of, beside], index) => ({ of, beside, index }));
      const comers = items.slice(0, count);
      const isIn = (group: typeof items) => group.some((item) => comers.includes(item));
      const told = (groups: (typeof items)[]) =>
        groups
          .filter((group) => isIn(group) && group.length > 1)
          .map((group) => group.map(({ index }) => index).join(' '))
          .sort();
      const around = allAtOnce(
        groupsAround(
          comers,
          items,
          ({ of }) => of,
          ({ beside }) => beside,
        ),
      );
      expect(told(around)).toEqual(told(allAtOnce(groupSteps(items, ({ of, beside }) => withNetworks(of, beside)))));
    }),
    { numRuns: 200 },
  );
});
