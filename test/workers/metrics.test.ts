import { expect, test } from 'vitest';
import { mergedMetrics } from '../../src/workers/metrics.ts';

test('each family once, each sample with its worker before the other labels', () => {
  const text = (calls: number, more = '') =>
    `# HELP tandem_calls Calls\n# TYPE tandem_calls gauge\ntandem_calls ${calls}\ntandem_by{code="2 0{0}"} 1\n${more}`;
  const more = '# HELP tandem_only Of one\n# TYPE tandem_only counter\ntandem_only{} 5\n';
  expect(
    mergedMetrics(
      new Map([
        [1, text(3)],
        [2, text(4, more)],
      ]),
      new Map([
        [1, true],
        [2, true],
        [3, false],
      ]),
    ),
  ).toBe(
    [
      '# HELP tandem_calls Calls',
      '# TYPE tandem_calls gauge',
      'tandem_calls{worker="1"} 3',
      'tandem_by{worker="1",code="2 0{0}"} 1',
      'tandem_calls{worker="2"} 4',
      'tandem_by{worker="2",code="2 0{0}"} 1',
      '# HELP tandem_only Of one',
      '# TYPE tandem_only counter',
      'tandem_only{worker="2"} 5',
      '# HELP tandem_worker_up Whether the worker has answered: 0 for one that is silent, whose samples are missing.',
      '# TYPE tandem_worker_up gauge',
      'tandem_worker_up{worker="1"} 1',
      'tandem_worker_up{worker="2"} 1',
      'tandem_worker_up{worker="3"} 0',
      '',
    ].join('\n'),
  );
});
