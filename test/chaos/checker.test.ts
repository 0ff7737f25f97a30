import { describe, expect, test } from 'vitest';
import {
  check,
  type Evidence,
  mostOverLimited,
  type Rule,
  ringingOf,
  silencedOf,
  takeoversOf,
  type WrittenRecord,
} from './checker.ts';
import type { Fault, FaultKind } from './faults.ts';
import type { Leg, RegistrationSeen, Seen } from './journal.ts';
import { LIMIT } from './provisioning.ts';
import { rushOf } from './traffic.ts';

const KEY = '2000001';
const [ONE, OTHER] = ['10.9.0.11', '10.9.0.12'];
const LIMITED = 5070;

type Change = Partial<Leg>;

/** The caller's leg of a call of 10 s that he ends. */
const caller = (change: Change = {}): Leg => ({
  key: KEY,
  side: 'A',
  who: '101',
  callId: `a${KEY}`,
  invitedAtMs: 1_000,
  trunkPort: 0,
  node: ONE,
  ringsAtMs: [1_200],
  final: 200,
  finalAtMs: 2_000,
  answeredAtMs: 2_000,
  endedAtMs: 12_000,
  endedBy: 'self',
  byeStatus: 200,
  byeAnsweredAtMs: 12_010,
  furtherAnswers: 0,
  ...change,
});

/** The called one's. */
const called = (change: Change = {}): Leg => ({
  key: KEY,
  side: 'B',
  who: 'carrier5060',
  callId: `b${KEY}`,
  invitedAtMs: 1_050,
  trunkPort: 5060,
  node: ONE,
  ringsAtMs: [1_100],
  final: 200,
  finalAtMs: 1_990,
  answeredAtMs: 1_990,
  confirmedAtMs: 2_010,
  endedAtMs: 12_020,
  endedBy: 'peer',
  furtherAnswers: 0,
  ...change,
});

const record = (change: Partial<WrittenRecord> = {}): WrittenRecord => ({
  node: 'node-1',
  callId: 'id',
  sipCallIds: [],
  callerNumber: '101',
  calledNumber: `+1555${KEY}`,
  status: 200,
  talkMs: 10_000,
  ...change,
});

const fault = (kind: FaultKind, atMs: number, endMs = atMs + 3_000, host: string | undefined = ONE): Fault => ({
  kind,
  host,
  atMs,
  lastsMs: endMs - atMs,
  endMs,
  wholeAtMs: endMs + 1_000,
});

interface Run {
  readonly legs?: readonly Leg[];
  readonly records?: readonly WrittenRecord[];
  readonly faults?: readonly Fault[];
  readonly registrations?: readonly RegistrationSeen[];
  readonly acknowledged?: readonly string[];
  readonly present?: Evidence['present'];
  readonly seen?: readonly Seen[];
}

const evidence = (run: Run): Evidence => ({
  journal: {
    seen: [...(run.seen ?? [])],
    legs: [...(run.legs ?? [caller(), called()])],
    registrations: [...(run.registrations ?? [])],
  },
  faults: run.faults ?? [],
  records: run.records ?? [record()],
  acknowledged: run.acknowledged ?? [],
  refusedWrites: new Map(),
  present: run.present ?? [],
  limit: { port: LIMITED, calls: 2 },
  nodes: 2,
  behindMs: 700,
});

/** Rules that a run breaks; those that the documentation lets it break in brackets. */
const found = (run: Run) =>
  check(evidence(run)).map(({ rule, allowed }) => (allowed === undefined ? rule : `(${rule})`));

