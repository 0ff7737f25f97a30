/**
 * Header field names as small integers. The scanner names a field once; everything after compares integers.
 * Names are case-insensitive (RFC 3261 §7.3.1); compact forms (§7.3.3 and the RFCs of each field) mean the same id.
 */
export const HeaderId = {
  /** A field this list does not know; it is kept under its own name. */
  Other: 0,
  Via: 1,
  From: 2,
  To: 3,
  CallId: 4,
  CSeq: 5,
  Contact: 6,
  MaxForwards: 7,
  Route: 8,
  RecordRoute: 9,
  Path: 10,
  Expires: 11,
  MinExpires: 12,
  SessionExpires: 13,
  MinSE: 14,
  RSeq: 15,
  RAck: 16,
  Require: 17,
  Supported: 18,
  ProxyRequire: 19,
  Unsupported: 20,
  Allow: 21,
  Accept: 22,
  AcceptEncoding: 23,
  AcceptLanguage: 24,
  ContentType: 25,
  ContentLength: 26,
  ContentEncoding: 27,
  ContentDisposition: 28,
  ContentLanguage: 29,
  MimeVersion: 30,
  WwwAuthenticate: 31,
  ProxyAuthenticate: 32,
  Authorization: 33,
  ProxyAuthorization: 34,
  AuthenticationInfo: 35,
  PAssertedIdentity: 36,
  PPreferredIdentity: 37,
  PCalledPartyId: 38,
  RemotePartyId: 39,
  Privacy: 40,
  Diversion: 41,
  HistoryInfo: 42,
  ReferTo: 43,
  ReferredBy: 44,
  Replaces: 45,
  Reason: 46,
  RetryAfter: 47,
  Warning: 48,
  Date: 49,
  Identity: 50,
  Event: 51,
  SubscriptionState: 52,
  AllowEvents: 53,
  UserAgent: 54,
  Server: 55,
  Subject: 56,
  Organization: 57,
  CallInfo: 58,
  AlertInfo: 59,
  ErrorInfo: 60,
  ReplyTo: 61,
  InReplyTo: 62,
  Priority: 63,
  Timestamp: 64,
  ServiceRoute: 65,
  AcceptContact: 66,
  RejectContact: 67,
  RequestDisposition: 68,
  IdentityInfo: 69,
  Join: 70,
  TargetDialog: 71,
  ReferSub: 72,
  InfoPackage: 73,
  RecvInfo: 74,
  SipETag: 75,
  SipIfMatch: 76,
  FlowTimer: 77,
  Geolocation: 78,
  PAssociatedUri: 79,
  PChargingVector: 80,
  PAccessNetworkInfo: 81,
  PEarlyMedia: 82,
  AnswerMode: 83,
  MaxBreadth: 84,
  FeatureCaps: 85,
  SessionId: 86,
  UserToUser: 87,
  XOutboundCli: 88,
  XTrunkName: 89,
  XSessionId: 90,
  XCid: 91,
} as const;

/** One of {@link HeaderId}'s numbers. */
export type HeaderId = number;

/** The canonical long form of each id, at the id's index. */
const NAMES: readonly string[] = [
  '',
  'Via',
  'From',
  'To',
  'Call-ID',
  'CSeq',
  'Contact',
  'Max-Forwards',
  'Route',
  'Record-Route',
  'Path',
  'Expires',
  'Min-Expires',
  'Session-Expires',
  'Min-SE',
  'RSeq',
  'RAck',
  'Require',
  'Supported',
  'Proxy-Require',
  'Unsupported',
  'Allow',
  'Accept',
  'Accept-Encoding',
  'Accept-Language',
  'Content-Type',
  'Content-Length',
  'Content-Encoding',
  'Content-Disposition',
  'Content-Language',
  'MIME-Version',
  'WWW-Authenticate',
  'Proxy-Authenticate',
  'Authorization',
  'Proxy-Authorization',
  'Authentication-Info',
  'P-Asserted-Identity',
  'P-Preferred-Identity',
  'P-Called-Party-ID',
  'Remote-Party-ID',
  'Privacy',
  'Diversion',
  'History-Info',
  'Refer-To',
  'Referred-By',
  'Replaces',
  'Reason',
  'Retry-After',
  'Warning',
  'Date',
  'Identity',
  'Event',
  'Subscription-State',
  'Allow-Events',
  'User-Agent',
  'Server',
  'Subject',
  'Organization',
  'Call-Info',
  'Alert-Info',
  'Error-Info',
  'Reply-To',
  'In-Reply-To',
  'Priority',
  'Timestamp',
  'Service-Route',
  'Accept-Contact',
  'Reject-Contact',
  'Request-Disposition',
  'Identity-Info',
  'Join',
  'Target-Dialog',
  'Refer-Sub',
  'Info-Package',
  'Recv-Info',
  'SIP-ETag',
  'SIP-If-Match',
  'Flow-Timer',
  'Geolocation',
  'P-Associated-URI',
  'P-Charging-Vector',
  'P-Access-Network-Info',
  'P-Early-Media',
  'Answer-Mode',
  'Max-Breadth',
  'Feature-Caps',
  'Session-ID',
  'User-to-User',
  'X-Outbound-Cli',
  'X-Trunk-Name',
  'X-Session-Id',
  'X-CID',
];

