import { describe, expect, test } from 'vitest';
import { differenceOf, planOutbound } from '../../src/outbound/index.ts';
import { directoryOf, factsIn, placed, tenantWith, trunkWith } from './world.ts';

const ALICE = { number: '101', name: 'Alice' };

const BACKUP = trunkWith({
  id: '77',
  name: 'backup',
  host: 'backup.example',
  tenants: [{ tenant: 'acme', didPool: '14155550105' }],
});
const TENANT = {
  outboundCallerId: '14155550105',
  outboundRules: [{ name: 'world', routes: [{ trunk: 'CallCentric' }, { trunk: 'backup', prepend: '00' }] }],
};
type Changes = { readonly tenant?: object; readonly trunk?: object };
const stateOf = ({ tenant, trunk }: Changes = {}) =>
  directoryOf([tenantWith({ ...TENANT, ...tenant })], [trunkWith({ ...trunk }), BACKUP]);

/** What a change does to a call that was placed before it. */
const changedBy = (changes: Changes) => {
  const plan = planOutbound(factsIn(stateOf(), { dialled: '15551230000' }));
  return differenceOf(placed(plan), plan.facts.directory, stateOf(changes));
};

describe('a placed call, played again on another state', () => {
  test('that leaves alike makes no difference, octet for octet', () => {
    expect(changedBy({})).toBeUndefined();
    expect(changedBy({ tenant: { extensions: [ALICE, { number: '102' }, { number: '103' }] } })).toBeUndefined();
  });

  test('says which field is another, what it was and will be, and why', () => {
    const changed = changedBy({ trunk: { outboundParameters: { pAssertedIdentity: { user: 'OutboundCallerId' } } } });
    expect(changed).toMatchObject({ tenant: 'acme', caller: '101', dialled: '15551230000' });
    expect(changed?.before).toEqual({ kind: 'outside', trunks: ['CallCentric', 'backup'] });
    expect(changed?.after).toEqual(changed?.before);
    expect(changed?.fields).toEqual([
      {
        trunk: 'CallCentric',
        field: 'P-Asserted-Identity',
        after: expect.stringMatching(/^<sip:14155550105@/),
        reason: expect.stringMatching(/./),
      },
    ]);
  });

  test('a field that is not sent any more has no value afterwards', () => {
    const changed = changedBy({ trunk: { addHeaders: [{ name: 'X-Site', value: 'hq' }] } });
    expect(changed?.fields).toEqual([
      { trunk: 'CallCentric', field: 'X-Site', after: 'hq', reason: expect.any(String) },
    ]);
  });

  test('says the trunks in their order, before and after', () => {
    const changed = changedBy({ tenant: { outboundRules: [{ name: 'world', routes: [{ trunk: 'backup' }] }] } });
    expect(changed?.before.trunks).toEqual(['CallCentric', 'backup']);
    expect(changed?.after.trunks).toEqual(['backup']);
    // The route that stays sends another number: its prefix is gone.
    expect(changed?.fields.map(({ trunk, field }) => [trunk, field])).toContainEqual(['backup', 'Request-URI']);
  });

  test.each([
    ['no rule matches', { tenant: { outboundRules: [] } }, 'refused'],
    ['the dialled number is an extension', { tenant: { extensions: [ALICE, { number: '15551230000' }] } }, 'inside'],
    ['the caller is gone', { tenant: { extensions: [{ number: '102' }] } }, 'refused'],
    ['the tenant is stopped', { tenant: { stopOutbound: true } }, 'refused'],
  ])('%s: it does not leave', (_what, changes, kind) => {
    expect(changedBy(changes)?.after).toMatchObject({ kind, trunks: [] });
  });

  test('an emergency call leaves, whoever has the number for an extension', () => {
    const emergency = { emergencyNumbers: ['911'], emergency: { routes: [{ trunk: 'CallCentric' }] } };
    const plan = planOutbound(factsIn(stateOf({ tenant: emergency }), { dialled: '911' }));
    const next = stateOf({ tenant: { ...emergency, extensions: [ALICE, { number: '911' }] } });
    expect(differenceOf(placed(plan), plan.facts.directory, next)).toBeUndefined();
  });

  test('trunks are up or down as they were', () => {
    const trunkState = (id: string) => ({ up: id === '77', full: false, reason: 'down' });
    const plan = planOutbound(factsIn(stateOf(), { dialled: '15551230000', trunkState }));
    const next = stateOf({ trunk: { enabled: false } });
    expect(differenceOf(placed(plan), plan.facts.directory, next)).toBeUndefined();
  });
});
