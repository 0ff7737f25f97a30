import { randomBytes } from 'node:crypto';
import { randomToken } from '../base/ids.ts';
import { InOrder } from '../base/in-order.ts';
import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../base/scheduler.ts';
import type { BencodedFields } from './bencode.ts';
import { ChosenCodecs } from './chosen-codecs.ts';
import { Holds } from './holds.ts';
import { LastDescribed } from './last-described.ts';
import { hasMedia, isTooMuch, legible } from './legible.ts';
import type { NgDone } from './ng-client.ts';
import { isAboutDescription, isUnknownCall, type NgFields, sdpOf, towardFields } from './ng-words.ts';
import {
  type Described,
  isChoosy,
  type JoiningSide,
  mayPass,
  NEAR,
  type SessionParties,
  type SessionUser,
  thenNext,
  withCodecs,
} from './parties.ts';
import type { MediaRelay } from './relay.ts';
import type { MediaRelays } from './relays.ts';
import { type Description, describe, inventedOffer } from './sdp.ts';
import { type MediaStatistics, statisticsOf } from './statistics.ts';

/** The one of a far side that stays as it is. */
const STEADY_FAR = 'far-steady';

interface Exchange {
  readonly offer: NgFields;
  answer: NgFields | undefined;
}

/** The relay forgets a session when nothing comes for a minute; it is asked often enough to notice soon. */
const ASK_MS = 15_000;
const REPLACED = ['origin', 'session-connection', 'SDP-version', 'username'];

/** A call of a relay that several sessions share, for a party that stays as it is: the last one that ends takes it away. */
interface SharedCall {
  readonly id: string;
  sessions: number;
}

/** A party that stays as it is, in a session that it did not begin. */
interface SteadyParty {
  readonly side: 'near' | 'far';
  /** What the relay calls it. */
  readonly wireTag: string;
  readonly sdp: string;
  /** Undefined: it ended in another process. */
  readonly former: RelayedSession | undefined;
}

/** A session as plain data, for another process to go on with on the same relay. */
export interface RelayedSnapshot {
  readonly kind: 'relayed';
  /** URL of the relay. */
  readonly relay: string;
  readonly callId: string;
  readonly prefix: string;
  readonly steady?: Omit<SteadyParty, 'former'>;
  readonly agreed?: { readonly offer: NgFields; readonly answer: NgFields };
}

/**
 * The media of two parties on a relay: one call of its, told of each offer and answer. An exchange that fails is taken back by the last
 * one that was agreed. When the relay dies the session stays, and the next offer takes it to another one.
 */
export class RelayedSession implements TimerTarget {
  readonly #relays: MediaRelays;
  readonly #scheduler: Scheduler;
  readonly #parties: SessionParties;
  readonly #user: SessionUser;
  readonly #inOrder = new InOrder();
  #relay: MediaRelay;
  #failures: number;
  #call: SharedCall;
  #steady: SteadyParty | undefined;
  /** What the relay calls the others of a session that was joined: there are some of the same names already. */
  #prefix: string;
  /** The offer that waits for its answer. */
  #open: Exchange | undefined = undefined;
  /** Who made it. */
  #offerer: string | undefined = undefined;
  #agreed: Exchange | undefined = undefined;
  /** What each side described last. */
  readonly #described = new Map<string, Description>();
  /** What of it the relay has taken, as text: what a party that stays as it is goes on with. */
  readonly #given = new Map<string, string>();
  /** What was told, and what came of it: a description that comes again is not told again. */
  readonly #told = new Map<string, { readonly sdp: string; readonly result: string }>();
  readonly #holds: Holds;
  readonly #last: LastDescribed;
  #statistics: MediaStatistics | undefined = undefined;
  #timer: Timer | undefined = undefined;
  #ended = false;

  constructor(
    relays: MediaRelays,
    relay: MediaRelay,
    scheduler: Scheduler,
    parties: SessionParties,
    user: SessionUser,
    steady?: SteadyParty,
    call: SharedCall = { id: randomToken(), sessions: 0 },
  ) {
    this.#steady = steady;
    this.#call = call;
    this.#call.sessions++;
    this.#prefix = steady === undefined ? '' : `${this.#call.sessions}${randomToken()}-`;
    this.#relays = relays;
    this.#relay = relay;
    this.#failures = relay.failures;
    this.#scheduler = scheduler;
    this.#parties = parties;
    this.#holds = new Holds(parties);
    this.#last = new LastDescribed(parties);
    this.#user = user;
    relay.begin();
  }

