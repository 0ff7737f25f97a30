import type { CallObserver, LiveRecord } from '../../call/index.ts';
import type { SipRequest } from '../../sip/message/index.ts';
import type { OutboundGuards } from '../route/outbound-guards.ts';

/** Keeps calls for other nodes; `CallKeeper` is it. */
export type KeepingObserver = Pick<
  CallObserver,
  'onCallRinging' | 'onCallAnswered' | 'onCallChanged' | 'onCallEnded' | 'onCallMoved'
>;

/** Tells the fraud guards what becomes of calls, then whoever else watches them, then who keeps them for other nodes. */
export class CallAudience implements CallObserver {
  readonly #guards: Pick<OutboundGuards, 'answered' | 'ended' | 'joined'>;
  readonly #observer: CallObserver;
  /** Undefined: calls stay with this process. */
  keeper: KeepingObserver | undefined = undefined;

  constructor(guards: Pick<OutboundGuards, 'answered' | 'ended' | 'joined'>, observer: CallObserver) {
    this.#guards = guards;
    this.#observer = observer;
  }

  onCallStarted(record: LiveRecord): void {
    this.#observer.onCallStarted(record);
  }

  onCallReady(record: LiveRecord): void {
    this.#observer.onCallReady?.(record);
  }

  onCallRinging(record: LiveRecord): void {
    this.#observer.onCallRinging(record);
    this.keeper?.onCallRinging(record);
  }

  onCallAnswered(record: LiveRecord): void {
    this.#guards.answered(record);
    this.#observer.onCallAnswered(record);
    this.keeper?.onCallAnswered(record);
  }

  onCallChanged(record: LiveRecord): void {
    this.keeper?.onCallChanged?.(record);
  }

  onPartyLeft(record: LiveRecord, trunkId: string, bye: SipRequest): void {
    this.#observer.onPartyLeft?.(record, trunkId, bye);
  }

  onPartyMoved(from: LiveRecord, to: LiveRecord): void {
    this.#guards.joined(from.facts.sessionId, to);
  }

  onCallEnded(record: LiveRecord, endingMs: number): void {
    this.#guards.ended(record);
    this.#observer.onCallEnded(record, endingMs);
    this.keeper?.onCallEnded(record, endingMs);
  }

  onCallMoved(record: LiveRecord): void {
    this.#guards.ended(record);
    this.#observer.onCallMoved?.(record);
    this.keeper?.onCallMoved?.(record);
  }
}
