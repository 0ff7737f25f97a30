import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startEngine, type TestEngine } from '../kit/engine.ts';
import { freePort } from '../kit/free-port.ts';
import { peersSkipped } from '../kit/peers.ts';
import { openUdpWire, type UdpWire } from '../kit/udp-wire.ts';
import { allWell, startAnswerer, startCaller } from './sipp.ts';
import { acme, carrierTrunk } from './world.ts';

type Side = 'near' | 'far';

describe.skipIf(peersSkipped)('a wire that loses a message between phone and engine', () => {
  let engine: TestEngine;
  let wire: UdpWire | undefined;
  let carrierPort: number;

  beforeEach(async () => {
    carrierPort = await freePort();
    engine = await startEngine({
      provisioning: { tenants: [acme()], trunks: [carrierTrunk(carrierPort)] },
    });
  });
  afterEach(async () => {
    await engine.stop();
    await wire?.close();
  });

  /** A call over a wire that loses the first message that `lost` names; both SIPps must be content, and the message must have been lost. */
  async function callLosing(lost: (text: string, from: Side) => boolean, pauseMs = 0): Promise<UdpWire> {
    let dropped = false;
    wire = await openUdpWire({
      far: { host: '127.0.0.1', port: engine.port() },
      drop: (text, from) => {
        if (dropped || !lost(text, from)) return false;
        dropped = true;
        return true;
      },
    });
    const carrier = await startAnswerer('answer', { localPort: carrierPort });
    await allWell(await startCaller('phone-call', `127.0.0.1:${wire.port}`, { pauseMs }), carrier);
    expect(wire.messages.filter((message) => message.dropped)).toHaveLength(1);
    return wire;
  }

  /** How often the message after the challenge crossed or was lost. */
  const times = (crossed: UdpWire, pattern: RegExp) => crossed.messages.filter(({ text }) => pattern.test(text)).length;
  const inviteWithDigest = /^INVITE [\s\S]*\r\nProxy-Authorization:/;
  const ok = (method: string) => new RegExp(`^SIP/2\\.0 200 [\\s\\S]*\\r\\nCSeq: [0-9]+ ${method}\\r\\n`);

  test('lost INVITE: sent again, one call', async () => {
    const crossed = await callLosing((text) => inviteWithDigest.test(text));
    expect(times(crossed, inviteWithDigest)).toBe(2);
    expect(await engine.counted('tandem_calls_total')).toBe(1);
  });

  test('lost 200 to INVITE: the engine sends it again (RFC 3261 §13.3.1.4)', async () => {
    const crossed = await callLosing((text, from) => from === 'far' && ok('INVITE').test(text));
    expect(times(crossed, ok('INVITE'))).toBe(2);
  });

  test('lost ACK: the 200 comes again and so does the ACK', async () => {
    // The first ACK is for the 407.
    const crossed = await callLosing((text) => /^ACK [\s\S]*\r\nCSeq: 2 ACK/.test(text), 1000);
    expect(times(crossed, /^ACK [\s\S]*\r\nCSeq: 2 ACK/)).toBe(2);
    expect(times(crossed, ok('INVITE'))).toBe(2);
  });

  test('lost BYE: sent again, ends both legs once', async () => {
    const crossed = await callLosing((text) => text.startsWith('BYE '));
    expect(times(crossed, /^BYE /)).toBe(2);
  });

  test('lost 200 to BYE: answered again from the transaction (RFC 3261 §17.2.2)', async () => {
    const crossed = await callLosing((text, from) => from === 'far' && ok('BYE').test(text));
    expect(times(crossed, ok('BYE'))).toBe(2);
  });
});
