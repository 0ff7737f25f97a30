import type { Clock } from '../base/scheduler.ts';
import { ownCopy } from '../base/text.ts';
import { formatUri, inBrackets, isSipUri, parseUri, type SipUri } from '../sip/message/index.ts';
import type { BindingSource, BindingTarget, RegistrarFlow, StoredBinding } from './ports.ts';
import { reachOf } from './reach.ts';
import type { AskedContact, RegisterAsk } from './register-request.ts';
import { unmarked } from './shared-contact.ts';

const NO_PATH: readonly string[] = [];

/** Where a phone is itself. */
export type PhoneAddress = Pick<RegistrarFlow, 'remoteAddress' | 'remotePort'>;

/** One contact of an address-of-record. Never changed but by a refresh that says nothing new ({@link prolong}): any other makes a new one. */
export interface Binding<Flow extends RegistrarFlow = RegistrarFlow> extends StoredBinding {
  /** The flow to send on, while it lives. Requests go to `flow ?? target`. */
  readonly flow: Flow | undefined;
  readonly target: BindingTarget | undefined;
  /** The Contact as a Request-URI: without what may not stand there (RFC 3261 §19.1.1: headers, method). */
  readonly requestUri: string;
  /** Monotonic, so that a step of the wall clock expires nothing. */
  readonly expiresAtMs: number;
}

/** RFC 3261 §10.2.1.2, then the fresher one: the order in which contacts are tried. */
export function byPreference(a: StoredBinding, b: StoredBinding): number {
  return b.qThousandths - a.qThousandths || b.refreshedAtWallMs - a.refreshedAtWallMs;
}

export function isReachable(binding: Binding): boolean {
  return (binding.flow !== undefined && !binding.flow.closed) || binding.target !== undefined;
}

/** The phone, among those of its address-of-record: by its instance, else by the Call-ID that it keeps wherever it is (RFC 3261 §10.2.4). */
export function phoneOf({ instance, callId }: Pick<StoredBinding, 'instance' | 'callId'>): string {
  return instance ?? callId;
}

/** Of a phone that keeps several (RFC 5626 §4.2). */
export function areFlowsOfOnePhone(a: Instance, b: Instance): boolean {
  return a.instance !== undefined && a.instance === b.instance && a.regId !== undefined && b.regId !== undefined;
}
type Instance = Pick<StoredBinding, 'instance' | 'regId'>;

/** The plain data of a binding. */
export function stored(binding: Binding): StoredBinding {
  // Field by field: a rest of it is copied by the runtime, name by name.
  const kept = {
    aor: binding.aor,
    contactUri: binding.contactUri,
    contactParams: binding.contactParams,
    qThousandths: binding.qThousandths,
    callId: binding.callId,
    cseq: binding.cseq,
    path: binding.path,
    instance: binding.instance,
    regId: binding.regId,
    userAgent: binding.userAgent,
    source: binding.source,
    target: binding.target,
    flowKey: binding.flowKey,
    registeredAtWallMs: binding.registeredAtWallMs,
    refreshedAtWallMs: binding.refreshedAtWallMs,
    expiresAtWallMs: binding.expiresAtWallMs,
    node: binding.node,
  };
  return binding.connectionEnded === true ? { ...kept, connectionEnded: true } : kept;
}

/** What the bindings of one REGISTER have in common. */
export interface BindingOrigin<Flow extends RegistrarFlow> {
  readonly aor: string;
  /** This node. */
  readonly node: string;
  readonly flow: Flow;
  readonly from: PhoneAddress;
}

/** The binding of a contact that a REGISTER asks for. What it has in common with the one before is kept, not made anew. */
export function bindingOf<Flow extends RegistrarFlow>(
  { aor, node, flow, from }: BindingOrigin<Flow>,
  ask: RegisterAsk,
  contact: AskedContact,
  expiresSeconds: number,
  previous: Binding<Flow> | undefined,
  clock: Clock,
): Binding<Flow> {
  const wallMs = clock.wallMs();
  const lastsMs = expiresSeconds * 1000;
  const reach = reachOf(flow, ask.pathUri ?? contact.uri, ask.claimsSymmetry);
  const isSameUri = contact.uriText === previous?.contactUri;
  return {
    aor: previous?.aor ?? aor,
    contactUri: keptText(contact.uriText, previous?.contactUri),
    requestUri: isSameUri ? previous.requestUri : requestUriOf(contact.uri),
    contactParams: keptText(contact.params, previous?.contactParams),
    qThousandths: contact.qThousandths,
    callId: keptText(ask.callId, previous?.callId),
    cseq: ask.cseq,
    path:
      ask.path.length === 0
        ? NO_PATH
        : ask.path.map((value, index) => keptText(inBrackets(value), previous?.path[index])),
    instance: contact.instance === undefined ? undefined : keptText(contact.instance, previous?.instance),
    regId: contact.regId,
    userAgent: keptText(ask.userAgent, previous?.userAgent),
    source: keptSource(flow, from, previous?.source),
    target: keptTarget(reach.target, previous?.target),
    flow: reach.usesFlow ? flow : undefined,
    flowKey: flow.key,
    registeredAtWallMs: previous?.registeredAtWallMs ?? wallMs,
    refreshedAtWallMs: wallMs,
    expiresAtWallMs: wallMs + lastsMs,
    expiresAtMs: clock.nowMs() + lastsMs,
    node,
  };
}

