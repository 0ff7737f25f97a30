export { octetsFromText, quote, splitList, textFromOctets, unquote } from './characters.ts';
export { createResponse, type ResponseOptions } from './create-response.ts';
export { type CSeq, formatCSeq, parseCSeq } from './cseq.ts';
export { type FrameSink, StreamFramer } from './framer.ts';
export { HeaderId, headerIdOf, headerName } from './header-id.ts';
export { Headers } from './headers.ts';
export { DEFAULT_LIMITS, type MessageLimits } from './limits.ts';
export {
  type Defect,
  isWildcardContact,
  parseNameAddrList,
  type SipMessage,
  SipRequest,
  SipResponse,
} from './message.ts';
export { formatNameAddr, makeNameAddr, type NameAddr, parseNameAddr } from './name-addr.ts';
export { Params } from './params.ts';
export { parseMessage } from './parse.ts';
export { reasonPhrase } from './reason-phrase.ts';
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
export { isKnownMethod, type Refusal, refuseExtensions, validateRequest, validateResponse } from './validate.ts';
export { formatVia, makeVia, parseVia, type Via } from './via.ts';
