import { describe, expect, test } from 'vitest';
import { InboundRouter } from '../../src/inbound/index.ts';
import { DidPool } from '../../src/provisioning/tenants/did-pool.ts';
import { type Tenant, type TenantInput, tenantSchema } from '../../src/provisioning/tenants/schema.ts';
import type { InboundParameters, Trunk } from '../../src/provisioning/trunk-settings/schema.ts';
import { parseMessage, type SipRequest } from '../../src/sip/message/index.ts';

const defaults: InboundParameters = {
  calledNumber: ['to.user'],
  callerNumber: ['from.user'],
  callerDisplayName: ['from.displayName'],
  normalize: { calledNumber: undefined, callerNumber: undefined, callerDisplayName: undefined },
};

function invite(fields: { to?: string; from?: string; uri?: string; more?: string[] } = {}): SipRequest {
  const lines = [
    `INVITE ${fields.uri ?? 'sip:14155550100@192.0.2.1'} SIP/2.0`,
    'Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1',
    `To: ${fields.to ?? '<sip:14155550100@192.0.2.1>'}`,
    `From: ${fields.from ?? '"Bob" <sip:+12125551212@carrier.example.com>'};tag=1`,
    'Call-ID: 1',
    'CSeq: 1 INVITE',
    ...(fields.more ?? []),
    'Content-Length: 0',
  ];
  return parseMessage(`${lines.join('\r\n')}\r\n\r\n`) as SipRequest;
}

interface World {
  readonly rules?: TenantInput['inboundRules'];
  readonly parameters?: Partial<InboundParameters>;
  readonly time?: string;
  readonly tenant?: Partial<TenantInput>;
  readonly numberFormat?: Trunk['numberFormat'];
  /** Of the trunk. */
  readonly isTeams?: boolean;
  /** What was found of the caller's signature. */
  readonly found?: readonly ['passed' | 'failed' | 'none', ('A' | 'B' | 'C')?];
}

const pool = DidPool.parse('14155550100-14155550299');

function route(request: SipRequest, world: World = {}) {
  const tenant: Tenant = tenantSchema.parse({
    name: 'acme',
    domain: 'acme.example.com',
    inboundRules: world.rules ?? [
      { name: 'main', trunk: 'carrier-a', dids: '14155550100', destination: { extension: '101' } },
    ],
    ...world.tenant,
  });
  const { numberFormat = 'e164' } = world;
  const teams = world.isTeams === true ? {} : undefined;
  const trunk = { id: '1', numberFormat, teams, inboundParameters: { ...defaults, ...world.parameters } } as Trunk;
  const router = new InboundRouter({
    tenantOfDid: (trunkId, number) => (trunkId === '1' && pool.contains(number) ? tenant : undefined),
    trunkIdOf: (_tenant, reference) => (reference === 'carrier-a' ? '1' : undefined),
  });
  const found = { result: world.found?.[0] ?? 'none', attestation: world.found?.[1] };
  return router.route(router.called(request, trunk), found, Date.parse(world.time ?? '2026-11-20T12:00:00Z'));
}

