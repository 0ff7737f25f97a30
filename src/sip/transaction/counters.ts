/** What the layer has seen since it started; for metrics. */
export class TransactionCounters {
  serverTransactions = 0;
  clientTransactions = 0;
  retransmissionsReceived = 0;
  retransmissionsSent = 0;
  /** Client transactions that ended without a final response. */
  timeouts = 0;
  /** INVITE server transactions whose final response was never acknowledged. */
  ackTimeouts = 0;
  transportErrors = 0;
  /** Requests answered 482 (RFC 3261 §8.2.2.2). */
  merged = 0;
  /** Requests answered 503 without a transaction, and client transactions refused, because of the limits. */
  refused = 0;
  /** Final responses for which nothing was kept, and the ACKs to them. */
  stateless = 0;
  statelessAcks = 0;
  /** CANCELs that matched no INVITE. */
  strayCancels = 0;
  /** Responses that matched no client transaction. */
  strayResponses = 0;
  /** Responses and CANCELs with a right branch from an address that is not the transaction's peer. */
  wrongPeer = 0;
  /** Responses of the user that the state did not allow. */
  lateResponses = 0;
}
