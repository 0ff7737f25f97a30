import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { JsonLogger, type LoggerOptions } from '../../src/observe/logger.ts';
import { startChild } from '../kit/child.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

function setUp(options: Partial<LoggerOptions> = {}) {
  const scheduler = new VirtualScheduler();
  const lines: string[] = [];
  const log = new JsonLogger({ scheduler, stream: { write: (line) => lines.push(line) }, ...options });
  const parsed = () => lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  return { scheduler, lines, log, parsed };
}

describe('JsonLogger', () => {
  test('one JSON line per event: level, time, event and its facts', () => {
    const { lines, log, parsed } = setUp({ base: { node: 'node-1' } });
    log.info('call-ended', { callId: 'c1', status: 200 });
    expect(lines).toHaveLength(1);
    expect(lines[0]?.endsWith('}\n')).toBe(true);
    expect(parsed()[0]).toMatchObject({
      level: 'info',
      node: 'node-1',
      event: 'call-ended',
      callId: 'c1',
      status: 200,
    });
    expect(Number.isNaN(Date.parse(String(parsed()[0]?.['time'])))).toBe(false);
  });

  test('levels below the set one are not written', () => {
    const { log, parsed } = setUp({ level: 'warn' });
    log.debug('a');
    log.info('b');
    log.warn('c');
    log.error('d');
    log.setLevel('debug');
    log.debug('e');
    expect(parsed().map(({ event }) => event)).toEqual(['c', 'd', 'e']);
  });

  test('a fact cannot begin a line of its own or steer a terminal', () => {
    const { lines, log, parsed } = setUp();
    const evil = 'a\r\n{"level":"info"}\u0000\u001b[2J\u0085\u2028\u2029\u007f';
    log.info('x', { evil });
    expect(lines).toHaveLength(1);
    expect(lines[0]?.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
    expect(parsed()[0]?.['evil']).toBe(evil);
  });

  test('secrets do not reach the log, neither as a field nor inside a text', () => {
    const { lines, log } = setUp();
    const canary = 'canary-Pa55w0rd';
    log.info('x', {
      password: canary,
      request: { headers: { authorization: `Bearer ${canary}` } },
      text: `response="${canary}"`,
    });
    log.error('y', { error: new Error(`sip:101:${canary}@host`) });
    expect(lines.join('')).not.toContain(canary);
  });

  test('at most 100 lines a second; the rest is counted by event and reported in one line', () => {
    const { scheduler, log, parsed } = setUp();
    for (let index = 0; index < 5000; index++) log.info(index % 2 === 0 ? 'flood-a' : 'flood-b');
    for (let index = 0; index < 50; index++) log.warn('important');
    const inFirstSecond = parsed().length;
    expect(inFirstSecond).toBeLessThanOrEqual(100);
    expect(parsed().filter(({ event }) => event === 'important').length).toBeGreaterThan(15);
    scheduler.advance(1000);
    const report = parsed().at(-1);
    expect(report).toMatchObject({ level: 'warn', event: 'log-lines-suppressed' });
    expect(Number(report?.['lines']) + inFirstSecond).toBe(5050);
    expect(log.suppressedCount).toBe(Number(report?.['lines']));
  });

  test('lines about one tenant leave room for those about others, warnings as well', () => {
    const { scheduler, log, parsed } = setUp();
    const writtenOf = (tenant: string | undefined) => parsed().filter((line) => line['tenant'] === tenant).length;
    for (let at = 0; at < 500; at++) log.info('call', { tenant: 'acme' });
    for (let at = 0; at < 500; at++) log.warn('call-not-signed', { tenant: 'acme' });
    for (let at = 0; at < 8; at++) log.info('call', { tenant: 'globex' });
    log.warn('store-away');
    expect([writtenOf('acme'), writtenOf('globex'), writtenOf(undefined)]).toEqual([75, 4, 1]);
    scheduler.advance(1_000);
    log.info('call', { tenant: 'acme' });
    expect(writtenOf('acme')).toBe(76);
  });

  test('after the flood the log writes as before and nothing stays armed', () => {
    const { scheduler, log, parsed } = setUp({ linesPerSecond: 10 });
    for (let index = 0; index < 100; index++) log.info('flood');
    scheduler.advance(2000);
    log.info('after');
    expect(parsed().at(-1)?.['event']).toBe('after');
    expect(scheduler.armedCount).toBe(0);
  });
});

/** The events that a process has on its standard output once the last of them is there. It goes on, and logs nothing more. */
async function eventsUntil(last: string, statements: string): Promise<string[]> {
  const script = `
    import { WheelScheduler } from './src/base/wheel-scheduler.ts';
    import { JsonLogger } from './src/observe/logger.ts';
    const log = new JsonLogger({ scheduler: new WheelScheduler() });
    ${statements}
    setInterval(() => {}, 1000);
  `;
  const args = ['--input-type=module', '--disable-warning=ExperimentalWarning', '-e', script];
  const child = startChild(process.execPath, args, { cwd: root });
  onTestFinished(() => child.stop());
  await child.waitFor(new RegExp(`"event":"${last}".*\n`));
  const lines = child.output().trim().split('\n');
  return lines.map((line) => (JSON.parse(line) as { event: string }).event);
}

test('lines for standard output are written a moment later, warnings and what came before them at once', async () => {
  const later = `setTimeout(() => log.info('third'), 100);`;
  const events = await eventsUntil('third', `log.info('first'); log.warn('second'); ${later}`);
  expect(events).toEqual(['first', 'second', 'third']);
});

test('an alarm that comes while the line before it is being written does not wait for the next line', async () => {
  expect(await eventsUntil('second', `log.error('first'); log.error('second');`)).toEqual(['first', 'second']);
});
