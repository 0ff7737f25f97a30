import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { draftForRoute, explain, explanationText, planOutbound } from '../../src/outbound/index.ts';
import { CALL_STEPS, ROUTE_STEPS } from '../../src/outbound/pipeline.ts';
import { renderInvite } from '../../src/outbound/render.ts';
import { serialize } from '../../src/sip/message/index.ts';
import { docFacts } from './doc-example.ts';
import { factsOf, tenantWith, trunkWith } from './world.ts';

const sales = tenantWith({
  outboundCallerId: '14155550105',
  extensions: [{ number: '101', name: 'Alice', outboundCallerId: '14155559999' }],
  outboundRules: [
    { name: 'emergency', priority: 1, match: { prefixes: ['112'] }, routes: [{ trunk: 'backup' }] },
    { name: 'world', priority: 10, routes: [{ trunk: 'CallCentric' }, { trunk: 'backup', prepend: '00' }] },
  ],
});
const trunks = [
  trunkWith({ outboundParameters: { from: { user: 'Anonymous' }, pAssertedIdentity: { user: 'OutboundCallerId' } } }),
  trunkWith({
    id: '77',
    name: 'backup',
    host: 'backup.example',
    tenants: [{ tenant: 'acme', didPool: '14155550105' }],
  }),
];
const facts = factsOf({ tenants: [sales], trunks, headers: ['X-Outbound-Cli: rewrite-pai=456; rewrite-rpi=5'] });
const noteOf = (explained: ReturnType<typeof explain>, field: string, route = 0) =>
  explained.routes[route]?.fields.filter((note) => note.field === field).at(-1);

describe('explain', () => {
  const explained = explain(facts);

  test('the rule chosen and those passed over, each with why', () => {
    expect(explained.rule).toBe('world');
    expect(explained.steps.filter(({ step }) => step === 'rule').map(({ reason }) => reason)).toEqual([
      '"emergency" passed over: the number has none of its prefixes',
      '"world" (priority 10) matches',
    ]);
  });

  test('the caller-ID candidates in order, each taken or passed over and why', () => {
    expect(explained.routes[0]?.candidates).toEqual([
      { source: 'app', value: undefined, verdict: 'passed-over', reason: 'not set' },
      {
        source: 'extension',
        value: '14155559999',
        verdict: 'passed-over',
        reason: 'outside the DID pool of acme on trunk CallCentric',
      },
      { source: 'route', value: undefined, verdict: 'passed-over', reason: 'not set' },
      { source: 'outbound-rule', value: undefined, verdict: 'passed-over', reason: 'not set' },
      {
        source: 'company',
        value: '14155550105',
        verdict: 'taken',
        reason: "the first that is set and inside the tenant's DID pool on this trunk",
      },
    ]);
  });

  test('a mapping that yields an empty user falls to the default and says so', () => {
    expect(noteOf(explained, 'From.user')).toEqual({
      field: 'From.user',
      value: '14155550105',
      source: 'OutboundCallerId',
      origin: 'default',
      reason: 'Anonymous is empty on this call, or no user part: the default OutboundCallerId takes its place',
    });
  });

  test('where each value came from: the trunk, a directive, the default, the engine', () => {
    expect(noteOf(explained, 'P-Asserted-Identity.user')).toMatchObject({
      value: '456',
      source: 'X-Outbound-Cli rewrite-pai',
      origin: 'call',
    });
    expect(noteOf(explained, 'P-Asserted-Identity.host')).toMatchObject({ source: 'SipDomain', origin: 'default' });
    expect(noteOf(explained, 'Contact.host')).toMatchObject({ source: 'ContactUri', value: '192.168.0.11:5060' });
    expect(noteOf(explained, 'User-Agent')).toMatchObject({ origin: 'engine' });
    expect(explained.routes[0]?.warnings.length).toBe(1);
  });

  test("a brand's preset is visible as the source of a value and can be overridden part by part", () => {
    const from = { from: { displayName: { custom: 'Ours' } } } as const;
    const branded = explain(factsOf({ trunks: [trunkWith({ brand: 'twilio', outboundParameters: from })] }));
    const fields = branded.routes[0]?.fields ?? [];
    expect(noteOf(branded, 'From.displayName')).toMatchObject({ value: 'Ours', origin: 'trunk' });
    expect(fields.some(({ origin }) => origin === 'brand')).toBe(true);
  });

  test('every route, with the octets that a live call with the same tokens sends', () => {
    expect(explained.routes.length).toBe(2);
    const plan = planOutbound(facts);
    for (const index of [0, 1]) {
      const route = draftForRoute(plan, index);
      if (route.kind === 'refused') throw new Error(route.reason);
      const tokens = {
        via: 'SIP/2.0/UDP a:5060;rport;branch=z9hG4bK7',
        callId: 'live',
        localTag: 'live',
        sequence: 1,
        maxForwards: route.maxForwards,
      };
      const live = serialize(renderInvite(route.draft, tokens));
      const shown = explain(facts, () => tokens).routes[index];
      expect(Buffer.from(shown?.inviteBase64 ?? '', 'base64').toString('latin1')).toBe(live);
      expect(shown?.invite).toBe(live);
    }
  });

  test('it is plain data', () => {
    expect(JSON.parse(JSON.stringify(explained))).toEqual(JSON.parse(JSON.stringify(explain(facts))));
  });

  test('a refused call says with what and why; skipped routes say so', () => {
    const refused = explain({ ...facts, trunkState: () => ({ up: false, full: true, reason: 'all 10 calls in use' }) });
    expect(refused.refusal).toMatchObject({ status: 503, code: 'no-trunk' });
    expect(refused.skipped.map(({ trunkName, reason }) => [trunkName, reason])).toEqual([
      ['CallCentric', 'all 10 calls in use'],
      ['backup', 'all 10 calls in use'],
    ]);
  });
});

