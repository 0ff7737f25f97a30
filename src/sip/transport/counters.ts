/** Counts since start; gauges say so. */
export class TransportCounters {
  /** Gauge. */
  connections = 0;
  connectionsAccepted = 0;
  connectionsOpened = 0;
  /** Over a limit. */
  connectionsRefused = 0;
  /** Of strangers, closed since another needed the place. */
  connectionsGaveWay = 0;
  connectFailures = 0;
  tlsRefused = 0;
  /** Closed because a message or a handshake was not completed in time. */
  slowClosed = 0;
  framingLost = 0;
  /** Datagrams of sources over their rate. */
  rateLimited = 0;
  /** STUN Binding Requests, with success or 420. */
  stunAnswered = 0;
  /** Those of addresses that nobody knows whose answer would have been too long. */
  stunWithheld = 0;
  sendErrors = 0;
  pongTimeouts = 0;
}
