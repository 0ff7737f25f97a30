/** What reads text that somebody outside writes: each reads one text, and throws nothing but what it declares. */
import { PeerError } from '../../../src/base/errors.ts';
import { replacesInUri, replacesOf } from '../../../src/call/replaces.ts';
import { readInboundNumbers } from '../../../src/inbound/parameters.ts';
import { parseOutboundCli } from '../../../src/outbound/outbound-cli.ts';
import { DidPool, DidPoolError } from '../../../src/provisioning/tenants/did-pool.ts';
import { numbersMeant } from '../../../src/provisioning/tenants/number-format.ts';
import { INBOUND_SOURCES, type InboundParameters } from '../../../src/provisioning/trunk-settings/mappings.ts';
import { DigestClient, DigestServer } from '../../../src/sip/auth/index.ts';
import { splitAddresses, splitList } from '../../../src/sip/message/characters.ts';
import { parseCSeq } from '../../../src/sip/message/cseq.ts';
import { parseRemotePartyId } from '../../../src/sip/message/fields/remote-party-id.ts';
import {
  createResponse,
  formatNameAddr,
  formatUri,
  HeaderId,
  isWithheldCaller,
  parseAccept,
  parseMessage,
  parseNameAddr,
  parseRAck,
  parseRetryAfter,
  parseSessionExpires,
  parseUri,
  partyPrivacy,
  readableNameAddrs,
  type SipRequest,
  SipResponse,
  StreamFramer,
  sameUri,
  serialize,
  subscriberNumber,
  UnsafeMessageError,
  unescapeUser,
  validateRequest,
  validateResponse,
} from '../../../src/sip/message/index.ts';
import { formatVia, parseVia, splitVias } from '../../../src/sip/message/via.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { corpus } from '../corpus.ts';
import {
  BODY_SEEDS,
  DESCRIPTION_SEEDS,
  IDENTITY_SEEDS,
  readBody,
  readCodecs,
  readDescription,
  readIdentity,
  readSteadily,
  readToken,
  TOKEN_SEEDS,
} from './session-readers.ts';

export interface Reader {
  readonly name: string;
  readonly seeds: readonly string[];
  /** The reading alone, for its time; default: {@link read}. */
  readonly timed?: (text: string) => void;
  /** Reads and tries what was read; throws an error that it does not declare, or when what it read is not what it writes. */
  read(text: string): void;
}

type ErrorClass = abstract new (...args: never[]) => Error;

/** Runs the steps one after the other; what is declared ends a step and not the reading. */
function steps(declared: readonly ErrorClass[], ...all: readonly (() => unknown)[]): void {
  for (const step of all) {
    try {
      step();
    } catch (error) {
      if (!declared.some((each) => error instanceof each)) throw error;
    }
  }
}

/** What is written of what was read is read as the same. */
function expectStable<Value>(value: Value, format: (value: Value) => string, parse: (text: string) => Value): void {
  const text = format(value);
  const again = format(parse(text));
  if (again !== text) throw new Error(`written ${JSON.stringify(text)}, then ${JSON.stringify(again)}`);
}

const PEER = [PeerError];
const inboundParameters: InboundParameters = {
  calledNumber: [...INBOUND_SOURCES],
  callerNumber: [...INBOUND_SOURCES],
  callerDisplayName: [...INBOUND_SOURCES],
  normalize: { calledNumber: { strip: 1, prepend: '+' }, callerNumber: { prepend: '+' }, callerDisplayName: undefined },
};

