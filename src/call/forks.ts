import { added } from '../base/added.ts';
import { Dialog } from '../sip/dialog/index.ts';
import type { SipResponse } from '../sip/message/index.ts';
import type { BranchMedia } from './branch-media.ts';
import { Leg, type LegCall } from './leg.ts';
import type { BranchPlan, LegOptions } from './plan.ts';
import type { ClientTransaction } from './ports.ts';
import { hasSessionDescription } from './relayed-headers.ts';
import type { RingingInvite } from './resumption.ts';

const NO_LEGS: readonly Leg[] = [];

/** Early dialogs of an INVITE under way, by the peer's tag; more than one when the far side forks (RFC 3261 §12.1). */
export class Forks {
  readonly #call: LegCall;
  #legs: readonly Leg[] = NO_LEGS;
  #usedSequence = 0;
  #identityWithheld = false;

  constructor(call: LegCall) {
    this.#call = call;
  }

  get count(): number {
    return this.#legs.length;
  }

  /** The peer's, of one of them; undefined: there is none. */
  get anyTag(): string | undefined {
    return this.#legs[0]?.dialog.remoteTag;
  }

  /** The highest sequence number that was used in one of those that are over: the far side, which answers after all, has seen it. */
  get usedSequence(): number {
    return this.#usedSequence;
  }

  /** The highest of all of them. */
  get highestSequence(): number {
    let highest = this.#usedSequence;
    for (const { dialog } of this.#legs) highest = Math.max(highest, dialog.localSequence);
    return highest;
  }

  /** One of them, or of those that are over, has asked for privacy (RFC 3323). */
  get identityWithheld(): boolean {
    return this.#identityWithheld || this.#legs.some((leg) => leg.identityWithheld);
  }

  /** What is known of dialogs of another process. */
  noteUsed({ usedSequence, identityWithheld }: Pick<RingingInvite, 'usedSequence' | 'identityWithheld'>): void {
    this.#usedSequence = Math.max(this.#usedSequence, usedSequence);
    this.#identityWithheld ||= identityWithheld === true;
  }

  /** The dialog that a response is of. */
  known(response: SipResponse, media: BranchMedia | undefined): Leg | undefined {
    const tag = response.toTag() ?? '';
    for (const leg of this.#legs) {
      if (leg.dialog.remoteTag !== tag) continue;
      // A callee that has rung before it offered has a session only now.
      leg.media ??= media?.placeOf(tag);
      return leg;
    }
    return undefined;
  }

  /** A dialog that this response begins. */
  add(
    response: SipResponse,
    { request, flow }: ClientTransaction,
    options: LegOptions,
    credentials: BranchPlan['credentials'],
    media: BranchMedia | undefined,
  ): Leg {
    const call = this.#call;
    // The dialog counts as early until `confirm`, which fixes its route set from the 2xx.
    const leg = new Leg(call.registry, call, Dialog.createUac(request, response), flow, options);
    leg.dialog.goOnFrom(this.#usedSequence);
    leg.identityWithheld ||= this.#identityWithheld;
    leg.credentials = credentials;
    leg.media = media?.placeOf(response.toTag() ?? '');
    leg.offers.request('local', 'INVITE', hasSessionDescription(request));
    this.#legs = added(this.#legs, leg);
    return leg;
  }

  /** All but one are over. */
  drop(keep: Leg | undefined): void {
    for (const leg of this.#legs) {
      if (leg === keep) continue;
      this.#usedSequence = Math.max(this.#usedSequence, leg.dialog.localSequence);
      this.#identityWithheld ||= leg.identityWithheld;
      leg.hangUp();
    }
    this.#legs = NO_LEGS;
  }
}
