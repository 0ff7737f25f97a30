import { openingAt } from '../../provisioning/tenants/schedule.ts';
import type { OutboundRule } from '../../provisioning/tenants/schema.ts';
import type { CallStep, PlanState } from '../context.ts';
import { emergencyRoutes } from '../emergency.ts';
import type { Refusal } from '../outcome.ts';
import { type CompiledRule, mismatch, rulesOf } from '../rules.ts';
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
    if (call.emergency) return matchEmergency(call, trace);
    for (const candidate of rulesOf(tenant)) {
      const why = mismatch(candidate, call.number, call.callerNumber, tenant);
      if (why === undefined) return use(call, candidate.rule, 'matches', trace);
      if (trace.on)
        trace.step({ step: 'rule', outcome: 'continue', reason: `"${candidate.rule.name}" passed over: ${why}` });
    }
    const redirected = call.facts.redirected === true ? asUsersDial(call) : undefined;
    if (redirected === undefined) return { status: 404, reason: 'No Outbound Rule', code: 'no-rule' };
    const { rule, dialled, isGiven } = redirected;
    // A bar may be written with the access code.
    const refusal = barredAs(call, dialled);
    if (refusal !== undefined) return refusal;
    if (isGiven) call.leavesAsGiven = true;
    else call.number = dialled;
    return use(call, rule, `takes it as ${dialled}, as it would be dialled`, trace);
  },
};

function use(call: PlanState, rule: OutboundRule, how: string, trace: Trace): Refusal | undefined {
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

/** The digits of a number that can be one of E.164: with its country code, hence without a zero in front but for `00`, the plus of many. */
const E164 = /^(?:\+|00)?([1-9][0-9]{6,14})$/;
/** How people dial such a number where no access code stands in front: with the plus, or an international prefix of their country. */
const FORMS = ['', '+', '00', '011'];

interface AsDialled {
  readonly rule: OutboundRule;
  /** What users would have dialled. */
  readonly dialled: string;
  /** The number leaves as the redirection gives it; else as the rule makes it of what would be dialled. */
  readonly isGiven: boolean;
}

/** The rule that takes an E.164 number of a redirection, which nobody dialled and which is written in the carrier's way. */
function asUsersDial(call: PlanState): AsDialled | undefined {
  const digits = E164.exec(call.number)?.[1];
  if (digits === undefined) return undefined;
  return behindAccessCode(call, digits) ?? withoutAccessCode(call, digits);
}

/**
 * The rule that takes the number once its users' access code stands in front. The access code is what a rule's routes strip of its
 * prefix: `9` of the prefixes `9`, `91` and `9011` with `strip: 1`. Where the prefix goes on with an international code, that belongs to
 * the number as dialled.
 */
function behindAccessCode(call: PlanState, digits: string): AsDialled | undefined {
  const { tenant } = call.facts;
  for (const international of [false, true]) {
    for (const candidate of rulesOf(tenant)) {
      const strip = strippedBy(candidate);
      for (const prefix of candidate.rule.match.prefixes) {
        if (strip === 0 || prefix.length < strip) continue;
        const code = prefix.slice(0, strip);
        if (international && !prefix.slice(strip).startsWith('0')) continue;
        const dialled = (international ? prefix : code) + digits;
        if (mismatch(candidate, dialled, call.callerNumber, tenant) === undefined)
          return { rule: candidate.rule, dialled, isGiven: true };
      }
    }
  }
  return undefined;
}

/** The rule of a plan without access codes that takes the number in another of the forms in which people dial it. */
function withoutAccessCode(call: PlanState, digits: string): AsDialled | undefined {
  const { tenant } = call.facts;
  for (const form of FORMS) {
    const dialled = form + digits;
    for (const candidate of rulesOf(tenant)) {
      if (strippedBy(candidate) > 0 || mismatch(candidate, dialled, call.callerNumber, tenant) !== undefined) continue;
      return { rule: candidate.rule, dialled, isGiven: false };
    }
  }
  return undefined;
}

function strippedBy({ rule }: CompiledRule): number {
  return Math.min(...rule.routes.map(({ strip }) => strip));
}

/** Neither hours nor holidays nor the lack of a rule stop an emergency call. */
function matchEmergency(call: PlanState, trace: Trace): undefined {
  const { rule, routes, reason } = emergencyRoutes(call);
  call.rule = rule;
  call.candidates = routes;
  if (trace.on) trace.step({ step: 'rule', outcome: 'continue', reason: `emergency: ${reason}` });
  return undefined;
}