describe('the called number finds tenant and rule', () => {
  test.each([
    ['"Al" <sip:alice@x>, <tel:+442079460009>', '+442079460009'],
    ['<sip:+442079460008@x>, <tel:+442079460009>', '+442079460008'],
    ['<sip:alice@x>', 'alice'],
    ['<sip:alice@x>, <sip:bob@x>', 'alice'],
  ])('RFC 3325 §9.1: the number of P-Asserted-Identity %s is %s', (identity, callerNumber) => {
    const request = invite({ more: [`P-Asserted-Identity: ${identity}`] });
    const routed = route(request, { parameters: { callerNumber: ['pAssertedIdentity.user'] } });
    expect(routed).toMatchObject({ kind: 'route', numbers: { callerNumber } });
  });

  test.each(['<sip:4155550100;phone-context=+1@x;user=phone>', '<tel:415-555-0100;phone-context=+1>'])(
    'RFC 3966 §5.1.5: a local number with a global context is that global number: %s',
    (to) => {
      const request = invite({ to, from: '<sip:2125551212;phone-context=+1@x;user=phone>' });
      expect(route(request)).toMatchObject({
        kind: 'route',
        rule: 'main',
        numbers: { calledNumber: '+14155550100', callerNumber: '+12125551212' },
      });
    },
  );

  test('by default it is the user part of To, however it is prefixed', () => {
    for (const number of ['14155550100', '+14155550100', '0014155550100', '+1-415-555-0100']) {
      expect(route(invite({ to: `<sip:${number}@192.0.2.1>` }))).toMatchObject({
        kind: 'route',
        rule: 'main',
        target: { kind: 'extension', number: '101' },
        numbers: { callerNumber: '+12125551212', callerDisplayName: 'Bob' },
        anonymous: false,
      });
    }
  });

  test('Teams writes `Privacy: id` beside every P-Asserted-Identity that it forwards: only its From withholds the caller', () => {
    const more = ['P-Asserted-Identity: <sip:+12125551212@sip.pstnhub.microsoft.com>', 'Privacy: id'];
    expect(route(invite({ more }), { isTeams: true })).toMatchObject({ anonymous: false });
    expect(route(invite({ more }))).toMatchObject({ anonymous: true });
    const from = '"Anonymous" <sip:anonymous@anonymous.invalid>';
    expect(route(invite({ more, from }), { isTeams: true })).toMatchObject({ anonymous: true });
  });

  test('a tel URI in To is a number too', () => {
    expect(route(invite({ to: '<tel:+14155550100>' }))).toMatchObject({ kind: 'route', rule: 'main' });
  });

  test("a number in nobody's pool is 404, one in the pool without a rule too", () => {
    expect(route(invite({ to: '<sip:14155559999@192.0.2.1>', uri: 'sip:14155559999@192.0.2.1' }))).toMatchObject({
      kind: 'rejection',
      status: 404,
      code: 'unknown-number',
    });
    expect(route(invite({ to: '<sip:14155550101@192.0.2.1>' }))).toMatchObject({
      kind: 'rejection',
      status: 404,
      code: 'no-rule',
    });
  });

  test.each(['<sip:192.0.2.1>', '<sip:14155550199@192.0.2.1:1:1>', '<sip:14155550199@2001:db8::g>', '<mailto:a@b>'])(
    'RFC 3261 §8.2.2.1: where To is %s, the number is that of the Request-URI',
    (to) => {
      expect(route(invite({ to }))).toMatchObject({ kind: 'route', rule: 'main' });
    },
  );

  test.each(['sales', '9'.repeat(40), '٠١٢٣'])('a called user of %j is unknown, not a fault', (user) => {
    const uri = `sip:${encodeURIComponent(user)}@192.0.2.1`;
    expect(route(invite({ to: `<${uri}>`, uri }))).toMatchObject({ status: 404, code: 'unknown-number' });
  });
});

