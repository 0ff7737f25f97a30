import { normalizeNumber } from '../../provisioning/tenants/number.ts';
import type { CallStep } from '../context.ts';
import type { Forwarding } from '../facts.ts';

/** The caller must be allowed to call out, and the call must not have run in a circle. */
export const identifyCaller: CallStep = {
  name: 'caller',
  run(call, trace) {
    const { caller, forwarding, dialled } = call.facts;
    const enabled = caller.kind === 'extension' ? caller.extension.enabled : caller.service.enabled;
    if (!enabled) return { status: 403, reason: 'Caller Disabled', code: 'caller-disabled' };
    // A call that is forwarded to a number it was forwarded from would ring itself for ever (RFC 3261 §16.3 step 4).
    if (forwarding !== undefined && isLoop(forwarding, dialled)) {
      return { status: 482, reason: 'Loop Detected', code: 'forwarding-loop' };
    }
    if (trace.on) {
      trace.step({
        step: 'caller',
        outcome: 'continue',
        reason: `${caller.kind} ${call.callerNumber} of ${call.facts.tenant.name}${forwarding === undefined ? '' : `, ${forwarding.kind} of another's call`}`,
      });
    }
    return undefined;
  },
};

function isLoop(forwarding: Forwarding, dialled: string): boolean {
  const target = normalizeNumber(dialled);
  return target !== undefined && forwarding.diversions.some(({ number }) => normalizeNumber(number) === target);
}
