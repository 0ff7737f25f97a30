import type { ForwardReason } from './facts.ts';

/** RFC 5806 §9.1 reasons. */
export const DIVERSION_REASON: Readonly<Record<ForwardReason, string>> = {
  unconditional: 'unconditional',
  'user-busy': 'user-busy',
  'no-answer': 'no-answer',
  unavailable: 'unavailable',
  'time-of-day': 'time-of-day',
  deflection: 'deflection',
  unknown: 'unknown',
};

/** RFC 4458 §2 cause values, as RFC 7044 §10.2 uses them for the target that the call was sent on to. */
export const CAUSE: Readonly<Record<ForwardReason, number>> = {
  unconditional: 302,
  'user-busy': 486,
  'no-answer': 408,
  unavailable: 503,
  'time-of-day': 302,
  deflection: 480,
  unknown: 404,
};
