import { PeerError } from '../../base/errors.ts';
import { HeaderId } from './header-id.ts';
import { DEFAULT_LIMITS, type MessageLimits } from './limits.ts';
import type { SipMessage, SipRequest, SipResponse } from './message.ts';
import { reasonPhrase } from './reason-phrase.ts';

/** The response that a bad request is owed. */
export interface Refusal {
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly (readonly [HeaderId, string])[];
}

function refusal(status: number, reason = reasonPhrase(status)): Refusal {
  return { status, reason, headers: [] };
}

/** Names the response that a request is owed before anybody looks at what it asks; undefined when it is well-formed. */
export function validateRequest(request: SipRequest, limits: MessageLimits = DEFAULT_LIMITS): Refusal | undefined {
  // §8.2 and §21.5.6: nothing else of another version is read.
  if (request.version.toUpperCase() !== 'SIP/2.0') return refusal(505);
  if (request.defect !== undefined) return refusal(request.defect.status, request.defect.reason);
  if (request.requestUri.length > limits.uriOctets) return refusal(414);
  try {
    checkCommon(request, limits);
    if (request.cseq().method !== request.method) return refusal(400, 'CSeq Method Does Not Match');
    const uri = request.uri();
    // §8.2.2.1
    if (uri.scheme === 'other') return refusal(416);
    const hops = request.maxForwards();
    if (hops === 0 && request.method !== 'OPTIONS') return refusal(483);
    request.contacts();
    return undefined;
  } catch (error) {
    if (error instanceof PeerError) return refusal(error.status, 'Bad Request');
    throw error;
  }
}

/** False for a response that must be dropped. */
export function validateResponse(response: SipResponse, limits: MessageLimits = DEFAULT_LIMITS): boolean {
  if (response.defect !== undefined || response.version.toUpperCase() !== 'SIP/2.0') return false;
  if (response.status < 100 || response.status > 699) return false;
  try {
    checkCommon(response, limits);
    return true;
  } catch (error) {
    if (error instanceof PeerError) return false;
    throw error;
  }
}

/** §8.1.1: Via, From, To, Call-ID and CSeq must be there and readable, and the last four only once. */
function checkCommon(message: SipMessage, limits: MessageLimits): void {
  message.topVia();
  message.callId();
  message.from();
  message.to();
  message.cseq();
  for (const id of [HeaderId.From, HeaderId.To, HeaderId.CallId, HeaderId.CSeq, HeaderId.MaxForwards]) {
    if (message.headers.countOf(id) > 1)
      throw new PeerError('SIP_PEER_REPEATED', 'a header field that may stand once stands twice');
  }
  if (message.headers.listValues(HeaderId.Via).length > limits.viaCount)
    throw new PeerError('SIP_PEER_VIAS', 'too many Via values');
}
