/**
 * Who is at the other end, as a tenant's phones are told it: in the answers to their INVITE, and in a re-INVITE or UPDATE when somebody
 * else has taken that place (RFC 3325 §5, RFC 5876; P-Asserted-Identity where RFC 4916 would change From, which few phones follow). A
 * trunk is told nothing of the tenant's parties.
 */
import {
  HeaderId,
  isAnonymousAddress,
  type NameAddr,
  partyPrivacy,
  readableNameAddrs,
  type SipMessage,
  withheldBy,
} from '../sip/message/index.ts';
import type { Leg } from './leg.ts';
import { LegRequest } from './leg-request.ts';
import type { ShownParty } from './ports.ts';

const ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>';

/** Learns from a message of the leg's party who it is. True when that has changed. */
export function learnIdentity(leg: Leg, message: SipMessage): boolean {
  const { headers } = message;
  const hasAsserted = headers.has(HeaderId.PAssertedIdentity);
  const hasRemoteParty = headers.has(HeaderId.RemotePartyId);
  if (!hasAsserted && !hasRemoteParty && !headers.has(HeaderId.Privacy)) return false;
  const sender = senderOf(leg, message);
  const { identity, identityWithheld } = leg;
  const privacy = partyPrivacy(headers, sender);
  const asserts = leg.options.assertsIdentity === true;
  if (withheldBy(privacy) !== undefined) leg.identityWithheld = true;
  else if (asserts) learnFirst(leg, assertedAddresses(message, sender), privacy.remoteParty === 'name');
  return leg.identity !== identity || leg.identityWithheld !== identityWithheld;
}

/**
 * RFC 3325 §9.1: a party may have two identities, and some are none that a phone could show (a mailto or urn, a URI without user part,
 * another tenant's number): those are no news.
 */
function learnFirst(leg: Leg, addresses: readonly NameAddr[], withoutName: boolean): void {
  for (const address of addresses) {
    if (isAnonymousAddress(address)) {
      leg.identityWithheld = true;
      return;
    }
    const shown = leg.env.peers.asserted?.(leg, withoutName ? { ...address, displayName: undefined } : address);
    if (shown === undefined) continue;
    leg.identity = shown;
    leg.identityWithheld = leg.options.anonymous === true;
    leg.identityAsserted = true;
    return;
  }
}

/** In an answer to a phone's INVITE: only what the called side itself says, or what is known of the tenant's own party. */
export function showAnswering(response: SipMessage, party: Leg | undefined, to: Leg): void {
  if (party === undefined || party.identityWithheld || to.options.showsIdentity !== true) return;
  if (party.identity !== undefined && party.identityAsserted)
    response.headers.set(HeaderId.PAssertedIdentity, party.identity);
}

/** In a request or answer to a phone whose other party is, or has become, this one. */
export function showParty(message: SipMessage, party: ShownParty | undefined, to: Leg): void {
  if (party === undefined || to.options.showsIdentity !== true) return;
  if (party.identityWithheld) {
    message.headers.set(HeaderId.PAssertedIdentity, ANONYMOUS);
    message.headers.set(HeaderId.Privacy, 'id');
  } else if (party.identity !== undefined) {
    message.headers.set(HeaderId.PAssertedIdentity, party.identity);
  }
}

/** Tells a phone by UPDATE (RFC 3311, without an offer) who its other party is; one that does not allow UPDATE goes on as it is. */
export function tellParty(to: Leg, party: Leg | undefined): void {
  if (party === undefined || to.options.showsIdentity !== true || !to.allowsUpdate) return;
  if (!to.mayStart('UPDATE', false)) return;
  const update = to.createRequest('UPDATE');
  showParty(update, party, to);
  new LegRequest(to, update, { onLegResponse: () => {}, onLegSilence: () => {} }).send();
}

/**
 * The party that Remote-Party-ID of this leg speaks of. By the draft (§5.2) it is the calling one in requests, the called one in responses;
 * Asterisk names it by who called, in re-INVITEs and their answers too.
 */
function senderOf(leg: Leg, message: SipMessage): 'calling' | 'called' {
  const ofMessage = message.kind === 'response' ? 'called' : 'calling';
  const ofDialog = leg.isCallerSide ? 'calling' : 'called';
  if (ofMessage === ofDialog || !message.headers.has(HeaderId.RemotePartyId)) return ofMessage;
  const parties = readableNameAddrs(message.headers, HeaderId.RemotePartyId);
  const isNamed = parties.some(({ params }) => params.get('party')?.toLowerCase() === ofDialog);
  return isNamed ? ofDialog : ofMessage;
}

/** In the order in which they count. What cannot be read says nothing. */
function assertedAddresses({ headers }: SipMessage, sender: 'calling' | 'called'): NameAddr[] {
  const remoteParties = readableNameAddrs(headers, HeaderId.RemotePartyId).filter(
    ({ params }) => (params.get('party')?.toLowerCase() ?? sender) === sender,
  );
  return [...readableNameAddrs(headers, HeaderId.PAssertedIdentity), ...remoteParties];
}
