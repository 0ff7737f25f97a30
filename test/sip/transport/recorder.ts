import type { PeerError } from '../../../src/base/errors.ts';
import type { Log, LogFields } from '../../../src/base/log.ts';
import type { Flow, TransportUser } from '../../../src/sip/transport/index.ts';

export interface TransportEvent {
  readonly kind: 'message' | 'framing-lost' | 'closed' | 'failed' | 'keep-alive' | 'undelivered' | 'sent';
  readonly flow: Flow;
  /** The message, or the reason. */
  readonly text: string;
}

/** Keeps every event and lets a test wait for the next one of a kind; no test waits by the clock. */
export class Recorder implements TransportUser {
  readonly events: TransportEvent[] = [];
  readonly #unseen: TransportEvent[] = [];
  #waiting: { kind: TransportEvent['kind']; resolve: (event: TransportEvent) => void }[] = [];

  /** The next event of a kind that was not yet handed out. */
  next(kind: TransportEvent['kind']): Promise<TransportEvent> {
    const index = this.#unseen.findIndex((event) => event.kind === kind);
    if (index >= 0) return Promise.resolve(this.#unseen.splice(index, 1)[0] as TransportEvent);
    return new Promise((resolve) => this.#waiting.push({ kind, resolve }));
  }

  count(kind: TransportEvent['kind']): number {
    return this.events.filter((event) => event.kind === kind).length;
  }

  onMessage(text: string, flow: Flow): void {
    this.#note({ kind: 'message', flow, text });
  }

  onFramingLost(head: string | undefined, flow: Flow, error: PeerError): void {
    this.#note({ kind: 'framing-lost', flow, text: `${error.status} ${head ?? ''}` });
  }

  onFlowClosed(flow: Flow, reason: string): void {
    this.#note({ kind: 'closed', flow, text: reason });
  }

  onFlowFailed(flow: Flow, reason: string): void {
    this.#note({ kind: 'failed', flow, text: reason });
  }

  onUndelivered(text: string, flow: Flow): void {
    this.#note({ kind: 'undelivered', flow, text });
  }

  onSent(text: string, flow: Flow): void {
    this.#note({ kind: 'sent', flow, text });
  }

  onKeepAlive(flow: Flow): void {
    this.#note({ kind: 'keep-alive', flow, text: '' });
  }

  #note(event: TransportEvent): void {
    this.events.push(event);
    const index = this.#waiting.findIndex((waiter) => waiter.kind === event.kind);
    const [waiter] = index < 0 ? [] : this.#waiting.splice(index, 1);
    if (waiter === undefined) this.#unseen.push(event);
    else waiter.resolve(event);
  }
}

/** Keeps log lines. */
export class RecordingLog implements Log {
  readonly lines: { level: string; event: string; fields: LogFields }[] = [];
  readonly #waiting: { event: string; resolve: (fields: LogFields) => void }[] = [];

  /** The fields of a line with this event name; waits for one if there is none yet. */
  line(event: string): Promise<LogFields> {
    const found = this.lines.find((line) => line.event === event);
    if (found !== undefined) return Promise.resolve(found.fields);
    return new Promise((resolve) => this.#waiting.push({ event, resolve }));
  }

  debug(event: string, fields: LogFields = {}): void {
    this.#note('debug', event, fields);
  }

  info(event: string, fields: LogFields = {}): void {
    this.#note('info', event, fields);
  }

  warn(event: string, fields: LogFields = {}): void {
    this.#note('warn', event, fields);
  }

  error(event: string, fields: LogFields = {}): void {
    this.#note('error', event, fields);
  }

  #note(level: string, event: string, fields: LogFields): void {
    this.lines.push({ level, event, fields });
    for (const waiter of this.#waiting) if (waiter.event === event) waiter.resolve(fields);
  }
}

/** The smallest message that a stream can be cut at. */
export function options(callId: string, body = ''): string {
  return [
    'OPTIONS sip:server.example.com SIP/2.0',
    `Via: SIP/2.0/TCP client.example.com;branch=z9hG4bK${callId}`,
    'From: <sip:a@example.com>;tag=1',
    'To: <sip:b@example.com>',
    `Call-ID: ${callId}`,
    'CSeq: 1 OPTIONS',
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n');
}
