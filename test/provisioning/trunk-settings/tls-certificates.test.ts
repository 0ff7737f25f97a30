import { afterAll, expect, test } from 'vitest';
import { certificateSchema } from '../../../src/provisioning/trunk-settings/certificate-schema.ts';
import { checkCertificate } from '../../../src/provisioning/trunk-settings/certificates.ts';
import { namesHost, namesIn, tlsCertificate } from '../../../src/provisioning/trunk-settings/tls-certificates.ts';
import { TestAuthority } from '../../kit/certificates.ts';

const authority = new TestAuthority();
afterAll(() => authority.remove());
const pair = authority.issue({ commonName: 'cn.example', alternativeNames: ['DNS:sbc.example', 'DNS:*.wild.example'] });
const settings = (changes: object = {}) =>
  certificateSchema.parse({ name: 'sbc', owner: 'acme', use: 'tls', chain: pair.cert, key: pair.key, ...changes });
const faults = (changes: object) =>
  checkCertificate(settings(changes)).map(({ path, message }) => `${path} ${message}`);

test('chain and key for servers are taken, with the issuers behind or without', () => {
  expect(faults({})).toEqual([]);
  expect(faults({ chain: pair.cert + authority.certificate })).toEqual([]);
  const { notAfterMs, leaf, name } = tlsCertificate(settings());
  expect([name, notAfterMs > Date.now(), namesIn(leaf)]).toEqual([
    'sbc',
    true,
    ['sbc.example', '*.wild.example', 'cn.example'],
  ]);
});

test.each([
  [{ key: undefined }, 'key is missing'],
  [{ key: authority.issue({ commonName: 'x' }).key }, 'key is not the key of the certificate'],
  [{ key: 'nothing' }, 'key holds no PEM private key'],
  [{ key: '-----BEGIN ENCRYPTED PRIVATE KEY-----' }, 'key is encrypted'],
  [{ chain: 'nothing' }, 'chain holds no PEM certificate'],
  [{ chain: authority.certificate + pair.cert }, 'chain is out of order'],
  [{ chain: authority.certificate }, 'chain begins with the certificate of an authority'],
  [
    { chain: authority.issue({ commonName: 'x', extendedKeyUsage: 'clientAuth' }).cert },
    'chain is not meant for TLS servers',
  ],
  [{ numbers: '1-2' }, 'numbers is for certificates that sign calls'],
  [{ x5u: 'https://certs.example.com/a.pem' }, 'x5u is for certificates that sign calls'],
])('%#: what is wrong is told', (changes, message) => {
  expect(faults(changes)).toContainEqual(expect.stringContaining(message));
});

test('a name is had by subjectAltName or CN, whole, a wildcard for one label', () => {
  const { leaf } = tlsCertificate(settings());
  const names = [
    'sbc.example',
    'SBC.example',
    'cn.example',
    'a.wild.example',
    'a.b.wild.example',
    'wild.example',
    'x.sbc.example',
  ];
  expect(names.map((name) => namesHost(leaf, name))).toEqual([true, true, true, true, false, false, false]);
});

test('one that signs calls needs its x5u', () => {
  expect(faults({ use: 'stir' })).toContainEqual(expect.stringContaining('x5u is missing'));
});
