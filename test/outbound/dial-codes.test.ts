import { describe, expect, test } from 'vitest';
import { matchDialCode } from '../../src/outbound/dial-codes.ts';
import { planOutbound } from '../../src/outbound/index.ts';
import { dialCodesSchema } from '../../src/provisioning/tenants/tenant-settings.ts';
import { factsOf, tenantWith } from './world.ts';

const codes = dialCodesSchema.parse({});

describe('behaviour 12: dial codes', () => {
  test.each([
    ['*6714155550100', 'blockCallerId', '14155550100'],
    ['*65+14155550100', 'deliverCallerId', '+14155550100'],
    ['*31', 'blockCallerIdAlways', ''],
    ['*31#', 'blockCallerIdAlways', ''],
    ['*32', 'deliverCallerIdAlways', ''],
    ['*5212345', 'anonymous', '12345'],
    ['*6212345', 'notAnonymous', '12345'],
    ['*76', 'anonymousAlways', ''],
    ['*86', 'notAnonymousAlways', ''],
    ['*77', 'refuseAnonymous', ''],
    ['*87', 'acceptAnonymous', ''],
    ['*6414155550100', 'setCallerId', '14155550100'],
  ])('%s is %s', (dialled, name, rest) => {
    expect(matchDialCode(dialled, codes)).toMatchObject({ name, rest });
  });

  test.each(['67123', '14155550100', '*99123', '', '*', '*31123', '#'])('%s is no code', (dialled) => {
    expect(matchDialCode(dialled, codes)).toBeUndefined();
  });

  test('the longest code wins; a code that is off, or all of them, is not looked at', () => {
    const edited = dialCodesSchema.parse({ blockCallerId: '*6', anonymous: '*67', deliverCallerId: null });
    expect(matchDialCode('*67123', edited)).toMatchObject({ name: 'anonymous', rest: '123' });
    expect(matchDialCode('*65123', edited)).toMatchObject({ name: 'blockCallerId', rest: '5123' });
    expect(matchDialCode('*67123', dialCodesSchema.parse({ enabled: false }))).toBeUndefined();
  });
});

const alice = (changes: object) => [tenantWith({ extensions: [{ number: '101', name: 'Alice', ...changes }] })];

describe('behaviour 12: which wish wins', () => {
  test.each([
    ['nothing said', {}, '12345', [], false],
    ['*67 hides', {}, '*6712345', [], true],
    ['*52 hides', {}, '*5212345', [], true],
    ['the stored setting hides', { anonymousCalls: true }, '12345', [], true],
    ['per call beats persistent: *65', { anonymousCalls: true }, '*6512345', [], false],
    ['per call beats persistent: *62', { anonymousCalls: true }, '*6212345', [], false],
    ['of two codes the one nearest to the number: *67*65', {}, '*67*6512345', [], false],
    ['of two codes the one nearest to the number: *65*52', {}, '*65*5212345', [], true],
    ['a phone that dials the code by itself, and its user too', {}, '*67*6712345', [], true],
    ['none beside a value that withholds says nothing', {}, '12345', ['Privacy: none;id'], true],
    ['anonymous beats deliver: the endpoint asks for privacy', {}, '*6512345', ['Privacy: id'], true],
    ['a dialled code beats Privacy: none', {}, '*6712345', ['Privacy: none'], true],
    ['Privacy: none beats the stored setting', { anonymousCalls: true }, '12345', ['Privacy: none'], false],
  ] as const)('%s', (_, changes, dialled, headers, anonymous) => {
    const plan = planOutbound(factsOf({ tenants: alice(changes), dialled, headers }));
    expect(plan.refusal).toBeUndefined();
    expect(plan.number).toBe('12345');
    expect(plan.anonymous).toBe(anonymous);
  });
});

describe('behaviour 12: a code that only stores a setting ends with a response that says what was set', () => {
  test.each([
    ['*31', { anonymousCalls: true }, 480, 'Caller ID is blocked from now on'],
    ['*32', { anonymousCalls: false }, 480, 'Caller ID is delivered from now on'],
    ['*76', { anonymousCalls: true }, 480, 'Calls are anonymous from now on'],
    ['*86', { anonymousCalls: false }, 480, 'Calls are not anonymous from now on'],
    ['*77', { rejectAnonymousCallers: true }, 480, 'Anonymous callers are refused from now on'],
    ['*87', { rejectAnonymousCallers: false }, 480, 'Anonymous callers are accepted from now on'],
    ['*6414155550123', { outboundCallerId: '14155550123' }, 480, 'Outbound caller ID is 14155550123 from now on'],
  ])('%s', (dialled, set, status, reason) => {
    const plan = planOutbound(factsOf({ dialled }));
    expect(plan.refusal).toMatchObject({ status, reason });
    expect(plan.storedSetting).toEqual({ extension: '101', set });
    expect(plan.routes).toEqual([]);
  });

  test.each([
    ['*6414155559999', 403],
    ['*64', 484],
    ['*64abc', 484],
  ])('%s stores nothing and says why', (dialled, status) => {
    const plan = planOutbound(factsOf({ dialled }));
    expect(plan.refusal?.status).toBe(status);
    expect(plan.refusal?.reason).toContain('not set');
    expect(plan.storedSetting).toBeUndefined();
  });

  test('services and forwarded calls dial numbers, not codes', () => {
    const tenants = [tenantWith({ services: [{ kind: 'queue', number: '600', name: 'Queue' }] })];
    expect(planOutbound(factsOf({ tenants, caller: '600', dialled: '*31' })).storedSetting).toBeUndefined();
    const forwarding = { kind: 'forward', originator: undefined, diversions: [] } as const;
    expect(planOutbound(factsOf({ dialled: '*31', forwarding })).storedSetting).toBeUndefined();
  });
});
