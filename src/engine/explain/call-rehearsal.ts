/**
 * A call that is only thought through, played by the live call's own code: routing, plan, call, branches, transactions. What it would
 * take or tell goes to copies; time goes on by itself; what it would send is heard by peers that do as they are told.
 */
import { silentLog } from '../../base/log.ts';
import type { Scheduler } from '../../base/scheduler.ts';
import { SteppedScheduler } from '../../base/stepped-scheduler.ts';
import { type BranchPlan, type CallFacts, type LiveRecord, likeBranch, planOfUser } from '../../call/index.ts';
import type { InboundCall } from '../../inbound/index.ts';
import type { MediaDecision } from '../../media/index.ts';
import { type OutboundPlan, type Refusal, signsForShow } from '../../outbound/index.ts';
import { type Endpoint, isFlow, type ServerTransaction } from '../../sip/endpoint/index.ts';
import { parseMessage, type SipRequest } from '../../sip/message/index.ts';
import type { Target } from '../../sip/transport/index.ts';
import { NO_LIMIT } from '../../trunks/admitted-call.ts';
import { TrunkRehearsal } from '../../trunks/trunk-rehearsal.ts';
import type { Source } from '../admit/admission.ts';
import type { LeftOut, SealedContacts } from '../continuity/sealed-contacts.ts';
import type { Engine } from '../engine.ts';
import { Placement } from '../placement.ts';
import { guardedCall } from '../route/call-grants.ts';
import type { CallVerification } from '../route/call-verification.ts';
import { UNKNOWN_ADDRESS } from '../route/media-parties.ts';
import type { Routing } from '../route/routing.ts';
import type { ImaginedAnswer } from './imagined-answer.ts';
import { type RehearsedInvite, RehearsedPeers } from './rehearsed-peers.ts';
import { type RehearsedFlow, RehearsedTransport } from './rehearsed-transport.ts';

/** An outbound plan that the call came by, and what became of it. */
export interface WitnessedPlan {
  readonly plan: OutboundPlan;
  refusal: Refusal | undefined;
  /** Routes that were drafted or refused so far. */
  routes: number;
}

/** The route that an INVITE was drafted for. */
export interface RouteOfInvite {
  readonly plan: OutboundPlan;
  readonly index: number;
}

export interface RehearsedCall {
  readonly invites: readonly (RehearsedInvite & {
    readonly route: RouteOfInvite | undefined;
    /** Why its Contact carries no call that was to carry it. */
    readonly leftOut: LeftOut | undefined;
    /** Whether its media goes through a relay; undefined where that was no question. */
    readonly media: MediaDecision | undefined;
  })[];
  readonly plans: readonly WitnessedPlan[];
  /** The final answer to the caller. */
  readonly answer: { readonly status: number; readonly reason: string };
  /** The INVITE was refused for what it is, before its plan was played. */
  readonly isFaulty: boolean;
  readonly facts: CallFacts;
  /** Trunks that lead nowhere now, and why. */
  readonly unlocated: readonly string[];
}

/** Longer than any call rings. */
const MAX_ELAPSED_MS = 4 * 3600_000;
/** The DNS is asked so long for where an INVITE would go, ms; whoever asks for an explanation waits. */
const LOOK_UP_MS = 1_000;
/** Turns of the event loop that what was promised may take. */
const PATIENCE_TURNS = 5;
/** Steps after which others have their turn. */
const STEPS_AT_ONCE = 100;

/** Plays one call. */
export class CallRehearsal {
  readonly #engine: Engine;
  /** The real one: only the DNS takes real time. */
  readonly #clock: Scheduler;
  readonly #scheduler: SteppedScheduler;
  readonly #trunks: TrunkRehearsal;
  readonly #endpoint: Endpoint;
  readonly #routing: Routing;
  readonly #placement: Placement;
  readonly #peers: RehearsedPeers;
  readonly #contacts: SealedContacts;
  readonly #source: Source;
  readonly #caller: RehearsedFlow;
  readonly #plans: WitnessedPlan[] = [];
  /** By what of a branch stays the same when its INVITE is drafted again for the target in hand. */
  readonly #routes = new WeakMap<BranchPlan['resolve'], RouteOfInvite>();
  readonly #branches = new Map<string, BranchPlan>();
  readonly #unlocated = new Set<string>();
  /** Of the INVITE that is about to leave, and of those that have, by Call-ID. */
  #decided: MediaDecision | undefined;
  readonly #media = new Map<string, MediaDecision | undefined>();
  #transport: RehearsedTransport | undefined;
  #pending = 0;
  #record: LiveRecord | undefined;
  #facts: CallFacts | undefined;
  #answer: { readonly status: number; readonly reason: string } | undefined;

