/**
 * What a node that drains does with requests that start something new, while other nodes of the store live: it serves what only it can
 * reach, sends the rest to one of them, and for the first moments, until providers and load balancers have followed, serves that too.
 * Once it leaves its calls to the others it begins none: phones are sent to one of them, and what comes over a trunk is refused, since many
 * carriers follow no redirection and all of them may try their next address after 503.
 */
import { fnv1a } from '../base/fnv.ts';
import type { Clock } from '../base/scheduler.ts';
import type { DrainAnswer } from '../sip/endpoint/index.ts';
import { formatHost, isSipUri, type SipRequest, transportParameter } from '../sip/message/index.ts';
import type { Flow } from '../sip/transport/index.ts';
import type { Admission } from './admit/admission.ts';
import { PASS_HEADER, type PeerNodes } from './peer-nodes.ts';
import type { Served } from './served.ts';

/** By then another node has the leases (2.7 s at most), and a load balancer that asks `/readyz` each second has followed. */
const HANDOVER_MS = 5_000;

export interface DrainingOptions {
  readonly clock: Clock;
  readonly peers: PeerNodes;
  readonly served: Pick<Served, 'isEmergency'>;
  readonly admission: Pick<Admission, 'isOfTrunk'>;
}

export class Draining {
  readonly #options: DrainingOptions;
  readonly #sinceMs: number;
  #isLeaving = false;

  constructor(options: DrainingOptions) {
    this.#options = options;
    this.#sinceMs = options.clock.nowMs();
  }

  /** Nobody would go on with what begins now. */
  leave(): void {
    this.#isLeaving = true;
  }

  answer(request: SipRequest, flow: Flow): DrainAnswer {
    const { admission, clock, peers, served } = this.#options;
    const others = peers.publicAddresses(flow.transport);
    if (others.length === 0) return 'refuse';
    // OPTIONS asks whether new calls are taken.
    if (request.method !== 'INVITE') return request.method === 'OPTIONS' ? 'refuse' : 'serve';
    const isOfNode = peers.isPeerAddress(flow.remoteAddress) && request.headers.valueNamed(PASS_HEADER) !== undefined;
    if (this.#isLeaving && (isOfNode || admission.isOfTrunk(request, flow))) return 'refuse';
    const isServed = isOfNode || clock.nowMs() - this.#sinceMs < HANDOVER_MS || served.isEmergency(request);
    if (isServed && !this.#isLeaving) return 'serve';
    // Copies of a request are told the same.
    const other = others[fnv1a(request.callId()) % others.length];
    const uri = request.uri();
    // What is no SIP URI names no user that another node could be asked for.
    if (other === undefined || !isSipUri(uri)) return 'refuse';
    const user = uri.user === undefined ? '' : `${uri.user}@`;
    return { redirectTo: `<sip:${user}${formatHost(other.host)}:${other.port}${transportParameter(flow.transport)}>` };
  }
}
