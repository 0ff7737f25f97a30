import { expect, test } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { PartsLeft } from '../../src/call/parts-left.ts';
import { HeaderId, SipRequest } from '../../src/sip/message/index.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

test('of each target there is one line a minute, which says how many there were since the line before', () => {
  const scheduler = new VirtualScheduler();
  const lines: unknown[] = [];
  const partsLeft = new PartsLeft({ scheduler, log: { ...silentLog, info: (...line) => lines.push(line) } });
  const request = new SipRequest('INVITE', 'sip:b');
  request.headers.add(HeaderId.CallId, 'x');
  request.headers.add(HeaderId.ContentType, 'multipart/mixed;boundary=b');
  request.body =
    '--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b\r\nContent-Type: application/ISUP\r\n\r\nx\r\n--b--\r\n';
  const line = (target: string, count: number) => {
    const types = 'application/sdp, application/isup';
    return ['invite-parts-left', { label: 'trunk', target, callId: 'x', types, count }];
  };
  for (let calls = 0; calls < 300; calls++) partsLeft.note('trunk', 'a', request);
  partsLeft.note('trunk', 'b', request);
  scheduler.advance(59_999);
  partsLeft.note('trunk', 'a', request);
  expect(lines).toEqual([line('a', 1), line('b', 1)]);
  scheduler.advance(1);
  partsLeft.note('trunk', 'a', request);
  partsLeft.note('trunk', 'a', request);
  expect(lines.slice(2)).toEqual([line('a', 301)]);
});
