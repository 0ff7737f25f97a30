import { describe, expect, test } from 'vitest';
import { draftForRoute, planOutbound } from '../../src/outbound/index.ts';
import { RecordingTrace } from '../../src/outbound/trace.ts';
import { claimConstraintsDer } from '../kit/stir/authority.ts';
import { ANY_NUMBER, LONG, sharedAuthority, signer } from '../kit/stir/signed.ts';
import { type CallOptions, factsOf, tenantWith, trunkWith } from './world.ts';

const ICON = 'https://img.acme.example/logo.png';
const DIGEST = `sha256-${Buffer.alloc(32, 7).toString('base64')}`;
const OTHER = `sha256-${Buffer.alloc(32, 8).toString('base64')}`;
const brand = { name: 'Acme Ltd', icon: ICON, iconDigest: DIGEST };
const tenants = [{ tenant: 'acme', didPool: '14155550100-14155550199' }];
const trunk = (mode: 'off' | 'rcd' | 'shaken') =>
  trunkWith({ options: { stirShaken: true, stirRichCallData: mode }, tenants });
const tenant = tenantWith({ outboundCallerId: '14155550100', richCallData: brand });
const own = signer('acme-stir', { owner: 'acme' });
const constrained = (constraints: Parameters<typeof claimConstraintsDer>[0], commonName = 'Acme') =>
  sharedAuthority().leaf(ANY_NUMBER, {
    ...LONG,
    commonName,
    extensions: [{ oid: '1.3.6.1.5.5.7.1.27', der: claimConstraintsDer(constraints) }],
  });

function sign(options: CallOptions = {}) {
  const trace = new RecordingTrace();
  const facts = factsOf({
    tenants: [tenant],
    trunks: [trunk('rcd')],
    certificates: [own],
    dialled: '12125551234',
    ...options,
  });
  const route = draftForRoute(planOutbound(facts), 0, trace);
  if (route.kind !== 'draft') throw new Error(`refused: ${route.code}`);
  return { ...route.signing, told: trace.steps.map(({ reason }) => reason).join('\n') };
}

const claims = { rcd: { nam: 'Acme Ltd', icn: ICON }, rcdi: { '/icn': DIGEST } };

test('RFC 9795: in a token beside the one that attests, for the same parties, by the certificate of the tenant', () => {
  const { passport, rich, told } = sign();
  expect(passport).toMatchObject({ ppt: 'shaken', claims: { attest: 'B' } });
  expect(passport?.claims).not.toHaveProperty('rcd');
  expect(rich).toMatchObject({ ppt: 'rcd', certificate: { name: 'acme-stir' } });
  expect(rich?.claims).toEqual({ ...claims, dest: { tn: ['12125551234'] }, orig: { tn: '14155550100' } });
  expect(told).toContain('rcd signed with certificate acme-stir');
});

test('or inside of it, as some carriers want it; off where the trunk does not say so', () => {
  const { passport, rich } = sign({ trunks: [trunk('shaken')] });
  expect(passport?.claims).toMatchObject({ ...claims, attest: 'B' });
  expect(rich).toBeUndefined();
  expect(sign({ trunks: [trunk('off')] }).rich).toBeUndefined();
  expect(sign({ trunks: [trunk('off')] }).passport?.claims).not.toHaveProperty('rcd');
});

describe('what an extension says precedes what its tenant says, part by part', () => {
  const withOwn = (richCallData: object) =>
    sign({ tenants: [{ ...tenant, extensions: [{ number: '101', name: 'Alice', richCallData }] }] }).rich?.claims;

  test('a name of its own', () => {
    expect(withOwn({ name: 'Acme Support' })).toMatchObject({ rcd: { nam: 'Acme Support', icn: ICON } });
  });

  test('an icon of its own, with its own digest', () => {
    expect(withOwn({ icon: 'https://img.acme.example/b.png', iconDigest: OTHER })).toMatchObject({
      rcd: { nam: 'Acme Ltd', icn: 'https://img.acme.example/b.png' },
      rcdi: { '/icn': OTHER },
    });
  });

  test('without any name, the display name that the INVITE shows is signed', () => {
    const noName = tenantWith({
      outboundCallerId: '14155550100',
      richCallData: { icon: ICON, iconDigest: DIGEST },
      extensions: [{ number: '101', name: 'Zoë' }],
    });
    expect(sign({ tenants: [noName] }).rich?.claims).toMatchObject({ rcd: { nam: 'Zoë' } });
  });
});

describe('left out, with the reason, and the call is signed as ever', () => {
  test.each<[string, CallOptions, string]>([
    ['nobody has any', { tenants: [tenantWith({ outboundCallerId: '14155550100' })] }, 'has richCallData'],
    [
      'the caller is anonymous',
      {
        tenants: [{ ...tenant, extensions: [{ number: '101', anonymousCalls: true }] }],
        trunks: [
          trunkWith({
            options: { stirShaken: true, stirRichCallData: 'rcd' },
            outboundParameters: { pAssertedIdentity: { user: 'OutboundCallerId' } },
            tenants,
          }),
        ],
      },
      'the caller is anonymous',
    ],
    ["the one certificate is the system's", { certificates: [signer('all')] }, 'has no certificate of its own'],
    [
      'the certificate does not permit this name',
      {
        certificates: [
          signer('all'),
          signer('acme-brand', { owner: 'acme' }, constrained({ permittedValues: { rcd: ['{"nam":"Acme"}'] } })),
        ],
      },
      'acme-brand does not allow this value of the claim rcd',
    ],
  ])('%s', (_name, options, reason) => {
    const { passport, rich, told } = sign(options);
    expect(passport?.ppt).toBe('shaken');
    expect(rich).toBeUndefined();
    expect(told).toContain(`no rich call data: `);
    expect(told).toContain(reason);
  });
});

test('RFC 8226 §8: a certificate that must say how its caller is shown signs that token alone; the other has one of its own', () => {
  const permits = constrained({
    mustInclude: ['rcd', 'rcdi'],
    permittedValues: { rcd: [JSON.stringify(claims.rcd)], rcdi: [JSON.stringify(claims.rcdi)] },
  });
  const certificates = [signer('all'), signer('acme-brand', { owner: 'acme' }, permits)];
  const { passport, rich, told } = sign({ certificates });
  expect([passport?.certificate.name, rich?.certificate.name]).toEqual(['all', 'acme-brand']);
  expect(told).not.toContain('no rich call data');
  // Where it is the only one, what it may not sign is not signed with it.
  const trace = new RecordingTrace();
  const facts = factsOf({
    tenants: [tenant],
    trunks: [trunk('rcd')],
    certificates: certificates.slice(1),
    dialled: '12125551234',
  });
  expect(draftForRoute(planOutbound(facts), 0, trace)).toMatchObject({ kind: 'refused', code: 'unsignable' });
  expect(trace.steps.map(({ reason }) => reason).join()).toContain('acme-brand asks for the claim rcd');
  const inside = factsOf({
    tenants: [tenant],
    trunks: [trunk('shaken')],
    certificates: certificates.slice(1),
    dialled: '12125551234',
  });
  expect(draftForRoute(planOutbound(inside), 0)).toMatchObject({ kind: 'draft', signing: { passport: { claims } } });
});

test("a call that came from outside is not the tenant's to describe", () => {
  const forwarding = {
    kind: 'forward' as const,
    fromTrunk: true as const,
    originator: { number: '13035550111', displayName: '', anonymous: false },
    diversions: [{ number: '14155550101', reason: 'unconditional' as const }],
  };
  expect(sign({ forwarding }).rich).toBeUndefined();
});
