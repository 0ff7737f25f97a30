import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { hostPort, parseMessage, type SipRequest, serialize, textFromOctets } from '../sip/message/index.ts';
import { signaturesHere } from '../stir/index.ts';
import type { TrunkHop } from '../trunks/hops.ts';
import type { ExplainedRoute, Explanation, FieldNote, FieldReason } from './explanation.ts';
import type { OutboundFacts, SeenAs } from './facts.ts';
import { ifAnswered } from './if-answered.ts';
import { draftForRoute, type OutboundPlan, planOutbound } from './pipeline.ts';
import { reasonsOf } from './reasons.ts';
import { type InviteTokens, renderInvite } from './render.ts';
import { addIdentity } from './signing.ts';
import { viaAddress } from './steps/choose-addresses.ts';
import { RecordingTrace } from './trace.ts';

/** The random tokens to show for a route: those of a real call, or any. */
export type TokenSource = (routeIndex: number) => Partial<InviteTokens>;

/** An INVITE as its leg sends it. */
export interface LeavingInvite {
  readonly octets: string;
  /** `transport:address:port`. */
  readonly target: string;
  /** By the socket that sends it; undefined where that is not known any more. */
  readonly seenAs: SeenAs | undefined;
  /** What there is to say of its fields that no step of the plan decides. */
  readonly more: readonly FieldReason[];
}

/** What leaves on a route of the plan; undefined for one that no INVITE is known of. Asked for one route after the other. */
export type LeavingOn = (route: ExplainedRoute, index: number, uriAs: RequestUriAs) => LeavingInvite | undefined;

/** The Request-URI of a route's INVITE, by the socket that sends it; undefined where the route is refused. */
export type RequestUriAs = (seenAs: SeenAs | undefined) => string | undefined;

/**
 * Says what a call with these facts sends, and why. Places nothing. The very steps of a live call, with a trace that listens. Where it
 * is known what leaves on a route, that is shown in place of what the route alone would have sent.
 */
export function explain(
  facts: OutboundFacts,
  tokens: TokenSource = () => ({}),
  leavingOn: LeavingOn = () => undefined,
): Explanation {
  const trace = new RecordingTrace();
  const plan = planOutbound(facts, trace);
  return {
    tenant: facts.tenant.name,
    caller: { kind: facts.caller.kind, number: plan.callerNumber, name: textFromOctets(plan.callerName) },
    dialled: textFromOctets(facts.dialled),
    number: textFromOctets(plan.number),
    anonymous: plan.anonymous,
    anonymousReason: plan.anonymousReason,
    emergency: plan.emergency,
    rule: plan.ruleName,
    steps: trace.steps,
    refusal: plan.refusal,
    storedSetting: plan.storedSetting,
    routes: plan.routes.map((_, index) => {
      const route = explainRoute(plan, index, tokens(index));
      const uriAs = (seenAs: SeenAs | undefined) => requestUriOf(draftForRoute(plan, index, undefined, seenAs));
      const leaving = route.refusal === undefined ? leavingOn(route, index, uriAs) : undefined;
      return leaving === undefined ? route : asLeaving(plan, index, route, leaving);
    }),
    skipped: plan.skipped,
  };
}

function requestUriOf(drafted: ReturnType<typeof draftForRoute>): string | undefined {
  return drafted.kind === 'refused' ? undefined : drafted.draft.requestUri;
}

/** An explanation without anything of the outside: for a call that stays inside. */
export function nothingOutside(
  of: Pick<Explanation, 'tenant' | 'caller' | 'dialled' | 'number' | 'steps'>,
): Explanation {
  return {
    ...of,
    anonymous: false,
    anonymousReason: '',
    emergency: false,
    rule: undefined,
    refusal: undefined,
    storedSetting: undefined,
    routes: [],
    skipped: [],
  };
}

/** The route with the INVITE as the leg really sends it, and its reasons. */
function asLeaving(plan: OutboundPlan, index: number, route: ExplainedRoute, leaving: LeavingInvite): ExplainedRoute {
  const { octets, target, seenAs, more } = leaving;
  const message = parseMessage(octets);
  if (message.kind !== 'request') return route;
  const trace = new RecordingTrace();
  draftForRoute(plan, index, trace, seenAs);
  return {
    ...route,
    fields: [...textReasons(trace.fields, message), ...more],
    invite: textFromOctets(octets),
    inviteBase64: Buffer.from(octets, 'latin1').toString('base64'),
    nextHop: target,
  };
}

function explainRoute(plan: OutboundPlan, index: number, given: Partial<InviteTokens>): ExplainedRoute {
  const trace = new RecordingTrace();
  const outcome = draftForRoute(plan, index, trace);
  const { trunk } = outcome;
  const common = {
    trunk: { id: trunk.id, name: trunk.name, type: trunk.type, brand: trunk.brand },
    candidates: trace.candidates.map((note) => ({
      ...note,
      value: note.value === undefined ? undefined : textFromOctets(note.value),
    })),
    steps: trace.steps,
    warnings: outcome.warnings,
    events: outcome.events,
  };
  if (outcome.kind === 'refused') {
    const { status, reason, code } = outcome;
    return {
      ...common,
      refusal: { status, reason, code },
      ifAnswered: [],
      fields: [],
      calledNumber: '',
      outboundCallerId: '',
      callerIdSource: '',
      nextHop: '',
      invite: '',
      inviteBase64: '',
    };
  }
  const { host, port } = viaAddress(plan.facts.node, trunk);
  // RFC 3581 §3, and in the form the endpoint gives it.
  const rport = trunk.transport === 'udp' ? ';rport' : '';
  const via = `SIP/2.0/${trunk.transport.toUpperCase()} ${hostPort(host, port)}${rport};branch=z9hG4bK-explained`;
  const tokens = {
    via,
    callId: 'explained',
    localTag: 'explained',
    sequence: 1,
    maxForwards: outcome.maxForwards,
    ...given,
  };
  const invite = renderInvite(outcome.draft, tokens);
  if (outcome.signing !== undefined) addIdentity(invite, outcome.signing, plan.facts.wallMs, signsForShow);
  const octets = serialize(invite);
  return {
    ...common,
    fields: textReasons(trace.fields, invite),
    ifAnswered: ifAnswered(trunk, plan.emergency),
    refusal: undefined,
    calledNumber: outcome.calledNumber,
    outboundCallerId: outcome.outboundCallerId,
    callerIdSource: outcome.callerIdSource,
    nextHop: nextHopText(outcome.nextHop),
    invite: textFromOctets(octets),
    inviteBase64: Buffer.from(octets, 'latin1').toString('base64'),
  };
}

/** {@link reasonsOf}, as text for people. */
function textReasons(notes: readonly FieldNote[], invite: SipRequest): FieldReason[] {
  return reasonsOf(notes, invite).map((reason) => ({ ...reason, value: textFromOctets(reason.value) }));
}

let madeKey: KeyObject | undefined;

/** Signs what is shown and not sent, at once: nobody can place a call with it. */
export function signsForShow(input: string): string {
  madeKey ??= generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  return signaturesHere.sign(input, madeKey);
}

function nextHopText(hop: TrunkHop): string {
  if (hop.kind === 'binding') return 'where the gateway registered from';
  const port = hop.port === undefined ? ' (port by DNS, RFC 3263)' : '';
  return `${hop.transport}:${hostPort(hop.host, hop.port)}${port}`;
}
