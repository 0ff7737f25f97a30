import { randomToken } from '../base/ids.ts';
import { describeDestination } from '../sip/endpoint/index.ts';
import { type SipRequest, type SipResponse, serialize } from '../sip/message/index.ts';
import type { LateUser } from './abandoned-invites.ts';
import type { BranchMedia } from './branch-media.ts';
import { carryCaller } from './contact.ts';
import { sendOptions } from './destination.ts';
import type { Forks } from './forks.ts';
import type { Half } from './halves.ts';
import { buildInvite } from './invite.ts';
import type { Leg, LegCall } from './leg.ts';
import type { BranchPlan } from './plan.ts';
import type { CallEnvironment, ClientTransaction, ClientTransactionUser, Destination } from './ports.ts';
import type { BegunLeg } from './record.ts';
import { REFUSING_PARTS, Repair } from './repair.ts';
import type { Resumption, RingingInvite } from './resumption.ts';
import { ringingOf } from './ringing-between-nodes.ts';
import { SessionKeeper } from './session-keeper.ts';
import { placeOf } from './snapshot.ts';
import { cancellationOf, type WaitingCancel } from './waiting.ts';

/** A phone that was cancelled is ready for the next call then. */
export const CANCELLED_MS = 200;

/** For whom it is sent. */
export interface InvitingUser {
  /** Whether PRACKs for reliable provisional responses come from the user (RFC 3262); if not, they are sent in its place. */
  readonly relaysReliable: boolean;
  /** What the user can do, as `methodsOf` reads it; undefined when it has not said. */
  readonly methods: number | undefined;
  /** What of its call another process has begun; absent: nothing. */
  readonly resumption?: Resumption | undefined;
}

/** What it is sent by; `Attempt` is it. */
export interface Inviter {
  readonly env: CallEnvironment;
  readonly user: InvitingUser;
  readonly maxForwards: number;
}

/**
 * The INVITE to one target, under a Call-ID and tag of its own: sent again with another sequence number when its peer asks for something
 * that can be mended.
 */
export class TargetInvite {
  readonly to: Destination;
  /** Draft and options as this target sees them. */
  seen: Pick<BranchPlan, 'draft' | 'options'>;
  readonly callId: string;
  readonly #inviter: Inviter;
  readonly #plan: BranchPlan;
  readonly localTag: string;
  /** What was sent last, unless it could not be. */
  sent: ClientTransaction | undefined = undefined;
  /** Hears the 2xx that nobody waits for, once there may be one. */
  late: LateUser | undefined = undefined;
  /** Of what was built last. */
  sequence = 0;
  #session: SessionKeeper | undefined;
  /** While it waits for the final response of another node. */
  #endHalf: (() => void) | undefined = undefined;
  /** What the other node has sent, and where it rings. */
  #ringingThere: SipRequest | undefined = undefined;
  /** What made it be sent again, and what is done about that. */
  #mended: { readonly repair: Repair; refusal: SipResponse } | undefined = undefined;

  /** What of this call rang there already when another process placed it. */
  readonly ringing: RingingInvite | undefined;

  constructor(inviter: Inviter, plan: BranchPlan, to: Destination) {
    this.#inviter = inviter;
    this.#plan = plan;
    this.to = to;
    this.seen = plan.toward?.(to) ?? plan;
    this.ringing = inviter.user.resumption?.take(this.seen.draft.requestUri, to);
    const { invite } = this.ringing ?? {};
    this.callId = invite?.callId() ?? inviter.env.endpoint.newCallId();
    this.localTag = invite?.fromTag() ?? inviter.env.contacts?.derived(this.callId) ?? randomToken();
    if (invite !== undefined) this.sequence = invite.cseq().sequence;
    this.#session = SessionKeeper.forOutgoing(inviter.env, this.seen.options.sessionTimer);
  }

