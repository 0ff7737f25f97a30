import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { readRevocationLists, revocationKey, subjectOf } from '../../src/stir/crl.ts';
import { peerCommand } from '../kit/peers.ts';
import { stirWorld } from '../kit/stir/authority.ts';

const world = stirWorld();
const [first, second] = [world.leaf([{ one: '911' }]), world.leaf([{ one: '911' }])];
const pem = world.intermediate.revocationList([first]);
const x509 = (certificate: { readonly pem: string }) => new X509Certificate(certificate.pem);

test('RFC 5280 §5.1: a list names certificates by issuer and serial number, and who signed it', () => {
  const [list] = readRevocationLists(Buffer.from(pem));
  expect(list?.issuer).toBe(subjectOf(x509(world.intermediate)));
  expect([first, second].map((each) => list?.revoked.has(revocationKey(x509(each))))).toEqual([true, false]);
  expect(list?.isSignedBy(world.intermediate.publicKey)).toBe(true);
  expect(list?.isSignedBy(world.root.publicKey)).toBe(false);
  expect(list?.nextUpdateMs).toBeGreaterThan(Date.now());
});

test('several lists in one file, and one in DER', () => {
  const both = pem + world.root.revocationList([]);
  expect(readRevocationLists(Buffer.from(both)).map(({ revoked }) => revoked.size)).toEqual([1, 0]);
  const der = execFileSync(peerCommand('openssl'), ['crl', '-outform', 'DER'], { input: pem });
  expect(readRevocationLists(der).map(({ revoked }) => revoked.size)).toEqual([1]);
});

test.each([
  ['text', 'hello'],
  ['a certificate', world.root.pem],
  ['DER of something else', Buffer.from([0x30, 0x03, 0x02, 0x01, 0x05])],
  ['DER that is cut', Buffer.from([0x30, 0x82, 0x05, 0x00, 0x30])],
])('refused: %s', (_name, octets) => {
  expect(() => readRevocationLists(Buffer.from(octets as string))).toThrow(
    /holds no|is no certificate revocation list/,
  );
});