describe('explain, for people', () => {
  const text = explanationText(explain(facts), { color: false });

  test('it holds the INVITE line by line, the candidates and the reasons', () => {
    expect(text).toContain('extension 101 (Alice) of acme dials 88888888');
    expect(text).toContain('    INVITE sip:88888888@pstn.twillio.com:5060 SIP/2.0\n');
    expect(text).toMatch(/passed extension +14155559999 +outside the DID pool of acme on trunk CallCentric/);
    expect(text).toMatch(/taken +company +14155550105/);
    expect(text).toContain('Route 2: trunk backup');
    expect(text).toContain('Warning to the endpoint: 399 tandem');
    expect(text).not.toContain('\u001b');
  });

  test('a call in is told by its trunk, with the caller where one is known', () => {
    const caller = { kind: 'trunk', number: '', name: '' } as const;
    const steps = [{ step: 'caller', outcome: 'continue', reason: 'trunk "carrier"' }] as const;
    const of = (changes: object) =>
      explanationText({ ...explain(facts), caller, steps, ...changes }, { color: false }).split('\n')[0];
    expect(of({})).toBe('trunk "carrier" calls 88888888 of acme');
    expect(of({ caller: { ...caller, number: '4930123', name: 'Bob' }, tenant: '' })).toBe(
      '4930123 (Bob) over trunk "carrier" calls 88888888',
    );
  });

  test('in colour on a terminal, with the same words', () => {
    const colored = explanationText(explain(facts), { color: true });
    expect(colored).toContain('\u001b[32mtaken ');
    expect(colored.replaceAll(/\u001b\[[0-9]+m/g, '')).toBe(text);
  });

  test("a peer's control characters do not reach the terminal", () => {
    const nasty = {
      ...facts,
      request: { ...facts.request, body: 'v=0\r\ns=\u001b[31mred\u0007\r\n', fromDisplayName: '\u001b[2J' },
    };
    for (const color of [true, false]) {
      const shown = explanationText(explain(nasty), { color });
      expect(shown).not.toMatch(/\u001b\[31mred|\u0007|\u001b\[2J/);
      expect(shown).toContain('\\x1b[31mred\\x07');
    }
  });

  test('a refusal and its Retry-After', () => {
    const refused = explain({ ...facts, trunkState: () => ({ up: true, full: true, reason: 'full' }) });
    expect(explanationText(refused, { color: false })).toContain(
      'The caller gets 503 No Trunk Available, Retry-After: 2',
    );
  });
});

test('docs/outbound.md draws every step, in the order of the pipeline', () => {
  const doc = readFileSync(new URL('../../docs/outbound.md', import.meta.url), 'utf8');
  const [, drawing = ''] = doc.split('```');
  const drawn = drawing.split('\n').map((line) => line.trim().split(' ')[0]);
  const names = [...CALL_STEPS, ...ROUTE_STEPS].map(({ name }) => name);
  expect(drawn.filter((word) => word !== undefined && names.includes(word))).toEqual(names);
});

test('docs/outbound.md shows what explain says', () => {
  const doc = readFileSync(new URL('../../docs/outbound.md', import.meta.url), 'utf8');
  expect(doc).toContain(explanationText(explain(docFacts()), { color: false }));
});
