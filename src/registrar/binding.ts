import { formatUri, type SipUri } from '../sip/message/index.ts';
import type { BindingTarget, RegistrarFlow, StoredBinding } from './ports.ts';

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
  const { flow: _flow, requestUri: _requestUri, expiresAtMs: _expiresAtMs, ...rest } = binding;
  return rest;
}

/**
 * A copy that shares no memory with the text it was cut from. A substring keeps the whole datagram alive, which a binding would do
 * for hours.
 */
export function detached(text: string): string {
  return text.length < 13 ? text : Buffer.from(text, 'latin1').toString('latin1');
}

/** A Contact as a Request-URI. RFC 3261 §19.1.1, table 1: no headers, no method parameter. */
export function requestUriOf(uri: SipUri): string {
  if (uri.headers === '' && !uri.params.has('method')) return detached(formatUri(uri));
  const params = uri.params.clone();
  params.delete('method');
  return formatUri({ ...uri, params, headers: '' });
}
