/**
 * What our Contact toward a party says of its call, for whoever gets that party's next request when the call is known nowhere any more:
 * enough to go on with both legs. The party's own half is short, since its request brings Call-ID, tags and addresses.
 */
import { fnv1a } from '../base/fnv.ts';
import { PackedReader, PackedWriter, PackingError } from '../base/packed-octets.ts';
import type { RunningInterval } from '../sip/dialog/index.ts';
import type { ContactParty } from './ports.ts';
import { type PlaceSnapshot, placeOf } from './snapshot.ts';

/** Whose a leg is: a trunk by its mark, or the phone of a number. */
export type TokenOwner = { readonly trunk: number } | { readonly number: string };

/** What there is to know of a party that no request of its own says. */
export interface TokenParty {
  readonly owner: TokenOwner;
  readonly place: PlaceSnapshot;
  /** Undefined of a party that was only being called: its own request says. */
  readonly target: string | undefined;
  readonly routes: readonly string[];
  readonly sequence: number;
  readonly methods: number | undefined;
  readonly anonymous: boolean;
  readonly withholdsPeer: boolean;
  /** Of its session timer (RFC 4028); undefined also where there was no room for it. */
  readonly interval: RunningInterval | undefined;
}

export interface FarParty extends TokenParty {
  readonly target: string;
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  /** URIs of From and To. */
  readonly localUri: string;
  readonly remoteUri: string;
  /** User part of our Contact there. */
  readonly contactUser: string;
}

export interface CallToken {
  readonly id: string;
  /** The near party is who called. */
  readonly isCaller: boolean;
  readonly direction: 'outbound' | 'inbound' | 'internal';
  /** Of the node and the process that have the call. */
  readonly node: number;
  readonly life: number;
  readonly tenant: number;
  /** Wall clock, ms; `answeredAtMs` undefined: it was not answered yet. */
  readonly startedAtMs: number;
  readonly answeredAtMs: number | undefined;
  /** From the answer, where it is shorter than the node's own limit. */
  readonly sessionLimitMs: number | undefined;
  /** Numbers, as the record has them. */
  readonly caller: string;
  readonly called: string;
  readonly near: TokenParty;
  readonly far: FarParty;
}

/** Names a tenant, a trunk or a node where there is no room for its name. */
export function markOf(name: string): number {
  return fnv1a(name);
}

const DIRECTIONS = ['outbound', 'inbound', 'internal'] as const;
const TRANSPORTS = ['udp', 'tcp', 'tls'] as const;
/** 2020-01-01: times fit in five octets until 2054. */
const EPOCH_MS = 1_577_836_800_000;
const TIME_OCTETS = 5;
const MARK_OCTETS = 4;
const SHORT_MARK_OCTETS = 2;

const CALLER = 1;
const ANSWERED = 2;
const HAS_TARGET = 4;
const DIRECTION_SHIFT = 3;
const HAS_ID = 32;
const HAS_TAG = 64;
const HAS_LIMIT = 128;

const TRUNK = 1;
const CONNECTION = 2;
const ANONYMOUS = 4;
const WITHHOLDS = 8;
const TRANSPORT_SHIFT = 4;
const HAS_ROUTES = 64;
const HAS_METHODS = 128;

/** What need not be written: a call's id follows from the tag that the caller got, our tag toward the called party from our Call-ID. */
export interface Derivation {
  derived(text: string): string;
}

/** The octets of a token; undefined when they are more than there is room for. @param nearTag our tag toward the near party */
export function writeToken(token: CallToken, nearTag: string, by: Derivation, room: number): Buffer | undefined {
  // A call whose session timers end is still better than none.
  return written(token, nearTag, by, room, true) ?? written(token, nearTag, by, room, false);
}

function written(
  token: CallToken,
  nearTag: string,
  by: Derivation,
  room: number,
  hasIntervals: boolean,
): Buffer | undefined {
  const writer = new PackedWriter(room);
  try {
    writeCall(writer, token, nearTag, by);
    if (hasIntervals) writeIntervals(writer, token);
    return writer.octets;
  } catch (error) {
    if (error instanceof PackingError) return undefined;
    throw error;
  }
}

