import type { DestinationList, Limits } from '../../provisioning/tenants/tenant-settings.ts';
import type { CallStep, PlanState } from '../context.ts';
import { emergencyCallOf } from '../emergency.ts';
import { type ProcessedNumber, processNumber } from '../number-processing.ts';
import type { Refusal } from '../outcome.ts';

/** Longest number that is dialled: fifteen digits of E.164, a carrier's access code and some room. */
const MAX_CHARACTERS = 32;

/** Brings the number into the tenant's form and decides whether this caller may dial it (behaviour 11). */
export const processDialledNumber: CallStep = {
  name: 'number',
  run(call, trace) {
    const { tenant } = call.facts;
    const refusal = unusable(call.number);
    if (refusal !== undefined) return refusal;
    call.emergencyCall = emergencyCallOf(tenant, call.number);
    if (call.emergencyCall !== undefined) {
      const { number, accessCode } = call.emergencyCall;
      call.number = number;
      if (trace.on) {
        const behind = accessCode === '' ? '' : ` behind the access code ${accessCode}`;
        const reason = `${number} is an emergency number${behind}: no bar, limit or switch applies`;
        trace.step({ step: 'number', outcome: 'continue', reason });
      }
      return undefined;
    }
    const processed = processNumber(call.number, tenant.numberProcessing);
    if (processed.number === '') return { status: 484, reason: 'Address Incomplete', code: 'number-missing' };
    if (trace.on) {
      trace.step({
        step: 'number',
        outcome: 'continue',
        reason: `${call.number} -> ${processed.number}: ${processed.reason}`,
      });
    }
    call.number = processed.number;
    return barred(call, processed);
  },
};

/** Digits, `*` and `#`, and one leading `+`: separators are gone, and nothing else reaches a rule or a Request-URI. */
function unusable(number: string): Refusal | undefined {
  if (number === '') return { status: 484, reason: 'Address Incomplete', code: 'number-missing' };
  if (number.length > MAX_CHARACTERS) {
    return { status: 404, reason: 'Not Found: the number is too long', code: 'number-too-long' };
  }
  let dialable = 0;
  for (let index = 0; index < number.length; index += 1) {
    const character = number.charCodeAt(index);
    const isDigit = character >= 0x30 && character <= 0x39;
    if (isDigit || character === 0x2a || character === 0x23) dialable += 1;
    else if (!(character === 0x2b && index === 0)) {
      return { status: 404, reason: 'Not Found: not a telephone number', code: 'not-a-number' };
    }
  }
  return dialable > 0 ? undefined : { status: 484, reason: 'Address Incomplete', code: 'number-missing' };
}

function barred(call: PlanState, processed: ProcessedNumber): Refusal | undefined {
  const { caller, tenant } = call.facts;
  if (tenant.stopOutbound) return { status: 403, reason: 'Outbound Calls Stopped', code: 'outbound-stopped' };
  if (isBarred(tenant.limits, processed)) {
    return { status: 403, reason: 'Destination Barred For Tenant', code: 'destination-barred' };
  }
  if (caller.kind === 'extension' && isBarred(caller.extension.limits, processed)) {
    return { status: 403, reason: 'Destination Barred For Extension', code: 'destination-barred' };
  }
  return undefined;
}

/** The same for another way of dialling the number, which a barred prefix may be written for. */
export function barredAs(call: PlanState, dialled: string): Refusal | undefined {
  const { caller, tenant } = call.facts;
  const lists = caller.kind === 'extension' ? [tenant.limits, caller.extension.limits] : [tenant.limits];
  const isBarredHere = lists.some(({ barred: list }) => list?.prefixes.some((prefix) => dialled.startsWith(prefix)));
  return isBarredHere ? { status: 403, reason: 'Destination Barred', code: 'destination-barred' } : undefined;
}

/** `barred` precedes `allowed`; a list that names nothing says nothing. */
function isBarred(limits: Limits, number: ProcessedNumber): boolean {
  if (limits.barred !== undefined && names(limits.barred, number)) return true;
  const { allowed } = limits;
  if (allowed === undefined) return false;
  const saysNothing = allowed.classes.length + allowed.countries.length + allowed.prefixes.length === 0;
  return !saysNothing && !names(allowed, number);
}

function names(list: DestinationList, { kind, country, number }: ProcessedNumber): boolean {
  return (
    list.classes.includes(kind) ||
    (country !== undefined && list.countries.includes(country)) ||
    list.prefixes.some((prefix) => number.startsWith(prefix))
  );
}