describe('inbound parameters', () => {
  const more = [
    'P-Asserted-Identity: "Real Name" <sip:+13105551234@carrier.example.com>, <tel:+13105551234>',
    'P-Called-Party-ID: <sip:14155550100@192.0.2.1>',
    'Remote-Party-ID: "Called" <sip:14155550100@x>;party=called',
    'Remote-Party-ID: "Calling" <sip:13105550000@x>;party=calling',
    'Diversion: <sip:14155550100@x>;reason=unconditional',
  ];
  test.each([
    ['requestUri.user', { uri: 'sip:14155550100@192.0.2.1', to: '<sip:x@y>' }],
    ['pCalledPartyId.user', { to: '<sip:x@y>', more }],
    ['remotePartyIdCalled.user', { to: '<sip:x@y>', more }],
    ['diversion.user', { to: '<sip:x@y>', more }],
  ] as const)('the called number is read from %s', (source, fields) => {
    const request = invite(fields as never);
    expect(route(request, { parameters: { calledNumber: [source] } })).toMatchObject({ kind: 'route', rule: 'main' });
  });

  test.each([
    ['a name in To', '<sip:trunk-account@y>', ['to.user'], '14155550100'],
    ['a name in escapes in To', '<sip:%7Ba%7D@y>', ['to.user'], '+1-415-555-0100'],
    [
      'another number in To: the call was sent on',
      '"Office" <sip:+442079460000@y;user=phone>',
      ['to.user'],
      '+14155550100',
    ],
    ['a number that is longer than any', '<sip:12345678901234567890@y>', ['to.user'], '14155550100'],
    [
      'a list whose first field has nobody’s number',
      '<tel:+442079460000>',
      ['to.user', 'requestUri.user'],
      '14155550100',
    ],
    ['To behind a number of nobody', '<sip:14155550100@y>', ['requestUri.user', 'to.user'], '5550123'],
  ] as const)('RFC 3261 §8.2.2.1: %s: the number that somebody has is called', (_, to, calledNumber, user) => {
    const request = invite({ to, uri: `sip:${user}@192.0.2.1` });
    const routed = route(request, { parameters: { calledNumber } });
    expect(routed).toMatchObject({ kind: 'route', rule: 'main' });
    expect(routed.numbers.calledNumber).toMatch(/^\+?14155550100$/);
  });

  test('RFC 7315 §4.2: where To and the Request-URI, our Contact, name nobody here, P-Called-Party-ID says who is called', () => {
    const sentOn = { to: '<tel:+442079460000>', uri: 'sip:b6103ea5ab272e67@192.0.2.1' };
    const routed = route(
      invite({ ...sentOn, more: ['P-Called-Party-ID: <sip:+14155550100@carrier.example;user=phone>'] }),
    );
    expect(routed).toMatchObject({ kind: 'route', rule: 'main', numbers: { calledNumber: '+14155550100' } });
    expect(route(invite(sentOn))).toMatchObject({ status: 404, code: 'unknown-number' });
    expect(route(invite({ ...sentOn, more }), { parameters: { calledNumber: ['contact.user'] } })).toMatchObject({
      status: 404,
    });
  });

  test('of several numbers of nobody the first is the one that nobody has, and a name comes after them', () => {
    const called = (to: string, uri: string) => route(invite({ to, uri })).numbers.calledNumber;
    expect(called('<sip:+442079460000@y>', 'sip:+442079460001@x')).toBe('+442079460000');
    expect(called('<sip:alice@y>', 'sip:+442079460001@x')).toBe('+442079460001');
    expect(called('<sip:alice@y>', 'sip:x')).toBe('alice');
  });

  test('caller number and name are read from P-Asserted-Identity, with From after it', () => {
    const parameters = {
      callerNumber: ['pAssertedIdentity.user', 'from.user'],
      callerDisplayName: ['pAssertedIdentity.displayName', 'from.displayName'],
    } as const;
    expect(route(invite({ more }), { parameters })).toMatchObject({
      numbers: { callerNumber: '+13105551234', callerDisplayName: 'Real Name' },
    });
    expect(route(invite(), { parameters })).toMatchObject({
      numbers: { callerNumber: '+12125551212', callerDisplayName: 'Bob' },
    });
  });

  test('a malformed optional field counts as absent', () => {
    const parameters = { callerNumber: ['pAssertedIdentity.user', 'from.user'] } as const;
    const request = invite({ more: ['P-Asserted-Identity: <<<"'] });
    expect(route(request, { parameters })).toMatchObject({ kind: 'route', numbers: { callerNumber: '+12125551212' } });
  });

  test('RFC 3966 §5.1.1: numbers are without separators before anything looks at them', () => {
    const parameters = {
      callerNumber: ['pAssertedIdentity.user'],
      normalize: {
        callerNumber: { replacePrefix: [{ from: '+1310', to: '310' }] },
        calledNumber: undefined,
        callerDisplayName: undefined,
      },
    } as const;
    const more = ['P-Asserted-Identity: <sip:+1-(310)-555.1234@h>'];
    expect(route(invite({ more }), { parameters })).toMatchObject({ numbers: { callerNumber: '3105551234' } });
  });

  test('an address that cannot be read costs the others nothing; an unquoted comma parts no name', () => {
    const parameters = {
      callerNumber: ['pAssertedIdentity.user', 'from.user'],
      callerDisplayName: ['pAssertedIdentity.displayName'],
    } as const;
    const asserted = (value: string) => route(invite({ more: [`P-Asserted-Identity: ${value}`] }), { parameters });
    expect(asserted('<sip:[>, <sip:+13105551234@h>')).toMatchObject({ numbers: { callerNumber: '+13105551234' } });
    expect(asserted('ACME, Inc. <sip:+13105551234@h>')).toMatchObject({
      numbers: { callerNumber: '+13105551234', callerDisplayName: 'ACME, Inc.' },
    });
  });
});

