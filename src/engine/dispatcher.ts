/** A request's first stop: in-dialog requests go to their call, all others by method to whoever serves them. */
import { Later } from '../base/later.ts';
import { type Calls, refuseEvent, SERVED, SERVED_TAGS } from '../call/index.ts';
import type { EndpointUser, LateCancel, ServerTransaction } from '../sip/endpoint/index.ts';
import { HeaderId, type HeaderList, type SipRequest, type SipResponse } from '../sip/message/index.ts';
import type { Flow } from '../sip/transport/index.ts';
import type { TrunkService } from '../trunks/trunk-service.ts';
import type { Admission, Source } from './admit/admission.ts';
import type { CallContinuity } from './continuity/call-continuity.ts';
import type { Messaging } from './messaging.ts';
import type { Placement } from './placement.ts';
import type { Registrations } from './registrations.ts';

/** Those who serve requests. */
export interface Departments {
  readonly calls: Calls;
  readonly admission: Admission;
  readonly placement: Placement;
  readonly messaging: Messaging;
  readonly registrations: Registrations;
  readonly trunks: TrunkService;
  /** Answers what other nodes of the store ask, does as they say, and knows calls of theirs that may come. */
  readonly continuity: Pick<CallContinuity, 'answers' | 'cancelledLate' | 'mayCancel'>;
}

/** §11.2: what an INVITE would be told about us. Nothing of it depends on who asks, so nobody learns who exists. */
const CAPABILITIES: HeaderList = [
  ...SERVED,
  [HeaderId.Accept, 'application/sdp'],
  [HeaderId.Supported, SERVED_TAGS.join(', ')],
];

/** Methods that only make sense inside a dialog or a transaction that is not there. */
const NEEDS_DIALOG = new Set(['BYE', 'PRACK', 'UPDATE', 'INFO', 'NOTIFY']);
/** Known methods that are not served outside a dialog; who asks must be somebody all the same. */
const EVENT_METHODS = new Set(['SUBSCRIBE', 'PUBLISH']);

export class Dispatcher implements EndpointUser {
  readonly #departments = new Later<Departments>('who serves requests');

  /** Once, before a socket is open: they need the endpoint, and the endpoint needs this object. */
  serve(departments: Departments): void {
    this.#departments.give(departments);
  }

  get #served(): Departments {
    return this.#departments.part;
  }

  onRequest(transaction: ServerTransaction, request: SipRequest): void {
    // §12.2.2: a To tag says that the sender believes in a dialog; one that is not there is 481 whatever Route it carries.
    if (request.toTag() !== undefined && request.method !== 'REGISTER') {
      if (request.method === 'OPTIONS' && this.#served.continuity.answers(transaction)) return;
      if (!this.#served.calls.handle(transaction, request)) transaction.reply(481);
      return;
    }
    switch (request.method) {
      case 'INVITE': {
        const source = this.#source(transaction);
        if (source !== undefined) this.#served.placement.invite(transaction, source);
        break;
      }
      case 'REGISTER':
        this.#served.registrations.handle(transaction);
        break;
      case 'OPTIONS':
        transaction.reply(200, undefined, CAPABILITIES);
        break;
      case 'MESSAGE': {
        const source = this.#source(transaction);
        if (source !== undefined) this.#served.messaging.receive(transaction, source);
        break;
      }
      case 'REFER':
        if (this.#source(transaction) !== undefined) transaction.reply(405, undefined, SERVED);
        break;
      default:
        this.#other(transaction, request);
        break;
    }
  }

  onAck(request: SipRequest, flow: Flow): void {
    this.#served.calls.ack(request, flow);
  }

  onStrayCancel(cancel: SipRequest, flow: Flow, again: (tag?: string) => void): boolean {
    return this.#served.continuity.mayCancel(cancel, flow, again);
  }

  onStrayAnswer(response: SipResponse, flow: Flow): void {
    this.#served.calls.strayAnswer(response, flow);
  }

  onLateCancel(cancel: LateCancel): void {
    this.#served.continuity.cancelledLate(cancel);
  }

  onFlowClosed(flow: Flow): void {
    this.#served.registrations.registrar.flowClosed(flow.key);
    this.#served.trunks.flowClosed(flow);
  }

  /** Who sent it; undefined when it was answered. */
  #source(transaction: ServerTransaction): Source | undefined {
    const source = this.#served.admission.admit(transaction);
    if (source !== undefined) transaction.admit(source.kind === 'trunk' ? source.trunk.id : undefined);
    return source;
  }

  #other(transaction: ServerTransaction, { method }: SipRequest): void {
    // An unsolicited NOTIFY is of a subscription that is not there (RFC 6665 §4.1.3).
    if (NEEDS_DIALOG.has(method)) transaction.reply(481);
    else if (!EVENT_METHODS.has(method)) transaction.reply(501, undefined, SERVED);
    else if (this.#source(transaction) !== undefined) refuseEvent(transaction);
  }
}