  /** @param invite what the caller sends */
  constructor(
    engine: Engine,
    clock: Scheduler,
    source: Source,
    invite: SipRequest,
    answers: readonly ImaginedAnswer[],
  ) {
    this.#engine = engine;
    this.#clock = clock;
    this.#source = source;
    const scheduler = new SteppedScheduler(clock);
    this.#scheduler = scheduler;
    this.#trunks = new TrunkRehearsal(engine.trunks, engine.directory, scheduler);
    this.#endpoint = engine.endpoint.rehearsal(
      {
        scheduler,
        createTransport: (user) => {
          const { transport: real } = engine.endpoint;
          this.#transport = new RehearsedTransport({
            real,
            scheduler,
            user,
            hears: (text, flow) => this.#hears(text, flow),
          });
          return this.#transport;
        },
      },
      { onRequest: (transaction) => this.#invited(transaction), onAck: () => {} },
    );
    this.#contacts = engine.contacts.rehearsal();
    const place = this.#placeOf(source, invite) ?? { address: UNKNOWN_ADDRESS, port: 0 };
    this.#caller = this.#own().standFor({ transport: 'tcp', ...place, serverName: 'caller' });
    this.#peers = new RehearsedPeers({
      scheduler,
      answers,
      branchOf: (callId) => this.#branches.get(callId),
      realmOf: ({ trunkId }) => this.#realmOf(trunkId),
      deliver: (text, flow) => this.#endpoint.onMessage(text, flow),
    });
    this.#routing = this.#rehearsedRouting();
    this.#placement = this.#rehearsedPlacement();
  }

  /** @param octets the caller's INVITE. */
  async play(octets: string): Promise<RehearsedCall> {
    this.#endpoint.onMessage(octets, this.#caller);
    for (let steps = 1, idle = 0; this.#answer === undefined; steps++) {
      const isDue = this.#pending === 0 && this.#scheduler.elapsedMs < MAX_ELAPSED_MS && this.#scheduler.step();
      if (isDue) idle = 0;
      else if (this.#pending === 0 && ++idle > PATIENCE_TURNS) break;
      if (!isDue || steps % STEPS_AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    // Before the facts are sought: that routes an INVITE which may have been refused before it was routed.
    const isFaulty = this.#isFaulty(this.#record);
    const facts = this.#facts ?? this.#factsOf(octets);
    return {
      invites: this.#peers.invites.map((invite) => {
        const callId = parseMessage(invite.octets).callId();
        return {
          ...invite,
          route: this.#routes.get(invite.branch.resolve),
          leftOut: this.#contacts.leftOut(callId),
          media: this.#media.get(callId),
        };
      }),
      plans: this.#plans,
      answer: this.#answer ?? { status: 408, reason: 'Request Timeout' },
      isFaulty,
      facts,
      unlocated: [...this.#unlocated],
    };
  }

  #isFaulty(record: LiveRecord | undefined): boolean {
    // A setting is stored without a call.
    if (record === undefined) return this.#plans[0]?.plan.storedSetting === undefined;
    return record.endReason === 'refused' && record.attempts.length === 0 && record.carrierStatus === undefined;
  }

  /** Where the caller's messages would come from: as those of its registration do; from where a trunk says that it is, if it may be there. */
  #placeOf(source: Source, invite: SipRequest): Pick<Target, 'address' | 'port'> | undefined {
    if (source.kind === 'trunk') {
      const { host: address, port = 5060 } = invite.topVia();
      return this.#engine.trunks.identification.isOf(source.trunk.id, address) ? { address, port } : undefined;
    }
    if (source.kind !== 'extension') return undefined;
    const [contact] = this.#engine.registrations.contacts(source.tenant, source.extension.number);
    if (contact === undefined) return undefined;
    const { address, port } = contact.binding.source;
    return { address, port };
  }

  #own(): RehearsedTransport {
    if (this.#transport === undefined) throw new Error('the endpoint has made no transport');
    return this.#transport;
  }

  #hears(text: string, flow: RehearsedFlow): void {
    if (flow !== this.#caller) {
      this.#peers.hears(text, flow);
      return;
    }
    const response = parseMessage(text);
    if (response.kind !== 'response' || response.status < 200 || response.cseq().method !== 'INVITE') return;
    this.#answer ??= { status: response.status, reason: response.reason };
  }

  #invited(transaction: ServerTransaction): void {
    if (transaction.request.method !== 'INVITE') return;
    // As who is let in: the dialog's tag is a call's.
    transaction.admit();
    this.#placement.invite(transaction, this.#source);
  }

  #realmOf(trunkId: string | undefined): string {
    const trunk = trunkId === undefined ? undefined : this.#engine.directory.trunk(trunkId);
    return trunk === undefined ? 'phone' : (trunk.credentials?.realms?.[0] ?? trunk.host);
  }

  #rehearsedRouting(): Routing {
    const { routing, guards, branches, stir } = this.#engine;
    const { verification } = stir;
    const scheduler = this.#scheduler;
    const own = branches.rehearsal({
      trunks: this.#trunks,
      observer: { onAttempt() {} },
      signs: signsForShow,
      onUnlocated: (trunk, reason) => void this.#unlocated.add(`${trunk.name}: ${reason}`),
    });
    return routing.rehearsal({
      scheduler,
      grants: {
        admit: (plan) => {
          this.#witness(plan);
          return guards.rehearse(guardedCall(plan), this.#trunks.capacity) ?? NO_LIMIT;
        },
      },
      trunks: this.#trunks,
      stir: {
        verification: {
          modeOf: (trunk) => verification.modeOf(trunk),
          verify: (request, call) => this.#verified(request, call),
        },
      },
      observer: {
        onRoute: (_route, plan) => void this.#witness(plan).routes++,
        onOutboundRefused: (plan, refusal) => {
          this.#witness(plan).refusal ??= refusal;
        },
      },
      branches: {
        toPhones: (context, number) => own.toPhones(context, number),
        toTrunk: (draft, plan) => {
          const branch = own.toTrunk(draft, plan);
          const resolve = () => this.#inTime(branch.resolve());
          this.#routes.set(resolve, { plan, index: this.#witness(plan).routes - 1 });
          return likeBranch(branch, { resolve });
        },
        toWantedBinding: () => undefined,
        toRegisteredTrunk: () => undefined,
      },
      endpoint: { advertised: () => ({ host: 'explain.invalid', port: 5060 }) },
    });
  }

  #rehearsedPlacement(): Placement {
    const { calls, directory, media } = this.#engine;
    const routing = this.#routing;
    const known = (record: LiveRecord) => {
      this.#record = record;
      this.#facts = record.facts;
    };
    return new Placement({
      routing,
      calls: calls.rehearsal({
        scheduler: this.#scheduler,
        contacts: this.#contacts.isOn ? this.#contacts : undefined,
        media: media.rehearsal((decision) => {
          this.#decided = decision;
        }),
        observers: [{ onCallStarted: known, onCallReady: known }],
        endpoint: {
          sendRequest: (request, to, user, options) => {
            const branch = planOfUser(user);
            if (branch !== undefined) {
              this.#branches.set(request.callId(), branch);
              if (!this.#media.has(request.callId())) this.#media.set(request.callId(), this.#decided);
            }
            // Whatever was registered over a real connection: nothing goes there.
            return this.#endpoint.sendRequest(request, isFlow(to) ? this.#own().standFor(to) : to, user, options);
          },
          resumeInvite: (invite, to, user) => this.#endpoint.resumeInvite(invite, to, user),
          isSamePeer: (expected, actual) => this.#endpoint.isSamePeer(expected, actual),
          sendAck: (request, to, options, acknowledged) =>
            this.#endpoint.sendAck(request, isFlow(to) ? this.#own().standFor(to) : to, options, acknowledged),
          newCallId: () => this.#endpoint.newCallId(),
          onFault: (error, fields) => this.#endpoint.onFault(error, fields),
        },
      }),
      served: { directory },
      log: silentLog,
      storeSetting: async () => {},
      intake: { callBegins() {} },
      grants: { release() {} },
    });
  }

  #witness(plan: OutboundPlan): WitnessedPlan {
    let known = this.#plans.find((witnessed) => witnessed.plan === plan);
    if (known === undefined) {
      known = { plan, refusal: undefined, routes: 0 };
      this.#plans.push(known);
    }
    return known;
  }

  /** A certificate is fetched for real: it is the only way to say what would be found. */
  #verified(request: SipRequest, call: InboundCall): ReturnType<CallVerification['verify']> {
    const verified = this.#engine.stir.verification.verify(request, call);
    if (!(verified instanceof Promise)) return verified;
    this.#pending++;
    return verified.finally(() => void this.#pending--);
  }

  /** Nowhere, when the DNS does not say so in time. */
  #inTime(reach: ReturnType<BranchPlan['resolve']>): ReturnType<BranchPlan['resolve']> {
    if (!(reach instanceof Promise)) return reach;
    const { promise: late, resolve } = Promise.withResolvers<readonly Target[]>();
    const timer = this.#clock.schedule(LOOK_UP_MS, { onTimer: () => resolve([]) }, 0);
    this.#pending++;
    return Promise.race([reach, late]).finally(() => {
      timer.cancel();
      this.#pending--;
    });
  }

  /** Of an INVITE that was refused before it was routed: as if it had not been. */
  #factsOf(octets: string): CallFacts {
    const request = parseMessage(octets) as SipRequest;
    return this.#routing.route(request, this.#caller, this.#source, this.#engine.directory).plan.facts;
  }
}
