export {
  Dialog,
  type DialogRefusal,
  type DialogRequestOptions,
  type DialogRole,
  type DialogState,
  dialogKey,
  dialogKeyOfRequest,
  dialogKeyOfResponse,
} from './dialog.ts';
export { DialogSet } from './dialog-set.ts';
export { glareDelayMs, retryAfterSeconds } from './glare.ts';
export { type ProvisionalVerdict, ReliableReceiver } from './reliable-receiver.ts';
export type { Hop } from './route-set.ts';
export { SuccessResender, type SuccessResenderUser } from './success-resender.ts';
