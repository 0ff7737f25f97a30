import type { Leg } from './leg.ts';

const NO_LEGS: readonly Leg[] = [];

/** The legs of an answered call: two that are each other's peer, and those whose place was taken and that have not ended yet. */
export class CallParties {
  caller: Leg | undefined = undefined;
  callee: Leg | undefined = undefined;
  #retired = NO_LEGS;

  /** They talk to each other from now on. */
  connect(caller: Leg, callee: Leg): void {
    caller.peer = callee;
    callee.peer = caller;
    this.caller = caller;
    this.callee = callee;
  }

  /** Opposite to the peer of `leg`, which has no peer any more and is left to end by itself. */
  replace(leg: Leg, newcomer: Leg): void {
    const { peer } = leg;
    if (this.caller === leg) this.caller = newcomer;
    if (this.callee === leg) this.callee = newcomer;
    this.#retired = [...this.#retired.filter(({ state }) => state !== 'gone'), leg];
    newcomer.peer = peer;
    if (peer !== undefined) peer.peer = newcomer;
    leg.peer = undefined;
  }

  /** It is a party of another call now. */
  drop(leg: Leg): void {
    if (this.caller === leg) this.caller = undefined;
    if (this.callee === leg) this.callee = undefined;
  }

  /** `reasons` are Reason header field values for the BYEs. */
  hangUp(reasons: readonly string[]): void {
    this.caller?.hangUp(reasons);
    this.callee?.hangUp(reasons);
    for (const leg of this.#retired) leg.hangUp(reasons);
  }

  /** Nothing is said to them, nor to their media. */
  leave(): void {
    for (const leg of [this.caller, this.callee, ...this.#retired]) {
      if (leg === undefined) continue;
      leg.media?.session.leave();
      leg.media = undefined;
      leg.leave();
    }
  }

  /** They have ended. */
  clear(): void {
    this.caller = undefined;
    this.callee = undefined;
  }
}
