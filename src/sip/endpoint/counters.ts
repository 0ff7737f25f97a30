import { METHODS, methodAt } from '../message/index.ts';
import type { TransportName } from '../transport/index.ts';

const RESPONSE = 'SIP/2.0 ';

/** Messages of one transport in one direction. */
export class MessageCounters {
  /** By method; methods that peers make up are counted as `other`. */
  readonly requests = new Map<string, number>([...METHODS, 'other'].map((method) => [method, 0]));
  /** By class: index 1 is 1xx, 6 is 6xx. */
  readonly responses = [0, 0, 0, 0, 0, 0, 0];

  /** A message as it leaves: nothing is cut out of its text. */
  countText(text: string): void {
    if (text.startsWith(RESPONSE)) this.countResponse(100 * (text.charCodeAt(RESPONSE.length) - 0x30));
    else this.countRequest(methodAt(text, 0, text.indexOf(' ')));
  }

  countRequest(method: string): void {
    const count = this.requests.get(method);
    if (count !== undefined) this.requests.set(method, count + 1);
    else this.requests.set('other', (this.requests.get('other') ?? 0) + 1);
  }

  countResponse(status: number): void {
    const statusClass = Math.floor(status / 100);
    if (statusClass >= 1 && statusClass <= 6) this.responses[statusClass] = (this.responses[statusClass] ?? 0) + 1;
  }
}

/** What the endpoint has seen since it started; transactions and transports have counters of their own. */
export class EndpointCounters {
  readonly received: Readonly<Record<TransportName, MessageCounters>> = perTransport();
  readonly sent: Readonly<Record<TransportName, MessageCounters>> = perTransport();
  /** What could not be read as SIP, and responses that had to be dropped. */
  malformed = 0;
  /** Requests answered without a transaction because they were malformed or asked for what we do not do. */
  refused = 0;
  /** Requests answered 503 because the node drains or is too busy. */
  overloaded = 0;
  /** Answers to strangers that would have been too much longer than their requests. */
  withheld = 0;
  /** Faults of ours while a message was handled. Stays 0. */
  uncaughtErrors = 0;
  /** Requests that went over TCP for their size, and those that fell back to UDP. */
  largeOverTcp = 0;
  largeFallbacks = 0;
  /** Responses that took a new connection because theirs had gone (§18.2.2). */
  reroutedResponses = 0;
}

function perTransport(): Record<TransportName, MessageCounters> {
  return { udp: new MessageCounters(), tcp: new MessageCounters(), tls: new MessageCounters() };
}
