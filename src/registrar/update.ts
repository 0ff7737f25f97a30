import { added } from '../base/added.ts';
import { HeaderId, parseUri, sameUri } from '../sip/message/index.ts';
import type { Binding, PhoneAddress } from './binding.ts';
import type { AskedContact, RegisterAnswer, RegisterAsk } from './register-request.ts';
import { LONGEST_UNDER_WAY_MS, refuse } from './register-request.ts';
import { asKept, isOfAnother } from './shared-contact.ts';

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
  /** Where the phone is that asks. */
  readonly from: PhoneAddress;
  readonly nowWallMs: number;
  /** Whether a node that was there then (ms since 1970, by the store's clock) is there no more, as far as is known. */
  readonly hasEnded: (node: string, wasThereAtWallMs: number) => boolean;
}

export interface Removal<B> {
  readonly binding: B;
  readonly reason: 'unregistered' | 'replaced';
}

/** A new binding, with the one it takes the place of. */
export interface Made<B> {
  readonly binding: B;
  readonly previous: B | undefined;
}

export interface Update<B> {
  readonly next: readonly B[];
  /** Made by this request. */
  readonly added: readonly Made<B>[];
  readonly removed: readonly Removal<B>[];
}

/** Makes the binding for a contact that lasts `expiresSeconds`. */
export type MakeBinding<B> = (contact: AskedContact, expiresSeconds: number, previous: B | undefined) => B;

export function clearAll<B extends Binding>(
  current: readonly B[],
  ask: RegisterAsk,
  nowWallMs: number,
): Update<B> | RegisterAnswer {
  if (current.some((binding) => isOutOfOrder(binding, ask, nowWallMs))) return outOfOrder();
  return { next: [], added: [], removed: current.map((binding) => ({ binding, reason: 'unregistered' })) };
}

export function applyUpdate<B extends Binding>(
  current: readonly B[],
  ask: RegisterAsk,
  policy: ExpiryPolicy,
  limits: UpdateLimits,
  make: MakeBinding<B>,
): Update<B> | RegisterAnswer {
  if (ask.contacts.some(({ expiresSeconds }) => isTooBrief(expiresSeconds, policy))) {
    return refuse(423, 'Interval Too Brief', [[HeaderId.MinExpires, String(policy.minExpiresSeconds)]]);
  }
  let next = current;
  let made: readonly Made<B>[] = [];
  let removed: readonly Removal<B>[] = [];
  for (const asked of ask.contacts) {
    const { previous, isShared } = findBinding(current, asked, ask, limits.from);
    const contact = asKept(asked, previous, isShared, limits.from);
    if (previous !== undefined && isOvertaken(previous, contact, ask, limits)) return outOfOrder();
    const seconds = grant(contact.expiresSeconds, policy);
    if (previous !== undefined) next = without(next, previous);
    if (seconds === 0) {
      if (previous !== undefined) removed = added(removed, { binding: previous, reason: 'unregistered' });
      continue;
    }
    // The same contact twice in one request: the later value counts.
    const earlier = madeOf(made, contact, previous);
    const binding = make(contact, seconds, previous);
    const one = { binding, previous };
    if (earlier !== undefined) next = without(next, earlier.binding);
    made = earlier === undefined ? added(made, one) : made.map((each) => (each === earlier ? one : each));
    next = added(next, binding);
  }
  for (const binding of current) {
    if (made.length === 0 || !next.includes(binding)) continue;
    // DEVIATION: the same instance with a new Call-ID has been restarted (RFC 3261 §10.2.4: a client keeps its Call-ID until it
    // reboots); its old contact is dead, and would ring nowhere and fill the list.
    if (!limits.newestOnly && !made.some((one) => isOfOnePhone(binding, one.binding))) continue;
    if (limits.newestOnly && isOutOfOrder(binding, ask, limits.nowWallMs)) return outOfOrder();
    next = without(next, binding);
    removed = added(removed, { binding, reason: 'replaced' });
  }
  // A list that a lower limit made too long may still be refreshed, not extended.
  const most = Math.max(limits.maxContacts, current.length);
  if (next.length > most) {
    for (const binding of cutOff(next, made, limits).slice(0, next.length - most)) {
      next = without(next, binding);
      removed = added(removed, { binding, reason: 'replaced' });
    }
    if (next.length > most) return refuse(403, 'Too Many Contacts');
  }
  return { next, added: made, removed };
}

