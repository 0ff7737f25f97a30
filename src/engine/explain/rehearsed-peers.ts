import type { Scheduler } from '../../base/scheduler.ts';
import type { BranchPlan } from '../../call/index.ts';
import { createResponse, parseMessage, type SipRequest, type SipResponse, serialize } from '../../sip/message/index.ts';
import type { Flow } from '../../sip/transport/index.ts';
import { type ImaginedAnswer, imaginedResponse, SILENCE } from './imagined-answer.ts';
import type { RehearsedFlow } from './rehearsed-transport.ts';

/** An INVITE that would have left. */
export interface RehearsedInvite {
  readonly branch: BranchPlan;
  readonly octets: string;
  readonly flow: RehearsedFlow;
  readonly answer: ImaginedAnswer;
}

export interface RehearsedPeersOptions {
  readonly scheduler: Scheduler;
  /** In the order of the INVITEs; for those beyond, silence. */
  readonly answers: readonly ImaginedAnswer[];
  /** The branch whose INVITE has this Call-ID. */
  readonly branchOf: (callId: string) => BranchPlan | undefined;
  /** The realm that a branch's peer challenges for. */
  readonly realmOf: (branch: BranchPlan) => string;
  /** What comes from a peer. */
  readonly deliver: (text: string, flow: Flow) => void;
}

/** A plan that calls more than this is not played to its end. */
const MAX_INVITES = 200;
const SOON_MS = 20;

/** Everybody that a rehearsed call reaches: phones that ring and trunks that say nothing, unless they are told to say more. */
export class RehearsedPeers {
  readonly invites: RehearsedInvite[] = [];
  readonly #options: RehearsedPeersOptions;
  /** By branch parameter; UDP sends a request again until it is answered. */
  readonly #seen = new Map<string, SipRequest>();

  constructor(options: RehearsedPeersOptions) {
    this.#options = options;
  }

  hears(text: string, flow: RehearsedFlow): void {
    const request = parseMessage(text);
    if (request.kind !== 'request') return;
    switch (request.method) {
      case 'ACK':
        return;
      case 'INVITE':
        this.#invited(request, text, flow);
        return;
      case 'CANCEL': {
        this.#send(createResponse(request, 200), flow);
        const invite = this.#seen.get(request.topVia().branch);
        if (invite !== undefined) this.#send(imaginedResponse(invite, 487), flow);
        return;
      }
      default:
        this.#send(createResponse(request, 200), flow);
    }
  }

  #invited(request: SipRequest, text: string, flow: RehearsedFlow): void {
    const { branch: id } = request.topVia();
    const { answers, branchOf, realmOf } = this.#options;
    const branch = branchOf(request.callId());
    if (branch === undefined || this.#seen.has(id) || this.invites.length >= MAX_INVITES) return;
    this.#seen.set(id, request);
    const answer = answers[this.invites.length] ?? SILENCE;
    this.invites.push({ branch, octets: text, flow, answer });
    if (answer.kind === 'status') {
      const challenge = { realm: realmOf(branch), nonce: `explained-${String(this.invites.length).padStart(4, '0')}` };
      this.#send(imaginedResponse(request, answer.status, answer.contact, challenge), flow);
    } else if (branch.trunkId === undefined)
      this.#send(createResponse(request, 180, 'Ringing', { toTag: 'imagined' }), flow);
  }

  #send(response: SipResponse, flow: RehearsedFlow): void {
    const text = serialize(response);
    this.#options.scheduler.schedule(SOON_MS, { onTimer: () => this.#options.deliver(text, flow) }, 0);
  }
}
