import { formatNameAddr, HeaderId, type LegDraft, type SipRequest } from '../../sip/message/index.ts';
import { PASS_HEADER } from '../peer-nodes.ts';

/** What belongs to the leg that a request came on and is made anew on the next one. */
const OF_THE_LEG: ReadonlySet<number> = new Set([
  HeaderId.Via,
  HeaderId.Route,
  HeaderId.RecordRoute,
  HeaderId.MaxForwards,
  HeaderId.From,
  HeaderId.To,
  HeaderId.CallId,
  HeaderId.CSeq,
  HeaderId.Contact,
  HeaderId.ContentLength,
  HeaderId.Authorization,
  HeaderId.ProxyAuthorization,
]);

/** A request that another node drafted, as a draft again: word for word, without what belonged to the leg between the nodes. */
export function draftOf(request: SipRequest): Omit<LegDraft, 'contact' | 'routes'> {
  const headers: [string, string][] = [];
  request.headers.forEach((name, value, id) => {
    if (!OF_THE_LEG.has(id) && name.toLowerCase() !== PASS_HEADER.toLowerCase()) headers.push([name, value]);
  });
  const { displayName, uri, params } = request.from();
  const fromParams = params.clone();
  fromParams.delete('tag');
  return {
    requestUri: request.requestUri,
    from: formatNameAddr({ displayName, uri, params: fromParams }),
    to: request.headers.value(HeaderId.To) ?? '',
    headers,
    body: request.body,
  };
}
