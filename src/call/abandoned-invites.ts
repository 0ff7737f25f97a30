import type { Timer } from '../base/scheduler.ts';
import type { SipResponse } from '../sip/message/index.ts';
import type { Flow } from '../sip/transport/index.ts';
import type { CallEnvironment, ClientTransaction } from './ports.ts';

/** What of its transaction answers to an INVITE need. */
export type SentInvite = Pick<ClientTransaction, 'request' | 'flow'>;

/** Hears answers to an INVITE for which nobody waits. */
export interface LateUser {
  onResponse(response: SipResponse, invite: SentInvite): void;
}

interface Abandoned {
  readonly invite: SentInvite;
  readonly late: LateUser;
  readonly mayCancel: boolean;
  readonly expiresAtMs: number;
}

const MAX_REMEMBERED = 10_000;
/** RFC 3261 §13.3.1.4: a callee sends its 2xx again for 64*T1; ours was silent for as long before. */
const REMEMBERED_T1 = 128;

type Environment = Pick<CallEnvironment, 'scheduler' | 'timers'> & {
  readonly endpoint: Pick<CallEnvironment['endpoint'], 'isSamePeer'>;
};

/**
 * INVITEs that were given up without a final response, whose transactions are gone: finds who hears the 2xx of a callee that answers
 * one after all, and cancels one that says something before that. An answer to an INVITE that was never sent from here is dropped.
 */
export class AbandonedInvites {
  readonly #env: Environment;
  readonly #cancel: (invite: SentInvite, late: LateUser) => void;
  readonly #invites = new Map<string, Abandoned>();
  #timer: Timer | undefined = undefined;

  /** @param cancel cancels one; from there on its transaction hears what comes */
  constructor(env: Environment, cancel: (invite: SentInvite, late: LateUser) => void) {
    this.#env = env;
    this.#cancel = cancel;
  }

  /** @param mayCancel false: it was cancelled, and only its late 2xx counts any more */
  add({ request, flow }: SentInvite, late: LateUser, mayCancel = true): void {
    const { scheduler, timers } = this.#env;
    if (this.#invites.size >= MAX_REMEMBERED) return;
    const expiresAtMs = scheduler.nowMs() + REMEMBERED_T1 * timers.t1Ms;
    // Not the transaction: it leads to the branch, and so to the whole call.
    this.#invites.set(request.callId(), { invite: { request, flow }, late, mayCancel, expiresAtMs });
    this.#timer ??= scheduler.schedule(REMEMBERED_T1 * timers.t1Ms, this, 0);
  }

  receive(response: SipResponse, flow: Flow): void {
    const abandoned = this.#invites.get(response.callId());
    if (abandoned === undefined || response.fromTag() !== abandoned.invite.request.fromTag()) return;
    const { invite: sent, late, mayCancel } = abandoned;
    const isOfPeer = this.#env.endpoint.isSamePeer(sent.flow, flow);
    // RFC 3261 §18.2.2: a callee whose connection has ended answers over a new one, and nothing reaches it over the old one. What is sent
    // there (credentials too, when the BYE is challenged) is for that peer, and as secret as it was.
    const follows = sent.flow.closed && isOfPeer && (sent.flow.transport !== 'tls' || flow.transport === 'tls');
    const invite = follows ? { request: sent.request, flow } : sent;
    if (response.status >= 200) {
      late.onResponse(response, invite);
      return;
    }
    // RFC 3261 §9.1: from its first provisional response on it may be cancelled. It was silent for so long that another target was tried, beside
    // which it would ring on.
    if (!mayCancel || !isOfPeer || invite.flow.closed || response.topBranch() !== invite.request.topVia().branch)
      return;
    this.#invites.delete(response.callId());
    this.#cancel(invite, late);
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
