/** The INVITE toward a registered phone: who calls, in the tenant's domain, and the session description as it came. */
import type { AttemptRecord, BranchPlan, LegOptions } from '../../call/index.ts';
import { addedFields, INFO_PACKAGES, relayedNames } from '../../outbound/index.ts';
import { type Binding, nameOf, phoneOf } from '../../registrar/index.ts';
import { describeDestination, isFlow } from '../../sip/endpoint/index.ts';
import { contentFields, escapeUser, formatHost, type LegDraft, quote } from '../../sip/message/index.ts';
import type { Flow, Target } from '../../sip/transport/index.ts';
import { ATTESTATION_FIELD, VERSTAT } from '../../stir/index.ts';
import { FLOW_SILENT_MS, ORPHAN_SILENT_MS, type Reached, type Through } from '../reach.ts';
import { ANONYMOUS_ADDRESS, type CallContext } from './call-context.ts';
import { mediaThroughNode } from './media-parties.ts';
import { ownParty, partyAddress } from './party-address.ts';

/** A caller whose number nobody knows, and who does not withhold it (3GPP TS 23.003 §13.7). */
const UNAVAILABLE_URI = '<sip:unavailable@unknown.invalid>';

/** `"Name" <sip:number@domain>` in octets, or the anonymous form (RFC 3323 §4.1.1.3), or the one of who has no number. */
export function callerAddress(context: CallContext): string {
  const { number, displayName, anonymous } = context.caller;
  if (anonymous) return ANONYMOUS_ADDRESS;
  if (number === '') return `${quote(displayName === '' ? 'Unavailable' : displayName)} ${UNAVAILABLE_URI}`;
  return partyAddress(context.tenant, number, displayName);
}

export interface PhoneBranch {
  readonly context: CallContext;
  /** The called extension's or service's number. */
  readonly number: string;
  readonly binding: Binding<Flow>;
  readonly reached: Reached;
  /** Contact that this engine shows on the leg. */
  readonly contact: string;
  /** The same toward the contact itself, where the leg goes through another node first. */
  readonly directContact?: string | undefined;
  readonly media: LegOptions['media'];
}

/** A branch to one registered contact. */
export function phoneBranch(phone: PhoneBranch): BranchPlan {
  const { context, number, binding, reached, contact, media } = phone;
  const { to, through, silentMs, pastFlow } = reached;
  const { node, request, tenant } = context;
  const own = ownFields(context);
  const draft: LegDraft = {
    requestUri: binding.requestUri,
    from: callerAddress(context),
    to: partyAddress(tenant, number),
    contact,
    routes: binding.path,
    headers: [
      ['Allow', node.allow],
      ['Supported', ['timer', ...node.supported].join(', ')],
      ...(own.some(([name]) => name.toLowerCase() === 'user-agent') ? [] : [['User-Agent', node.userAgent] as const]),
      ...calledParty(context),
      ...verifiedCaller(context),
      // RFC 3892 §2.2: who has accepted a REFER copies it. A trunk is told nothing of the tenant's parties.
      ...(context.referredBy === undefined ? [] : [['Referred-By', context.referredBy] as const]),
      ...contentFields(request),
      ...own,
    ],
    body: request.body,
  };
  const options = {
    contact,
    relayHeaders: relayNames(context),
    ...(context.caller.anonymous && { withholdsPeer: true }),
    headers: [['User-Agent', node.userAgent] as const],
    owner: { tenant: tenant.name, number, phone: phoneOf(binding) },
    ...(binding.path.length > 0 && { sender: binding.source.address }),
    identity: ownParty(context.directory, tenant, number),
    showsIdentity: true,
    ...(media !== undefined && { media }),
    ...(silentMs !== undefined && { firstResponseMs: silentMs }),
  };
  const branch = { label: number, extension: number, draft, options, ...(pastFlow !== undefined && { pastFlow }) };
  if (through === undefined || isFlow(to)) return { ...branch, resolve: () => (isFlow(to) ? to : [to]) };
  return { ...branch, ...throughNode(phone, to, through, { draft, options }) };
}

/** RFC 5626 §7: after any other answer the phone's other flows are not asked. */
const FLOW_FAILED: ReadonlySet<number> = new Set([408, 430]);

/**
 * The branch to a phone that keeps several flows here (RFC 5626 §7): over one at a time, the next where one is dead or silent, so that it
 * rings once. The INVITE is to each as it is over that flow alone.
 *
 * @param flows branches of one place each
 */
