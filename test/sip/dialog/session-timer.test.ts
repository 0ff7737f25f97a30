import { describe, expect, test } from 'vitest';
import { SessionTimer, type SessionTimerOptions } from '../../../src/sip/dialog/index.ts';
import { headerName } from '../../../src/sip/message/header-id.ts';
import { HeaderId } from '../../../src/sip/message/index.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { requestWith, responseTo } from './fixture.ts';

function rig(options: SessionTimerOptions = {}) {
  const scheduler = new VirtualScheduler();
  const events: [string, number][] = [];
  const timer = new SessionTimer(
    scheduler,
    {
      onRefreshDue: () => events.push(['refresh', scheduler.nowMs() / 1000]),
      onExpired: () => events.push(['expired', scheduler.nowMs() / 1000]),
      onFault: (error) => {
        throw error;
      },
    },
    options,
  );
  return { scheduler, events, timer };
}

function show(headers: readonly (readonly [HeaderId, string])[]): string[] {
  return headers.map(([id, value]) => `${headerName(id)}: ${value}`);
}

/** What a request of ours gets. */
function asked(timer: SessionTimer): string[] {
  const request = requestWith('INVITE');
  const hasAny = timer.ask(request);
  const fields = [HeaderId.SessionExpires, HeaderId.MinSE].flatMap((id) =>
    request.headers.fieldValues(id).map((value) => [id, value] as const),
  );
  expect(hasAny).toBe(fields.length > 0);
  return show(fields);
}

function success(sessionExpires?: string) {
  return responseTo(requestWith('INVITE'), 200, {
    headers: sessionExpires === undefined ? [] : [[HeaderId.SessionExpires, sessionExpires]],
  });
}

function tooSmall(minSe?: string) {
  return responseTo(requestWith('INVITE'), 422, { headers: minSe === undefined ? [] : [[HeaderId.MinSE, minSe]] });
}

function refresh(sessionExpires?: string, options: { minSe?: string; supported?: string; method?: string } = {}) {
  const headers: [HeaderId, string][] = [];
  if (sessionExpires !== undefined) headers.push([HeaderId.SessionExpires, sessionExpires]);
  if (options.minSe !== undefined) headers.push([HeaderId.MinSE, options.minSe]);
  if (options.supported !== '') headers.push([HeaderId.Supported, options.supported ?? '100rel, timer']);
  return requestWith(options.method ?? 'INVITE', { headers });
}

