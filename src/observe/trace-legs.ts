/**
 * Whose a message is where several calls have legs of one Call-ID: a proxy leaves it as it is when a call comes back to this engine, for
 * another tenant perhaps, and whoever calls may write that of somebody else's call, and its tag. What tells them apart is what no peer
 * chooses: the engine's own tags, and where an INVITE came from.
 */
import { PeerError } from '../base/errors.ts';
import type { NamedLeg } from '../call/index.ts';
import { HeaderId, parseMessage, readBranch, type SipMessage, SipRequest } from '../sip/message/index.ts';

/** An INVITE that came, by its top Via (RFC 3261 §17.2.3) and where from: what is sent within its transaction has no tag of ours yet. */
export interface BegunBy {
  readonly branch: string;
  readonly address: string;
}

/** What is known of a leg whose messages are asked for. */
export interface TracedLeg {
  /** What its peer is called. */
  readonly label: string | undefined;
  /** The engine's tags in its dialogs; undefined: that of the INVITE which the engine sent, under a Call-ID that it drew. */
  readonly tags: readonly string[] | undefined;
  /** Of a leg that begins a call. */
  readonly begunBy: BegunBy | undefined;
}

/** The messages of one Call-ID, as they were recorded. */
export interface KeptMessage {
  readonly text: string;
  readonly isSent: boolean;
  /** The other side's. */
  readonly address: string;
}

/** Octets that are read at most to find those of a call, in equal parts for its legs; a message counts as its octets and these. */
const MOST_OCTETS = 2 * 1024 * 1024;
const OCTETS_OF_A_MESSAGE = 1024;

/** Of two things that are known of a leg, both. */
export function joined(one: TracedLeg | undefined, { label, tags, begunBy }: TracedLeg): TracedLeg {
  if (one === undefined) return { label, tags, begunBy };
  return { label: label ?? one.label, tags: tagsOfBoth(one.tags, tags), begunBy: begunBy ?? one.begunBy };
}

/** The same list where the second has no others. */
function tagsOfBoth(one: TracedLeg['tags'], other: TracedLeg['tags']): TracedLeg['tags'] {
  if (one === undefined) return other;
  for (const tag of other ?? []) if (!one.includes(tag)) return [...new Set([...one, ...(other ?? [])])];
  return one;
}

/** Whether the second says nothing that is not known of the leg. */
export function isKnown(one: TracedLeg, { label, tags, begunBy }: TracedLeg): boolean {
  return (label ?? one.label) === one.label && begunBy === undefined && tagsOfBoth(one.tags, tags) === one.tags;
}

export function tracedLeg({ label, tags }: NamedLeg, begunBy?: BegunBy): TracedLeg {
  return { label, tags, begunBy };
}

/**
 * The messages of a call, leg by leg: of each the first half and the latest, so that the INVITE of a long call is shown, at most `limit`.
 * Where many of others have the same Call-IDs, those at the beginning and at the end are read: reading has an end, whatever is kept.
 *
 * @param legs by Call-ID
 * @param all what is kept of a Call-ID, in its order
 */
export function messagesOfCall<T>(
  legs: ReadonlyMap<string, TracedLeg>,
  limit: number,
  all: (sipCallId: string) => readonly T[],
  read: (message: T) => KeptMessage,
): T[] {
  let octetsLeft = MOST_OCTETS;
  let legsLeft = legs.size;
  return [...legs].flatMap(([sipCallId, leg]) => {
    const { messages, octets } = endsOf(all(sipCallId), octetsLeft / legsLeft--, read);
    octetsLeft -= octets;
    const found = ofLeg(messages, leg);
    if (found.length > limit) found.splice(limit >> 1, found.length - limit);
    return found.map(({ message }) => message);
  });
}

/** The first and the last of them, for as many octets. */
function endsOf<T>(
  all: readonly T[],
  mostOctets: number,
  read: (message: T) => KeptMessage,
): { readonly messages: readonly ReadMessage<T>[]; readonly octets: number } {
  let octets = 0;
  const readOne = (message: T) => {
    const kept = read(message);
    octets += kept.text.length + OCTETS_OF_A_MESSAGE;
    return { message, ...sideOf(kept) };
  };
  const first: ReadMessage<T>[] = [];
  const last: ReadMessage<T>[] = [];
  while (first.length < all.length && octets < mostOctets / 2) first.push(readOne(all[first.length] as T));
  while (first.length + last.length < all.length && octets < mostOctets)
    last.push(readOne(all[all.length - 1 - last.length] as T));
  return { messages: [...first, ...last.reverse()], octets };
}

