import type { SipRequest } from '../sip/message/index.ts';

/** An INVITE under way on a leg, in either direction; the leg must end it when it ends itself. */
export interface PendingInvite<L> {
  /** The leg it came from, or goes to, has ended. */
  abandon(leg: L): void;
}

/** A 2xx given to the peer, until its ACK comes; `AcceptedInvite` is it. */
export interface UnacknowledgedAnswer {
  readonly sequence: number;
  acknowledged(ack: SipRequest): void;
  stop(): void;
}

/** What waits for the peer's ACK; `AwaitedAck` is it. */
interface WaitingRequest<L> extends PendingInvite<L> {
  acknowledged(): void;
}

/** The INVITEs between this engine and one peer, from each request to its ACK (RFC 3261 §13.3, §14). */
export class LegInvites<L> {
  /** The one that this peer sent and that has no final response. */
  incoming: PendingInvite<L> | undefined = undefined;
  /** The one that was sent to this peer and has no final response. */
  outgoing: PendingInvite<L> | undefined = undefined;
  /** The 2xx given to this peer that has no ACK. */
  accepted: UnacknowledgedAnswer | undefined = undefined;
  /** What the other side has sent meanwhile and that waits for that ACK. */
  awaited: WaitingRequest<L> | undefined = undefined;

  /** It is under way no more. */
  forget(invite: PendingInvite<L>): void {
    if (this.incoming === invite) this.incoming = undefined;
    if (this.outgoing === invite) this.outgoing = undefined;
    if (this.awaited === invite) this.awaited = undefined;
  }

  /** A 2xx whose ACK is not waited for any longer. */
  stopAccepted(): void {
    const { accepted } = this;
    this.accepted = undefined;
    accepted?.stop();
  }

  /** The leg is being left: what has no final response is given one. */
  abandon(leg: L): void {
    const { incoming, outgoing } = this;
    this.incoming = undefined;
    this.outgoing = undefined;
    incoming?.abandon(leg);
    outgoing?.abandon(leg);
    this.awaited?.abandon(leg);
  }
}
