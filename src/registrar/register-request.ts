import { hash } from 'node:crypto';
import { added } from '../base/added.ts';
import { PeerError } from '../base/errors.ts';
import {
  addressValues,
  HeaderId,
  type HeaderList,
  inBrackets,
  isEveryContact,
  isSipUri,
  parseNameAddr,
  readTrailingParams,
  readUriText,
  type SipRequest,
  type SipUri,
  viaValues,
} from '../sip/message/index.ts';

/** A contact that a REGISTER asks for. */
export interface AskedContact {
  readonly uri: SipUri;
  readonly uriText: string;
  /** Parameters but `expires`, as they came. */
  readonly params: string;
  readonly qThousandths: number;
  /** As asked; undefined: the registrar's default. */
  readonly expiresSeconds: number | undefined;
  readonly instance: string | undefined;
  /** Set when the contact is to be bound to its flow; already checked against RFC 5626 §6. */
  readonly regId: number | undefined;
}

/** A REGISTER, read and checked for form. */
export interface RegisterAsk {
  /** `query`: no Contact, the bindings are asked for; `clear`: `Contact: *`. */
  readonly kind: 'query' | 'clear' | 'update';
  readonly contacts: readonly AskedContact[];
  readonly callId: string;
  readonly cseq: number;
  readonly path: readonly string[];
  /** The first Path URI. */
  readonly pathUri: SipUri | undefined;
  readonly claimsSymmetry: boolean;
  readonly userAgent: string;
}

/** The answer to a REGISTER. */
export interface RegisterAnswer {
  readonly status: number;
  readonly reason: string;
  readonly headers: HeaderList;
}

/** 64*T1: so long a REGISTER is sent again (RFC 3261 §17.1.2.2), and none is on its way any longer. */
export const LONGEST_UNDER_WAY_MS = 32_000;

/** Extensions a REGISTER may require (RFC 3261 §8.2.2.3). */
const EXTENSIONS = new Set(['path', 'outbound']);

const NO_PATH: readonly string[] = [];
const MAX_CONTACTS = 32;
const MAX_PATH_VALUES = 10;
const MAX_VALUE_LENGTH = 1024;
const MAX_CALL_ID_LENGTH = 256;
const MAX_INSTANCE_LENGTH = 256;
const MAX_USER_AGENT_LENGTH = 128;

/** RFC 3261 §10.3 step 2: the refusal owed to extensions we do not know. */
export function checkRequired({ headers }: SipRequest): RegisterAnswer | undefined {
  if (!headers.has(HeaderId.Require)) return undefined;
  const unknown = headers
    .listValues(HeaderId.Require)
    .filter((tag) => tag !== '' && !EXTENSIONS.has(tag.toLowerCase()));
  if (unknown.length === 0) return undefined;
  return refuse(420, 'Bad Extension', [[HeaderId.Unsupported, unknown.join(', ')]]);
}

/** Reads a REGISTER. Throws PeerError only where a mandatory field is missing, which the endpoint has checked before. */
export function readRegister(request: SipRequest): RegisterAsk | RegisterAnswer {
  try {
    return read(request);
  } catch (error) {
    if (error instanceof PeerError) return refuse(error.status, 'Bad Request');
    throw error;
  }
}

export function isRefusal(value: object): value is RegisterAnswer {
  return 'status' in value;
}

export function refuse(status: number, reason: string, headers: HeaderList = []): RegisterAnswer {
  return { status, reason, headers };
}

function read(request: SipRequest): RegisterAsk | RegisterAnswer {
  const { headers } = request;
  const values = addressValues(headers, HeaderId.Contact);
  if (values.length > MAX_CONTACTS) return refuse(403, 'Too Many Contacts');
  const path = headers.has(HeaderId.Path) ? headers.listValues(HeaderId.Path) : NO_PATH;
  if (path.length > MAX_PATH_VALUES || path.some((value) => value.length > MAX_VALUE_LENGTH))
    return refuse(400, 'Path Too Long');
  const pathUri = path[0] === undefined ? undefined : parseNameAddr(inBrackets(path[0])).uri;
  if (pathUri !== undefined && !isSipUri(pathUri)) return refuse(400, 'Bad Path');
  if (values.length === 0) return askOf(request, 'query', [], path, pathUri);
  const expires = readDelta(headers.value(HeaderId.Expires));
  const every = values.find(isEveryContact);
  if (every !== undefined) {
    // §10.3 step 6: `*` stands alone and with an expiration of zero.
    const params = readTrailingParams(every);
    const until = params?.has('expires') ? readDelta(params.get('expires')) : expires;
    return values.length === 1 && until === 0
      ? askOf(request, 'clear', [], path, pathUri)
      : refuse(400, 'Contact * Needs Expires 0 And No Other Contact');
  }
  const flows = flowSupport(request, pathUri);
  let contacts: readonly AskedContact[] = [];
  let unreadable: PeerError | undefined;
  for (const value of values) {
    try {
      const contact = readContact(value, expires, flows);
      if (contact === undefined) continue;
      if (isRefusal(contact)) return contact;
      contacts = added(contacts, contact);
    } catch (error) {
      // DEVIATION from RFC 3261 §10.3: beside one that can be read it costs nothing; the answer lists what is bound.
      if (!(error instanceof PeerError)) throw error;
      unreadable ??= error;
    }
  }
  if (contacts.length === 0) {
    if (unreadable !== undefined) throw unreadable;
    return refuse(400, 'Contact Is No SIP URI');
  }
  // RFC 5626 §6: a contact with reg-id registers alone.
  if (contacts.length > 1) {
    const lasting = contacts.filter(({ expiresSeconds }) => expiresSeconds !== 0);
    if (lasting.length > 1 && lasting.some(({ regId }) => regId !== undefined))
      return refuse(400, 'One Contact Per Flow');
  }
  return askOf(request, 'update', contacts, path, pathUri);
}

