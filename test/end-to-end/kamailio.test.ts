import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEngine, type TestEngine } from '../kit/engine.ts';
import { eventually } from '../kit/eventually.ts';
import { freePort } from '../kit/free-port.ts';
import { type Kamailio, startKamailio } from '../kit/kamailio.ts';
import { peersSkipped } from '../kit/peers.ts';
import { allWell, startAnswerer, startCaller } from './sipp.ts';
import { acme, carrierTrunk } from './world.ts';

/**
 * The carrier's edge: a record-routing proxy. What comes from the engine goes to the gateway behind, everything else to the engine;
 * within a dialog only the Route set says where (RFC 3261 §16.12), so a request without the right one ends with 404.
 */
const edge = (engine: TestEngine, gatewayPort: number, admission = '') => `
request_route {
  if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
  if (has_totag()) {
    if (loose_route()) { t_relay(); exit; }
    if (is_method("ACK")) { if (t_check_trans()) t_relay(); exit; }
    sl_send_reply("404", "Not Routed Here");
    exit;
  }
  if (is_method("CANCEL")) { if (t_check_trans()) t_relay(); exit; }
  if (!is_method("INVITE")) { sl_send_reply("405", "Method Not Allowed"); exit; }
  if (${engine
    .ownPorts()
    .map((port) => `$sp == ${port}`)
    .join(' || ')}) {
    ${admission}
    $du = "sip:127.0.0.1:${gatewayPort}";
  } else {
    $du = "sip:127.0.0.1:${engine.port()}";
  }
  record_route();
  if (!t_relay()) sl_reply_error();
}
`;

describe.skipIf(peersSkipped)('Kamailio as the carrier in front of SIPp', () => {
  let engine: TestEngine;
  let proxy: Kamailio;
  let gatewayPort: number;

  beforeAll(async () => {
    gatewayPort = await freePort();
    const port = await freePort();
    engine = await startEngine({
      provisioning: { tenants: [acme()], trunks: [carrierTrunk(port)] },
    });
    proxy = await startKamailio({ port, script: edge(engine, gatewayPort) });
  });
  afterAll(async () => {
    await engine.stop();
    await proxy.stop();
  });

  const gateway = (scenario: string, pauseMs?: number) =>
    startAnswerer(scenario, { localPort: gatewayPort, ...(pauseMs !== undefined && { pauseMs }) });
  /** Every request of this method that the far end got came through the proxy. */
  function expectThroughProxy(messages: string, method: string): void {
    const requests = messages.split(/^-{20,}.*\n/m).filter((message) => message.includes(`\n${method} sip:`));
    expect(requests.length).toBeGreaterThan(0);
    for (const request of requests) expect(request).toContain(`Via: SIP/2.0/UDP 127.0.0.1:${proxy.port};`);
  }

  test('phone → trunk: ACK and BYE follow the route set', async () => {
    const far = await gateway('answer');
    const [, called] = await allWell(await startCaller('phone-call', engine.address()), far);
    for (const method of ['INVITE', 'ACK', 'BYE']) expectThroughProxy(called?.messages ?? '', method);
  });

  test('phone → trunk, hung up by the gateway over the route set that it recorded', async () => {
    const far = await gateway('answer-then-hang-up', 50);
    await allWell(await startCaller('phone-answered-call', engine.address()), far);
  });

  test('hold and retrieve follow the route set', async () => {
    const far = await gateway('answer-hold');
    const [, called] = await allWell(await startCaller('phone-hold', engine.address()), far);
    expectThroughProxy(called?.messages ?? '', 'INVITE');
  });

  test('PRACK follows the route set of the early dialog', async () => {
    const far = await gateway('answer-prack-behind-proxy');
    const [, called] = await allWell(await startCaller('phone-prack', engine.address()), far);
    expectThroughProxy(called?.messages ?? '', 'PRACK');
  });

  test('CANCEL: both legs are over as soon as the 487 has come through the proxy', async () => {
    const far = await gateway('answer-ring-behind-proxy');
    await allWell(await startCaller('phone-cancel', engine.address()), far);
    await eventually('the end of the call', async () => (await engine.counted('tandem_calls_live')) === 0, {
      timeoutMs: 2000,
    });
  });

  test('trunk → phone through the proxy', async () => {
    const localPort = await freePort();
    await allWell(await startCaller('phone-register', engine.address(), { localPort, keys: { user: '102' } }));
    await engine.registeredEverywhere();
    const phone = await startAnswerer('answer', { localPort });
    const keys = { called: '14155550102' };
    await allWell(phone, await startCaller('trunk-call', `127.0.0.1:${proxy.port}`, { localPort: gatewayPort, keys }));
  });
});

describe.skipIf(peersSkipped).each(['MD5', 'SHA-256'])(
  'Kamailio as a carrier that challenges calls with %s',
  (algorithm) => {
    let engine: TestEngine;
    let proxy: Kamailio;
    let gatewayPort: number;

    beforeAll(async () => {
      gatewayPort = await freePort();
      const port = await freePort();
      engine = await startEngine({
        provisioning: {
          tenants: [acme()],
          trunks: [
            carrierTrunk(port, {
              type: 'register',
              credentials: { authName: 'acme-trunk', password: 'carrier-secret' },
              options: { verifyPort: true, registration: 'off' },
            }),
          ],
        },
      });
      const challenge = `if (!pv_auth_check("carrier.test", "carrier-secret", "0", "0")) { auth_challenge("carrier.test", "1"); exit; }
    if ($au != "acme-trunk") { sl_send_reply("403", "Forbidden"); exit; }`;
      proxy = await startKamailio({
        port,
        modules: ['auth'],
        parameters: [`modparam("auth", "algorithm", "${algorithm}")`],
        script: edge(engine, gatewayPort, challenge),
      });
    });
    afterAll(async () => {
      await engine.stop();
      await proxy.stop();
    });

    test('the engine signs in and the call goes through (RFC 8760)', async () => {
      const gateway = await startAnswerer('answer', { localPort: gatewayPort });
      const [, called] = await allWell(await startCaller('phone-call', engine.address()), gateway);
      // The first INVITE was challenged; the one with credentials got through.
      expect(called?.messages).toMatch(/^CSeq: 2 INVITE/m);
      expect(called?.messages).toMatch(new RegExp(`^Proxy-Authorization: .*algorithm=${algorithm}`, 'm'));
    });
  },
);
