export type { Call, CallState } from './call.ts';
export { type CallCounters, Calls, type CallsOptions } from './calls.ts';
export { ALLOW, SUPPORTED } from './capabilities.ts';
export type { Leg, LegState } from './leg.ts';
export { type MessagePlan, relayMessage } from './message-relay.ts';
export * from './plan.ts';
export {
  type CallEnvironment,
  type CallLimits,
  type CallRouter,
  type CallTimers,
  type Destination,
  defaultCallLimits,
  defaultCallTimers,
  type EndpointPort,
} from './ports.ts';
export * from './record.ts';
export { callerStatus, isBetterStatus, sipReason } from './response-mapping.ts';
