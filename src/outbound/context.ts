import { added } from '../base/added.ts';
import type { DidPool } from '../provisioning/tenants/did-pool.ts';
import { plainNumber } from '../provisioning/tenants/number.ts';
import type { OutboundRoute, OutboundRule } from '../provisioning/tenants/schema.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import { octetsFromText } from '../sip/message/index.ts';
import type { TrunkCondition } from '../trunks/trunk-status.ts';
import { Draft, type FieldName } from './draft.ts';
import type { OutboundEvent, SkippedRoute, StoredSetting } from './explanation.ts';
import { callerName, callerNumber, type OutboundFacts, type SeenAs } from './facts.ts';
import { holdsForeignNumber } from './foreign-number.ts';
import type { OutboundCli } from './outbound-cli.ts';
import type { Refusal } from './outcome.ts';
import type { Signing } from './signing.ts';
import type { Trace } from './trace.ts';
import { profileOf, type TrunkProfile } from './trunk-profile.ts';

/** What nearly every call has of most lists. */
const NONE: readonly never[] = [];

/** An emergency number as it was dialled, and what stood in front of it. */
export interface EmergencyCall {
  readonly number: string;
  /** The digits for an outside line, which do not belong to the number; '' when it was dialled bare. */
  readonly accessCode: string;
}

/**
 * What will be done about a call: routes to try in order, or the answer that it gets at once. The call steps work it out before any trunk
 * is looked at; each property is written by one step and read by later ones.
 */
export class PlanState {
  readonly facts: OutboundFacts;
  /** Number and name of the caller. */
  readonly callerNumber: string;
  readonly callerName: string;
  /** X-Outbound-Cli as read. */
  readonly outboundCli: OutboundCli;
  /** Set when no route is tried. With {@link storedSetting} it is the answer after the setting was stored. */
  refusal: Refusal | undefined = undefined;
  /** The dialled number: first as dialled, then without its dial code, then processed; each route strips and prepends for itself. */
  number: string;
  /** What the dial code said about this call, if there was one. */
  perCall: 'hide' | 'show' | undefined = undefined;
  storedSetting: StoredSetting | undefined = undefined;
  anonymous = false;
  anonymousReason = '';
  emergencyCall: EmergencyCall | undefined = undefined;
  rule: OutboundRule | undefined = undefined;
  /** The number is an E.164 number behind a rule's access code: it leaves as it is, neither stripped nor prepended. */
  leavesAsGiven = false;
  /** The routes that may be tried; in order, or in random order where the rule says so. */
  candidates: readonly OutboundRoute[] = NONE;
  routes: readonly PlannedRoute[] = NONE;
  skipped: readonly SkippedRoute[] = NONE;
  /** The trunk states that were read, so that the call can be explained afterwards as it was. */
  trunkStates: readonly (readonly [trunkId: string, state: TrunkCondition])[] = NONE;

  constructor(facts: OutboundFacts, outboundCli: OutboundCli) {
    this.facts = facts;
    this.callerNumber = callerNumber(facts.caller);
    this.callerName = octetsFromText(callerName(facts.caller));
    this.outboundCli = outboundCli;
    this.number = plainNumber(facts.dialled);
  }

  get emergency(): boolean {
    return this.emergencyCall !== undefined;
  }

  get ruleName(): string | undefined {
    return this.rule?.name;
  }
}

/** A route that will be tried, in its turn. */
export interface PlannedRoute {
  readonly route: OutboundRoute;
  readonly trunk: Trunk;
  readonly pool: DidPool;
  readonly serviceRoutes: readonly string[];
  /** Its place in the rule, from 0. */
  readonly position: number;
  /** The other node that it leaves through. */
  readonly through: string | undefined;
  /** Why the trunk is down, or full by a carrier's word, if it is: it is tried only where no other is left. */
  readonly down?: string | undefined;
  /** It is not down but full. */
  readonly full?: boolean;
}

/** A step over the call: undefined goes on, a refusal ends it. */
export interface CallStep {
  readonly name: string;
  run(call: PlanState, trace: Trace): Refusal | undefined;
}

export interface ChosenCallerId {
  readonly value: string;
  readonly source: string;
  /** Goes with a caller ID that was set for this trunk. */
  readonly displayName: string | undefined;
}

/** One route of the call: what its steps work out for its trunk. */
export class RouteState {
  readonly call: PlanState;
  readonly planned: PlannedRoute;
  readonly trunk: Trunk;
  readonly profile: TrunkProfile;
  readonly draft = new Draft();
  calledNumber = '';
  /** The number that X-Outbound-Cli took the place of, in the field that a carrier reads; undefined: it took none. */
  numberBeforeDirectives: string | undefined = undefined;
  signing: Signing | undefined = undefined;
  callerId: ChosenCallerId | undefined = undefined;
  /** Fields that a conditional mapping drops on this call; {@link TrunkProfile.removed} holds those dropped on every call. */
  removed: readonly FieldName[] = NONE;
  warnings: readonly string[] = NONE;
  events: readonly OutboundEvent[] = NONE;
  /** Undefined until it is known where the INVITE goes. */
  readonly seenAs: SeenAs | undefined;

  constructor(call: PlanState, planned: PlannedRoute, seenAs?: SeenAs) {
    this.seenAs = seenAs;
    this.call = call;
    this.planned = planned;
    this.trunk = planned.trunk;
    this.profile = profileOf(planned.trunk);
  }

  /** Whether a text is, or holds, a number that is another tenant's on this trunk. */
  holdsForeign(text: string): boolean {
    const { directory, tenant } = this.call.facts;
    return holdsForeignNumber(directory, tenant, this.trunk, text);
  }

  report(kind: OutboundEvent['kind'], source: string, value: string, reason: string): void {
    this.events = added(this.events, { kind, trunkId: this.trunk.id, source, value, reason });
  }
}

/** A step over one route. */
export interface RouteStep {
  readonly name: string;
  run(route: RouteState, trace: Trace): Refusal | undefined;
}