describe('RFC 4028 as the side that sends the request', () => {
  test('§7.1: the first request asks for the interval and leaves the refresher open', () => {
    expect(asked(rig().timer)).toEqual(['Session-Expires: 1800']);
    expect(asked(rig({ refresher: 'local' }).timer)).toEqual(['Session-Expires: 1800;refresher=uac']);
    expect(asked(rig({ intervalSeconds: 0 }).timer)).toEqual([]);
    expect(asked(rig({ minSeconds: 300 }).timer)).toEqual(['Session-Expires: 1800', 'Min-SE: 300']);
  });

  test('§7.2, §10: refresher uac: we refresh at half the interval, and end the session when that brings nothing', () => {
    const { timer, events, scheduler } = rig();
    asked(timer);
    timer.receiveSuccess(success('1800;refresher=uac'));
    expect([timer.refresher, timer.intervalSeconds]).toEqual(['local', 1800]);
    scheduler.runUntilIdle();
    expect(events).toEqual([
      ['refresh', 900],
      ['expired', 1768],
    ]);
    expect(scheduler.armedCount).toBe(0);
  });

  test('§7.2, §10: refresher uas: we wait, and end the session min(32 s, a third) before it expires', () => {
    const { timer, events, scheduler } = rig();
    timer.receiveSuccess(success('90;refresher=uas'));
    expect(timer.refresher).toBe('remote');
    scheduler.runUntilIdle();
    expect(events).toEqual([['expired', 60]]);
  });

  test('§7.2: a peer that knows no timer leaves all refreshing to us, who asked for it', () => {
    const { timer, events, scheduler } = rig({ intervalSeconds: 600 });
    asked(timer);
    timer.receiveSuccess(success());
    expect([timer.refresher, timer.intervalSeconds]).toEqual(['local', 600]);
    scheduler.advance(300_000);
    expect(events).toEqual([['refresh', 300]]);
  });

  test('§7.2: a 2xx without Session-Expires to a request without one turns the timer off', () => {
    const { timer, scheduler } = rig({ intervalSeconds: 0 });
    timer.receiveSuccess(success('1800;refresher=uas'));
    timer.stop();
    asked(timer);
    timer.receiveSuccess(success());
    expect(timer.refresher).toBeUndefined();
    expect(scheduler.armedCount).toBe(0);
  });

  test('§7.2: each 2xx starts the interval anew', () => {
    const { timer, events, scheduler } = rig();
    timer.receiveSuccess(success('1800;refresher=uac'));
    for (let round = 0; round < 4; round++) {
      scheduler.advance(900_000);
      timer.receiveSuccess(success('1800;refresher=uac'));
    }
    expect(events).toEqual([
      ['refresh', 900],
      ['refresh', 1800],
      ['refresh', 2700],
      ['refresh', 3600],
    ]);
  });

  test('§7.4: a refresh repeats the interval and keeps the roles', () => {
    const { timer } = rig();
    timer.receiveSuccess(success('1200;refresher=uac'));
    expect(asked(timer)).toEqual(['Session-Expires: 1200;refresher=uac']);
    timer.receiveSuccess(success('1200;refresher=uas'));
    expect(asked(timer)).toEqual(['Session-Expires: 1200;refresher=uas']);
  });

  test('§7.3, §7.4: after a 422 the request is repeated with its Min-SE', () => {
    const { timer } = rig({ intervalSeconds: 600 });
    asked(timer);
    expect(timer.receive422(tooSmall('1000'))).toBe(true);
    expect(asked(timer)).toEqual(['Session-Expires: 1000', 'Min-SE: 1000']);
    expect(timer.receive422(tooSmall('1200'))).toBe(true);
    expect(asked(timer)).toEqual(['Session-Expires: 1200', 'Min-SE: 1200']);
  });

  test('§7.3: a 422 that asks for nothing larger, for nothing, or for ever, is not followed', () => {
    const { timer } = rig({ intervalSeconds: 600 });
    asked(timer);
    expect(timer.receive422(tooSmall('300'))).toBe(false);
    expect(timer.receive422(tooSmall())).toBe(false);
    expect(timer.receive422(tooSmall('4000000'))).toBe(false);
  });

  test('§10: a peer that answers 422 without end is followed three times', () => {
    const { timer } = rig({ intervalSeconds: 100 });
    let tries = 0;
    for (let seconds = 200; seconds < 5000; seconds += 100) {
      asked(timer);
      if (!timer.receive422(tooSmall(String(seconds)))) break;
      tries++;
    }
    expect(tries).toBe(3);
  });

  test('§11.1: a 2xx with an interval below 90 s does not make us send faster', () => {
    const { timer, events, scheduler } = rig();
    timer.receiveSuccess(success('2;refresher=uac'));
    scheduler.advance(44_000);
    expect(events).toEqual([]);
    scheduler.advance(1000);
    expect(events).toEqual([['refresh', 45]]);
  });

  test('§10: a refresh that fails with 408 or 481 ends the session, another failure gets one more try', () => {
    const { timer, events, scheduler } = rig();
    timer.receiveSuccess(success('900;refresher=uac'));
    scheduler.advance(450_000);
    expect(timer.refreshFailed(500)).toBe(false);
    scheduler.advance(209_000);
    expect(timer.refreshFailed(500)).toBe(false);
    scheduler.runUntilIdle();
    expect(events).toEqual([
      ['refresh', 450],
      ['refresh', 659],
      ['expired', 868],
    ]);
    for (const status of [408, 481]) {
      const other = rig();
      other.timer.receiveSuccess(success('900;refresher=uac'));
      expect(other.timer.refreshFailed(status)).toBe(true);
      expect(other.scheduler.armedCount).toBe(0);
    }
  });

  test('a response with a field that cannot be read does not cost the call: it counts as absent', () => {
    const { timer } = rig({ intervalSeconds: 600 });
    asked(timer);
    timer.receiveSuccess(success('soon;refresher=proxy'));
    expect([timer.refresher, timer.intervalSeconds]).toEqual(['local', 600]);
    expect(timer.receive422(tooSmall('much'))).toBe(false);
  });

  test.each(['-1', 'soon', '1800;refresher=proxy'])("a request's Session-Expires '%s' counts as absent", (value) => {
    const { timer } = rig({ intervalSeconds: 0 });
    const request = refresh(value, { minSe: 'much' });
    expect(timer.judge(request)).toBeUndefined();
    expect(timer.acceptRequest(request)).toEqual([]);
  });
});

