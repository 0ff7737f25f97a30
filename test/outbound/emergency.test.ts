import { describe, expect, test } from 'vitest';
import { draftForRoute, explain, planOutbound } from '../../src/outbound/index.ts';
import { type CallOptions, factsOf, type TenantInput, TRUNK, tenantWith, trunkWith } from './world.ts';

const second = trunkWith({ id: '77', name: 'second', host: 'second.example' });
const outside: TenantInput['outboundRules'] = [
  { name: 'outside', match: { prefixes: ['9'] }, routes: [{ trunk: 'CallCentric', strip: 1, prepend: '+' }] },
];

/** The called number and trunk of each route of a call. */
function routesOf(tenant: Partial<TenantInput>, dialled: string, call: CallOptions = {}): string[] {
  const plan = planOutbound(
    factsOf({ tenants: [tenantWith({ outboundRules: outside, ...tenant })], trunks: [TRUNK], dialled, ...call }),
  );
  if (plan.refusal !== undefined) return [`${plan.refusal.status} ${plan.refusal.code}`];
  return plan.routes.map((_, index) => {
    const route = draftForRoute(plan, index);
    return route.kind === 'draft' ? `${route.trunk.name} ${route.draft.requestUri}` : `${route.status} ${route.code}`;
  });
}
const here = (number: string) => [`CallCentric sip:${number}@pstn.twillio.com:5060`];

describe('emergency numbers leave as dialled', () => {
  test.each([
    ['911', '911'],
    ['112', '112'],
    ['9-1-1', '911'],
    ['(9) 1.1', '911'],
    ['911#', '911'],
    ['+112', '112'],
    ['9911', '911'],
    ['9 112', '112'],
    ['*67911', '911'],
    ['*67 9-9-1-1', '911'],
    ['*67*67911', '911'],
  ])('%s leaves as %s', (dialled, number) => {
    expect(routesOf({}, dialled)).toEqual(here(number));
    expect(routesOf({ stopOutbound: true, limits: { barred: { prefixes: ['9', '1'] } } }, dialled)).toEqual(
      here(number),
    );
  });

  test.each(['9119', '91112', '1911', '99911'])('%s is none', (dialled) => {
    expect(planOutbound(factsOf({ tenants: [tenantWith({ outboundRules: outside })], dialled })).emergency).toBe(false);
  });

  test('an access code that only longer prefixes begin with, unless somebody has that number', () => {
    const rules = [
      {
        name: 'world',
        match: { prefixes: ['91', '9011'] },
        routes: [{ trunk: 'CallCentric', strip: 1, prepend: '+' }],
      },
    ];
    for (const dialled of ['9911', '9-112'])
      expect(routesOf({ outboundRules: rules }, dialled)).toEqual(here(dialled.slice(-3)));
    const extensions = [...(tenantWith({}).extensions ?? []), { number: '9911', password: 'secret-9911' }];
    const tenants = [tenantWith({ outboundRules: rules, extensions })];
    expect(planOutbound(factsOf({ tenants, dialled: '9911' })).emergency).toBe(false);
  });

  test('digits that no rule names and strips are no access code', () => {
    const rules = [{ name: 'world', routes: [{ trunk: 'CallCentric' }] }];
    const facts = factsOf({ tenants: [tenantWith({ outboundRules: rules })], dialled: '9911' });
    expect(planOutbound(facts).emergency).toBe(false);
  });

  test('a rule that names the number says how it leaves, behind an access code too', () => {
    const rules = [{ name: 'sos', match: { prefixes: ['112'] }, routes: [{ trunk: 'CallCentric', prepend: '0' }] }];
    for (const dialled of ['112', '9112']) {
      expect(routesOf({ outboundRules: [...(outside ?? []), ...rules] }, dialled)).toEqual(here('0112'));
    }
    const coded = [{ name: 'sos', match: { prefixes: ['9112'] }, routes: [{ trunk: 'CallCentric', strip: 1 }] }];
    expect(routesOf({ outboundRules: coded }, '9112')).toEqual(here('112'));
  });
});

