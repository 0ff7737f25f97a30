export type { TransactionCounters } from './counters.ts';
export { TransactionLayer, type TransactionLayerOptions } from './layer.ts';
export { DEFAULT_TIMERS, type TimerSettings } from './timers.ts';
export type {
  Channel,
  ClientTransaction,
  ClientTransactionOptions,
  ClientTransactionUser,
  HeaderList,
  InviteClientState,
  InviteServerState,
  NonInviteClientState,
  NonInviteServerState,
  ServerTransaction,
  ServerTransactionUser,
  TransactionLayerUser,
} from './types.ts';
