import { retryAfterSeconds } from '../sip/dialog/index.ts';
import { createResponse, HeaderId, type SipRequest } from '../sip/message/index.ts';
import { AwaitedAck } from './awaited-ack.ts';
import {
  addCapabilities,
  allowOf,
  allows,
  CALL_METHODS,
  refuseEvent,
  refuseUnsupported,
  SUPPORTED,
} from './capabilities.ts';
import { learnIdentity, tellParty } from './connected-identity.ts';
import { contactOf } from './contact.ts';
import type { Leg } from './leg.ts';
import type { ServerTransaction } from './ports.ts';
import { startReferral } from './refer.ts';
import { hasSessionDescription } from './relayed-headers.ts';
import { relayInvite } from './relayed-invite.ts';
import { relayRequest } from './relayed-request.ts';
import { SessionKeeper } from './session-keeper.ts';

/** Methods that SIP knows and a call has no use for within its dialogs. */
const KNOWN_METHODS: ReadonlySet<string> = new Set(['REGISTER', 'PUBLISH', 'SUBSCRIBE']);

/**
 * What becomes of a request within a dialog: BYE and REFER end here, OPTIONS is answered here, PRACK belongs to the provisional
 * response it acknowledges, everything else is the other party's and is relayed. Of a call between two nodes the half that reaches the
 * registered party relays its REFER too.
 */
export function dispatchInDialog(leg: Leg, transaction: ServerTransaction, request: SipRequest): void {
  const { method } = request;
  if (method === 'BYE') {
    receiveBye(leg, transaction, request);
    return;
  }
  // RFC 3261 §15.1.2: after BYE nothing but BYE is served.
  if (leg.state === 'leaving' || leg.state === 'gone') {
    transaction.reply(481);
    return;
  }
  if (refuseUnsupported(transaction, request)) return;
  const described = hasSessionDescription(request);
  const collision = leg.offers.judge(method, described);
  if (collision !== undefined) {
    const { status, retryAfterSeconds: seconds } = collision;
    transaction.reply(status, undefined, seconds === undefined ? [] : [[HeaderId.RetryAfter, String(seconds)]]);
    return;
  }
  leg.offers.request('remote', method, described);
  switch (method) {
    case 'INVITE':
      receiveInvite(leg, transaction, request);
      return;
    case 'UPDATE':
      receiveUpdate(leg, transaction, request);
      return;
    case 'PRACK':
      // RFC 3262 §3: a PRACK that matches no unacknowledged response is answered with 481.
      if (!leg.receivePrack(transaction, request)) transaction.reply(481);
      return;
    case 'INFO':
    case 'MESSAGE':
      relayRequest(leg, transaction, request);
      return;
    case 'NOTIFY':
      receiveNotify(leg, transaction, request);
      return;
    case 'OPTIONS':
      transaction.reply(200, undefined, [
        [HeaderId.Allow, allowOf(leg.peer, leg.options)],
        [HeaderId.Supported, SUPPORTED],
        [HeaderId.Accept, 'application/sdp'],
      ]);
      return;
    case 'REFER':
      receiveRefer(leg, transaction, request);
      return;
    default:
      refuseMethod(transaction, method);
      return;
  }
}

function receiveBye(leg: Leg, transaction: ServerTransaction, request: SipRequest): void {
  const { state, call } = leg;
  if (state === 'early' && !leg.isCallerSide) {
    // §15: the callee's UA MUST NOT send a BYE on an early dialog. Nothing ends by it, so it is not told that something did.
    transaction.reply(481);
    return;
  }
  transaction.reply(200);
  if (state === 'early') {
    // §15: a caller may end its early dialog with BYE; the INVITE still gets its final response.
    call.callerGaveUp(request);
    return;
  }
  // The call must not count as ended before it knows why.
  call.retain();
  leg.leave(request);
  if (state === 'confirmed') call.legLeft(leg, request);
  call.release();
}

function receiveInvite(leg: Leg, transaction: ServerTransaction, request: SipRequest): void {
  const { peer } = leg;
  if (leg.state !== 'confirmed') {
    leg.reply(transaction, 500, [[HeaderId.RetryAfter, String(retryAfterSeconds())]]);
    return;
  }
  if (peer === undefined) {
    leg.reply(transaction, 488);
    return;
  }
  if (refusesInterval(leg, transaction, request)) return;
  afterAck(leg, peer, transaction, request, () => {
    // What is under way with the other party would collide with our INVITE (§14.1); for this party it is the same glare.
    if (!peer.mayStart('INVITE', hasSessionDescription(request))) {
      leg.reply(transaction, 491);
      return;
    }
    // The 2xx of an earlier INVITE has evidently arrived, though its ACK has not.
    leg.invites.stopAccepted();
    relayInvite(leg, peer, transaction, request);
  });
}

