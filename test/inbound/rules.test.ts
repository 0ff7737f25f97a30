import { expect, test } from 'vitest';
import { InboundRules } from '../../src/inbound/rules.ts';
import type { InboundRule, Tenant } from '../../src/provisioning/tenants/schema.ts';
import { leastCpuMs } from '../kit/thread-cpu.ts';

const NOTHING_FOUND = { result: 'none', attestation: undefined } as const;
const CALLER = '12125551212';

type Dids = readonly [first: number, last: number];

function compiled(dids: readonly Dids[]): InboundRules {
  const inboundRules = dids.map(
    ([first, last], at) =>
      ({ name: nameOf(at), enabled: true, trunk: 'carrier', dids: `${first}-${last}`, callers: null }) as InboundRule,
  );
  return new InboundRules({ inboundRules } as unknown as Tenant, (reference) => reference);
}

function nameOf(at: number): string {
  return `rule ${String(at).padStart(5, '0')}`;
}

const ruleOf = (rules: InboundRules, number: number) =>
  rules.match('carrier', number, CALLER, NOTHING_FOUND)?.rule.name;

test('of rules that hold a number the one with the fewest DIDs counts, then the first by name, however they lie', () => {
  let seed = 1;
  const random = (below: number) => {
    seed = (seed * 48_271) % 0x7fffffff;
    return seed % below;
  };
  for (let round = 0; round < 60; round++) {
    const dids = Array.from({ length: random(13) }, (): Dids => {
      const first = 100 + random(30);
      return [first, first + random(12)];
    });
    const rules = compiled(dids);
    for (let number = 98; number < 145; number++) {
      const holding = dids
        .map(([first, last], at) => ({
          size: last - first,
          name: nameOf(at),
          holds: first <= number && number <= last,
        }))
        .filter(({ holds }) => holds)
        .sort((a, b) => a.size - b.size || (a.name < b.name ? -1 : 1));
      expect(ruleOf(rules, number), `${number} of ${JSON.stringify(dids)}`).toBe(holding[0]?.name);
    }
  }
});

test('ten thousand rules whose DIDs lie within each other are compiled as fast as ten thousand side by side', () => {
  const count = 10_000;
  const nested = Array.from({ length: count }, (_, at): Dids => [1_000_000 + at, 1_000_000 + 2 * count - at]);
  expect(leastCpuMs(200, () => compiled(nested))).toBeLessThan(200);
  expect(ruleOf(compiled(nested), 1_000_000 + count)).toBe(nameOf(count - 1));
});
