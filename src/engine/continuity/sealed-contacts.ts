/**
 * Contacts that carry their call: `<sip:102@203.0.113.1:5060;tdm=…>`. The parameter comes back in the Request-URI of the peer's requests
 * (RFC 3261 §12.2.1.1), and is sealed with a key that only nodes of this store have, for one dialog and no other.
 */
import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto';
import { Latest } from '../../base/latest.ts';
import { MessageAuthenticator } from '../../base/message-authenticator.ts';
import { PackingError } from '../../base/packed-octets.ts';
import type { Clock } from '../../base/scheduler.ts';
import {
  type CallStore,
  type CallToken,
  type ContactQuestion,
  type Contacts,
  markOf,
  readToken,
  type TokenParty,
  tokenParty,
  writeToken,
} from '../../call/index.ts';
import type { NodeSettings } from '../../settings/node-schema.ts';
import { octetsFromText, type SipRequest, textFromOctets } from '../../sip/message/index.ts';
import { CALL_PARAMETER } from '../own-contact.ts';
import type { Served } from '../served.ts';

/** Who seals: marks of the node, of this process among those that it has been and is, and of the workers beside it. */
export interface Self {
  readonly name: string;
  readonly node: number;
  readonly life: number;
  readonly siblings: readonly number[];
}

export interface SealedContactsOptions {
  /** What the nodes of the store share. */
  readonly secret: Uint8Array;
  readonly self: Pick<Self, 'node' | 'life'>;
  readonly clock: Clock;
  /** How far it is ahead of the store's, whose times tokens have: nodes need not agree about the time. */
  readonly clockOffsetMs: () => number;
  /** Without it none is opened either. */
  readonly isOn: boolean;
  /** Of every call of the node, ms. */
  readonly sessionLimitMs: number;
  /** Whether the Contacts of a trunk's legs carry their call; of phones they always do. */
  readonly isWanted: (trunkId: string) => boolean;
}

class ContactCounters {
  /** Made. */
  sealed = 0;
  /** Not made: longer than peers take. */
  tooLong = 0;
  /** Made and left out: the message would not go into a datagram. */
  tooLarge = 0;
  opened = 0;
  /** Not sealed with our key, or for another dialog. */
  forged = 0;
  /** Sealed with our key by a program that writes other things. */
  unread = 0;
  /** Calls that went on from one; that somebody else has; that are over; and whose tenant or trunk is gone, or whose party sends from elsewhere. */
  rebuilt = 0;
  elsewhere = 0;
  over = 0;
  refused = 0;
}

/**
 * Why the Contact of an INVITE carries no call though it was asked to: the parameter or the URI would be too long, the datagram too large, or
 * what there is to say of the call is not for other processes.
 */
export type LeftOut = 'too-long' | 'too-large' | 'not-for-others';

/** How the parameter of a URI begins that carries its call. */
export const CARRIES = `;${CALL_PARAMETER}=`;
/** Longest parameter, name included: most peers take a URI of 255 octets. */
export const MAX_PARAMETER = 200;
export const MAX_URI = 250;
const PARAMETER = new RegExp(`${CARRIES}([A-Za-z0-9_-]{60,196})(?![^;?])`);

const NONCE_OCTETS = 12;
/** NIST SP 800-38D allows 96 bits. */
const TAG_OCTETS = 12;
const HEAD_OCTETS = 1 + NONCE_OCTETS + TAG_OCTETS;
const ROOM = roomIn(MAX_PARAMETER);

/** In the first octet: the format, whether the peer's tag is bound, and the week. */
const FORMAT = 1 << 6;
const FORMAT_MASK = 3 << 6;
const BINDS_BOTH_TAGS = 1 << 5;
const WEEK_MASK = 31;
/** A key is used for so long, and its tokens are good while the next one is: calls are shorter (`timers.sessionLimitMs`). */
const WEEK_MS = 604_800_000;

const NONCES = 256;

/** INVITEs of which it is known why their Contact is a plain one. */
const MAX_LEFT_OUT = 1_000;

/** As many as other tokens of ours have. */
const DERIVED_DIGITS = 24;

export class SealedContacts implements Contacts {
  readonly counters = new ContactCounters();
  readonly #options: SealedContactsOptions;
  readonly #names: MessageAuthenticator;
  readonly #keys = new Map<number, KeyObject>();
  /** By Call-ID. */
  readonly #leftOut = new Latest<string, LeftOut>(MAX_LEFT_OUT);
  #nonces = Buffer.alloc(0);
  #nonceAt = 0;