function readMessage(text: string): void {
  let message: SipRequest | SipResponse;
  try {
    message = parseMessage(text);
  } catch (error) {
    if (error instanceof PeerError) return;
    throw error;
  }
  const { headers } = message;
  steps(
    [PeerError, UnsafeMessageError],
    () => message.topVia(),
    () => message.vias(),
    () => message.from(),
    () => message.to(),
    () => [message.fromTag(), message.toTag()],
    () => message.cseq(),
    () => message.callId(),
    () => message.maxForwards(),
    () => message.contacts(),
    () => readableNameAddrs(headers, HeaderId.RecordRoute),
    () => partyPrivacy(headers, 'calling'),
    () => headers.listValues(HeaderId.Supported),
    () => serialize(message),
  );
  if (message instanceof SipResponse) {
    validateResponse(message);
    return;
  }
  validateRequest(message);
  steps(
    PEER,
    () => message.uri(),
    () => replacesOf(message),
    () => isWithheldCaller(message),
    () => readInboundNumbers(message, inboundParameters, 'e164'),
  );
}

function readStream(text: string): void {
  // The first octet says how the stream is cut.
  const step = 1 + ((text.charCodeAt(0) || 0) % 64);
  const framed: string[] = [];
  const framer = new StreamFramer({
    onMessage: (message) => framed.push(message),
    onPing: () => {},
    onPong: () => {},
    onBroken: () => {},
  });
  for (let at = 1; at < text.length; at += step) framer.push(text.slice(at, at + step));
  for (const message of framed) readMessage(message);
}

const digestServer = new DigestServer({ clock: new VirtualScheduler(), algorithms: ['MD5', 'SHA-256'] });

/** A field's value as it comes from the parser, which lets no line end and no NUL through. */
const fieldValue = (text: string) => text.replaceAll(/[\r\n\0]/g, ' ');

function readCredentials(text: string): void {
  const request = parseMessage(REQUEST) as SipRequest;
  request.headers.add(HeaderId.ProxyAuthorization, fieldValue(text));
  const account = { secret: { password: 'x' } };
  digestServer.verify(request, 'proxy', 'acme.example.com', '192.0.2.1', () => account);
}

function readChallenge(text: string): void {
  const request = parseMessage(REQUEST) as SipRequest;
  const response = createResponse(request, 407);
  response.headers.set(HeaderId.ProxyAuthenticate, fieldValue(text));
  const client = new DigestClient({ username: 'u', secret: { password: 'p' } });
  const answer = client.answer(response, request, 'udp:192.0.2.1:5060', 0);
  if (answer.kind !== 'retry') return;
  const values = answer.headers.map(([, value]) => value).join('');
  if (/[\r\n\0]/.test(values)) throw new Error(`an answer of more than a line: ${JSON.stringify(values)}`);
}

function readPool(text: string): void {
  const pool = DidPool.parse(text);
  if (String(DidPool.parse(String(pool))) !== String(pool)) throw new Error(`written as ${String(pool)}`);
}

const REQUEST = corpus.find((text) => text.startsWith('MESSAGE ')) as string;
const ADDRESSES = [
  '"A \\" B" <sip:a%20b:p@[2001:db8::1]:5060;transport=tcp;lr;maddr=192.0.2.1?Subject=x&b=>;tag=1;q=0.5',
  'sip:a@b',
  '<tel:+1-201-555-0123;phone-context=example.com;ext=22>;party=calling;privacy=full;screen=yes',
  '*',
  'A B <sips:host>, "c" <sip:d@e>',
  'a,a:b c,"<"',
  '<urn:service:sos>;index=1.1;reason=user-busy;counter=3',
];
const DIGESTS = [
  'Digest username="101", realm="acme.example.com", nonce="abc", uri="sip:x@y", response="0123456789abcdef0123456789abcdef", algorithm=SHA-256, qop=auth, nc=00000001, cnonce="c", opaque=""',
  'Digest realm="r\\"q", nonce="n", qop="auth,auth-int", algorithm=MD5, stale=TRUE, domain="sip:a sip:b"',
  'Digest realm="r", nonce="n", algorithm=SHA-512-256, Digest realm="s", nonce="m"',
  'Digest username="101", realm="acme.example.com", nonce="abc", uri="sip:x@y", response="0123456789abcdef0123456789abcdef", userhash=true',
];
const FIELDS = [
  '1 INVITE',
  '776656 1 INVITE',
  '18000;duration=3600 (try (later))',
  '1800;refresher=uac',
  'a@b;to-tag=c;from-tag=d;early-only',
  'a, "b,c", <d,e>, f',
  'application/sdp;q=0.5, multipart/*, */*;q=0',
];