describe('the most specific rule wins', () => {
  const to = (extension: string) => ({ extension });
  const rules = [
    { name: 'any', trunk: 'carrier-a', dids: '14155550100-14155550199', destination: to('200') },
    { name: 'one-did', trunk: 'carrier-a', dids: '14155550110', destination: to('201') },
    {
      name: 'masked',
      trunk: 'carrier-a',
      dids: '14155550100-14155550199',
      callers: '1212*******',
      destination: to('202'),
    },
    {
      name: 'range',
      trunk: 'carrier-a',
      dids: '14155550100-14155550199',
      callers: '12125551000-12125551299',
      destination: to('203'),
    },
    {
      name: 'exact',
      trunk: 'carrier-a',
      dids: '14155550100-14155550199',
      callers: '999; +1 212 555 1212',
      destination: to('204'),
    },
    { name: 'other trunk', trunk: 'carrier-b', dids: '14155550100-14155550199', destination: to('205') },
  ];
  test.each([
    ['+12125551212', '14155550110', 'exact'],
    ['12125551213', '14155550110', 'range'],
    ['+12129999999', '14155550110', 'masked'],
    ['+13105551234', '14155550110', 'one-did'],
    ['+13105551234', '14155550111', 'any'],
    ['anonymous', '14155550111', 'any'],
  ])('a call from %s to %s goes by rule %s', (caller, called, expected) => {
    const request = invite({ to: `<sip:${called}@x>`, from: `<sip:${caller}@x>` });
    expect(route(request, { rules })).toMatchObject({ kind: 'route', rule: expected });
  });
});

describe('destinations', () => {
  test('a range of DIDs maps 1:1 to extensions, leading zeros kept', () => {
    const rules = [
      { name: 'r', trunk: 'carrier-a', dids: '14155550100-14155550199', destination: { extensions: '0100-0199' } },
    ];
    expect(route(invite({ to: '<sip:14155550107@x>' }), { rules })).toMatchObject({
      target: { kind: 'extension', number: '0107' },
    });
  });

  test.each([
    [{ service: '600' }, { kind: 'service', number: '600' }],
    [{ number: '90012125551212' }, { kind: 'number', number: '90012125551212' }],
    [{ hangUp: true as const }, { kind: 'hang-up' }],
  ])('%j', (destination, target) => {
    const rules = [{ name: 'r', trunk: 'carrier-a', dids: '14155550100', destination }];
    expect(route(invite(), { rules })).toMatchObject({ target });
  });

  const rules = [
    {
      name: 'r',
      trunk: 'carrier-a',
      dids: '14155550100',
      destination: { extension: '101' },
      hours: { open: [{ days: ['mon' as const, 'fri' as const], from: '08:00', to: '17:00' }] },
      outsideHours: { service: '700' },
      holidays: ['12-25'],
      onHolidays: { hangUp: true as const },
    },
  ];
  test.each([
    ['2026-11-20T12:00:00Z', { kind: 'extension', number: '101' }],
    ['2026-11-20T18:00:00Z', { kind: 'service', number: '700' }],
    ['2026-12-25T12:00:00Z', { kind: 'hang-up' }],
  ])('holidays precede hours: at %s → %j', (time, target) => {
    expect(route(invite(), { rules, time })).toMatchObject({ target });
  });

  test('closed without another destination is refused with 480', () => {
    const closed = [{ ...rules[0], outsideHours: undefined, onHolidays: undefined }] as never;
    expect(route(invite(), { rules: closed, time: '2026-11-20T18:00:00Z' })).toMatchObject({
      kind: 'rejection',
      status: 480,
      code: 'closed',
    });
  });
});

describe('anonymous callers (RFC 3323 §4.1)', () => {
  test.each([
    ['"Anonymous" <sip:anonymous@anonymous.invalid>', [], true],
    ['<sip:anonymous@carrier.example.com>', [], true],
    ['"Bob" <sip:+12125551212@x>', ['Privacy: id'], true],
    ['"Bob" <sip:+12125551212@x>', ['Privacy: header;user'], true],
    ['"Bob" <sip:+12125551212@x>', ['Privacy: none'], false],
    ['"Bob" <sip:+12125551212@x>', [], false],
  ] as const)('From %s with %j: %s', (from, more, anonymous) => {
    expect(route(invite({ from, more: [...more] }))).toMatchObject({ anonymous });
  });
});

