import { describe, expect, test } from 'vitest';
import { allAtOnce } from '../../../src/base/steps.ts';
import { checkProvisioning } from '../../../src/provisioning/check/provisioning.ts';
import { applyEdits, type ProvisioningEdits } from '../../../src/provisioning/directory/store.ts';
import type { Provisioned, TrunkSettings } from '../../../src/provisioning/trunk-settings/schema.ts';
import { Lineage, NOTHING, type StoredChange } from '../../../src/store/redis/lineage.ts';
import { putBackSteps } from '../../../src/store/redis/put-back.ts';
import { certificate, tenant, trunk } from '../records.ts';

const EMPTY: Provisioned = { tenants: [], trunks: [], certificates: [] };
const own = (id: string, owner: string, didPool = '15550001-15550009'): TrunkSettings => ({
  ...trunk(id),
  owner,
  didPool,
});

function changeOf(edits: ProvisioningEdits, version: number, token: string): StoredChange {
  const { putTenants = [], putTrunks = [], putCertificates = [], ...deletions } = edits;
  const put = {
    putTenants: putTenants.map(({ name }) => name),
    putTrunks: putTrunks.map(({ id = '' }) => id),
    putCertificates: putCertificates.map(({ name }) => name),
  };
  return { version, from: version - 1, token, names: { ...NOTHING, ...put, ...deletions }, restored: [] };
}

/** A node that has seen `mine` after `base`, while Redis has had `theirs`. */
function putBack(base: ProvisioningEdits, mine: readonly ProvisioningEdits[], theirs: readonly ProvisioningEdits[]) {
  const begun = applyEdits(EMPTY, base);
  const copy = mine.reduce<Provisioned>(applyEdits, begun);
  const store = theirs.reduce<Provisioned>(applyEdits, begun);
  const changes = (list: readonly ProvisioningEdits[], line: string) =>
    list.map((edits, at) => changeOf(edits, 2 + at, `${line}${2 + at}`));
  const first = changeOf({}, 1, 'a1');
  const events = [first, ...changes(theirs, 'b')];
  const place = { version: events.length, token: events.at(-1)?.token };
  const fork = Lineage.at({ version: 1, token: 'a1' }).with(changes(mine, 'a')).forkOf(events, place);
  const { commit, overtaken, restored, count } = allAtOnce(putBackSteps(copy, store, fork, place.version));
  const state = applyEdits(store, commit);
  const names = [...state.tenants.map(({ name }) => name), ...state.trunks.map(({ id = '' }) => id)];
  return { names, overtaken, restored, count, state, problems: checkProvisioning(state).map(({ code }) => code) };
}

describe('what goes back of the changes that were lost', () => {
  test('all of them, when nobody has changed anything since', () => {
    const mine = [{ putTenants: [tenant('acme')] }, { putTrunks: [own('100000001', 'acme')] }];
    expect(putBack({ putTenants: [tenant('old')] }, mine, [])).toMatchObject({
      ...{ names: ['old', 'acme', '100000001'], overtaken: [], restored: ['a2', 'a3'], count: 2, problems: [] },
    });
  });

  test('nothing that is in the store already as it was, and that is not overtaken', () => {
    const same = { putTenants: [tenant('acme')] };
    expect(putBack({}, [same, { deleteTenants: ['gone'] }], [same])).toMatchObject({ overtaken: [], count: 0 });
  });

  test('a change of a trunk whose tenant both have written: it is the tenant that it was', () => {
    const base = { putTenants: [tenant('acme')], putTrunks: [own('100000001', 'acme')] };
    const mine = [{ putTenants: [tenant('acme', 'Mine')], putTrunks: [own('100000001', 'acme', '15550001')] }];
    const { state, overtaken, restored } = putBack(base, mine, [{ putTenants: [tenant('acme', 'Theirs')] }]);
    expect([state.trunks.at(0)?.didPool, state.tenants.at(0)?.extensions[0]?.name]).toEqual(['15550001', 'Theirs']);
    expect([overtaken, restored]).toEqual([['tenant acme'], []]);
  });

  test('no certificate, and no number of a shared trunk, for a tenant that was made anew under the name', () => {
    const base = { putTenants: [tenant('acme'), tenant('beta')] };
    const assigned = { ...trunk('100000001'), tenants: [{ tenant: 'acme', didPool: '15550001' }] } as TrunkSettings;
    const mine = [{ putTrunks: [assigned], putCertificates: [{ ...certificate('c1'), owner: 'acme' }] }];
    const theirs = [{ deleteTenants: ['acme'] }, { putTenants: [tenant('acme', 'Somebody else')] }];
    expect(putBack(base, mine, theirs)).toMatchObject({
      ...{ names: ['beta', 'acme'], overtaken: ['trunk 100000001', 'certificate c1'], problems: [] },
    });
  });

  test('no removal of a trunk that a rule names since', () => {
    const base = { putTenants: [tenant('acme'), tenant('old')], putTrunks: [own('100000001', 'acme')] };
    const ruled = { ...tenant('acme'), outboundCallerIds: [{ trunk: '100000001', callerId: '15550001' }] };
    const mine = [{ deleteTrunks: ['100000001'] }, { deleteTenants: ['old'] }];
    expect(putBack(base, mine, [{ putTenants: [ruled] }])).toMatchObject({
      ...{ names: ['acme', '100000001'], overtaken: ['trunk 100000001'], restored: ['a3'], problems: [] },
    });
  });

  test('all else where the store breaks a rule already', () => {
    const base = { putTrunks: [own('100000001', 'nobody')] };
    const { names, overtaken } = putBack(base, [{ putTenants: [tenant('acme')] }], []);
    expect([names, overtaken]).toEqual([['acme', '100000001'], []]);
  });
});
