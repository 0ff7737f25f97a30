import { describe, expect, test } from 'vitest';
import type { TraceMessage } from '../../src/observe/call-facts.ts';
import { SipTrace } from '../../src/observe/sip-trace.ts';
import type { TraceFlow } from '../../src/observe/trace-shares.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

const flow: TraceFlow = {
  transport: 'udp',
  localAddress: '127.0.0.1',
  localPort: 5060,
  remoteAddress: '2001:db8::1',
  remotePort: 5080,
};

/** A message with this Call-ID. */
const message = (callId: string, startLine: string) => `${startLine}\r\nCall-ID: ${callId}\r\n\r\n`;

/** Of a dialog; its transaction is named by the tag of From. */
const text = (callId: string, startLine: string, from: string, to: string, branch = from) =>
  `${startLine}\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK${branch}\r\nFrom: <sip:a>;tag=${from}\r\nTo: <sip:b>${to && `;tag=${to}`}\r\nCall-ID: ${callId}\r\n\r\n`;
const begunBy = (branch: string, { remoteAddress } = flow) => ({ branch: `z9hG4bK${branch}`, address: remoteAddress });
const lines = (found: readonly TraceMessage[]) =>
  found.map((each) => `${each.direction} ${each.text.split(' ').slice(0, 2).join(' ')}`);

