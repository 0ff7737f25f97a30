import { describe, expect, test } from 'vitest';
import { SipTrace, type TraceFlow } from '../../src/observe/sip-trace.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

const flow: TraceFlow = {
  transport: 'udp',
  localAddress: '127.0.0.1',
  localPort: 5060,
  remoteAddress: '2001:db8::1',
  remotePort: 5080,
};

describe('SipTrace', () => {
  test('both legs of a call, in order of time, by call id or by the Call-ID of either leg', () => {
    const clock = new VirtualScheduler();
    const trace = new SipTrace(clock);
    trace.link('call-1', 'a', 'caller');
    trace.record('a', false, flow, 'INVITE sip:b SIP/2.0\r\n\r\n');
    clock.advance(20);
    trace.link('call-1', 'b', 'carrier');
    trace.record('b', true, flow, 'INVITE sip:c SIP/2.0\r\n\r\n');
    trace.record('a', true, flow, 'SIP/2.0 100 Trying\r\n\r\n');
    trace.record('other', true, flow, 'OPTIONS sip:d SIP/2.0\r\n\r\n');
    for (const id of ['call-1', 'a', 'b']) {
      const found = trace.find(id);
      expect(found.map(({ leg, direction, atMs }) => [leg, direction, atMs - (found[0]?.atMs ?? 0)])).toEqual([
        ['caller', 'received', 0],
        ['carrier', 'sent', 20],
        ['caller', 'sent', 20],
      ]);
    }
    expect(trace.find('call-1')[0]).toMatchObject({
      local: '127.0.0.1:5060',
      remote: '[2001:db8::1]:5080',
      sipCallId: 'a',
    });
    expect(trace.find('other')).toHaveLength(1);
    expect(trace.find('nobody')).toEqual([]);
  });

  test('secrets are masked and UTF-8 is decoded when somebody reads', () => {
    const trace = new SipTrace(new VirtualScheduler());
    const display = Buffer.from('Zoë', 'utf8').toString('latin1');
    const text = `REGISTER sip:x SIP/2.0\r\nFrom: "${display}" <sip:1@x>\r\nAuthorization: Digest username="1", response="cafe"\r\n\r\n`;
    trace.record('a', false, flow, text);
    const [message] = trace.find('a');
    expect(message?.text).toContain('"Zoë"');
    expect(message?.text).toContain('response=***');
    expect(message?.text).not.toContain('cafe');
  });

  test('memory is bounded over any number of calls: the oldest go first, and nothing of them stays', () => {
    const trace = new SipTrace(new VirtualScheduler(), { maxOctets: 100_000 });
    for (let call = 0; call < 2000; call++) {
      trace.link(`call-${call}`, `sip-${call}`);
      for (let index = 0; index < 5; index++) trace.record(`sip-${call}`, true, flow, 'x'.repeat(500));
      expect(trace.octets).toBeLessThanOrEqual(101_000);
    }
    expect(trace.find('call-0')).toEqual([]);
    expect(trace.find('call-1999')).toHaveLength(5);
  });

  test('a long dialog keeps its beginning and its end', () => {
    const trace = new SipTrace(new VirtualScheduler(), { maxMessagesPerCallId: 10 });
    for (let index = 0; index < 1000; index++) trace.record('a', true, flow, `M${index} sip:x SIP/2.0\r\n\r\n`);
    const kept = trace.find('a').map(({ text }) => text.split(' ')[0]);
    expect(kept).toEqual(['M0', 'M1', 'M2', 'M3', 'M4', 'M995', 'M996', 'M997', 'M998', 'M999']);
  });

  test('a flood of links alone is bounded too', () => {
    const trace = new SipTrace(new VirtualScheduler(), { maxOctets: 50_000 });
    for (let index = 0; index < 10_000; index++) trace.link(`call-${index}`, `sip-${index}`);
    expect(trace.octets).toBeLessThanOrEqual(50_200);
  });

  test('texts of any length come back as they were, however often the ring went round', () => {
    const trace = new SipTrace(new VirtualScheduler(), { maxOctets: 5000 });
    for (let index = 0; index < 500; index++) {
      const text = `M${index} ${'x'.repeat((index * 37) % 900)}`;
      trace.record(`call-${index}`, true, flow, text);
      expect(trace.find(`call-${index}`).map((message) => message.text)).toEqual([text]);
      expect(trace.octets).toBeLessThanOrEqual(5000);
    }
    trace.record('long', true, flow, 'y'.repeat(20_000));
    expect(trace.find('long')[0]?.text).toHaveLength(5000);
  });
});