/** The binding that a REGISTER asks to last on and asks for nothing else; undefined: it asks for more, or is to be refused. */
export function prolonged<B extends Binding>(
  current: readonly B[],
  ask: RegisterAsk,
  policy: ExpiryPolicy,
  limits: Pick<UpdateLimits, 'newestOnly' | 'from' | 'nowWallMs'>,
): B | undefined {
  const [contact] = ask.contacts;
  if (contact === undefined || ask.contacts.length > 1 || (limits.newestOnly && current.length > 1)) return undefined;
  const { instance, regId, expiresSeconds, uriText } = contact;
  const binding = current.findLast((each) => each.contactUri === uriText && each.regId === regId);
  if (binding === undefined || isTooBrief(expiresSeconds, policy) || isOvertaken(binding, contact, ask, limits))
    return undefined;
  const fresh = { instance, regId, callId: ask.callId, requestUri: binding.requestUri };
  if (current.some((each) => each !== binding && isOfOnePhone(each, fresh))) return undefined;
  return grant(expiresSeconds, policy) === 0 ? undefined : binding;
}

/**
 * What gives way to a contact too many, that of longest ago first: one of the same URI, which may have been this phone elsewhere; the same phone's, where
 * the connections that they came over have ended, at whichever node or with it, and nothing has come since. A phone that connects again, from another
 * port each time, names another contact each time. Those of other phones stay: they may listen, and after a restart nobody has a connection.
 */
function cutOff<B extends Binding>(
  list: readonly B[],
  made: readonly Made<B>[],
  { hasEnded }: Pick<UpdateLimits, 'hasEnded'>,
): B[] {
  return list
    .filter(
      (old) =>
        made.some(({ binding }) => binding !== old && binding.requestUri === old.requestUri) ||
        (old.source.transport !== 'udp' &&
          old.path.length === 0 &&
          made.some(
            ({ binding }) =>
              isSamePhone(old, binding) &&
              (hasNoConnection(old, binding.node) || (isKnownPhone(old) && hasEnded(old.node, old.refreshedAtWallMs))),
          )),
    )
    .sort((a, b) => a.refreshedAtWallMs - b.refreshedAtWallMs);
}

/** Of another node that is there it is known where that one has said so. */
function hasNoConnection({ flow, node, connectionEnded }: Binding, here: string): boolean {
  return connectionEnded === true || (flow === undefined && node === here);
}

/** Without an instance its address tells it: what is kept without its connection has no NAT in between, and of others {@link isKnownPhone} is asked. */
function isSamePhone(a: Binding, b: Binding): boolean {
  return a.instance === b.instance && (a.instance !== undefined || a.source.address === b.source.address);
}

/**
 * Whether it is told from all others: by an instance, or at an address of its own, as far as its Contact tells. Where a phone (by STUN) or an ALG
 * has written the address of the NAT, others may be beside it.
 */
function isKnownPhone({ instance, target }: Binding): boolean {
  return instance !== undefined || target !== undefined;
}

function madeOf<B extends Binding>(
  made: readonly Made<B>[],
  contact: AskedContact,
  previous: B | undefined,
): Made<B> | undefined {
  for (const one of made)
    if (previous === undefined ? one.binding.contactUri === contact.uriText : one.previous === previous) return one;
  return undefined;
}

function without<B>(list: readonly B[], binding: B): readonly B[] {
  return list.length === 1 && list[0] === binding ? NONE : list.filter((each) => each !== binding);
}
const NONE: readonly never[] = [];

