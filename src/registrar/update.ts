import { HeaderId, parseUri, sameUri } from '../sip/message/index.ts';
import type { Binding } from './binding.ts';
import type { AskedContact, RegisterAnswer, RegisterAsk } from './register-request.ts';
import { refuse } from './register-request.ts';

/**
 * What a REGISTER does to the bindings of one address-of-record (RFC 3261 §10.3 steps 6 and 7), as a pure function: either the
 * whole new list, or a refusal and nothing changed.
 */
export interface ExpiryPolicy {
  readonly defaultExpiresSeconds: number;
  readonly minExpiresSeconds: number;
  readonly maxExpiresSeconds: number;
}

export interface UpdateLimits {
  readonly maxContacts: number;
  readonly newestOnly: boolean;
}

export interface Removal<B> {
  readonly binding: B;
  readonly reason: 'unregistered' | 'replaced';
}

export interface Update<B> {
  readonly next: readonly B[];
  /** Made by this request, each with the binding it replaces. */
  readonly added: readonly { readonly binding: B; readonly previous: B | undefined }[];
  readonly removed: readonly Removal<B>[];
}

/** Makes the binding for a contact that lasts `expiresSeconds`. */
export type MakeBinding<B> = (contact: AskedContact, expiresSeconds: number, previous: B | undefined) => B;

export function clearAll<B extends Binding>(current: readonly B[], ask: RegisterAsk): Update<B> | RegisterAnswer {
  if (current.some((binding) => isOutOfOrder(binding, ask))) return outOfOrder();
  return { next: [], added: [], removed: current.map((binding) => ({ binding, reason: 'unregistered' })) };
}

export function applyUpdate<B extends Binding>(
  current: readonly B[],
  ask: RegisterAsk,
  policy: ExpiryPolicy,
  limits: UpdateLimits,
  make: MakeBinding<B>,
): Update<B> | RegisterAnswer {
  const granted = ask.contacts.map((contact) => grant(contact.expiresSeconds, policy));
  if (granted.includes('too-brief')) {
    return refuse(423, 'Interval Too Brief', [[HeaderId.MinExpires, String(policy.minExpiresSeconds)]]);
  }
  const next = new Set(current);
  const added = new Map<B | AskedContact, { binding: B; previous: B | undefined }>();
  const removed: Removal<B>[] = [];
  for (const [index, contact] of ask.contacts.entries()) {
    const previous = findBinding(current, contact);
    if (previous !== undefined && isOutOfOrder(previous, ask)) return outOfOrder();
    const seconds = granted[index] as number;
    if (previous !== undefined) next.delete(previous);
    if (seconds === 0) {
      if (previous !== undefined) removed.push({ binding: previous, reason: 'unregistered' });
      continue;
    }
    // The same contact twice in one request: the later value counts.
    const slot = previous ?? repeated(added, contact) ?? contact;
    const earlier = added.get(slot);
    if (earlier !== undefined) next.delete(earlier.binding);
    const binding = make(contact, seconds, previous);
    added.set(slot, { binding, previous });
    next.add(binding);
  }
  for (const binding of superseded(current, next, added.values(), ask, limits.newestOnly)) {
    if (binding === 'out-of-order') return outOfOrder();
    next.delete(binding);
    removed.push({ binding, reason: 'replaced' });
  }
  // A list that a lower limit made too long may still be refreshed, not extended.
  if (next.size > limits.maxContacts && next.size > current.length) return refuse(403, 'Too Many Contacts');
  return { next: [...next], added: [...added.values()], removed };
}

/** §10.3 step 7: the interval granted; 0 removes. Below the minimum, and below an hour, it is refused. */
function grant(asked: number | undefined, policy: ExpiryPolicy): number | 'too-brief' {
  const seconds = asked ?? policy.defaultExpiresSeconds;
  if (seconds > 0 && seconds < 3600 && seconds < policy.minExpiresSeconds) return 'too-brief';
  return Math.min(seconds, policy.maxExpiresSeconds);
}

/** The binding that a contact is about: by instance and flow (RFC 5626 §6), else by URI comparison (RFC 3261 §19.1.4). */
function findBinding<B extends Binding>(current: readonly B[], contact: AskedContact): B | undefined {
  if (contact.regId !== undefined) {
    return current.find(({ instance, regId }) => regId === contact.regId && instance === contact.instance);
  }
  for (const binding of current) {
    // RFC 5626 §6: the URI does not name a flow's binding, except to take it away.
    if (binding.regId !== undefined && contact.expiresSeconds !== 0) continue;
    if (binding.contactUri === contact.uriText || sameUri(parseUri(binding.contactUri), contact.uri)) return binding;
  }
  return undefined;
}

function repeated<B extends Binding>(
  added: ReadonlyMap<B | AskedContact, { binding: B }>,
  contact: AskedContact,
): B | AskedContact | undefined {
  for (const [slot, { binding }] of added) if (binding.contactUri === contact.uriText) return slot;
  return undefined;
}

/** Bindings that the ones just made take the place of, although the request does not name them. */
function* superseded<B extends Binding>(
  current: readonly B[],
  next: ReadonlySet<B>,
  added: Iterable<{ binding: B }>,
  ask: RegisterAsk,
  newestOnly: boolean,
): Generator<B | 'out-of-order'> {
  const made = [...added].map(({ binding }) => binding);
  if (made.length === 0) return;
  for (const binding of current) {
    if (!next.has(binding)) continue;
    if (newestOnly) yield isOutOfOrder(binding, ask) ? 'out-of-order' : binding;
    // DEVIATION: the same instance with a new Call-ID has been restarted (RFC 3261 §10.2.4: a client keeps its Call-ID until it
    // reboots); its old contact is dead, and would ring nowhere and fill the list.
    else if (made.some((fresh) => isRestartOf(binding, fresh))) yield binding;
  }
}

function isRestartOf(old: Binding, fresh: Binding): boolean {
  if (old.instance === undefined || old.instance !== fresh.instance || old.callId === fresh.callId) return false;
  return old.regId === undefined && fresh.regId === undefined;
}

/** §10.3: within one Call-ID the sequence number has to rise. */
function isOutOfOrder(binding: Binding, ask: RegisterAsk): boolean {
  return binding.callId === ask.callId && ask.cseq <= binding.cseq;
}

function outOfOrder(): RegisterAnswer {
  return refuse(400, 'CSeq Out Of Order');
}
