import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../../../src/cli/tandem.ts';
import { TestAuthority } from '../../kit/certificates.ts';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import { SDP } from '../outbound/phone.ts';
import { statusOf, writeMessage } from '../outbound/wire-message.ts';
import { acme } from '../world.ts';
import { type DnsServer, startDnsmasq } from './dns-server.ts';
import { NetworkParty } from './network-party.ts';

const DID = '14155550101';
const OWN = '4930555001';
/** acme's rule hangs up; globex's extension is not registered. */
const RANG_ACME = 603;
const RANG_GLOBEX = 480;
const NOBODY = 404;

describe('a tenant’s own trunk takes no call of another tenant’s', () => {
  let engine: TestEngine;
  let folder: string;
  let authority: TestAuthority;
  let carrier: NetworkParty;
  let globexToken: string;
  let trunkId = 0;
  let dns: DnsServer;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tandem-isolation-'));
    authority = new TestAuthority();
    const server = authority.issue({ commonName: 'pbx.test', alternativeNames: ['DNS:pbx.test'] });
    const file = (name: string, text: string) => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const rule = (trunk: string) => ({ name: trunk, trunk, dids: DID, destination: { hangUp: true as const } });
    const pool = { tenant: 'acme', didPool: '14155550100-14155550199' };
    dns = await startDnsmasq([
      'host-record=alias.test,192.0.2.1',
      'host-record=elsewhere.test,192.0.2.99',
      'host-record=named.test,192.0.2.77',
    ]);
    engine = await startEngine({
      provisioning: {
        tenants: [
          acme({
            outboundRules: [],
            extensions: [{ number: '101', trustedAddresses: ['198.51.100.0/28'] }],
            inboundRules: [rule('carrier'), rule('mutual')],
          }),
          { name: 'globex', domain: 'globex.test', extensions: [{ number: '201' }] },
        ],
        trunks: [
          { id: '1', name: 'carrier', type: 'ip', host: '192.0.2.1', associatedIps: ['127.0.0.8/30'], tenants: [pool] },
          {
            id: '2',
            name: 'mutual',
            type: 'ip',
            host: 'named.test',
            transport: 'tls',
            options: { mutualTls: true },
            tls: { peerNames: ['sbc.carrier.test'] },
            tenants: [pool],
          },
        ],
      },
      settings: {
        dns: { servers: [dns.address] },
        listen: [
          { transport: 'udp', host: '0.0.0.0', port: 0 },
          {
            transport: 'tls',
            host: '127.0.0.1',
            port: 0,
            certificate: file('cert.pem', server.cert),
            key: file('key.pem', server.key),
            ca: file('ca.pem', authority.certificate),
            clientCertificate: 'optional',
          },
        ],
      },
    });
    carrier = await NetworkParty.open('127.0.0.9');
    carrier.engine = { address: '127.0.0.1', port: engine.port() };
    const made = await engine.api('/api/v1/tokens', { role: 'tenant-admin', tenant: 'globex' });
    globexToken = (made as { token: string }).token;
  });
  afterAll(async () => {
    carrier.close();
    await engine.stop();
    await dns.stop();
    authority.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  async function asGlobex(method: string, path: string, body?: unknown) {
    const response = await fetch(`${engine.apiAddress}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${globexToken}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, text, body: text === '' ? {} : JSON.parse(text) };
  }

  /** What globex's admin makes: a trunk whose gateway never registers, and a rule for its number. */
  async function claim(changes: object, didPool = OWN) {
    const name = `own-${++trunkId}`;
    return asGlobex('POST', '/api/v1/trunks', {
      name,
      type: 'accept-register',
      host: `gateway-${trunkId}.globex`,
      credentials: { authName: 'gw', password: 'secret' },
      didPool,
      ...changes,
    });
  }

  async function holdClaim(changes: object) {
    const { status, body } = await claim(changes);
    expect(status).toBe(201);
    const rule = { name: 'own', trunk: body.name, dids: OWN, destination: { extension: '201' } };
    expect(await asGlobex('POST', '/api/v1/tenants/globex/inbound-rules', rule)).toMatchObject({ status: 201 });
    return {
      async release() {
        await asGlobex('DELETE', '/api/v1/tenants/globex/inbound-rules/own');
        expect(await asGlobex('DELETE', `/api/v1/trunks/${body.id}`)).toMatchObject({ status: 204 });
      },
    };
  }

  test.each(['127.0.0.9', '127.0.0.8/30', '127.0.0.0/24'])('claims %s: each keeps its numbers', async (network) => {
    const held = await holdClaim({ associatedIps: [network] });
    expect(statusOf(await carrier.call(DID))).toBe(RANG_ACME);
    expect(statusOf(await carrier.call(OWN))).toBe(RANG_GLOBEX);
    expect(statusOf(await carrier.call('4930999999'))).toBe(NOBODY);
    await held.release();
    const { items } = (await engine.api('/api/v1/call-records?number=4930999999')) as { items: { tenant?: string }[] };
    expect(items[0]).not.toHaveProperty('tenant');
    expect(statusOf(await carrier.call(DID))).toBe(RANG_ACME);
  });

  test.each([
    ['an address of the carrier', { associatedIps: ['127.0.0.9'] }],
    ['the address mapped to IPv6', { associatedIps: ['::ffff:127.0.0.9'] }],
    ['a network around it', { associatedIps: ['127.0.0.0/24'] }],
    ['its host', { type: 'register', host: '192.0.2.1' }],
    ['a name that resolves to it', { type: 'register', host: 'alias.test' }],
    [
      'a proxy that resolves to it',
      { type: 'register', host: 'elsewhere.test', outboundProxy: { host: 'alias.test' } },
    ],
    ['its host as outbound proxy', { type: 'register', host: 'x.test', outboundProxy: { host: '192.0.2.1' } }],
    [
      'the name in its certificate',
      { transport: 'tls', options: { mutualTls: true }, tls: { peerNames: ['SBC.carrier.test'] } },
    ],
  ])('%s with a number of acme’s: refused, and nobody is named', async (_, changes) => {
    const { status, text, body } = await claim(changes, `${OWN};${DID}`);
    expect([status, body.code]).toEqual([409, 'pool-overlap']);
    expect(text).not.toMatch(/acme|"carrier"|mutual/);
  });

  test('in a whole document, too; what is refused changes nothing', async () => {
    const document = (didPool: string) => ({
      trunks: [
        {
          name: 'document',
          owner: 'globex',
          type: 'accept-register',
          host: 'document.globex',
          credentials: { authName: 'gw', password: 'secret' },
          associatedIps: ['127.0.0.9'],
          didPool,
        },
      ],
    });
    expect(await asGlobex('POST', '/api/v1/provisioning', document(DID))).toMatchObject({ status: 409 });
    expect(statusOf(await carrier.call(DID))).toBe(RANG_ACME);
  });

  test.each([
    ['everything', ['0.0.0.0/0']],
    ['all of IPv6', ['::/0']],
    ['wider than /24', ['203.0.112.0/23']],
    ['wider than /48', ['2001:db8::/47']],
    ['where acme’s phones are trusted', ['198.51.100.7']],
    ['a network around it', ['198.51.100.0/24']],
  ])('a tenant admin may not claim %s', async (_, associatedIps) => {
    const { status, text } = await claim({ associatedIps });
    expect(status).toBe(403);
    expect(text).not.toContain('acme');
  });

  test.each([
    ['everything', '0.0.0.0/0'],
    ['the carrier’s network', '127.0.0.8/30'],
    ['the carrier’s address', '127.0.0.9'],
    ['what a name of the system’s trunk resolves to', '192.0.2.77'],
    ['where acme’s phones are trusted', '198.51.100.7'],
  ])('a tenant admin’s extension may not be trusted at %s', async (_, address) => {
    const extension = { number: DID, trustedAddresses: [address] };
    const { status, body, text } = await asGlobex('PUT', `/api/v1/tenants/globex/extensions/${DID}`, extension);
    expect(status, text).toBe(403);
    expect(body.detail).toContain(`trustedAddresses of extension ${DID}: `);
    expect(text).not.toContain('acme');
    expect(statusOf(await carrier.call(DID))).toBe(RANG_ACME);
  });

  test('a system admin sees what coincides, over HTTP and by command; a tenant admin does not', async () => {
    const held = await holdClaim({ associatedIps: ['127.0.0.9'] });
    const { items } = (await engine.api('/api/v1/trunks/overlaps')) as { items: unknown[] };
    expect(items).toContainEqual({
      kind: 'network',
      source: '127.0.0.9',
      claims: [
        {
          trunkId: '1',
          trunk: 'carrier',
          owner: 'system',
          tenants: ['acme'],
          claim: '127.0.0.8/30',
          origin: 'settings',
        },
        expect.objectContaining({ owner: 'globex', tenants: ['globex'], claim: '127.0.0.9', origin: 'settings' }),
      ],
    });
    expect(await asGlobex('GET', '/api/v1/trunks/overlaps')).toMatchObject({ status: 403 });
    let shown = '';
    const terminal = {
      out: (text: string) => {
        shown += text;
      },
      err: () => {},
      colour: false,
      env: { TANDEM_URL: engine.apiAddress, TANDEM_TOKEN: 'end-to-end-admin-token-0123456789abcdef' },
      readInput: async () => '',
    };
    const hooks = { start: async () => 0, demo: async () => 0 } as unknown as Parameters<typeof runCli>[1];
    expect(await runCli(['trunks', '--overlaps'], hooks, terminal)).toBe(0);
    expect(shown).toMatch(/127\.0\.0\.9 +network +carrier +1 +system +acme +127\.0\.0\.8\/30 +settings/);
    await held.release();
  });

  /** Final status of an INVITE over TLS with the carrier's certificate. */
  async function overTls(called: string): Promise<number> {
    const shown = authority.issue({ commonName: 'carrier', alternativeNames: ['DNS:sbc.carrier.test'] });
    const port = engine.port('tls');
    const socket = connect({ host: '127.0.0.1', port, ca: authority.certificate, servername: 'pbx.test', ...shown });
    await once(socket, 'secureConnect');
    const id = randomBytes(8).toString('hex');
    const fields = [
      `Via: SIP/2.0/TLS 127.0.0.1:5061;branch=z9hG4bK${id};rport`,
      'Max-Forwards: 70',
      'From: <sip:4930123456@carrier.test>;tag=1',
      `To: <sip:${called}@pbx.test>`,
      `Call-ID: ${id}`,
      'CSeq: 1 INVITE',
      'Contact: <sip:127.0.0.1:5061;transport=tls>',
      'Content-Type: application/sdp',
    ];
    socket.write(writeMessage(`INVITE sip:${called}@pbx.test SIP/2.0`, fields, SDP), 'latin1');
    let text = '';
    for await (const chunk of socket) {
      text += String(chunk);
      const final = /SIP\/2\.0 ([2-6]\d\d) /.exec(text);
      if (final === null) continue;
      socket.destroy();
      return Number(final[1]);
    }
    throw new Error(`the connection was closed: ${text}`);
  }

  test('the same by certificate name', async () => {
    const held = await holdClaim({
      transport: 'tls',
      options: { mutualTls: true },
      tls: { peerNames: ['sbc.carrier.test'] },
    });
    expect(await overTls(DID)).toBe(RANG_ACME);
    expect(await overTls(OWN)).toBe(RANG_GLOBEX);
    expect(await overTls('4930999999')).toBe(NOBODY);
    await held.release();
  });
});