describe('SipTrace', () => {
  test('both legs of a call, in order of time, by call id or by the Call-ID of either leg', () => {
    const clock = new VirtualScheduler();
    const trace = new SipTrace(clock);
    trace.record(text('a', 'INVITE sip:b SIP/2.0', 'caller', ''), false, flow);
    trace.link('call-1', 'a', 'caller', ['first'], begunBy('caller'));
    clock.advance(20);
    trace.record(text('b', 'INVITE sip:c SIP/2.0', 'drawn', ''), true, flow);
    trace.link('call-1', 'b', 'carrier');
    trace.record(text('a', 'SIP/2.0 100 Trying', 'caller', ''), true, flow);
    trace.record(message('other', 'OPTIONS sip:d SIP/2.0'), true, flow);
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
    const text = `REGISTER sip:x SIP/2.0\r\nCall-ID: a\r\nFrom: "${display}" <sip:1@x>\r\nAuthorization: Digest username="1", response="cafe"\r\n\r\n`;
    trace.record(text, false, flow);
    const shown = trace.find('a')[0]?.text;
    expect(shown).toContain('"Zoë"');
    expect(shown).toContain('response=***');
    expect(shown).not.toContain('cafe');
  });

  test('the octets of a message are at hand, ISO-8859-1 and UTF-8 alike, secrets masked, and in no listing', () => {
    const trace = new SipTrace(new VirtualScheduler());
    for (const name of ['Jos\xe9', Buffer.from('José', 'utf8').toString('latin1')]) {
      const text = `INVITE sip:x SIP/2.0\r\nCall-ID: ${name.length}\r\nFrom: "${name}" <sip:1:cafe@x>\r\n\r\n`;
      trace.record(text, true, flow);
      const found = trace.find(String(name.length))[0];
      expect(found?.octets).toBe(text.replace('cafe', '***'));
      expect(JSON.parse(JSON.stringify(found))).not.toHaveProperty('octets');
    }
  });

  test('memory is bounded over any number of calls: the oldest go first, and nothing of them stays', () => {
    const trace = new SipTrace(new VirtualScheduler(), { maxOctets: 100_000 });
    for (let call = 0; call < 2000; call++) {
      trace.link(`call-${call}`, `sip-${call}`);
      const startLine = `INVITE sip:${'x'.repeat(500)} SIP/2.0`;
      for (let index = 0; index < 5; index++) trace.record(text(`sip-${call}`, startLine, 'drawn', ''), true, flow);
      expect(trace.octets).toBeLessThanOrEqual(101_000);
    }
    expect(trace.find('call-0')).toEqual([]);
    expect(trace.find('call-1999')).toHaveLength(5);
  });

  test('a long dialog keeps its beginning and its end', () => {
    const trace = new SipTrace(new VirtualScheduler(), { maxMessagesPerCallId: 10 });
    for (let index = 0; index < 1000; index++) trace.record(message('a', `M${index} sip:x SIP/2.0`), true, flow);
    const kept = trace.find('a').map(({ text }) => text.split(' ')[0]);
    expect(kept).toEqual(['M0', 'M1', 'M2', 'M3', 'M4', 'M995', 'M996', 'M997', 'M998', 'M999']);
  });

  describe('calls with legs of one Call-ID', () => {
    const attacker = { ...flow, remoteAddress: '203.0.113.9' };

    /** A call goes out as `x` and comes back through a proxy, for another tenant; then a phone begins a third one under that Call-ID and tag. */
    function three() {
      const trace = new SipTrace(new VirtualScheduler());
      trace.link('out', 'phone', 'caller', [], begunBy('of-phone'));
      trace.record(text('x', 'INVITE sip:out SIP/2.0', 'ours', '', 'out'), true, flow);
      trace.record(text('x', 'INVITE sip:token-of-another SIP/2.0', 'ours', '', 'back'), false, flow);
      trace.link('in', 'x', 'caller', ['theirs'], begunBy('back'));
      trace.record(text('x', 'SIP/2.0 100 Trying', 'ours', '', 'back'), true, flow);
      trace.record(text('x', 'SIP/2.0 200 OK', 'ours', 'theirs', 'back'), true, flow);
      trace.record(text('x', 'SIP/2.0 200 OK', 'ours', 'theirs', 'out'), false, flow);
      trace.record(text('x', 'INVITE sip:chosen SIP/2.0', 'ours', '', 'back'), false, attacker);
      trace.link('chosen', 'x', 'caller', ['third'], begunBy('back', attacker));
      trace.record(text('x', 'SIP/2.0 404 Not', 'ours', 'third', 'back'), true, attacker);
      trace.record(text('x', 'BYE sip:y SIP/2.0', 'theirs', 'ours', 'bye'), true, flow);
      trace.record(text('x', 'BYE sip:z SIP/2.0', 'theirs', 'ours', 'bye'), false, flow);
      // As each call ends.
      trace.link('out', 'x', 'carrier');
      trace.link('in', 'x', 'caller', ['theirs']);
      trace.link('chosen', 'x', 'caller', ['third']);
      return trace;
    }

    test.each([
      ['out', ['sent INVITE sip:out', 'received SIP/2.0 200', 'received BYE sip:z']],
      ['in', ['received INVITE sip:token-of-another', 'sent SIP/2.0 100', 'sent SIP/2.0 200', 'sent BYE sip:y']],
      ['chosen', ['received INVITE sip:chosen', 'sent SIP/2.0 404']],
    ])('each has its own messages, whatever a peer has written: %s', (id, expected) => {
      expect(lines(three().find(id))).toEqual(expected);
    });

    /** What presses everything before it out of a small trace. */
    const forget = (trace: SipTrace) => {
      for (let index = 0; index < 400; index++) trace.record(message(`other-${index}`, 'x'.repeat(100)), true, flow);
    };

    test('a live call whose links are gone has what is in its own dialogs, and no other call of its Call-ID', () => {
      const trace = new SipTrace(new VirtualScheduler(), { maxOctets: 20_000 });
      trace.link('long', 'x', 'caller', ['ours'], begunBy('first'));
      forget(trace);
      trace.record(text('x', 'INVITE sip:token-of-another SIP/2.0', 'same', '', 'first'), false, attacker);
      trace.link('another', 'x', 'caller', ['anothers'], begunBy('first', attacker));
      trace.record(text('x', 'SIP/2.0 200 OK', 'same', 'anothers', 'first'), true, attacker);
      const known = new Map([['x', { label: undefined, tags: ['ours'] }]]);
      expect(trace.findCall('long', known)).toEqual([]);
      trace.record(text('x', 'BYE sip:a SIP/2.0', 'same', 'ours'), false, flow);
      expect(lines(trace.findCall('long', known))).toEqual(['received BYE sip:a']);
    });

    test('a leg of ours whose INVITE is gone shows nothing of the call that it came back as', () => {
      const trace = new SipTrace(new VirtualScheduler(), { maxOctets: 20_000 });
      trace.record(text('x', 'INVITE sip:out SIP/2.0', 'ours', '', 'out'), true, flow);
      trace.record(text('x', 'INVITE sip:token-of-another SIP/2.0', 'ours', '', 'back'), false, flow);
      trace.link('in', 'x', 'caller', ['theirs'], begunBy('back'));
      forget(trace);
      trace.record(text('x', 'BYE sip:of-another SIP/2.0', 'theirs', 'ours', 'bye'), true, flow);
      trace.record(text('x', 'BYE sip:z SIP/2.0', 'theirs', 'ours', 'bye'), false, flow);
      trace.link('unknown', 'x', 'carrier');
      expect(trace.find('unknown')).toEqual([]);
      trace.link('out', 'x', 'carrier', ['ours']);
      expect(lines(trace.find('out'))).toEqual(['received BYE sip:z']);
    });

    test('a call is found by its id alone where another one has that as its Call-ID', () => {
      const trace = new SipTrace(new VirtualScheduler());
      trace.record(text('gone', 'INVITE sip:token-of-another SIP/2.0', 'a', ''), false, flow);
      trace.link('another', 'gone', 'caller', ['b'], begunBy('a'));
      expect(trace.findCall('gone')).toEqual([]);
      expect(trace.find('gone')).toHaveLength(1);
    });
  });

  test('what is sent before there is a dialog is of its call: challenges, copies, CANCEL and what answers it', () => {
    const trace = new SipTrace(new VirtualScheduler());
    trace.record(text('x', 'INVITE sip:b SIP/2.0', 'a', '', 'one'), false, flow);
    trace.record(text('x', 'SIP/2.0 407 Who', 'a', 'stateless', 'one'), true, flow);
    trace.record(text('x', 'ACK sip:b SIP/2.0', 'a', 'stateless', 'one'), false, flow);
    trace.record(text('x', 'INVITE sip:b SIP/2.0', 'a', '', 'two'), false, flow);
    trace.link('call', 'x', 'caller', ['ours'], begunBy('two'));
    trace.record(text('x', 'CANCEL sip:b SIP/2.0', 'a', '', 'two'), false, flow);
    trace.record(text('x', 'SIP/2.0 200 OK', 'a', 'other', 'two'), true, flow);
    trace.record(text('x', 'SIP/2.0 487 Gone', 'a', 'ours', 'two'), true, flow);
    trace.record(text('x', 'INVITE sip:b SIP/2.0', 'a', '', 'three'), false, flow);
    expect(trace.find('call')).toHaveLength(7);
  });

  test('a call that outlived its links is found by the legs that it is known to have', () => {
    const trace = new SipTrace(new VirtualScheduler(), { maxOctets: 50_000 });
    trace.link('long', 'a', 'caller', ['ours-a']);
    for (let call = 0; call < 400; call++) trace.record(message(`other-${call}`, 'x'.repeat(500)), true, flow);
    trace.record(text('a', 'BYE sip:a SIP/2.0', 'theirs', 'ours-a'), false, flow);
    trace.record(text('b', 'BYE sip:b SIP/2.0', 'ours-b', 'theirs'), true, flow);
    expect(trace.find('long')).toEqual([]);
    const known = new Map([
      ['a', { label: 'carrier', tags: ['ours-a'] }],
      ['b', { label: undefined, tags: ['ours-b'] }],
    ]);
    expect(trace.findCall('long', known).map(({ sipCallId, leg }) => [sipCallId, leg])).toEqual([
      ['a', 'carrier'],
      ['b', undefined],
    ]);
  });

  test('a flood of links alone is bounded too', () => {
    const trace = new SipTrace(new VirtualScheduler(), { maxOctets: 50_000 });
    for (let index = 0; index < 10_000; index++) trace.link(`call-${index}`, `sip-${index}`);
    expect(trace.octets).toBeLessThanOrEqual(50_200);
  });

  test('texts of any length come back as they were, however often the ring went round', () => {
    const trace = new SipTrace(new VirtualScheduler(), { maxOctets: 5000 });
    for (let index = 0; index < 500; index++) {
      const text = message(`call-${index}`, `M${index} ${'x'.repeat((index * 37) % 900)}`);
      trace.record(text, true, flow);
      expect(trace.find(`call-${index}`).map((found) => found.text)).toEqual([text]);
      expect(trace.octets).toBeLessThanOrEqual(5000);
    }
    trace.record(`${message('long', 'x')}${'y'.repeat(20_000)}`, true, flow);
    expect(trace.find('long')[0]?.text).toHaveLength(5000);
  });

  test.each(['Call-ID: x@y', 'Call-Id:x@y', 'CALL-ID : x@y ', 'i: x@y', 'I:\tx@y'])(
    'a message with "%s" is found',
    (line) => {
      const trace = new SipTrace(new VirtualScheduler());
      trace.record(`OPTIONS sip:a SIP/2.0\r\n${line}\r\nContent-Length: 0\r\n\r\n`, false, flow);
      expect(trace.find('x@y').map(({ sipCallId }) => sipCallId)).toEqual(['x@y']);
    },
  );

  test('Call-IDs with one hash are told apart', () => {
    const trace = new SipTrace(new VirtualScheduler());
    // FNV-1a gives these two the same 32 bits.
    trace.record(message('costarring', 'OPTIONS sip:a SIP/2.0'), false, flow);
    trace.record(message('liquid', 'OPTIONS sip:b SIP/2.0'), false, flow);
    expect(trace.find('liquid').map(({ sipCallId }) => sipCallId)).toEqual(['liquid']);
    expect(trace.find('costarring').map(({ sipCallId }) => sipCallId)).toEqual(['costarring']);
  });

  test('the longest message that is read is kept whole', () => {
    const trace = new SipTrace(new VirtualScheduler());
    const whole = message('whole', 'INVITE sip:a SIP/2.0');
    const text = whole + 'x'.repeat(65_535 - whole.length);
    trace.record(text, true, flow);
    expect(trace.find('whole').map((kept) => kept.text)).toEqual([text]);
  });

  test('long messages of one address cost the ring little more than their first 16 KB, and no other its long ones, round after round', async () => {
    const trace = new SipTrace(new VirtualScheduler());
    const long = (callId: string) => message(callId, 'INVITE sip:a SIP/2.0') + 'x'.repeat(60_000);
    const flood = { ...flow, remoteAddress: '192.0.2.66' };
    for (let round = 0; round < 4; round++) {
      trace.record(message(`before-${round}`, 'OPTIONS sip:a SIP/2.0'), false, flow);
      for (let index = 0; index < 850; index++) trace.record(long(`flood-${index}`), false, flood);
      expect(trace.find(`before-${round}`)).toHaveLength(1);
      trace.record(long(`call-${round}`), false, flow);
      expect(trace.find(`call-${round}`)[0]?.text).toBe(long(`call-${round}`));
    }
    // What has left the ring holds nobody's share.
    for (let index = 0; index < 1_100; index++) trace.record(`${message('x', 'x')}${'y'.repeat(16_000)}`, true, flow);
    trace.record(long('after'), false, flood);
    expect(trace.find('after')[0]?.text).toBe(long('after'));
  });

  test('a message without a Call-ID, or with one after what is kept, has an empty one and is among the latest', async () => {
    const trace = new SipTrace(new VirtualScheduler());
    trace.record('OPTIONS sip:a SIP/2.0\r\nTo: <sip:a>\r\n\r\n', false, flow);
    trace.record(`OPTIONS sip:a SIP/2.0\r\nX: ${'x'.repeat(70_000)}\r\nCall-ID: late\r\n\r\n`, false, flow);
    expect(trace.find('late')).toEqual([]);
    const { messages } = await trace.search({}, 10);
    expect(messages.map(({ sipCallId, text }) => [sipCallId, text.length])).toEqual([
      ['', 38],
      ['', 65_535],
    ]);
  });

  test('search: the latest that the filter lets through, oldest first, each with its leg', async () => {
    const trace = new SipTrace(new VirtualScheduler());
    trace.link('call-1', 'a', 'carrier');
    for (const id of ['a', 'b', 'a', 'b', 'a']) trace.record(message(id, 'OPTIONS sip:x SIP/2.0'), true, flow);
    const page = await trace.search({ trunk: { name: 'carrier', isOf: () => false } }, 2);
    expect(page.messages.map(({ sipCallId, leg }) => [sipCallId, leg])).toEqual([
      ['a', 'carrier'],
      ['a', 'carrier'],
    ]);
    trace.record(message('c', 'OPTIONS sip:x SIP/2.0'), true, flow);
    expect((await trace.search({}, 10, page.next)).messages.map(({ sipCallId }) => sipCallId)).toEqual(['c']);
  });

  test('search goes on while messages come and go: what was evicted meanwhile is not shown', async () => {
    const trace = new SipTrace(new VirtualScheduler(), { maxOctets: 100_000 });
    const fill = (id: string) => {
      for (let index = 0; index < 600; index++) trace.record(message(id, `M${index} sip:x SIP/2.0`), true, flow);
    };
    fill('old');
    const searched = trace.search({ method: 'none' }, 10);
    const all = trace.search({}, 1000);
    fill('new');
    fill('new');
    fill('new');
    expect((await searched).messages).toEqual([]);
    for (const { sipCallId, text } of (await all).messages) expect(text).toContain(`Call-ID: ${sipCallId}`);
  });
});
