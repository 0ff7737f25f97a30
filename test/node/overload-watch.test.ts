import { beforeEach, expect, test } from 'vitest';
import { OverloadWatch } from '../../src/node/overload-watch.ts';
import { EventBus, Metrics } from '../../src/observe/index.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { RecordingLog } from '../sip/transport/recorder.ts';

let scheduler: VirtualScheduler;
let log: RecordingLog;
let metrics: Metrics;
let watch: OverloadWatch;
let refused: number;
let seen: unknown[];

beforeEach(() => {
  scheduler = new VirtualScheduler();
  log = new RecordingLog();
  metrics = new Metrics({ processMetrics: false });
  refused = 7;
  seen = [];
  const events = new EventBus(scheduler);
  events.subscribe(({ type, tenants, data }) => void seen.push([type, tenants, data]));
  watch = new OverloadWatch({ scheduler, log, events, metrics, refusals: () => refused });
});

/** Seconds in each of which so many are refused. */
function pass(...seconds: readonly number[]): void {
  for (const count of seconds) {
    refused += count;
    scheduler.advance(1_000);
  }
}

const calm = Array.from({ length: 10 }, () => 0);

test('what was refused before is no overload', async () => {
  pass(...calm);
  expect([seen, log.lines, watch.view()]).toEqual([[], [], { active: false, refused: 0 }]);
  expect(await metrics.render()).toContain('tandem_overloaded 0');
});

test('it begins with the first refusals, and is told once, to system admins and in the log', async () => {
  const began = new Date(scheduler.wallMs() + 1_000).toISOString();
  pass(40, 60);
  expect(seen).toEqual([['overload', [], { state: 'began', refused: 40 }]]);
  expect(log.lines).toMatchObject([{ event: 'overload', fields: { state: 'began', refused: 40 } }]);
  expect(watch.view()).toEqual({ active: true, since: began, refused: 100 });
  expect(await metrics.render()).toContain('tandem_overloaded 1');
});

test('it comes in waves: ten seconds without a refusal end it, which is told with how many there were and for how long', async () => {
  pass(40, 0, 0, 0, 5, ...calm.slice(1));
  expect(watch.view().active).toBe(true);
  pass(0);
  expect(seen.slice(1)).toEqual([['overload', [], { state: 'ended', refused: 45, seconds: 4 }]]);
  expect(log.lines[1]).toMatchObject({ event: 'overload', fields: { state: 'ended', refused: 45 } });
  const { active, since = '', until = '', refused: count } = watch.view();
  expect([active, Date.parse(until) - Date.parse(since), count]).toEqual([false, 4_000, 45]);
  expect(await metrics.render()).toContain('tandem_overloaded 0');
  pass(3);
  expect(watch.view()).toMatchObject({ active: true, refused: 3 });
});

test('once closed it waits for nothing', () => {
  watch.close();
  expect(scheduler.armedCount).toBe(0);
});
