import { execFileSync } from 'node:child_process';
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { readSigningChain, readSigningKey, x5uFault } from '../../src/stir/certificate.ts';
import { peerCommand } from '../kit/peers.ts';
import { StirCertificate, stirWorld } from '../kit/stir/authority.ts';

const world = stirWorld();
const leaf = world.leaf([{ spc: '1234' }, { start: '14155550100', count: 100 }]);

test('RFC 8226: leaf, issuers, validity and TNAuthList are read', () => {
  const chain = readSigningChain(leaf.chainPem);
  expect(chain.tnAuthList).toEqual({ spcs: ['1234'], ranges: [{ first: '14155550100', last: '14155550199' }] });
  expect(chain.notAfterMs).toBe(new X509Certificate(leaf.der).validToDate.getTime());
  expect(readSigningKey(leaf.keyPem, chain.leaf).equals(leaf.privateKey)).toBe(true);
  // With the root behind it, other text around the blocks, and CRLF.
  expect(readSigningChain(`subject=x\n${leaf.chainPem}${world.root.pem}`.replaceAll('\n', '\r\n')).leaf.raw).toEqual(
    leaf.der,
  );
});

test('a key in SEC 1 form (openssl ecparam) is read too', () => {
  const sec1 = leaf.privateKey.export({ type: 'sec1', format: 'pem' }) as string;
  expect(readSigningKey(sec1, new X509Certificate(leaf.der)).equals(leaf.privateKey)).toBe(true);
});

describe('what cannot sign is refused, with what is wrong and how to mend it', () => {
  const p384 = world.intermediate.issue({ curve: 'P-384', tnAuthList: [{ spc: '1' }] });
  let deep: StirCertificate = world.root;
  for (let depth = 0; depth < 50; depth++) deep = deep.issue({ ca: true, commonName: `authority ${depth}` });
  const other = StirCertificate.root();

  test.each([
    ['', 'holds no PEM certificate'],
    ['not PEM', 'holds no PEM certificate'],
    [leaf.der.toString('latin1'), 'holds no PEM certificate'],
    [leaf.keyPem, 'holds no PEM certificate'],
    ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', 'certificate 1 of it is damaged'],
    [p384.chainPem, 'has a key of kind secp384r1: ES256 needs one on P-256'],
    [deep.issue({ tnAuthList: [{ spc: '1' }] }).chainPem, 'holds 51 certificates: at most 10 make a chain'],
    [world.intermediate.pem + leaf.pem, 'is out of order: certificate 1 was not issued by certificate 2'],
    [leaf.pem + other.pem, 'is out of order: certificate 1 was not issued by certificate 2'],
    [world.intermediate.chainPem, 'begins with the certificate of an authority'],
    [world.intermediate.issue({}).chainPem, 'has no TNAuthList (RFC 8226)'],
    [
      world.intermediate.issue({ tnAuthList: Buffer.from('3000', 'hex') }).chainPem,
      'has a TNAuthList that has no entries',
    ],
  ])('chain %#', (pem, message) => expect(() => readSigningChain(pem)).toThrow(message));

  test.each([
    ['', 'holds no PEM private key'],
    [leaf.pem, 'holds no PEM private key'],
    ['-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n', 'cannot be read: it is damaged'],
    [world.intermediate.keyPem, 'is not the key of the certificate'],
    [p384.keyPem, 'is of kind secp384r1: ES256 needs one on P-256'],
    [
      generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
      'is of kind ed25519',
    ],
    [
      createPrivateKey(leaf.keyPem).export({
        type: 'pkcs8',
        format: 'pem',
        cipher: 'aes-256-cbc',
        passphrase: 'x',
      }) as string,
      'is encrypted: decrypt it first',
    ],
    [
      execFileSync(peerCommand('openssl'), ['ec', '-aes128', '-passout', 'pass:abcd'], {
        input: leaf.keyPem,
        encoding: 'latin1',
        stdio: 'pipe',
      }),
      'is encrypted: decrypt it first',
    ],
  ])('key %#', (pem, message) => {
    expect(() => readSigningKey(pem, new X509Certificate(leaf.der))).toThrow(message);
  });
});

test.each([
  ['https://certs.example.com/a.pem', undefined],
  ['https://certs.example.com:8443/a.pem', undefined],
  ['https://certs.example.com:444/a.pem', 'has port 444'],
  ['http://certs.example.com/a.pem', 'not with https:'],
  ['file:///etc/passwd', 'not with https:'],
  ['https://u:p@certs.example.com/a.pem', 'has userinfo'],
  ['https://certs.example.com/a.pem?x=1', 'has a query'],
  ['https://certs.example.com/a.pem#x', 'has a fragment'],
  ['https://certs.example.com/a;b', 'has a comma or a semicolon'],
  ['HTTPS://certs.example.com/a', 'is written otherwise'],
  ['certs.example.com/a.pem', 'is no URL'],
  ['', 'is no URL'],
  ['https://certs.example.com/a\r\nX: y', 'characters that a URL has not'],
])('x5u %j', (url, fault) => {
  if (fault === undefined) expect(x5uFault(url)).toBeUndefined();
  else expect(x5uFault(url)).toContain(fault);
});
