/**
 * Messages on their way to WhatsApp. Each is in the store before anybody is told that it was taken. It is marked as being sent before it
 * is: after a crash, or an answer that never came, the API's own notifications tell whether it had it, by the reference that it was given.
 */
import type { Log } from '../base/log.ts';
import type { Clock } from '../base/scheduler.ts';
import { Chains } from './chains.ts';
import type { CloudApi, SendResult } from './cloud-api.ts';
import { type CloudError, verdictOf } from './cloud-errors.ts';
import type { Keeper } from './keeper.ts';
import type { Message, ReadMark } from './message.ts';
import type { WhatsappNumber } from './numbers.ts';
import { NumberPace } from './pace.ts';
import { WINDOW_TEXT, windowOf } from './window.ts';

/** How long a notification may take to tell of a message whose answer was lost. */
const DOUBT_MS = 20_000;
const UNREACHED_MS = 5_000;
const MAX_WAIT_MS = 300_000;
const TOKEN_MS = 60_000;

export interface OutboundOptions {
  readonly keeper: Keeper;
  readonly api: CloudApi;
  readonly clock: Clock;
  readonly log: Log;
  readonly numberOf: (trunkId: string) => WhatsappNumber | undefined;
  readonly onChange: (message: Message) => void;
  /** What an answer of the API says of the number's token. */
  readonly onToken: (trunkId: string, error: CloudError | undefined) => void;
  readonly onCloudError: (trunkId: string, code: number) => void;
}

export type Sent =
  | { readonly kind: 'sent'; readonly message: Message }
  | {
      readonly kind: 'refused';
      readonly status: number;
      readonly reason: string;
      readonly warning: string;
      readonly retryAfterMs?: number;
    }
  /** It will go later, or has perhaps gone. */
  | { readonly kind: 'waits' };

export class Outbound {
  readonly #options: OutboundOptions;
  readonly #chains = new Chains();
  readonly #pace: NumberPace;

  constructor(options: OutboundOptions) {
    this.#options = options;
    this.#pace = new NumberPace(options.clock);
  }

  /**
   * Sends a kept message that this node holds. `isAwaited`: somebody waits for the answer, so that what the API puts off is refused, and is
   * theirs to send again.
   */
  send(message: Message, isAwaited: boolean): Promise<Sent> {
    return this.#chains.run(`${message.trunkId} ${message.peer}`, () => this.#send(message.id, isAwaited));
  }

