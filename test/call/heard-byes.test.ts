import { expect, test } from 'vitest';
import { HeardByes } from '../../src/call/heard-byes.ts';
import { parseMessage, type SipRequest } from '../../src/sip/message/index.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

const bye = ({ branch = 'z9hG4bK1', callId = '1', tag = 'a', cseq = 2 } = {}) =>
  parseMessage(
    [
      'BYE sip:102@192.0.2.1 SIP/2.0',
      `Via: SIP/2.0/UDP 192.0.2.9;branch=${branch}`,
      `From: <sip:101@a>;tag=${tag}`,
      'To: <sip:102@a>;tag=b',
      `Call-ID: ${callId}`,
      `CSeq: ${cseq} BYE`,
      'Max-Forwards: 70',
      'Content-Length: 0',
      '',
      '',
    ].join('\r\n'),
  ) as SipRequest;

test('a BYE is known again by another branch for as long as copies may come, and no other BYE is taken for it', () => {
  const time = new VirtualScheduler();
  const heard = new HeardByes(time, 32_000);
  heard.note(bye());
  const others = [bye({ callId: '2' }), bye({ tag: 'b' }), bye({ cseq: 3 })];
  expect([heard.has(bye({ branch: 'z9hG4bK2' })), ...others.map((other) => heard.has(other))]).toEqual([
    true,
    false,
    false,
    false,
  ]);
  time.advance(31_999);
  expect(heard.has(bye())).toBe(true);
  time.advance(32_001);
  expect(heard.has(bye())).toBe(false);
});
