import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Baresip, startBaresip } from '../kit/baresip.ts';
import { TestAuthority } from '../kit/certificates.ts';
import { startEngine, type TestEngine } from '../kit/engine.ts';
import { freePort } from '../kit/free-port.ts';
import { peersSkipped } from '../kit/peers.ts';
import { allWell, startAnswerer, startCaller } from './sipp.ts';
import { acme, carrierTrunk } from './world.ts';

describe.skipIf(peersSkipped)('baresip', () => {
  let engine: TestEngine;
  let carrierPort: number;
  let folder: string;
  let caFile: string;
  const phones: Baresip[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tandem-baresip-test-'));
    const authority = new TestAuthority();
    const server = authority.issue({ commonName: 'acme.test', alternativeNames: ['DNS:acme.test', 'IP:127.0.0.1'] });
    const file = (name: string, text: string) => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    caFile = file('ca.pem', authority.certificate);
    authority.remove();
    carrierPort = await freePort();
    engine = await startEngine({
      provisioning: { tenants: [acme()], trunks: [carrierTrunk(carrierPort)] },
      settings: {
        listen: [
          { transport: 'udp', host: '127.0.0.1', port: 0 },
          { transport: 'tcp', host: '127.0.0.1', port: 0 },
          {
            transport: 'tls',
            host: '127.0.0.1',
            port: 0,
            certificate: file('cert.pem', server.cert),
            key: file('key.pem', server.key),
          },
        ],
      },
    });
  });
  afterAll(async () => {
    for (const phone of phones.splice(0)) await phone.stop();
    await engine.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function phone(user: string, transport: 'udp' | 'tcp' | 'tls'): Promise<Baresip> {
    const started = await startBaresip({
      user,
      domain: 'acme.test',
      password: `secret-${user}`,
      proxy: { host: '127.0.0.1', port: engine.port(transport) },
      transport,
      ...(transport === 'tls' && { caFile }),
    });
    phones.push(started);
    await started.registered();
    return started;
  }

  describe.each(['udp', 'tcp', 'tls'] as const)('over %s', (transport) => {
    let alice: Baresip;
    let bob: Baresip;
    beforeAll(async () => {
      alice = await phone('101', transport);
      bob = await phone('102', transport);
    });
    afterAll(async () => {
      await alice.stop();
      await bob.stop();
    });

    test('registers', async () => {
      await expect.poll(() => engine.registrations('101')).toMatchObject([{ transport }]);
    });

    test('calls out through the trunk and hangs up', async () => {
      const carrier = await startAnswerer('answer', { localPort: carrierPort });
      alice.dial('sip:915551234@acme.test');
      await alice.heard('CALL_ESTABLISHED');
      alice.hangUp();
      await allWell(carrier);
      await alice.heard('CALL_CLOSED');
    });

    test('is called by DID from the trunk', async () => {
      const caller = await startCaller('trunk-call', engine.address('udp'), {
        localPort: carrierPort,
        keys: { called: '14155550102' },
        pauseMs: 100,
      });
      expect(await bob.heard('CALL_ESTABLISHED')).toMatchObject({
        direction: 'incoming',
        peeruri: 'sip:4930123456@acme.test',
        peerdisplayname: 'Caller',
      });
      await allWell(caller);
      await bob.heard('CALL_CLOSED');
    });

    test('calls another phone, which hangs up', async () => {
      alice.dial('sip:102@acme.test');
      await bob.heard('CALL_ESTABLISHED');
      await alice.heard('CALL_ESTABLISHED');
      bob.hangUp();
      await alice.heard('CALL_CLOSED');
      await bob.heard('CALL_CLOSED');
    });
  });
});
