/**
 * When something ends by the clock, however late the timers come that run before it. Whole milliseconds modulo 2^32: an object keeps one
 * without an allocation of its own, as a fraction, or the time of a process that has run for a month, would need.
 */
import type { Clock } from './scheduler.ts';

/** @param delayMs at most 2^31 - 1, 24 days */
export function dueIn(clock: Clock, delayMs: number): number {
  return Math.ceil(clock.nowMs() + delayMs) | 0;
}

/** Milliseconds from now until what {@link dueIn} gave; up to one more, never less. Negative: it is over. */
export function msUntil(clock: Clock, due: number): number {
  return (due - Math.floor(clock.nowMs())) | 0;
}
