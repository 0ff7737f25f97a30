/**
 * What comes to a port that the workers of a machine share, dealt among them. The system gives each datagram to any of them; the first
 * octets that tell are enough to know whose it is, and no message is parsed for it:
 *
 * - an answer goes home by the branch of its Via, which names the worker that sent the request;
 * - a request from a trunk's address by its Call-ID: the calls of one carrier are spread over all workers, and copies of a request meet;
 * - any other by the address and port that it comes from: a phone stays at one worker with all its calls, so that one can be joined with
 *   another (attended transfer), and who guesses passwords is counted at one place.
 */
import { fnv1a } from '../../base/fnv.ts';
import { BRANCH_COOKIE, randomToken } from '../../base/ids.ts';
import type { SharedPort } from '../../sip/transport/index.ts';
import type { Identification } from '../../trunks/identification.ts';
import type { TrunkNews, TrunkSharing } from '../../trunks/sharing.ts';

/** A datagram that came to a shared port. */
export interface Dealt {
  readonly listenerId: string;
  readonly octets: Buffer;
  readonly address: string;
  readonly port: number;
}

/** The workers of one machine as one of them sees them. */
export interface Workers {
  /** Of this one, from 0. */
  readonly index: number;
  readonly count: number;
  /** The port that this worker alone listens on beside a shared one. */
  ownPort(port: number): number;
  /** The ports that any worker listens on beside a shared one. */
  allPorts(port: number): readonly number[];
  /** Hands a datagram over; false when that worker is not there, or it is too large for that. */
  give(worker: number, dealt: Dealt): boolean;
  /** Hears of what the others hand over, from now on. */
  onGiven(take: (dealt: Dealt) => void): void;
  /** What one has learnt of the trunks, it tells the others; the first one that is there speaks for all. */
  readonly trunks: TrunkSharing;
  onNews(take: (news: TrunkNews) => void): void;
}

const INDEX_DIGITS = 2;
const RADIX = 36;

const LF = 10;
const CR = 13;
const SPACE = 32;
const TAB = 9;
const COLON = 58;
const LOWER = 0x20;
const C = 0x63;
const I = 0x69;
const T = 0x74;

export class Dealing {
  readonly #workers: Workers;
  readonly #trunks: Pick<Identification, 'knows'>;
  readonly #mark: string;

  constructor(workers: Workers, trunks: Pick<Identification, 'knows'>) {
    this.#workers = workers;
    this.#trunks = trunks;
    this.#mark = BRANCH_COOKIE + workers.index.toString(RADIX).padStart(INDEX_DIGITS, '0');
  }

  /** By it, the answer comes home. */
  newBranch(): string {
    return this.#mark + randomToken();
  }

  /** By it, what a trunk sends within the dialog to the shared port comes home. */
  newCallId(): string {
    for (;;) {
      const callId = randomToken();
      if (this.#ownerOf(callId) === this.#workers.index) return callId;
    }
  }

  /** The port that the workers share, as a listener needs it. */
  sharedPort(port: number): SharedPort {
    return {
      ownPort: this.#workers.ownPort(port),
      keeps: (listenerId, octets, address, from) => this.#keeps({ listenerId, octets, address, port: from }),
    };
  }

  #keeps(dealt: Dealt): boolean {
    const worker = this.#workerOf(dealt);
    if (worker === this.#workers.index) return true;
    if (this.#workers.give(worker, dealt)) return false;
    // It will be back, with its calls: what belongs to one of them comes again. What is new is served by whoever has it.
    return !isAnswer(dealt.octets) && !hasToTag(dealt.octets);
  }

  #workerOf({ octets, address, port }: Dealt): number {
    if (isAnswer(octets)) return this.#asked(octets);
    const callId = this.#trunks.knows(address) ? callIdOf(octets) : undefined;
    return this.#ownerOf(callId ?? `${address}:${port}`);
  }

  /** The worker whose request is answered; what is no answer of ours is this one's to drop. */
  #asked(octets: Buffer): number {
    const { index, count } = this.#workers;
    const at = octets.indexOf(BRANCH_COOKIE, 0, 'latin1');
    if (at === -1) return index;
    const begin = at + BRANCH_COOKIE.length;
    const worker = Number.parseInt(octets.toString('latin1', begin, begin + INDEX_DIGITS), RADIX);
    return worker >= 0 && worker < count ? worker : index;
  }

  #ownerOf(key: string): number {
    const hash = fnv1a(key);
    // The last bits of FNV alone tell little more than whether characters are odd.
    return ((hash ^ (hash >>> 15)) >>> 0) % this.#workers.count;
  }
}

function isAnswer(octets: Buffer): boolean {
  return octets.toString('latin1', 0, 8).toUpperCase() === 'SIP/2.0 ';
}

/** The value of the first Call-ID field; undefined when there is none. */
export function callIdOf(octets: Buffer): string | undefined {
  return fieldOf(octets, C, 'call-id', I);
}

/** Whether the To field of a request has a tag: it is of a dialog. */
export function hasToTag(octets: Buffer): boolean {
  return /;[ \t\r\n]*tag[ \t]*=/i.test(fieldOf(octets, T, 'to', T) ?? '');
}

/** The first header field of this name, or of its compact form: the rest of its first line. */
function fieldOf(octets: Buffer, first: number, name: string, compact: number): string | undefined {
  for (let line = octets.indexOf(LF) + 1; line > 0; line = octets.indexOf(LF, line) + 1) {
    const initial = octets[line];
    if (initial === undefined || initial === CR || initial === LF) return undefined;
    const letter = initial | LOWER;
    if (letter !== first && letter !== compact) continue;
    const value =
      (letter === first ? valueAt(octets, line, name) : undefined) ??
      (letter === compact ? valueAt(octets, line, String.fromCharCode(compact)) : undefined);
    if (value !== undefined) return value;
  }
  return undefined;
}

function valueAt(octets: Buffer, line: number, name: string): string | undefined {
  let at = line + name.length;
  while (octets[at] === SPACE || octets[at] === TAB) at++;
  if (octets[at] !== COLON || octets.toString('latin1', line, line + name.length).toLowerCase() !== name)
    return undefined;
  const end = octets.indexOf(LF, at);
  return octets.toString('latin1', at + 1, end === -1 ? octets.length : end).trim();
}
