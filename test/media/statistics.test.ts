import { expect, test } from 'vitest';
import { statisticsOf } from '../../src/media/statistics.ts';

const stream = (source: number, packets: number, kind = 'RTP') => ({
  flags: [kind, 'filled'],
  SSRC: source,
  stats: { packets, bytes: packets * 172, errors: 0 },
});

test('packets of each party, of RTP alone, and what was reported of its source; of several forks the one that talked', () => {
  const statistics = statisticsOf(
    {
      result: 'ok',
      tags: {
        near: { medias: [{ streams: [stream(7, 100), stream(7, 5, 'RTCP')] }] },
        'far-1': { medias: [{ streams: [stream(8, 0)] }] },
        'far-2': { medias: [{ streams: [stream(9, 90)] }] },
      },
      SSRC: { 7: { 'cumulative loss': 3, 'average MOS': { MOS: 43, jitter: 2, 'packet loss': 1 } } },
    },
    'near',
  );
  expect(statistics).toEqual({
    near: { packets: 100, octets: 17_200, lost: 3, jitterMs: 2, mos: 4.3 },
    far: { packets: 90, octets: 15_480, lost: undefined, jitterMs: undefined, mos: undefined },
  });
});

test('an answer that says nothing of the session says nothing', () => {
  expect(statisticsOf(undefined, 'near')).toBeUndefined();
  expect(statisticsOf({ result: 'error', 'error-reason': 'Unknown call-id' }, 'near')).toBeUndefined();
});
