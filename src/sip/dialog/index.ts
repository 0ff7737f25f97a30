export {
  Dialog,
  type DialogSnapshot,
  TARGET_REFRESH,
  targetOfMessage,
} from './dialog.ts';
export { glareDelayMs, retryAfterSeconds } from './glare.ts';
export { type DescriptionRole, OfferAnswer, type Side } from './offer-answer.ts';
export { ReliableProvisionals, type ReliableProvisionalsUser } from './reliable-provisionals.ts';
export { ReliableReceiver } from './reliable-receiver.ts';
export {
  type IntervalRefusal,
  type RunningInterval,
  type SessionInterval,
  SessionTimer,
  type SessionTimerOptions,
  type SessionTimerUser,
} from './session-timer.ts';
export { SuccessResender, type SuccessResenderUser } from './success-resender.ts';
