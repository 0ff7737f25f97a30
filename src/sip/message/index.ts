export {
  isAnonymousAddress,
  isWithheldCaller,
  type Party,
  type PartyPrivacy,
  partyPrivacy,
  withheldBy,
} from './caller-privacy.ts';
export { octetsFromText, quote, splitList, textFromOctets, unquote } from './characters.ts';
export { CONTENT_HEADERS, contentFields } from './content-headers.ts';
export { createResponse, type ResponseOptions } from './create-response.ts';
export { type CSeq, formatCSeq, parseCSeq } from './cseq.ts';
export { formatDate, parseDate } from './fields/date.ts';
export { formatDeltaSeconds, parseDeltaSeconds } from './fields/delta-seconds.ts';
export { type AuthValue, formatAuth, parseAuth, parseAuthenticationInfo } from './fields/digest.ts';
export { type Diversion, formatDiversion, parseDiversion } from './fields/diversion.ts';
export {
  type Event,
  formatEvent,
  formatSubscriptionState,
  parseEvent,
  parseSubscriptionState,
  type SubscriptionState,
} from './fields/event.ts';
export { formatHistoryInfo, type HistoryInfo, parseHistoryInfo } from './fields/history-info.ts';
export { formatIdentity, type Identity, parseIdentity } from './fields/identity.ts';
export {
  accepts,
  formatAccept,
  formatMediaType,
  type MediaType,
  makeMediaType,
  parseAccept,
  parseMediaType,
} from './fields/media-type.ts';
export { formatPrivacy, parsePrivacy } from './fields/privacy.ts';
export { formatRAck, formatRSeq, parseRAck, parseRSeq, type RAck } from './fields/rack.ts';
export { formatReason, makeReason, parseReason, parseReasons, type Reason } from './fields/reason.ts';
export { formatRemotePartyId, parseRemotePartyId, type RemotePartyId } from './fields/remote-party-id.ts';
export { formatReplaces, parseReplaces, type Replaces } from './fields/replaces.ts';
export { formatRetryAfter, makeRetryAfter, parseRetryAfter, type RetryAfter } from './fields/retry-after.ts';
export { formatSessionExpires, parseSessionExpires, type SessionExpires } from './fields/session-expires.ts';
export { formatTokenList, parseTokenList } from './fields/token-list.ts';
export { formatTokenParams, parseTokenParams, type TokenParams } from './fields/token-params.ts';
export { formatWarning, parseWarning, type Warning } from './fields/warning.ts';
export { type FrameSink, StreamFramer } from './framer.ts';
export { HeaderId, headerIdOf, headerName } from './header-id.ts';
export { Headers } from './headers.ts';
export { DEFAULT_LIMITS, type MessageLimits } from './limits.ts';
export {
  addressValues,
  type Defect,
  isWildcardContact,
  parseNameAddrList,
  readableNameAddrs,
  type SipMessage,
  SipRequest,
  SipResponse,
} from './message.ts';
export { METHODS } from './method.ts';
export { type BodyPart, type BodyRange, findBody, parseMultipart, replaceSdp, sdpOf } from './multipart.ts';
export {
  formatNameAddr,
  makeNameAddr,
  type NameAddr,
  parseNameAddr,
  readTrailingParams,
  withoutEmptyTag,
} from './name-addr.ts';
export { Params } from './params.ts';
export { parseMessage } from './parse.ts';
export { reasonPhrase } from './reason-phrase.ts';
export { refuseContent } from './refuse-content.ts';
export { sameUri } from './same-uri.ts';
export { serialize, UnsafeMessageError } from './serialize.ts';
export {
  escapeUser,
  formatHost,
  formatUri,
  isSipUri,
  type OtherUri,
  parseUri,
  type SipUri,
  type TelUri,
  type Uri,
  unescapeUser,
} from './uri.ts';
export { type Refusal, refuseExtensions, validateRequest, validateResponse } from './validate.ts';
export { formatVia, makeVia, parseVia, type Via } from './via.ts';