  /** The next one to send; the refusal of the last one when there are no credentials for its challenge. */
  build(media: BranchMedia | undefined): SipRequest | SipResponse {
    const { credentials } = this.#plan;
    this.sequence++;
    const request = buildInvite(this.seen, this, this.#inviter, this.#session, media);
    if (this.#mended !== undefined) {
      const { repair, refusal } = this.#mended;
      return repair.apply(request, refusal) ? request : refusal;
    }
    if (credentials !== undefined) {
      for (const [id, value] of credentials.preemptive(request, describeDestination(this.to)))
        request.headers.add(id, value);
    }
    return request;
  }

  /** Ms to wait before it is sent again; undefined when it stays refused. */
  refused(response: SipResponse, request: SipRequest): number | undefined {
    const { credentials, label } = this.#plan;
    const { options } = this.seen;
    const repair =
      this.#mended?.repair ?? new Repair({ credentials, options }, describeDestination(this.to), this.#session);
    const delayMs = repair.delayMs(response, request);
    if (delayMs === undefined) return undefined;
    this.#mended = { repair, refusal: response };
    if (response.status === 420 || response.status === 422) this.#leaveOut(repair.refusedExtensions);
    if (REFUSING_PARTS.has(response.status))
      this.#inviter.env.partsLeft.note(label, describeDestination(this.to), request);
    return delayMs;
  }

  /** What comes of it leaves them out, too: who refused an INVITE for them refuses each refresh and re-INVITE. */
  #leaveOut(refusedExtensions: readonly string[]): void {
    const { draft, options } = this.seen;
    const isUntimed = refusedExtensions.includes('timer');
    this.seen = { draft, options: { ...options, refusedExtensions, ...(isUntimed && { sessionTimer: undefined }) } };
    if (isUntimed) this.#session = undefined;
  }

  /** Sends what was built. Throws where the last gate refuses it. */
  send(request: SipRequest, user: ClientTransactionUser, call: LegCall): void {
    const { options } = this.seen;
    this.sent = undefined;
    carryCaller(request, this.to, options, call);
    const how = sendOptions(options, options.firstResponseMs, this.#plan.pastFlow);
    this.sent = this.#inviter.env.endpoint.sendRequest(request, this.to, user, how);
  }

  /** It waits for its final response from now on. @param lost called where it went to another node that has nothing of it any more */
  begin(call: LegCall, forks: Pick<Forks, 'anyTag'>, lost: () => void): void {
    const { registry } = call;
    this.end();
    const { peerNode: node } = this.seen.options;
    if (node === undefined) return;
    const { callId } = this;
    const half: Half = {
      ...{ node, callId, localTag: this.localTag, lost },
      onFault: (error) => call.onFault(error),
      get remoteTag() {
        return forks.anyTag;
      },
    };
    registry.halves.add(half);
    this.#endHalf = () => registry.halves.remove(half);
  }

  /** It rings. */
  rings(response: SipResponse): void {
    if (this.seen.options.peerNode !== undefined) this.#ringingThere = ringingOf(response) ?? this.#ringingThere;
  }

  /** The other node is silent: who rings there is cancelled in its name, at his own address. Ms until he may be called there; undefined: nobody is known to ring. */
  cancelThere({ registry }: LegCall, to: Destination | undefined): number | undefined {
    const invite = this.#ringingThere;
    this.#ringingThere = undefined;
    if (invite === undefined || to === undefined) return undefined;
    registry.cancelRinging({ invite, to, trunkId: undefined, usedSequence: 0, way: {} });
    return CANCELLED_MS;
  }

  /** It has its final response, or is given up. */
  end(): void {
    this.#endHalf?.();
    this.#endHalf = undefined;
  }

  /** While it has no final response. */
  get begunLeg(): BegunLeg {
    const { label, trunkId } = this.#plan;
    return { label, callId: this.callId, ...(trunkId !== undefined && { trunkId }) };
  }

  /**
   * The CANCEL of what was sent, for who has to send it in our place. `isBound`: its description is a media relay's;
   * `forks`: its early dialogs; `next`: where a phone of another node is itself.
   */
  cancellation(
    { highestSequence: usedSequence, identityWithheld }: Pick<Forks, 'highestSequence' | 'identityWithheld'>,
    isBound: boolean,
    next: Destination | undefined,
  ): WaitingCancel | undefined {
    if (this.sent === undefined) return undefined;
    const parts = { to: this.to, trunkId: this.#plan.trunkId, usedSequence, isBound, identityWithheld };
    const cancel = cancellationOf(this.sent, parts);
    const rings = this.#ringingThere;
    if (cancel === undefined || rings === undefined || next === undefined) return cancel;
    return { ...cancel, there: { text: serialize(rings), to: placeOf(next) } };
  }

  /** The INVITE was answered; `leg` is what came of it. */
  startSession(leg: Leg, invite: SipRequest, response: SipResponse): void {
    const session = this.takeSession() ?? SessionKeeper.forIncoming(leg.env, undefined, response);
    session?.begin(leg, invite, response);
  }

  /** The session timer that was asked for, for whoever goes on with it, or ends it. */
  takeSession(): SessionKeeper | undefined {
    const session = this.#session;
    this.#session = undefined;
    return session;
  }
}
