import { ownCopy } from '../base/text.ts';
import {
  HeaderId,
  type HeaderList,
  type Headers,
  refuseExtensions,
  type SipMessage,
  type SipRequest,
} from '../sip/message/index.ts';
import type { LegOptions } from './plan.ts';
import type { ServerTransaction } from './ports.ts';
import { dropToken } from './relayed-headers.ts';

/** Methods served within a dialog. */
export const CALL_METHODS = 'INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY, MESSAGE';
/** Methods served at all. */
export const SERVED_METHODS = `${CALL_METHODS}, REGISTER`;
/** The same as whoever asks for another one outside of dialogs is told (RFC 3261 §8.2.1). */
export const SERVED: HeaderList = [[HeaderId.Allow, SERVED_METHODS]];

const CALL_METHODS_FIRST = `${CALL_METHODS}, `;

/** Methods that somebody else than this engine has to be able to do, as bits of {@link methodsOf}. */
const RELAYED_METHODS = { UPDATE: 1, INFO: 2, MESSAGE: 4, NOTIFY: 8 } as const;
export type RelayedMethod = keyof typeof RELAYED_METHODS;
/** The same by bit. */
const RELAYED = Object.keys(RELAYED_METHODS);
const EVERY_METHOD = 15;

/** Which of the methods that are relayed a peer's Allow lists (RFC 3261 §20.5). */
export function methodsOf(headers: Headers): number {
  if (headers.countOf(HeaderId.Allow) !== 1) return headers.listed(HeaderId.Allow, RELAYED);
  const known = headers.read(HeaderId.Allow, knownMethods);
  if (known !== undefined) return known;
  const list = headers.value(HeaderId.Allow) ?? '';
  const methods = headers.listed(HeaderId.Allow, RELAYED);
  if (list.length <= USUAL_LIST) LATEST_LISTS[list.length % LATEST_LISTS.length] = { list: ownCopy(list), methods };
  return methods;
}

/** What one of the latest lists says that `text[start, end)` is like; undefined: it is none of them. */
function knownMethods(text: string, start: number, end: number): number | undefined {
  const { list, methods } = LATEST_LISTS[(end - start) % LATEST_LISTS.length] as AllowList;
  return list.length === end - start && text.startsWith(list, start) ? methods : undefined;
}

interface AllowList {
  readonly list: string;
  readonly methods: number;
}
/** The latest by their lengths: who sends one sends the same with each message. */
const LATEST_LISTS: AllowList[] = Array.from({ length: 32 }, () => ({ list: '', methods: 0 }));
const USUAL_LIST = 200;

/** Whether a peer can do a method; undefined when it has not said what it can do. */
export function allows(methods: number | undefined, method: RelayedMethod): boolean | undefined {
  return methods === undefined ? undefined : (methods & RELAYED_METHODS[method]) !== 0;
}

/** What a peer can do after it has refused a method; of others than those that are relayed nothing is known. */
export function withoutMethod(methods: number | undefined, method: string): number | undefined {
  return isRelayed(method) ? (methods ?? EVERY_METHOD) & ~RELAYED_METHODS[method] : methods;
}

function isRelayed(method: string): method is RelayedMethod {
  return Object.hasOwn(RELAYED_METHODS, method);
}

/** Allow for each set of methods that the other party can do. */
const ALLOW_BY_METHODS: readonly string[] = Array.from({ length: EVERY_METHOD + 1 }, (_, methods) =>
  CALL_METHODS.split(', ')
    .filter((method) => !isRelayed(method) || (methods & RELAYED_METHODS[method]) !== 0)
    .join(', '),
);

/** What a leg needs to know of the other party to promise no more than that one can do. */
interface OtherParty {
  readonly state: string;
  readonly methods: number | undefined;
}

/**
 * Allow for a leg whose other party is `peer`: what goes through to it is promised only if it can do it. UPDATE is this engine's own
 * once the call is answered, since an offer in one becomes a re-INVITE where need be; while the peer rings there is no such way.
 */
export function allowOf(peer: OtherParty | undefined, options?: Pick<LegOptions, 'promisesNotify'>): string {
  const methods = promised(peer?.methods, options);
  if (peer === undefined || methods === undefined) return CALL_METHODS;
  return ALLOW_BY_METHODS[peer.state === 'early' ? methods : methods | RELAYED_METHODS.UPDATE] as string;
}

