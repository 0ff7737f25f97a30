import { type AddressInfo, connect } from 'node:net';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { TestAuthority } from '../kit/certificates.ts';
import { startChild } from '../kit/child.ts';
import { peerCommand } from '../kit/peers.ts';
import { ask, startTestApi, type TestApi } from './kit.ts';

const authority = new TestAuthority();
afterAll(() => authority.remove());
let world: TestApi;
afterEach(() => world.close());

const PAGE = '/api/v1/tenants';
const under = (host: string, url = PAGE) => ask(world, world.tokens.system, 'GET', url, undefined, { host });

describe('Host (DNS rebinding)', () => {
  test.each([
    'localhost',
    'localhost:8080',
    'LocalHost',
    'tandem.localhost',
    '127.0.0.1:8080',
    '[::1]:8080',
    '192.0.2.7',
    'sip.example.com:8080',
    'SIP.example.com.',
  ])('%s is served: an address, this machine, or a name of api.hosts', async (host) => {
    world = await startTestApi({ hosts: ['sip.example.com'] });
    expect((await under(host)).status).toBe(200);
  });

  test.each([
    'evil.example.net',
    'evil.example.net:8080',
    'localhost.evil.example.net',
    'sip.example.com.evil.example.net',
    '127.0.0.1.evil.example.net',
    '[::1',
  ])('%j is refused with 421, the reference and the metrics too', async (host) => {
    world = await startTestApi({ hosts: ['sip.example.com'] });
    for (const url of [PAGE, '/', '/docs/', '/openapi.json', '/metrics', '/nothing']) {
      const { status, body } = await under(host, url);
      expect([url, status, body.code]).toEqual([url, 421, 'host-unknown']);
    }
  });

  test('probes ask by any name', async () => {
    world = await startTestApi();
    for (const url of ['/healthz', '/readyz']) expect((await under('engine-1:8080', url)).status).toBe(200);
  });
});

describe('every answer', () => {
  test('shows in no frame and loads nothing, refusals too; over plain HTTP nothing asks for HTTPS', async () => {
    world = await startTestApi({ docs: true });
    for (const url of [PAGE, '/', '/healthz', '/metrics', '/nothing']) {
      const { headers } = await under('localhost', url);
      expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
      expect(headers['content-security-policy']).toContain("default-src 'none'");
      expect(headers['strict-transport-security']).toBeUndefined();
    }
  });

  test('that went over TLS to a trusted proxy says the same; who is no such proxy cannot have it said', async () => {
    world = await startTestApi({ limits: { trustedProxies: ['127.0.0.1'] } });
    const { app } = world.api;
    const by = (proto: string, remoteAddress = '127.0.0.1') =>
      app.inject({ url: '/console', headers: { host: 'localhost', 'x-forwarded-proto': proto }, remoteAddress });
    expect((await by('https')).headers['strict-transport-security']).toBe('max-age=31536000');
    expect((await by('http')).headers['strict-transport-security']).toBeUndefined();
    expect((await by('https', '192.0.2.1')).headers['strict-transport-security']).toBeUndefined();
  });

  test('over TLS says that HTTPS is to be used from now on (RFC 6797); a renewed certificate is served at once', async () => {
    const pair = () => {
      const { cert, key } = authority.issue({ commonName: 'localhost', alternativeNames: ['IP:127.0.0.1'] });
      return { certificate: Buffer.from(cert), key: Buffer.from(key) };
    };
    world = await startTestApi({ tls: pair() });
    expect((await under('localhost')).headers['strict-transport-security']).toBe('max-age=31536000');
    world.api.renewCertificate(pair());
    expect(() => world.api.renewCertificate({ ...pair(), key: pair().key })).toThrow();
  });

  test.each([false, true])(
    'over TLS 1.2 is not negotiated again, whoever asks (certificate renewed: %s)',
    async (isRenewed) => {
      const { cert, key } = authority.issue({ commonName: 'localhost', alternativeNames: ['IP:127.0.0.1'] });
      const tls = { certificate: Buffer.from(cert), key: Buffer.from(key) };
      world = await startTestApi({ tls });
      if (isRenewed) world.api.renewCertificate(tls);
      await world.api.listen('127.0.0.1', 0);
      const { port } = world.app.server.address() as AddressInfo;
      const arguments_ = ['s_client', '-connect', `127.0.0.1:${port}`, '-tls1_2', '-legacy_renegotiation'];
      const client = startChild(peerCommand('openssl'), arguments_);
      try {
        await client.waitFor(/Verify return code.*---/s);
        client.write('R\n');
        await client.waitFor(/no renegotiation/);
      } finally {
        await client.stop();
      }
    },
  );
});

test('a request that does not arrive is closed within api.requestTimeoutMs, one octet or none', async () => {
  world = await startTestApi({ limits: { requestTimeoutMs: 200 } });
  await world.api.listen('127.0.0.1', 0);
  const { port } = world.app.server.address() as AddressInfo;
  const ends = ['', 'G', 'GET / HTTP/1.1\r\nHost: localhost\r\nX: '].map(async (octets) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.write(octets);
    const began = performance.now();
    await new Promise((resolve) => socket.resume().once('close', resolve));
    return performance.now() - began;
  });
  for (const took of await Promise.all(ends)) expect(took).toBeLessThan(5_000);
}, 10_000);
