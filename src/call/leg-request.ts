import type { DigestClient } from '../sip/auth/index.ts';
import type { Dialog, OfferAnswer } from '../sip/dialog/index.ts';
import { describeDestination } from '../sip/endpoint/index.ts';
import { HeaderId, type HeaderList, type SipRequest, type SipResponse } from '../sip/message/index.ts';
import type { ClientTransaction, ClientTransactionUser, Destination } from './ports.ts';
import { hasSessionDescription } from './relayed-headers.ts';

/**
 * - `early`: a provisional response made the dialog
 * - `confirmed`: a 2xx did
 * - `leaving`: the call is over for this leg, its BYE waits for an ACK or for its answer
 * - `gone`: nothing is owed any more
 */
export type LegState = 'early' | 'confirmed' | 'leaving' | 'gone';

/** Refreshed by each INVITE and UPDATE that is sent within the session, whatever for (RFC 4028 §7.4); `SessionKeeper` is it. */
interface RefreshedSession {
  ask(request: SipRequest): void;
  granted(response: SipResponse): void;
}

/** What a request within a dialog needs of its leg; `Leg` is it. */
export interface RequestingLeg {
  readonly state: LegState;
  readonly dialog: Dialog;
  readonly destination: Destination;
  readonly offers: OfferAnswer;
  /** The session timer with the peer. Absent: of one who is left alone. */
  readonly session?: RefreshedSession | undefined;
  /** What answers challenges of this peer. */
  readonly credentials: DigestClient | undefined;
  /** `address:port` that the peer's Contact or Record-Route names and that takes no connection. */
  unreachable: string | undefined;
  transmit(request: SipRequest, user: ClientTransactionUser): ClientTransaction;
  /** Answers in place of the peer. Undefined: the peer is asked itself. */
  readonly standIn: ((request: SipRequest, answer: (response: SipResponse) => void) => void) | undefined;
  /** A defect met what is under way in it at a timer: its call ends. */
  onFault(error: unknown): void;
}

export interface LegRequestUser {
  /** Every response but the 401 or 407 that was answered with credentials. */
  onLegResponse(response: SipResponse, request: LegRequest): void;
  /** No final response: 408 for silence, 503 for a transport failure (RFC 3261 §8.1.3.1). */
  onLegSilence(status: number, request: LegRequest): void;
}

/** A request within a leg's dialog, sent again with credentials when the peer asks for them. */
export class LegRequest implements ClientTransactionUser {
  request: SipRequest;
  readonly #leg: RequestingLeg;
  readonly #user: LegRequestUser;
  #transaction: ClientTransaction | undefined = undefined;
  #credentialTries = 0;
  #cancelled = false;
  #answered = false;
  #sentAnew = false;

  constructor(leg: RequestingLeg, request: SipRequest, user: LegRequestUser) {
    this.#leg = leg;
    this.request = request;
    this.#user = user;
  }

  send(): this {
    const { request } = this;
    this.#refreshed?.ask(request);
    this.#leg.offers.request('local', request.method, hasSessionDescription(request));
    const { standIn } = this.#leg;
    if (standIn !== undefined && request.method === 'INVITE') {
      standIn(request, (response) => this.#heard(response));
      return this;
    }
    this.#transaction = this.#leg.transmit(this.request, this);
    return this;
  }

  /** Cancels an INVITE; the final response still reaches the user. */
  cancel(headers?: HeaderList): void {
    this.#cancelled = true;
    this.#transaction?.cancel(headers);
  }

  onResponse(response: SipResponse, transaction: ClientTransaction): void {
    if (this.#transaction !== undefined && transaction !== this.#transaction) return;
    this.#answered = true;
    this.#heard(response);
    if (response.status >= 200) transaction.release();
  }

  #heard(response: SipResponse): void {
    const { status } = response;
    // Reliable provisional responses within a session are not asked for.
    this.#leg.offers.response('remote', this.request.method, status, hasSessionDescription(response), status >= 200);
    if ((status === 401 || status === 407) && this.#answerChallenge(response)) return;
    if (status >= 200 && status < 300) this.#refreshed?.granted(response);
    this.#user.onLegResponse(response, this);
  }

  get #refreshed(): RefreshedSession | undefined {
    const { session, state } = this.#leg;
    const { method } = this.request;
    return state === 'confirmed' && (method === 'INVITE' || method === 'UPDATE') ? session : undefined;
  }

  onTimeout(transaction: ClientTransaction): void {
    if (transaction === this.#transaction) this.#silent(408);
  }

  onTransportError(_reason: string, transaction: ClientTransaction): void {
    if (transaction === this.#transaction && !this.#sendAnew(transaction)) this.#silent(503);
  }

  onFault(error: unknown): void {
    this.#leg.onFault(error);
  }

  /**
   * A connection that was dead shows it when it is used: once more over a fresh one, when nothing of an answer had come; one that never
   * came to be, over another way.
   */
  #sendAnew({ flow }: ClientTransaction): boolean {
    const leg = this.#leg;
    if (this.#answered || this.#cancelled || !flow.reliable || !flow.closed || leg.state === 'gone') return false;
    const place = `${flow.remoteAddress}:${flow.remotePort}`;
    if (flow.connected ? this.#sentAnew : leg.unreachable === place) return false;
    if (flow.connected) this.#sentAnew = true;
    else leg.unreachable = place;
    this.request.headers.remove(HeaderId.Via);
    this.#transaction = this.#leg.transmit(this.request, this);
    return true;
  }

  #silent(status: number): void {
    this.#leg.offers.response('remote', this.request.method, status, false, true);
    this.#user.onLegSilence(status, this);
  }

  #answerChallenge(response: SipResponse): boolean {
    const { credentials, state } = this.#leg;
    if (credentials === undefined || this.#cancelled) return false;
    // After the BYE nothing but the BYE itself goes again, and after the dialog's end nothing at all.
    if (state === 'gone' || (state === 'leaving' && this.request.method !== 'BYE')) return false;
    const again = this.#leg.dialog.createRequest(this.request.method);
    // What the dialog has put there; of every other name each field is copied.
    const present = new Set<string>();
    again.headers.forEach((name) => {
      present.add(name.toLowerCase());
    });
    this.request.headers.forEach((name, value, id) => {
      if (id === HeaderId.Via || id === HeaderId.Authorization || id === HeaderId.ProxyAuthorization) return;
      if (!present.has(name.toLowerCase())) again.headers.addNamed(name, value);
    });
    // A relayed request has fewer hops left than a new one.
    const hops = this.request.headers.value(HeaderId.MaxForwards);
    if (hops !== undefined) again.headers.set(HeaderId.MaxForwards, hops);
    again.body = this.request.body;
    const destination = describeDestination(this.#leg.destination);
    if (credentials.authorize(response, this.request, again, destination, this.#credentialTries++) !== undefined)
      return false;
    this.request = again;
    this.send();
    return true;
  }
}
