import type { Clock } from '../base/scheduler.ts';
import { ownCopy } from '../base/text.ts';
import type { StoredBinding, StoredRemoval } from './ports.ts';
import { LONGEST_UNDER_WAY_MS, type RegisterAsk } from './register-request.ts';

const MAX_PER_AOR = 32;
const MAX_AORS = 100_000;
/** Looked at with each removal that is noted; more than one, so that what has ended goes faster than it comes. */
const PRUNED_AT_ONCE = 4;

export type ContactIdentity = Pick<StoredRemoval, 'contactUri' | 'instance' | 'regId'>;

type RegisterIdentity = Pick<StoredRemoval, 'callId' | 'cseq'>;

const NO_REGISTER: RegisterIdentity = { callId: '', cseq: 0 };
const NOT_KNOWN_HERE = { node: '', refreshedAtWallMs: 0 };

/** What tells a registration from others, and from what came after it. */
export type RegistrationIdentity = ContactIdentity &
  Pick<StoredBinding, 'aor' | 'callId' | 'cseq' | 'node' | 'refreshedAtWallMs'>;

/**
 * What was taken away, for the nodes that still have it: without it a node that knows a contact could not tell a list that lacks it
 * because it was removed from one whose writer never heard of it.
 *
 * A removal names the registration that it ends by Call-ID and CSeq, or by the node that took it and that node's own time. Of what came so
 * long after it that no REGISTER is overtaken the CSeq tells nothing: by the time of the store, which the nodes have in common.
 */
export class Removals {
  readonly #clock: Clock;
  readonly #longestMs: number;
  /** By AOR, the one noted longest ago first. */
  readonly #byAor = new Map<string, readonly StoredRemoval[]>();

  /** @param longestMs what is registered now has expired by then */
  constructor(clock: Clock, longestMs: number) {
    this.#clock = clock;
    this.#longestMs = longestMs;
  }

  /** Those of an AOR that still count. */
  of(aor: string): readonly StoredRemoval[] {
    const nowMs = this.#clock.wallMs();
    return this.#byAor.get(aor)?.filter(({ untilWallMs }) => untilWallMs > nowMs) ?? [];
  }

  /** Adds those that are not known yet. */
  add(aor: string, removals: readonly StoredRemoval[]): void {
    if (removals.length === 0) return;
    const known = this.of(aor);
    const fresh = removals.filter((removal) => !known.some((other) => isSame(other, removal)));
    if (fresh.length === 0) return;
    this.#byAor.delete(aor);
    this.#byAor.set(aor, [...known, ...fresh].slice(-MAX_PER_AOR));
    this.#prune();
  }

  /** A registration has been taken away, by a REGISTER or by none. */
  note(binding: RegistrationIdentity, by: RegisterIdentity = NO_REGISTER): void {
    const { aor, contactUri, instance, regId, node, refreshedAtWallMs } = binding;
    this.#add(aor, { contactUri, instance, regId }, by, { node, refreshedAtWallMs });
  }

  /** What a REGISTER took away, known here or not: another node may have it still, or have it only now. */
  noteAsked(aor: string, ask: RegisterAsk, removed: readonly { readonly binding: RegistrationIdentity }[]): void {
    for (const { binding } of removed) this.note(binding, ask);
    if (ask.kind === 'clear') this.#add(aor, { contactUri: ALL_CONTACTS, instance: undefined, regId: undefined }, ask);
    for (const { uriText, instance: asked, regId, expiresSeconds } of ask.contacts) {
      if (expiresSeconds !== 0) continue;
      const instance = asked === undefined ? undefined : ownCopy(asked);
      const contact = { contactUri: ownCopy(uriText), instance, regId };
      if (!removed.some(({ binding }) => isSameContact(binding, contact))) this.#add(aor, contact, ask);
    }
  }

  #add(
    aor: string,
    contact: ContactIdentity,
    { callId, cseq }: RegisterIdentity,
    at: Pick<StoredRemoval, 'node' | 'refreshedAtWallMs'> = NOT_KNOWN_HERE,
  ): void {
    const atWallMs = this.#clock.wallMs();
    this.add(aor, [
      { ...contact, callId: ownCopy(callId), cseq, ...at, untilWallMs: atWallMs + this.#longestMs, atWallMs },
    ]);
  }

  /** Whether this registration, as it is, has been taken away. */
  covers(binding: RegistrationIdentity): boolean {
    return this.#ofContact(binding).some((removal) => isOvertaken(binding, removal) || isOfTime(binding, removal));
  }

  /** Whether it is of an earlier REGISTER than one that took its contact away (RFC 3261 §10.3). */
  overtook(binding: RegistrationIdentity): boolean {
    return this.#ofContact(binding).some((removal) => isOvertaken(binding, removal));
  }

  #ofContact(binding: RegistrationIdentity): readonly StoredRemoval[] {
    if (!this.#byAor.has(binding.aor)) return [];
    return this.of(binding.aor).filter(
      (removal) =>
        removal.contactUri === ALL_CONTACTS || isSameContact(binding, removal) || isSameContact(removal, binding),
    );
  }

  #prune(): void {
    const nowMs = this.#clock.wallMs();
    let looked = 0;
    for (const [aor, removals] of this.#byAor) {
      const isOver = removals.every(({ untilWallMs }) => untilWallMs <= nowMs);
      if (isOver || this.#byAor.size > MAX_AORS) this.#byAor.delete(aor);
      if (++looked >= PRUNED_AT_ONCE) return;
    }
  }
}

/** A contact that is named as `*` is every contact (RFC 3261 §10.2.2). */
export const ALL_CONTACTS = '*';

export function isSameContact(a: ContactIdentity, b: ContactIdentity): boolean {
  return a.regId === undefined
    ? a.contactUri === b.contactUri
    : a.regId === b.regId && a.instance === b.instance && b.regId !== undefined;
}

/** True when `other` is a later registration of what `binding` registers. */
export function supersedes(other: RegistrationIdentity, binding: RegistrationIdentity): boolean {
  return isSameContact(binding, other) && other.refreshedAtWallMs >= binding.refreshedAtWallMs;
}

/** Within one Call-ID the sequence number tells which came later, but to whoever was started again since. */
function isOvertaken({ callId, cseq, refreshedAtWallMs }: RegistrationIdentity, removal: StoredRemoval): boolean {
  const { atWallMs = Number.POSITIVE_INFINITY } = removal;
  if (callId === '' || callId !== removal.callId || refreshedAtWallMs >= atWallMs + LONGEST_UNDER_WAY_MS) return false;
  return cseq <= removal.cseq;
}

function isOfTime(binding: RegistrationIdentity, removal: StoredRemoval): boolean {
  return removal.node === binding.node && binding.refreshedAtWallMs <= removal.refreshedAtWallMs;
}

function isSame(a: StoredRemoval, b: StoredRemoval): boolean {
  return (
    isSameContact(a, b) &&
    a.callId === b.callId &&
    a.cseq === b.cseq &&
    a.node === b.node &&
    a.refreshedAtWallMs === b.refreshedAtWallMs
  );
}
