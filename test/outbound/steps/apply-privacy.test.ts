import { describe, expect, test } from 'vitest';
import { draftForRoute, planOutbound } from '../../../src/outbound/index.ts';
import { tells } from '../../../src/outbound/steps/apply-privacy.ts';
import { factsOf, tenantWith, trunkWith } from '../world.ts';

const octets = (text: string) => Buffer.from(text).toString('latin1');

describe("what holds the caller's number does not leave in an anonymous call", () => {
  const relayed = (value: string, ...headers: string[]) => {
    const tenants = [tenantWith({ outboundCallerId: '14155550100', headers: { relay: { trunk: ['X-Account'] } } })];
    const trunks = [trunkWith({ outboundParameters: { privacy: ['user', 'id'] } })];
    const call = { tenants, trunks, headers: [`X-Account: ${octets(value)}`, ...headers] };
    const route = draftForRoute(planOutbound(factsOf(call)), 0);
    if (route.kind !== 'draft') throw new Error(`refused: ${route.reason}`);
    return new Map(route.draft.headers).get('X-Account');
  };

  test.each([
    ['as it is', '14155550100'],
    ['as people write it', 'of 1 (415) 555-0100'],
    ['in full-width digits', '\uff11\uff14\uff11\uff15\uff15\uff15\uff15\uff10\uff11\uff10\uff10'],
    ['with an Arabic digit', 'of 1415555\u0660100'],
    ['an extension in Thai digits', 'of \u0e51\u0e50\u0e51'],
  ])('%s', (_how, value) => {
    expect(relayed(value)).toBe(octets(value));
    expect(relayed(value, 'Privacy: id')).toBeUndefined();
  });

  test('another one leaves', () => {
    expect(relayed('\uff11\uff14\uff11', 'Privacy: id')).toBe(octets('\uff11\uff14\uff11'));
  });
});

test('a short number is not found in the dots of an address, nor in a longer one', () => {
  expect([tells('<sip:10.1.0.1>', ['10101']), tells('2101', ['101']), tells('1.01', ['101'])]).toEqual([
    false,
    false,
    false,
  ]);
});
