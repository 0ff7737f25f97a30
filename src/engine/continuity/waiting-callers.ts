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
import { scopeOf, viaOf } from '../../provisioning/trunk-settings/own-address.ts';
import type { Endpoint } from '../../sip/endpoint/index.ts';
import { createResponse, parseMessage, type SipRequest, serialize } from '../../sip/message/index.ts';
import type { Flow, Target } from '../../sip/transport/index.ts';
import type { Served } from '../served.ts';
import { type CallRestorerOptions, reacherOf, targetHere } from './call-restorer.ts';

/** A phone that was cancelled is ready for the next call then. */
const CANCELLED_MS = 200;
/** Whoever rang and is not asked by then will not be. */
const ASKED_MS = 2_000;

export interface WaitingCallersOptions {
  readonly endpoint: Endpoint;
  readonly scheduler: Scheduler;
  readonly calls: Calls;
  readonly trunks: CallRestorerOptions['trunks'];
  readonly served: Pick<Served, 'directory'>;
}

/** A caller has given up whose call may come. */
interface HeldCancel {
  readonly cancel: SipRequest;
  readonly flow: Flow;
  /** Has the CANCEL answered. */
  readonly again: () => void;
}

/** A caller's INVITE that is about to be received once more. */
interface ExpectedInvite {
  readonly from: string;
  readonly resumption: Resumption;
  readonly held: HeldCancel[];
}

export class WaitingCallers {
  readonly #options: WaitingCallersOptions;
  /** By branch and Call-ID. */
  readonly #cancels = new Map<string, HeldCancel>();
  readonly #expected = new Map<string, ExpectedInvite>();

  constructor(options: WaitingCallersOptions) {
    this.#options = options;
  }

  /**
   * The caller's INVITE is received once more. Who rings, and whose answer comes to this node, goes on ringing; anybody else is cancelled
   * in the name of the process before. A caller at the end of a connection is answered over another one, where he takes any: 503, so that
   * he tries the next node; his call is over, and recorded.
   *
   * @param isOwn the process before was of this node
   */
  placeAgain(waiting: WaitingSnapshot, isOwn: boolean): void {
    const { endpoint, scheduler, calls } = this.#options;
    const invite = requestOf(waiting.invite);
    const isReachable = waiting.from.kind === 'target';
    const ringing: RingingInvite[] = [];
    let isCancelled = false;
    const key = keyOf(invite);
    const gaveUp = this.#cancels.get(key);
    const hasGivenUp = gaveUp !== undefined && gaveUp.flow.remoteAddress === waiting.from.address;
    for (const cancel of waiting.cancels) {
      const asked = cancel.asked;
      if (isReachable && !hasGivenUp && asked !== undefined && this.#comesHere(asked, isOwn))
        ringing.push(this.#ringing(cancel, asked));
      else {
        isCancelled = true;
        this.#cancel(cancel);
      }
    }
    if (!isReachable) {
      this.#refuse(waiting, invite);
      calls.endWaiting(waiting);
      return;
    }
    const { branch } = invite.topVia();
    const expected = { from: waiting.from.address, resumption: new Resumption(waiting.tag, ringing), held: [] };
    this.#expected.set(key, expected);
    if (gaveUp !== undefined && hasGivenUp) {
      this.#cancels.delete(key);
      this.#giveUp(expected, gaveUp);
    }
    calls.expect(branch, expected.resumption);
    const flow = endpoint.flowTo(targetHere(waiting.from, endpoint));
    const receive = () => this.#receive(key, expected, waiting.invite, flow);
    scheduler.schedule(isCancelled && !hasGivenUp ? CANCELLED_MS : 0, { onTimer: receive }, 0);
    scheduler.schedule(ASKED_MS, { onTimer: () => calls.endResumption(branch) }, 0);
  }

  /** A CANCEL comes for a call that is about to be here. False: it is not known to be. */
  cancels(cancel: SipRequest, flow: Flow, again: () => void): boolean {
    const expected = this.#expected.get(keyOf(cancel));
    if (expected === undefined || expected.from !== flow.remoteAddress) return false;
    this.#giveUp(expected, { cancel, flow, again });
    return true;
  }

  /** A CANCEL came whose call may come. */
  remember(cancel: SipRequest, flow: Flow, again: () => void): void {
    this.#cancels.set(keyOf(cancel), { cancel, flow, again });
  }

  /** The call has not come: the CANCEL is answered as any other that is for nothing. */
  forget(cancel: SipRequest): void {
    const key = keyOf(cancel);
    const held = this.#cancels.get(key);
    this.#cancels.delete(key);
    held?.again();
  }

  #giveUp({ resumption, held }: ExpectedInvite, cancel: HeldCancel): void {
    resumption.cancel = cancel.cancel;
    held.push(cancel);
    for (const ringing of resumption.takeAll()) this.#options.calls.cancelRinging(ringing);
  }

  #receive(key: string, { held }: ExpectedInvite, invite: string, flow: Flow): void {
    const { endpoint } = this.#options;
    this.#expected.delete(key);
    // Those that go on come one after another, as what is received does; a CANCEL needs its INVITE at once.
    if (held.length === 0) endpoint.onMessage(invite, flow);
    else endpoint.handle(invite, flow);
    for (const { again } of held) again();
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
    return { invite: requestOf(text), to, trunkId, usedSequence, way: this.#wayOf(trunkId, place) };
  }

  #wayOf(trunkId: string | undefined, target: Target): RingingInvite['way'] {
    const { endpoint, served } = this.#options;
    const trunk = trunkId === undefined ? undefined : served.directory.trunk(trunkId);
    if (trunk === undefined) return {};
    const { largeRequests } = trunk.options;
    const via = viaOf(trunk, (of) => endpoint.advertised(target, of));
    return { trunkId: trunk.id, scope: scopeOf(trunk), largeRequests, ...via };
  }

  #cancel(cancel: WaitingCancel): void {
    const { endpoint, calls } = this.#options;
    if (cancel.asked === undefined) endpoint.flowTo(targetHere(cancel.to, endpoint)).send(cancel.text);
    else calls.cancelRinging(this.#ringing(cancel, cancel.asked));
  }

  /** RFC 3261 §18.2.2: to the port in Via, when the connection that the INVITE came over has ended. */
  #refuse({ from, tag }: WaitingSnapshot, invite: SipRequest): void {
    if (from.transport !== 'tcp') return;
    const response = createResponse(invite, 503, undefined, tag === undefined ? {} : { toTag: tag });
    const to: Target = { transport: 'tcp', address: from.address, port: invite.topVia().port ?? 5060 };
    this.#options.endpoint.flowTo(to).send(serialize(response));
  }
}

function keyOf(request: SipRequest): string {
  return `${request.topVia().branch} ${request.callId()}`;
}

function isAny(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

function requestOf(text: string): SipRequest {
  const message = parseMessage(text);
  if (message.kind !== 'request') throw new Error('no request');
  return message;
}
