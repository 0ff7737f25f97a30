export { addDescription, mediaTypeOf, partId, partsOf, partType, withParts } from './body-parts.ts';
export {
  type AnonymousField,
  anonymousBy,
  isAnonymousAddress,
  isUnknownNumber,
  isWithheldCaller,
  isWithheldFrom,
  type PartyPrivacy,
  type PartyRole,
  partyPrivacy,
  privacyValues,
  refusesPrivacy,
  withheldBy,
} from './caller-privacy.ts';
export { octetsFromText, quote, skipSpace, textFromOctets, trimEnd } from './characters.ts';
export { CONTENT_HEADERS, contentFields, contentKindOf, typeOfBody } from './content-headers.ts';
export { createResponse, hasToTag } from './create-response.ts';

export { type Accept, parseAccept } from './fields/accept.ts';
export { parseDeltaSeconds } from './fields/delta-seconds.ts';
export { parseRAck, parseRSeq } from './fields/rack.ts';
export { parseRetryAfter } from './fields/retry-after.ts';
export { parseSessionExpires, type SessionExpires } from './fields/session-expires.ts';
export { type FrameSink, StreamFramer } from './framer.ts';
export { HeaderId, headerIdOf } from './header-id.ts';
export { type HeaderList, Headers } from './headers.ts';
export { hostPort } from './host-port.ts';
export { addDraftFields, type DraftedDialog, type LegDraft } from './leg-draft.ts';
export { DEFAULT_LIMITS, type MessageLimits } from './limits.ts';
export { withCrlf } from './line-ends.ts';
export {
  addressValues,
  FIRST_HOPS,
  isEveryContact,
  parseNameAddrList,
  readableNameAddrs,
  type SipMessage,
  SipRequest,
  SipResponse,
  viaValues,
} from './message.ts';
export { METHODS, methodAt } from './method.ts';
export {
  formatNameAddr,
  inBrackets,
  type NameAddr,
  parseNameAddr,
  readableNameAddr,
  readTrailingParams,
  readUriText,
  readUserAndHost,
  withoutEmptyTag,
} from './name-addr.ts';
export { parseMessage } from './parse.ts';
export { namesPlace, plainUserAndHost, type UserAndHost } from './plain-uri.ts';
export { reasonPhrase } from './reason-phrase.ts';
export { sameUri } from './same-uri.ts';
export { serialize, UnsafeMessageError } from './serialize.ts';
export {
  descriptionIn,
  replaceDescription,
  sessionDescriptionOf,
  withDescription,
} from './session-description.ts';
export { subscriberNumber } from './subscriber-number.ts';
export { readTypedAddress } from './typed-address.ts';
export {
  escapeUser,
  formatHost,
  formatUri,
  isEmergencyService,
  isSipUri,
  parseUri,
  type SipUri,
  transportParameter,
  type Uri,
  unescapeUser,
} from './uri.ts';
export { refuseExtensions, validateRequest, validateResponse } from './validate.ts';
export { formatVia, parseVia, readBranch, splitVias, type Via } from './via.ts';
