import { openingAt } from '../../tenants/schedule.ts';
import type { OutboundRule } from '../../tenants/schema.ts';
import type { CallState, CallStep } from '../context.ts';
import { emergencyRoutes } from '../emergency.ts';
import type { Refusal } from '../outcome.ts';
import { mismatch, rulesOf } from '../rules.ts';
import type { Trace } from '../trace.ts';
import { barredAs } from './process-number.ts';

/**
 * The first rule that matches, by priority, then name; only that one is used (behaviour 13). Outside its hours or on its holidays
 * the call is refused and not passed to another rule.
 */
export const matchRule: CallStep = {
  name: 'rule',
  run(call, trace) {
    const { tenant } = call.facts;
    if (call.emergency !== undefined) return matchEmergency(call, trace);
    for (const candidate of rulesOf(tenant)) {
      const why = mismatch(candidate, call.number, call.callerNumber, tenant);
      if (why === undefined) return use(call, candidate.rule, 'matches', trace);
      if (trace.on)
        trace.step({ step: 'rule', outcome: 'continue', reason: `"${candidate.rule.name}" passed over: ${why}` });
    }
    const behind = call.facts.redirected === true ? behindAccessCode(call) : undefined;
    if (behind === undefined) return { status: 404, reason: 'No Outbound Rule', code: 'no-rule' };
    // A bar may be written with the access code.
    const refusal = barredAs(call, behind.dialled);
    if (refusal !== undefined) return refusal;
    call.leavesAsGiven = true;
    return use(call, behind.rule, `takes it as ${behind.dialled}, as it would be dialled`, trace);
  },
};

function use(call: CallState, rule: OutboundRule, how: string, trace: Trace): Refusal | undefined {
  const { tenant, wallMs } = call.facts;
  call.rule = rule;
  call.candidates = rule.routes;
  if (trace.on) {
    const reason = `"${rule.name}" (priority ${rule.priority}) ${how}`;
    trace.step({ step: 'rule', outcome: 'continue', reason });
  }
  switch (openingAt(rule.hours, rule.holidays, tenant.timeZone, wallMs)) {
    case 'outside-hours':
      return { status: 403, reason: 'Outside Hours', code: 'outside-hours' };
    case 'holiday':
      return { status: 403, reason: 'Closed On Holidays', code: 'holiday' };
    default:
      return undefined;
  }
}

/** The digits of a number that can be one of E.164: with its country code, hence without a zero in front. */
const E164 = /^\+?([1-9][0-9]{6,14})$/;

/**
 * The rule that takes an E.164 number once its users' access code stands in front, and what they would have dialled. The access code
 * is what a rule's routes strip of its prefix: `9` of the prefixes `9`, `91` and `9011` with `strip: 1`. Where the prefix goes on with
 * an international code, that belongs to the number as dialled.
 */
function behindAccessCode(call: CallState): { readonly rule: OutboundRule; readonly dialled: string } | undefined {
  const { tenant } = call.facts;
  const digits = E164.exec(call.number)?.[1];
  if (digits === undefined) return undefined;
  for (const international of [false, true]) {
    for (const candidate of rulesOf(tenant)) {
      const strip = Math.min(...candidate.rule.routes.map((route) => route.strip));
      for (const prefix of candidate.rule.match.prefixes) {
        if (strip === 0 || prefix.length < strip) continue;
        const code = prefix.slice(0, strip);
        if (international && !prefix.slice(strip).startsWith('0')) continue;
        const dialled = (international ? prefix : code) + digits;
        if (mismatch(candidate, dialled, call.callerNumber, tenant) === undefined)
          return { rule: candidate.rule, dialled };
      }
    }
  }
  return undefined;
}

/** Neither hours nor holidays nor the lack of a rule stop an emergency call. */
function matchEmergency(call: CallState, trace: Trace): undefined {
  const { rule, routes, reason } = emergencyRoutes(call);
  call.rule = rule;
  call.candidates = routes;
  if (trace.on) trace.step({ step: 'rule', outcome: 'continue', reason: `emergency: ${reason}` });
  return undefined;
}
