import { cancelTimer, type Scheduler, type Timer, type TimerTarget } from '../../base/scheduler.ts';
import { type PlaceSeeker, SharedPlaces } from '../../base/shared-places.ts';
import { peerOf, sourceOf } from '../../base/source.ts';
import type { DnsPort, DnsRecordType, DnsReply } from './dns-port.ts';

/** Each has a socket, for 3 s a server where nobody answers. */
const MOST_UNDER_WAY = 128;
/** How long a question waits for a place: who wants to know goes by the last answer then, or by none. */
const LONGEST_WAIT_MS = 1_500;

/**
 * The questions that a node has under way: each once for all who want to know, and so many at most, of which one owner has three quarters
 * and the next three quarters of the rest: for calls, or `owner|what` for something else of its own (`source.ts`). So name servers that are
 * silent keep those waiting whose they are. What several ask is asked in the place of whoever has one first; what has no place in time fails,
 * as where nobody answers.
 */
export class DnsQuestions implements DnsPort {
  readonly #dns: DnsPort;
  readonly #scheduler: Pick<Scheduler, 'schedule'>;
  readonly #places = new SharedPlaces(MOST_UNDER_WAY);
  readonly #questions = new Map<string, Question>();

  constructor(dns: DnsPort, scheduler: Pick<Scheduler, 'schedule'>) {
    this.#dns = dns;
    this.#scheduler = scheduler;
  }

  query(name: string, type: DnsRecordType, owner = ''): Promise<DnsReply> {
    const key = `${type} ${name}`;
    let question = this.#questions.get(key);
    if (question === undefined) {
      question = new Question(this.#places, this.#scheduler, () => this.#dns.query(name, type));
      this.#questions.set(key, question);
      const remove = () => this.#questions.delete(key);
      question.reply.then(remove, remove);
    }
    question.want(peerOf(owner) === owner ? sourceOf(owner, 'calls') : owner);
    return question.reply;
  }
}

class Question implements TimerTarget {
  readonly reply: Promise<DnsReply>;
  readonly #places: SharedPlaces;
  readonly #scheduler: Pick<Scheduler, 'schedule'>;
  readonly #ask: () => Promise<DnsReply>;
  readonly #answered: (reply: DnsReply | Promise<DnsReply>) => void;
  /** By owner: who waits for a place to ask it in. */
  readonly #seekers = new Map<string, PlaceSeeker>();
  /** It has a place, or is given up. */
  #isOver = false;
  #late: Timer | undefined;

  constructor(places: SharedPlaces, scheduler: Pick<Scheduler, 'schedule'>, ask: () => Promise<DnsReply>) {
    this.#places = places;
    this.#scheduler = scheduler;
    this.#ask = ask;
    const { promise, resolve } = Promise.withResolvers<DnsReply>();
    this.reply = promise;
    this.#answered = resolve;
  }

  want(owner: string): void {
    if (this.#isOver || this.#seekers.has(owner)) return;
    const seeker = { owner, onPlace: () => this.#onPlace(seeker) };
    this.#seekers.set(owner, seeker);
    this.#places.ask(seeker);
    if (!this.#isOver) this.#late ??= this.#scheduler.schedule(LONGEST_WAIT_MS, this, 0);
  }

  /** Nobody who wants to know had a place in time. */
  onTimer(): void {
    this.#isOver = true;
    for (const seeker of this.#seekers.values()) this.#places.withdraw(seeker);
    this.#answered({ status: 'failed', reason: 'too many questions to name servers are under way', unasked: true });
  }

  #onPlace(seeker: PlaceSeeker): void {
    this.#isOver = true;
    this.#late = cancelTimer(this.#late);
    for (const other of this.#seekers.values()) if (other !== seeker) this.#places.withdraw(other);
    const reply = this.#ask();
    this.#answered(reply);
    const giveBack = () => this.#places.giveBack(seeker.owner);
    reply.then(giveBack, giveBack);
  }
}
