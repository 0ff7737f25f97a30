import type { TimerTarget } from '../base/scheduler.ts';
import type { CallEnvironment } from './ports.ts';
import type { EndedBy } from './record.ts';

/** What of a call a defect may meet. */
export interface Faulty extends TimerTarget {
  readonly id: string;
  readonly env: CallEnvironment;
  end(by: EndedBy, reason: string): void;
}

/** Of the timer that ends a call which the defect has kept from its own end. */
export const DEFECT_TIMER = 3;

/** Counts a defect that a call has met and ends the call, if it goes on. Throws nothing, whatever the end meets. */
export function endByDefect(call: Faulty, error: unknown, goesOn: boolean): void {
  const { endpoint, scheduler, timers } = call.env;
  const about = { callId: call.id };
  endpoint.onFault(error, about);
  if (!goesOn) return;
  // No longer than a transaction takes.
  scheduler.schedule(64 * timers.t1Ms, call, DEFECT_TIMER);
  try {
    call.end('engine', 'defect');
  } catch (again) {
    endpoint.onFault(again, about);
  }
}
