/** What the layer has seen since it started; for metrics. */
export interface TransactionCounters {
  serverTransactions: number;
  clientTransactions: number;
  retransmissionsReceived: number;
  retransmissionsSent: number;
  /** Client transactions that ended without a final response. */
  timeouts: number;
  /** INVITE server transactions whose final response was never acknowledged. */
  ackTimeouts: number;
  transportErrors: number;
  /** Requests answered 482 (RFC 3261 §8.2.2.2). */
  merged: number;
  /** Requests answered 503 without a transaction, and client transactions refused, because of the limits. */
  refused: number;
  /** Final responses for which nothing was kept, and the ACKs to them. */
  stateless: number;
  statelessAcks: number;
  /** CANCELs that matched no INVITE. */
  strayCancels: number;
  /** Responses that matched no client transaction. */
  strayResponses: number;
  /** Responses and CANCELs with a right branch from an address that is not the transaction's peer. */
  wrongPeer: number;
  /** Responses of the user that the state did not allow. */
  lateResponses: number;
}

export function newCounters(): TransactionCounters {
  return {
    serverTransactions: 0,
    clientTransactions: 0,
    retransmissionsReceived: 0,
    retransmissionsSent: 0,
    timeouts: 0,
    ackTimeouts: 0,
    transportErrors: 0,
    merged: 0,
    refused: 0,
    stateless: 0,
    statelessAcks: 0,
    strayCancels: 0,
    strayResponses: 0,
    wrongPeer: 0,
    lateResponses: 0,
  };
}