/** §10.3 step 7: below the minimum, and below an hour, it is refused. */
function isTooBrief(asked: number | undefined, { defaultExpiresSeconds, minExpiresSeconds }: ExpiryPolicy): boolean {
  const seconds = asked ?? defaultExpiresSeconds;
  return seconds > 0 && seconds < 3600 && seconds < minExpiresSeconds;
}

/** The interval granted; 0 removes. */
export function grant(asked: number | undefined, policy: ExpiryPolicy): number {
  return Math.min(asked ?? policy.defaultExpiresSeconds, policy.maxExpiresSeconds);
}

/**
 * The binding that a contact is about: by instance and flow (RFC 5626 §6), else by URI comparison (RFC 3261 §19.1.4), and of several phones that write one
 * URI its own. `isShared`: another phone's has the URI.
 */
function findBinding<B extends Binding>(
  current: readonly B[],
  contact: AskedContact,
  ask: RegisterAsk,
  from: PhoneAddress,
): { readonly previous: B | undefined; readonly isShared: boolean } {
  if (contact.regId !== undefined) {
    const previous = current.find(({ instance, regId }) => regId === contact.regId && instance === contact.instance);
    return { previous, isShared: false };
  }
  // RFC 5626 §6: the URI does not name a flow's binding, except to take it away.
  const named = current.filter(
    (binding) => (binding.regId === undefined || contact.expiresSeconds === 0) && isNamed(binding, contact),
  );
  const previous =
    named.find(({ callId }) => callId === ask.callId) ?? named.find((one) => !isOfAnother(one, contact, ask, from));
  if (previous !== undefined || named.length === 0) return { previous, isShared: false };
  // Whoever takes away the only one there is may do so from anywhere.
  return { previous: contact.expiresSeconds === 0 && named.length === 1 ? named[0] : undefined, isShared: true };
}

function isNamed({ contactUri }: Binding, { uri, uriText }: AskedContact): boolean {
  return contactUri === uriText || sameUri(parseUri(contactUri), uri);
}

/** One phone twice: it was started again, or registered here before this node knew of the other that has its URI. */
function isOfOnePhone(old: Binding, fresh: Instance & Pick<Binding, 'requestUri'>): boolean {
  if (isRestartOf(old, fresh)) return true;
  return old.callId === fresh.callId && old.requestUri === fresh.requestUri && old.regId === fresh.regId;
}

/** The same phone, started again: its new registration takes the place of the old one, whatever contact that had. */
export function isRestartOf(old: Instance, fresh: Instance): boolean {
  if (old.instance === undefined || old.instance !== fresh.instance || old.callId === fresh.callId) return false;
  return old.regId === undefined && fresh.regId === undefined;
}

type Instance = Pick<Binding, 'instance' | 'regId' | 'callId'>;

/**
 * §10.3: within one Call-ID the sequence number has to rise. DEVIATION: only as long as it may be an earlier REGISTER that was overtaken. Devices that keep
 * their Call-ID begin at 1 when they are started again, or never count, and would be refused until their binding expires.
 */
function isOutOfOrder({ callId, cseq, refreshedAtWallMs }: Binding, ask: RegisterAsk, nowWallMs: number): boolean {
  return callId === ask.callId && ask.cseq <= cseq && nowWallMs - refreshedAtWallMs < LONGEST_UNDER_WAY_MS;
}

/** An equal one that has the same Contact last on, from where it is, undoes nothing. */
function isOvertaken(
  binding: Binding,
  { uriText, expiresSeconds }: AskedContact,
  ask: RegisterAsk,
  { from, nowWallMs }: Pick<UpdateLimits, 'from' | 'nowWallMs'>,
): boolean {
  const { contactUri, cseq, source } = binding;
  const isFromThere = source.address === from.remoteAddress && source.port === from.remotePort;
  if (isFromThere && ask.cseq === cseq && contactUri === uriText && expiresSeconds !== 0) return false;
  return isOutOfOrder(binding, ask, nowWallMs);
}

export function outOfOrder(): RegisterAnswer {
  return refuse(400, 'CSeq Out Of Order');
}
