import type { SipResponse } from '../sip/message/index.ts';
import type { CallEnvironment, ClientTransaction, ClientTransactionUser } from './ports.ts';

interface Abandoned {
  readonly transaction: ClientTransaction;
  readonly late: ClientTransactionUser;
  readonly expiresAtMs: number;
}

const MAX_REMEMBERED = 10_000;
/** RFC 3261 §13.3.1.4: a callee sends its 2xx again for 64*T1; ours was silent for as long before. */
const REMEMBERED_T1 = 128;

/**
 * INVITEs that were given up without a final response, whose transactions are gone: finds who hears the 2xx of a callee that answers
 * one after all. A 2xx to an INVITE that was never sent from here is dropped.
 */
export class AbandonedInvites {
  readonly #env: Pick<CallEnvironment, 'scheduler' | 'timers'>;
  readonly #invites = new Map<string, Abandoned>();

  constructor(env: Pick<CallEnvironment, 'scheduler' | 'timers'>) {
    this.#env = env;
  }

  add(transaction: ClientTransaction, late: ClientTransactionUser): void {
    const { scheduler, timers } = this.#env;
    this.#forgetOld();
    if (this.#invites.size >= MAX_REMEMBERED) return;
    const expiresAtMs = scheduler.nowMs() + REMEMBERED_T1 * timers.t1Ms;
    this.#invites.set(transaction.request.callId(), { transaction, late, expiresAtMs });
  }

  receive(response: SipResponse): void {
    this.#forgetOld();
    const { transaction, late } = this.#invites.get(response.callId()) ?? {};
    if (transaction === undefined || response.fromTag() !== transaction.request.fromTag()) return;
    late?.onResponse(response, transaction);
  }

  /** Insertion order is order of expiry. */
  #forgetOld(): void {
    const nowMs = this.#env.scheduler.nowMs();
    for (const [callId, abandoned] of this.#invites) {
      if (abandoned.expiresAtMs > nowMs) return;
      this.#invites.delete(callId);
    }
  }
}
