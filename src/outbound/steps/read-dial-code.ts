import { normalizeNumber } from '../../provisioning/tenants/number.ts';
import type { CallStep, PlanState } from '../context.ts';
import { type DialledCode, matchDialCode, PER_CALL_CODES } from '../dial-codes.ts';
import type { StoredSetting } from '../explanation.ts';
import type { Refusal } from '../outcome.ts';

/**
 * Dial codes of extensions (behaviour 12). A code in front of a number changes how this call is presented; a code that only stores a
 * setting ends the call with a final response whose reason phrase says what was set, or why not. No media is played.
 */
export const readDialCode: CallStep = {
  name: 'dial-code',
  run(call, trace) {
    const { caller, tenant, forwarding, redirected } = call.facts;
    // Only what a user dials on a phone is looked at; where calls are forwarded and redirected to are numbers.
    if (caller.kind !== 'extension' || forwarding !== undefined || redirected === true) return undefined;
    // A phone that puts a code in front by itself does so in front of the one that its user dials: the one nearest to the number counts.
    for (;;) {
      const dialled = matchDialCode(call.number, tenant.dialCodes);
      if (dialled === undefined) return undefined;
      if (trace.on) {
        trace.step({ step: 'dial-code', outcome: 'continue', reason: `${dialled.code} is ${dialled.name}` });
      }
      if (!PER_CALL_CODES.has(dialled.name)) return store(call, dialled);
      call.perCall = dialled.name === 'blockCallerId' || dialled.name === 'anonymous' ? 'hide' : 'show';
      // RFC 3261 §21.4.22: the number is still to come.
      if (dialled.rest === '') return { status: 484, reason: 'Address Incomplete', code: 'number-missing' };
      call.number = dialled.rest;
    }
  },
};

function store(call: PlanState, dialled: DialledCode): Refusal {
  const extension = call.callerNumber;
  const stored = (set: StoredSetting['set'], reason: string): Refusal => {
    call.storedSetting = { extension, set };
    return { status: 480, reason, code: 'setting-stored' };
  };
  switch (dialled.name) {
    case 'blockCallerIdAlways':
      return stored({ anonymousCalls: true }, 'Caller ID is blocked from now on');
    case 'deliverCallerIdAlways':
      return stored({ anonymousCalls: false }, 'Caller ID is delivered from now on');
    case 'anonymousAlways':
      return stored({ anonymousCalls: true }, 'Calls are anonymous from now on');
    case 'notAnonymousAlways':
      return stored({ anonymousCalls: false }, 'Calls are not anonymous from now on');
    case 'refuseAnonymous':
      return stored({ rejectAnonymousCallers: true }, 'Anonymous callers are refused from now on');
    case 'acceptAnonymous':
      return stored({ rejectAnonymousCallers: false }, 'Anonymous callers are accepted from now on');
    default:
      return storeCallerId(call, dialled.rest, stored);
  }
}

/** `*64n`: the number must be in one of the tenant's pools. */
function storeCallerId(
  call: PlanState,
  wished: string,
  stored: (set: StoredSetting['set'], reason: string) => Refusal,
): Refusal {
  const callerId = wished.endsWith('#') ? wished.slice(0, -1) : wished;
  if (normalizeNumber(callerId) === undefined || !/^\+?[0-9]+$/.test(callerId)) {
    return { status: 484, reason: 'Outbound caller ID not set: not a number', code: 'setting-refused' };
  }
  if (!isOwnNumber(call, callerId)) {
    return { status: 403, reason: 'Outbound caller ID not set: not in a DID pool', code: 'setting-refused' };
  }
  return stored({ outboundCallerId: callerId }, `Outbound caller ID is ${callerId} from now on`);
}

function isOwnNumber(call: PlanState, number: string): boolean {
  const { directory, tenant } = call.facts;
  return directory.trunksOf(tenant.name).some((trunk) => directory.inPool(trunk.id, tenant.name, number));
}
