import { addDraftFields, type DraftedDialog, HeaderId, type LegDraft, SipRequest } from '../sip/message/index.ts';

/** What the dialog and the transport add to a draft: the random tokens, and the hop's Via. */
export interface InviteTokens extends DraftedDialog {
  /** Via header field value; '' leaves the field to the endpoint. */
  readonly via: string;
  readonly maxForwards: number;
}

/**
 * The INVITE as it leaves, but for credentials and repairs after a first answer. The order is that of the guide's sample: Via,
 * Max-Forwards, Route, Contact, To, From, Call-ID, CSeq, then the draft's own; the serializer ends it with Content-Length.
 */
export function renderInvite(draft: LegDraft, tokens: InviteTokens): SipRequest {
  const request = new SipRequest('INVITE', draft.requestUri, draft.body);
  const { headers } = request;
  if (tokens.via !== '') headers.add(HeaderId.Via, tokens.via);
  addDraftFields(headers, draft, tokens, tokens.maxForwards);
  return request;
}
