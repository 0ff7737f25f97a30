import { expect, test } from 'vitest';
import { referencesTo } from '../../../src/provisioning/tenants/references.ts';
import { tenantSchema } from '../../../src/provisioning/tenants/schema.ts';

const tenant = tenantSchema.parse({
  name: 'acme',
  domain: 'acme.example.com',
  extensions: [
    { number: '102', forward: { always: '101', busy: '101', noAnswer: '101', notRegistered: '101' } },
    { number: '103', forward: { always: '1010', busy: '+101' } },
  ],
  groups: [{ name: 'sales', members: ['102', '101'] }],
  services: [
    { kind: 'ring-group', number: '600', name: 'Desk', members: ['103', '101'] },
    { kind: 'queue', number: '601', name: 'Queue', overflow: '101' },
  ],
  outboundRules: [
    { name: 'boss', match: { extensions: ['102', '101'] }, routes: [{ trunk: 't' }] },
    { name: 'all', match: { extensions: ['100-102'] }, routes: [{ trunk: 't' }] },
  ],
  inboundRules: [
    { name: 'a', trunk: 't', dids: '1', destination: { extension: '101' }, onHolidays: { service: '101' } },
    { name: 'b', trunk: 't', dids: '2', destination: { number: '101' } },
    { name: 'c', trunk: 't', dids: '3-5', destination: { extensions: '100-102' } },
    { name: 'd', trunk: 't', dids: '6', destination: { hangUp: true } },
  ],
});

test('behaviour 29: every place that names a number, and none that only looks like it', () => {
  expect(referencesTo(new Set(['101']), tenant).map(({ path }) => path)).toEqual([
    'extensions[0].forward.always',
    'extensions[0].forward.busy',
    'extensions[0].forward.noAnswer',
    'extensions[0].forward.notRegistered',
    'groups[0].members[1]',
    'services[0].members[1]',
    'services[1].overflow',
    'outboundRules[0].match.extensions[1]',
    'inboundRules[0].destination.extension',
    'inboundRules[0].onHolidays.service',
    'inboundRules[1].destination.number',
  ]);
  expect(referencesTo(new Set(['100']), tenant)).toEqual([]);
});

test('of several numbers each place says which one it names, and in which item', () => {
  const found = referencesTo(new Set(['101', '100']), tenant);
  expect(found).toContainEqual({ number: '101', field: 'services', index: 1, path: 'services[1].overflow' });
  expect(new Set(found.map(({ number }) => number))).toEqual(new Set(['101']));
});
