import { expect, test } from 'vitest';
import { draftForRoute, planOutbound } from '../../../src/outbound/index.ts';
import { type CallOptions, factsOf, TRUNK, tenantWith, trunkWith } from '../world.ts';

const octets = (text: string) => Buffer.from(text).toString('latin1');

function fromOf(asked: string, trunk: Parameters<typeof trunkWith>[0] = {}): string | number {
  const tenants = [tenantWith({}), tenantWith({ name: 'globex', domain: 'globex.example.com' })];
  const pools = [...(TRUNK.tenants ?? []), { tenant: 'globex', didPool: '14155550200' }];
  const call: CallOptions = {
    tenants,
    trunks: [trunkWith({ tenants: pools, ...trunk })],
    headers: [`X-Outbound-Cli: rewrite-from=${octets(asked)}`],
  };
  const route = draftForRoute(planOutbound(factsOf(call)), 0);
  return route.kind === 'draft' ? route.draft.from : route.status;
}

test.each([
  ['as people write it', '+1 (415) 555-0150', '+14155550150'],
  ['in full-width digits', '\uff0b\uff11\uff14\uff11\uff15\uff15\uff15\uff15\uff10\uff11\uff15\uff10', '+14155550150'],
  ['with Arabic digits', '141555501\u0665\u0660', '14155550150'],
  ['with the hyphens of a page', '1\u2011415\u2011555\u20110150', '14155550150'],
])('a number of the pool %s is taken, and leaves in ASCII', (_how, asked, sent) => {
  expect(fromOf(asked)).toContain(`<sip:${sent}@`);
});

test("another tenant's in such digits is not", () => {
  const asked = '\uff11\uff14\uff11\uff15\uff15\uff15\uff15\uff10\uff12\uff10\uff10';
  expect(fromOf(asked)).toBe(fromOf('14155550200'));
  expect(fromOf(asked, { options: { callerIdOutsidePool: 'reject' } })).toBe(403);
});