describe('a caller whose number a gateway does not know (3GPP TS 23.003 §13.7)', () => {
  const from = '"Unknown" <sip:unavailable@unknown.invalid>';
  const rpid = ['remotePartyIdCalling.user', 'from.user'] as const;

  test.each([
    ['none has one', [], {}, ''],
    ['the network asserts none', ['P-Asserted-Identity: <sip:unknown@carrier.example.com>'], {}, ''],
    ['the network puts a plus before it', ['P-Asserted-Identity: <sip:+Unavailable@carrier.example.com>'], {}, ''],
    ['the network asserts one', ['P-Asserted-Identity: <sip:+12125551212@carrier.example.com>'], {}, '+12125551212'],
    [
      'Remote-Party-ID has one',
      ['Remote-Party-ID: <sip:+12125551212@carrier.example.com>;privacy=off'],
      {},
      '+12125551212',
    ],
    [
      'the trunk’s first source has one',
      ['Remote-Party-ID: <sip:+12125551212@carrier.example.com>;privacy=off'],
      { callerNumber: [...rpid] },
      '+12125551212',
    ],
    [
      'a later source has one',
      ['Contact: <sip:+12125551212@192.0.2.9>'],
      { callerNumber: ['from.user', 'contact.user'] },
      '+12125551212',
    ],
  ] as const)('where %s, is not anonymous', (_case, more, parameters, callerNumber) => {
    const routed = route(invite({ from, more: [...more] }), { parameters: parameters as Partial<InboundParameters> });
    expect(routed).toMatchObject({ anonymous: false, numbers: { callerNumber } });
  });

  test('is anonymous all the same where that is asked for', () => {
    const more = ['P-Asserted-Identity: <sip:+12125551212@carrier.example.com>', 'Privacy: id'];
    expect(route(invite({ from, more }))).toMatchObject({ anonymous: true });
  });
});

describe('a carrier that writes nationally needs one pool: numberFormat', () => {
  const national = (to: string, from = '<sip:02125551212@carrier.example.com>') =>
    route(invite({ to: `<sip:${to}@192.0.2.1>`, from }), {
      numberFormat: 'national 1',
      rules: [
        {
          name: 'main',
          trunk: 'carrier-a',
          dids: '14155550100',
          callers: '1212*******',
          destination: { extension: '101' },
        },
      ],
    });

  test.each(['4155550100', '04155550100', '14155550100', '+14155550100', '01114155550100'])('%s is the DID', (to) => {
    expect(national(to)).toMatchObject({
      kind: 'route',
      target: { number: '101' },
      numbers: { callerNumber: '+12125551212' },
    });
  });

  test.each([
    ['<sip:2125551212@x>', '+12125551212'],
    ['<sip:+12125551212@x>', '+12125551212'],
    ['<sip:0114930123456@x>', '+4930123456'],
    ['<sip:911@x>', '911'],
    ['<sip:anonymous@anonymous.invalid>', 'anonymous'],
  ])('the caller %s is %s', (from, callerNumber) => {
    expect(national('4155550100', from).numbers.callerNumber).toBe(callerNumber);
  });
});

describe('inbound parameters normalise what was read (guide "Inbound Parameters")', () => {
  const normalize = (more: Partial<InboundParameters['normalize']>) => ({
    parameters: { normalize: { ...defaults.normalize, ...more } },
  });

  test.each([
    ['strip', '9914155550100', { strip: 2 }],
    ['prepend', '4155550100', { prepend: '1' }],
    [
      'replace prefix',
      '04155550100',
      {
        replacePrefix: [
          { from: '00', to: '' },
          { from: '0', to: '+1' },
        ],
      },
    ],
    [
      'the first prefix that fits',
      '0014155550100',
      {
        replacePrefix: [
          { from: '00', to: '+' },
          { from: '0', to: '+9' },
        ],
      },
    ],
    [
      'strip, then replace, then prepend',
      '77*155550100',
      { strip: 2, replacePrefix: [{ from: '*1', to: '4' }], prepend: '1' },
    ],
  ])('%s', (_, to, calledNumber) => {
    const world = normalize({ calledNumber });
    const expected = to === '77*155550100' ? 'unknown-number' : undefined;
    const routed = route(invite({ to: `<sip:${to}@192.0.2.1>` }), world);
    if (expected === undefined) expect(routed).toMatchObject({ kind: 'route', rule: 'main' });
    else expect(routed.numbers.calledNumber).toBe('1455550100');
  });

  test.each([
    ['(99) 1-415-555-0100', { strip: 2 }],
    ['0-415.555.0100', { replacePrefix: [{ from: '04', to: '+14' }] }],
    ['-(415)555-0100', { prepend: '1' }],
  ])('RFC 3966 §5.1.1: separators are no digits to strip: %s', (to, calledNumber) => {
    const routed = route(invite({ to: `<sip:${to.replaceAll(' ', '%20')}@192.0.2.1>` }), normalize({ calledNumber }));
    expect(routed).toMatchObject({ kind: 'route', rule: 'main' });
    const from = `<sip:${'+1 (212) 555-1212'.replaceAll(' ', '%20')}@x>`;
    const { numbers } = route(invite({ from }), normalize({ callerNumber: { strip: 2 } }));
    expect(numbers.callerNumber).toBe('2125551212');
  });

  test("each field by itself; a name in the number's place is no number", () => {
    const world = normalize({
      callerNumber: { replacePrefix: [{ from: '+1', to: '' }], prepend: '9' },
      callerDisplayName: { strip: 2, prepend: 'Line 1: ' },
    });
    const { numbers } = route(invite({ from: '"X Bob" <sip:+12125551212@x>' }), world);
    expect(numbers).toEqual({
      calledNumber: '14155550100',
      callerNumber: '92125551212',
      callerDisplayName: 'Line 1: Bob',
    });
    expect(route(invite({ from: '<sip:anonymous@x>' }), world).numbers.callerNumber).toBe('anonymous');
  });
});

