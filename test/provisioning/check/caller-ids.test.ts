import { describe, expect, test } from 'vitest';
import { checkProvisioning } from '../../../src/provisioning/check/provisioning.ts';
import type { Tenant, TenantInput } from '../../../src/provisioning/tenants/schema.ts';
import type { TrunkInput } from '../../../src/provisioning/trunk-settings/schema.ts';
import { provision } from '../../trunks/kit.ts';

const A: TrunkInput = {
  name: 'carrier-a',
  type: 'ip',
  host: '192.0.2.1',
  tenants: [{ tenant: 'acme', didPool: '14155550100-14155550199' }],
};
const B: TrunkInput = {
  name: 'carrier-b',
  type: 'ip',
  host: '192.0.2.2',
  numberFormat: 'national 49',
  tenants: [{ tenant: 'acme', didPool: '4930123450-4930123459' }],
};
const faults = (tenant: Partial<TenantInput>, trunks = [A, B]) =>
  checkProvisioning(provision({ tenants: [{ name: 'acme', domain: 'acme.example.com', ...tenant }], trunks }));

describe('a caller ID outside every pool of its tenant is refused when it is written, with the pools named', () => {
  const outside = '14155559999';
  const routes = [{ trunk: 'carrier-a' }];
  test.each([
    ['outboundCallerId', { outboundCallerId: outside }],
    ['outboundCallerIds[0].callerId', { outboundCallerIds: [{ trunk: 'carrier-a', callerId: '030123451' }] }],
    ['extensions[0].outboundCallerId', { extensions: [{ number: '101', outboundCallerId: outside }] }],
    ['groups[0].outboundCallerId', { groups: [{ name: 'g', outboundCallerId: outside }] }],
    [
      'services[0].outboundCallerId',
      { services: [{ kind: 'queue' as const, number: '6', name: 'q', outboundCallerId: outside }] },
    ],
    ['outboundRules[0].outboundCallerId', { outboundRules: [{ name: 'r', routes, outboundCallerId: outside }] }],
    [
      'outboundRules[0].routes[0].outboundCallerId',
      { outboundRules: [{ name: 'r', routes: [{ trunk: 'carrier-a', outboundCallerId: outside }] }] },
    ],
  ])('%s', (path, tenant) => {
    const [fault, ...more] = faults(tenant);
    expect(more).toEqual([]);
    expect(fault).toMatchObject({ code: 'caller-id-outside-pools', path: `tenants[0].${path}` });
    expect(fault?.message).toContain('14155550100-14155550199 (carrier-a)');
  });

  test.each(['14155550150', '+1 (415) 555-0150', '030123451', '+4930123451', '4930123451', '30123451'])(
    '%s is inside',
    (callerId) => {
      expect(faults({ outboundCallerId: callerId })).toEqual([]);
    },
  );

  test('before the tenant has any pool, a caller ID may be written', () => {
    expect(faults({ outboundCallerId: outside }, [])).toEqual([]);
  });

  test('a pool may be taken away: a caller ID that stood there already is no reason to keep it', () => {
    const before = provision({
      tenants: [
        { name: 'acme', domain: 'acme.example.com', extensions: [{ number: '101', outboundCallerId: '030123451' }] },
      ],
      trunks: [A, B],
    });
    const [acme] = before.tenants as [Tenant];
    const faultsAfter = (tenant: Tenant) =>
      checkProvisioning({ tenants: [tenant], trunks: before.trunks.slice(0, 1), certificates: [] }, { before }).map(
        ({ path }) => path,
      );
    expect(faultsAfter(acme)).toEqual([]);
    expect(faultsAfter({ ...acme, timeZone: 'Europe/Berlin' })).toEqual([]);
    expect(faultsAfter({ ...acme, outboundCallerId: '030123452' })).toEqual(['tenants[0].outboundCallerId']);
  });
});
