import { describe, expect, test } from 'vitest';
import { Metrics } from '../../src/observe/metrics.ts';

describe('Metrics', () => {
  test('calls, attempts and defects are counted by bounded labels', async () => {
    const metrics = new Metrics({ processMetrics: false });
    metrics.countCallStarted('outbound');
    metrics.countCallAnswered('outbound', 300);
    metrics.countCallEnded('outbound', 486);
    metrics.countCallEnded('outbound', 99_999);
    metrics.countTrunkAttempt('100', 503);
    metrics.countCallerIdRejected('extension');
    metrics.countUncaught();
    metrics.uncaughtElsewhere = () => 2;
    const text = await metrics.render();
    expect(text).toContain('tandem_calls_total{direction="outbound"} 1');
    expect(text).toContain('tandem_calls_ended_total{direction="outbound",code="486"} 1');
    expect(text).toContain('tandem_calls_ended_total{direction="outbound",code="other"} 1');
    expect(text).toContain('tandem_trunk_attempts_total{trunk_id="100",code="503"} 1');
    expect(text).toContain('tandem_call_setup_seconds_bucket{le="0.5",direction="outbound"} 1');
    expect(text).toContain('uncaught_exceptions_total 3');
    expect(text).toContain('tandem_event_loop_delay_seconds{percentile="99"}');
    metrics.close();
  });

  test('what others count is read at each scrape, and a trunk that went is gone', async () => {
    const metrics = new Metrics({ processMetrics: false });
    let requests = 5;
    let trunks = [
      { id: '1', name: 'a', state: 'online', activeCalls: 3 },
      { id: '2', name: 'b', state: 'offline', activeCalls: 0 },
    ];
    metrics.readCounters('tandem_sip_requests_total', 'Requests', 'method', () => ({ INVITE: requests }));
    metrics.readGauge('tandem_registrations', 'Registrations', () => 7);
    metrics.readTrunks(() => trunks);
    for (const { id } of trunks) metrics.countTrunkAttempt(id, 200);
    const first = await metrics.render();
    expect(first).toContain('tandem_sip_requests_total{method="INVITE"} 5');
    expect(first).toContain('tandem_registrations 7');
    expect(first).toContain('tandem_trunk_up{trunk_id="1",trunk="a"} 1');
    expect(first).toContain('tandem_trunk_up{trunk_id="2",trunk="b"} 0');
    expect(first).toContain('tandem_trunks{state="online"} 1');
    expect(first).toContain('tandem_trunk_calls{trunk_id="1",trunk="a"} 3');
    expect(first).toContain('tandem_trunk_attempts_total{trunk_id="1",code="200"} 1');
    requests = 6;
    trunks = trunks.slice(1);
    const second = await metrics.render();
    expect(second).toContain('tandem_sip_requests_total{method="INVITE"} 6');
    expect(second).not.toContain('trunk_id="1"');
    expect(second).toContain('tandem_trunk_attempts_total{trunk_id="2",code="200"} 1');
    metrics.close();
  });

  test('while a scrape is put together the event loop has its turns', async () => {
    const metrics = new Metrics();
    let turns = 0;
    let isDone = false;
    const count = () => {
      turns++;
      if (!isDone) setImmediate(count);
    };
    setImmediate(count);
    await metrics.render();
    isDone = true;
    expect(turns).toBeGreaterThan(1);
    metrics.close();
  });

  test('two engines in one process count apart', async () => {
    const [one, two] = [new Metrics(), new Metrics()];
    one.countUncaught();
    expect(await two.render()).toContain('uncaught_exceptions_total 0');
    expect(await one.render()).toContain('process_resident_memory_bytes');
    one.close();
    two.close();
  });
});