const cases: readonly [rule: Rule | 'nothing', what: string, run: Run][] = [
  ['nothing', 'a call that its caller ends', {}],
  [
    'nothing',
    'one that its callee ends',
    {
      legs: [
        caller({ endedBy: 'peer', endedAtMs: 12_020 }),
        called({ endedBy: 'self', endedAtMs: 12_000, byeStatus: 200, byeAnsweredAtMs: 12_030 }),
      ],
    },
  ],
  ['nothing', 'one that is still up', { legs: [up(caller()), up(called())], records: [] }],
  ['nothing', 'one that is refused', { legs: [refused(caller(), 486), refused(called(), 486)], records: [] }],
  ['nothing', 'a fork that was cancelled', { legs: [caller(), called(), refused(called({ callId: 'b2' }), 487)] }],
  ['nothing', 'a fork that answered late and was told so', { legs: [caller(), called(), late(4_000)] }],
  [
    'two answered B legs of one A leg',
    'one that was told so only after 6 s',
    { legs: [caller(), called(), late(6_000)] },
  ],
  ['two answered B legs of one A leg', 'both confirmed', { legs: [caller(), called(), called({ callId: 'b2' })] }],
  [
    'two answered B legs of one A leg',
    'a second answer to the caller',
    { legs: [caller({ furtherAnswers: 1 }), called()] },
  ],
  [
    'a call that was cut',
    'both are sent a BYE',
    { legs: [caller({ endedBy: 'peer' }), called()], records: [record()] },
  ],
  ['a BYE that nobody took', 'no answer at all', { legs: [without(caller(), 'byeStatus'), called()] }],
  [
    'a BYE that nobody took',
    'refused while the other side is up',
    { legs: [caller({ byeStatus: 481 }), called({ endedAtMs: 40_000, endedBy: 'self', byeStatus: 200 })] },
  ],
  [
    'nothing',
    'BYEs of both that cross: one finds the call gone',
    { legs: [caller({ byeStatus: 481 }), called({ endedBy: 'self', byeStatus: 200, byeAnsweredAtMs: 12_030 })] },
  ],
  ['a leg that outlived its call by a minute', 'for ever', { legs: [caller(), up(called())] }],
  [
    'a leg that outlived its call by a minute',
    'for 61 s',
    { legs: [caller(), called({ endedAtMs: 73_100 })], records: [record()] },
  ],
  ['nothing', 'for 59 s', { legs: [caller(), called({ endedAtMs: 71_000 })] }],
  ['a call without its record', 'an answered one that has ended', { records: [] }],
  ['a call with two records', 'of two nodes', { records: [record(), record({ node: 'node-2' })] }],
  ['nothing', 'records of other calls', { records: [record(), record({ calledNumber: '+15552000002' })] }],
  ['a record whose seconds are wrong', 'too long', { records: [record({ talkMs: 11_100 })] }],
  ['a record whose seconds are wrong', 'too short', { records: [record({ talkMs: 8_900 })] }],
  ['nothing', 'wrong by less than a second', { records: [record({ talkMs: 10_900 })] }],
  ['more calls than limit and nodes allow', 'five of two at two nodes that hear each other', limited(5)],
  ['nothing', 'four: two nodes may each have let one in', limited(4)],
  [
    'nothing',
    'four at nodes that do not hear each other',
    { ...limited(4), faults: [fault('partition', 500, 30_000)] },
  ],
  [
    'more calls than limit and nodes allow',
    'five at such nodes',
    { ...limited(5), faults: [fault('partition', 500, 30_000)] },
  ],
  ['nothing', 'five in turn', inTurn(5)],
  [
    'an acknowledged write that is gone',
    'at one of two nodes',
    {
      acknowledged: ['5000'],
      present: [
        { node: 'node-1', extensions: new Set(['5000']) },
        { node: 'node-2', extensions: new Set() },
      ],
    },
  ],
  [
    'nothing',
    'a write that is there',
    { acknowledged: ['5000'], present: [{ node: 'node-1', extensions: new Set(['5000']) }] },
  ],
  [
    'two owners of a registration',
    'one comes back within the lease',
    registered([ONE, 0], [OTHER, 6_000], [ONE, 7_000]),
  ],
  ['nothing', 'a takeover', registered([ONE, 0], [OTHER, 7_000], [OTHER, 9_000])],
  [
    'nothing',
    'one that refreshed until its lease was over, cut off from the store',
    registered([ONE, 0], [OTHER, 6_000], [OTHER, 11_000], [OTHER, 15_900], [ONE, 16_500]),
  ],
  [
    'two owners of a registration',
    'one that was drained and started again long before',
    { ...registered([ONE, 0], [OTHER, 6_000], [ONE, 7_000]), faults: [fault('SIGTERM', 2_000, 4_000, OTHER)] },
  ],
  ['nothing', 'one that left first', registered([ONE, 0], [OTHER, 6_000], [OTHER, 6_500, 0], [ONE, 7_000])],
  [
    'nothing',
    'one that was drained',
    { ...registered([ONE, 0], [OTHER, 6_000], [ONE, 7_000]), faults: [fault('SIGTERM', 6_500, 9_000, OTHER)] },
  ],
];

