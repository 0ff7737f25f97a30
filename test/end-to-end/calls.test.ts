import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEngine, type TestEngine } from '../kit/engine.ts';
import { eventually } from '../kit/eventually.ts';
import { freePort } from '../kit/free-port.ts';
import { peersSkipped } from '../kit/peers.ts';
import { allWell, startAnswerer, startCaller } from './sipp.ts';
import { acme, carrierTrunk } from './world.ts';

/** SIPp 3.6 gives up on any challenge but MD5 (SHA-256 is shown against Kamailio in carriers.test.ts). */
describe.skipIf(peersSkipped).each(['udp', 'tcp'] as const)('SIPp as phones and carriers over %s', (transport) => {
  let engine: TestEngine;
  let carrierPort: number;
  let sparePort: number;
  const caller = (scenario: string, options: Parameters<typeof startCaller>[2] = {}) =>
    startCaller(scenario, engine.address(transport), { transport, ...options });
  const carrier = (scenario: string, options: Parameters<typeof startAnswerer>[1] = {}) =>
    startAnswerer(scenario, { transport, localPort: carrierPort, ...options });

  beforeAll(async () => {
    carrierPort = await freePort();
    sparePort = await freePort();
    const routes = [
      { trunk: 'carrier', strip: 1, prepend: '+' },
      { trunk: 'spare', strip: 1 },
    ];
    engine = await startEngine({
      provisioning: {
        tenants: [acme({ outboundRules: [{ name: 'world', match: { prefixes: ['9'] }, routes }] })],
        trunks: [
          carrierTrunk(carrierPort, { transport }),
          carrierTrunk(sparePort, { transport, id: '2', name: 'spare' }),
        ],
      },
      settings: { timers: { attemptMs: 1000, failedTargetMs: 0 } },
    });
  });
  afterAll(() => engine.stop());

  test('RFC 3665 §2.1: a phone registers with digest and unregisters', async () => {
    const localPort = await freePort();
    await allWell(await caller('phone-register', { localPort }));
    await expect.poll(() => engine.registrations('101')).toMatchObject([{ transport }]);
    await allWell(await caller('phone-register', { localPort, keys: { expires: '0' } }));
    await expect.poll(() => engine.registrations('101')).toEqual([]);
  });

  test('RFC 3665 §3.1: phone → trunk, hung up by the phone', async () => {
    const far = await carrier('answer');
    const [, called] = await allWell(await caller('phone-call'), far);
    expect(called?.messages).toContain(`INVITE sip:+15551234@127.0.0.1:${carrierPort} SIP/2.0\r\n`);
    expect(called?.messages).toMatch(/^From: "Phone" <sip:14155550101@acme\.test>;tag=/m);
  });

  test('phone → trunk, hung up by the carrier', async () => {
    const far = await carrier('answer-then-hang-up', { pauseMs: 50 });
    await allWell(await caller('phone-answered-call'), far);
  });

  test('trunk → phone by DID', async () => {
    const phonePort = await freePort();
    await allWell(await caller('phone-register', { localPort: phonePort, keys: { user: '102' } }));
    await engine.registeredEverywhere();
    const phone = await startAnswerer('answer', { transport, localPort: phonePort });
    const far = await caller('trunk-call', { localPort: carrierPort, keys: { called: '14155550102' } });
    const [called] = await allWell(phone, far);
    expect(called?.messages).toMatch(/^From: "Caller" <sip:4930123456@/m);
  });

  test('phone → phone', async () => {
    const phonePort = await freePort();
    await allWell(await caller('phone-register', { localPort: phonePort, keys: { user: '103' } }));
    await engine.registeredEverywhere();
    const phone = await startAnswerer('answer', { transport, localPort: phonePort });
    await allWell(phone, await caller('phone-call', { keys: { called: '103' } }));
  });

  test('RFC 3665 §3.8: CANCEL while it rings', async () => {
    const far = await carrier('answer-ring');
    await allWell(await caller('phone-cancel'), far);
  });

  test('RFC 3264 §8.4: hold and retrieve by re-INVITE', async () => {
    const far = await carrier('answer-hold');
    await allWell(await caller('phone-hold'), far);
  });

  test('RFC 3262: a reliable 183 and its PRACK from end to end', async () => {
    const far = await carrier('answer-prack');
    await allWell(await caller('phone-prack'), far);
  });

  test('RFC 3262 §4: the engine sends the PRACK for a phone that cannot', async () => {
    const far = await carrier('answer-prack');
    const [phone] = await allWell(await caller('phone-call'), far);
    expect(phone?.messages).toContain('SIP/2.0 183 ');
    expect(phone?.messages).not.toMatch(/^(Require: .*100rel|RSeq:)/m);
  });

  test('486 is passed on to the phone', async () => {
    const far = await carrier('answer-486');
    const [phone] = await allWell(await caller('phone-refused'), far);
    expect(phone?.messages).toContain('SIP/2.0 486 Refused\r\n');
  });

  test('302 of a trunk is not followed and not passed on as a redirection', async () => {
    const far = await carrier('answer-302');
    const [phone] = await allWell(await caller('phone-refused'), far);
    expect(phone?.messages).not.toContain('SIP/2.0 302');
  });

  test('503 of the first trunk: the next one takes the call', async () => {
    const first = await carrier('answer-503');
    const next = await carrier('answer', { localPort: sparePort });
    const [, , called] = await allWell(await caller('phone-call'), first, next);
    expect(called?.messages).toContain(`INVITE sip:15551234@127.0.0.1:${sparePort} SIP/2.0\r\n`);
  });

  test('nobody listens at the first trunk: the next one takes the call', async () => {
    const next = await carrier('answer', { localPort: sparePort });
    await allWell(await caller('phone-call'), next);
  });

  test('503 of the last trunk reaches the phone, with one Retry-After', async () => {
    const peers = [await carrier('answer-503'), await carrier('answer-503', { localPort: sparePort })];
    const [phone] = await allWell(await caller('phone-refused'), ...peers);
    expect(phone?.messages.match(/^Retry-After: [0-9]+\r$/gm)).toHaveLength(1);
  });
});

describe.skipIf(peersSkipped)('peers that fall silent', () => {
  let engine: TestEngine;
  let carrierPort: number;

  beforeAll(async () => {
    carrierPort = await freePort();
    engine = await startEngine({
      provisioning: { tenants: [acme()], trunks: [carrierTrunk(carrierPort)] },
      // What is never acknowledged is given up after 64*T1: 6.4 s in place of 32.
      settings: { timers: { t1Ms: 100 } },
    });
  });
  afterAll(() => engine.stop());

  // Over UDP: SIPp takes the 200s that are sent again over TCP for unexpected messages.
  test('RFC 3261 §13.3.1.4: an ACK that never comes ends both legs', async () => {
    const far = await startAnswerer('answer-at-once', { localPort: carrierPort });
    const [phone] = await allWell(await startCaller('phone-no-ack', engine.address()), far);
    expect(phone?.messages.match(/^SIP\/2\.0 200 OK/gm)?.length).toBeGreaterThan(4);
  });

  test('a carrier that is deaf to BYE: the phone is answered and both legs end', async () => {
    const far = await startAnswerer('answer-deaf-to-bye', { localPort: carrierPort });
    await allWell(await startCaller('phone-call', engine.address()), far);
    // The BYE is given up after 64*T1, 6.4 s.
    await eventually('the end of both legs', async () => (await engine.counted('tandem_dialogs_live')) === 0, {
      timeoutMs: 10_000,
    });
  });
});
