import { defaultPort } from '../base/transport.ts';
import { describeDestination } from '../sip/endpoint/index.ts';
import { parseUri } from '../sip/message/index.ts';
import type { Target } from '../sip/transport/index.ts';
import type { Call } from './call.ts';
import type { Leg } from './leg.ts';
import { LegRequest } from './leg-request.ts';
import { Probe } from './probe.ts';

/**
 * The other half of a call between two nodes, seen from the leg toward it. When its node has ended too it may have come to another one, which
 * nobody here is told of: whoever finds it says where it is.
 */
export class OtherHalf {
  readonly leg: Leg;
  readonly #call: Call;

  constructor(leg: Leg, call: Call) {
    this.leg = leg;
    this.#call = call;
  }

  /** The dialog between the halves, as the node sees it that has the other one. */
  get dialog(): { readonly callId: string; readonly ours: string; readonly theirs: string } {
    const { callId, localTag, remoteTag } = this.leg.dialog;
    return { callId, ours: remoteTag, theirs: localTag };
  }

  /** False: it has come here, and is one call with this one; or another node has this one by now. */
  get isSought(): boolean {
    return this.leg.state === 'confirmed' || this.#call.record.endedAtMs !== undefined;
  }

  /** It is told where this one is; when this one has ended meanwhile, that it has. */
  found(at: Target): void {
    const { leg } = this;
    if (describeDestination(leg.destination) !== describeDestination(at)) this.#redirect(at);
    if (leg.state === 'confirmed') this.tell();
    else new LegRequest(leg, leg.dialog.createRequest('BYE'), leg).send();
  }

  /** Where it was last known to be. */
  tell(): void {
    if (this.leg.state === 'confirmed') new Probe(this.leg).refreshTarget();
  }

  /** It is being ended where it is, and its BYE went to where this one was: that has come now. */
  ended(): void {
    const { leg } = this;
    const call = this.#call;
    if (leg.state !== 'confirmed' || leg.call !== call) return;
    call.retain();
    leg.leave();
    call.end(leg === call.parties.caller ? 'caller' : 'callee', 'bye');
    call.release();
  }

  /** A defect in looking for it has been met: it ends this one. */
  onFault(error: unknown): void {
    this.#call.onFault(error);
  }

  #redirect(at: Target): void {
    const { leg } = this;
    leg.destination = at;
    // Its Contact names the node that has ended, until this one is answered.
    const named = parseUri(leg.dialog.nextHop());
    if ('host' in named) leg.unreachable = `${named.host}:${named.port ?? defaultPort(at.transport)}`;
  }
}

/** Of a call between nodes; undefined where there is no other half, or it has not been answered. */
export function otherHalfOf(call: Call): OtherHalf | undefined {
  const { caller, callee } = call.parties;
  const isHalf = call.record.facts.peerNode !== undefined;
  const leg = isHalf ? caller : [caller, callee].find((each) => each?.options.peerNode !== undefined);
  return leg?.state === 'confirmed' ? new OtherHalf(leg, call) : undefined;
}
