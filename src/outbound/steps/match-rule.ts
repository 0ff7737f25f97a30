import { openingAt } from '../../tenants/schedule.ts';
import type { CallState, CallStep } from '../context.ts';
import { emergencyRoutes } from '../emergency.ts';
import { mismatch, rulesOf } from '../rules.ts';
import type { Trace } from '../trace.ts';

/**
 * The first rule that matches, by priority, then name; only that one is used (behaviour 13). Outside its hours or on its holidays
 * the call is refused and not passed to another rule.
 */
export const matchRule: CallStep = {
  name: 'rule',
  run(call, trace) {
    const { tenant, wallMs } = call.facts;
    if (call.emergency !== undefined) return matchEmergency(call, trace);
    for (const candidate of rulesOf(tenant)) {
      const why = mismatch(candidate, call.number, call.callerNumber, tenant);
      if (why !== undefined) {
        if (trace.on)
          trace.step({ step: 'rule', outcome: 'continue', reason: `"${candidate.rule.name}" passed over: ${why}` });
        continue;
      }
      const { rule } = candidate;
      call.rule = rule;
      if (trace.on)
        trace.step({ step: 'rule', outcome: 'continue', reason: `"${rule.name}" (priority ${rule.priority}) matches` });
      call.candidates = rule.routes;
      switch (openingAt(rule.hours, rule.holidays, tenant.timeZone, wallMs)) {
        case 'outside-hours':
          return { status: 403, reason: 'Outside Hours', code: 'outside-hours' };
        case 'holiday':
          return { status: 403, reason: 'Closed On Holidays', code: 'holiday' };
        default:
          return undefined;
      }
    }
    return { status: 404, reason: 'No Outbound Rule', code: 'no-rule' };
  },
};

/** Neither hours nor holidays nor the lack of a rule stop an emergency call. */
function matchEmergency(call: CallState, trace: Trace): undefined {
  const { rule, routes, reason } = emergencyRoutes(call);
  call.rule = rule;
  call.candidates = routes;
  if (trace.on) trace.step({ step: 'rule', outcome: 'continue', reason: `emergency: ${reason}` });
  return undefined;
}
