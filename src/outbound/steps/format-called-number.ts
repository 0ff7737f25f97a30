import type { RouteStep } from '../context.ts';

const AS_GIVEN = { strip: 0, prepend: '' };

/** The route's own form of the called number: strip, then prepend (behaviour 13). */
export const formatCalledNumber: RouteStep = {
  name: 'called-number',
  run(route, trace) {
    const { number, leavesAsGiven } = route.call;
    const { strip, prepend } = leavesAsGiven ? AS_GIVEN : route.planned.route;
    route.calledNumber = prepend + number.slice(strip);
    if (route.calledNumber === '' || route.calledNumber === '+') {
      return { status: 484, reason: 'Address Incomplete', code: 'nothing-left-to-dial' };
    }
    if (trace.on) {
      const done = strip === 0 && prepend === '' ? 'as processed' : `${strip} stripped, "${prepend}" prepended`;
      trace.step({ step: 'called-number', outcome: 'continue', reason: `${route.calledNumber}: ${done}` });
    }
    return undefined;
  },
};
