/** Callers of a process that has ended who wait for an answer, and those who rang for them. */
import type { Scheduler } from '../../base/scheduler.ts';
import {
  type AskedSnapshot,
  type Calls,
  Resumption,
  type RingingInvite,
  type WaitingCancel,
  type WaitingSnapshot,
} from '../../call/index.ts';
import type { Endpoint } from '../../sip/endpoint/index.ts';
import { createResponse, parseMessage, type SipRequest, serialize } from '../../sip/message/index.ts';
import type { Target } from '../../sip/transport/index.ts';
import { type CallRestorerOptions, reacherOf, targetHere } from './call-restorer.ts';

/** A phone that was cancelled is ready for the next call then. */
const CANCELLED_MS = 200;
/** Whoever rang and is not asked by then will not be. */
const ASKED_MS = 2_000;

export interface WaitingCallersOptions {
  readonly endpoint: Endpoint;
  readonly scheduler: Scheduler;
  readonly calls: () => Calls;
  readonly trunks: CallRestorerOptions['trunks'];
}

export class WaitingCallers {
  readonly #options: WaitingCallersOptions;

  constructor(options: WaitingCallersOptions) {
    this.#options = options;
  }

  /**
   * The caller's INVITE is received once more. Who rings, and whose answer comes to this node, goes on ringing; anybody else is cancelled
   * in the name of the process before. A caller at the end of a connection is answered over another one, where he takes any: 503, so that
   * he tries the next node.
   *
   * @param isOwn the process before was of this node
   */
  placeAgain(waiting: WaitingSnapshot, isOwn: boolean): void {
    const { endpoint, scheduler, calls } = this.#options;
    const invite = requestOf(waiting.invite);
    const isReachable = waiting.from.kind === 'target';
    const ringing: RingingInvite[] = [];
    let isCancelled = false;
    for (const cancel of waiting.cancels) {
      const asked = cancel.asked;
      if (isReachable && asked !== undefined && this.#comesHere(asked, isOwn))
        ringing.push(this.#ringing(cancel, asked));
      else {
        isCancelled = true;
        this.#cancel(cancel);
      }
    }
    if (!isReachable) {
      this.#refuse(waiting, invite);
      return;
    }
    const { branch } = invite.topVia();
    calls().expect(branch, new Resumption(waiting.tag, ringing));
    const flow = endpoint.flowTo(targetHere(waiting.from, endpoint));
    const receive = () => endpoint.onMessage(waiting.invite, flow);
    scheduler.schedule(isCancelled ? CANCELLED_MS : 0, { onTimer: receive }, 0);
    scheduler.schedule(ASKED_MS, { onTimer: () => calls().endResumption(branch) }, 0);
  }

  /** Whether the answer comes to a socket of this node: it is sent to where the INVITE came from. */
  #comesHere({ at, isBound }: AskedSnapshot, isOwn: boolean): boolean {
    if (isBound === true) return false;
    const isHere = ({ transport, host, port }: AskedSnapshot['at']) =>
      transport === at.transport && port === at.port && (isAny(host) ? isOwn : host === at.host);
    return this.#options.endpoint.transport.listening().some(isHere);
  }

  #ringing(cancel: WaitingCancel, { text, usedSequence, trunkId }: AskedSnapshot): RingingInvite {
    const { endpoint, trunks } = this.#options;
    const place = { ...targetHere(cancel.to, endpoint), kind: cancel.to.kind };
    const to = reacherOf({ trunks })(place, { contact: '', ...(trunkId !== undefined && { trunkId }) });
    return { invite: requestOf(text), to, trunkId, usedSequence };
  }

  #cancel(cancel: WaitingCancel): void {
    const { endpoint, calls } = this.#options;
    if (cancel.asked === undefined) endpoint.flowTo(targetHere(cancel.to, endpoint)).send(cancel.text);
    else calls().cancelRinging(this.#ringing(cancel, cancel.asked));
  }

  /** RFC 3261 §18.2.2: to the port in Via, when the connection that the INVITE came over has ended. */
  #refuse({ from, tag }: WaitingSnapshot, invite: SipRequest): void {
    if (from.transport !== 'tcp') return;
    const response = createResponse(invite, 503, undefined, tag === undefined ? {} : { toTag: tag });
    const to: Target = { transport: 'tcp', address: from.address, port: invite.topVia().port ?? 5060 };
    this.#options.endpoint.flowTo(to).send(serialize(response));
  }
}

function isAny(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

function requestOf(text: string): SipRequest {
  const message = parseMessage(text);
  if (message.kind !== 'request') throw new Error('no request');
  return message;
}
