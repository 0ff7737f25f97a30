import { describe, expect, test } from 'vitest';
import {
  draftForRoute,
  type Forwarding,
  planOutbound,
  type RouteDraft,
  type RouteRefusal,
} from '../../../src/outbound/index.ts';
import { RecordingTrace } from '../../../src/outbound/trace.ts';
import { ANY_NUMBER, LONG, sharedAuthority, signer } from '../../kit/stir/signed.ts';
import { ACME, type CallOptions, factsOf, tenantWith, trunkWith } from '../world.ts';

const POOL = '14155550100-14155550199';
const CERTIFICATE = signer('acme-stir', { owner: 'acme' });
const BASE = {
  tenants: [tenantWith({ outboundCallerId: '14155550100' })],
  trunks: [trunkWith({ options: { stirShaken: true }, tenants: [{ tenant: 'acme', didPool: POOL }] })],
  certificates: [CERTIFICATE],
  dialled: '12125551234',
} satisfies CallOptions;
const verified = trunkWith({
  options: { stirShaken: true },
  tenants: [{ tenant: 'acme', didPool: POOL, verified: true }],
});
const fromTrunk: Forwarding = {
  kind: 'forward',
  fromTrunk: true,
  originator: { number: '13035550111', displayName: '', anonymous: false },
  diversions: [{ number: '14155550101', reason: 'unconditional' }],
};

function sign(options: CallOptions = {}): { route: RouteDraft | RouteRefusal; told: string } {
  const trace = new RecordingTrace();
  const route = draftForRoute(planOutbound(factsOf({ ...BASE, ...options })), 0, trace);
  return { route, told: trace.steps.map(({ step, reason }) => `${step}: ${reason}`).join('\n') };
}

function signed(options: CallOptions = {}) {
  const { route } = sign(options);
  if (route.kind !== 'draft') throw new Error(`refused: ${route.code}`);
  return route.signing;
}

/** A value that nobody has signed, as far as this step reads it. */
function received(claims: object, ppt = 'shaken'): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const header = { alg: 'ES256', ppt, typ: 'passport', x5u: 'https://other.example/a.pem' };
  return `${part(header)}.${part(claims)}.c2lnbmF0dXJl;info=<https://other.example/a.pem>;alg=ES256;ppt=${ppt}`;
}

test('off: nothing is signed, whatever certificates there are', () => {
  expect(signed({ trunks: [trunkWith({ tenants: [{ tenant: 'acme', didPool: POOL }] })] })).toBeUndefined();
});

describe('RFC 8588 §4: attestation', () => {
  test('B: the caller is authenticated, and its number in no verified pool', () => {
    const signing = signed();
    expect(signing?.passport).toMatchObject({
      ppt: 'shaken',
      claims: { attest: 'B', dest: { tn: ['12125551234'] }, orig: { tn: '14155550100' } },
      certificate: { name: 'acme-stir' },
    });
    expect(sign().told).toContain('attestation B: extension 101 of acme is authenticated');
  });

  test('A: the caller is authenticated, and the system admin has verified the pool that its number is in', () => {
    expect(signed({ trunks: [verified] })?.attestation).toBe('A');
    expect(sign({ trunks: [verified] }).told).toContain('14155550100 is in its verified pool on trunk CallCentric');
  });

  test('B: a number that is shown from outside the verified pool', () => {
    const trunk = { ...verified, outboundParameters: { pAssertedIdentity: { user: { custom: '14155550300' } } } };
    expect(signed({ trunks: [trunk] })?.attestation).toBe('B');
  });

  test('C: the call came from a trunk, without Identity', () => {
    expect(signed({ trunks: [verified], forwarding: fromTrunk })?.attestation).toBe('C');
  });

  test('a transfer or forward of a call that began inside is not one from a trunk', () => {
    const forwarding: Forwarding = { kind: 'transfer', originator: undefined, diversions: [] };
    expect(signed({ trunks: [verified], forwarding })?.attestation).toBe('A');
  });

  test('X-Outbound-Cli never raises it: what was B without it stays B; what was A stays A', () => {
    const other = trunkWith({
      options: { stirShaken: true },
      tenants: [{ tenant: 'acme', didPool: POOL }],
    });
    const more = trunkWith({
      id: '7',
      name: 'second',
      host: 'b.example.net',
      tenants: [{ tenant: 'acme', didPool: '14155550150-14155550160', verified: true }],
    });
    const cli = { headers: ['X-Outbound-Cli: rewrite-from=14155550155'] };
    const raised = sign({ trunks: [other, more], ...cli });
    expect(raised.route).toMatchObject({
      signing: { attestation: 'B', passport: { claims: { orig: { tn: '14155550155' } } } },
    });
    expect(raised.told).toContain('never raises the attestation');
    expect(signed({ trunks: [verified], ...cli })?.attestation).toBe('A');
    // The same number, by the tenant's own settings.
    const configured = { tenants: [tenantWith({ outboundCallerId: '14155550155' })] };
    expect(signed({ trunks: [other, more], ...configured })?.attestation).toBe('A');
    // In P-Asserted-Identity too.
    expect(signed({ trunks: [other, more], headers: ['X-Outbound-Cli: rewrite-pai=14155550155'] })?.attestation).toBe(
      'B',
    );
  });
});

