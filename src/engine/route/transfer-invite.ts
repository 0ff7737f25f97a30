import { randomToken } from '../../base/ids.ts';
import { escapeUser, FIRST_HOPS, formatHost, HeaderId, SipRequest } from '../../sip/message/index.ts';

/** The INVITE that the transferor would have sent to the new destination itself. */
export function transferInvite(number: string, transferor: string, domain: string): SipRequest {
  const host = formatHost(domain);
  const invite = new SipRequest('INVITE', `sip:${escapeUser(number)}@${host}`);
  const { headers } = invite;
  headers.add(HeaderId.MaxForwards, String(FIRST_HOPS));
  headers.add(HeaderId.From, `<sip:${escapeUser(transferor)}@${host}>;tag=${randomToken()}`);
  headers.add(HeaderId.To, `<sip:${escapeUser(number)}@${host}>`);
  headers.add(HeaderId.CallId, randomToken());
  headers.add(HeaderId.CSeq, '1 INVITE');
  return invite;
}
