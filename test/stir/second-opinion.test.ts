import { generateKeyPairSync, type KeyObject, randomUUID, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { compactVerify, decodeProtectedHeader, importSPKI } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { signerOf } from '../../src/stir/chain.ts';
import type { PassportType } from '../../src/stir/passport.ts';
import { certificatesIn } from '../../src/stir/trust.ts';
import { type Verdict, Verifier } from '../../src/stir/verify.ts';
import { stirWorld } from '../kit/stir/authority.ts';
import { signPassport, signToken } from '../kit/stir/token.ts';

const X5U = 'https://certs.example/leaf.pem';
const NOW_SECONDS = 1_790_000_000;
const validity = { notBefore: new Date(0), notAfter: new Date('2099-01-01') };
const world = stirWorld(validity);
const leaf = world.leaf([{ spc: '1234' }], validity);
const trust = { anchors: [new X509Certificate(world.root.pem)], revocationLists: [] };
const signer = signerOf(certificatesIn(Buffer.from(leaf.chainPem)), trust);
const verifier = new Verifier({
  wallMs: () => NOW_SECONDS * 1000,
  repository: { signer: () => (typeof signer === 'string' ? { status: 437, reason: signer } : signer) },
  icons: { fault: () => undefined },
  timeoutMs: () => 2000,
});
const PARTIES = { dest: { tn: ['12155550131'] }, iat: NOW_SECONDS, orig: { tn: '14155550100' } };

let key: Awaited<ReturnType<typeof importSPKI>>;

beforeAll(async () => {
  key = await importSPKI(leaf.publicKey.export({ type: 'spki', format: 'pem' }) as string, 'ES256');
});

/** What jose says of a token with the key of the certificate and the one algorithm: its claims, or undefined. */
async function jose(token: string): Promise<unknown> {
  try {
    const { payload } = await compactVerify(token, key, { algorithms: ['ES256'] });
    return JSON.parse(Buffer.from(payload).toString('utf8'));
  } catch {
    return undefined;
  }
}

/** What this engine says of a call with this token that is for its caller and its called number. */
function ours(token: string, ppt = 'shaken'): Verdict {
  return verifier.verify({
    tenant: 'acme',
    identities: [`${token};info=<${X5U}>;ppt=${ppt}`],
    callers: [PARTIES.orig.tn],
    called: PARTIES.dest.tn,
    compact: { iatSeconds: undefined, claims: () => '' },
  }) as Verdict;
}

const text = fc.string({ unit: 'grapheme', maxLength: 30 });
const shaken = fc.record({ attest: fc.constantFrom('A', 'B', 'C'), origid: fc.uuid() });
const rich = fc.record(
  {
    rcd: fc.record({ nam: text, icn: fc.constant('https://img.example/a.png') }, { requiredKeys: ['nam'] }),
    crn: text,
  },
  { requiredKeys: ['rcd'] },
);
/** Tokens as this engine makes them, of every kind. */
const made = fc.oneof(
  shaken.map((claims) => ['shaken', claims] as const),
  fc.tuple(shaken, rich).map(([claims, more]) => ['shaken', { ...claims, ...more }] as const),
  rich.map((claims) => ['rcd', claims] as const),
);
const sign = (ppt: PassportType, claims: object, by: KeyObject = leaf.privateKey) =>
  signPassport({ alg: 'ES256', ppt, typ: 'passport', x5u: X5U }, { ...PARTIES, ...claims }, by);

test('jose takes every token that is made here, and reads in it what was said', async () => {
  await fc.assert(
    fc.asyncProperty(made, async ([ppt, claims]) => {
      const token = sign(ppt, claims);
      expect(decodeProtectedHeader(token)).toEqual({ alg: 'ES256', ppt, typ: 'passport', x5u: X5U });
      expect(await jose(token)).toEqual(JSON.parse(JSON.stringify({ ...PARTIES, ...claims })));
      expect(ours(token, ppt).result).toBe('passed');
    }),
    { numRuns: 200 },
  );
});

/** What is done to a token: a place in one of its parts, and what happens there. */
const mutation = fc.oneof(
  fc.record({
    kind: fc.constantFrom('replace', 'insert', 'delete'),
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    letter: fc.constantFrom(...'AQgwz09-_+/=. \\u0000é'),
  }),
  fc.record({
    kind: fc.constantFrom('swap', 'truncate', 'double', 'otherKey', 'otherCurve', 'hs256', 'none', 'der'),
    at: fc.constant(0),
    letter: fc.constant(''),
  }),
);
const { privateKey: other } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const { privateKey: p384 } = generateKeyPairSync('ec', { namedCurve: 'P-384' });

function mutated(
  token: string,
  { kind, at, letter }: { kind: string; at: number; letter: string },
  claims: object,
): string {
  const [header = '', body = '', signature = ''] = token.split('.');
  const place = Math.floor(at * token.length);
  const full = { ...PARTIES, ...claims };
  const head = { alg: 'ES256', ppt: 'shaken', typ: 'passport', x5u: X5U };
  switch (kind) {
    case 'replace':
      return token.slice(0, place) + letter + token.slice(place + 1);
    case 'insert':
      return token.slice(0, place) + letter + token.slice(place);
    case 'delete':
      return token.slice(0, place) + token.slice(place + 1);
    case 'swap':
      return [body, header, signature].join('.');
    case 'truncate':
      return [header, body, signature.slice(0, 43)].join('.');
    case 'double':
      return [header, body, signature + signature].join('.');
    case 'otherKey':
      return sign('shaken', claims, other);
    case 'otherCurve':
      return signToken(head, full, p384);
    case 'hs256':
      return signToken(
        { ...head, alg: 'HS256' },
        full,
        leaf.publicKey.export({ type: 'spki', format: 'pem' }) as string,
      );
    case 'none':
      return `${Buffer.from(JSON.stringify({ ...head, alg: 'none' })).toString('base64url')}.${body}.${signature}`;
    default: {
      // r and s in DER, as OpenSSL writes them.
      const raw = Buffer.from(signature, 'base64url');
      const der = Buffer.concat([Buffer.of(0x30, 68, 2, 32), raw.subarray(0, 32), Buffer.of(2, 32), raw.subarray(32)]);
      return [header, body, der.toString('base64url')].join('.');
    }
  }
}

test('of any token, whole or damaged: what passes here jose takes, with the same claims; what jose refuses is refused here', async () => {
  let [taken, refused] = [0, 0];
  await fc.assert(
    fc.asyncProperty(shaken, fc.option(mutation, { nil: undefined }), async (claims, damage) => {
      const whole = sign('shaken', claims);
      const token = damage === undefined ? whole : mutated(whole, damage, claims);
      // White space around it belongs to the field.
      const opinion = await jose(token.trim());
      const verdict = ours(token);
      if (verdict.result === 'passed') {
        taken++;
        expect(opinion).toEqual({ ...PARTIES, ...claims });
        expect(verdict).toMatchObject({ attestation: claims.attest, origId: claims.origid });
      }
      if (opinion === undefined) {
        refused++;
        expect(verdict).toMatchObject({
          result: 'failed',
          failure: { status: expect.toSatisfy((code) => code === 438 || code === 436) },
        });
      }
    }),
    { numRuns: 1000 },
  );
  // Both ways were gone.
  expect(Math.min(taken, refused)).toBeGreaterThan(50);
});

describe('what jose takes and this engine does not is refused for what RFC 8225 asks beyond JWS', () => {
  test.each<[string, object, object, string]>([
    ['another typ', { typ: 'JWT' }, {}, 'has typ "JWT"'],
    ['no x5u', { x5u: undefined }, {}, 'has no x5u'],
    ['a critical header', { crit: ['b64'], b64: true }, {}, 'has a crit header'],
    ['no orig', {}, { orig: undefined }, 'orig is not'],
    ['iat as text', {}, { iat: String(NOW_SECONDS) }, 'iat is not'],
    ['an old token', {}, { iat: NOW_SECONDS - 3600 }, 'was signed 3600 s ago'],
  ])('%s', async (_name, header, claims, reason) => {
    const head = { alg: 'ES256', ppt: 'shaken', typ: 'passport', x5u: X5U, ...header };
    const token = signToken(head, { ...PARTIES, attest: 'A', origid: randomUUID(), ...claims }, leaf.privateKey);
    expect(await jose(token)).toBeDefined();
    expect(ours(token)).toMatchObject({ result: 'failed', failure: { reason: expect.stringContaining(reason) } });
  });
});