describe('RFC 8224 §4.1: what is signed is what the carrier sees', () => {
  test('P-Asserted-Identity before From; + and removePlus make no difference', () => {
    const trunk = trunkWith({
      options: { stirShaken: true, removePlus: true },
      tenants: [{ tenant: 'acme', didPool: POOL }],
      outboundParameters: { pAssertedIdentity: { user: { custom: '+14155550122' } } },
    });
    expect(signed({ trunks: [trunk], dialled: '+12125551234' })?.passport.claims).toMatchObject({
      orig: { tn: '14155550122' },
      dest: { tn: ['12125551234'] },
    });
  });

  test('a carrier that writes numbers nationally: tokens have the country code all the same (RFC 8224 §8.3)', () => {
    const trunk = trunkWith({
      numberFormat: 'national 49',
      options: { stirShaken: true },
      tenants: [{ tenant: 'acme', didPool: '49301234500-49301234599' }],
    });
    const tenants = [tenantWith({ outboundCallerId: '030 12345 01' })];
    expect(signed({ tenants, trunks: [trunk], dialled: '089654321' })?.passport.claims).toMatchObject({
      orig: { tn: '49301234501' },
      dest: { tn: ['4989654321'] },
    });
  });

  test('an anonymous call is signed for its P-Asserted-Identity (RFC 3325), and the number stands nowhere else', () => {
    const trunk = trunkWith({
      options: { stirShaken: true },
      tenants: [{ tenant: 'acme', didPool: POOL }],
      outboundParameters: { pAssertedIdentity: { user: 'OutboundCallerId' } },
    });
    const { route } = sign({ trunks: [trunk], headers: ['Privacy: id'] });
    expect(route).toMatchObject({ signing: { passport: { claims: { orig: { tn: '14155550100' } } } } });
  });

  test('the same origid on every route of a call (RFC 8588 §5), a UUID', () => {
    const first = signed()?.passport;
    expect(first).toMatchObject({
      claims: { origid: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/) },
    });
    expect(signed()).toEqual(signed());
  });
});