describe('what the checker finds', () => {
  test.each(cases)('%s: %s', (rule, _what, run) => {
    expect([...new Set(found(run))]).toEqual(rule === 'nothing' ? [] : [rule]);
  });

  test('what was answered shortly before its node was killed may be lost, and nothing that was answered earlier', () => {
    const run = { records: [] };
    expect(found({ ...run, faults: [fault('kill -9', 2_600)] })).toEqual(['(a call without its record)']);
    expect(found({ ...run, faults: [fault('kill -9', 2_900)] })).toEqual(['a call without its record']);
    expect(found({ ...run, faults: [fault('failover', 2_600)] })).toEqual(['a call without its record']);
  });
});

test.each([2, 3])(
  'a rush at %i nodes is found when nobody limits it, and when each node goes by its own calls',
  (nodes) => {
    const of = (count: number, faults: readonly Fault[]) =>
      check({ ...evidence({ ...limited(count), faults }), limit: { port: LIMITED, calls: LIMIT }, nodes });
    const apart = [fault('partition', 500, 30_000)];
    expect(of(rushOf(nodes), [])).not.toEqual([]);
    expect(of(rushOf(nodes), apart)).not.toEqual([]);
    expect(of(LIMIT * nodes, [])).not.toEqual([]);
    expect(of(LIMIT * nodes, apart)).toEqual([]);
  },
);

test('a call that ended shortly before its node was killed may be ended again', () => {
  const run = { records: [record({ talkMs: 12_000 })] };
  expect(found({ ...run, faults: [fault('kill -9', 12_100)] })).toEqual(['(a record whose seconds are wrong)']);
  expect(found({ ...run, faults: [fault('kill -9', 13_000)] })).toEqual(['a record whose seconds are wrong']);
});

test('a fork whose answer its node could not hear is late from when it can: it is sent a BYE as soon as it is heard', () => {
  // Its node was cut off when it answered; the caller's own then had the phone called once more.
  const hidden = (change: Change = {}) =>
    called({ callId: 'b2', node: OTHER, answeredAtMs: 6_000, confirmedAtMs: 12_100, endedAtMs: 12_100, ...change });
  const cut = fault('link down', 5_000, 8_000, OTHER);
  const judged = (leg: Leg, ...faults: Fault[]) => found({ legs: [caller(), called(), leg], faults });
  const violation = ['two answered B legs of one A leg'];
  expect(judged(hidden(), cut)).toEqual([]);
  expect(judged(hidden(), { ...cut, kind: 'SIGSTOP' })).toEqual([]);
  expect(judged(hidden(), cut, fault('link down', 3_000, 4_000, OTHER))).toEqual([]);
  // Later than its next repetition.
  expect(judged(hidden({ confirmedAtMs: 13_100, endedAtMs: 13_100 }), cut)).toEqual(violation);
  // It was acknowledged, and left up.
  expect(judged(hidden({ confirmedAtMs: 8_500, endedAtMs: 13_100 }), cut)).toEqual(violation);
  expect(judged(hidden({ confirmedAtMs: 6_010 }), cut)).toEqual(violation);
  // Of another node, after the answer, before it, and where its node heard it.
  for (const other of [
    fault('link down', 5_000, 8_000, ONE),
    fault('link down', 6_800, 8_000, OTHER),
    fault('link down', 3_000, 5_900, OTHER),
    fault('partition', 5_000, 8_000, OTHER),
  ])
    expect(judged(hidden(), other)).toEqual(violation);
});