export function overFlows(flows: readonly BranchPlan[]): BranchPlan {
  const [{ pastFlow: _, ...best }] = flows as readonly [BranchPlan, ...BranchPlan[]];
  // Several lead over one connection where a proxy is in front.
  const left = new Map<Flow | Target, BranchPlan[]>();
  const last = flows.at(-1);
  return {
    ...best,
    nextOn: FLOW_FAILED,
    toward: (to) => {
      const there = left.get(to) ?? [];
      const flow = (there.length > 1 ? there.shift() : there[0]) ?? best;
      const { draft, options } = flow;
      return { draft, options: flow === last ? options : { firstResponseMs: FLOW_SILENT_MS, ...options } };
    },
    resolve: () =>
      flows.flatMap((flow) => {
        const resolved = flow.resolve() as Flow | readonly Target[];
        const places: readonly (Flow | Target)[] = 'send' in resolved ? [resolved] : resolved;
        for (const place of places) left.set(place, [...(left.get(place) ?? []), flow]);
        return places;
      }),
  };
}

/** The way through the node that the phone registered at, and the one past it for when that node is silent. */
function throughNode(
  { binding, directContact }: PhoneBranch,
  node: Target,
  through: Through,
  { draft, options }: Pick<BranchPlan, 'draft' | 'options'>,
): Pick<BranchPlan, 'draft' | 'toward' | 'resolve' | 'onAttempt'> {
  const { otherwise } = through;
  const passed = { ...draft, headers: [...draft.headers, through.pass(nameOf(binding))] };
  const direct = directContact ?? draft.contact;
  const media = options.media && { media: mediaThroughNode(options.media, binding) };
  return {
    draft: passed,
    toward: (to) =>
      to === node
        ? { draft: passed, options: { ...options, ...media, isBetweenNodes: true, peerNode: through.node } }
        : {
            draft: { ...draft, contact: direct },
            options: { ...options, contact: direct, firstResponseMs: ORPHAN_SILENT_MS },
          },
    resolve: () => (otherwise === undefined ? [node] : [node, otherwise]),
    onAttempt: (attempt) => noteSilence(attempt, node, through),
  };
}

/** Tells of a node that an attempt found silent. */
export function noteSilence(
  { target, cause }: AttemptRecord,
  node: Flow | Target,
  through: Pick<Through, 'wasSilent'>,
): void {
  if ((cause === 'timeout' || cause === 'transport-error') && target === describeDestination(node)) through.wasSilent();
}

/** RFC 7315 §4.2: the phone is told which number was called, when that is not its own. */
function calledParty(context: CallContext): [string, string][] {
  if (context.origin.kind !== 'trunk' || context.called === '') return [];
  return [['P-Called-Party-ID', partyAddress(context.tenant, context.called)]];
}

/**
 * What is known of the caller's number (3GPP TS 24.229 §7.2A.20): in P-Asserted-Identity, where phones that know `verstat` look first, and
 * not in From, which the others show digit by digit. The number is the one that was verified.
 */
function verifiedCaller({ verification, caller, tenant }: CallContext): [string, string][] {
  if (verification === undefined) return [];
  const { result, attestation, number, shown: rich } = verification;
  const fields: [string, string][] = attestation === undefined ? [] : [[ATTESTATION_FIELD, attestation]];
  // RFC 3261 §20.9
  if (rich?.icon !== undefined) fields.push(['Call-Info', `<${rich.icon}>;purpose=icon`]);
  const shown = result === 'passed' && number !== undefined ? `+${number}` : caller.number;
  if (caller.anonymous || shown === '') return fields;
  // The caller's text may hold another parameter of this name.
  const user = escapeUser(shown.split(';')[0] ?? '');
  const uri = `<sip:${user};verstat=${VERSTAT[result]}@${formatHost(tenant.domain)};user=phone>`;
  const name = caller.displayName === '' ? '' : `${quote(caller.displayName)} `;
  return [['P-Asserted-Identity', `${name}${uri}`], ...fields];
}

function relayNames({ caller, origin, tenant }: CallContext): readonly string[] {
  // What the caller wrote may tell who it is (RFC 3323 §4.1): the same as toward a trunk.
  if (caller.anonymous) return [];
  return relayedNames(tenant)[origin.kind === 'trunk' ? 'both' : 'user'];
}

/** Header fields of the user's own on this call: relayed ones with the caller's values, and the tenant's added ones. */
function ownFields(context: CallContext): (readonly [string, string])[] {
  const names = context.caller.anonymous ? [] : [INFO_PACKAGES, ...relayNames(context)];
  const relayed = names.flatMap((name) =>
    context.request.headers.fieldValuesNamed(name).map((value) => [name, value] as const),
  );
  return [...relayed, ...addedFields(context.tenant).user];
}
