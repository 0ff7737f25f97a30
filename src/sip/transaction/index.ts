export { TransactionLayer, type TransactionLayerOptions } from './layer.ts';
export type { SentBy } from './matching.ts';
export { buildCancel } from './requests.ts';
export { StatelessTags } from './stateless-tag.ts';
export type { TimerSettings } from './timers.ts';
export type {
  ClientTransaction,
  ClientTransactionOptions,
  ClientTransactionUser,
  ServerTransaction,
  ServerTransactionUser,
  TransactionLayerUser,
} from './types.ts';
