import { Dialog } from '../sip/dialog/index.ts';
import { HeaderId, type SipRequest, type SipResponse } from '../sip/message/index.ts';
import type { CallEnvironment, ClientTransaction, ClientTransactionUser, Destination, SendOptions } from './ports.ts';

const nobody: ClientTransactionUser = { onResponse() {}, onTimeout() {}, onTransportError() {} };

/** A callee answered an INVITE that nobody waits for any more: ACK, then BYE (RFC 3261 §13.2.2.4). */
export function turnAway(
  { endpoint }: CallEnvironment,
  invite: SipRequest,
  response: SipResponse,
  to: Destination,
  options?: SendOptions,
): void {
  const dialog = Dialog.createUac(invite, response);
  endpoint.sendAck(dialog.createAck(invite), to, options);
  const bye = dialog.createRequest('BYE');
  bye.headers.add(HeaderId.Reason, 'SIP;cause=487;text="Request Terminated"');
  endpoint.sendRequest(bye, to, nobody, options);
}

export interface EndedDialog {
  readonly remoteTag: string;
  /** Where its ACKs went. */
  readonly destination: Destination;
  readonly options: SendOptions;
}

/**
 * Hears the 2xx that may still come to an INVITE whose dialog has ended: its transaction waits for them half a minute (RFC 6026), and
 * the call, its legs and dialogs shall not be kept for so long. The same 2xx again gets its ACK again, one of another fork is turned away.
 */
export class LateAnswers implements ClientTransactionUser {
  readonly #env: CallEnvironment;
  readonly #remoteTag: string;
  readonly #destination: Destination;
  readonly #options: SendOptions;

  constructor(env: CallEnvironment, { remoteTag, destination, options }: EndedDialog) {
    this.#env = env;
    this.#remoteTag = remoteTag;
    this.#destination = destination;
    this.#options = options;
  }

  onResponse(response: SipResponse, { request: invite, flow }: ClientTransaction): void {
    if ((response.toTag() ?? '') !== this.#remoteTag) {
      turnAway(this.#env, invite, response, flow, this.#options);
      return;
    }
    const ack = Dialog.createUac(invite, response).createAck(invite);
    this.#env.endpoint.sendAck(ack, this.#destination, this.#options);
  }

  onTimeout(): void {}

  onTransportError(): void {}
}
