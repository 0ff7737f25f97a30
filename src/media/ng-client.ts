/**
 * The ng protocol of rtpengine: bencoded dictionaries over UDP, each behind a cookie by which an answer finds its request and a request
 * that comes again finds its answer (docs/ng_control_protocol.md of rtpengine).
 */
import { randomToken } from '../base/ids.ts';
import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../base/scheduler.ts';
import { type Bencodable, type BencodedFields, bdecode, bencode } from './bencode.ts';

/** A datagram socket of one relay; octets as latin1 text. */
export interface Datagrams {
  send(octets: string): void;
  close(): void;
}

/** Opens a socket to a relay; `receive` gets what comes from there, and from nowhere else. */
export type OpenDatagrams = (host: string, port: number, receive: (octets: string) => void) => Datagrams;

/** Hears the answer, or nothing when none came in time. */
export type NgDone = (answer: BencodedFields | undefined) => void;

/** How long a request may take, ms: the caller of a call waits for it. */
const LIMIT_MS = 1000;
/** When a request goes again, ms after it went first: a datagram may be lost. */
const AGAIN_MS = [150, 350, 650];

export class NgClient {
  readonly #scheduler: Scheduler;
  readonly #datagrams: Datagrams;
  readonly #pending = new Map<string, NgRequest>();
  readonly #prefix = randomToken();
  #count = 0;

  constructor(scheduler: Scheduler, open: OpenDatagrams, host: string, port: number) {
    this.#scheduler = scheduler;
    this.#datagrams = open(host, port, (octets) => this.#receive(octets));
  }

  request(fields: { readonly [key: string]: Bencodable | undefined }, done: NgDone): void {
    const cookie = `${this.#prefix}_${++this.#count}`;
    const request = new NgRequest(this.#scheduler, this.#datagrams, `${cookie} ${bencode(fields)}`, (answer) => {
      this.#pending.delete(cookie);
      done(answer);
    });
    this.#pending.set(cookie, request);
    request.start();
  }

  /** Whoever waits hears that no answer came. */
  close(): void {
    for (const request of [...this.#pending.values()]) request.end(undefined);
    this.#datagrams.close();
  }

  #receive(octets: string): void {
    const space = octets.indexOf(' ');
    const request = space < 0 ? undefined : this.#pending.get(octets.slice(0, space));
    const answer = request === undefined ? undefined : bdecode(octets.slice(space + 1));
    // One that cannot be read is none: the request goes again.
    if (typeof answer === 'object' && !Array.isArray(answer)) request?.end(answer);
  }
}

class NgRequest implements TimerTarget {
  readonly #scheduler: Scheduler;
  readonly #datagrams: Datagrams;
  readonly #octets: string;
  readonly #done: NgDone;
  #sent = 0;
  #timer: Timer | undefined = undefined;

  constructor(scheduler: Scheduler, datagrams: Datagrams, octets: string, done: NgDone) {
    this.#scheduler = scheduler;
    this.#datagrams = datagrams;
    this.#octets = octets;
    this.#done = done;
  }

  start(): void {
    const sentMs = this.#sent === 0 ? 0 : (AGAIN_MS[this.#sent - 1] ?? 0);
    const nextMs = AGAIN_MS[this.#sent] ?? LIMIT_MS;
    this.#sent++;
    this.#timer = this.#scheduler.schedule(nextMs - sentMs, this, 0);
    this.#datagrams.send(this.#octets);
  }

  onTimer(_kind: number): void {
    if (this.#sent > AGAIN_MS.length) this.end(undefined);
    else this.start();
  }

  end(answer: BencodedFields | undefined): void {
    this.#timer = cancelTimer(this.#timer);
    this.#done(answer);
  }
}
