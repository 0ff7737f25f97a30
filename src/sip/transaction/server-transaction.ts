import { randomToken } from '../../base/ids.ts';
import { ownCopy } from '../../base/text.ts';
import { createResponse, type SipResponse, serialize } from '../message/index.ts';
import { Transaction } from './transaction.ts';
import type { Channel, HeaderList, ServerTransactionUser } from './types.ts';

/** What both server machines share: the tag of their responses and the last response sent. */
export abstract class ServerTransactionBase<F extends Channel> extends Transaction<F> {
  readonly isClient = false;
  user: ServerTransactionUser | undefined = undefined;
  answerOnce = false;
  /** The status last sent; 0 before the first response. */
  protected lastStatus = 0;
  #localTag = '';
  #lastResponse: SipResponse | undefined = undefined;

  abstract respond(response: SipResponse): void;

  get localTag(): string {
    if (this.#localTag === '') this.#localTag = randomToken();
    return this.#localTag;
  }

  /** The tag that the peer knows: of the last response with one, else the one that {@link reply} would use. */
  get sentTag(): string {
    return this.#lastResponse?.toTag() ?? this.localTag;
  }

  /** Makes this transaction answer with another's tag; §9.2 wants the 200 to a CANCEL to carry the tag of the INVITE's responses. */
  adoptTag(tag: string): void {
    this.#localTag = tag;
  }

  reply(status: number, reason?: string, headers?: HeaderList): void {
    // §8.2.6.2: all responses but 100 carry a To tag.
    const toTag = status === 100 ? undefined : this.localTag;
    this.respond(
      createResponse(this.request, status, reason, {
        ...(toTag !== undefined && { toTag }),
        ...(headers !== undefined && { headers }),
      }),
    );
  }

  /** Renders a response before anything changes, since the serializer refuses what must not leave. */
  protected prepare(response: SipResponse): void {
    // A 2xx that the user sends again is the same object: its text is at hand.
    if (response !== this.#lastResponse) this.text = serialize(response);
    this.#lastResponse = response;
    this.lastStatus = response.status;
  }

  override release(): void {
    this.#localTag = ownCopy(this.sentTag);
    this.#lastResponse = undefined;
    super.release();
  }

  protected transmit(): void {
    this.flow.send(this.text);
  }

  protected get hasResponse(): boolean {
    return this.lastStatus !== 0;
  }
}