describe('required means required', () => {
  const unsignable: readonly (readonly [string, CallOptions, string])[] = [
    ['no certificate', { certificates: [] }, 'neither tenant acme nor the system has a certificate'],
    [
      'a certificate of another tenant',
      { certificates: [signer('b', { owner: 'bolt' })] },
      'neither tenant acme nor the system',
    ],
    [
      'an ended certificate',
      {
        certificates: [
          signer('old', {}, sharedAuthority().leaf(ANY_NUMBER, { ...LONG, notAfter: new Date('2026-01-01') })),
        ],
      },
      'certificate old ended at 2026-01-01',
    ],
    [
      'one that has not begun',
      {
        certificates: [
          signer('new', {}, sharedAuthority().leaf(ANY_NUMBER, { ...LONG, notBefore: new Date('2027-01-01') })),
        ],
      },
      'certificate new begins at 2027-01-01',
    ],
    [
      'one for other numbers',
      { certificates: [signer('few', { numbers: '14155550150' })] },
      'certificate few does not sign for 14155550100',
    ],
    [
      'one whose TNAuthList has other numbers',
      { certificates: [signer('list', {}, sharedAuthority().leaf([{ one: '14155550150' }], LONG))] },
      'certificate list has a TNAuthList without 14155550100',
    ],
    ["a caller's number without country code", { tenants: [ACME] }, "the caller's number 101 is not an E.164 number"],
    [
      'a called number without country code',
      { dialled: '0123456' },
      'the called number 0123456 is not an E.164 number',
    ],
    ['an anonymous caller without P-Asserted-Identity', { headers: ['Privacy: user'] }, 'the caller is anonymous'],
  ];

  test.each(unsignable)('refused by default (403): %s', (_name, options, why) => {
    const { route, told } = sign(options);
    expect(route).toMatchObject({ kind: 'refused', status: 403, code: 'unsignable', reason: 'Call Cannot Be Signed' });
    expect(route.events).toContainEqual(
      expect.objectContaining({ kind: 'call-not-signed', source: 'refused', reason: expect.stringContaining(why) }),
    );
    expect(told).toContain(why);
  });

  test.each(unsignable)('or unsigned, where the trunk says so: %s', (_name, options, why) => {
    const trunk = trunkWith({
      options: { stirShaken: true, stirWhenUnsignable: 'unsigned' },
      tenants: [{ tenant: 'acme', didPool: POOL }],
    });
    const { route, told } = sign({ ...options, trunks: [trunk] });
    expect(route).toMatchObject({ kind: 'draft', signing: undefined });
    expect(route.events).toContainEqual(expect.objectContaining({ kind: 'call-not-signed', source: 'unsigned' }));
    expect(told).toContain(`goes out unsigned (options.stirWhenUnsignable: unsigned): ${why}`);
  });

  test('an emergency call is never refused, and signed with the number as it is when that can be (RFC 8224 §8.3)', () => {
    const unsigned = sign({ dialled: '911', certificates: [] });
    expect(unsigned.route).toMatchObject({ kind: 'draft', signing: undefined });
    expect(unsigned.told).toContain('an emergency call is never refused');
    expect(signed({ dialled: '911' })?.passport.claims).toMatchObject({
      dest: { tn: ['911'] },
      orig: { tn: '14155550100' },
    });
  });
});

describe('certificates are chosen by number range, owner and age', () => {
  const range = signer('range', { owner: 'acme', numbers: POOL });
  const system = signer('system');
  const younger = signer(
    'younger',
    { owner: 'acme' },
    sharedAuthority().leaf(ANY_NUMBER, { ...LONG, notBefore: new Date('2025-01-01') }),
  );

  test.each([
    [[system, CERTIFICATE], 'acme-stir'],
    [[CERTIFICATE, range], 'range'],
    [[CERTIFICATE, younger], 'younger'],
    [[younger, CERTIFICATE], 'younger'],
    [[system, signer('other', { owner: 'acme', numbers: '14155550150' })], 'system'],
  ])('%#', (certificates, name) => {
    expect(signed({ certificates })?.passport.certificate.name).toBe(name);
  });
});

