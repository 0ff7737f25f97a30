import { describe, expect, test } from 'vitest';
import { draftForRoute, explain, planOutbound } from '../../src/outbound/index.ts';
import { rulesOf } from '../../src/outbound/rules.ts';
import { shuffled } from '../../src/outbound/steps/order-routes.ts';
import { type CallOptions, factsOf, type TenantInput, tenantWith, trunkWith } from './world.ts';

type Rules = NonNullable<TenantInput['outboundRules']>;
const routes = [{ trunk: 'CallCentric' }];
const factsWith = (outboundRules: Rules, call: CallOptions = {}) =>
  factsOf({
    tenants: [
      tenantWith({
        outboundRules,
        groups: [
          { name: 'sales', members: ['101'] },
          { name: 'it', members: ['102'] },
        ],
      }),
    ],
    ...call,
  });
const planWith = (outboundRules: Rules, call: CallOptions = {}) => planOutbound(factsWith(outboundRules, call));

describe('behaviour 13: the first match by priority, then name, and only that one', () => {
  test('priority, then name', () => {
    const rules: Rules = [
      { name: 'z', priority: 5, routes },
      { name: 'b', priority: 1, routes },
      { name: 'a', priority: 1, routes },
      { name: 'off', priority: 0, enabled: false, routes },
    ];
    expect(planWith(rules).ruleName).toBe('a');
  });

  test.each([
    ['a prefix', { prefixes: ['77', '888'] }, true],
    ['no prefix', { prefixes: ['77'] }, false],
    ['a length', { lengths: [7, 8] }, true],
    ['no length', { lengths: [7] }, false],
    ['an extension', { extensions: ['100-199'] }, true],
    ['no extension', { extensions: ['102', '200-299'] }, false],
    ['a group', { groups: ['it', 'sales'] }, true],
    ['no group', { groups: ['it'] }, false],
    ['all criteria', { prefixes: ['8'], lengths: [8], extensions: ['101'], groups: ['sales'] }, true],
    ['all but one', { prefixes: ['8'], lengths: [8], extensions: ['101'], groups: ['it'] }, false],
    ['none asked for', {}, true],
  ])('%s', (_, match, matches) => {
    expect(planWith([{ name: 'w', match, routes }]).refusal?.status).toBe(matches ? undefined : 404);
  });

  test('what else of the tenant changes, or another rule, makes no rule anew', () => {
    const tenant = factsWith([
      { name: 'a', routes },
      { name: 'b', routes },
    ]).tenant;
    expect(rulesOf({ ...tenant, extensions: [] })).toBe(rulesOf(tenant));
    const [a, b] = tenant.outboundRules;
    if (a === undefined || b === undefined) throw new Error('no rules');
    const changed = rulesOf({ ...tenant, outboundRules: [a, { ...b, enabled: false }] });
    expect(changed).toHaveLength(1);
    expect(changed[0]).toBe(rulesOf(tenant)[0]);
  });

  test('a lone + is a prefix', () => {
    const rules: Rules = [{ name: 'w', match: { prefixes: ['+'] }, routes }];
    expect(planWith(rules, { dialled: '+123' }).ruleName).toBe('w');
    expect(planWith(rules, { dialled: '123' }).refusal?.status).toBe(404);
  });

  test('outside hours or on a holiday the call is refused, not passed to another rule', () => {
    const rules: Rules = [
      {
        name: 'a',
        priority: 1,
        hours: { open: [{ days: ['wed'], from: '08:00', to: '17:00' }] },
        holidays: ['12-25'],
        routes,
      },
      { name: 'b', priority: 2, routes },
    ];
    const at = (wallMs: number) => planWith(rules, { wallMs });
    expect(at(Date.UTC(2026, 10, 18, 12)).ruleName).toBe('a');
    expect(at(Date.UTC(2026, 10, 18, 17)).refusal).toMatchObject({ status: 403, code: 'outside-hours' });
    expect(at(Date.UTC(2026, 11, 25, 12)).refusal).toMatchObject({ status: 403, code: 'holiday' });
  });
});

const two: Rules = [{ name: 'w', routes: [{ trunk: 'a' }, { trunk: 'b' }] }];
const trunks = [
  trunkWith({ id: '1', name: 'a', host: 'a.example' }),
  trunkWith({ id: '2', name: 'b', host: 'b.example', tenants: [{ tenant: 'acme', didPool: '77' }] }),
];
const states =
  (down: readonly string[], full: readonly string[] = []) =>
  (id: string) => ({
    up: !down.includes(id),
    full: full.includes(id),
    reason: 'as told',
  });
