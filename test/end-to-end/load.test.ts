import { describe, expect, test } from 'vitest';
import { startEngineProcess } from '../kit/engine-process.ts';
import { freePort } from '../kit/free-port.ts';
import { peersSkipped } from '../kit/peers.ts';
import { allWell, manyCalls, startAnswerer, startCaller } from './sipp.ts';
import { acme, carrierTrunk } from './world.ts';

const CALLS = 1200;
const RATE = 200;

describe.skipIf(peersSkipped)('load', () => {
  test(`${CALLS} calls of a phone with digest at ${RATE}/s through a trunk, none failed`, async () => {
    const carrierPort = await freePort();
    const engine = await startEngineProcess({
      provisioning: { tenants: [acme()], trunks: [carrierTrunk(carrierPort)] },
      // SIPp fails a call whose INVITE comes again after it has sent its 200 again, as happens when other tests keep the processors busy
      // for longer than T1.
      settings: { timers: { t1Ms: 2000 } },
      // As it comes: warmed before it says ready, so that nothing of the start is taken for overload.
      environment: { TANDEM_TIMERS_WARM_UP_MS: '3000' },
    });
    try {
      const many = manyCalls(CALLS);
      const carrier = await startAnswerer('answer', { ...many, localPort: carrierPort });
      const address = `127.0.0.1:${engine.port}`;
      const phone = await startCaller('phone-call', address, { ...many, callsPerSecond: RATE, pauseMs: 100 });
      const [placed, answered] = await allWell(phone, carrier);
      expect(placed?.successful).toBe(CALLS);
      expect(answered?.successful).toBe(CALLS);
    } finally {
      await engine.stop();
    }
  });
});
