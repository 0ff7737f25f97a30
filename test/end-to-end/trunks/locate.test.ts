import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import { eventually } from '../../kit/eventually.ts';
import { freePort } from '../../kit/free-port.ts';
import { peersSkipped } from '../../kit/peers.ts';
import type { Sipp } from '../../kit/sipp.ts';
import { allWell, startAnswerer, startCaller } from '../sipp.ts';
import { acme, carrierTrunk } from '../world.ts';
import { type DnsServer, startDnsmasq } from './dns-server.ts';
import { withPhone } from './phone.ts';

interface Attempt {
  readonly trunkId?: string;
  readonly target: string;
  readonly status: number;
}

/** NAPTR → SRV with weights 3 and 1 → two servers of the carrier on one address. */
describe.skipIf(peersSkipped)('an IP trunk behind NAPTR and SRV records of a real DNS server', () => {
  let engine: TestEngine;
  let dns: DnsServer;
  let heavyPort: number;
  let lightPort: number;
  const carrier = (localPort: number) =>
    startAnswerer('answer-at-once', { localPort, calls: 1_000_000, timeoutSeconds: 120, traceMessages: false });
  const calls = (count: number, callsPerSecond: number) =>
    startCaller('phone-call', engine.address(), {
      calls: count,
      callsPerSecond,
      pauseMs: 1,
      timeoutSeconds: 60,
      traceMessages: false,
    });
  /** As the engine saw them: SIPp counts a call as failed whose INVITE came again, which with a T1 of 50 ms happens on a busy machine. */
  const answeredCalls = async () => {
    const { items } = (await engine.api('/api/v1/call-records?limit=1000')) as { items: { attempts: Attempt[] }[] };
    return items.filter(({ attempts }) => attempts.some(({ status }) => status === 200));
  };
  const stopAll = async (...carriers: readonly Sipp[]) => {
    // The phones are through before the carriers' BYEs are.
    await eventually('the end of every call', async () => (await engine.counted('tandem_dialogs_live')) === 0, {
      timeoutMs: 15_000,
    });
    const results = await Promise.all(carriers.map((each) => each.stop()));
    return results.map(({ successful }) => successful);
  };

  beforeAll(async () => {
    heavyPort = await freePort();
    lightPort = await freePort();
    dns = await startDnsmasq([
      'naptr-record=carrier.test,10,10,s,SIP+D2T,,_sip._tcp.carrier.test',
      'naptr-record=carrier.test,20,10,s,SIP+D2U,,_sip._udp.edge.carrier.test',
      `srv-host=_sip._udp.edge.carrier.test,heavy.carrier.test,${heavyPort},10,30`,
      `srv-host=_sip._udp.edge.carrier.test,light.carrier.test,${lightPort},10,10`,
      'host-record=heavy.carrier.test,127.0.0.1',
      'host-record=light.carrier.test,127.0.0.1',
    ]);
    const { port: _none, ...trunk } = carrierTrunk(0, { host: 'carrier.test' });
    engine = await startEngine({
      provisioning: { tenants: [acme()], trunks: [trunk] },
      settings: {
        dns: { servers: [dns.address], timeoutMs: 200, minTtlSeconds: 1 },
        timers: { t1Ms: 50, attemptMs: 2_000, failedTargetMs: 2_000 },
        limits: { authFailuresPerMinute: 10_000 },
      },
    });
  });
  afterAll(async () => {
    await engine.stop();
    await dns.stop();
  });

  test('RFC 2782: calls are spread over both targets by weight', async () => {
    const carriers = [await carrier(heavyPort), await carrier(lightPort)] as const;
    await allWell(await calls(120, 60));
    await stopAll(...carriers);
    const items = await answeredCalls();
    const answeredBy = (port: number) =>
      items.filter(({ attempts }) => attempts[0]?.target === `udp:127.0.0.1:${port}` && attempts[0].status === 200);
    const [heavy, light] = [answeredBy(heavyPort).length, answeredBy(lightPort).length];
    expect(heavy + light).toBe(120);
    // 90 and 30 are expected; the bounds are five standard deviations away.
    expect(heavy).toBeGreaterThan(60);
    expect(light).toBeGreaterThan(5);
  });

  test('RFC 3263 §4.3: a target killed in mid-run: every call goes on to the other within its attempt, and no phone sees it', {
    timeout: 60_000,
  }, async () => {
    const [heavy, light] = [await carrier(heavyPort), await carrier(lightPort)];
    const phones = await calls(150, 30);
    await pause(2_000);
    heavy.child.signal('SIGKILL');
    const [result] = await allWell(phones);
    expect(result).toMatchObject({ successful: 150, failed: 0 });
    const [, taken = 0] = await stopAll(heavy, light);
    expect(taken).toBeGreaterThan(75);
    const { items } = (await engine.api('/api/v1/call-records?limit=200')) as { items: { attempts: Attempt[] }[] };
    const moved = items.find(({ attempts }) => attempts.length === 2);
    expect(moved?.attempts).toMatchObject([
      { trunkId: '1', target: `udp:127.0.0.1:${heavyPort}`, status: 0 },
      { trunkId: '1', target: `udp:127.0.0.1:${lightPort}`, status: 200 },
    ]);
  });

  test('a call in comes from either target', async () => {
    for (const localPort of [heavyPort, lightPort]) {
      await withPhone(engine, '102', async (phone) => {
        const far = await startCaller('trunk-call', engine.address(), { localPort, keys: { called: '14155550102' } });
        await allWell(phone, far);
      });
    }
  });

  test('RFC 8767: the DNS server is gone and every TTL has run out: calls still go out and come in', {
    timeout: 30_000,
  }, async () => {
    const carriers = [await carrier(heavyPort), await carrier(lightPort)] as const;
    const before = (await answeredCalls()).length;
    await allWell(await calls(1, 1));
    await dns.stop();
    await pause(2_000);
    await allWell(await calls(5, 5));
    await stopAll(...carriers);
    expect((await answeredCalls()).length).toBe(before + 6);
    await withPhone(engine, '102', async (phone) => {
      const far = await startCaller('trunk-call', engine.address(), {
        localPort: heavyPort,
        keys: { called: '14155550102' },
      });
      await allWell(phone, far);
    });
  });
});
