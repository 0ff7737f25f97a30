import { FIRST_HOPS, HeaderId, type HeaderList, SipRequest, type SipResponse, viaValues } from '../message/index.ts';

/**
 * The ACK to a final response other than 2xx (RFC 3261 §17.1.1.3): Call-ID, From and Request-URI of the INVITE, To of the response
 * (with its tag), the INVITE's top Via and no other, its CSeq number, its Route set.
 */
export function buildAck(invite: SipRequest, response: SipResponse): SipRequest {
  const to = response.headers.value(HeaderId.To) ?? '';
  return buildOnHop(invite, 'ACK', to, []);
}

/**
 * A CANCEL (§9.1): Request-URI, Call-ID, To, CSeq number, From and Route of the request it cancels, and its top Via, so that it goes
 * the same way and matches. Require and Proxy-Require are left out.
 */
export function buildCancel(invite: SipRequest, headers: HeaderList): SipRequest {
  return buildOnHop(invite, 'CANCEL', invite.headers.value(HeaderId.To) ?? '', headers);
}

function buildOnHop(invite: SipRequest, method: string, to: string, extra: HeaderList): SipRequest {
  const source = invite.headers;
  const request = new SipRequest(method, invite.requestUri);
  const { headers } = request;
  headers.add(HeaderId.Via, viaValues(source)[0] ?? '');
  headers.add(HeaderId.MaxForwards, String(FIRST_HOPS));
  headers.add(HeaderId.From, source.value(HeaderId.From) ?? '');
  headers.add(HeaderId.To, to);
  headers.add(HeaderId.CallId, source.value(HeaderId.CallId) ?? '');
  headers.add(HeaderId.CSeq, `${invite.cseq().sequence} ${method}`);
  for (const route of source.fieldValues(HeaderId.Route)) headers.add(HeaderId.Route, route);
  for (const [id, value] of extra) headers.add(id, value);
  return request;
}