function receiveUpdate(leg: Leg, transaction: ServerTransaction, request: SipRequest): void {
  if (refusesInterval(leg, transaction, request)) return;
  if (!hasSessionDescription(request)) {
    answerRefresh(leg, transaction, request);
    return;
  }
  const { peer } = leg;
  if (peer === undefined) {
    leg.reply(transaction, 480);
    return;
  }
  afterAck(leg, peer, transaction, request, () => offerByUpdate(leg, peer, transaction, request));
}

/**
 * RFC 4028 §9: who asks for a session timer is granted one, or 422 where the interval is too small. True when it is refused. Before the
 * call is answered there is none to grant: the 2xx of the INVITE does (§7.2).
 */
function refusesInterval(leg: Leg, transaction: ServerTransaction, request: SipRequest): boolean {
  if (leg.state !== 'confirmed') return false;
  if (leg.session === undefined) SessionKeeper.forIncoming(leg.env, leg.options.sessionTimer, request)?.attach(leg);
  const tooSmall = leg.session?.refusal(request);
  if (tooSmall !== undefined) leg.reply(transaction, tooSmall.status, tooSmall.headers);
  return tooSmall !== undefined;
}

/** RFC 3311 §4: UPDATE goes to whoever allows it. To others the offer goes in a re-INVITE, which every user agent has. */
function offerByUpdate(leg: Leg, peer: Leg, transaction: ServerTransaction, request: SipRequest): void {
  const isEarly = peer.state === 'early';
  const canUpdate = peer.standIn === undefined ? allows(peer.methods, 'UPDATE') : false;
  if (isEarly && canUpdate === false) {
    // There is no re-INVITE in an early dialog. RFC 3311 §5.2: the session stays as it was.
    leg.reply(transaction, 488);
    return;
  }
  const byUpdate = canUpdate === true || isEarly;
  if (!peer.mayStart(byUpdate ? 'UPDATE' : 'INVITE', true)) {
    leg.reply(transaction, 491);
    return;
  }
  if (byUpdate) relayRequest(leg, transaction, request);
  else relayInvite(leg, peer, transaction, request);
}

/**
 * Goes on at once, or when the ACK of `peer` has come. That one is on its way while this dialog has no INVITE pending any more
 * (RFC 3261 §14.2), so nothing is refused for it.
 */
function afterAck(leg: Leg, peer: Leg, transaction: ServerTransaction, request: SipRequest, go: () => void): void {
  // An early caller's leg opposite to an answered one: its 2xx waits for PRACKs (RFC 3262 §3).
  const owesAck =
    peer.invites.accepted !== undefined || (leg.state === 'confirmed' && peer.state === 'early' && peer.isCallerSide);
  if (!owesAck) go();
  else if (peer.invites.awaited !== undefined) leg.reply(transaction, 491);
  else new AwaitedAck(leg, peer, transaction, request.method, go).start();
}

/**
 * An UPDATE without an offer refreshes the session timer of this leg (RFC 4028 §7.4) and its remote target: no news for the other party,
 * unless it says that somebody else is there now.
 */
function answerRefresh(leg: Leg, transaction: ServerTransaction, request: SipRequest): void {
  if (learnIdentity(leg, request) && leg.peer !== undefined) tellParty(leg.peer, leg);
  leg.dialog.refreshTarget(request);
  const response = createResponse(request, 200);
  // Contact says what is granted here.
  leg.session?.grant(response, request);
  addCapabilities(response, leg.options, leg.peer, contactOf(leg));
  leg.respond(transaction, response);
}

/** What a party may move, and whereto, the node knows that has the call: it takes the place of the half that reaches the party. */
function receiveRefer(leg: Leg, transaction: ServerTransaction, request: SipRequest): void {
  if (isOfHalf(leg) && leg.state === 'confirmed') relayRequest(leg, transaction, request);
  else startReferral(leg, transaction, request);
}

/** Of a call that another node has, and that reaches a party through this one. */
function isOfHalf({ call }: Leg): boolean {
  return call.record.facts.peerNode !== undefined;
}

function receiveNotify(leg: Leg, transaction: ServerTransaction, request: SipRequest): void {
  // REFER is relayed to another node alone, so nobody here has subscribed to anybody else's progress (RFC 6665 §4.1.3).
  const event = (request.headers.value(HeaderId.Event) ?? '').split(';')[0]?.trim().toLowerCase();
  const isOfOtherNode = isOfHalf(leg) && leg.options.isBetweenNodes === true;
  if (event === 'refer' && !isOfOtherNode) {
    transaction.reply(481);
    return;
  }
  if (event === undefined || event === '') {
    refuseEvent(transaction);
    return;
  }
  relayRequest(leg, transaction, request);
}

function refuseMethod(transaction: ServerTransaction, method: string): void {
  // RFC 6665 §4.4.1: SUBSCRIBE within a call's dialog finds no event package served here.
  if (method === 'SUBSCRIBE') {
    refuseEvent(transaction);
    return;
  }
  transaction.reply(KNOWN_METHODS.has(method) ? 405 : 501, undefined, [[HeaderId.Allow, CALL_METHODS]]);
}
