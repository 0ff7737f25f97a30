import type { Answer, Question } from 'dns-packet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import { eventually } from '../../kit/eventually.ts';
import { TEST_WORKERS } from '../../kit/test-workers.ts';
import { Carrier } from '../outbound/carrier.ts';
import { Phone } from '../outbound/phone.ts';
import { acme, carrierTrunk } from '../world.ts';
import { type Reply, startHostileDns } from './hostile-dns.ts';

const HOSTS = ['silent', 'loop', 'thousand', 'garbage', 'nowhere', 'moving'] as const;
const BUSY = 486;
const UNREACHABLE = 503;

describe('a DNS server that is silent, lies or floods', () => {
  let engine: TestEngine;
  let phone: Phone;
  let first: Carrier;
  let second: Carrier;
  let dns: Awaited<ReturnType<typeof startHostileDns>>;
  let movedTo: () => Carrier;

  function say({ name, type }: Question): Reply {
    const srv = (target: string, port: number): Answer => ({
      type: 'SRV',
      name,
      ttl: 1,
      data: { target, port, priority: 1, weight: 1 },
    });
    const a = (data: string): Answer => ({ type: 'A', name, ttl: 1, data });
    if (name.endsWith('silent.test')) return 'silence';
    if (name.endsWith('garbage.test')) return Buffer.from('not a DNS message at all', 'latin1');
    if (name.endsWith('loop.test'))
      return [
        { type: 'CNAME', name, ttl: 1, data: 'b.loop.test' },
        { type: 'CNAME', name: 'b.loop.test', ttl: 1, data: name },
      ];
    if (name === '_sip._udp.thousand.test')
      return type === 'SRV' ? Array.from({ length: 1000 }, (_, index) => srv(`t${index}.thousand.test`, 9)) : [];
    if (name.endsWith('thousand.test')) return type === 'A' ? [a('127.0.0.1')] : [];
    if (name === '_sip._udp.moving.test') return type === 'SRV' ? [srv('sbc.moving.test', movedTo().port)] : [];
    if (name === 'sbc.moving.test') return type === 'A' ? [a('127.0.0.1')] : [];
    return [];
  }

  beforeAll(async () => {
    dns = await startHostileDns(say);
    [first, second] = [await Carrier.open(), await Carrier.open()];
    movedTo = () => first;
    engine = await startEngine({
      provisioning: {
        tenants: [
          acme({
            extensions: [{ number: '101', password: Phone.PASSWORD }],
            outboundRules: [
              ...HOSTS.map((host, index) => ({
                name: host,
                match: { prefixes: [`9${index}`] },
                routes: [{ trunk: host, strip: 2 }],
              })),
              { name: 'healthy', match: { prefixes: ['8'] }, routes: [{ trunk: 'carrier', strip: 1 }] },
            ],
            inboundRules: [],
          }),
        ],
        trunks: [
          carrierTrunk(first.port),
          ...HOSTS.map((host, index) => {
            const { port: _none, ...trunk } = carrierTrunk(0, {
              id: String(index + 2),
              name: host,
              host: `${host}.test`,
            });
            return trunk;
          }),
        ],
      },
      settings: {
        dns: { servers: [dns.address], timeoutMs: 300, minTtlSeconds: 0 },
        timers: { t1Ms: 50, attemptMs: 500, failedTargetMs: 0 },
      },
    });
    phone = await Phone.open({ ...engine, address: '127.0.0.1', port: engine.port() });
  });
  afterAll(async () => {
    phone.close();
    first.close();
    second.close();
    dns.close();
    await engine.stop();
  });

  const call = async (dialled: string) => {
    const startedMs = performance.now();
    const { status } = await phone.call({ user: '101', domain: 'acme.test', dialled });
    return { status, ms: performance.now() - startedMs };
  };
  const to = (host: (typeof HOSTS)[number]) => call(`9${HOSTS.indexOf(host)}15551234`);
  const count = (host: string) => dns.asked.filter((question) => question.endsWith(`${host}.test`)).length;

  /** A call that waits for the DNS; undefined: it was refused by what is remembered of the name, for a second or three. */
  async function placedAsking(host: (typeof HOSTS)[number]) {
    const before = count(host);
    const placed = { outcome: to(host), isOver: false };
    void placed.outcome.finally(() => {
      placed.isOver = true;
    });
    await eventually('its question, or its end', () => count(host) > before || placed.isOver);
    return placed.isOver ? undefined : placed;
  }

  test.each(['silent', 'garbage', 'loop', 'nowhere'] as const)(
    '%s: the call is refused in seconds, and others do not wait',
    async (host) => {
      const answers = dns.hold();
      const placed = await eventually('a call for which it is asked', () => placedAsking(host), { timeoutMs: 10_000 });
      expect((await call('815551234')).status).toBe(BUSY);
      // Nobody has answered its question yet.
      expect(placed.isOver).toBe(false);
      answers();
      const { status, ms } = await placed.outcome;
      expect(status).toBe(UNREACHABLE);
      expect(ms).toBeLessThan(6_000);
    },
  );

  test('calls to a silent server do not multiply its questions', async () => {
    const before = count('silent');
    await Promise.all(Array.from({ length: 10 }, () => to('silent')));
    // One round of questions for all of them, of each process: NAPTR, SRV, A and AAAA, each asked twice.
    expect(count('silent') - before).toBeLessThanOrEqual(8 * TEST_WORKERS);
  });

  test('a thousand SRV records: a bounded number of questions, and an end', { timeout: 40_000 }, async () => {
    const { status } = await to('thousand');
    expect(status).toBe(UNREACHABLE);
    expect(new Set(dns.asked.filter((question) => question.endsWith('thousand.test'))).size).toBeLessThan(60);
  });

  test('an answer that changes: the next calls follow it when its TTL has run out', { timeout: 40_000 }, async () => {
    expect((await to('moving')).status).toBe(BUSY);
    expect(first.take().at(-1)?.startLine).toContain('INVITE sip:15551234@');
    movedTo = () => second;
    // Who asked while nobody answered, above, goes by the last answer for ten seconds.
    await expect
      .poll(async () => (await to('moving')).status === BUSY && second.take().length, {
        timeout: 20_000,
        interval: 300,
      })
      .toBeGreaterThan(0);
  });
});
