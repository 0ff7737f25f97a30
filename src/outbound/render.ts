import { HeaderId, type LegDraft, SipRequest } from '../sip/message/index.ts';

/** What the dialog and the transport add to a draft: the random tokens, and the hop's Via. */
export interface InviteTokens {
  /** Via header field value; '' leaves the field to the endpoint. */
  readonly via: string;
  readonly callId: string;
  readonly fromTag: string;
  readonly sequence: number;
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
  headers.add(HeaderId.MaxForwards, String(tokens.maxForwards));
  for (const route of draft.routes) headers.add(HeaderId.Route, route);
  headers.add(HeaderId.Contact, draft.contact);
  headers.add(HeaderId.To, draft.to);
  headers.add(HeaderId.From, `${draft.from};tag=${tokens.fromTag}`);
  headers.add(HeaderId.CallId, tokens.callId);
  headers.add(HeaderId.CSeq, `${tokens.sequence} INVITE`);
  for (const [name, value] of draft.headers) headers.addNamed(name, value);
  return request;
}
