import type { ReliableReceiver } from '../sip/dialog/index.ts';
import type { SipRequest, SipResponse } from '../sip/message/index.ts';
import type { ServerTransaction } from './ports.ts';

/** Reliable provisional responses to the peer (RFC 3262); `ReliableRelay` is it. */
interface ReliableResponses<L> {
  readonly holdsDescription: boolean;
  /** One waits for its PRACK. */
  readonly isOwed: boolean;
  relay(response: SipResponse, origin: L | undefined, rack: string): void;
  receivePrack(transaction: ServerTransaction, request: SipRequest): boolean;
  end(): void;
}

/** What a leg has only until its INVITE has its final response. */
export class EarlyDialog<L> {
  readonly kind = 'early';
  /** Of the callee's reliable provisional responses. */
  receiver: ReliableReceiver | undefined = undefined;
  /** Those that are given to the caller. */
  reliable: ReliableResponses<L> | undefined = undefined;
  /** Of a caller's leg: the callee leg whose session description it was given. */
  describedBy: L | undefined = undefined;
  /** Of a caller's leg: the callee's answer as it was described last; undefined once the caller has it reliably. */
  described: string | undefined = undefined;
  /** The same, whether or not the caller has it reliably; undefined where it was an offer. */
  told: string | undefined = undefined;
}

/** How far a leg is, and what is there only so far. */
export type Phase<L> =
  | EarlyDialog<L>
  | {
      readonly kind: 'confirmed';
      /** RFC 3262 §3: those that its 2xx has overtaken, whose PRACK may still come. */
      readonly overtaken?: ReliableResponses<L>;
    }
  | { readonly kind: 'leaving'; readonly reasons: readonly string[]; isByeSent: boolean }
  | { readonly kind: 'gone' };

export const CONFIRMED: Phase<never> = { kind: 'confirmed' };
export const GONE: Phase<never> = { kind: 'gone' };
