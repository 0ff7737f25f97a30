import { describe, expect, test } from 'vitest';
import { SipTrace } from '../../src/observe/sip-trace.ts';
import { type TraceFlow, TraceShares } from '../../src/observe/trace-shares.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

const flow: TraceFlow = {
  transport: 'udp',
  localAddress: '127.0.0.1',
  localPort: 5060,
  remoteAddress: '192.0.2.1',
  remotePort: 5080,
};
const PIECE = 3_200;

function shares() {
  const made = new TraceShares<string>(32 * PIECE);
  let number = 0;
  const keep = (tenant: string, octets = 400) => {
    const message = { number: number++, flow, atMs: 0, isSent: true, sipCallId: tenant, octets: Buffer.alloc(octets) };
    made.keep(tenant, message, tenant);
    return message.number;
  };
  const countOf = (tenant: string) => made.all().filter(({ link }) => link === tenant).length;
  return { made, keep, countOf };
}

describe('what tenants have of the messages of their calls', () => {
  test('is an eighth of all at most: the latest of it', () => {
    const { made, keep, countOf } = shares();
    const others = Array.from({ length: 8 }, () => keep('acme'));
    let last = 0;
    for (let at = 0; at < 1_000; at++) last = keep('globex');
    // Pieces of eight messages each; the one that is written is part of it.
    expect(countOf('globex')).toBeLessThanOrEqual(32);
    expect(countOf('globex')).toBeGreaterThan(24);
    expect(made.get(last)?.link).toBe('globex');
    expect(made.get(0)).toMatchObject({ number: 0, link: 'acme' });
    expect(others.every((number) => made.get(number) !== undefined)).toBe(true);
  });

  test('where all is taken whoever has most gives its oldest up for one that has less, and none for itself', () => {
    const { keep, countOf } = shares();
    for (let tenant = 0; tenant < 8; tenant++) for (let at = 0; at < 32; at++) keep(`t${tenant}`);
    keep('new');
    expect([countOf('new'), countOf('t0'), countOf('t1')]).toEqual([1, 24, 32]);
    for (let at = 0; at < 1_000; at++) keep('t1');
    expect([countOf('new'), countOf('t2')]).toEqual([1, 32]);
  });

  test('is bounded in number, too, and of one that is longer than a piece has the beginning', () => {
    const { made, keep, countOf } = shares();
    for (let at = 0; at < 1_000; at++) keep('acme', 1);
    expect(countOf('acme')).toBeLessThanOrEqual(4 * (PIECE / 160));
    expect(made.get(keep('globex', PIECE + 1))?.octets).toHaveLength(PIECE);
  });
});

/** A call of one leg, of a tenant. */
function callOf(trace: SipTrace, tenant: string, name: string): void {
  const text = (startLine: string) =>
    `${startLine}\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK${name}\r\nFrom: <sip:a>;tag=f\r\nTo: <sip:b>;tag=${name}\r\nCall-ID: ${name}\r\n\r\n${'x'.repeat(500)}`;
  trace.record(text('INVITE sip:b SIP/2.0'), false, flow);
  const begunBy = { branch: `z9hG4bK${name}`, address: flow.remoteAddress };
  trace.link(`call-${name}`, name, 'caller', [name], begunBy, tenant);
  trace.record(text('SIP/2.0 200 OK'), true, flow);
}

describe('a call of a tenant in the trace', () => {
  const made = () => {
    const trace = new SipTrace(new VirtualScheduler(), { maxOctets: 1_000_000 });
    callOf(trace, 'acme', 'quiet');
    return trace;
  };

  /** Strangers' messages. */
  const flood = (trace: SipTrace, messages: number, octets = 500) => {
    for (let at = 0; at < messages; at++)
      trace.record(`OPTIONS sip:x SIP/2.0\r\nCall-ID: ${at}\r\n\r\n${'x'.repeat(octets)}`, false, flow);
  };

  test.each([500, 100, 0])(
    'is there, by either name, after strangers have filled the ring since, with messages of %i octets',
    async (octets) => {
      const trace = made();
      flood(trace, 20_000, octets);
      for (const found of [trace.find('call-quiet'), trace.find('quiet'), trace.findCall('call-quiet')])
        expect(found.map(({ leg, direction, sipCallId }) => [leg, direction, sipCallId])).toEqual([
          ['caller', 'received', 'quiet'],
          ['caller', 'sent', 'quiet'],
        ]);
      const { messages } = await trace.search({ method: 'INVITE' }, 10);
      expect(messages.map(({ sipCallId }) => sipCallId)).toEqual(['quiet']);
      expect(trace.find('1')).toEqual([]);
    },
  );

  test('is found by a search, which lets others go on, though it leaves the ring meanwhile', async () => {
    const trace = made();
    flood(trace, 1_000);
    const searched = trace.search({ method: 'INVITE' }, 10);
    flood(trace, 10_000);
    expect((await searched).messages.map(({ sipCallId }) => sipCallId)).toEqual(['quiet']);
  });

  test('is there after the calls of another tenant have, whose latest are there as well', () => {
    const trace = made();
    for (let at = 0; at < 5_000; at++) callOf(trace, 'globex', `busy-${at}`);
    expect([trace.find('call-quiet').length, trace.find('call-busy-4999').length]).toEqual([2, 2]);
    expect(trace.find('call-busy-0')).toEqual([]);
  });

  test('is there though another tenant has begun a call under its Call-ID since', () => {
    const trace = made();
    const text = (tag: string) =>
      `SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK${tag}\r\nFrom: <sip:a>;tag=f\r\nTo: <sip:b>;tag=${tag}\r\nCall-ID: quiet\r\n\r\n`;
    trace.link('call-other', 'quiet', 'caller', ['other'], { branch: 'z9hG4bKother', address: '192.0.2.9' }, 'globex');
    trace.record(text('other'), true, { ...flow, remoteAddress: '192.0.2.9' });
    flood(trace, 20_000);
    expect(trace.findCall('call-quiet').map(({ direction }) => direction)).toEqual(['received', 'sent']);
    expect(trace.findCall('call-other')).toHaveLength(1);
  });

  test('is none of a tenant’s by a Call-ID that somebody else writes', () => {
    const trace = made();
    for (let at = 0; at < 10_000; at++)
      trace.record(`OPTIONS sip:x SIP/2.0\r\nCall-ID: busy\r\n\r\n${'x'.repeat(500)}`, false, flow);
    expect(trace.find('call-quiet')).toHaveLength(2);
    expect(trace.find('busy').length).toBeLessThanOrEqual(60);
  });
});
