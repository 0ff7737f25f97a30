import type { Timer } from '../base/scheduler.ts';
import { buildAck } from '../sip/endpoint/index.ts';
import { type SipResponse, serialize } from '../sip/message/index.ts';
import type { Flow } from '../sip/transport/index.ts';
import type { CallEnvironment, ClientTransaction } from './ports.ts';

/** What of its transaction answers to an INVITE need. */
export type SentInvite = Pick<ClientTransaction, 'request' | 'flow'>;

/** Hears answers to an INVITE for which nobody waits. */
export interface LateUser {
  onResponse(response: SipResponse, invite: SentInvite): void;
}

/** What of an INVITE without a final response is needed to go on with it. */
export type GivenUpInvite = SentInvite & Pick<ClientTransaction, 'isCancelHeard'>;

interface Abandoned {
  readonly invite: SentInvite;
  readonly late: LateUser;
  /** No CANCEL of it has reached anybody, and none is under way. */
  readonly mayCancel: boolean;
  /** When it was cancelled last, over a connection that has lasted. */
  readonly cancelledAtMs: number;
  readonly expiresAtMs: number;
}

const MAX_REMEMBERED = 10_000;
/** RFC 3261 §13.3.1.4: a callee sends its 2xx again for 64*T1; ours was silent for as long before. */
const REMEMBERED_T1 = 128;
/** RFC 3261 §9.1: how long a CANCEL is sent. */
const CANCELLED_T1 = 64;

type Environment = Pick<CallEnvironment, 'scheduler' | 'timers'> & {
  readonly endpoint: Pick<CallEnvironment['endpoint'], 'isSamePeer'>;
};

/**
 * INVITEs that were given up without a final response, whose transactions are gone: finds who hears the 2xx of a callee that answers
 * one after all, cancels one that says something before that, and acknowledges one that refuses. An answer to an INVITE that was never sent from
 * here is dropped.
 */
export class AbandonedInvites {
  readonly #env: Environment;
  readonly #cancel: (invite: SentInvite, late: LateUser) => void;
  readonly #invites = new Map<string, Abandoned>();
  #timer: Timer | undefined = undefined;

  /** @param cancel cancels one; from there on its transaction hears what comes, and {@link giveBack} is called when that ends without a final response */
  constructor(env: Environment, cancel: (invite: SentInvite, late: LateUser) => void) {
    this.#env = env;
    this.#cancel = cancel;
  }

  add({ request, flow, isCancelHeard }: GivenUpInvite, late: LateUser): void {
    const { scheduler, timers } = this.#env;
    const callId = request.callId();
    this.#invites.delete(callId);
    if (this.#invites.size >= MAX_REMEMBERED) return;
    this.#invites.set(callId, {
      // Not the transaction: it leads to the branch, and so to the whole call.
      invite: { request, flow },
      late,
      mayCancel: !isCancelHeard,
      cancelledAtMs: Number.NEGATIVE_INFINITY,
      expiresAtMs: scheduler.nowMs() + REMEMBERED_T1 * timers.t1Ms,
    });
    this.#timer ??= scheduler.schedule(REMEMBERED_T1 * timers.t1Ms, this, 0);
  }

  /** It was cancelled, and has had no final response: it is remembered no longer for that. Where its CANCEL has reached nobody it may be cancelled again. */
  giveBack({ request, flow, isCancelHeard }: GivenUpInvite): void {
    const callId = request.callId();
    const known = this.#invites.get(callId);
    if (known === undefined) return;
    // What has gone into a connection that had ended has cancelled nothing.
    const cancelledAtMs = flow.closed ? Number.NEGATIVE_INFINITY : known.cancelledAtMs;
    this.#invites.set(callId, { ...known, invite: { request, flow }, mayCancel: !isCancelHeard, cancelledAtMs });
  }

  receive(response: SipResponse, flow: Flow): void {
    const abandoned = this.#invites.get(response.callId());
    if (abandoned === undefined || response.fromTag() !== abandoned.invite.request.fromTag()) return;
    const { invite: sent, late } = abandoned;
    const isOfPeer = this.#env.endpoint.isSamePeer(sent.flow, flow);
    // RFC 3261 §18.2.2: a callee whose connection has ended answers over a new one, and nothing reaches it over the old one. What is sent
    // there (credentials too, when the BYE is challenged) is for that peer, and as secret as it was.
    const follows = sent.flow.closed && isOfPeer && (sent.flow.transport !== 'tls' || flow.transport === 'tls');
    const invite = follows ? { request: sent.request, flow } : sent;
    if (response.status >= 200 && response.status < 300) {
      late.onResponse(response, invite);
      return;
    }
    if (!isOfPeer || invite.flow.closed || response.topBranch() !== invite.request.topVia().branch) return;
    if (response.status >= 300) this.#acknowledge(abandoned, invite, response);
    // RFC 3261 §9.1: from its first provisional response on it may be cancelled. It was silent for so long that another target was tried, beside
    // which it would ring on.
    else this.#cancelOnce(abandoned, invite);
  }

  /** §17.1.1.3: each time that it comes; whoever refuses repeats that for 64*T1 otherwise. What is refused is not cancelled any more. */
  #acknowledge(abandoned: Abandoned, invite: SentInvite, refusal: SipResponse): void {
    if (abandoned.mayCancel) this.#invites.set(invite.request.callId(), { ...abandoned, invite, mayCancel: false });
    invite.flow.send(serialize(buildAck(invite.request, refusal)));
  }

  #cancelOnce(abandoned: Abandoned, invite: SentInvite): void {
    const { scheduler, timers } = this.#env;
    const nowMs = scheduler.nowMs();
    if (!abandoned.mayCancel || nowMs < abandoned.cancelledAtMs + CANCELLED_T1 * timers.t1Ms) return;
    // In its place: the order in which they expire stays.
    this.#invites.set(invite.request.callId(), { ...abandoned, invite, mayCancel: false, cancelledAtMs: nowMs });
    this.#cancel(invite, abandoned.late);
  }

  /** The oldest are old. Insertion order is order of expiry. */
  onTimer(_kind: number): void {
    const { scheduler } = this.#env;
    const nowMs = scheduler.nowMs();
    this.#timer = undefined;
    for (const [callId, { expiresAtMs }] of this.#invites) {
      if (expiresAtMs > nowMs) {
        this.#timer = scheduler.schedule(expiresAtMs - nowMs, this, 0);
        return;
      }
      this.#invites.delete(callId);
    }
  }
}
