import { describe, expect, test } from 'vitest';
import { type Referent, referrersOf } from '../../src/trunks/references.ts';
import { provision } from './kit.ts';

const state = provision({
  tenants: [
    {
      name: 'acme',
      domain: 'acme.example.com',
      extensions: [
        { number: '101', outboundCallerIds: [{ trunk: 'carrier', callerId: '1000' }] },
        { number: '102', forward: { busy: '101' } },
        { number: '103' },
      ],
      groups: [
        { name: 'sales', members: ['101'] },
        { name: 'idle', members: ['103'] },
      ],
      services: [
        { kind: 'ring-group', number: '600', name: 'Desk', members: ['101'] },
        { kind: 'queue', number: '601', name: 'Queue', overflow: '600' },
      ],
      outboundRules: [
        { name: 'world', match: { groups: ['sales'] }, routes: [{ trunk: '1' }, { trunk: 'carrier', strip: 1 }] },
      ],
      inboundRules: [
        {
          name: 'main',
          trunk: 'carrier',
          dids: '1000',
          destination: { extension: '101' },
          onHolidays: { service: '600' },
        },
      ],
    },
    { name: 'beta', domain: 'beta.example.com' },
  ],
  trunks: [
    {
      id: '1',
      name: 'carrier',
      type: 'ip',
      host: 'x.example.com',
      tenants: [
        { tenant: 'acme', didPool: '1000' },
        { tenant: 'beta', didPool: '2000' },
      ],
    },
    { id: '2', name: 'carrier-2', type: 'ip', host: 'y.example.com' },
  ],
});

const names = (referent: Referent) =>
  referrersOf(state, referent).map(({ kind, tenant, name }) => `${tenant ?? 'system'}/${kind}/${name}`);

describe('behaviour 29: what is referred to is not deleted, and the referrers are listed', () => {
  test.each<[string, Referent, string[]]>([
    [
      'a trunk, by name and by id, each referrer once',
      { kind: 'trunk', id: '1' },
      ['acme/extension/101', 'acme/outbound-rule/world', 'acme/inbound-rule/main'],
    ],
    ['a free trunk', { kind: 'trunk', id: '2' }, []],
    [
      'an assignment in use',
      { kind: 'trunk-assignment', id: '1', tenant: 'acme' },
      ['acme/extension/101', 'acme/outbound-rule/world', 'acme/inbound-rule/main'],
    ],
    ['a free assignment', { kind: 'trunk-assignment', id: '1', tenant: 'beta' }, []],
    ['a tenant with a trunk', { kind: 'tenant', name: 'beta' }, ['system/trunk/1']],
    ['a group in a rule', { kind: 'group', tenant: 'acme', name: 'sales' }, ['acme/outbound-rule/world']],
    ['a free group', { kind: 'group', tenant: 'acme', name: 'idle' }, []],
    [
      'an extension',
      { kind: 'extension', tenant: 'acme', number: '101' },
      ['acme/group/sales', 'acme/service/600', 'acme/extension/102', 'acme/inbound-rule/main'],
    ],
    ['a service', { kind: 'service', tenant: 'acme', number: '600' }, ['acme/service/601', 'acme/inbound-rule/main']],
    ['a free extension', { kind: 'extension', tenant: 'acme', number: '102' }, []],
    ['something of a tenant that is not there', { kind: 'extension', tenant: 'none', number: '101' }, []],
  ])('%s', (_, referent, expected) => {
    expect(names(referent)).toEqual(expected);
  });
});
