import { randomToken } from '../../base/ids.ts';
import { cancelTimer, type Scheduler, type Timer } from '../../base/scheduler.ts';
import type { Endpoint } from '../../sip/endpoint/index.ts';
import { FIRST_HOPS, formatHost, HeaderId, Headers, SipRequest } from '../../sip/message/index.ts';
import type { HostPort, Target } from '../../sip/transport/index.ts';

/** One packet of five may be lost, each way, and a node that lives is to be heard all the same. */
const AGAIN_MS = 100;

/** Whether another node answers one of several OPTIONS (RFC 3261 §11) within so many ms; whatever it says, it lives. */
export function answersOptions(
  node: Target,
  withinMs: number,
  endpoint: Pick<Endpoint, 'sendRequest' | 'advertised'>,
  scheduler: Scheduler,
): Promise<boolean> {
  const own = endpoint.advertised(node, 'private');
  if (own === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    let leftMs = withinMs;
    let timer: Timer | undefined;
    const finish = (isThere: boolean) => {
      leftMs = 0;
      timer = cancelTimer(timer);
      resolve(isThere);
    };
    const user = {
      onResponse: ({ status }: { readonly status: number }) => status >= 200 && finish(true),
      onTimeout: () => finish(false),
      onTransportError: () => finish(false),
    };
    const ask = () => {
      endpoint.sendRequest(optionsFor(node, own), node, user, { transactionTimeoutMs: leftMs, scope: 'private' });
      leftMs -= AGAIN_MS;
      timer = leftMs > 0 ? scheduler.schedule(AGAIN_MS, { onTimer: ask }, 0) : undefined;
    };
    ask();
  });
}

function optionsFor(node: Target, own: HostPort): SipRequest {
  const there = `${formatHost(node.address)}:${node.port}`;
  const headers = new Headers()
    .add(HeaderId.MaxForwards, String(FIRST_HOPS))
    .add(HeaderId.From, `<sip:${formatHost(own.host)}:${own.port}>;tag=${randomToken()}`)
    .add(HeaderId.To, `<sip:${there}>`)
    .add(HeaderId.CallId, randomToken())
    .add(HeaderId.CSeq, '1 OPTIONS');
  return new SipRequest('OPTIONS', `sip:${there}`, headers, '');
}