  constructor(options: SealedContactsOptions) {
    this.#options = options;
    this.#names = new MessageAuthenticator(
      Buffer.from(hkdfSync('sha256', options.secret, '', 'tandem call names', 32)),
    );
  }

  get isOn(): boolean {
    return this.#options.isOn;
  }

  /** Whether the Contacts of legs to this trunk, or to a phone where there is none, carry their call. */
  isWanted(trunkId: string | undefined): boolean {
    return trunkId === undefined || this.#options.isWanted(trunkId);
  }

  /** The same for a call that is only thought through: nothing is counted here. */
  rehearsal(): SealedContacts {
    return new SealedContacts(this.#options);
  }

  /** Why an INVITE carries no call that was to carry it, as long as it is known. */
  leftOut(callId: string): LeftOut | undefined {
    return this.#leftOut.get(callId);
  }

  derived(text: string): string {
    return this.#names.hex(text).slice(0, DERIVED_DIGITS);
  }

  of(question: ContactQuestion): string {
    const { options, dialog } = question.near;
    const { contact, trunkId } = options;
    if (!this.isWanted(trunkId)) return contact;
    const token = this.#tokenOf(question);
    if (token === undefined) {
      this.#leftOut.set(dialog.callId, 'not-for-others');
      return contact;
    }
    const end = contact.indexOf('>', contact.lastIndexOf('<'));
    const room = end < 0 ? 0 : Math.min(ROOM, roomIn(MAX_URI - end));
    const octets = room <= 0 ? undefined : writeToken(token, dialog.localTag, this, room);
    const sealed = octets === undefined ? undefined : CARRIES + this.#seal(octets, question);
    if (sealed === undefined) {
      this.counters.tooLong++;
      this.#leftOut.set(dialog.callId, 'too-long');
      return contact;
    }
    this.counters.sealed++;
    return contact.slice(0, end) + sealed + contact.slice(end);
  }

  noteTooLarge(callId: string): void {
    this.counters.tooLarge++;
    this.#leftOut.set(callId, 'too-large');
  }

  /** What the request's URI says of a call; undefined when it says nothing, or not of the dialog that the request is in. */
  open(request: SipRequest): CallToken | undefined {
    const text = this.#options.isOn ? PARAMETER.exec(request.requestUri)?.[1] : undefined;
    if (text === undefined) return undefined;
    const sealed = Buffer.from(text, 'base64url');
    const head = sealed[0] ?? 0;
    const key = this.#keyOf(head & WEEK_MASK);
    if ((head & FORMAT_MASK) !== FORMAT || key === undefined || sealed.length <= HEAD_OCTETS) return this.#forged();
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(1, 1 + NONCE_OCTETS), {
      authTagLength: TAG_OCTETS,
    });
    const [callId, ours, theirs] = [request.callId(), request.toTag() ?? '', request.fromTag() ?? ''];
    decipher.setAAD(bound(head, callId, ours, theirs));
    decipher.setAuthTag(sealed.subarray(1 + NONCE_OCTETS, HEAD_OCTETS));
    try {
      const octets = Buffer.concat([decipher.update(sealed.subarray(HEAD_OCTETS)), decipher.final()]);
      const token = readToken(octets, ours, this);
      this.counters.opened++;
      return {
        ...token,
        ...timesBy(token, this.#options.clockOffsetMs()),
        caller: textFromOctets(token.caller),
        called: textFromOctets(token.called),
      };
    } catch (error) {
      // A token of another program that has the key and writes other things.
      if (!(error instanceof PackingError)) return this.#forged();
      this.counters.unread++;
      return undefined;
    }
  }

  #forged(): undefined {
    this.counters.forged++;
    return undefined;
  }

  #tokenOf({ record, near, far, sessionLimitMs }: ContactQuestion): CallToken | undefined {
    const { facts } = record;
    const [nearParty, farParty] = [tokenParty(near), tokenParty(far)];
    if (nearParty === undefined || farParty?.target === undefined || facts.tenant === undefined) return undefined;
    if (facts.peerNode !== undefined || !isOfTenant(near, facts.tenant) || !isOfTenant(far, facts.tenant))
      return undefined;
    const { dialog, options } = far;
    const { self, clockOffsetMs } = this.#options;
    return {
      id: record.id,
      isCaller: near.dialog.role === 'uas',
      direction: facts.direction,
      node: self.node,
      life: self.life,
      tenant: markOf(facts.tenant),
      ...timesBy(record, -clockOffsetMs()),
      sessionLimitMs:
        sessionLimitMs !== undefined && sessionLimitMs < this.#options.sessionLimitMs ? sessionLimitMs : undefined,
      caller: octetsFromText(facts.caller),
      called: octetsFromText(facts.called),
      near: nearParty satisfies TokenParty,
      far: {
        ...farParty,
        target: farParty.target,
        callId: dialog.callId,
        localTag: dialog.localTag,
        remoteTag: dialog.remoteTag,
        localUri: uriOf(dialog.localAddress),
        remoteUri: uriOf(dialog.remoteAddress),
        contactUser: USER.exec(options.contact)?.[1] ?? '',
      },
    };
  }

  #seal(octets: Buffer, { near }: ContactQuestion): string {
    const { callId, localTag, remoteTag, role } = near.dialog;
    const week = Math.floor(this.#options.clock.wallMs() / WEEK_MS);
    // The called party's tag is not known when it is called.
    const bindsBoth = role === 'uas' || remoteTag !== '';
    const head = FORMAT | (bindsBoth ? BINDS_BOTH_TAGS : 0) | (week & WEEK_MASK);
    const nonce = this.#nonce();
    const cipher = createCipheriv('aes-256-gcm', this.#keyOfWeek(week), nonce, { authTagLength: TAG_OCTETS });
    cipher.setAAD(bound(head, callId, localTag, remoteTag));
    const body = cipher.update(octets);
    cipher.final();
    const sealed = Buffer.allocUnsafe(HEAD_OCTETS + body.length);
    sealed[0] = head;
    nonce.copy(sealed, 1);
    cipher.getAuthTag().copy(sealed, 1 + NONCE_OCTETS);
    body.copy(sealed, HEAD_OCTETS);
    return sealed.toString('base64url');
  }

  #nonce(): Buffer {
    if (this.#nonceAt === this.#nonces.length) {
      this.#nonces = randomBytes(NONCE_OCTETS * NONCES);
      this.#nonceAt = 0;
    }
    this.#nonceAt += NONCE_OCTETS;
    return this.#nonces.subarray(this.#nonceAt - NONCE_OCTETS, this.#nonceAt);
  }

  /** Of this week, the one before, or the next one, where a clock is ahead. */
  #keyOf(mark: number): KeyObject | undefined {
    const week = Math.floor(this.#options.clock.wallMs() / WEEK_MS);
    for (const each of [week, week - 1, week + 1]) if ((each & WEEK_MASK) === mark) return this.#keyOfWeek(each);
    return undefined;
  }

  #keyOfWeek(week: number): KeyObject {
    const known = this.#keys.get(week);
    if (known !== undefined) return known;
    const now = Math.floor(this.#options.clock.wallMs() / WEEK_MS);
    for (const each of this.#keys.keys()) if (Math.abs(each - now) > 1) this.#keys.delete(each);
    const key = createSecretKey(
      Buffer.from(hkdfSync('sha256', this.#options.secret, '', `tandem call token ${week}`, 32)),
    );
    this.#keys.set(week, key);
    return key;
  }
}

/** As much of a mark as tokens have of a node's. */
export function shortMark(mark: number): number {
  return mark & 0xffff;
}

/** Names a process among all that have worked on the store. */
export function processOf({ node, life }: Pick<Self, 'node' | 'life'>): string {
  return `${shortMark(node).toString(16)}-${life.toString(16)}`;
}

/** What the Contacts of a node's calls are sealed with. */
export function sealedContacts(
  self: Self,
  secret: Uint8Array,
  settings: Pick<NodeSettings, 'timers' | 'continuity'>,
  clock: Clock,
  served: Pick<Served, 'directory'>,
  store: Pick<CallStore, 'clockOffsetMs'> | undefined,
): SealedContacts {
  return new SealedContacts({
    ...{ secret, self, clock },
    clockOffsetMs: () => store?.clockOffsetMs?.() ?? 0,
    sessionLimitMs: settings.timers.sessionLimitMs,
    isOn: settings.continuity.contactToken,
    isWanted: (trunkId) => served.directory.trunk(trunkId)?.options.contactToken === true,
  });
}

/** @param node its name; of a worker with its number */
export function selfOf(node: string, workers: number | undefined): Self {
  const names = Array.from({ length: workers ?? 0 }, (_, index) => node.replace(/-w[0-9]+$/, `-w${index + 1}`));
  const siblings = names.filter((name) => name !== node).map(markOf);
  return { name: node, node: markOf(node), life: randomBytes(2).readUInt16BE(), siblings };
}

/** User part of a Contact of ours. */
const USER = /<sips?:([^@>;]*)@/;

/** What the seal holds for besides what it hides: the dialog. */
function bound(head: number, callId: string, ours: string, theirs: string): Buffer {
  const tags = (head & BINDS_BOTH_TAGS) === 0 ? ours : `${ours}\n${theirs}`;
  return Buffer.from(`${String.fromCharCode(head)}${callId}\n${tags}`, 'latin1');
}

/** Octets of a token in a parameter of so many characters. */
function roomIn(length: number): number {
  return Math.floor(((length - CARRIES.length) * 3) / 4) - HEAD_OCTETS;
}

/** By a clock that is so far ahead. */
function timesBy({ startedAtMs, answeredAtMs }: Pick<CallToken, 'startedAtMs' | 'answeredAtMs'>, aheadMs: number) {
  return {
    startedAtMs: startedAtMs + aheadMs,
    answeredAtMs: answeredAtMs === undefined ? undefined : answeredAtMs + aheadMs,
  };
}

/** A phone of another tenant has no room in a token. */
function isOfTenant({ options }: ContactQuestion['near'], tenant: string): boolean {
  const { owner, trunkId } = options;
  return trunkId !== undefined || owner?.tenant === tenant;
}

function uriOf(address: string): string {
  const open = address.lastIndexOf('<');
  return open < 0 ? (address.split(';', 1)[0] ?? '') : address.slice(open + 1, address.indexOf('>', open));
}
