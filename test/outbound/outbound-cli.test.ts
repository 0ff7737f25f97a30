import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { draftForRoute, planOutbound } from '../../src/outbound/index.ts';
import { directiveApplies, parseOutboundCli, printable } from '../../src/outbound/outbound-cli.ts';
import { anyCharacter } from '../kit/any-character.ts';
import { factsOf, trunkWith } from './world.ts';

const directive = (field: string, value: string, trunkIds: string[] = [], trunkNames: string[] = []) => ({
  field,
  value,
  trunkIds,
  trunkNames,
});

describe('behaviour 6: reading X-Outbound-Cli', () => {
  test('white space within a value costs no more than its length', () => {
    const values = Array.from({ length: 8 }, () => `rewrite-from=a${' '.repeat(1000)}b`);
    const spentMs = Array.from({ length: 5 }, () => {
      const start = performance.now();
      expect(parseOutboundCli(values).directives[7]?.value).toBe(`a${' '.repeat(1000)}b`);
      return performance.now() - start;
    });
    // It takes 0.1 ms; in the square of the length it was 20 ms and more.
    expect(Math.min(...spentMs)).toBeLessThan(5);
  });

  test.each([
    [['rewrite-from=123'], [directive('from', '123')]],
    [
      ['rewrite-from=123; rewrite-rpi=789; rewrite-pai=456; trunk-id=7'],
      ['from', 'rpi', 'pai'].map((field, index) => directive(field, ['123', '789', '456'][index] ?? '', ['7'])),
    ],
    [['trunk-name="a; b"; rewrite-from="+1 2"'], [directive('from', '+1 2', [], ['a; b'])]],
    [
      ['rewrite-from=1', 'rewrite-from=2;trunk-id=9'],
      [directive('from', '1'), directive('from', '2', ['9'])],
    ],
    [[' REWRITE-FROM = 123 ;; '], [directive('from', '123')]],
    [[''], []],
    [['trunk-id=7'], []],
    // Identities written as addresses.
    [['rewrite-from=<sip:123@acme.example.com;user=phone>;trunk-id=7'], [directive('from', '123', ['7'])]],
    [['rewrite-from="Sales; EMEA" <sip:+123@acme.example.com>'], [directive('from', '+123')]],
    [['rewrite-from=sip:123@acme.example.com'], [directive('from', '123')]],
    [['rewrite-from=123@acme.example.com'], [directive('from', '123')]],
    [['rewrite-pai=tel:+1-23'], [directive('pai', '+1-23')]],
    [['rewrite-pai="<tel:+123>"'], [directive('pai', '+123')]],
    [['rewrite-from=%2B123'], [directive('from', '+123')]],
    [['rewrite-from=<sip:4155550101;phone-context=+1@x>'], [directive('from', '+14155550101')]],
    [['rewrite-from=anonymous@anonymous.invalid'], [directive('from', 'anonymous')]],
    // Commas before directives.
    [['rewrite-from=1, rewrite-pai=2,trunk-id=7'], [directive('from', '1', ['7']), directive('pai', '2', ['7'])]],
    [['rewrite-from=1;trunk-name=Acme, Inc.'], [directive('from', '1', [], ['Acme, Inc.'])]],
    [['rewrite-from=1;trunk-name=a<b;trunk-id=7'], [directive('from', '1', ['7'], ['a<b'])]],
  ])('%j', (values, directives) => {
    expect(parseOutboundCli(values)).toEqual({ directives, ignored: [] });
  });

  test.each(['rewrite-to=1', '__proto__=1', 'constructor', 'rewrite-from', 'rewrite-from=', 'x'.repeat(2000)])(
    '%s is ignored and reported',
    (value) => {
      const read = parseOutboundCli([value]);
      expect(read.directives).toEqual([]);
      expect(read.ignored.length).toBe(1);
    },
  );

  test('a trunk restriction without a value restricts to no trunk rather than to any', () => {
    const [only] = parseOutboundCli(['rewrite-from=123; trunk-id=']).directives;
    expect(only && directiveApplies(only, '7', 'a')).toBe(false);
  });

  test('there is a limit on fields and directives', () => {
    const many = Array.from({ length: 30 }, () => 'rewrite-from=1;rewrite-pai=2;rewrite-rpi=3');
    const read = parseOutboundCli(many);
    expect(read.directives.length).toBe(16);
    expect(read.ignored.at(-1)).toContain('more than');
  });

  test('any octets are read without a throw, in time that grows with their number', () => {
    fc.assert(fc.property(fc.array(fc.string({ unit: anyCharacter })), (values) => void parseOutboundCli(values)));
    expect(printable('a\r\n"\u00ff')).toBe('"a????"');
  });
});