describe('RFC 4028 as the side that answers', () => {
  test('§9: an interval below ours is 422 with our Min-SE, if the peer understands it', () => {
    const { timer } = rig({ minSeconds: 300 });
    expect(timer.judge(refresh('299'))).toEqual({ status: 422, headers: [[HeaderId.MinSE, '300']] });
    expect(timer.judge(refresh('300'))).toBeUndefined();
    expect(timer.judge(refresh('120', { supported: '' }))).toBeUndefined();
    expect(timer.judge(refresh())).toBeUndefined();
  });

  test('§9: our own minimum is never below 90 s', () => {
    expect(rig({ minSeconds: 10 }).timer.judge(refresh('89'))).toMatchObject({ status: 422 });
    expect(rig({ minSeconds: 10 }).timer.judge(refresh('90'))).toBeUndefined();
  });

  // Columns of table 2: UAC supports it, refresher in the request → refresher in the response.
  test.each([
    ['', '1800', ['Session-Expires: 1800;refresher=uas'], 'local'],
    ['timer', '1800', ['Session-Expires: 1800;refresher=uac', 'Require: timer'], 'remote'],
    ['timer', '1800;refresher=uac', ['Session-Expires: 1800;refresher=uac', 'Require: timer'], 'remote'],
    ['timer', '1800;refresher=uas', ['Session-Expires: 1800;refresher=uas', 'Require: timer'], 'local'],
  ] as const)('§9 table 2: supported "%s", asked "%s"', (supported, asked, headers, refresher) => {
    const { timer } = rig();
    expect(show(timer.acceptRequest(refresh(asked, { supported })))).toEqual([...headers]);
    expect(timer.refresher).toBe(refresher);
  });

  test('§9: the choice is ours when the peer leaves it open', () => {
    const { timer } = rig({ refresher: 'local' });
    expect(show(timer.acceptRequest(refresh('1800')))[0]).toBe('Session-Expires: 1800;refresher=uas');
  });

  test('§9: the interval may be reduced to ours, never below Min-SE, never raised', () => {
    const { timer } = rig({ intervalSeconds: 600 });
    expect(show(timer.acceptRequest(refresh('1800')))[0]).toBe('Session-Expires: 600;refresher=uac');
    expect(show(timer.acceptRequest(refresh('1800', { minSe: '900' })))[0]).toBe('Session-Expires: 900;refresher=uac');
    expect(show(timer.acceptRequest(refresh('300')))[0]).toBe('Session-Expires: 300;refresher=uac');
    expect(show(rig({ intervalSeconds: 0 }).timer.acceptRequest(refresh('7200')))[0]).toBe(
      'Session-Expires: 7200;refresher=uac',
    );
  });

  test('§9: a peer that supports the timer and asks for none is asked; one that does not is left alone', () => {
    expect(show(rig({ intervalSeconds: 600 }).timer.acceptRequest(refresh()))).toEqual([
      'Session-Expires: 600;refresher=uac',
      'Require: timer',
    ]);
    expect(show(rig().timer.acceptRequest(refresh(undefined, { supported: '' })))).toEqual([]);
    expect(show(rig({ intervalSeconds: 0 }).timer.acceptRequest(refresh()))).toEqual([]);
  });

  test('§9, §10: as the refresher we refresh at half, as the other we end the session before it expires', () => {
    const refresher = rig();
    refresher.timer.acceptRequest(refresh('1800;refresher=uas'));
    refresher.scheduler.advance(900_000);
    expect(refresher.events).toEqual([['refresh', 900]]);
    const waiting = rig();
    waiting.timer.acceptRequest(refresh('1800;refresher=uac'));
    waiting.scheduler.advance(1_000_000);
    waiting.timer.acceptRequest(refresh('1800;refresher=uac', { method: 'UPDATE' }));
    waiting.scheduler.runUntilIdle();
    expect(waiting.events).toEqual([['expired', 2768]]);
  });

  test('§7.4: a Min-SE received within the dialog is kept for our own refreshes', () => {
    const { timer } = rig();
    timer.acceptRequest(refresh('1000;refresher=uas', { minSe: '1000' }));
    expect(asked(timer)).toEqual(['Session-Expires: 1000;refresher=uac', 'Min-SE: 1000']);
  });

  test('stop leaves no timer armed', () => {
    const { timer, scheduler } = rig();
    timer.acceptRequest(refresh('1800;refresher=uas'));
    timer.stop();
    expect(scheduler.armedCount).toBe(0);
  });
});

describe('an interval that began in another process', () => {
  const granted = (sessionExpires: string, seconds: number) => {
    const { timer, scheduler } = rig();
    asked(timer);
    timer.receiveSuccess(success(sessionExpires));
    scheduler.advance(seconds * 1000);
    const snapshot = timer.snapshot();
    if (snapshot === undefined) throw new Error('no interval runs');
    return snapshot;
  };

  test('is refreshed and ends when it would have', () => {
    const { timer, scheduler, events } = rig();
    timer.resume(granted('1800;refresher=uac', 600));
    expect([timer.intervalSeconds, timer.refresher]).toEqual([1800, 'local']);
    scheduler.runUntilIdle();
    expect(events).toEqual([
      ['refresh', 300],
      ['expired', 1168],
    ]);
  });

  test("is the peer's to refresh, as before", () => {
    const { timer, scheduler, events } = rig();
    timer.resume(granted('1800;refresher=uas', 600));
    scheduler.runUntilIdle();
    expect(events).toEqual([['expired', 1168]]);
  });

  test('what became due meanwhile is done at once, and there is time for its answer', () => {
    const { timer, scheduler, events } = rig();
    timer.resume({ ...granted('90;refresher=uac', 10), remainingMs: -5_000 });
    scheduler.runUntilIdle();
    expect(events).toEqual([
      ['refresh', 0],
      ['expired', 10],
    ]);
  });

  test('without an interval there is nothing to go on with', () => {
    expect(rig().timer.snapshot()).toBeUndefined();
  });
});
