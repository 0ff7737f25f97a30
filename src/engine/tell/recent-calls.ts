import { Latest } from '../../base/latest.ts';
import { TextRing } from '../../base/text-ring.ts';
import {
  type EndpointRequest,
  type OutboundFacts,
  type OutboundPlan,
  type PlacedCall,
  packedFacts,
  placedCall,
  type Refusal,
} from '../../outbound/index.ts';

const MAX_CALLS = 1000;
/** A call takes a tenth of it, with the INVITE of a phone. */
const MOST_OCTETS_A_CALL = 16 * 1024;
/** However few calls are kept: a few of the largest INVITEs. */
const LEAST_OCTETS = 1024 * 1024;

const NO_TEXT = -1;

/** What is large, and the same for all calls of a time. */
type Surroundings = Pick<OutboundFacts, 'directory' | 'node'>;

/** Where a call is kept. */
interface Place {
  readonly sessionId: string;
  readonly surroundings: Surroundings;
  /** Number of its first text when it was remembered first. */
  readonly from: number;
  // Numbers of its texts; another one when it was remembered again and that text was another, or not kept any more.
  facts: number;
  invite: number;
  /** One that was not received. */
  request: EndpointRequest | undefined;
  newer: Place | undefined;
}

/**
 * The latest outbound calls as they were placed, so that a call can be explained while it lives and for a while
 * afterwards. They are kept by session (what the routing works with), and found by the call's id, once the two were linked. What is
 * kept of each are octets outside of the heap: nearly none is asked for.
 */
export class RecentCalls {
  readonly #capacity: number;
  readonly #texts: TextRing;
  readonly #bySession = new Map<string, Place>();
  #oldest: Place | undefined = undefined;
  #newest: Place | undefined = undefined;
  readonly #sessionOf: Latest<string, string>;

  constructor(capacity = MAX_CALLS) {
    this.#capacity = capacity;
    this.#texts = new TextRing(Number.MAX_SAFE_INTEGER, Math.max(capacity * MOST_OCTETS_A_CALL, LEAST_OCTETS));
    this.#sessionOf = new Latest(capacity);
  }

  /** `refusal` is that of a guard, when one refused what the pipeline had let pass. Remembered again, a call keeps its place. */
  remember(plan: OutboundPlan, refusal?: Refusal): void {
    const { facts } = plan;
    const place = this.#bySession.get(facts.sessionId) ?? this.#newPlace(facts, this.#texts.next);
    place.facts = this.#kept(place.facts, packedFacts(plan, refusal));
    place.invite = this.#kept(place.invite, facts.request.text);
    place.request = facts.request.text === '' ? facts.request : undefined;
  }

  /** Number of a text that may be kept already, under this number. */
  #kept(number: number, text: string): number {
    return this.#texts.text(number) === text ? number : this.#texts.add(text);
  }

  link(callId: string, sessionId: string): void {
    this.#sessionOf.set(callId, sessionId);
  }

  get(callId: string): PlacedCall | undefined {
    const place = this.#placeOf(callId);
    return place === undefined ? undefined : this.#read(place);
  }

  /** The calls that are known by their id, the latest first; each is read when its turn comes, if it is kept then. */
  *list(): Generator<readonly [callId: string, call: PlacedCall]> {
    for (const [callId] of [...this.#sessionOf].reverse()) {
      const call = this.get(callId);
      if (call !== undefined) yield [callId, call];
    }
  }

  #placeOf(callId: string): Place | undefined {
    const sessionId = this.#sessionOf.get(callId);
    return sessionId === undefined ? undefined : this.#bySession.get(sessionId);
  }

  #newPlace({ sessionId, directory, node }: OutboundPlan['facts'], from: number): Place {
    const last = this.#newest?.surroundings;
    const surroundings = last?.directory === directory && last.node === node ? last : { directory, node };
    const place: Place = {
      sessionId,
      surroundings,
      from,
      facts: NO_TEXT,
      invite: NO_TEXT,
      request: undefined,
      newer: undefined,
    };
    if (this.#newest === undefined) this.#oldest = place;
    else this.#newest.newer = place;
    this.#newest = place;
    this.#bySession.set(sessionId, place);
    if (this.#bySession.size > this.#capacity) this.#forgetOldest();
    return place;
  }

  #forgetOldest(): void {
    const { sessionId, newer } = this.#oldest as Place;
    this.#bySession.delete(sessionId);
    this.#oldest = newer;
    if (newer !== undefined) this.#texts.endBefore(newer.from);
  }

  #read({ sessionId, facts, invite, request: unread, surroundings }: Place): PlacedCall | undefined {
    const [packed, received] = [this.#texts.text(facts), this.#texts.text(invite)];
    if (packed === undefined || received === undefined) return undefined;
    return placedCall(packed, { ...surroundings, sessionId }, unread ?? received);
  }
}
