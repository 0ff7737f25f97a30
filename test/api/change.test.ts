import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { provision } from '../trunks/kit.ts';
import { ask, startTestApi, type TestApi } from './kit.ts';

const state = provision({
  tenants: [
    {
      name: 'acme',
      domain: 'acme.example.com',
      extensions: [
        { number: '101', outboundCallerIds: [{ trunk: 'carrier', callerId: '1000' }] },
        { number: '102', forward: { busy: '101' } },
        { number: '103', forward: { notRegistered: '600' } },
        { number: '104' },
        { number: '105', forward: { noAnswer: '104', always: '+14155550100' } },
        { number: '106', forward: { busy: '102' } },
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
          hours: { open: [{ days: ['mon'], from: '09:00', to: '17:00' }] },
          outsideHours: { number: '105' },
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

describe('behaviour 29: what is referred to is not deleted, and the referrers are listed', () => {
  let world: TestApi;
  beforeAll(async () => {
    world = await startTestApi({ state });
  });
  afterAll(() => world.close());

  const carrierUsers = [
    'tenants/acme/extensions/101',
    'tenants/acme/inbound-rules/main',
    'tenants/acme/outbound-rules/world',
  ];
  test.each<[string, string, string[]]>([
    ['a trunk, by name and by id', 'trunks/1', carrierUsers],
    ['a free trunk', 'trunks/2', []],
    ['an assignment in use', 'trunks/1/tenants/acme', carrierUsers],
    ['a free assignment', 'trunks/1/tenants/beta', []],
    ['a tenant with a trunk', 'tenants/beta', ['trunks/1']],
    ['a group in a rule', 'tenants/acme/groups/sales', ['tenants/acme/outbound-rules/world']],
    ['a free group', 'tenants/acme/groups/idle', []],
    [
      'an extension',
      'tenants/acme/extensions/101',
      [
        'tenants/acme/extensions/102',
        'tenants/acme/groups/sales',
        'tenants/acme/inbound-rules/main',
        'tenants/acme/services/600',
      ],
    ],
    [
      'a service',
      'tenants/acme/services/600',
      ['tenants/acme/extensions/103', 'tenants/acme/inbound-rules/main', 'tenants/acme/services/601'],
    ],
    ['a number that is forwarded to only', 'tenants/acme/extensions/104', ['tenants/acme/extensions/105']],
    ['a number of an outside destination', 'tenants/acme/extensions/105', ['tenants/acme/inbound-rules/main']],
    ['a free extension', 'tenants/acme/extensions/106', []],
  ])('%s', async (_what, resource, referrers) => {
    const restore = world.provisioning.snapshot();
    const answer = await ask(world, world.tokens.system, 'DELETE', `/api/v1/${resource}`);
    restore();
    if (referrers.length === 0) return expect(answer.status).toBe(204);
    expect([answer.status, answer.body.code]).toEqual([409, 'in-use']);
    const listed = new Set<string>(answer.body.errors.map(({ path }: { path: string }) => path));
    expect([...listed].sort()).toEqual(referrers);
    for (const referrer of referrers) expect(answer.body.detail).toContain(referrer);
  });
});