const names = (plan: ReturnType<typeof planOutbound>) => plan.routes.map(({ trunk }) => trunk.name);

describe('behaviour 15 and 16: which routes are tried', () => {
  test('in order; a trunk that is down is skipped, but not the last one', () => {
    expect(names(planWith(two, { trunks }))).toEqual(['a', 'b']);
    expect(names(planWith(two, { trunks, trunkState: states(['1']) }))).toEqual(['b']);
    expect(names(planWith(two, { trunks, trunkState: states(['1', '2']) }))).toEqual(['b']);
    expect(names(planWith(two, { trunks, trunkState: states(['1'], ['2']) }))).toEqual(['a']);
  });

  test('explain says of the last one that it is down, and why', () => {
    const told = (down: readonly string[]) => {
      const { steps } = explain(factsWith(two, { trunks, trunkState: states(down) }));
      return steps.filter(({ step }) => step === 'routes').map(({ reason }) => reason);
    };
    expect(told([])).toEqual(['route 1: trunk "a"', 'route 2: trunk "b"']);
    expect(told(['1', '2'])).toEqual([
      'trunk "a" skipped: as told',
      'route 1: trunk "b", which is down (as told) and tried all the same',
    ]);
  });

  test('a full trunk is skipped, even the last; without a trunk: 503 with Retry-After 1 to 10', () => {
    expect(names(planWith(two, { trunks, trunkState: states([], ['1']) }))).toEqual(['b']);
    for (let randomSeed = 0; randomSeed < 30; randomSeed += 1) {
      const { refusal } = planWith(two, { trunks, trunkState: states([], ['1', '2']), randomSeed });
      expect(refusal).toMatchObject({ status: 503, code: 'no-trunk' });
      expect(refusal?.retryAfterSeconds).toBeGreaterThanOrEqual(1);
      expect(refusal?.retryAfterSeconds).toBeLessThanOrEqual(10);
    }
  });

  test('one that is full by the word of its carrier is tried where no other is left, and explain says so', () => {
    const byWord = (words: readonly string[], full: readonly string[] = []) => ({
      trunks,
      trunkState: (id: string) => ({ ...states([], [...words, ...full])(id), isByWord: words.includes(id) }),
    });
    expect(names(planWith(two, byWord(['1'])))).toEqual(['b']);
    expect(names(planWith(two, byWord(['1'], ['2'])))).toEqual(['a']);
    const { steps } = explain(factsWith(two, byWord(['1', '2'])));
    expect(steps.filter(({ step }) => step === 'routes').map(({ reason }) => reason)).toEqual([
      'trunk "a" skipped: as told',
      'route 1: trunk "b", which is full (as told) and tried all the same',
    ]);
  });

  test('unknown, unassigned, disabled and repeated ones are skipped and say so', () => {
    const others = [
      trunkWith({ id: '1', name: 'a', host: 'a.example' }),
      trunkWith({ id: '2', name: 'b', host: 'b.example', tenants: [] }),
      trunkWith({
        id: '3',
        name: 'c',
        host: 'c.example',
        enabled: false,
        tenants: [{ tenant: 'acme', didPool: '77' }],
      }),
    ];
    const rules: Rules = [{ name: 'w', routes: ['a', 'b', 'c', 'd', 'a'].map((trunk) => ({ trunk })) }];
    const plan = planWith(rules, { trunks: others });
    expect(names(plan)).toEqual(['a']);
    expect(plan.skipped.map(({ code }) => code)).toEqual(['not-assigned', 'disabled', 'unknown-trunk', 'repeated']);
  });

  test('random: every route once, the order by the seed, each first at times', () => {
    const rules: Rules = [{ name: 'w', routing: 'random', routes: [{ trunk: 'a' }, { trunk: 'b' }] }];
    const firsts = new Set<string>();
    for (let randomSeed = 0; randomSeed < 20; randomSeed += 1) {
      const order = names(planWith(rules, { trunks, randomSeed }));
      expect([...order].sort()).toEqual(['a', 'b']);
      expect(names(planWith(rules, { trunks, randomSeed }))).toEqual(order);
      firsts.add(order[0] ?? '');
    }
    expect(firsts.size).toBe(2);
    expect(shuffled(6, 42).sort()).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('each route checks caller IDs against its own pool', () => {
    const plan = planOutbound(
      factsOf({ tenants: [tenantWith({ outboundRules: two, outboundCallerId: '77' })], trunks }),
    );
    const [first, second] = [draftForRoute(plan, 0), draftForRoute(plan, 1)];
    expect(first).toMatchObject({ outboundCallerId: '101', callerIdSource: 'extension-number' });
    expect(first.events[0]).toMatchObject({ kind: 'caller-id-rejected', source: 'company', trunkId: '1' });
    expect(second).toMatchObject({ outboundCallerId: '77', callerIdSource: 'company', events: [] });
  });
});

describe('loops', () => {
  test('RFC 3261 §16.3: a call forwarded to where it was forwarded from is refused with 482', () => {
    const forwarding = {
      kind: 'forward',
      originator: undefined,
      diversions: [{ number: '14155550110', reason: 'no-answer' }],
    } as const;
    expect(planOutbound(factsOf({ forwarding, dialled: '+14155550110' })).refusal?.status).toBe(482);
    expect(planOutbound(factsOf({ forwarding, dialled: '+14155550111' })).refusal).toBeUndefined();
  });
});

describe('behaviour 11: classes allowed and barred', () => {
  const limits = (limitsOfTenant: object, limitsOfExtension = {}) => [
    tenantWith({ limits: limitsOfTenant, extensions: [{ number: '101', limits: limitsOfExtension }] }),
  ];
  test.each([
    ['barred class', { barred: { classes: ['international'] } }, {}, '+33123', 403],
    ['other class', { barred: { classes: ['international'] } }, {}, '33123', undefined],
    ['barred country', { barred: { countries: ['33'] } }, {}, '+33123', 403],
    ['allowed country only', { allowed: { countries: ['44'] } }, {}, '+33123', 403],
    ['allowed class', { allowed: { classes: ['domestic'], countries: ['33'] } }, {}, '+33123', undefined],
    ['barred precedes allowed', { allowed: { countries: ['33'] }, barred: { prefixes: ['+331'] } }, {}, '+33123', 403],
    ['an empty list says nothing', { allowed: {} }, {}, '+33123', undefined],
    ['per extension', {}, { barred: { countries: ['33'] } }, '+33123', 403],
  ])('%s', (_, tenant, extension, dialled, status) => {
    expect(planOutbound(factsOf({ tenants: limits(tenant, extension), dialled })).refusal?.status).toBe(status);
  });

  test('emergency numbers pass every bar', () => {
    const tenants = [tenantWith({ stopOutbound: true, limits: { barred: { prefixes: ['1', '9'] } } })];
    expect(planOutbound(factsOf({ tenants, dialled: '112' }))).toMatchObject({ refusal: undefined, emergency: true });
    expect(planOutbound(factsOf({ tenants, dialled: '1123' })).refusal?.status).toBe(403);
  });

  test('emergency numbers pass hours, holidays and the caller-ID policy too', () => {
    const hours = { open: [{ days: ['mon' as const], from: '08:00', to: '09:00' }] };
    const tenants = [tenantWith({ outboundRules: [{ name: 'w', hours, holidays: ['2026-11-18'], routes }] })];
    const strict = [trunkWith({ options: { callerIdOutsidePool: 'reject' } })];
    const headers = ['X-Outbound-Cli: rewrite-from=5'];
    const draft = draftForRoute(planOutbound(factsOf({ tenants, trunks: strict, headers, dialled: '112' })), 0);
    expect(draft).toMatchObject({ kind: 'draft', calledNumber: '112', outboundCallerId: '101' });
    expect(planOutbound(factsOf({ tenants, trunks: strict, dialled: '113' })).refusal?.status).toBe(403);
  });
});

describe('kinds of spelling: separators dodge nothing (RFC 3966 §5.1.1)', () => {
  const tenants = [
    tenantWith({
      limits: { barred: { prefixes: ['91900'] } },
      outboundRules: [
        { name: 'w', match: { prefixes: ['9'], lengths: [12] }, routes: [{ trunk: 'CallCentric', strip: 1 }] },
      ],
    }),
  ];
  test.each(['91-900-555-1234', '9(190)0555-1234', '9 1 900 555 1234', '*67-91.900.555.1234', '-919005551234'])(
    '%s is barred as 919005551234 is',
    (dialled) => {
      expect(planOutbound(factsOf({ tenants, dialled })).refusal?.status).toBe(403);
    },
  );

  test('lengths count digits, and strip takes digits off', () => {
    const plan = planOutbound(factsOf({ tenants, dialled: '9-1-(415) 555.9999' }));
    expect(draftForRoute(plan, 0)).toMatchObject({ calledNumber: '14155559999' });
  });
});
