import { ownCopy } from '../base/text.ts';
import { formatUri, type SipUri } from '../sip/message/index.ts';
import type { BindingSource, BindingTarget, RegistrarFlow, StoredBinding } from './ports.ts';

/** One contact of an address-of-record. Never changed: an update makes a new one. */
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

/** The plain data of a binding. */
export function stored(binding: Binding): StoredBinding {
  // Field by field: a rest of it is copied by the runtime, name by name.
  return {
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
}

/**
 * A text of a message as a binding keeps it, for hours: its own, or the one that the binding before has of it. What lasts is collected
 * late, so a refresh that says the same leaves nothing behind.
 */
export function keptText(text: string, known: string | undefined): string {
  return text === known ? known : ownCopy(text);
}

/** Where a REGISTER came from, as a binding keeps it: the same object as before where it came from the same place. */
export function keptSource(
  { transport, listenerId }: RegistrarFlow,
  { remoteAddress: address, remotePort: port }: Pick<RegistrarFlow, 'remoteAddress' | 'remotePort'>,
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
export function keptTarget(
  target: BindingTarget | undefined,
  known: BindingTarget | undefined,
): BindingTarget | undefined {
  const isKnown =
    target !== undefined &&
    known?.port === target.port &&
    known.address === target.address &&
    known.transport === target.transport &&
    known.listenerId === target.listenerId;
  return isKnown ? known : target;
}

/** A Contact as a Request-URI. RFC 3261 §19.1.1, table 1: no headers, no method parameter. */
export function requestUriOf(uri: SipUri): string {
  if (uri.headers === '' && !uri.params.has('method')) return ownCopy(formatUri(uri));
  const params = uri.params.clone();
  params.delete('method');
  return formatUri({ ...uri, params, headers: '' });
}