describe('where emergency calls go', () => {
  const trunks = [TRUNK, second];

  test('over their own list of trunks alone, as its routes say', () => {
    const emergency = { routes: [{ trunk: 'second' }, { trunk: 'CallCentric', strip: 1, prepend: '00' }] };
    expect(routesOf({ emergency }, '911', { trunks })).toEqual(['second sip:911@second.example:5060', ...here('0011')]);
  });

  test("without a list, the matching rule's trunks come first, then the tenant's others", () => {
    expect(routesOf({}, '911', { trunks })).toEqual([...here('911'), 'second sip:911@second.example:5060']);
    expect(routesOf({ outboundRules: [] }, '911', { trunks: [TRUNK] })).toEqual(here('911'));
  });

  test('a trunk that is full or down is tried all the same, one that is down last', () => {
    const trunkState: CallOptions['trunkState'] = (id) =>
      id === '77' ? { up: true, full: true, reason: 'full' } : { up: false, full: false, reason: 'down' };
    expect(routesOf({}, '112', { trunks, trunkState })).toEqual(['second sip:112@second.example:5060', ...here('112')]);
  });

  test('outside hours and on holidays', () => {
    const hours = { open: [{ days: ['mon' as const], from: '08:00', to: '09:00' }] };
    const rules = [{ name: 'w', hours, holidays: ['2026-11-18'], routes: [{ trunk: 'CallCentric' }] }];
    expect(routesOf({ outboundRules: rules }, '112')).toEqual(here('112'));
  });
});

describe('what emergency calls show', () => {
  const emergency = {
    routes: [{ trunk: 'CallCentric' }, { trunk: 'second', outboundCallerId: '+1 (415) 555-0107' }],
    callbackNumber: '+1 (415) 555-0199',
  };
  const tenants = [tenantWith({ emergency, outboundCallerId: '14155550105' })];
  const shown = (call: CallOptions, index = 0) => {
    const route = draftForRoute(
      planOutbound(factsOf({ tenants, trunks: [TRUNK, second], dialled: '911', ...call })),
      index,
    );
    return route.kind === 'draft' ? route.draft.from : route.reason;
  };

  test('their own callback number, a route its own', () => {
    expect(shown({})).toContain('<sip:+14155550199@');
    expect(shown({}, 1)).toContain('<sip:+14155550107@');
  });

  test('whatever the endpoint asks for: privacy, another identity', () => {
    expect(shown({ headers: ['Privacy: id;critical'] })).toContain('<sip:+14155550199@');
    expect(shown({ from: '"Anonymous" <sip:anonymous@anonymous.invalid>' })).toContain('<sip:+14155550199@');
    expect(shown({ headers: ['X-Outbound-Cli: rewrite-from=123'] })).toContain('<sip:+14155550199@');
  });

  test("never another tenant's number; the call leaves all the same", () => {
    const other = { name: 'globex', domain: 'globex.example', extensions: [{ number: '101' }] };
    const trunk = trunkWith({
      tenants: [
        { tenant: 'acme', didPool: '14155550100' },
        { tenant: 'globex', didPool: '14155550199; 101' },
      ],
      options: { callerIdOutsidePool: 'reject' },
    });
    const from = shown({ tenants: [tenantWith({ emergency: { ...emergency, routes: [] } }), other], trunks: [trunk] });
    expect(from).toContain('<sip:anonymous@');
  });
});

test('explain says why', () => {
  const explained = explain(factsOf({ tenants: [tenantWith({ outboundRules: outside })], dialled: '9911' }));
  expect(explained.emergency).toBe(true);
  expect(explained.steps.map(({ reason }) => reason).join('\n')).toContain(
    '911 is an emergency number behind the access code 9: no bar, limit or switch applies',
  );
});
