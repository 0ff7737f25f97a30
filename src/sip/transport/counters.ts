/** Counts since start; gauges say so. */
export interface TransportCounters {
  /** Gauge. */
  connections: number;
  connectionsAccepted: number;
  connectionsOpened: number;
  /** Over a limit. */
  connectionsRefused: number;
  /** Of strangers, closed since another needed the place. */
  connectionsGaveWay: number;
  connectFailures: number;
  tlsRefused: number;
  /** Closed because a message or a handshake was not completed in time. */
  slowClosed: number;
  framingLost: number;
  /** Datagrams of sources over their rate. */
  rateLimited: number;
  /** STUN Binding Requests, with success or 420. */
  stunAnswered: number;
  /** Those of addresses that nobody knows whose answer would have been too long. */
  stunWithheld: number;
  sendErrors: number;
  pongTimeouts: number;
}

export function newTransportCounters(): TransportCounters {
  return {
    connections: 0,
    connectionsAccepted: 0,
    connectionsOpened: 0,
    connectionsRefused: 0,
    connectionsGaveWay: 0,
    connectFailures: 0,
    tlsRefused: 0,
    slowClosed: 0,
    framingLost: 0,
    rateLimited: 0,
    stunAnswered: 0,
    stunWithheld: 0,
    sendErrors: 0,
    pongTimeouts: 0,
  };
}
