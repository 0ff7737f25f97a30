/**
 * The INVITE of one leg, without what the dialog and the transport own: no Via, Max-Forwards, Call-ID, CSeq or Content-Length,
 * and no From tag.
 */
export interface LegDraft {
  readonly requestUri: string;
  /** From header field value without a tag. */
  readonly from: string;
  readonly to: string;
  /** Contact header field value. */
  readonly contact: string;
  /** Route header field values, first hop first. */
  readonly routes: readonly string[];
  /** Everything else in order, Content-Type and the like included. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The body, octet for octet; '' makes the far end offer. */
  readonly body: string;
}
