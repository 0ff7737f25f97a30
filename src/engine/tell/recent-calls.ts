import { RingParts } from '../../base/ring-parts.ts';
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
  readonly ring: CallRing;
  readonly tenant: string;
  readonly sessionId: string;
  /** Of the call, once the two were linked. */
  callId: string | undefined;
  readonly surroundings: Surroundings;
  /** Number of its first text when it was remembered first. */
  readonly from: number;
  /** Of all its texts, those of before too. */
  octets: number;
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
 * kept of each are octets outside of the heap: nearly none is asked for. One tenant's evict no other's.
 */
export class RecentCalls {
  readonly #parts: RingParts;
  readonly #first: CallRing;
  /** Of tenants that have their part of the first. */
  readonly #further: CallRing;
  readonly #bySession = new Map<string, Place>();
  #latest: Surroundings | undefined = undefined;
  /** Those that are known by their call's id, in the order in which they came to be. */
  readonly #byCall = new Map<string, Place>();

  constructor(capacity = MAX_CALLS) {
    const mostOctets = Math.max(capacity * MOST_OCTETS_A_CALL, LEAST_OCTETS);
    this.#parts = new RingParts(capacity, mostOctets);
    this.#first = new CallRing(capacity, mostOctets);
    this.#further = new CallRing(capacity, mostOctets);
  }

  /**
   * Remembered again, a call keeps its place.
   * @param callId undefined: its call has not begun, see {@link link}
   * @param refusal that of a guard, when one refused what the pipeline had let pass
   */
  remember(plan: OutboundPlan, callId?: string, refusal?: Refusal): void {
    const { facts } = plan;
    const place = this.#bySession.get(facts.sessionId) ?? this.#newPlace(facts);
    place.facts = this.#kept(place, place.facts, packedFacts(plan, refusal));
    place.invite = this.#kept(place, place.invite, facts.request.text);
    place.request = facts.request.text === '' ? facts.request : undefined;
    if (callId !== undefined && place.callId === undefined) this.#name(place, callId);
  }

  /** Number of a text of a call that may be kept already, under this number. */
  #kept(place: Place, number: number, text: string): number {
    const { ring, tenant } = place;
    if (ring.texts.text(number) === text) return number;
    const added = ring.texts.add(text);
    const octets = ring.texts.octets(added);
    place.octets += octets;
    if (ring === this.#first) this.#parts.grew(tenant, octets);
    return added;
  }

  /** The call of a session that was remembered before it has begun. */
  link(callId: string, sessionId: string): void {
    const place = this.#bySession.get(sessionId);
    if (place !== undefined) this.#name(place, callId);
  }

  #name(place: Place, callId: string): void {
    place.callId = callId;
    this.#byCall.delete(callId);
    this.#byCall.set(callId, place);
  }

  get(callId: string): PlacedCall | undefined {
    const place = this.#byCall.get(callId);
    return place === undefined ? undefined : this.#read(place);
  }

  /** The calls that are known by their id, the latest first; each is read when its turn comes, if it is kept then. */
  *list(): Generator<readonly [callId: string, call: PlacedCall]> {
    for (const callId of [...this.#byCall.keys()].reverse()) {
      const call = this.get(callId);
      if (call !== undefined) yield [callId, call];
    }
  }

  #newPlace({ sessionId, directory, node, tenant: { name: tenant } }: OutboundPlan['facts']): Place {
    const last = this.#latest;
    const surroundings = last?.directory === directory && last.node === node ? last : { directory, node };
    this.#latest = surroundings;
    const ring = this.#parts.takes(tenant) ? this.#first : this.#further;
    const place: Place = {
      ring,
      tenant,
      sessionId,
      callId: undefined,
      surroundings,
      from: ring.texts.next,
      octets: 0,
      facts: NO_TEXT,
      invite: NO_TEXT,
      request: undefined,
      newer: undefined,
    };
    this.#bySession.set(sessionId, place);
    const gone = ring.add(place);
    if (gone !== undefined) this.#forget(gone);
    return place;
  }

  #forget(gone: Place): void {
    const { ring, tenant, sessionId, callId, octets } = gone;
    this.#bySession.delete(sessionId);
    if (ring === this.#first) this.#parts.left(tenant, octets);
    if (callId !== undefined && this.#byCall.get(callId) === gone) this.#byCall.delete(callId);
  }

  #read({ ring, sessionId, facts, invite, request: unread, surroundings }: Place): PlacedCall | undefined {
    const [packed, received] = [ring.texts.text(facts), ring.texts.text(invite)];
    if (packed === undefined || received === undefined) return undefined;
    return placedCall(packed, { ...surroundings, sessionId }, unread ?? received);
  }
}

/** The latest of some calls, each in its place. */
class CallRing {
  readonly texts: TextRing;
  readonly #capacity: number;
  #count = 0;
  #oldest: Place | undefined = undefined;
  #newest: Place | undefined = undefined;

  constructor(capacity: number, mostOctets: number) {
    this.#capacity = capacity;
    this.texts = new TextRing(Number.MAX_SAFE_INTEGER, mostOctets);
  }

  /** Gives the one that goes for it. */
  add(place: Place): Place | undefined {
    if (this.#newest === undefined) this.#oldest = place;
    else this.#newest.newer = place;
    this.#newest = place;
    if (++this.#count <= this.#capacity) return undefined;
    this.#count--;
    const gone = this.#oldest as Place;
    this.#oldest = gone.newer as Place;
    this.texts.endBefore(this.#oldest.from);
    return gone;
  }
}