describe('rules that ask what was found of the caller’s signature', () => {
  const rule = (name: string, more: object) => ({
    name,
    trunk: 'carrier-a',
    dids: '14155550100',
    destination: { extension: '101' },
    ...more,
  });
  const rules = [
    rule('any', {}),
    rule('mask', { callers: '12125551212' }),
    rule('passed', { verification: ['passed'] }),
    rule('full', { verification: ['A'] }),
    rule('bad', { verification: ['failed', 'none'], dids: '14155550100-14155550109', destination: { hangUp: true } }),
  ] as never;

  test.each([
    [['passed', 'A'], 'full'],
    [['passed', 'B'], 'passed'],
    [['passed'], 'passed'],
    [['failed'], 'bad'],
    [['none'], 'bad'],
  ] as const)('%j: the rule %s, whatever masks the others have', (found, name) => {
    const routed = route(invite({ from: '<sip:12125551212@x>' }), { rules, found: found as never });
    expect(routed).toMatchObject({ kind: 'route', rule: name });
  });

  test('rules that do not ask are for every call', () => {
    for (const found of [['passed', 'A'], ['failed'], ['none']] as const)
      expect(route(invite(), { rules: [rule('any', {})] as never, found: found as never })).toMatchObject({
        rule: 'any',
      });
  });
});

test('rules are compiled anew when they change, or a trunk that they name does, and not for each snapshot', () => {
  let compilations = 0;
  const tenant: Tenant = tenantSchema.parse({
    name: 'acme',
    domain: 'acme.example.com',
    inboundRules: [{ name: 'main', trunk: 'carrier-a', dids: '14155550100', destination: { extension: '101' } }],
  });
  const [rule] = tenant.inboundRules;
  if (rule === undefined) throw new Error('no rule');
  Object.defineProperty(rule, 'dids', {
    get: () => {
      compilations++;
      return '14155550100';
    },
  });
  const routed = (of: Tenant, carrier: string, trunkId = '1') => {
    const router = new InboundRouter({
      tenantOfDid: () => of,
      trunkIdOf: (_tenant, reference) => (reference === 'carrier-a' ? carrier : undefined),
    });
    const trunk = { id: trunkId, numberFormat: 'e164', inboundParameters: defaults } as Trunk;
    const found = { result: 'none', attestation: undefined } as const;
    const to = router.route(router.called(invite(), trunk), found, Date.parse('2026-11-20T12:00:00Z'));
    return [to.kind, compilations];
  };
  expect(routed(tenant, '1')).toEqual(['route', 1]);
  expect(routed({ ...tenant, outboundCallerId: '14155550101' }, '1')).toEqual(['route', 1]);
  expect(routed(tenant, '2')).toEqual(['rejection', 2]);
  expect(routed(tenant, '2', '2')).toEqual(['route', 2]);
  expect(routed({ ...tenant, inboundRules: [rule] }, '2', '2')).toEqual(['route', 3]);
});
