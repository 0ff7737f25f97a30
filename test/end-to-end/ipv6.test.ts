import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEngine, type TestEngine } from '../kit/engine.ts';
import { freePort } from '../kit/free-port.ts';
import { peersSkipped } from '../kit/peers.ts';
import { allWell, startAnswerer, startCaller } from './sipp.ts';
import { acme, carrierTrunk } from './world.ts';

const HOST = '::1';

describe.skipIf(peersSkipped).each(['udp', 'tcp'] as const)('IPv6 end to end over %s', (transport) => {
  let engine: TestEngine;
  let carrierPort: number;
  const here = { transport, localHost: HOST };

  beforeAll(async () => {
    carrierPort = await freePort(HOST);
    engine = await startEngine({
      host: HOST,
      provisioning: { tenants: [acme()], trunks: [carrierTrunk(carrierPort, { host: HOST, transport })] },
    });
  });
  afterAll(() => engine.stop());

  test('phone → trunk', async () => {
    const carrier = await startAnswerer('answer', { ...here, localPort: carrierPort });
    const phone = await startCaller('phone-call', engine.address(transport), here);
    const [, called] = await allWell(phone, carrier);
    expect(called?.messages).toContain(`INVITE sip:+15551234@[::1]:${carrierPort} SIP/2.0\r\n`);
    expect(called?.messages).toContain(`Via: SIP/2.0/${transport.toUpperCase()} [::1]:`);
    expect(called?.messages).toMatch(/^Contact: <sip:101@\[::1\]:[0-9]+/m);
  });

  test('trunk → phone that registered', async () => {
    const localPort = await freePort(HOST);
    const keys = { user: '102' };
    await allWell(await startCaller('phone-register', engine.address(transport), { ...here, localPort, keys }));
    const phone = await startAnswerer('answer', { ...here, localPort });
    const options = { ...here, localPort: carrierPort, keys: { called: '14155550102' } };
    await allWell(phone, await startCaller('trunk-call', engine.address(transport), options));
  });
});