/** What a leg's peer is promised of what goes through to the other party. */
export function promised(
  methods: number | undefined,
  options: Pick<LegOptions, 'promisesNotify'> | undefined,
): number | undefined {
  return methods !== undefined && options?.promisesNotify === true ? methods | RELAYED_METHODS.NOTIFY : methods;
}

/**
 * Takes out of a drafted INVITE's Allow what its caller cannot do; `methods` is what that one says, undefined when it says nothing. UPDATE
 * too: until the call is answered nothing can take its place.
 */
export function promiseOnly(headers: Headers, methods: number | undefined): void {
  if (methods === undefined || methods === EVERY_METHOD || !headers.has(HeaderId.Allow)) return;
  // Nearly every draft has this engine's own list, with what is served outside of dialogs behind it.
  const allow = headers.value(HeaderId.Allow) ?? '';
  if (allow.startsWith(CALL_METHODS_FIRST)) {
    headers.set(HeaderId.Allow, ALLOW_BY_METHODS[methods] + allow.slice(CALL_METHODS.length));
    return;
  }
  const promised = headers
    .listValues(HeaderId.Allow)
    .filter((method) => !isRelayed(method) || (methods & RELAYED_METHODS[method]) !== 0);
  headers.set(HeaderId.Allow, promised.join(', '));
}

/**
 * RFC 3265 §7.2 table 1, RFC 3903 §6: a 489 names the packages that there are (RFC 6665 §4.4.4): subscriptions to `refer` begin with a
 * REFER within a call.
 */
export function refuseEvent(transaction: ServerTransaction): void {
  transaction.reply(489, undefined, [[HeaderId.AllowEvents, 'refer']]);
}

/** Option tags of what calls can do whatever is set, besides `timer`, which a trunk may have switched off. */
export const CALL_TAGS: readonly string[] = ['100rel', 'replaces', 'norefersub'];
/** Option tags of all that calls can do. */
export const SERVED_TAGS: readonly string[] = ['timer', ...CALL_TAGS];

export const SUPPORTED = '100rel, timer, replaces, norefersub';

const UNDERSTOOD: ReadonlySet<string> = new Set(SERVED_TAGS);

/** Within a re-INVITE no reliable provisional responses are asked for: there is no early dialog that needs them. */
const SUPPORTED_WITHIN = 'timer, replaces, norefersub';

/** Says on a message that makes or refreshes a dialog what can be done in it, with `peer` at its other end, and where this engine is. */
export function addCapabilities(
  message: SipMessage,
  options: LegOptions,
  peer?: OtherParty,
  contact = options.contact,
  supported = SUPPORTED,
): void {
  const { headers } = message;
  if (!headers.has(HeaderId.Contact)) headers.add(HeaderId.Contact, contact);
  if (!headers.has(HeaderId.Allow)) headers.add(HeaderId.Allow, allowOf(peer, options));
  if (headers.has(HeaderId.Supported)) return;
  headers.add(HeaderId.Supported, supported);
  for (const tag of options.refusedExtensions ?? []) dropToken(headers, HeaderId.Supported, tag);
}

/** The same within a session, where INVITE and UPDATE refresh the target. */
export function addReinviteCapabilities(
  message: SipMessage,
  options: LegOptions,
  peer?: OtherParty,
  contact = options.contact,
): void {
  addCapabilities(message, options, peer, contact, SUPPORTED_WITHIN);
}

/** RFC 3261 table 3: Server stands in responses alone; of a request's sender User-Agent tells. */
export function addOwnHeaders(message: SipMessage, options: LegOptions): void {
  if (options.headers === undefined) return;
  const isRequest = message.kind === 'request';
  for (const [name, value] of options.headers)
    message.headers.addNamed(isRequest && name === 'Server' ? 'User-Agent' : name, value);
}

/** RFC 3261 §8.2.2.3: an extension that is required and not supported is refused with 420, which lists it. True when refused. */
export function refuseUnsupported(transaction: ServerTransaction, request: SipRequest): boolean {
  const refusal = refuseExtensions(request, UNDERSTOOD);
  if (refusal === undefined) return false;
  transaction.reply(refusal.status, undefined, refusal.headers);
  return true;
}
