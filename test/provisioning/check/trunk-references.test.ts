import { expect, test } from 'vitest';
import { allAtOnce } from '../../../src/base/steps.ts';
import { checkChangeSteps, checkProvisioning } from '../../../src/provisioning/check/provisioning.ts';
import { wholeScope } from '../../../src/provisioning/check/scope.ts';
import { checkTrunkReferences } from '../../../src/provisioning/check/trunk-references.ts';
import { Directory } from '../../../src/provisioning/directory/directory.ts';
import { tenantSchema } from '../../../src/provisioning/tenants/schema.ts';
import { provision } from '../../trunks/kit.ts';

test('of many tenants at once each is a step: no call waits for them all', () => {
  const tenants = Array.from({ length: 1000 }, (_each, index) =>
    tenantSchema.parse({ name: `t${index}`, domain: `t${index}.example.com` }),
  );
  let asked = 0;
  const asksReferences = () => ++asked > 0;
  const scope = { ...wholeScope({ tenants, trunks: [], certificates: [] }, undefined), asksReferences };
  let most = 0;
  for (const _step of checkTrunkReferences(scope, [], new Set(), [])) {
    most = Math.max(most, asked);
    asked = 0;
  }
  expect(most).toBe(1);
});

test('a DID is in 1,000 rules of one trunk at most, by both of its names, and whoever names it', () => {
  const rulesOf = (trunk: string) =>
    Array.from({ length: 600 }, (_, at) => ({
      name: `${trunk} ${at}`,
      trunk,
      dids: `${14155550000 + at}-14155559999`,
      destination: { hangUp: true as const },
    }));
  const state = (names: Readonly<Record<'17' | '18', string>>, rulesOfWhich: string) =>
    provision({
      tenants: [
        { name: 'acme', domain: 'acme.example', inboundRules: [...rulesOf('carrier'), ...rulesOf(rulesOfWhich)] },
      ],
      trunks: (['17', '18'] as const).map((id) => ({
        id,
        name: names[id],
        type: 'ip' as const,
        host: `192.0.2.${id}`,
        tenants: [{ tenant: 'acme', didPool: '14155550000-14155559999' }],
      })),
    });
  const facts = (problems: readonly { code: string; path: string; tenants?: readonly string[] }[]) =>
    problems.map(({ code, path, tenants }) => [code, path, tenants]);
  const tooMany = [['too-many-rules', 'tenants[0].inboundRules[1100].dids', ['acme']]];
  expect(facts(checkProvisioning(state({ 17: 'carrier', 18: 'other' }, '17')))).toEqual(tooMany);
  const before = state({ 17: 'carrier', 18: 'other' }, '18');
  expect(checkProvisioning(before)).toEqual([]);
  const after = { ...before, trunks: state({ 17: 'former', 18: 'carrier' }, '18').trunks };
  expect(facts(allAtOnce(checkChangeSteps(new Directory(before), after, {}, new Set())))).toEqual(tooMany);
});