function ofLeg<T>(messages: readonly ReadMessage<T>[], { tags: known, begunBy }: TracedLeg): ReadMessage<T>[] {
  const tags = new Set(known ?? tagOfSent(messages));
  // Without a tag or branch nothing is told.
  tags.delete('');
  const begins = (each: MessageSide) =>
    isServed(each) && each.servedBranch === begunBy?.branch && each.address === begunBy?.address;
  const transactions = transactionsOf(messages, tags, begins);
  return messages.filter((each) => tags.has(each.ours) || begins(each) || transactions.has(transactionOf(each)));
}

/** The tag of the first INVITE that the engine sent to begin a dialog; none when that is not kept. */
function tagOfSent(messages: readonly MessageSide[]): string[] {
  const invite = messages.find((each) => each.isInvite && each.servedBranch === undefined && each.theirs === '');
  return invite === undefined ? [] : [invite.ours];
}

/**
 * Those in which the engine is asked: what is sent in them has no tag of ours until it is answered with one. Before the INVITE that begins
 * the leg are those of its sender that were sent back for credentials: a request that is challenged begins no call.
 */
function transactionsOf(
  messages: readonly MessageSide[],
  tags: ReadonlySet<string>,
  begins: (message: MessageSide) => boolean,
): Set<string> {
  const answered = messages.filter((each) => each.isAnswer && isServed(each) && tags.has(each.ours));
  const transactions = new Set(answered.map(transactionOf));
  const invites = messages.filter((each) => each.isInvite && each.ours === '' && isServed(each));
  const begun = invites.filter((each) => begins(each) || transactions.has(transactionOf(each)));
  const senders = new Set(begun.map(senderOf));
  for (const each of messages)
    if (each.isChallenge && isServed(each) && senders.has(senderOf(each))) transactions.add(transactionOf(each));
  return transactions;
}

function isServed({ servedBranch = '' }: MessageSide): boolean {
  return servedBranch !== '';
}

/** Branches alone may be alike: some write the same in all that they send. */
function transactionOf(message: MessageSide): string {
  return `${message.servedBranch} ${senderOf(message)}`;
}

function senderOf({ theirs, address }: MessageSide): string {
  return `${theirs} ${address}`;
}

/** What a message says of the dialog and the transaction that it is in, empty where it says nothing. */
interface MessageSide {
  readonly ours: string;
  readonly theirs: string;
  /** The other side's. */
  readonly address: string;
  /** Branch of the request where the engine is asked; undefined where it asks. */
  readonly servedBranch: string | undefined;
  readonly isInvite: boolean;
  readonly isAnswer: boolean;
  readonly isChallenge: boolean;
}

type ReadMessage<T> = MessageSide & { readonly message: T };

/** As the engine itself reads it, field by field: one that cannot be read says nothing, and the others count. */
function sideOf({ text, isSent, address }: KeptMessage): MessageSide {
  const message = readMessage(text);
  const isRequest = message instanceof SipRequest;
  const [from, to] = [readable(() => message.fromTag()), readable(() => message.toTag())];
  const asks = isSent === isRequest;
  const [ours, theirs] = asks ? [from, to] : [to, from];
  const status = isRequest ? 0 : message.status;
  return {
    ...{ ours, theirs, address },
    servedBranch: asks ? undefined : readable(() => message.read(HeaderId.Via, readBranch)),
    isInvite: isRequest && message.method === 'INVITE',
    isAnswer: !isRequest,
    isChallenge: !asks && (status === 401 || status === 407),
  };
}

/** What is no message by its first line has fields all the same, for whoever looks why it was dropped. */
function readMessage(text: string): SipMessage {
  try {
    return parseMessage(text);
  } catch (error) {
    if (!(error instanceof PeerError)) throw error;
    const start = text.trimStart();
    const end = start.indexOf('\r\n');
    const line = start.startsWith('SIP/') ? 'SIP/2.0 500 ' : 'UNKNOWN sip: SIP/2.0';
    return parseMessage(`${line}${end < 0 ? '\r\n' : start.slice(end)}`);
  }
}

function readable(read: () => string | undefined): string {
  try {
    return read() ?? '';
  } catch (error) {
    if (error instanceof PeerError) return '';
    throw error;
  }
}
