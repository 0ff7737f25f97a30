/** Facts of a log line: flat, no secrets. Names carry their unit last (`elapsedMs`). */
export type LogFields = Readonly<Record<string, unknown>>;

/** Structured log: an event name in kebab-case and its facts. `observe/` implements it with pino. */
export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

/** Discards everything; the default in unit tests. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