  get mayPass(): boolean {
    return mayPass(this.#parties);
  }

  /** The side whose offer waits for an answer. */
  get offeredBy(): string | undefined {
    return this.#offerer;
  }

  get standsInFor(): string | undefined {
    return this.#last.standsInFor;
  }

  describedBy(tag: string): string | undefined {
    return this.#given.get(this.#steady?.side === 'far' && tag !== NEAR ? STEADY_FAR : tag);
  }

  join(parties: SessionParties, { tag: own, side }: JoiningSide, user: SessionUser): RelayedSession | undefined {
    const sdp = this.describedBy(own);
    const other = side === 'near' ? parties.far : parties.near;
    if (sdp === undefined || other.steady === true || this.#relay.state === 'down') return undefined;
    const steady = { side, wireTag: this.#wire(own), sdp, former: this };
    const joined = new RelayedSession(this.#relays, this.#relay, this.#scheduler, parties, user, steady, this.#call);
    joined.#know(side === 'near' ? NEAR : STEADY_FAR, sdp);
    return joined;
  }

  /** What a side has described. */
  #know(tag: string, sdp: string): void {
    this.#given.set(tag, sdp);
    this.#described.set(tag, describe(sdp));
  }

  /** Undefined of one that has ended. */
  snapshot(): RelayedSnapshot | undefined {
    if (this.#ended) return undefined;
    const { offer, answer } = this.#agreed ?? {};
    const { side, wireTag, sdp } = this.#steady ?? {};
    return {
      kind: 'relayed',
      relay: this.#relay.url,
      callId: this.#call.id,
      prefix: this.#prefix,
      ...(offer !== undefined && answer !== undefined && { agreed: { offer, answer } }),
      ...(side !== undefined && wireTag !== undefined && sdp !== undefined && { steady: { side, wireTag, sdp } }),
    };
  }

  /** A session of another process goes on. @param farTag the far side's, there */
  resume({ callId, prefix, steady, agreed }: RelayedSnapshot, farTag: string): void {
    this.#call = { id: callId, sessions: 1 };
    this.#prefix = prefix;
    this.#steady = steady && { ...steady, former: undefined };
    if (steady !== undefined) this.#know(steady.side === 'near' ? NEAR : STEADY_FAR, steady.sdp);
    this.#timer ??= this.#scheduler.schedule(ASK_MS, this, 0);
    if (agreed === undefined) return;
    this.#agreed = agreed;
    const offerer = agreed.offer['from-tag'] === this.#wire(NEAR) ? NEAR : farTag;
    const answerer = offerer === NEAR ? farTag : NEAR;
    for (const [tag, { sdp }] of [
      [offerer, agreed.offer],
      [answerer, agreed.answer],
    ] as const) {
      if (typeof sdp !== 'string') continue;
      this.#know(tag, sdp);
      this.#last.note(tag, sdp);
      this.#holds.towardOther(tag, sdp);
    }
  }

  makeUpOffer(done: Described): void {
    const { mode, codecs } = this.#parties.near;
    // Its keys would have to be known before it has said anything.
    if (mode === 'webrtc') {
      done(undefined);
      return;
    }
    this.#last.standsInFor = NEAR;
    // RFC 4568 §6.1: 30 octets of master key and salt.
    this.#offerAs(NEAR, undefined, inventedOffer(codecs, mode === 'srtp', randomBytes(30).toString('base64')), done);
  }

  offerAgain(from: string, to: string, done: Described): void {
    this.#last.offerAgain(from, (sdp, told) => this.#offerAs(from, to, sdp, told), done);
  }

  mustHear(from: string, sdp: string): boolean {
    return this.#last.differs(from, sdp, true);
  }

  /** @param to undefined where nobody has answered yet. */
  offer(from: string, to: string | undefined, sdp: string, done: Described): void {
    this.#last.offered(from, sdp);
    this.#offerAs(from, to, sdp, done);
  }

  #offerAs(from: string, to: string | undefined, given: string, done: Described): void {
    const sdp = this.#holds.towardOther(from, this.#legible(from, given));
    const chosen = withCodecs(sdp, this.#parties);
    if (chosen === undefined || isTooMuch(chosen)) {
      done(undefined, chosen === undefined ? 'no-codec' : 'unreadable');
      return;
    }
    this.#inOrder.run((next) => {
      const tell = thenNext(done, next);
      if (hasMedia(chosen)) this.#offer(from, to, chosen, tell);
      else {
        // Nothing is there to be relayed: it passes, and so will its answer.
        this.#offerer = from;
        tell(given);
      }
    });
  }

  #legible(from: string, given: string): string {
    const { near, far } = this.#parties;
    return legible(given, (from === NEAR ? near : far).address);
  }

  /** @param from who answers. @param to who had offered. */
  answer(from: string, to: string, given: string, done: Described): void {
    this.#last.note(from, given);
    const sdp = this.#holds.towardOther(from, this.#legible(from, given));
    this.#inOrder.run((next) => {
      if (!hasMedia(sdp) || isTooMuch(sdp)) {
        this.#offerer = undefined;
        done(hasMedia(sdp) ? undefined : given);
        next();
        return;
      }
      if (this.#last.standsInFor === from) {
        this.#become(from, to, sdp, thenNext(done, next));
        return;
      }
      this.#answer(from, to, sdp, thenNext(done, next));
    });
  }

  withoutRelay(): ChosenCodecs | undefined {
    const { near, far } = this.#parties;
    return isChoosy(near) || isChoosy(far) ? new ChosenCodecs(this.#parties, this.#user) : undefined;
  }

  /** The open offer was refused: the session is as it was before. */
  refused(): void {
    this.#inOrder.run((next) => {
      const isOpen = this.#open !== undefined;
      this.#open = undefined;
      this.#offerer = undefined;
      this.#last.standsInFor = undefined;
      if (isOpen) this.#tellAgain(next);
      else next();
    });
  }

  /** What was agreed last, to the relay. */
  #tellAgain(done: () => void): void {
    const exchange = this.#agreed;
    if (exchange?.answer === undefined || this.#ended) {
      done();
      return;
    }
    const { offer, answer } = exchange;
    this.#told.clear();
    this.#ask(offer, () => this.#ask(answer, done));
  }

  leave(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#timer = cancelTimer(this.#timer);
    this.#call.sessions--;
    this.#relay.end();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#timer = cancelTimer(this.#timer);
    this.#inOrder.run((next) => {
      const relay = this.#relay;
      const finish = () => {
        relay.end();
        this.#user.onMediaEnded(this.#statistics);
        next();
      };
      const call = this.#call;
      call.sessions--;
      if (call.sessions > 0) {
        // Another one goes on with it: the one that was joined, if this was a transfer that failed.
        const former = this.#steady?.former;
        if (former !== undefined) former.#inOrder.run((after) => former.#tellAgain(after));
        finish();
        return;
      }
      this.#forget(relay, call.id, (answer) => {
        this.#note(answer);
        finish();
      });
    });
  }

  /** What the relay calls a side. */
  #wire(tag: string): string {
    const side = tag === NEAR ? 'near' : 'far';
    return this.#steady?.side === side ? this.#steady.wireTag : `${this.#prefix}${tag}`;
  }

  onTimer(_kind: number): void {
    this.#timer = this.#scheduler.schedule(ASK_MS, this, 0);
    const relay = this.#relay;
    this.#ask({ command: 'query', 'call-id': this.#call.id }, (answer) => {
      // Silence says nothing of the session: the relay may be back, or the next offer moves it.
      if (answer === undefined || this.#ended || relay !== this.#relay) return;
      if (answer['result'] === 'ok') this.#note(answer);
      else if (this.#agreed !== undefined && isUnknownCall(answer))
        this.#user.onMediaLost(relay.failures === this.#failures ? 'media-timeout' : 'media-lost');
    });
  }

  onFault(error: unknown): void {
    this.#user.onMediaFault(error);
  }

  #offer(from: string, to: string | undefined, sdp: string, done: Described): void {
    const key = `offer ${from}`;
    const told = this.#told.get(key);
    if (told?.sdp === sdp && this.#relay.state === 'up') {
      this.#offerer = from;
      done(told.result);
      return;
    }
    if (this.#ended) {
      done(undefined);
      return;
    }
    const described = describe(sdp);
    this.#described.set(from, described);
    if (this.#relay.state === 'down') this.#move();
    const ask = (mayMove: boolean) => {
      const fields: NgFields = {
        command: 'offer',
        'call-id': this.#call.id,
        'from-tag': this.#wire(from),
        'to-tag': to === undefined ? undefined : this.#wire(to),
        sdp,
        replace: REPLACED,
        ...towardFields(
          this.#parties,
          from === NEAR,
          described,
          to === undefined ? undefined : this.#described.get(to),
        ),
      };
      this.#ask(fields, (answer) => {
        const result = sdpOf(answer);
        const refusal = isAboutDescription(answer) ? 'unreadable' : undefined;
        // What one relay cannot read, none can.
        if (result === undefined && refusal === undefined && mayMove && this.#move()) {
          ask(false);
          return;
        }
        if (result !== undefined) {
          this.#open = { offer: fields, answer: undefined };
          this.#offerer = from;
          this.#told.clear();
          this.#told.set(key, { sdp, result });
          this.#given.set(from, sdp);
        }
        done(result, refusal);
      });
    };
    ask(true);
  }

  #answer(from: string, to: string, sdp: string, done: Described): void {
    const key = `answer ${from}`;
    const told = this.#told.get(key);
    if (told?.sdp === sdp) {
      done(told.result);
      return;
    }
    const exchange = this.#open ?? this.#agreed;
    if (exchange === undefined || this.#ended) {
      done(undefined);
      return;
    }
    this.#described.set(from, describe(sdp));
    const fields: NgFields = {
      command: 'answer',
      'call-id': this.#call.id,
      'from-tag': this.#wire(to),
      'to-tag': this.#wire(from),
      sdp,
      replace: REPLACED,
      ICE: this.#described.get(to)?.ice === true ? 'force' : 'remove',
    };
    this.#ask(fields, (answer) => {
      const result = sdpOf(answer);
      if (result !== undefined) {
        this.#agreed = { offer: { ...exchange.offer, 'to-tag': this.#wire(from) }, answer: fields };
        this.#given.set(from, sdp);
        this.#open = undefined;
        this.#offerer = undefined;
        this.#told.set(key, { sdp, result });
        this.#timer ??= this.#scheduler.schedule(ASK_MS, this, 0);
      }
      done(result);
    });
  }

  /** A side takes the place of what was made up for it; the other side, which has agreed, hears nothing of it. */
  #become(from: string, to: string, sdp: string, done: Described): void {
    const { offer, answer } = this.#agreed ?? {};
    if (this.#ended || offer === undefined || answer === undefined) {
      done(undefined);
      return;
    }
    this.#last.standsInFor = undefined;
    this.#described.set(from, describe(sdp));
    this.#told.clear();
    const own: NgFields = { ...offer, sdp, 'to-tag': this.#wire(to) };
    this.#ask(own, (offered) => {
      if (sdpOf(offered) === undefined) {
        done(undefined);
        return;
      }
      this.#agreed = { offer: own, answer };
      this.#given.set(from, sdp);
      this.#ask(answer, (answered) => done(sdpOf(answered) === undefined ? undefined : sdp));
    });
  }

  /** To a relay that lives. What was agreed on the one before does not bind it. */
  #move(): boolean {
    // It sends to where it has been told to, and is told nothing more.
    const { near, far } = this.#parties;
    if (this.#agreed !== undefined && (near.steady === true || far.steady === true)) return false;
    if (this.#steady !== undefined) return false;
    const former = this.#relay;
    const relay = this.#relays.choose(former);
    if (relay === undefined) return false;
    // It may have lost the answer only.
    this.#forget(former, this.#call.id, () => former.end());
    this.#relay = relay;
    this.#failures = relay.failures;
    this.#call = { id: randomToken(), sessions: 1 };
    this.#agreed = undefined;
    this.#open = undefined;
    relay.begin();
    return true;
  }

  #forget(relay: MediaRelay, callId: string, done: (answer: BencodedFields | undefined) => void): void {
    // Without a tag the answer has no statistics. The whole call goes, for it is given no other way to tell its branches apart.
    const fields: NgFields = { command: 'delete', 'call-id': callId, 'from-tag': this.#wire(NEAR), 'delete-delay': 0 };
    this.#ask(fields, done, relay);
  }

  /** The relay answers from its socket or by a timer, where no message's boundary catches a defect of whoever hears it. */
  #ask(fields: NgFields, done: NgDone, relay = this.#relay): void {
    relay.request(fields, (answer) => {
      try {
        done(answer);
      } catch (error) {
        this.#user.onMediaFault(error);
      }
    });
  }

  #note(answer: BencodedFields | undefined): void {
    this.#statistics = statisticsOf(answer, this.#wire(NEAR)) ?? this.#statistics;
  }
}