function writeCall(writer: PackedWriter, token: CallToken, nearTag: string, by: Derivation): void {
  const { near, far, answeredAtMs, sessionLimitMs, isCaller } = token;
  const hasId = token.id !== by.derived(isCaller ? nearTag : far.localTag);
  const hasTag = !isCaller || far.localTag !== by.derived(far.callId);
  writer.octet(
    (token.isCaller ? CALLER : 0) |
      (answeredAtMs === undefined ? 0 : ANSWERED) |
      (near.target === undefined ? 0 : HAS_TARGET) |
      (DIRECTIONS.indexOf(token.direction) << DIRECTION_SHIFT) |
      (hasId ? HAS_ID : 0) |
      (hasTag ? HAS_TAG : 0) |
      (sessionLimitMs === undefined ? 0 : HAS_LIMIT),
  );
  writer.fixed(token.node & 0xffff, SHORT_MARK_OCTETS).fixed(token.life, SHORT_MARK_OCTETS);
  writer.fixed(token.tenant, MARK_OCTETS);
  if (hasId) writer.text(token.id);
  writer.fixed(Math.max(0, Math.trunc(token.startedAtMs - EPOCH_MS)), TIME_OCTETS);
  if (answeredAtMs !== undefined) writer.number(Math.max(0, Math.trunc(answeredAtMs - token.startedAtMs)));
  if (sessionLimitMs !== undefined) writer.number(Math.max(0, Math.floor(sessionLimitMs / 1000)));
  writeParty(writer, far);
  writer.text(far.callId);
  if (hasTag) writer.text(far.localTag);
  writer.text(far.remoteTag);
  writeUri(writer, far.target, far.place);
  writeUri(writer, far.remoteUri, far.place);
  writeUri(writer, far.localUri, far.place);
  writeParty(writer, near);
  if (near.target !== undefined) writeUri(writer, near.target, near.place);
  writer.text(far.contactUser).text(token.caller).text(token.called);
}

/** After all the rest: the program before does not read on there, and what it has written ends there. */
function writeIntervals(writer: PackedWriter, { far, near }: CallToken): void {
  if (far.interval === undefined && near.interval === undefined) return;
  for (const { interval } of [far, near])
    writer.number(interval === undefined ? 0 : interval.intervalSeconds * 2 + (interval.localRefreshes ? 1 : 0));
}

function readInterval(reader: PackedReader): RunningInterval | undefined {
  const packed = reader.number();
  return packed === 0 ? undefined : { intervalSeconds: Math.floor(packed / 2), localRefreshes: packed % 2 === 1 };
}

/** Throws a PackingError when the octets are no token. */
export function readToken(octets: Buffer, nearTag: string, by: Derivation): CallToken {
  const reader = new PackedReader(octets);
  const flags = reader.octet();
  const node = reader.fixed(SHORT_MARK_OCTETS);
  const life = reader.fixed(SHORT_MARK_OCTETS);
  const tenant = reader.fixed(MARK_OCTETS);
  const id = (flags & HAS_ID) === 0 ? undefined : reader.text();
  const startedAtMs = EPOCH_MS + reader.fixed(TIME_OCTETS);
  const answeredAtMs = (flags & ANSWERED) === 0 ? undefined : startedAtMs + reader.number();
  const sessionLimitMs = (flags & HAS_LIMIT) === 0 ? undefined : reader.number() * 1000;
  const farParty = readParty(reader);
  const callId = reader.text();
  const localTag = (flags & HAS_TAG) === 0 ? by.derived(callId) : reader.text();
  const remoteTag = reader.text();
  const target = readUri(reader, farParty.place);
  const remoteUri = readUri(reader, farParty.place);
  const localUri = readUri(reader, farParty.place);
  const nearParty = readParty(reader);
  const nearTarget = (flags & HAS_TARGET) === 0 ? undefined : readUri(reader, nearParty.place);
  const contactUser = reader.text();
  const isCaller = (flags & CALLER) !== 0;
  const [caller, called] = [reader.text(), reader.text()];
  const [farInterval, nearInterval] = reader.isAtEnd ? [] : [readInterval(reader), readInterval(reader)];
  return {
    id: id ?? by.derived(isCaller ? nearTag : localTag),
    isCaller,
    direction: DIRECTIONS[(flags >>> DIRECTION_SHIFT) & 3] ?? 'internal',
    ...{ node, life, tenant, startedAtMs, answeredAtMs, sessionLimitMs },
    ...{ caller, called },
    near: { ...nearParty, target: nearTarget, interval: nearInterval },
    far: {
      ...{ ...farParty, callId, localTag, remoteTag, target, remoteUri, localUri, contactUser },
      interval: farInterval,
    },
  };
}

/** A party as tokens have it; undefined when it is nobody's that another process would know. */
export function tokenParty({ options, destination, dialog, session, methods }: ContactParty): TokenParty | undefined {
  const { trunkId, owner } = options;
  const number = owner?.number;
  if (trunkId === undefined && number === undefined) return undefined;
  return {
    owner: trunkId === undefined ? { number: number ?? '' } : { trunk: markOf(trunkId) },
    place: placeOf(destination),
    // Of a party that was only being called there is nothing but where it was sought.
    target: dialog.remoteTag === '' && dialog.role === 'uac' ? undefined : dialog.remoteTarget,
    routes: dialog.routeSet,
    sequence: dialog.localSequence,
    methods,
    anonymous: options.anonymous === true,
    withholdsPeer: options.withholdsPeer === true,
    interval: session?.interval,
  };
}

/** What of a party is written in one place. */
type PartyHead = Omit<TokenParty, 'target' | 'interval'>;

