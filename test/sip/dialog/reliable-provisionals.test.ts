import { describe, expect, test } from 'vitest';
import { PeerError } from '../../../src/base/errors.ts';
import { ReliableProvisionals } from '../../../src/sip/dialog/index.ts';
import { HeaderId, type SipRequest, type SipResponse } from '../../../src/sip/message/index.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { requestWith, responseTo } from './fixture.ts';

function rig() {
  const scheduler = new VirtualScheduler();
  const invite = requestWith('INVITE');
  const sent: { atMs: number; response: SipResponse }[] = [];
  const abandoned: SipResponse[] = [];
  const reliable = new ReliableProvisionals(scheduler, invite, {
    send: (response) => sent.push({ atMs: scheduler.nowMs(), response }),
    onNoPrack: (response) => abandoned.push(response),
    onFault: (error) => {
      throw error;
    },
  });
  const prack = (rack: string): SipRequest => requestWith('PRACK', { headers: [[HeaderId.RAck, rack]], contact: '' });
  const rackOf = (response: SipResponse) => `${response.headers.value(HeaderId.RSeq)} 314159 INVITE`;
  return { scheduler, invite, sent, abandoned, reliable, prack, rackOf };
}

describe('RFC 3262 on the called side', () => {
  test('§3: the response requires 100rel and carries an RSeq from 1 to 2**31 - 1', () => {
    const { reliable, invite, sent } = rig();
    reliable.send(responseTo(invite, 183));
    const response = sent[0]?.response as SipResponse;
    expect(response.headers.listValues(HeaderId.Require)).toEqual(['100rel']);
    const sequence = Number(response.headers.value(HeaderId.RSeq));
    expect(sequence).toBeGreaterThanOrEqual(1);
    expect(sequence).toBeLessThan(2 ** 31);
  });

  test('§3: without PRACK it is resent at T1, doubling without limit, and abandoned after 64*T1', () => {
    const { reliable, invite, sent, abandoned, scheduler } = rig();
    const response = responseTo(invite, 183);
    reliable.send(response);
    scheduler.runUntilIdle();
    expect(sent.map((each) => each.atMs)).toEqual([0, 500, 1500, 3500, 7500, 15_500, 31_500]);
    expect(scheduler.nowMs()).toBe(32_000);
    expect(abandoned).toEqual([response]);
  });

  test('§3: the matching PRACK stops it, once', () => {
    const { reliable, invite, sent, prack, rackOf, scheduler } = rig();
    reliable.send(responseTo(invite, 183));
    const rack = rackOf(sent[0]?.response as SipResponse);
    expect(reliable.receivePrack(prack(rack))).toBe(true);
    expect(reliable.receivePrack(prack(rack))).toBe(false);
    expect(scheduler.armedCount).toBe(0);
  });

  test.each([
    ['another RSeq', (rseq: number) => `${rseq + 1} 314159 INVITE`],
    ['another CSeq', (rseq: number) => `${rseq} 314158 INVITE`],
    ['another method', (rseq: number) => `${rseq} 314159 UPDATE`],
  ])('§3: a PRACK with %s matches nothing', (_what, rack) => {
    const { reliable, invite, sent, prack, scheduler } = rig();
    reliable.send(responseTo(invite, 183));
    const rseq = Number(sent[0]?.response.headers.value(HeaderId.RSeq));
    expect(reliable.receivePrack(prack(rack(rseq)))).toBe(false);
    expect(scheduler.armedCount).toBeGreaterThan(0);
  });

  test.each(['x 314159 INVITE', '1 INVITE', '99999999999 314159 INVITE'])("a RAck '%s' is the peer's fault", (rack) => {
    const { reliable, invite, prack, scheduler } = rig();
    reliable.send(responseTo(invite, 183));
    expect(() => reliable.receivePrack(prack(rack))).toThrow(PeerError);
    expect(scheduler.armedCount).toBeGreaterThan(0);
  });

  test("§3: a second response waits for the first one's PRACK and has the next RSeq", () => {
    const { reliable, invite, sent, prack, rackOf } = rig();
    reliable.send(responseTo(invite, 183, { body: 'v=0\r\n' }));
    reliable.send(responseTo(invite, 180));
    expect(sent).toHaveLength(1);
    expect(reliable.holdsDescription).toBe(true);
    reliable.receivePrack(prack(rackOf(sent[0]?.response as SipResponse)));
    expect(sent.map((each) => each.response.status)).toEqual([183, 180]);
    expect(reliable.holdsDescription).toBe(false);
    const [first, second] = sent.map((each) => Number(each.response.headers.value(HeaderId.RSeq)));
    expect(second).toBe((first as number) + 1);
  });

  test('§3: the final response stops retransmission; a PRACK that comes after it is still matched', () => {
    const { reliable, invite, sent, prack, rackOf, scheduler } = rig();
    reliable.send(responseTo(invite, 183));
    reliable.end();
    scheduler.runUntilIdle();
    expect(sent).toHaveLength(1);
    expect(reliable.receivePrack(prack(rackOf(sent[0]?.response as SipResponse)))).toBe(true);
    expect(reliable.send(responseTo(invite, 180))).toBe(false);
  });

  test('no more than 16 responses wait', () => {
    const { reliable, invite } = rig();
    const accepted = Array.from({ length: 30 }, () => reliable.send(responseTo(invite, 183)));
    expect(accepted.filter(Boolean)).toHaveLength(17);
  });
});
