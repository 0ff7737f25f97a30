import { expect, test } from 'vitest';
import { allAtOnce } from '../../../src/base/steps.ts';
import { checkRulesOfOneDid, checkTenant } from '../../../src/provisioning/tenants/rules.ts';
import { type TenantInput, tenantSchema } from '../../../src/provisioning/tenants/schema.ts';
import { leastCpuMs } from '../../kit/thread-cpu.ts';

type InboundRules = NonNullable<TenantInput['inboundRules']>;

const problemsOf = (input: Partial<TenantInput>) =>
  allAtOnce(checkTenant(tenantSchema.parse({ name: 'acme', domain: 'acme.example', ...input })));

const rule = (name: string, changes: Partial<InboundRules[number]> = {}): InboundRules[number] => ({
  name,
  trunk: 'carrier',
  dids: '14155550100-14155550109',
  destination: { hangUp: true },
  ...changes,
});

test.each<[string, Partial<InboundRules[number]>, boolean]>([
  ['the same', {}, true],
  ['the same, written otherwise', { dids: ' 14155550100 – 14155550109 ' }, true],
  ['other DIDs, in part', { dids: '14155550100' }, false],
  ['another trunk', { trunk: 'other' }, false],
  ['other callers', { callers: '4930*' }, false],
  ['another verification', { verification: ['A'] }, false],
  ['the same, disabled', { enabled: false }, false],
])('two inbound rules that match %s', (_what, changes, areAlike) => {
  const problems = problemsOf({ inboundRules: [rule('first'), rule('second', changes)] });
  expect(problems.map(({ code, path }) => `${code} ${path}`)).toEqual(
    areAlike ? ['inbound-rules-alike inboundRules[1]'] : [],
  );
  if (areAlike) expect(problems[0]?.message).toContain('the rule "first"');
});

test('verifications are the same in any order', () => {
  const inboundRules = [rule('first', { verification: ['A', 'B'] }), rule('second', { verification: ['B', 'A'] })];
  expect(problemsOf({ inboundRules }).map(({ code }) => code)).toEqual(['inbound-rules-alike']);
});

test('a tenant of very many rules is checked in a time that grows as they do', () => {
  const many = Array.from({ length: 5_000 }, (_, at) => at);
  const tenant = tenantSchema.parse({
    name: 'acme',
    domain: 'acme.example',
    groups: many.map((at) => ({ name: `group ${at}` })),
    outboundRules: many.map((at) => ({
      name: `rule ${at}`,
      match: { groups: Array.from({ length: 20 }, (_, group) => `group ${4_999 - group}`) },
      routes: [{ trunk: 'carrier' }],
    })),
    inboundRules: many.map((at) => rule(`rule ${at}`, { dids: String(14155550000 + at) })),
  });
  const check = () => {
    expect(allAtOnce(checkTenant(tenant))).toEqual([]);
    allAtOnce(checkRulesOfOneDid(tenant.inboundRules, (reference) => reference, expect.unreachable));
  };
  expect(leastCpuMs(150, check)).toBeLessThan(150);
});

test('a DID is in 1,000 enabled rules of one trunk at most, each 100 characters of a caller mask counting as one', () => {
  const many = (count: number, changes: (at: number) => Partial<InboundRules[number]>) =>
    Array.from({ length: count }, (_, at) => rule(`rule ${at}`, changes(at)));
  const refused = (inboundRules: InboundRules) => {
    const tenant = tenantSchema.parse({ name: 'acme', domain: 'acme.example', inboundRules });
    const problems: string[][] = [];
    const trunkOf = (reference: string) => (reference === '17' ? 'carrier' : reference);
    allAtOnce(checkRulesOfOneDid(tenant.inboundRules, trunkOf, (code, path) => problems.push([code, path])));
    return problems;
  };
  const within = (at: number) => ({ dids: `${14155550000 + at}-14155559999` });
  expect(refused(many(1_000, within))).toEqual([]);
  expect(refused(many(1_001, within))).toEqual([['too-many-rules', 'inboundRules[1000].dids']]);
  const byNameAndId = many(1_001, (at) => ({ ...within(at), trunk: at % 2 === 0 ? 'carrier' : '17' }));
  expect(refused(byNameAndId)).toEqual([['too-many-rules', 'inboundRules[1000].dids']]);
  const beside = many(1_001, within).map((each, at) => (at === 5 ? { ...each, enabled: false } : each));
  expect(refused([...beside, rule('other trunk', { trunk: 'other', dids: '14155551500' })])).toEqual([]);
  expect(refused(many(3_000, (at) => ({ dids: String(14155550000 + at) })))).toEqual([]);
  const callers = Array.from({ length: 80 }, (_, at) => 4930000000 + at).join(';');
  expect(refused(many(111, (at) => ({ ...within(at), callers })))).toEqual([]);
  expect(refused(many(112, (at) => ({ ...within(at), callers })))).toEqual([
    ['too-many-rules', 'inboundRules[111].dids'],
  ]);
});
