/** Callers of a process that has ended who wait for an answer, and those who rang for them. */

import type { Log } from '../../base/log.ts';
import type { Scheduler } from '../../base/scheduler.ts';
import { defaultPort } from '../../base/transport.ts';
import {
  type AskedSnapshot,
  CANCELLED_MS,
  type Calls,
  inviteKey,
  Resumption,
  type RingingInvite,
  type WaitingCancel,
  type WaitingSnapshot,
} from '../../call/index.ts';
import { scopeOf, viaOf } from '../../provisioning/trunk-settings/own-address.ts';
import type { Endpoint } from '../../sip/endpoint/index.ts';
import { createResponse, parseMessage, type SipRequest, serialize } from '../../sip/message/index.ts';
import { type Flow, isWildcard, type Target } from '../../sip/transport/index.ts';
import type { Identification } from '../../trunks/identification.ts';
import type { Served } from '../served.ts';
import { type CallRestorerOptions, reacherOf, targetHere } from './call-restorer.ts';

/**
 * So long after the end of the process a caller may still hear it ring, and somebody may go on with his call for him; nobody is rung for one
 * who has put down long ago.
 */
const WAITS_MS = 60_000;
/** Whoever rang and is not asked by then will not be. */
const ASKED_MS = 2_000;

export interface WaitingCallersOptions {
  readonly endpoint: Endpoint;
  readonly scheduler: Scheduler;
  readonly log: Log;
  readonly calls: Calls;
  readonly trunks: CallRestorerOptions['trunks'];
  readonly served: Pick<Served, 'directory'>;
  /** A trunk may cancel from one of its addresses what it began from another. */
  readonly identification: Pick<Identification, 'isOf'>;
}

/** A caller has given up whose call may come. */
export interface HeldCancel {
  /** As he sent it. */
  readonly cancel: SipRequest;
  /** His address. */
  readonly from: string;
  /** Has the CANCEL answered; under this tag, where another node has the call. */
  readonly again: (tag?: string) => void;
}

/** A caller's INVITE that is about to be received once more. */
interface ExpectedInvite {
  readonly waiting: WaitingSnapshot;
  readonly resumption: Resumption;
  readonly held: HeldCancel[];
}

export class WaitingCallers {
  readonly #options: WaitingCallersOptions;
  /** By branch and Call-ID. */
  readonly #cancels = new Map<string, HeldCancel>();
  readonly #expected = new Map<string, ExpectedInvite>();
  #toPlace: { readonly waiting: WaitingSnapshot; readonly endedAgoMs: number }[] = [];

  constructor(options: WaitingCallersOptions) {
    this.#options = options;
  }

  /** A call that nobody had answered. @param downMs how long its process has not been heard of, at most */
  add(waiting: WaitingSnapshot, downMs: number): void {
    const agoMs = this.#options.scheduler.wallMs() - waiting.takenAtMs;
    this.#toPlace.push({ waiting, endedAgoMs: Math.min(agoMs, downMs) });
  }

  /** Calls that were added and are not placed yet. */
  get count(): number {
    return this.#toPlace.length;
  }

  /** The sockets are open: callers who may still wait have their calls gone on with. @param isOwn the process before was of this node */
  placeAll(isOwn: boolean): void {
    const toPlace = this.#toPlace;
    this.#toPlace = [];
    for (const { waiting, endedAgoMs } of toPlace) {
      try {
        if (waiting.from.kind === 'target' && endedAgoMs < WAITS_MS) this.#placeAgain(waiting, isOwn);
        else this.#end(waiting);
      } catch (error) {
        this.#options.log.warn('call-not-restored', { call: waiting.id, error: String(error) });
      }
    }
  }

