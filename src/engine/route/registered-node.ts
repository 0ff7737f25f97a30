/**
 * Register trunks whose provider takes calls only from the node that has registered (`options.registeredNodeOnly`). A node that has not
 * drafts the INVITE as seen from the one that has, and hands it over with a pass that names the trunk and the Contact; that one sends it
 * on, answers the provider's challenges, and never hands it to a third.
 */
import type { BranchPlan, Rejection, Stage, StageOutcome } from '../../call/index.ts';
import type { SeenAs } from '../../outbound/index.ts';
import type { Trunk } from '../../provisioning/trunk-settings/schema.ts';
import { HeaderId } from '../../sip/message/index.ts';
import type { Target } from '../../sip/transport/index.ts';
import type { TrunkService } from '../../trunks/trunk-service.ts';
import type { TrunkCondition } from '../../trunks/trunk-status.ts';
import type { PeerNodes, PeerPass } from '../peer-nodes.ts';
import type { Served } from '../served.ts';
import type { PlanStep } from './step-plan.ts';

/** Another node, through which calls over a trunk leave. */
export interface RegisteredNode {
  readonly node: string;
  readonly to: Target;
  /** How the provider sees that node. */
  readonly seenAs: SeenAs;
  /** The header field that asks it to send a request with this Request-URI on, with this Contact as the provider shall see it. */
  pass(requestUri: string, contact: string): readonly [name: string, value: string];
  wasSilent(): void;
}

/** `nowhere`: no node that can be reached has registered it. */
export type WayOut = 'here' | 'nowhere' | RegisteredNode;

export interface RegisteredNodesOptions {
  readonly peers: PeerNodes;
  readonly pass: PeerPass;
  readonly served: Pick<Served, 'directory'>;
  readonly trunks: Pick<TrunkService, 'registersHere' | 'registeredHere' | 'status' | 'condition'>;
}

export class RegisteredNodes {
  readonly #options: RegisteredNodesOptions;
  readonly #isRehearsal: boolean;

  constructor(options: RegisteredNodesOptions, isRehearsal = false) {
    this.#options = options;
    this.#isRehearsal = isRehearsal;
  }

  /** The same for calls that are only thought through: no node is found silent. */
  rehearsal(): RegisteredNodes {
    return new RegisteredNodes(this.#options, true);
  }

  /** Where calls over a trunk leave. */
  wayOut(trunk: Trunk): WayOut {
    if (!trunk.options.registeredNodeOnly || this.registersHere(trunk)) return 'here';
    const { peers, pass } = this.#options;
    const node = peers.registeredAt(trunk.id);
    const to = node === undefined ? undefined : peers.addressOf(node);
    if (node === undefined || to === undefined) return 'nowhere';
    const { transport } = trunk;
    const process = peers.processOf(node);
    return {
      node,
      to,
      seenAs: { transport, address: (scope) => peers.advertised(node, transport, scope) },
      pass: (requestUri, contact) => pass.write(requestUri, { trunkId: trunk.id, contact }),
      wasSilent: () => {
        if (!this.#isRehearsal) peers.noteSilent(node, process);
      },
    };
  }

  /** This node is the one that registers the trunk. */
  registersHere(trunk: Trunk): boolean {
    return this.#options.trunks.registersHere(trunk.id);
  }

  /** The first hops that its registrar has named. */
  serviceRoutes(trunk: Trunk): readonly string[] {
    return this.#options.trunks.condition(trunk.id).serviceRoutes ?? [];
  }

  /** What is known of a trunk, with the way that its calls take. */
  condition(trunkId: string, known: TrunkCondition): TrunkCondition {
    const trunk = this.#options.served.directory.trunk(trunkId);
    if (trunk?.options.registeredNodeOnly !== true || !known.up) return known;
    const way = this.wayOut(trunk);
    if (way === 'here') return known;
    if (way === 'nowhere') return { ...known, up: false, reason: 'no node that can be reached has registered it' };
    return { ...known, through: way.node };
  }

  /** Ids of such trunks that this node has registered, for the other nodes. */
  registered(): readonly string[] {
    const { served, trunks } = this.#options;
    const found: string[] = [];
    for (const id of trunks.registeredHere()) {
      const isMeant = served.directory.trunk(id)?.options.registeredNodeOnly === true;
      if (isMeant && trunks.status(id)?.state === 'online') found.push(id);
    }
    return found;
  }
}

/** Why a node that was to send a call on has refused it: there was no answer of the provider. Other routes may be tried. */
const UNSENT = 'tandem;text="the trunk gave no answer"';
const UNSENT_HERE: Rejection = { status: 503, reason: 'Service Unavailable', headers: [[HeaderId.Reason, UNSENT]] };

/** Whether a node through which a call was to leave says that the provider gave no answer. */
export function isUnsent({ response }: StageOutcome): boolean {
  return response?.headers.fieldValues(HeaderId.Reason).includes(UNSENT) === true;
}

/** A call that another node sends out through this one; undefined: it cannot be sent. */
export class SentOnStep implements PlanStep {
  readonly #branch: BranchPlan | undefined;

  constructor(branch: BranchPlan | undefined) {
    this.#branch = branch;
  }

  next(outcome: StageOutcome | undefined): Stage | Rejection {
    if (this.#branch === undefined) return UNSENT_HERE;
    if (outcome === undefined) return { branches: [this.#branch] };
    const isAnswer = outcome.cause === 'response' || outcome.cause === 'ring-timeout';
    return isAnswer ? { status: outcome.status, reason: outcome.reason } : UNSENT_HERE;
  }
}
