import type { OutboundFacts } from '../../src/outbound/index.ts';
import { factsOf } from './world.ts';

/** The call that docs/outbound.md explains. */
export function docFacts(): OutboundFacts {
  return factsOf({
    tenants: [
      {
        name: 'acme',
        domain: 'acme.example.com',
        outboundCallerId: '14155550100',
        extensions: [{ number: '101', name: 'Alice', outboundCallerId: '16505550000' }],
        groups: [{ name: 'sales', members: ['101'], outboundCallerId: '14155550120' }],
        outboundRules: [
          { name: 'international', priority: 5, match: { prefixes: ['900'] }, routes: [{ trunk: 'carrier-b' }] },
          {
            name: 'world',
            priority: 10,
            match: { prefixes: ['9'], groups: ['sales'] },
            routes: [
              { trunk: 'carrier-b', strip: 1 },
              { trunk: 'carrier-a', strip: 1, prepend: '+' },
            ],
          },
        ],
      },
    ],
    trunks: [
      {
        id: '235468356',
        name: 'carrier-a',
        type: 'ip',
        host: 'sip.carrier-a.example',
        port: 5060,
        options: { removePlus: true },
        outboundParameters: { pAssertedIdentity: { user: 'OutboundCallerId', host: 'TrunkHostPort' } },
        tenants: [{ tenant: 'acme', didPool: '14155550100-14155550199' }],
      },
      {
        id: '235468357',
        name: 'carrier-b',
        type: 'ip',
        host: 'sip.carrier-b.example',
        tenants: [{ tenant: 'acme', didPool: '16505550000' }],
      },
    ],
    dialled: '914155559999',
    from: '"Alice at desk" <sip:101@acme.example.com>',
    headers: ['X-Outbound-Cli: rewrite-pai=14155550199; rewrite-from=16505550000; trunk-id=235468356'],
    trunkState: (id) => ({ up: id !== '235468357', full: false, reason: 'down since 10:04: no answer to OPTIONS' }),
    body: '',
  });
}
