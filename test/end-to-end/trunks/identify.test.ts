import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type KeyPair, TestAuthority } from '../../kit/certificates.ts';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import { SDP } from '../outbound/phone.ts';
import { statusOf, writeMessage } from '../outbound/wire-message.ts';
import { acme, carrierTrunk } from '../world.ts';
import { NetworkParty } from './network-party.ts';
import { listen } from './observe.ts';

const HANG_UP = 603;
const NO_DID = 404;
const CHALLENGED = 407;
const REFUSED = 403;

describe('which trunk sent this', () => {
  let engine: TestEngine;
  let folder: string;
  let authority: TestAuthority;
  let events: Awaited<ReturnType<typeof listen>>;
  const [ports, pools] = [['porta', 'portb'] as const, ['poola', 'poolb'] as const];
  const parties = new Map<string, NetworkParty>();
  const party = (name: string) => parties.get(name) as NetworkParty;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tandem-identify-'));
    authority = new TestAuthority();
    const server = authority.issue({ commonName: 'pbx.test', alternativeNames: ['DNS:pbx.test'] });
    const file = (name: string, text: string) => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    for (const name of [...ports, ...pools, 'stranger'])
      parties.set(name, await NetworkParty.open(ports.includes(name as 'porta') ? '127.0.0.1' : '127.0.0.3'));
    const tls = {
      transport: 'tls' as const,
      host: '127.0.0.1',
      port: 0,
      certificate: file('cert.pem', server.cert),
      key: file('key.pem', server.key),
      ca: file('ca.pem', authority.certificate),
      clientCertificate: 'optional' as const,
    };
    // Two tenants, each with a DID on one trunk of each pair; acme has one more on both trunks of the second pair.
    const tenant = (name: 'acme' | 'other', index: 0 | 1, did: string, shared: readonly string[]) =>
      acme({
        name,
        domain: `${name}.test`,
        outboundCallerId: did,
        extensions: [{ number: '101', name: 'Alice', password: 'secret-101' }],
        outboundRules: [],
        inboundRules: [ports[index], pools[index], ...shared].map((trunk) => ({
          name: trunk,
          trunk,
          dids: did,
          destination: { hangUp: true as const },
        })),
      });
    const pool = (name: string, didPool: string) => ({ tenant: name, didPool });
    engine = await startEngine({
      provisioning: {
        tenants: [tenant('acme', 0, '14155550101', ['mutual']), tenant('other', 1, '14155550201', [])],
        trunks: [
          carrierTrunk(party('porta').port, { name: 'porta', tenants: [pool('acme', '14155550101')] }),
          carrierTrunk(party('portb').port, { id: '2', name: 'portb', tenants: [pool('other', '14155550201')] }),
          carrierTrunk(5080, {
            id: '3',
            name: 'poola',
            host: '127.0.0.3',
            options: {},
            tenants: [pool('acme', '14155550101;14155550300')],
          }),
          carrierTrunk(5081, {
            id: '4',
            name: 'poolb',
            host: '127.0.0.3',
            options: {},
            tenants: [pool('other', '14155550201'), pool('acme', '14155550300')],
          }),
          carrierTrunk(5061, {
            id: '5',
            name: 'mutual',
            host: '192.0.2.1',
            transport: 'tls',
            options: { mutualTls: true },
            tls: { peerNames: ['sbc.carrier.test'] },
            tenants: [pool('acme', '14155550101')],
          }),
        ],
      },
      settings: { listen: [{ transport: 'udp', host: '0.0.0.0', port: 0 }, tls] },
    });
    for (const each of parties.values()) each.engine = { address: '127.0.0.1', port: engine.port() };
    events = await listen(engine);
  });
  afterAll(async () => {
    events.close();
    for (const each of parties.values()) each.close();
    await engine.stop();
    authority.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  test.each([
    ['porta', '14155550101', HANG_UP],
    ['portb', '14155550201', HANG_UP],
    ['porta', '14155550201', NO_DID],
    ['portb', '14155550101', NO_DID],
  ])('verifyPort: trunks on one address are told apart by port: %s calls %s', async (name, did, status) => {
    expect(statusOf(await party(name).call(did))).toBe(status);
  });

  test('with all trunks of an address verifying the port, another port of it is nobody', async () => {
    const other = await NetworkParty.open('127.0.0.1');
    other.engine = party('porta').engine;
    expect(statusOf(await other.call('14155550101'))).toBe(CHALLENGED);
    other.close();
  });

  test.each(['14155550101', '14155550201'])('without ports to go by, the DID pool tells: %s', async (did) => {
    expect(statusOf(await party('stranger').call(did))).toBe(HANG_UP);
  });

  test('a DID in both pools: 403, and an event that names the candidates', async () => {
    expect(statusOf(await party('stranger').call('14155550300'))).toBe(REFUSED);
    await events.event('trunk-ambiguous');
    expect(events.seen.findLast(({ type }) => type === 'trunk-ambiguous')?.data).toMatchObject({
      candidates: expect.arrayContaining(['poola', 'poolb']),
      source: expect.stringContaining('127.0.0.3'),
    });
    await engine.logged('request-refused', ({ code }) => code === 'ambiguous-trunk');
  });

  test('a DID in neither: nobody has it', async () => {
    expect(statusOf(await party('stranger').call('14155559999'))).toBe(NO_DID);
  });

  /** Status of an INVITE to acme's DID over TLS, with this certificate shown. */
  async function overTls(shown: KeyPair | undefined): Promise<number> {
    const socket = connect({
      host: '127.0.0.1',
      port: engine.port('tls'),
      ca: authority.certificate,
      servername: 'pbx.test',
      ...(shown === undefined ? {} : shown),
    });
    await once(socket, 'secureConnect');
    const id = randomBytes(8).toString('hex');
    const fields = [
      `Via: SIP/2.0/TLS 127.0.0.1:5061;branch=z9hG4bK${id};rport`,
      'Max-Forwards: 70',
      'From: <sip:4930123456@carrier.test>;tag=1',
      'To: <sip:14155550101@pbx.test>',
      `Call-ID: ${id}`,
      'CSeq: 1 INVITE',
      'Contact: <sip:127.0.0.1:5061;transport=tls>',
      'Content-Type: application/sdp',
    ];
    socket.write(writeMessage('INVITE sip:14155550101@pbx.test SIP/2.0', fields, SDP), 'latin1');
    let text = '';
    for await (const chunk of socket) {
      text += String(chunk);
      const final = /SIP\/2\.0 ([2-6]\d\d) /.exec(text);
      if (final !== null) {
        socket.destroy();
        return Number(final[1]);
      }
    }
    throw new Error(`the connection was closed: ${text}`);
  }

  test('a mutual TLS trunk is known by its certificate, whatever its address', async () => {
    const right = authority.issue({ commonName: 'carrier', alternativeNames: ['DNS:sbc.carrier.test'] });
    expect(await overTls(right)).toBe(HANG_UP);
  });

  test('another certificate, or none, is not the trunk', async () => {
    const wrong = authority.issue({ commonName: 'x', alternativeNames: ['DNS:sbc.other.test'] });
    expect(await overTls(wrong)).toBe(CHALLENGED);
    expect(await overTls(undefined)).toBe(CHALLENGED);
  });

  test('a certificate that nobody trusted has signed is not the trunk either', async () => {
    const others = new TestAuthority('somebody else');
    const forged = others.issue({ commonName: 'carrier', alternativeNames: ['DNS:sbc.carrier.test'] });
    others.remove();
    expect(await overTls(forged)).toBe(CHALLENGED);
  });
});
