import { randomToken } from '../../base/ids.ts';
import type { Endpoint } from '../../sip/endpoint/index.ts';
import { FIRST_HOPS, formatHost, HeaderId, Headers, SipRequest } from '../../sip/message/index.ts';
import type { Target } from '../../sip/transport/index.ts';

/** Whether another node answers an OPTIONS (RFC 3261 §11) within so many ms; whatever it says, it lives. */
export function answersOptions(
  node: Target,
  withinMs: number,
  endpoint: Pick<Endpoint, 'sendRequest' | 'advertised'>,
): Promise<boolean> {
  const own = endpoint.advertised(node, 'private');
  if (own === undefined) return Promise.resolve(false);
  const there = `${formatHost(node.address)}:${node.port}`;
  const headers = new Headers()
    .add(HeaderId.MaxForwards, String(FIRST_HOPS))
    .add(HeaderId.From, `<sip:${formatHost(own.host)}:${own.port}>;tag=${randomToken()}`)
    .add(HeaderId.To, `<sip:${there}>`)
    .add(HeaderId.CallId, randomToken())
    .add(HeaderId.CSeq, '1 OPTIONS');
  return new Promise((resolve) => {
    const user = {
      onResponse: ({ status }: { readonly status: number }) => status >= 200 && resolve(true),
      onTimeout: () => resolve(false),
      onTransportError: () => resolve(false),
    };
    const request = new SipRequest('OPTIONS', `sip:${there}`, headers, '');
    endpoint.sendRequest(request, node, user, { transactionTimeoutMs: withinMs, scope: 'private' });
  });
}
