import type { Clock } from '../../base/scheduler.ts';
import type { Flow } from '../transport/index.ts';
import type { RoomForCalls } from './endings.ts';
import type { WorkClockOptions } from './work-clock.ts';

export interface InboxLimits {
  /** New calls and other requests that begin something are refused when they would wait longer than this, ms; in a burst two and a half times as long, once there is too much for long half as long. */
  readonly backlogMs: number;
  /** Share of the time that strangers get while known peers wait, 0 to 1. */
  readonly strangersShare: number;
  /** Messages of strangers that wait at most. */
  readonly strangersWaiting: number;
  /** Messages of known peers that wait at most. */
  readonly knownWaiting: number;
}

export const defaultInboxLimits: InboxLimits = {
  backlogMs: 50,
  strangersShare: 0.1,
  strangersWaiting: 1_000,
  knownWaiting: 20_000,
};

/** Does what the inbox has decided on. */
export interface MessageServer {
  /** Reads, judges and serves a message. */
  handle(text: string, flow: Flow): void;
  refuseUnread(text: string, flow: Flow): boolean;
  /** The same of octets; false too when they are not written as usual. */
  refuseOctets(octets: Buffer, flow: Flow): boolean;
}

export interface InboxOptions extends WorkClockOptions {
  readonly clock: Clock;
  readonly limits?: Partial<InboxLimits>;
  /** As what source (`base/source.ts`) an address of a known peer counts; undefined: it is a stranger's. */
  readonly sourceOf: (address: string) => string | undefined;
  readonly server: MessageServer;
  /** Hands over what was read from the sockets. True: they hold more, and nothing is handled before that was read. Default: never. */
  readonly readsOn?: () => boolean;
  /** Whoever ends a call may place the next: what makes room for one is not put off. Default: there is always room. */
  readonly room?: (() => RoomForCalls) | undefined;
  /** Does nothing for so many ms. Default: the thread sleeps. */
  readonly rest?: (ms: number) => void;
  /** Runs a function on a later turn of the event loop, after what waits in the sockets was read. Default: setImmediate. */
  readonly later?: (turn: () => void) => void;
}

/** What the inbox did; for metrics. */
export interface InboxCounters {
  /** New requests refused because too much waits. */
  overloaded: number;
  /** Messages of strangers, and of known peers, for which there was no place. */
  strangersDropped: number;
  knownDropped: number;
  /** ACKs to answers of which nothing is kept. */
  acksAbsorbed: number;
}
