import { describe, expect, test } from 'vitest';
import { type DescriptionRole, OfferAnswer, type Side } from '../../../src/sip/dialog/index.ts';

/** One step of a flow: who sends what, with a description or without, and what that description is. */
type Step =
  | readonly [Side, string, 'sdp' | '-', DescriptionRole]
  | readonly [Side, string, number, 'sdp' | '-', 'reliable' | '', DescriptionRole];

function play(tracker: OfferAnswer, steps: readonly Step[]): void {
  for (const step of steps) {
    const role =
      step.length === 4
        ? tracker.request(step[0], step[1], step[2] === 'sdp')
        : tracker.response(step[0], step[1], step[2], step[3] === 'sdp', step[4] === 'reliable' || step[2] >= 200);
    expect([...step.slice(0, -1), role]).toEqual([...step]);
  }
}

/** The six patterns of RFC 6337 §2.2, table 1. */
const PATTERNS: readonly (readonly [string, readonly Step[]])[] = [
  [
    '1: offer in INVITE, answer in 2xx',
    [
      ['local', 'INVITE', 'sdp', 'offer'],
      ['remote', 'INVITE', 183, 'sdp', '', 'preview'],
      ['remote', 'INVITE', 200, 'sdp', '', 'answer'],
      ['local', 'ACK', '-', 'none'],
    ],
  ],
  [
    '2: offer in 2xx, answer in ACK',
    [
      ['local', 'INVITE', '-', 'none'],
      ['remote', 'INVITE', 180, '-', '', 'none'],
      ['remote', 'INVITE', 200, 'sdp', '', 'offer'],
      ['local', 'ACK', 'sdp', 'answer'],
    ],
  ],
  [
    '3: offer in INVITE, answer in a reliable 1xx',
    [
      ['remote', 'INVITE', 'sdp', 'offer'],
      ['local', 'INVITE', 183, 'sdp', 'reliable', 'answer'],
      ['remote', 'PRACK', '-', 'none'],
      ['local', 'PRACK', 200, '-', '', 'none'],
      ['local', 'INVITE', 200, 'sdp', '', 'repeat'],
    ],
  ],
  [
    '4: offer in a reliable 1xx, answer in PRACK',
    [
      ['remote', 'INVITE', '-', 'none'],
      ['local', 'INVITE', 183, 'sdp', 'reliable', 'offer'],
      ['remote', 'PRACK', 'sdp', 'answer'],
      ['local', 'PRACK', 200, '-', '', 'none'],
      ['local', 'INVITE', 200, '-', '', 'none'],
    ],
  ],
  [
    '5: offer in PRACK, answer in its 200',
    [
      ['local', 'INVITE', 'sdp', 'offer'],
      ['remote', 'INVITE', 183, 'sdp', 'reliable', 'answer'],
      ['local', 'PRACK', 'sdp', 'offer'],
      ['remote', 'PRACK', 200, 'sdp', '', 'answer'],
      ['remote', 'INVITE', 200, '-', '', 'none'],
    ],
  ],
  [
    '6: offer in UPDATE, answer in its 200',
    [
      ['local', 'INVITE', 'sdp', 'offer'],
      ['remote', 'INVITE', 183, 'sdp', 'reliable', 'answer'],
      ['remote', 'UPDATE', 'sdp', 'offer'],
      ['local', 'UPDATE', 200, 'sdp', '', 'answer'],
    ],
  ],
];

describe('RFC 6337 §2.2: where offers and answers may be', () => {
  test.each(PATTERNS)('pattern %s', (_name, steps) => {
    const tracker = new OfferAnswer();
    play(tracker, steps);
    expect(tracker.established).toBe(true);
    expect(tracker.offeredBy).toBeUndefined();
  });

  test('RFC 3261 §14.1: a failed re-INVITE leaves nothing outstanding and the session as it was', () => {
    const tracker = established();
    play(tracker, [
      ['local', 'INVITE', 'sdp', 'offer'],
      ['remote', 'INVITE', 488, '-', '', 'none'],
    ]);
    expect(tracker.offeredBy).toBeUndefined();
    expect(tracker.maySend('INVITE', true)).toBe(true);
  });

  test('RFC 3311 §5.2: a refused UPDATE leaves nothing outstanding', () => {
    const tracker = established();
    play(tracker, [
      ['remote', 'UPDATE', 'sdp', 'offer'],
      ['local', 'UPDATE', 488, '-', '', 'none'],
    ]);
    expect(tracker.judge('UPDATE', true)).toBeUndefined();
  });

  test('a 2xx without the answer that is due, or an ACK without it, leaves nothing waiting', () => {
    const tracker = new OfferAnswer();
    play(tracker, [
      ['local', 'INVITE', 'sdp', 'offer'],
      ['remote', 'INVITE', 200, '-', '', 'none'],
    ]);
    expect(tracker.offeredBy).toBeUndefined();
    play(tracker, [
      ['local', 'INVITE', '-', 'none'],
      ['remote', 'INVITE', 200, 'sdp', '', 'offer'],
      ['local', 'ACK', '-', 'none'],
    ]);
    expect(tracker.offeredBy).toBeUndefined();
    expect(tracker.established).toBe(false);
  });
});

