/** What a caller is told when nobody has answered (behaviour 17). */
import { HeaderId, type HeaderList, type SipResponse } from '../sip/message/index.ts';
import type { LegOptions, Rejection, StageOutcome } from './plan.ts';
import { callerStatus, sipReason } from './response-mapping.ts';

export interface CallerRefusal {
  readonly status: number;
  /** Undefined: the phrase of the status, or of `passed`. */
  readonly reason: string | undefined;
  readonly headers: HeaderList;
  /** Why the call ended, for its record. */
  readonly endReason: string;
  /** The callee's response, when it is relayed. */
  readonly passed: PassedResponse | undefined;
}

/** A refusal of who has no leg any more. */
export interface PassedResponse {
  readonly response: SipResponse;
  /** What is known of who has refused. */
  readonly by: { readonly options: Pick<LegOptions, 'trunkId'>; readonly identityWithheld: boolean };
}

/**
 * What the callee's side said is mapped for the caller; what the plan says of its own is said as it is. `passesRedirects`: a 3xx goes to
 * the caller with its Contacts. To a caller on a trunk a 503 speaks of all that this engine serves.
 */
export function refusalOf(
  rejection: Rejection,
  outcome: StageOutcome | undefined,
  passesRedirects: boolean,
  caller: Pick<LegOptions, 'trunkId'> | undefined,
): CallerRefusal {
  const passesOn = outcome?.status === rejection.status;
  const redirects = passesRedirects && rejection.status >= 300 && rejection.status < 400;
  const mapped = passesOn && !redirects ? callerStatus(rejection.status) : rejection.status;
  // RFC 3261 §16.7 step 6: a 503 of one callee is 500 upstream, or the carrier would send no calls here for as long as it says.
  const isOfCallee = passesOn && outcome.cause === 'response';
  const status = mapped === 503 && isOfCallee && caller?.trunkId !== undefined ? 500 : mapped;
  const reason = rejection.reason ?? (passesOn ? outcome.reason : '');
  const response = passesOn ? outcome.response : undefined;
  const relayed = status === response?.status ? response : undefined;
  const headers = refusalHeaders(status, rejection, response, relayed);
  if (redirects)
    for (const value of relayed?.headers.fieldValues(HeaderId.Contact) ?? []) headers.push([HeaderId.Contact, value]);
  return {
    status,
    reason: status === rejection.status && reason !== '' ? reason : undefined,
    headers,
    endReason: endReasonOf(outcome, rejection.status),
    passed: relayed && {
      response: relayed,
      by: { options: trunkOf(outcome), identityWithheld: outcome?.identityWithheld === true },
    },
  };
}

function trunkOf(outcome: StageOutcome | undefined): Pick<LegOptions, 'trunkId'> {
  return outcome?.trunkId === undefined ? {} : { trunkId: outcome.trunkId };
}

/** Why an unanswered call ended, for its record. */
function endReasonOf(outcome: StageOutcome | undefined, status: number): string {
  switch (outcome?.cause) {
    case 'response':
      return 'refused';
    case 'ring-timeout':
      return 'no-answer';
    case 'timeout':
    case 'transport-error':
      return 'unreachable';
    case 'capacity':
      return status === 488 ? 'rejected' : 'no-capacity';
    case undefined:
      return 'rejected';
  }
}

/** What a refusal says besides its status. `passed` is the callee's response when it is relayed, with its own header fields. */
function refusalHeaders(
  status: number,
  rejection: Rejection,
  response: SipResponse | undefined,
  passed: SipResponse | undefined,
): [HeaderId, string][] {
  const headers: [HeaderId, string][] = (rejection.headers ?? []).map(([id, value]) => [id, value]);
  const reasons = response?.headers.fieldValues(HeaderId.Reason) ?? [];
  // RFC 3326 §2: what happened behind, where the callee gave no reason of its own or its response is not the one relayed.
  if (response !== undefined && reasons.length === 0) reasons.push(sipReason(response.status, response.reason));
  if (passed?.headers.has(HeaderId.Reason) !== true)
    for (const value of reasons) headers.push([HeaderId.Reason, value]);
  // Behaviour 17: 503 says when to try again, so that callers do not come back all at once.
  const saysWhen =
    passed?.headers.has(HeaderId.RetryAfter) === true || headers.some(([id]) => id === HeaderId.RetryAfter);
  if (status === 503 && !saysWhen) headers.push([HeaderId.RetryAfter, String(1 + Math.floor(Math.random() * 10))]);
  return headers;
}