  /**
   * Who has called over a connection that has ended, or so long ago that he waits no more, is answered 503, so that he tries the next node if
   * he does: over another connection, where he takes any. Whoever rang is cancelled; the call is over, and recorded.
   */
  #end(waiting: WaitingSnapshot): void {
    for (const cancel of waiting.cancels) this.#cancel(cancel);
    this.#refuse(waiting, requestOf(waiting.invite));
    this.#options.calls.endWaiting(waiting);
  }

  /**
   * The caller's INVITE is received once more. Who rings, and whose answer comes to this node, goes on ringing; anybody else is cancelled
   * in the name of the process before.
   */
  #placeAgain(waiting: WaitingSnapshot, isOwn: boolean): void {
    const { endpoint, scheduler, calls } = this.#options;
    const invite = requestOf(waiting.invite);
    const ringing: RingingInvite[] = [];
    let isCancelled = false;
    const key = inviteKey(invite);
    const gaveUp = this.#cancels.get(key);
    const hasGivenUp = gaveUp !== undefined && this.#isOfCaller(waiting, gaveUp);
    for (const cancel of waiting.cancels) {
      const asked = cancel.asked;
      if (!hasGivenUp && asked !== undefined && this.#comesHere(asked, isOwn))
        ringing.push(this.#ringing(cancel, asked));
      else {
        isCancelled = true;
        this.#cancel(cancel);
      }
    }
    const resumption = this.#resumptionOf(waiting, invite, ringing);
    const expected = { waiting, resumption, held: [] };
    this.#expected.set(key, expected);
    if (gaveUp !== undefined && hasGivenUp) {
      this.#cancels.delete(key);
      this.#giveUp(expected, gaveUp);
    }
    calls.expect(resumption);
    const flow = endpoint.flowTo(targetHere(waiting.from, endpoint));
    const receive = () => this.#receive(key, expected, waiting.invite, flow);
    scheduler.schedule(isCancelled && !hasGivenUp ? CANCELLED_MS : 0, { onTimer: receive }, 0);
    scheduler.schedule(ASKED_MS, { onTimer: () => calls.endResumption(resumption, waiting.id) }, 0);
  }

  #resumptionOf(waiting: WaitingSnapshot, invite: SipRequest, ringing: readonly RingingInvite[]): Resumption {
    const { tag, from, described, record, forMs = 0, takenAtMs } = waiting;
    const { ringingAtMs, startedAtMs = 0, attempts = [], takeovers = 0 } = record ?? {};
    return new Resumption({
      ...{ invite, tag, ringing, described, attempts, takeovers: takeovers + 1 },
      address: from.address,
      passedMs: forMs + Math.max(0, this.#options.scheduler.wallMs() - takenAtMs),
      rangAfterMs: ringingAtMs === undefined ? undefined : ringingAtMs - startedAtMs,
    });
  }

  /** A CANCEL comes for a call that is about to be here. False: it is not known to be. */
  cancels(held: HeldCancel): boolean {
    const expected = this.#expected.get(inviteKey(held.cancel));
    if (expected === undefined || !this.#isOfCaller(expected.waiting, held)) return false;
    this.#giveUp(expected, held);
    return true;
  }

  /** Whether this CANCEL waits for its call already: it is a copy. */
  holds({ cancel, from }: HeldCancel): boolean {
    return this.#cancels.get(inviteKey(cancel))?.from === from;
  }

  /** It comes from where the INVITE did, or from another address of the trunk that the call came by. */
  #isOfCaller({ from, record }: WaitingSnapshot, cancel: HeldCancel): boolean {
    return from.address === cancel.from || this.#options.identification.isOf(record?.facts.trunkId ?? '', cancel.from);
  }

  /** A CANCEL came whose call may come. */
  remember(held: HeldCancel): void {
    this.#cancels.set(inviteKey(held.cancel), held);
  }

  /** The call has not come: the CANCEL is answered as any other that is for nothing, or under the tag of whoever has the call. */
  forget({ cancel }: Pick<HeldCancel, 'cancel'>, tag?: string): void {
    const key = inviteKey(cancel);
    const held = this.#cancels.get(key);
    this.#cancels.delete(key);
    held?.again(tag);
  }

  #giveUp({ waiting, resumption, held }: ExpectedInvite, cancel: HeldCancel): void {
    resumption.cancel = cancel.cancel;
    held.push(cancel);
    this.#options.calls.cancelAll(resumption, waiting.id);
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
      transport === at.transport && port === at.port && (isWildcard(host) ? isOwn : host === at.host);
    return this.#options.endpoint.transport.listening().some(isHere);
  }

  #ringing(cancel: WaitingCancel, asked: AskedSnapshot): RingingInvite {
    const { text, usedSequence, identityWithheld, trunkId } = asked;
    const { endpoint, trunks } = this.#options;
    const place = { ...targetHere(cancel.to, endpoint), kind: cancel.to.kind };
    const to = reacherOf({ trunks })(place, { contact: '', ...(trunkId !== undefined && { trunkId }) });
    const way = this.#wayOf(trunkId, place);
    return { invite: requestOf(text), to, trunkId, usedSequence, identityWithheld, way };
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
    const { there, asked } = cancel;
    // This node may be the one that rings it: its own CANCEL comes of the one that it is sent here.
    const ringsHere = asked !== undefined && calls.halves.has(requestOf(asked.text).callId());
    if (asked === undefined) endpoint.flowTo(targetHere(cancel.to, endpoint)).send(cancel.text);
    else calls.cancelRinging(this.#ringing(cancel, asked));
    if (there === undefined || ringsHere) return;
    // Another one that lives cancels the phone too, in the same transaction.
    const to = targetHere(there.to, endpoint);
    calls.cancelRinging({ invite: requestOf(there.text), to, trunkId: undefined, usedSequence: 0, way: {} });
  }

  #refuse(waiting: WaitingSnapshot, invite: SipRequest): void {
    const { endpoint } = this.#options;
    const { tag } = waiting;
    const to = this.#wayBack(waiting, invite);
    const response = createResponse(invite, 503, undefined, tag === undefined ? {} : { toTag: tag });
    if (to !== undefined) endpoint.flowTo(to).send(serialize(response));
  }

  /**
   * RFC 3261 §18.2.2: a datagram is answered where it came from, what came over a connection that has ended at the port in Via. Over TLS only
   * a trunk has a name by which its certificate is known.
   */
  #wayBack({ from, record }: WaitingSnapshot, invite: SipRequest): Target | undefined {
    const { endpoint, trunks } = this.#options;
    const { transport, address } = from;
    if (from.kind === 'target') return targetHere(from, endpoint);
    const port = invite.topVia().port ?? defaultPort(transport);
    if (transport !== 'tls') return { transport, address, port };
    const trunkId = record?.facts.direction === 'inbound' ? record.facts.trunkId : undefined;
    return trunkId === undefined ? undefined : trunks.secured(trunkId, { transport, address, port });
  }
}

function requestOf(text: string): SipRequest {
  const message = parseMessage(text);
  if (message.kind !== 'request') throw new Error('no request');
  return message;
}
