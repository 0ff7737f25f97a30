import { X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { isAuthorityFor, type Signer, signerOf } from '../../src/stir/chain.ts';
import { readRevocationLists } from '../../src/stir/crl.ts';
import { certificatesIn, type Trust } from '../../src/stir/trust.ts';
import { StirCertificate, stirWorld } from '../kit/stir/authority.ts';

const world = stirWorld();
const trust: Trust = { anchors: [new X509Certificate(world.root.pem)], revocationLists: [] };
const NUMBERS = [{ start: '14155550100', count: 100 }];
const read = (pem: string) => certificatesIn(Buffer.from(pem));
const judge = (certificate: StirCertificate, whom = trust) =>
  signerOf(read(certificate.chainPem || certificate.pem), whom);

test('RFC 8226: a certificate that leads to an anchor is a signer, with its key, name, dates and numbers', () => {
  const leaf = world.leaf(NUMBERS, { commonName: 'SHAKEN 4321' });
  const signer = judge(leaf) as Signer;
  expect(signer).toMatchObject({ name: 'CN=SHAKEN 4321', anchor: 'CN=STIR test root' });
  expect(signer.key.equals(leaf.publicKey)).toBe(true);
  expect([signer.notBeforeMs < Date.now(), signer.notAfterMs > Date.now()]).toEqual([true, true]);
  expect(['14155550099', '14155550100', '14155550199', '14155550200'].map((n) => isAuthorityFor(signer, n))).toEqual([
    false,
    true,
    true,
    false,
  ]);
});

test('the chain may come in any order and with the anchor in it; the leaf comes first', () => {
  const leaf = world.leaf(NUMBERS);
  const { root, intermediate } = world;
  for (const chain of [
    [leaf, root, intermediate],
    [leaf, intermediate, root],
    [leaf, intermediate],
  ]) {
    expect(signerOf(read(chain.map(({ pem }) => pem).join('')), trust)).toHaveProperty('key');
  }
  expect(signerOf(read(leaf.pem), trust)).toContain('leads to none of the trust anchors');
});

test('the dates that count are the narrowest of the chain', () => {
  const notAfter = new Date(Date.now() + 1_000_000);
  const intermediate = world.root.issue({ commonName: 'short', ca: true, notAfter });
  const signer = judge(intermediate.issue({ tnAuthList: NUMBERS })) as Signer;
  expect(Math.abs(signer.notAfterMs - notAfter.getTime())).toBeLessThan(1000);
});

describe('refused, and says why', () => {
  const other = stirWorld();
  const noAuthority = world.root.issue({ commonName: 'no authority', ca: false });
  const noDepth = world.root.issue({ commonName: 'no depth', ca: true, pathLength: 0 });
  const below = noDepth.issue({ commonName: 'below', ca: true });
  let deep = world.intermediate;
  for (let depth = 0; depth < 20; depth++) deep = deep.issue({ commonName: `deep ${depth}`, ca: true });
  const critical = [{ oid: '1.2.3.4', der: Buffer.from([5, 0]), critical: true }];
  const both = ['27', '33'].map((arc) => ({ oid: `1.3.6.1.5.5.7.1.${arc}`, der: Buffer.from([0x30, 0]) }));

  test.each([
    ['an authority that nobody trusts', other.leaf(NUMBERS), 'leads to none'],
    ['a certificate that signed itself', StirCertificate.root({ ca: false, tnAuthList: NUMBERS }), 'leads to none'],
    ['P-384', world.leaf(NUMBERS, { curve: 'P-384' }), 'not one of P-256'],
    ['no TNAuthList', world.intermediate.issue({}), 'has no TNAuthList'],
    ['a TNAuthList that is none', world.leaf(NUMBERS, { tnAuthList: Buffer.from([0x30, 0]) }), 'has no entries'],
    ['a leaf that issues', noAuthority.issue({ tnAuthList: NUMBERS }), 'leads to none'],
    ['an authority below one that allows none', below.issue({ tnAuthList: NUMBERS }), 'pathLenConstraint'],
    ['twenty authorities', deep.issue({ tnAuthList: NUMBERS }), 'leads to none'],
    ['an unknown critical extension', world.leaf(NUMBERS, { extensions: critical }), 'critical extension 1.2.3.4'],
    ['claim constraints of both kinds (RFC 9118 §6)', world.leaf(NUMBERS, { extensions: both }), 'both kinds'],
    ['an authority for a signer', world.leaf(NUMBERS, { ca: true }), 'may not sign (keyUsage)'],
  ])('%s', (_name, certificate, why) => {
    expect(judge(certificate)).toContain(why);
  });

  test('a certificate whose issuer only has the right name', () => {
    const forged = other.root.issue({ commonName: 'STIR test intermediate', ca: true });
    const leaf = forged.issue({ tnAuthList: NUMBERS });
    expect(signerOf(read(leaf.pem + world.intermediate.pem), trust)).toContain('leads to none');
  });

  test('nothing at all', () => {
    expect(signerOf([], trust)).toBe('there is no certificate');
  });
});

describe('RFC 5280 §5: revocation', () => {
  const leaf = world.leaf(NUMBERS);
  const lists = (pem: string): Trust => ({ ...trust, revocationLists: readRevocationLists(Buffer.from(pem)) });

  test('a revoked leaf, and a revoked authority above it', () => {
    expect(judge(leaf, lists(world.intermediate.revocationList([leaf])))).toContain('is revoked');
    expect(judge(leaf, lists(world.root.revocationList([world.intermediate])))).toContain('is revoked');
  });

  test('lists of others, and empty ones, revoke nothing', () => {
    const other = stirWorld();
    expect(judge(leaf, lists(world.root.revocationList([leaf])))).toHaveProperty('key');
    expect(judge(leaf, lists(other.intermediate.revocationList([other.leaf(NUMBERS)])))).toHaveProperty('key');
    expect(judge(leaf, lists(world.intermediate.revocationList([])))).toHaveProperty('key');
  });
});

describe('RFC 9060: delegation', () => {
  test('no certificate speaks for a number that one above it leaves out', () => {
    const block = world.root.issue({ commonName: 'block', ca: true, tnAuthList: NUMBERS });
    const wider = judge(block.issue({ tnAuthList: [{ start: '14155550000', count: 1000 }] })) as Signer;
    expect(['14155550150', '14155550200'].map((n) => isAuthorityFor(wider, n))).toEqual([true, false]);
    const code = judge(block.issue({ tnAuthList: [{ spc: '1234' }] })) as Signer;
    expect(['14155550150', '14155550200'].map((n) => isAuthorityFor(code, n))).toEqual([true, false]);
  });

  test('a provider’s code names numbers that no list has', () => {
    const provider = world.root.issue({ commonName: 'provider', ca: true, tnAuthList: [{ spc: '1234' }] });
    const customer = judge(provider.issue({ tnAuthList: [{ one: '14155550150' }] })) as Signer;
    expect(['14155550150', '14155550151'].map((n) => isAuthorityFor(customer, n))).toEqual([true, false]);
    expect(isAuthorityFor(judge(provider.issue({ tnAuthList: [{ spc: '1234' }] })) as Signer, '442071234567')).toBe(
      true,
    );
  });
});