test('a BYE that finds its call ended is none that nobody took, whatever forks were cancelled before', () => {
  const fork = (change: Change) =>
    without(called({ callId: 'b2', ...change }), 'answeredAtMs', 'confirmedAtMs', 'endedAtMs', 'endedBy');
  const legs = [caller({ byeStatus: 481 }), called()];
  expect(found({ legs: [...legs, fork({ final: 487, finalAtMs: 1_500 })] })).toEqual([]);
  expect(found({ legs: [...legs, without(fork({}), 'final', 'finalAtMs')] })).toEqual(['a BYE that nobody took']);
});

test('a call that was refused shortly before its node was killed may be placed again, with a record of its own', () => {
  const again = called({
    callId: 'b2',
    invitedAtMs: 4_500,
    answeredAtMs: 5_000,
    confirmedAtMs: 5_010,
    endedAtMs: 5_020,
  });
  const unanswered = ['answeredAtMs', 'confirmedAtMs', 'endedAtMs', 'endedBy'] as const;
  const legs = [
    without(caller({ final: 486 }), 'answeredAtMs', 'byeStatus'),
    without(called({ final: 486, finalAtMs: 1_990 }), ...unanswered),
    again,
  ];
  const run = { legs, records: [record({ status: 486, talkMs: 0 }), record({ node: 'node-2', talkMs: 10 })] };
  expect(found({ ...run, faults: [fault('link down', 2_600)] })).toEqual(['(a call with two records)']);
  for (const other of [
    fault('link down', 2_800),
    // Before the refusal: it is another node's.
    fault('link down', 1_900),
    fault('link down', 2_600, 5_600, OTHER),
    fault('partition', 2_600),
  ])
    expect(found({ ...run, faults: [other] })).toEqual(['a call with two records']);
  const gaveUp = { ...without(legs[0] as Leg, 'final'), isAbandoned: true };
  const givenUp = { ...run, legs: [gaveUp, ...legs.slice(1)], faults: [fault('link down', 2_600)] };
  expect(found(givenUp)).toEqual(['(a call with two records)']);
  const third = { ...run, records: [...run.records, record({ node: 'node-3', talkMs: 10 })] };
  expect(found({ ...third, faults: [fault('link down', 2_600)] })).toEqual(['a call with two records']);
  const both = ['b2', 'b3'].map((callId) => ({ ...again, callId, endedAtMs: 15_000 }));
  const twice = { ...run, legs: [...legs.slice(0, 2), ...both] };
  expect(found({ ...twice, faults: [fault('link down', 2_600)] })).toContain('two answered B legs of one A leg');
  // It was asked, and answered, before.
  const asked = [legs[0] as Leg, legs[1] as Leg, { ...again, invitedAtMs: 2_500 }];
  expect(found({ ...run, legs: asked, faults: [fault('link down', 2_600)] })).toEqual(['a call with two records']);
});

describe('a call that went on when a carrier, or a fork, had refused it shortly before its node was killed', () => {
  const unanswered = ['answeredAtMs', 'confirmedAtMs', 'endedAtMs', 'endedBy'] as const;
  const refusing = (final: number) => without(called({ callId: 'b1', final, finalAtMs: 1_500 }), ...unanswered);
  const second = { invitedAtMs: 1_520, answeredAtMs: 5_990, finalAtMs: 5_990, confirmedAtMs: 6_010 };
  const winner = called({ callId: 'b2', ...second });
  const hunting = (final: number) => [caller({ answeredAtMs: 6_000, finalAtMs: 6_000 }), refusing(final), winner];
  const once = record({ talkMs: 6_000 });
  const lost: readonly [rule: Rule, run: Run][] = [
    ['a call with two records', { records: [once, { ...once, node: 'node-2' }] }],
    ['a call without its record', { records: [] }],
    ['a record whose seconds are wrong', { records: [record({ talkMs: 4_000 })] }],
  ];

  test.each([486, 487, 503])('is judged as any other: %i', (final) => {
    for (const [rule, run] of lost)
      for (const atMs of [1_400, 2_000])
        expect(found({ legs: hunting(final), ...run, faults: [fault('kill -9', atMs)] })).toEqual([rule]);
  });

  test('a call that was cut, and a second answered leg, are found', () => {
    const [a, b1, b2] = hunting(503) as [Leg, Leg, Leg];
    const run = { records: [once], faults: [fault('kill -9', 2_000)] };
    const cut = found({ ...run, legs: [{ ...a, endedBy: 'peer' }, b1, b2] });
    expect([...new Set(cut)]).toEqual(['a call that was cut']);
    expect(found({ ...run, legs: [a, b1, b2, { ...b2, callId: 'b3' }] })).toEqual(['two answered B legs of one A leg']);
  });

  test('what happened shortly before its own answer or end is still allowed', () => {
    for (const atMs of [6_500, 12_100])
      expect(found({ legs: hunting(486), records: [], faults: [fault('kill -9', atMs)] })).toEqual([
        '(a call without its record)',
      ]);
  });
});