describe('collisions', () => {
  test('RFC 3261 §14.2: a second INVITE before the answer to the first is 500 with Retry-After', () => {
    const tracker = established();
    tracker.request('remote', 'INVITE', true);
    expect(tracker.judge('INVITE', true)).toEqual({ status: 500, retryAfterSeconds: 5 });
  });

  test('RFC 3261 §14.2: an INVITE while ours is in progress is 491', () => {
    const tracker = established();
    tracker.request('local', 'INVITE', true);
    expect(tracker.judge('INVITE', true)).toEqual({ status: 491 });
    expect(tracker.judge('INVITE', false)).toEqual({ status: 491 });
  });

  test('RFC 3261 §14.1: no INVITE of ours while one is in progress in either direction', () => {
    for (const side of ['local', 'remote'] as const) {
      const tracker = established();
      tracker.request(side, 'INVITE', true);
      expect(tracker.maySend('INVITE', true)).toBe(false);
    }
  });

  test('RFC 3311 §5.2: an offer in UPDATE while ours waits is 491, while we owe an answer 500', () => {
    const ours = established();
    ours.request('local', 'INVITE', true);
    expect(ours.judge('UPDATE', true)).toEqual({ status: 491 });
    const theirs = established();
    theirs.request('remote', 'INVITE', true);
    expect(theirs.judge('UPDATE', true)).toEqual({ status: 500, retryAfterSeconds: 5 });
  });

  test('RFC 3311 §5.2: an UPDATE without offer passes during an INVITE; a second one before the answer is 500', () => {
    const tracker = established();
    tracker.request('local', 'INVITE', true);
    expect(tracker.judge('UPDATE', false)).toBeUndefined();
    tracker.request('remote', 'UPDATE', false);
    expect(tracker.judge('UPDATE', false)).toEqual({ status: 500, retryAfterSeconds: 5 });
    tracker.response('local', 'UPDATE', 200, false, true);
    expect(tracker.judge('UPDATE', false)).toBeUndefined();
  });

  test('RFC 3311 §5.1: we offer in UPDATE only when stable and after the first exchange', () => {
    const fresh = new OfferAnswer();
    fresh.request('local', 'INVITE', true);
    expect(fresh.maySend('UPDATE', true)).toBe(false);
    expect(fresh.maySend('UPDATE', false)).toBe(true);
    const tracker = established();
    expect(tracker.maySend('UPDATE', true)).toBe(true);
    tracker.request('local', 'UPDATE', true);
    expect(tracker.maySend('UPDATE', false)).toBe(false);
    expect(tracker.judge('INVITE', true)).toEqual({ status: 491 });
  });

  test('an INVITE while the offer of our 2xx waits for its ACK is 491', () => {
    const tracker = established();
    play(tracker, [
      ['remote', 'INVITE', '-', 'none'],
      ['local', 'INVITE', 200, 'sdp', '', 'offer'],
    ]);
    expect(tracker.judge('INVITE', true)).toEqual({ status: 491 });
    play(tracker, [['remote', 'ACK', 'sdp', 'answer']]);
    expect(tracker.judge('INVITE', true)).toBeUndefined();
  });

  test('RFC 3262 §5: a PRACK may hold the answer to a reliable offer, or a new offer when stable', () => {
    const tracker = new OfferAnswer();
    play(tracker, [
      ['remote', 'INVITE', '-', 'none'],
      ['local', 'INVITE', 183, 'sdp', 'reliable', 'offer'],
    ]);
    expect(tracker.judge('PRACK', true)).toBeUndefined();
    play(tracker, [['remote', 'PRACK', 'sdp', 'answer']]);
    expect(tracker.judge('PRACK', true)).toBeUndefined();
    expect(tracker.maySend('PRACK', true)).toBe(true);
  });

  test('other methods never collide', () => {
    const tracker = established();
    tracker.request('local', 'INVITE', true);
    expect(tracker.judge('INFO', true)).toBeUndefined();
    expect(tracker.maySend('BYE', false)).toBe(true);
    expect(tracker.request('local', 'INFO', true)).toBe('none');
    expect(tracker.response('remote', 'INFO', 200, true, true)).toBe('none');
  });
});

function established(): OfferAnswer {
  const tracker = new OfferAnswer(() => 0.5);
  tracker.request('local', 'INVITE', true);
  tracker.response('remote', 'INVITE', 200, true, true);
  return tracker;
}