/** What a refresh that says nothing new changes of a binding. */
type Lease = {
  -readonly [Field in 'callId' | 'cseq' | 'refreshedAtWallMs' | 'expiresAtWallMs' | 'expiresAtMs']: Binding[Field];
};

/** Whether a contact of a REGISTER is this binding as it is, but for its {@link Lease}. */
export function isAsBefore<Flow extends RegistrarFlow>(
  binding: Binding<Flow>,
  { node, flow, from }: Omit<BindingOrigin<Flow>, 'aor'>,
  ask: RegisterAsk,
  contact: AskedContact,
): boolean {
  if (
    binding.contactUri !== contact.uriText ||
    binding.contactParams !== contact.params ||
    binding.regId !== contact.regId ||
    binding.userAgent !== ask.userAgent ||
    binding.node !== node ||
    binding.flowKey !== flow.key ||
    binding.connectionEnded === true ||
    binding.path.length > 0 ||
    ask.path.length > 0
  )
    return false;
  // Its other target is of the same flow and Contact.
  const { usesFlow } = reachOf(flow, contact.uri, ask.claimsSymmetry);
  return binding.flow === (usesFlow ? flow : undefined) && binding.source === keptSource(flow, from, binding.source);
}

/** A binding lasts `expiresSeconds` from now on. In place: what lasts for hours is collected late, and refreshes are most of what phones send. */
export function prolong(binding: Binding, { callId, cseq }: RegisterAsk, expiresSeconds: number, clock: Clock): void {
  const lease: Lease = binding;
  const wallMs = clock.wallMs();
  lease.callId = keptText(callId, binding.callId);
  lease.cseq = cseq;
  lease.refreshedAtWallMs = wallMs;
  lease.expiresAtWallMs = wallMs + expiresSeconds * 1000;
  lease.expiresAtMs = clock.nowMs() + expiresSeconds * 1000;
}

/** A stored binding back to life. The key of a connection is no longer its own; that of a UDP peer is its address. */
export function revived<Flow extends RegistrarFlow>(
  binding: StoredBinding,
  clock: Clock,
  longestMs: number,
): Binding<Flow> {
  const leftMs = Math.min(binding.expiresAtWallMs - clock.wallMs(), longestMs);
  const uri = parseUri(unmarked(binding.contactUri));
  return {
    ...binding,
    flow: undefined,
    flowKey: binding.source.transport === 'udp' ? binding.flowKey : '',
    requestUri: isSipUri(uri) ? requestUriOf(uri) : binding.contactUri,
    expiresAtMs: clock.nowMs() + leftMs,
  };
}

/**
 * A text of a message as a binding keeps it, for hours: its own, or the one that the binding before has of it. What lasts is collected
 * late, so a refresh that says the same leaves nothing behind.
 */
function keptText(text: string, known: string | undefined): string {
  return text === known ? known : ownCopy(text);
}

/** Where a REGISTER came from, as a binding keeps it: the same object as before where it came from the same place. */
function keptSource(
  { transport, listenerId }: RegistrarFlow,
  { remoteAddress: address, remotePort: port }: PhoneAddress,
  known: BindingSource | undefined,
): BindingSource {
  const isKnown =
    known?.port === port &&
    known.address === address &&
    known.transport === transport &&
    known.listenerId === listenerId;
  return isKnown ? known : { transport, address: ownCopy(address), port, listenerId };
}

/** The same of where a phone can be reached without its flow. */
function keptTarget(target: BindingTarget | undefined, known: BindingTarget | undefined): BindingTarget | undefined {
  const isKnown =
    target !== undefined &&
    known?.port === target.port &&
    known.address === target.address &&
    known.transport === target.transport &&
    known.listenerId === target.listenerId;
  return isKnown ? known : target;
}

/** A Contact as a Request-URI. RFC 3261 §19.1.1, table 1: no headers, no method parameter. */
function requestUriOf(uri: SipUri): string {
  if (uri.headers === '' && !uri.params.has('method')) return ownCopy(formatUri(uri));
  const params = uri.params.clone();
  params.delete('method');
  return formatUri({ ...uri, params, headers: '' });
}