test('a caller who was answered although everybody had refused, and whose BYE nobody knows, has a BYE that nobody took', () => {
  const refusedBy = (final: number) => ({ ...refused(called(), final), finalAtMs: 1_500 });
  const legs = [caller({ byeStatus: 481 }), refusedBy(486)];
  expect(found({ legs })).toEqual(['a BYE that nobody took']);
  expect(found({ legs: [...legs, { ...refusedBy(487), callId: 'b2' }] })).toEqual(['a BYE that nobody took']);
  expect(found({ legs: [...legs, called({ callId: 'b2' })] })).toEqual([]);
});

test('a replica that takes over may not have heard who registers; a Redis that was killed has written it', () => {
  const run = registered([ONE, 0], [OTHER, 6_000], [ONE, 7_000]);
  expect(found({ ...run, faults: [fault('failover', 5_500, 6_500)] })).toEqual(['(two owners of a registration)']);
  for (const kind of ['Redis killed', 'partition'] as const)
    expect(found({ ...run, faults: [fault(kind, 5_500, 6_500)] })).toEqual(['two owners of a registration']);
  const promoted = { ...fault('Redis killed', 5_500, 6_500), hasFailedOver: true };
  expect(found({ ...run, faults: [promoted] })).toEqual(['(two owners of a registration)']);
});

test('what the kernel kept while a link was down is sent when it is back; what the node sends from then on is its own', () => {
  const cut = fault('link down', 1_000, 6_900, ONE);
  const kept = registered([ONE, 0], [OTHER, 6_500], [ONE, 7_200], [OTHER, 11_400]);
  expect(found({ ...kept, faults: [cut] })).toEqual(['(two owners of a registration)']);
  const again = registered([ONE, 0], [OTHER, 6_500], [ONE, 7_200], [ONE, 8_000]);
  expect(found({ ...again, faults: [cut] })).toEqual([
    '(two owners of a registration)',
    'two owners of a registration',
  ]);
  const late = registered([ONE, 0], [OTHER, 6_500], [ONE, 8_200]);
  expect(found({ ...late, faults: [cut] })).toEqual(['two owners of a registration']);
  const elsewhere = fault('link down', 1_000, 6_900, OTHER);
  expect(found({ ...kept, faults: [elsewhere] })).toContain('two owners of a registration');
});