function writeParty(writer: PackedWriter, party: PartyHead): void {
  const { owner, place, routes, methods, sequence } = party;
  writer.octet(
    ('trunk' in owner ? TRUNK : 0) |
      (place.kind === 'connection' ? CONNECTION : 0) |
      (party.anonymous ? ANONYMOUS : 0) |
      (party.withholdsPeer ? WITHHOLDS : 0) |
      (TRANSPORTS.indexOf(place.transport) << TRANSPORT_SHIFT) |
      (routes.length > 0 ? HAS_ROUTES : 0) |
      (methods === undefined ? 0 : HAS_METHODS),
  );
  if ('trunk' in owner) writer.fixed(owner.trunk, MARK_OCTETS);
  else writer.text(owner.number);
  writer.text(place.address).fixed(place.port, 2).number(sequence);
  if (methods !== undefined) writer.octet(methods & 255);
  if (routes.length === 0) return;
  writer.octet(routes.length);
  for (const route of routes) writeUri(writer, route, place);
}

function readParty(reader: PackedReader): PartyHead {
  const flags = reader.octet();
  const owner = (flags & TRUNK) === 0 ? { number: reader.text() } : { trunk: reader.fixed(MARK_OCTETS) };
  const transport = TRANSPORTS[(flags >>> TRANSPORT_SHIFT) & 3];
  if (transport === undefined) throw new PackingError('no transport');
  const kind = (flags & CONNECTION) === 0 ? 'target' : 'connection';
  const place: PlaceSnapshot = { kind, transport, address: reader.text(), port: reader.fixed(2) };
  const sequence = reader.number();
  const methods = (flags & HAS_METHODS) === 0 ? undefined : reader.octet();
  const routes: string[] = [];
  for (let left = (flags & HAS_ROUTES) === 0 ? 0 : reader.octet(); left > 0; left--)
    routes.push(readUri(reader, place));
  const anonymous = (flags & ANONYMOUS) !== 0;
  return { owner, place, sequence, methods, routes, anonymous, withholdsPeer: (flags & WITHHOLDS) !== 0 };
}

/** `sip:user@host:port;parameters`, in angle brackets or not. */
const PLAIN_URI =
  /^(<?)(sips?):(?:([^@;?<>"]*)@)?(\[[0-9A-Fa-f:.]+\]|[^@:;?<>"[\]]+)(?::([1-9][0-9]{0,4}))?(;[^?<>"]*)?(>?)$/;
/** Parameters of most Contacts and routes; none first, and what is not in the list is written out. */
const USUAL_PARAMETERS = ['', ';transport=udp', ';transport=tcp', ';transport=tls', ';ob', ';lr', ';user=phone'];
const OTHER_PARAMETERS = 7;

const WRITTEN_OUT = 1;
const BRACKETED = 2;
const SIPS = 4;
const PORT = 8;
const PARAMETER_SHIFT = 5;
const AT_PLACE = 16;

/** The address and port of the party's place, and a missing user part, take no room to speak of. */
function writeUri(writer: PackedWriter, uri: string, place: PlaceSnapshot): void {
  const match = PLAIN_URI.exec(uri);
  const [, open = '', scheme = '', user, host = '', port = '', parameters = '', close = ''] = match ?? [];
  const isWhole = match !== null && (open === '') === (close === '') && user !== '' && Number(port) < 65_536;
  if (!isWhole) {
    writer.octet(WRITTEN_OUT).text(uri);
    return;
  }
  const usual = USUAL_PARAMETERS.indexOf(parameters);
  const isThere = host === place.address && Number(port) === place.port;
  writer.octet(
    (open === '' ? 0 : BRACKETED) |
      (scheme === 'sips' ? SIPS : 0) |
      (port === '' || isThere ? 0 : PORT) |
      (isThere ? AT_PLACE : 0) |
      ((usual < 0 ? OTHER_PARAMETERS : usual) << PARAMETER_SHIFT),
  );
  writer.text(user ?? '');
  if (!isThere) writer.text(host);
  if (!isThere && port !== '') writer.fixed(Number(port), 2);
  if (usual < 0) writer.text(parameters);
}

function readUri(reader: PackedReader, place: PlaceSnapshot): string {
  const flags = reader.octet();
  if ((flags & WRITTEN_OUT) !== 0) return reader.text();
  const user = reader.text();
  const isThere = (flags & AT_PLACE) !== 0;
  const host = isThere ? place.address : reader.text();
  const port = (flags & PORT) !== 0 ? reader.fixed(2) : isThere ? place.port : undefined;
  const usual = flags >>> PARAMETER_SHIFT;
  const parameters = usual === OTHER_PARAMETERS ? reader.text() : (USUAL_PARAMETERS[usual] ?? '');
  const where = `${user === '' ? '' : `${user}@`}${host}${port === undefined ? '' : `:${port}`}`;
  const uri = `${(flags & SIPS) === 0 ? 'sip' : 'sips'}:${where}${parameters}`;
  return (flags & BRACKETED) === 0 ? uri : `<${uri}>`;
}
