/**
 * Whose a message is where several calls have legs of one Call-ID: a proxy leaves it as it is when a call comes back to this engine, for
 * another tenant perhaps, and whoever calls may write that of somebody else's call, and its tag. What tells them apart is what no peer
 * chooses: the engine's own tags, and where an INVITE came from.
 */
import { PeerError } from '../base/errors.ts';
import type { NamedLeg } from '../call/index.ts';
import { parseMessage, SipResponse } from '../sip/message/index.ts';

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

/** Octets and messages that are read at most to find those of a leg; a message counts as its octets and these. */
const MOST_OCTETS = 1024 * 1024;
const OCTETS_OF_A_MESSAGE = 1024;
const CHALLENGE = /^SIP\/2\.0 40[17] /;

/** Of two things that are known of a leg, both. */
export function joined(one: TracedLeg | undefined, { label, tags, begunBy }: TracedLeg): TracedLeg {
  if (one === undefined) return { label, tags, begunBy };
  const all = one.tags === undefined ? tags : [...one.tags, ...(tags ?? [])];
  return { label: label ?? one.label, tags: all, begunBy: begunBy ?? one.begunBy };
}

export function tracedLeg({ label, tags }: NamedLeg, begunBy?: BegunBy): TracedLeg {
  return { label, tags, begunBy };
}

/**
 * Of all messages of one Call-ID, in their order, those of a leg: the first half and the latest, so that the INVITE of a long call is
 * shown, at most `limit`. So many messages of others may stand between them that some are not found: reading them has an end.
 */
export function messagesOfLeg<T>(
  all: readonly T[],
  leg: TracedLeg,
  limit: number,
  read: (message: T) => KeptMessage,
): T[] {
  const tags = new Set(leg.tags ?? tagOfSent(all, read));
  const branches = leg.begunBy === undefined ? new Set<string>() : branchesOf(all, leg.begunBy, read);
  const isOfLeg = (message: KeptMessage) => {
    const side = sideOf(message);
    if (side === undefined) return false;
    // Without a tag or branch nothing is told.
    if (side.ours !== '' && tags.has(side.ours)) return true;
    return side.servedBranch !== '' && branches.has(side.servedBranch) && message.address === leg.begunBy?.address;
  };
  const first: T[] = [];
  let next = 0;
  const half = limit >> 1;
  for (let left = MOST_OCTETS; next < all.length && first.length < half && left > 0; next++) {
    const message = read(all[next] as T);
    left -= message.text.length + OCTETS_OF_A_MESSAGE;
    if (isOfLeg(message)) first.push(all[next] as T);
  }
  const latest: T[] = [];
  for (let at = all.length - 1, left = MOST_OCTETS; at >= next && latest.length < limit - half && left > 0; at--) {
    const message = read(all[at] as T);
    left -= message.text.length + OCTETS_OF_A_MESSAGE;
    if (isOfLeg(message)) latest.push(all[at] as T);
  }
  return [...first, ...latest.reverse()];
}

/** The tag of the first INVITE that the engine sent to begin a dialog; none when that is not kept. */
function tagOfSent<T>(all: readonly T[], read: (message: T) => KeptMessage): string[] {
  let left = MOST_OCTETS;
  for (const each of all) {
    const message = read(each);
    const side = message.isSent && message.text.startsWith('INVITE ') ? sideOf(message) : undefined;
    if (side !== undefined && side.theirs === '' && side.ours !== '') return [side.ours];
    left -= message.text.length + OCTETS_OF_A_MESSAGE;
    if (left < 0) break;
  }
  return [];
}

/** The INVITE, and those that came from there and were sent back for credentials: a request that is challenged begins no call. */
function branchesOf<T>(
  all: readonly T[],
  { branch, address }: BegunBy,
  read: (message: T) => KeptMessage,
): Set<string> {
  const branches = new Set([branch]);
  let left = MOST_OCTETS;
  for (const each of all) {
    const message = read(each);
    if (message.isSent && message.address === address && CHALLENGE.test(message.text)) {
      const challenged = sideOf(message)?.servedBranch ?? '';
      if (challenged !== '') branches.add(challenged);
    }
    left -= message.text.length + OCTETS_OF_A_MESSAGE;
    if (left < 0) break;
  }
  return branches;
}

/** What a message says of the dialog and the transaction that it is in, empty where it says nothing. */
interface MessageSide {
  readonly ours: string;
  readonly theirs: string;
  /** Branch of the request where the engine is asked; empty where it asks. */
  readonly servedBranch: string;
}

/** As the engine itself reads it; undefined for what cannot be read. */
function sideOf({ text, isSent }: KeptMessage): MessageSide | undefined {
  try {
    const message = parseMessage(text);
    const isRequest = message.kind === 'request';
    const [from, to] = [message.fromTag() ?? '', message.toTag() ?? ''];
    const [ours, theirs] = isSent === isRequest ? [from, to] : [to, from];
    if (isSent === isRequest) return { ours, theirs, servedBranch: '' };
    return {
      ours,
      theirs,
      servedBranch: message instanceof SipResponse ? message.topBranch() : message.topVia().branch,
    };
  } catch (error) {
    if (error instanceof PeerError) return undefined;
    throw error;
  }
}