describe('what the report measures', () => {
  const message = (callId: string, atMs: number, node: string, text: string): Seen => ({
    atMs,
    who: '101',
    isSent: false,
    node,
    callId,
    text,
  });

  test('how long after a kill the parties of a call heard of it from another node', () => {
    const legs = [caller({ endedAtMs: 20_000 }), called({ endedAtMs: 20_000 })];
    const seen = legs.flatMap(({ callId }, index) => [
      message(callId, 2_000, ONE, 'SIP/2.0 200 OK'),
      message(callId, 6_400 + index * 100, OTHER, 'UPDATE sip:101@10.9.0.3 SIP/2.0'),
    ]);
    const [takeover] = takeoversOf(evidence({ legs, seen, faults: [fault('kill -9', 5_000)] }));
    expect(takeover).toMatchObject({ calls: 1, taken: 1, firstMs: 1_400, lastMs: 1_500 });
    const elsewhere = takeoversOf(evidence({ legs, seen, faults: [fault('kill -9', 5_000, 8_000, OTHER)] }));
    expect(elsewhere).toMatchObject([{ calls: 0, taken: 0, firstMs: undefined }]);
  });

  test('how many calls were up when their node fell silent, and of how many nothing may be lost', () => {
    const legs = [caller(), called()];
    const seen = legs.map(({ callId }) => message(callId, 2_000, ONE, 'SIP/2.0 200 OK'));
    const of = (...faults: Fault[]) => silencedOf(evidence({ legs, seen, faults }));
    expect(of(fault('kill -9', 5_000))).toEqual({ up: 1, judged: 1 });
    expect(of(fault('SIGSTOP', 2_600))).toEqual({ up: 1, judged: 0 });
    expect(of(fault('kill -9', 5_000), fault('link down', 11_500))).toEqual({ up: 1, judged: 0 });
    for (const missed of [
      fault('kill -9', 5_000, 8_000, OTHER),
      fault('kill -9', 13_000),
      fault('kill -9', 1_500),
      fault('partition', 5_000),
    ])
      expect(of(missed)).toEqual({ up: 0, judged: 0 });
  });

  test('the most calls at once over the limited trunk', () => {
    expect(mostOverLimited(evidence(limited(5)))).toBe(5);
    expect(mostOverLimited(evidence(inTurn(5)))).toBe(1);
    expect(mostOverLimited(evidence({}))).toBe(0);
  });

  test('how long a caller whose call rang at a kill waited for news', () => {
    const ringing = caller({ ringsAtMs: [1_200, 7_100], final: 200, finalAtMs: 8_000, answeredAtMs: 8_000 });
    const faults = [fault('kill -9', 5_000)];
    expect(ringingOf(evidence({ legs: [ringing], faults }))).toMatchObject([{ ms: 2_100 }]);
    const given = { ...ringing, ringsAtMs: [1_200], final: 0, finalAtMs: 21_000, isAbandoned: true };
    expect(ringingOf(evidence({ legs: [given], faults }))).toMatchObject([{ ms: undefined }]);
  });
});

/** A second fork that answered, too, and was sent a BYE so long after. */
function late(ms: number): Leg {
  return called({ callId: 'b2', answeredAtMs: 2_500, confirmedAtMs: 2_510, endedAtMs: 2_500 + ms });
}

function without(leg: Leg, ...fields: (keyof Leg)[]): Leg {
  return Object.fromEntries(
    Object.entries(leg).filter(([name]) => !fields.includes(name as keyof Leg)),
  ) as unknown as Leg;
}

function up(leg: Leg): Leg {
  return without(leg, 'endedAtMs', 'endedBy', 'byeStatus', 'byeAnsweredAtMs');
}

function refused(leg: Leg, final: number): Leg {
  return { ...without(up(leg), 'answeredAtMs', 'confirmedAtMs'), final };
}

/** So many calls at once over the limited trunk. */
function limited(count: number): Run {
  return callsOverLimited(count, () => 0);
}

function inTurn(count: number): Run {
  return callsOverLimited(count, (index) => index * 20_000);
}

function callsOverLimited(count: number, laterMs: (index: number) => number): Run {
  const calls = Array.from({ length: count }, (_, index) => {
    const key = String(2_000_001 + index);
    const moved = (leg: Leg): Leg =>
      Object.fromEntries(
        Object.entries({ ...leg, key, callId: `${leg.side}${key}` }).map(([name, value]) =>
          name.endsWith('AtMs') && typeof value === 'number' ? [name, value + laterMs(index)] : [name, value],
        ),
      ) as unknown as Leg;
    return { key, legs: [moved(caller()), moved(called({ trunkPort: LIMITED }))] };
  });
  return {
    legs: calls.flatMap(({ legs }) => legs),
    records: calls.map(({ key }) => record({ calledNumber: `+1555${key}` })),
  };
}

function registered(...rows: readonly [node: string, atMs: number, expires?: number][]): Run {
  return {
    registrations: rows.map(([node, atMs, expires = 60]) => ({
      node,
      atMs,
      expires,
      callId: `r-${node}`,
      cseq: `${atMs} REGISTER`,
    })),
  };
}
