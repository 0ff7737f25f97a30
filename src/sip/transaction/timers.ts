/** The base times of RFC 3261 §17 and what they yield; see the table in appendix A there. */
export interface TimerSettings {
  /** Round-trip time estimate. Default 500 ms. */
  readonly t1Ms: number;
  /** Longest interval between retransmissions of non-INVITE requests and INVITE responses. Default 4 s. */
  readonly t2Ms: number;
  /** Longest time a message stays in the network. Default 5 s. */
  readonly t4Ms: number;
  /** Timer D over unreliable transports: at least 32 s. */
  readonly timerDMs: number;
  /** §17.2.1: an INVITE without an answer for this long is sent a 100. Default 200 ms. */
  readonly tryingMs: number;
}

export const DEFAULT_TIMERS: TimerSettings = {
  t1Ms: 500,
  t2Ms: 4000,
  t4Ms: 5000,
  timerDMs: 32_000,
  tryingMs: 200,
};

/** Tells a transaction's timers apart; letters are the RFC's. `Trying` sends the 100, `CancelWait` ends a cancelled INVITE (§9.1). `Overdue`: B, F or CancelWait was late. */
export const TransactionTimer = {
  A: 1,
  B: 2,
  D: 3,
  E: 4,
  F: 5,
  G: 6,
  H: 7,
  I: 8,
  J: 9,
  K: 10,
  L: 11,
  M: 12,
  Trying: 13,
  CancelWait: 14,
  Refused: 15,
  Overdue: 16,
} as const;
