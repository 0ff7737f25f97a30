import { describe, expect, test } from 'vitest';
import { startEngineProcess } from '../kit/engine.ts';
import { freePort } from '../kit/free-port.ts';
import { peersSkipped } from '../kit/peers.ts';
import { allWell, startAnswerer, startCaller } from './sipp.ts';
import { acme, carrierTrunk } from './world.ts';

describe.skipIf(peersSkipped)('kill -9 and restart', () => {
  test.each(['udp', 'tcp'] as const)(
    'a phone registered over %s is called without registering again',
    async (transport) => {
      const carrierPort = await freePort();
      const phonePort = await freePort();
      const engine = await startEngineProcess({
        provisioning: { tenants: [acme()], trunks: [carrierTrunk(carrierPort)] },
      });
      const address = `127.0.0.1:${engine.port}`;
      try {
        const keys = { user: '102' };
        await allWell(await startCaller('phone-register', address, { transport, localPort: phonePort, keys }));
        const callTheDid = async () => {
          const phone = await startAnswerer('answer', { transport, localPort: phonePort });
          const options = { localPort: carrierPort, pauseMs: 300, keys: { called: '14155550102' } };
          await allWell(phone, await startCaller('trunk-call', address, options));
        };
        // The store gets bindings in batches of 100 ms, behind the answer to the phone: the call lasts longer than that.
        await callTheDid();
        await engine.killAndRestart();
        expect(engine.child.output()).toMatch(/"count":1,"event":"registrations-restored"/);
        await callTheDid();
      } finally {
        await engine.stop();
      }
    },
  );
});