  /** A trunk of another tenant may have the id of one that is gone. */
  #numberOf({ trunkId, tenant }: Message | ReadMark): WhatsappNumber | undefined {
    const number = this.#options.numberOf(trunkId);
    return number?.tenant.name === tenant ? number : undefined;
  }

  async markRead(mark: ReadMark): Promise<void> {
    const { keeper, api, clock } = this.#options;
    const number = this.#numberOf(mark);
    const isOver = number === undefined || clock.wallMs() >= mark.expiresMs;
    const result = isOver ? undefined : await api.markRead(number.settings, mark.remoteId);
    if (result?.kind === 'error') this.#noteError(mark.trunkId, undefined, result.error);
    const isLater = result !== undefined && result.kind !== 'sent' && !isRefusal(result);
    await keeper.update<ReadMark>(mark.id, false, (kept) => {
      if (!isLater) return { ...kept, done: true };
      return { ...kept, attempts: kept.attempts + 1, retryMs: clock.wallMs() + backoffMs(kept.attempts) };
    });
  }

  async #send(id: string, isAwaited: boolean): Promise<Sent> {
    const { keeper, clock, api } = this.#options;
    const kept = await keeper.get(id);
    if (kept?.kind !== 'message') return { kind: 'waits' };
    const settled = settledAlready(kept);
    if (settled !== undefined) return settled;
    const nowMs = clock.wallMs();
    const number = this.#numberOf(kept);
    if (number === undefined) return this.#fail(id, 503, 0, 'the trunk is not in service');
    if (nowMs >= kept.expiresMs) return this.#fail(id, 408, 0, 'it could not be sent in time', 'expired');
    // In doubt: what a notification says decides; without one it is sent again.
    if (kept.state === 'sending' && (kept.retryMs ?? 0) > nowMs)
      return this.#release(id, kept.retryMs ?? nowMs, 'sending');
    const waitMs = this.#pace.waitMs(kept.trunkId, kept.peer);
    if (waitMs > 0) {
      if (isAwaited) return this.#fail(id, 503, 0, 'the Cloud API asks to wait', 'failed', waitMs);
      return this.#release(id, nowMs + waitMs, 'queued');
    }
    if (await this.#isWindowClosed(kept, number)) return this.#fail(id, 403, 131047, WINDOW_TEXT);
    const sending = await keeper.update<Message>(id, true, (message) =>
      isOpen(message)
        ? { ...message, state: 'sending', attempts: message.attempts + 1, retryMs: nowMs + DOUBT_MS }
        : undefined,
    );
    if (sending === undefined) return { kind: 'waits' };
    const { peer: to, content, contextId } = sending;
    return this.#settle(sending, await api.send(number.settings, { to, content, contextId, reference: id }), isAwaited);
  }

  async #settle(message: Message, result: SendResult, isAwaited: boolean): Promise<Sent> {
    const { id, trunkId, peer, attempts } = message;
    const { log, clock } = this.#options;
    const nowMs = clock.wallMs();
    switch (result.kind) {
      case 'sent':
        this.#options.onToken(trunkId, undefined);
        return this.#sent(id, result.remoteId);
      case 'unknown':
        log.warn('message-in-doubt', { message: id, trunk: trunkId, error: result.reason });
        return this.#release(id, nowMs + DOUBT_MS, 'sending');
      case 'unreached':
        log.warn('message-not-sent', { message: id, trunk: trunkId, error: result.reason });
        return this.#release(id, nowMs + backoffMs(attempts), 'queued');
      case 'error': {
        const { error, verdict } = result;
        this.#noteError(trunkId, peer, error);
        if (verdict.kind === 'refused')
          return this.#fail(
            id,
            verdict.status,
            error.code,
            verdict.warning ?? error.message,
            'failed',
            undefined,
            verdict.reason,
          );
        if (isAwaited) {
          const status = verdict.kind === 'later' ? verdict.status : 503;
          const waitMs = verdict.kind === 'later' ? verdict.afterMs : TOKEN_MS;
          return this.#fail(id, status, error.code, error.message, 'failed', waitMs);
        }
        return this.#release(id, nowMs + (verdict.kind === 'later' ? verdict.afterMs : TOKEN_MS), 'queued');
      }
    }
  }

  #noteError(trunkId: string, peer: string | undefined, error: CloudError): void {
    const verdict = verdictOf(error);
    this.#options.onCloudError(trunkId, error.code);
    if (verdict.kind === 'token') {
      this.#options.onToken(trunkId, error);
      this.#pace.hold(trunkId, undefined, TOKEN_MS);
    } else if (verdict.kind === 'later')
      this.#pace.hold(trunkId, verdict.scope === 'user' ? peer : undefined, verdict.afterMs);
  }

  /** A token that is good again is used at once. */
  resume(trunkId: string): void {
    this.#pace.hold(trunkId, undefined, 0);
  }

  async #isWindowClosed({ content, trunkId, peer }: Message, number: WhatsappNumber): Promise<boolean> {
    if (content.type === 'template') return false;
    const { keeper, clock } = this.#options;
    return windowOf(number, await keeper.heard(trunkId, peer), clock.wallMs()) === 'closed';
  }

  /** How long WhatsApp has asked to wait with what is for this user. */
  waitMs(trunkId: string, peer: string): number {
    return this.#pace.waitMs(trunkId, peer);
  }

  async #sent(id: string, remoteId: string): Promise<Sent> {
    const nowMs = this.#options.clock.wallMs();
    const message = await this.#options.keeper.update<Message>(id, false, (kept) => ({
      ...kept,
      remoteId,
      // A notification may have come first.
      ...(isOpen(kept) && { state: 'sent' as const, sentMs: nowMs }),
    }));
    if (message === undefined) return { kind: 'waits' };
    if (message.state === 'sent') this.#options.onChange(message);
    return { kind: 'sent', message };
  }

  async #release(id: string, retryMs: number, state: 'queued' | 'sending'): Promise<Sent> {
    await this.#options.keeper.update<Message>(id, false, (kept) =>
      isOpen(kept) ? { ...kept, state, retryMs } : undefined,
    );
    return { kind: 'waits' };
  }

  async #fail(
    id: string,
    status: number,
    code: number,
    text: string,
    state: 'failed' | 'expired' = 'failed',
    retryAfterMs?: number,
    reason = REASONS[status] ?? 'Service Unavailable',
  ): Promise<Sent> {
    const message = await this.#options.keeper.update<Message>(id, false, (kept) =>
      isOpen(kept) ? { ...kept, state, error: { code, message: text } } : undefined,
    );
    if (message !== undefined) this.#options.onChange(message);
    return { kind: 'refused', status, reason, warning: text, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  }
}

const REASONS: Readonly<Record<number, string>> = {
  403: 'Forbidden',
  408: 'Request Timeout',
  500: 'Server Internal Error',
};

function isOpen({ state }: Message): boolean {
  return state === 'queued' || state === 'sending';
}

/** Of a message that is not on its way any more. */
function settledAlready(message: Message): Sent | undefined {
  if (isOpen(message)) return undefined;
  if (message.state !== 'failed' && message.state !== 'expired') return { kind: 'sent', message };
  const { code = 0, message: warning = '' } = message.error ?? {};
  const verdict = verdictOf({ code, message: warning });
  if (verdict.kind === 'refused' && code !== 0) return { ...verdict, warning };
  return { kind: 'refused', status: 503, reason: 'Service Unavailable', warning };
}

function isRefusal(result: SendResult): boolean {
  return result.kind === 'error' && result.verdict.kind === 'refused';
}

function backoffMs(attempts: number): number {
  return Math.min(UNREACHED_MS * 2 ** Math.min(attempts, 10), MAX_WAIT_MS);
}
