/** The B2BUA. Import from here. */
export type { Call } from './call.ts';
export { type CallCounters, Calls, type CallsOptions } from './calls.ts';
export type { Leg } from './leg.ts';
export * from './plan.ts';
export * from './ports.ts';
export * from './record.ts';
