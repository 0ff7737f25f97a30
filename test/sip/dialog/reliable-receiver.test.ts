import { describe, expect, test } from 'vitest';
import { ReliableReceiver } from '../../../src/sip/dialog/index.ts';
import { HeaderId } from '../../../src/sip/message/index.ts';
import { requestWith, responseTo } from './fixture.ts';

function reliable(status: number, rseq: string, require = '100rel') {
  return responseTo(requestWith('INVITE'), status, {
    headers: [
      [HeaderId.Require, require],
      [HeaderId.RSeq, rseq],
    ],
  });
}

describe('RFC 3262 on the calling side', () => {
  test('§4: responses in order are new and name their RAck; copies and gaps are ignored', () => {
    const receiver = new ReliableReceiver();
    expect(receiver.receive(reliable(183, '988789'))).toBe('new');
    expect(receiver.rack).toBe('988789 314159 INVITE');
    expect(receiver.receive(reliable(183, '988789'))).toBe('ignore');
    expect(receiver.receive(reliable(180, '988791'))).toBe('ignore');
    expect(receiver.receive(reliable(180, '988790'))).toBe('new');
    expect(receiver.rack).toBe('988790 314159 INVITE');
    expect(receiver.receive(reliable(183, '988789'))).toBe('ignore');
  });

  test('a gateway that begins with RSeq 0 gets its PRACK', () => {
    const receiver = new ReliableReceiver();
    expect([receiver.receive(reliable(183, '0')), receiver.rack]).toEqual(['new', '0 314159 INVITE']);
    expect([receiver.receive(reliable(180, '1')), receiver.rack]).toEqual(['new', '1 314159 INVITE']);
  });

  test.each([
    ['without Require: 100rel', reliable(183, '1', 'timer')],
    ['with status 100', reliable(100, '1')],
    ['with an RSeq that is no number', reliable(183, '1e3')],
    ['that is final', reliable(200, '1')],
  ])('§4: a response %s is not acknowledged', (_what, response) => {
    expect(new ReliableReceiver().receive(response)).toBe('unreliable');
  });
});