describe('RFC 8946: calls that are sent on', () => {
  const trunk = trunkWith({
    options: { stirShaken: true },
    tenants: [{ tenant: 'acme', didPool: POOL }],
    outboundParameters: { from: { user: 'OriginatorCallerID' } },
  });
  const shaken = received({
    attest: 'A',
    dest: { tn: ['14155550101'] },
    iat: 1,
    orig: { tn: '13035550111' },
    origid: 'x',
  });
  const call = { trunks: [trunk], forwarding: fromTrunk, headers: [`Identity: ${shaken}`] };
  const identities = (route: RouteDraft | RouteRefusal) =>
    route.kind === 'draft' ? route.draft.headers.filter(([name]) => name === 'Identity').map(([, value]) => value) : [];

  test('the received Identity stays as it is, and div says where the call was sent on', () => {
    const { route, told } = sign(call);
    expect(identities(route)).toEqual([shaken]);
    expect(route).toMatchObject({
      signing: {
        attestation: undefined,
        passport: {
          ppt: 'div',
          claims: { dest: { tn: ['12125551234'] }, div: { tn: '14155550101' }, orig: { tn: '13035550111' } },
        },
      },
    });
    expect(told).toContain('the call to 14155550101 was sent on to 12125551234');
  });

  test('a chain of five: div begins where the last one ended, in whatever order they stand', () => {
    const at = (index: number) => `1415555020${index}`;
    const divs = [1, 2, 3, 4].map((index) =>
      received(
        {
          dest: { tn: [at(index)] },
          div: { tn: index === 1 ? '14155550101' : at(index - 1) },
          iat: 1,
          orig: { tn: '13035550111' },
        },
        'div',
      ),
    );
    const headers = [divs[2], divs[0], shaken, divs[3], divs[1]].map((value) => `Identity: ${value}`);
    const { route } = sign({ ...call, headers });
    expect(identities(route)).toHaveLength(5);
    expect(route).toMatchObject({ signing: { passport: { claims: { div: { tn: at(4) } } } } });
  });

  test('§5: a div-o, which holds what came before it, stays as it is, and gets div beside it', () => {
    const [opt] = shaken.split(';');
    const parties = { iat: 1, orig: { tn: '13035550111' } };
    const around = received({ ...parties, dest: { tn: ['14155550201'] }, div: { tn: '14155550101' }, opt }, 'div-o');
    const { route } = sign({ ...call, headers: [`Identity: ${around}`] });
    expect(identities(route)).toEqual([around]);
    expect(route).toMatchObject({
      signing: { passport: { ppt: 'div', claims: { dest: { tn: ['12125551234'] }, div: { tn: '14155550201' } } } },
    });
  });

  test('no div when the canonical destination is the same', () => {
    const same = received({
      attest: 'A',
      dest: { tn: ['+1 (212) 555-1234'] },
      iat: 1,
      orig: { tn: '13035550111' },
      origid: 'x',
    });
    const { route, told } = sign({ ...call, headers: [`Identity: ${same}`] });
    expect(identities(route)).toEqual([same]);
    expect(route).toMatchObject({ kind: 'draft', signing: undefined });
    expect(told).toContain('no div');
  });

  test('a trunk that does not sign passes Identity on, and adds nothing', () => {
    const { stirShaken: _, ...options } = trunk.options ?? {};
    const { route } = sign({ ...call, trunks: [{ ...trunk, options }] });
    expect(identities(route)).toEqual([shaken]);
    expect(route).toMatchObject({ kind: 'draft', signing: undefined });
  });

  test('Identity that speaks of another number than the INVITE shows stays here: it would show a hidden number, and verify nowhere', () => {
    const replaced = sign({ ...call, trunks: [trunkWith({ options: { stirShaken: true }, tenants: trunk.tenants })] });
    expect(identities(replaced.route)).toEqual([]);
    expect(replaced.route).toMatchObject({
      signing: { attestation: 'C', passport: { claims: { orig: { tn: '14155550100' } } } },
    });
    expect(replaced.told).toContain('Identity not passed on');
    const anonymous = sign({
      ...call,
      forwarding: { ...fromTrunk, originator: { number: '13035550111', displayName: '', anonymous: true } },
    });
    expect(identities(anonymous.route)).toEqual([]);
  });

  test("Identity of a phone's own is never passed on", () => {
    expect(identities(sign({ trunks: call.trunks, headers: call.headers }).route)).toEqual([]);
  });

  test.each([
    ['no token', 'Identity: nothing'],
    ['claims that are no JSON', 'Identity: e30.bm90IGpzb24.AA;info=<https://a.example/a>'],
    ['no numbers', `Identity: ${received({ orig: { uri: 'sip:a@b' }, dest: { uri: ['sip:c@d'] } })}`],
    ['64 KB', `Identity: ${received({ orig: { tn: '13035550111' }, dest: { tn: ['1'] }, more: 'x'.repeat(65_536) })}`],
    ['null', `Identity: ${Buffer.from('{}').toString('base64url')}.${Buffer.from('null').toString('base64url')}.AA`],
  ])('Identity that says nothing readable counts as none: %s', (_name, header) => {
    const { route } = sign({ ...call, headers: [header] });
    expect(identities(route)).toEqual([]);
    expect(route).toMatchObject({
      signing: { attestation: 'C', passport: { claims: { orig: { tn: '13035550111' } } } },
    });
  });

  test('the certificate of div speaks for the number that was called, not for the caller', () => {
    const leaf = sharedAuthority().leaf([{ start: '14155550100', count: 100 }], LONG);
    expect(sign({ ...call, certificates: [signer('pool', { owner: 'acme' }, leaf)] }).route).toMatchObject({
      signing: { passport: { ppt: 'div', certificate: { name: 'pool' } } },
    });
    const other = sharedAuthority().leaf([{ one: '13035550111' }], LONG);
    expect(sign({ ...call, certificates: [signer('caller', { owner: 'acme' }, other)] }).route).toMatchObject({
      code: 'unsignable',
    });
  });
});
