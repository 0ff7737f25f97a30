import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { peerCommand } from '../peers.ts';
import { stirWorld } from './authority.ts';

test('certificates of the test authority are well-formed X.509 to Node and to OpenSSL, TNAuthList included', () => {
  const world = stirWorld();
  const leaf = world.leaf([{ spc: '1234' }, { start: '14155550100', count: 100 }, { one: '911' }], {
    hosts: ['localhost', '127.0.0.1'],
  });
  const [root, intermediate, end] = [world.root, world.intermediate, leaf].map(({ der }) => new X509Certificate(der));
  expect(end?.checkIssued(intermediate as X509Certificate)).toBe(true);
  expect(end?.verify((intermediate as X509Certificate).publicKey)).toBe(true);
  expect(intermediate?.verify((root as X509Certificate).publicKey)).toBe(true);
  expect([root?.ca, intermediate?.ca, end?.ca]).toEqual([true, true, false]);
  expect(end?.subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1');

  const text = execFileSync(peerCommand('openssl'), ['x509', '-noout', '-text'], {
    input: leaf.pem,
    encoding: 'latin1',
  });
  expect(text).toContain('1.3.6.1.5.5.7.1.26');
  expect(leaf.chainPem.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);

  const list = execFileSync(peerCommand('openssl'), ['crl', '-noout', '-text'], {
    input: world.intermediate.revocationList([leaf]),
    encoding: 'latin1',
  });
  expect(list).toContain(leaf.serial.toString('hex').toUpperCase());
});