export const readers: readonly Reader[] = [
  { name: 'message', seeds: corpus, read: readMessage },
  { name: 'stream', seeds: corpus.map((text) => `\u0007${text}`), read: readStream },
  {
    name: 'uri',
    seeds: ADDRESSES,
    timed: (text) => steps(PEER, () => parseUri(text)),
    read: (text) =>
      steps(
        PEER,
        () => expectStable(parseUri(text), formatUri, parseUri),
        () => sameUri(parseUri(text), parseUri(text.toUpperCase())),
        () => subscriberNumber(parseUri(text)),
        () => unescapeUser(text),
      ),
  },
  {
    name: 'address',
    seeds: ADDRESSES,
    timed: (text) =>
      steps(
        PEER,
        () => parseNameAddr(text),
        () => splitAddresses(text),
      ),
    read: (text) =>
      steps(
        PEER,
        () => expectStable(parseNameAddr(text), formatNameAddr, parseNameAddr),
        () => parseRemotePartyId(text),
        () => splitList(text),
        () => splitAddresses(text),
      ),
  },
  {
    name: 'via',
    seeds: ['SIP/2.0/UDP host:5060;branch=z9hG4bK1;received=192.0.2.1;rport', 'SIP / 2.0 / TCP [::1] ;rport=1;ttl=1'],
    timed: (text) => steps(PEER, () => parseVia(text)),
    read: (text) =>
      steps(
        PEER,
        () => expectStable(parseVia(text), formatVia, parseVia),
        () => splitVias(text),
      ),
  },
  {
    name: 'fields',
    seeds: FIELDS,
    read: (text) =>
      steps(
        PEER,
        () => parseCSeq(text),
        () => parseRAck(text),
        () => parseRetryAfter(text),
        () => parseAccept(splitList(text)).takes('application/sdp'),
        () => parseSessionExpires(text),
        () => replacesInUri(text),
      ),
  },
  { name: 'credentials', seeds: DIGESTS, read: readCredentials },
  { name: 'challenge', seeds: DIGESTS, read: readChallenge },
  {
    name: 'outbound-cli',
    seeds: ['rewrite-from=123; rewrite-rpi="7;89"; rewrite-pai=456; trunk-id=235468356; trunk-name=carrier', ';;=;"'],
    read: (text) => void parseOutboundCli([text, text]),
  },
  {
    name: 'did-pool',
    seeds: ['14155550100-14155550199; 4930123456', '1;2;3-4;10\u201320;', '100-99', '5-9;7'],
    timed: (text) => steps([DidPoolError], () => DidPool.parse(text)),
    read: (text) => steps([DidPoolError], () => readPool(text)),
  },
  {
    name: 'number',
    seeds: ['+49 (30) 123-456', '0049 30 123456', '030123456', '911', 'anonymous'],
    timed: (text) => steps([], () => numbersMeant(text, 'national 49')),
    read: (text) =>
      steps(
        [],
        () => numbersMeant(text, 'e164'),
        () => numbersMeant(text, 'national 49'),
      ),
  },
  { name: 'description', seeds: DESCRIPTION_SEEDS, timed: readCodecs, read: readDescription },
  { name: 'steady', seeds: DESCRIPTION_SEEDS, read: readSteadily },
  { name: 'body', seeds: BODY_SEEDS, read: readBody },
  { name: 'identity', seeds: IDENTITY_SEEDS, read: readIdentity },
  { name: 'passport', seeds: TOKEN_SEEDS, read: readToken },
];