const COMPACT_FORMS: Readonly<Record<string, HeaderId>> = {
  a: HeaderId.AcceptContact,
  b: HeaderId.ReferredBy,
  c: HeaderId.ContentType,
  d: HeaderId.RequestDisposition,
  e: HeaderId.ContentEncoding,
  f: HeaderId.From,
  i: HeaderId.CallId,
  j: HeaderId.RejectContact,
  k: HeaderId.Supported,
  l: HeaderId.ContentLength,
  m: HeaderId.Contact,
  n: HeaderId.IdentityInfo,
  o: HeaderId.Event,
  r: HeaderId.ReferTo,
  s: HeaderId.Subject,
  t: HeaderId.To,
  u: HeaderId.AllowEvents,
  v: HeaderId.Via,
  x: HeaderId.SessionExpires,
  y: HeaderId.Identity,
};

const SLOT_COUNT = 1024;
const SLOT_MASK = SLOT_COUNT - 1;
const LONGEST_NAME = NAMES.reduce((longest, name) => Math.max(longest, name.length), 0);

/** Open addressing over lower-case names; built once at load and never written again. */
const slotNames: string[] = new Array(SLOT_COUNT).fill('');
const slotIds: HeaderId[] = new Array(SLOT_COUNT).fill(HeaderId.Other);
for (let id = 1; id < NAMES.length; id++) insert((NAMES[id] as string).toLowerCase(), id);
for (const [letter, id] of Object.entries(COMPACT_FORMS)) insert(letter, id);

function insert(lowerName: string, id: HeaderId): void {
  let slot = hashOf(lowerName, 0, lowerName.length) & SLOT_MASK;
  while (slotIds[slot] !== HeaderId.Other) slot = (slot + 1) & SLOT_MASK;
  slotNames[slot] = lowerName;
  slotIds[slot] = id;
}

/** Length and three characters tell nearly all names apart; `equalsLower` settles the rest. */
function hashOf(text: string, start: number, end: number): number {
  const first = text.charCodeAt(start) | 0x20;
  const middle = text.charCodeAt((start + end) >> 1) | 0x20;
  const last = text.charCodeAt(end - 1) | 0x20;
  return (end - start) * 31 + first * 7 + middle * 131 + last * 37;
}

/** The id of the field name at `text[start, end)`. */
export function headerIdAt(text: string, start: number, end: number): HeaderId {
  if (end <= start || end - start > LONGEST_NAME) return HeaderId.Other;
  let slot = hashOf(text, start, end) & SLOT_MASK;
  for (;;) {
    const id = slotIds[slot] as number;
    if (id === HeaderId.Other || equalsLower(text, start, end, slotNames[slot] as string)) return id;
    slot = (slot + 1) & SLOT_MASK;
  }
}

/** Bit 0x20 makes letters lower-case and leaves `-` and digits; only CR becomes `-` by it, and a line with a stray CR has a defect. */
function equalsLower(text: string, start: number, end: number, lowerName: string): boolean {
  const length = lowerName.length;
  if (end - start !== length) return false;
  for (let index = 0; index < length; index++) {
    if ((text.charCodeAt(start + index) | 0x20) !== lowerName.charCodeAt(index)) return false;
  }
  return true;
}

/** The id of a field name in any case or in compact form; `HeaderId.Other` when it is not known. */
export function headerIdOf(name: string): HeaderId {
  return headerIdAt(name, 0, name.length);
}

/** The canonical long form; empty for `HeaderId.Other`. */
export function headerName(id: HeaderId): string {
  return NAMES[id] ?? '';
}

/** The long forms by id. */
export function headerNames(): readonly string[] {
  return NAMES;
}
