/** Legs of an explained call, and the INVITE that it began with: as messages show them. */
import { PeerError } from '../../base/errors.ts';
import { octetsOf, type TraceMessage } from '../../observe/index.ts';
import type { ExplainedLeg, LeavingInvite, SeenAs } from '../../outbound/index.ts';
import { describeDestination } from '../../sip/endpoint/index.ts';
import {
  HeaderId,
  isSipUri,
  parseMessage,
  reasonPhrase,
  type SipMessage,
  type SipRequest,
  textFromOctets,
  type Uri,
  unescapeUser,
} from '../../sip/message/index.ts';
import type { RehearsedCall } from './call-rehearsal.ts';
import type { ImaginedAnswer } from './imagined-answer.ts';

/** UDP sends a request again until it is answered (RFC 3261 §17.1.1.2). */
export function isFirstSending({ text }: TraceMessage, index: number, all: readonly TraceMessage[]): boolean {
  return all.findIndex((other) => other.text === text) === index;
}

export function explainedLeg({ branch, octets, flow, answer, media }: RehearsedCall['invites'][number]): ExplainedLeg {
  const shown = withoutSecrets(octets);
  return {
    to: branch.label,
    target: describeDestination(flow),
    invite: textFromOctets(shown),
    inviteBase64: Buffer.from(shown, 'latin1').toString('base64'),
    answer: answerText(answer, branch.trunkId !== undefined),
    ...(media !== undefined && { media }),
  };
}

function answerText(answer: ImaginedAnswer, isTrunk: boolean): string {
  if (answer.kind === 'silence') return isTrunk ? 'nothing' : '180 Ringing';
  const { status, contact } = answer;
  return [`${status} ${reasonPhrase(status)}`.trimEnd(), ...(contact === undefined ? [] : [contact])].join(' ');
}

/**
 * What is drawn at random is the same in every explanation, and the proof of a password, with which it could be sent, and the call that a
 * Contact carries are kept back.
 */
function withoutSecrets(octets: string): string {
  const invite = parseMessage(octets) as SipRequest;
  const named = octets
    .replaceAll(invite.topVia().branch, 'z9hG4bK-explained')
    .replaceAll(invite.callId(), 'explained')
    .replaceAll(invite.fromTag() ?? invite.callId(), 'explained');
  const zeros = (_: string, before: string, secret: string) => before + '0'.repeat(secret.length);
  return named
    .replaceAll(/^((?:Proxy-)?Authorization: [^\r]*\bresponse=")([0-9a-f]+)/gm, zeros)
    .replace(/^(Contact: [^\r]*;tdm=)([A-Za-z0-9_-]+)/m, zeros);
}

/** Who an INVITE is from: whose credentials it carries, else the user of From. */
export function callerIn(invite: SipRequest): string {
  for (const id of [HeaderId.ProxyAuthorization, HeaderId.Authorization]) {
    const username = /\busername="([^"]*)"/i.exec(invite.headers.value(id) ?? '')?.[1];
    if (username !== undefined) return username;
  }
  return userOf(invite.from().uri);
}

export function userOf(uri: Uri): string {
  return isSipUri(uri) ? unescapeUser(uri.user ?? '') : '';
}

/** Undefined for what cannot be read. */
export function parsedOf(message: TraceMessage): SipMessage | undefined {
  try {
    const sip = parseMessage(octetsOf(message).toString('latin1'));
    if (sip.kind === 'request') {
      sip.uri();
      sip.from();
    }
    return sip;
  } catch (error) {
    if (error instanceof PeerError) return undefined;
    throw error;
  }
}

export function isOfInvite(message: SipMessage): boolean {
  return message.headers.value(HeaderId.CSeq)?.includes('INVITE') === true;
}

export function sentLeg(message: TraceMessage, label: string | undefined): ExplainedLeg {
  const { leg, transport, remote, text, at } = message;
  return {
    to: leg ?? label ?? '',
    target: `${transport}:${remote}`,
    invite: text,
    inviteBase64: octetsOf(message).toString('base64'),
    at,
  };
}

export function leaving(leg: ExplainedLeg, seenAs: SeenAs | undefined, more: LeavingInvite['more']): LeavingInvite {
  return { octets: octetsOfLeg(leg), target: leg.target, seenAs, more };
}

export function octetsOfLeg({ inviteBase64 }: ExplainedLeg): string {
  return Buffer.from(inviteBase64, 'base64').toString('latin1');
}

export function requestUriOf(leg: ExplainedLeg): string {
  return (parseMessage(octetsOfLeg(leg)) as SipRequest).requestUri;
}
