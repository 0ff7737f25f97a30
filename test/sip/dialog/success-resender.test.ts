import { describe, expect, test } from 'vitest';
import { SuccessResender } from '../../../src/sip/dialog/index.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { requestWith, responseTo } from './fixture.ts';

function rig(lateMs = 0) {
  const scheduler = new VirtualScheduler();
  scheduler.lateMs = lateMs;
  const resentAtMs: number[] = [];
  let unacknowledged = 0;
  const resender = new SuccessResender(scheduler, responseTo(requestWith('INVITE'), 200), {
    resend: () => resentAtMs.push(scheduler.nowMs()),
    onNoAck: () => unacknowledged++,
    onFault: (error) => {
      throw error;
    },
  });
  return { scheduler, resender, resentAtMs, unacknowledged: () => unacknowledged };
}

describe('retransmission of a 2xx to an INVITE', () => {
  test('§13.3.1.4: at T1, doubling up to T2, for 64*T1, then the user is told to end the session', () => {
    const { scheduler, resentAtMs, unacknowledged } = rig();
    scheduler.runUntilIdle();
    expect(resentAtMs).toEqual([500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    expect(scheduler.nowMs()).toBe(32_000);
    expect(unacknowledged()).toBe(1);
  });

  test('§13.3.1.4: 64*T1 are over by the clock, however late each copy went', () => {
    const { scheduler, resentAtMs, unacknowledged } = rig(90);
    scheduler.runUntilIdle();
    expect(resentAtMs).toEqual([590, 1680, 3770, 7860, 11_950, 16_040, 20_130, 24_220, 28_310]);
    expect(scheduler.nowMs()).toBe(32_090);
    expect(unacknowledged()).toBe(1);
  });

  test('§13.3.1.4: an ACK that came while the process stood still for longer is heard before it is given up', () => {
    const { scheduler, resender, unacknowledged } = rig(40_000);
    scheduler.lateMs = 0;
    // Read after the timers that were due.
    scheduler.after(40_500, () => resender.stop());
    scheduler.runUntilIdle();
    expect(unacknowledged()).toBe(0);
  });

  test('§13.3.1.4: the ACK stops it', () => {
    const { scheduler, resender, resentAtMs, unacknowledged } = rig();
    scheduler.advance(600);
    resender.stop();
    scheduler.runUntilIdle();
    expect(resentAtMs).toEqual([500]);
    expect(unacknowledged()).toBe(0);
  });
});
