import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino';
import type { Log, LogFields } from '../base/log.ts';
import type { Scheduler, Timer, TimerTarget } from '../base/scheduler.ts';
import { LineLimiter } from './line-limiter.ts';
import { redactValue } from './redact.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LoggerOptions {
  /** Lowest level written. Default `info`. */
  readonly level?: LogLevel;
  /** Lines per second that are written; the rest is counted and reported in one line. Default 100. */
  readonly linesPerSecond?: number;
  /** Facts of every line, e.g. the node's name. */
  readonly base?: LogFields;
  /** Where lines go. Default: standard output. */
  readonly stream?: { write(line: string): unknown };
  readonly scheduler: Scheduler;
}

const REPORT_TIMER = 1;
const OUTPUT_TIMER = 2;
/** Lines wait so long to be written together; a write per line costs a thread's wake-up each. Warnings and errors do not wait. */
const GATHER_MS = 50;
const GATHER_OCTETS = 8192;

type StandardOutput = ReturnType<typeof destination>;

/**
 * The {@link Log} of a running engine: one JSON line per event, `{"level","time","event",…facts}`, secrets masked, line breaks and
 * control characters escaped, at most `linesPerSecond`.
 */
export class JsonLogger implements Log, TimerTarget {
  readonly #pino: Logger;
  readonly #limiter: LineLimiter;
  readonly #scheduler: Scheduler;
  /** Undefined when lines go to a stream of the caller's, at once. */
  readonly #standardOutput: StandardOutput | undefined;
  #output: Timer | undefined;
  #report: Timer | undefined;
  #suppressedTotal = 0;

  constructor(options: LoggerOptions) {
    this.#scheduler = options.scheduler;
    this.#limiter = new LineLimiter(options.scheduler, options.linesPerSecond ?? 100);
    if (options.stream === undefined) {
      this.#standardOutput = destination({ fd: 1, sync: false, minLength: GATHER_OCTETS });
    }
    this.#pino = pino(
      {
        level: options.level ?? 'info',
        base: options.base === undefined ? null : { ...options.base },
        timestamp: stdTimeFunctions.isoTime,
        messageKey: 'event',
        formatters: { level: (label) => ({ level: label }) },
      },
      escaping(options.stream ?? (this.#standardOutput as StandardOutput)),
    );
  }

  /** Lines held back since the start; a metric. */
  get suppressedCount(): number {
    return this.#suppressedTotal;
  }

  debug(event: string, fields?: LogFields): void {
    if (this.#pino.isLevelEnabled('debug')) this.#write('debug', event, fields);
  }

  info(event: string, fields?: LogFields): void {
    if (this.#pino.isLevelEnabled('info')) this.#write('info', event, fields);
  }

  warn(event: string, fields?: LogFields): void {
    if (this.#pino.isLevelEnabled('warn')) this.#write('warn', event, fields);
  }

  error(event: string, fields?: LogFields): void {
    this.#write('error', event, fields);
  }

  /** Changes the level without a restart. */
  setLevel(level: LogLevel): void {
    this.#pino.level = level;
  }

  /** Reports what was held back and writes out what is buffered. */
  flush(): void {
    this.#writeReport(true);
    this.#standardOutput?.flush();
  }

  onTimer(kind: number): void {
    if (kind === OUTPUT_TIMER) {
      this.#output = undefined;
      this.#standardOutput?.flush();
      return;
    }
    this.#report = undefined;
    this.#writeReport(false);
    if (this.#limiter.suppressedCount > 0) this.#armReport();
  }

  #write(level: LogLevel, event: string, fields: LogFields | undefined): void {
    this.#writeReport(false);
    const tenant = fields?.['tenant'];
    const isImportant = level === 'warn' || level === 'error';
    if (!this.#limiter.admit(event, isImportant, typeof tenant === 'string' ? tenant : '')) {
      this.#suppressedTotal++;
      this.#armReport();
      return;
    }
    this.#pino[level](fields === undefined ? {} : (redactValue(fields) as object), event);
    if (this.#standardOutput === undefined) return;
    if (level === 'warn' || level === 'error') this.#standardOutput.flush();
    // Also behind a warning: while the line before it is being written, flushing does nothing.
    this.#output ??= this.#scheduler.schedule(GATHER_MS, this, OUTPUT_TIMER);
  }

  #armReport(): void {
    this.#report ??= this.#scheduler.schedule(1000, this, REPORT_TIMER);
  }

  #writeReport(force: boolean): void {
    const report = this.#limiter.takeReport(force);
    if (report === undefined) return;
    const events: Record<string, number> = {};
    let lines = 0;
    for (const [event, count] of report) {
      events[event] = count;
      lines += count;
    }
    this.#pino.warn({ lines, events }, 'log-lines-suppressed');
  }
}

/** JSON escapes C0 only; a terminal or a line reader may still act on DEL, C1 and the Unicode line separators. */
function escaping(stream: { write(line: string): unknown }): DestinationStream {
  const unsafe = /[\u007f-\u009f\u2028\u2029]/g;
  return {
    write(line: string) {
      const safe = line.replace(unsafe, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
      stream.write(safe);
    },
  };
}
