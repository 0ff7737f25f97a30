import { SharedBudget } from '../../base/shared-budget.ts';
import type { SipRequest } from '../message/index.ts';
import type { Channel } from './types.ts';

/** What goes on may have so much above a limit, so that too much of what begins ends no call. */
const ABOVE = 1.25;
/**
 * So many that linger count as one that is kept, since they take as much memory (0.7 KB and 5 to 6). All of them stay for half a minute:
 * counted in full, the limit would be one of the calls a second.
 */
export const LINGERING_AS_ONE = 8;
/** Octets of the heap that a kept request takes beside its own: the machine, its timers, what was read of it, its answer. */
const MACHINE_OCTETS = 4_096;
/**
 * The same of an INVITE, with the call that it begins. Refused, it counts so until its ACK has come: calls in a forged name are never
 * acknowledged, and counted as what is left of them four times as many answers would be sent to whose name it is, again and again.
 */
const CALL_OCTETS = 16_384;

/** What is short for a request: places or memory, of all together or of what its own address may have. */
export type Shortage = 'places' | 'placesOfAddress' | 'memory' | 'memoryOfAddress';

/** Who a request is of, and who is refused last; the latter two are asked only of what would be refused. */
export interface PlaceJudges<F extends Channel> {
  /** Whose places a request takes: the source (`base/source.ts`) that it is of, a text of its own. Default: the flow's address. */
  readonly sourceOf?: (request: SipRequest, flow: F) => string;
  /** Whether who sends a request speaks for many, and so is held to no share. Default: nobody does. */
  readonly speaksForMany?: (request: SipRequest, flow: F) => boolean;
  /** Whether an INVITE is an emergency call, which may use what requests of calls in progress may, and its source its share of that. Default: none is. */
  readonly isEmergency?: (request: SipRequest) => boolean;
}

/** Where the peer is: the source of its requests, unless somebody stands behind it. */
export function addressOf({ remoteAddress = '' }: Channel): string {
  return remoteAddress;
}

/**
 * The requests that are kept, by the address that each came from: how many, lingering ones with their part, and what the machines take of
 * the heap. Whoever forges a known peer's address, or has its password, fills neither the table nor the memory. What the records take is
 * shared out where they are kept (`lingering.ts`).
 */
export class ServerPlaces<F extends Channel = Channel> {
  /** In parts of a request: one that lingers has one. */
  readonly #parts: SharedBudget;
  #machines = 0;
  #records = 0;
  readonly #octets: SharedBudget;
  readonly #judges: PlaceJudges<F>;

  /**
   * @param most requests
   * @param mostOctets of the heap
   */
  constructor(most: number, mostOctets: number, judges: PlaceJudges<F> = {}) {
    this.#judges = judges;
    this.#parts = new SharedBudget(LINGERING_AS_ONE * most);
    this.#octets = new SharedBudget(mostOctets);
  }

  /** Requests that are kept now, lingering ones included. */
  get count(): number {
    return this.#machines + this.#records;
  }

  /** How full each limit is, 1 is the limit: places, and octets of the heap. */
  get fill(): { readonly places: number; readonly memory: number } {
    return { places: this.#parts.fill, memory: this.#octets.fill };
  }

  sourceOf(request: SipRequest, flow: F): string {
    return this.#judges.sourceOf?.(request, flow) ?? addressOf(flow);
  }

  /** For want of what a request must be refused; undefined: it has a place. */
  refusalOf(request: SipRequest, flow: F): Shortage | undefined {
    const source = this.sourceOf(request, flow);
    const shortage = this.shortageFor(request, source);
    if (shortage === undefined) return undefined;
    const { isEmergency, speaksForMany } = this.#judges;
    const isUrgent = request.method === 'INVITE' && isEmergency?.(request) === true;
    const goesOn = isUrgent || request.toTag() !== undefined;
    const left = isUrgent ? this.#shortageOf(source, goesOn) : shortage;
    const isOwn = left === 'placesOfAddress' || left === 'memoryOfAddress';
    return isOwn && speaksForMany?.(request, flow) === true ? this.#shortageOfAll(goesOn) : left;
  }

  /**
   * The same of whoever it is. Those of calls in progress may use a quarter more, of which one
   * source has its share too. CANCEL and BYE, of which a call has one each, may use it whoever sends them.
   */
  shortageFor(request: SipRequest, source: string): Shortage | undefined {
    const goesOn = request.toTag() !== undefined;
    const ends = request.method === 'CANCEL' || (request.method === 'BYE' && goesOn);
    return ends ? this.#shortageOfAll(true) : this.#shortageOf(source, goesOn);
  }

  #shortageOf(source: string, goesOn: boolean): Shortage | undefined {
    const times = goesOn ? ABOVE : 1;
    const shortage = this.#shortageOfAll(goesOn);
    if (shortage !== undefined) return shortage;
    if (this.#parts.hasShare(source, times)) return 'placesOfAddress';
    return this.#octets.hasShare(source, times) ? 'memoryOfAddress' : undefined;
  }

  /** The same, as if nobody had a share. */
  #shortageOfAll(goesOn: boolean): Shortage | undefined {
    const times = goesOn ? ABOVE : 1;
    if (this.#parts.fill >= times) return 'places';
    return this.#octets.fill >= times ? 'memory' : undefined;
  }

  /** A machine is kept; the octets that it takes, to be given back. */
  takeMachine(request: SipRequest, source: string): number {
    const beside = request.method === 'INVITE' && request.toTag() === undefined ? CALL_OCTETS : MACHINE_OCTETS;
    const octets = beside + (request.receivedText?.length ?? 0);
    this.#machines++;
    this.#parts.change(source, LINGERING_AS_ONE);
    this.#octets.change(source, octets);
    return octets;
  }

  giveMachine(source: string, octets: number): void {
    this.#machines--;
    this.#parts.change(source, -LINGERING_AS_ONE);
    this.#octets.change(source, -octets);
  }

  /** Of an answered request there is a record outside of the heap. */
  takeRecord(source: string): void {
    this.#records++;
    this.#parts.change(source, 1);
  }

  giveRecord(source: string): void {
    this.#records--;
    this.#parts.change(source, -1);
  }

  clear(): void {
    this.#machines = 0;
    this.#records = 0;
    this.#parts.clear();
    this.#octets.clear();
  }
}

/** The same of client transactions: requests of calls in progress may use a quarter more than the limit, so that overload ends calls rather than losing them. */
export function isFull(atWork: number, lingering: number, limit: number, request: SipRequest): boolean {
  const count = atWork + Math.floor(lingering / LINGERING_AS_ONE);
  if (count < limit) return false;
  return count >= limit + (limit >> 2) || (request.method !== 'CANCEL' && request.toTag() === undefined);
}
