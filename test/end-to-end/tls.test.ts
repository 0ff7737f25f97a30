import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CertificateRequest, type KeyPair, TestAuthority } from '../kit/certificates.ts';
import { startEngine, type TestEngine } from '../kit/engine.ts';
import { freePort } from '../kit/free-port.ts';
import { type Kamailio, startKamailio } from '../kit/kamailio.ts';
import { peersSkipped } from '../kit/peers.ts';
import { allWell, startAnswerer, startCaller } from './sipp.ts';
import { acme, carrierTrunk } from './world.ts';

const CARRIER: CertificateRequest = { commonName: 'carrier.test', alternativeNames: ['DNS:carrier.test'] };

/** A carrier's edge that speaks TLS outside and UDP to the gateway behind it, and says whose certificate it was shown. */
const edge = (engineTlsPort: number, gatewayPort: number) => `
request_route {
  if (has_totag()) {
    if (loose_route()) { t_relay(); exit; }
    if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
    sl_send_reply("404", "Not Routed Here");
    exit;
  }
  if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
  if (!is_method("INVITE")) { sl_send_reply("405", "Method Not Allowed"); exit; }
  if ($proto == "tls") {
    xlog("L_ALERT", "client certificate of $tls_peer_subject_cn\\n");
    $du = "sip:127.0.0.1:${gatewayPort}";
  } else {
    $du = "sip:127.0.0.1:${engineTlsPort};transport=tls";
  }
  record_route();
  if (!t_relay()) sl_reply_error();
}
`;

describe.skipIf(peersSkipped)('TLS with certificates on both sides', () => {
  const authority = new TestAuthority();
  let folder: string;
  const edges: Kamailio[] = [];
  let engine: TestEngine;
  let gatewayPort: number;
  let caFile: string;

  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tandem-tls-test-'));
    caFile = file('ca.pem', authority.certificate);
    gatewayPort = await freePort();
    const own = authority.issue({ commonName: 'tandem.test', alternativeNames: ['DNS:tandem.test', 'IP:127.0.0.1'] });
    const files = { certificate: file('own.pem', own.cert), key: file('own.key', own.key) };
    engine = await startEngine({
      provisioning: { tenants: [acme()], trunks: [carrierTrunk(1, { name: 'carrier' })] },
      settings: {
        listen: [
          { transport: 'udp', host: '127.0.0.1', port: 0 },
          { transport: 'tls', host: '127.0.0.1', port: 0, ...files, ca: caFile, clientCertificate: 'required' },
        ],
      },
    });
  });
  afterAll(async () => {
    await engine.stop();
    for (const proxy of edges.splice(0)) await proxy.stop();
    authority.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  /** A carrier that shows this certificate, and the trunk to it, which must be of this name. */
  async function carrierWith(pair: KeyPair, tls: object = { serverName: 'carrier.test' }): Promise<Kamailio> {
    const proxy = await startKamailio({
      tls: { certificate: pair.cert, key: pair.key, clientAuthority: authority.certificate },
      script: edge(engine.port('tls'), gatewayPort),
    });
    edges.push(proxy);
    const client = authority.issue({ commonName: 'acme trunk', alternativeNames: ['DNS:client.tandem.test'] });
    await engine.provision({
      tenants: [acme()],
      trunks: [
        carrierTrunk(proxy.tlsPort, {
          transport: 'tls',
          options: { mutualTls: true },
          tls: {
            certificate: file(`client-${proxy.port}.pem`, client.cert),
            key: file(`client-${proxy.port}.key`, client.key),
            ca: caFile,
            peerNames: ['carrier.test'],
            ...tls,
          },
        }),
      ],
    });
    return proxy;
  }

  test('a call out shows its client certificate; Via and Contact say TLS', async () => {
    const proxy = await carrierWith(authority.issue(CARRIER));
    const gateway = await startAnswerer('answer', { localPort: gatewayPort });
    const [, called] = await allWell(await startCaller('phone-call', engine.address()), gateway);
    await proxy.child.waitFor(/client certificate of acme trunk/);
    const said = engine
      .ownPorts('tls')
      .find((port) => called?.messages.includes(`Via: SIP/2.0/TLS 127.0.0.1:${port};`));
    expect(said, called?.messages).toBeDefined();
    expect(called?.messages).toContain(`Contact: <sip:101@127.0.0.1:${said};transport=tls;ob>`);
  });

  test('a call in is the trunk’s by the name in its certificate (RFC 5922 §7)', async () => {
    const proxy = await carrierWith(authority.issue(CARRIER));
    const localPort = await freePort();
    await allWell(await startCaller('phone-register', engine.address(), { localPort, keys: { user: '102' } }));
    await engine.registeredEverywhere();
    const phone = await startAnswerer('answer', { localPort });
    const keys = { called: '14155550102' };
    await allWell(phone, await startCaller('trunk-call', `127.0.0.1:${proxy.port}`, { localPort: gatewayPort, keys }));
  });

  test('a wildcard for the name of the carrier is taken where the trunk says so (RFC 5922 §7.2: not by itself)', async () => {
    const alternativeNames = ['DNS:*.pstn.test'];
    const serverName = 'acme.pstn.test';
    const proxy = await carrierWith(authority.issue({ ...CARRIER, alternativeNames }), {
      serverName,
      allowWildcard: true,
    });
    const gateway = await startAnswerer('answer', { localPort: gatewayPort });
    await allWell(await startCaller('phone-call', engine.address()), gateway);
    await proxy.child.waitFor(/client certificate of acme trunk/);
  });

  test.each([
    ['a wrong name', { ...CARRIER, alternativeNames: ['DNS:other.test'] }, 'wrong name in the certificate'],
    ['an expired certificate', { ...CARRIER, days: -1 }, 'certificate expired'],
  ])('%s of the carrier: refused, and the log says so', async (_, request, reason) => {
    const proxy = await carrierWith(authority.issue(request));
    const [phone] = await allWell(await startCaller('phone-refused', engine.address()));
    expect(phone?.messages).toContain('SIP/2.0 503 ');
    const line = await engine.logged('tls-refused', ({ remotePort }) => remotePort === proxy.tlsPort);
    expect(line).toMatchObject({ level: 'warn', reason: expect.stringContaining(reason) });
    expect(proxy.child.output()).not.toContain('client certificate of');
  });

  test.each([
    ['an expired certificate', { ...CARRIER, days: -1 }, 'certificate expired'],
    ['no certificate', undefined, 'no client certificate'],
  ])('%s of a peer that connects: refused, and the log says so', async (_, request, reason) => {
    const pair = request === undefined ? {} : authority.issue(request);
    const socket = connect({ host: '127.0.0.1', port: engine.port('tls'), ca: authority.certificate, ...pair });
    socket.on('error', () => {});
    try {
      await once(socket, 'connect');
      const port = socket.localPort;
      const line = await engine.logged('tls-refused', ({ remotePort }) => remotePort === port);
      expect(line).toMatchObject({ level: 'warn', reason: expect.stringContaining(reason) });
    } finally {
      socket.destroy();
    }
  });
});
