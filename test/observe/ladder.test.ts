import { expect, describe as group, test } from 'vitest';
import type { TraceMessage } from '../../src/observe/call-facts.ts';
import { describe, renderLadder } from '../../src/observe/ladder.ts';

const SDP = '\r\n\r\nv=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n';

function message(
  atMs: number,
  leg: string,
  remote: string,
  direction: 'sent' | 'received',
  text: string,
): TraceMessage {
  const at = new Date(atMs).toISOString();
  return { at, atMs, direction, transport: 'udp', local: '127.0.0.1:5060', remote, sipCallId: leg, leg, text };
}

const invite = `INVITE sip:x SIP/2.0\r\nCSeq: 1 INVITE${SDP}`;
const answer = (status: string, cseq = '1 INVITE', body = '\r\n\r\n') => `SIP/2.0 ${status}\r\nCSeq: ${cseq}${body}`;

test('a call as a ladder: the caller left, the engine in the middle, the carrier right', () => {
  const phone = (atMs: number, direction: 'sent' | 'received', text: string) =>
    message(atMs, '101', '127.0.0.1:5070', direction, text);
  const carrier = (atMs: number, direction: 'sent' | 'received', text: string) =>
    message(atMs, 'carrier', '127.0.0.1:5080', direction, text);
  const ladder = renderLadder([
    phone(0, 'received', invite),
    phone(1, 'sent', answer('100 Trying')),
    carrier(2, 'sent', invite),
    carrier(1500, 'received', answer('200 OK', '1 INVITE', SDP)),
    phone(1501, 'sent', answer('200 OK', '1 INVITE', SDP)),
    phone(61_501, 'received', 'BYE sip:x SIP/2.0\r\nCSeq: 2 BYE\r\n\r\n'),
    phone(61_502, 'sent', answer('200 OK', '2 BYE')),
  ]);
  expect(ladder.split('\n')).toEqual([
    '                101 127.0.0.1:5070                  tandem                carrier 127.0.0.1:5080',
    '                         |                             |                             |',
    '   0.000                 |------- INVITE (SDP) ------->|                             |',
    '   0.001                 |<-------- 100 Trying --------|                             |',
    '   0.002                 |                             |------- INVITE (SDP) ------->|',
    '   1.500                 |                             |<------- 200 OK (SDP) -------|',
    '   1.501                 |<------- 200 OK (SDP) -------|                             |',
    '  61.501                 |----------- BYE ------------>|                             |',
    '  61.502                 |<------- 200 OK (BYE) -------|                             |',
    '',
  ]);
});

group('describe', () => {
  test.each([
    ['ACK sip:x SIP/2.0\r\n\r\n', 'ACK'],
    [answer('407 Proxy Authentication Required'), '407 Proxy Authentication Required'],
    ['SIP/2.0 180 \u001b[2JRinging\r\n\r\n', '180 ?[2JRinging'],
    ['\r\n\r\n', '(not SIP)'],
    ['', '(not SIP)'],
  ])('%j', (text, expected) => {
    expect(describe(text)).toBe(expected);
  });
});

test('no message, no ladder; any number of carriers and any reason phrase keep the lines in shape', () => {
  expect(renderLadder([])).toBe('');
  const many = Array.from({ length: 6 }, (_, index) =>
    message(index, `t${index}`, `192.0.2.${index}:5060`, 'sent', answer(`503 ${'x'.repeat(200)}`)),
  );
  const lines = renderLadder(many).trimEnd().split('\n').slice(2);
  const columnOf = (lane: number) => 25 + 30 * lane;
  for (const [index, line] of lines.entries()) {
    // The engine's lane is the second; an arrow passes in front of the lanes between.
    const lane = index === 0 ? 0 : index + 1;
    expect([line[columnOf(1)], line[columnOf(lane)], line[columnOf(6)]]).toEqual(['|', '|', '|']);
    expect(line).toHaveLength(columnOf(6) + 1);
  }
});
