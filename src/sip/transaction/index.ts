export { TransactionLayer, type TransactionLayerOptions } from './layer.ts';
export { buildAck, buildCancel } from './requests.ts';
export { StatelessTags, TAG_LENGTH } from './stateless-tag.ts';
export type { TimerSettings } from './timers.ts';
export type {
  ClientTransaction,
  ClientTransactionOptions,
  ClientTransactionUser,
  LateCancel,
  ServerTransaction,
  ServerTransactionUser,
  TransactionLayerUser,
} from './types.ts';