describe('behaviour 6: what the endpoint and the operator hear', () => {
  const routeOf = (header: string, options = {}) => {
    const trunks = [trunkWith({ options })];
    return draftForRoute(planOutbound(factsOf({ trunks, headers: [`X-Outbound-Cli: ${header}`] })), 0);
  };

  test('a value outside the pool gives an event and Warning 399, and the call goes on', () => {
    const route = routeOf('rewrite-from=14155559999');
    expect(route.kind).toBe('draft');
    expect(route.warnings).toEqual([
      '399 tandem "X-Outbound-Cli: rewrite-from=14155559999 ignored: outside the DID pool of acme on trunk CallCentric"',
    ]);
    expect(route.events).toEqual([
      {
        kind: 'outbound-cli-ignored',
        trunkId: '235468356',
        source: 'rewrite-from',
        value: '"14155559999"',
        reason: 'outside the DID pool of acme on trunk CallCentric',
      },
    ]);
  });

  test('with callerIdOutsidePool: reject the route is refused with 403', () => {
    const options = { callerIdOutsidePool: 'reject' } as const;
    expect(routeOf('rewrite-pai=14155559999', options)).toMatchObject({ kind: 'refused', status: 403 });
  });

  test('a directive for another trunk is neither checked nor reported', () => {
    expect(routeOf('rewrite-from=14155559999; trunk-id=5')).toMatchObject({ kind: 'draft', warnings: [], events: [] });
  });

  test('a general directive that the one for this trunk overrules is no fault', () => {
    const headers = ['rewrite-from=456', 'rewrite-from=123; trunk-id=235468356'].map(
      (value) => `X-Outbound-Cli: ${value}`,
    );
    expect(draftForRoute(planOutbound(factsOf({ headers })), 0)).toMatchObject({ warnings: [], events: [] });
  });

  test.each([
    ['removeHeaders', { removeHeaders: ['P-Asserted-Identity' as const] }],
    ['the custom value remove', { pAssertedIdentity: { user: { custom: 'Remove' } } }],
    ['a conditional removal', { pAssertedIdentity: [{ when: 'not-anonymous' as const, user: { custom: 'remove' } }] }],
  ])('a directive that %s undoes warns as the others do', (_, outboundParameters) => {
    const trunks = [trunkWith({ outboundParameters })];
    const facts = factsOf({ trunks, headers: ['X-Outbound-Cli: rewrite-pai=456; rewrite-from=123'] });
    const route = draftForRoute(planOutbound(facts), 0);
    expect(route.warnings).toEqual([
      '399 tandem "X-Outbound-Cli: rewrite-pai=456 ignored: the trunk removes P-Asserted-Identity"',
    ]);
    expect(route.events.map(({ kind, source }) => [kind, source])).toEqual([['outbound-cli-ignored', 'rewrite-pai']]);
  });

  test('a Warning cannot be broken out of', () => {
    const [warning = ''] = routeOf('rewrite-from="1\\"\\\\ x"').warnings;
    expect(warning).toMatch(/^399 tandem "[^"\\\r\n]*"$/);
  });
});