function askOf(
  request: SipRequest,
  kind: RegisterAsk['kind'],
  contacts: readonly AskedContact[],
  path: readonly string[],
  pathUri: SipUri | undefined,
): RegisterAsk {
  return {
    kind,
    contacts,
    callId: keptCallId(request.callId()),
    cseq: request.cseq().sequence,
    path,
    pathUri,
    claimsSymmetry: request.topVia().rport,
    userAgent: (request.headers.value(HeaderId.UserAgent) ?? '').slice(0, MAX_USER_AGENT_LENGTH),
  };
}

/** It is only compared with others, so of one that is too long to be kept its hash does. */
function keptCallId(callId: string): string {
  return callId.length > MAX_CALL_ID_LENGTH ? hash('sha256', callId) : callId;
}

type FlowSupport = 'none' | 'first-hop-lacks' | 'full';

/** RFC 5626 §6: outbound needs the client's support, and a first hop that keeps the flow: us, or one that says so in Path. */
function flowSupport(request: SipRequest, pathUri: SipUri | undefined): FlowSupport {
  const isSupported = supports(request, 'outbound');
  if (!isSupported) return 'none';
  const isFirstHop = viaValues(request.headers).length === 1;
  return isFirstHop || pathUri?.params.has('ob') === true ? 'full' : 'first-hop-lacks';
}

/** True when Supported or Require names an option tag. */
export function supports(request: SipRequest, tag: string): boolean {
  return request.headers.lists(HeaderId.Supported, tag) || request.headers.lists(HeaderId.Require, tag);
}

/** Undefined for a contact of another scheme, which is for people (RFC 3261 §10.2.1): no call goes there, and the answer does not list it. */
function readContact(
  value: string,
  expires: number | undefined,
  flows: FlowSupport,
): AskedContact | RegisterAnswer | undefined {
  if (value.length > MAX_VALUE_LENGTH) return refuse(400, 'Contact Too Long');
  const { uri, params } = parseNameAddr(value);
  if (!isSipUri(uri)) return undefined;
  // A preference that cannot be read is none; the phone is reached all the same.
  const qThousandths = readQ(params.get('q')) ?? 1000;
  const instance = params.get('+sip.instance');
  if (instance !== undefined && instance.length > MAX_INSTANCE_LENGTH) return refuse(400, 'Instance Too Long');
  let regId = readRegId(params.get('reg-id'));
  // RFC 5626 §6: reg-id without instance, or from a client without the extension, is ignored.
  if (instance === undefined || flows === 'none') regId = undefined;
  if (regId !== undefined && flows === 'first-hop-lacks') return refuse(439, 'First Hop Lacks Outbound Support');
  // §10.3 step 7: the parameter, else the header field.
  const expiresSeconds = params.has('expires') ? readDelta(params.get('expires')) : expires;
  const others = params.has('expires') ? params.clone() : params;
  others.delete('expires');
  const uriText = readUriText(value, 0, value.length);
  return { uri, uriText, params: others.toString(), qThousandths, expiresSeconds, instance, regId };
}

/** Seconds; undefined when absent or malformed (RFC 3261 §20.10: then the default). More than 2**32 - 1 counts as that. */
function readDelta(text: string | undefined): number | undefined {
  if (text === undefined || text === '' || text.length > 64) return undefined;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x30 || code > 0x39) return undefined;
  }
  return Math.min(Number(text), 2 ** 32 - 1);
}

/** qvalue (RFC 3261 §25.1) in thousandths; 1 when absent; undefined when it is none. */
function readQ(text: string | undefined): number | undefined {
  if (text === undefined) return 1000;
  const [whole = '', fraction = '', ...rest] = text.split('.', 3);
  const digits = readDelta(`${whole}${fraction.padEnd(3, '0')}`);
  if (rest.length > 0 || whole.length !== 1 || fraction.length > 3 || digits === undefined) return undefined;
  return digits <= 1000 ? digits : undefined;
}

/** RFC 5626 §4.2: 1 to 2**31 - 1. */
function readRegId(text: string | undefined): number | undefined {
  const value = readDelta(text);
  return value === undefined || value < 1 || value >= 2 ** 31 ? undefined : value;
}
