import { expect, test } from 'vitest';
import { EarlyRefusals } from '../../../src/sip/endpoint/early-refusal.ts';
import { noteSource } from '../../../src/sip/endpoint/reply-route.ts';
import {
  createResponse,
  DEFAULT_LIMITS,
  HeaderId,
  parseMessage,
  type SipRequest,
  serialize,
  validateRequest,
} from '../../../src/sip/message/index.ts';
import { StatelessTags } from '../../../src/sip/transaction/index.ts';
import type { Flow } from '../../../src/sip/transport/index.ts';
import { corpus } from '../../hostile/corpus.ts';
import { Mutator } from '../../hostile/mutator.ts';
import { seededRandom } from '../../kit/simulated-link.ts';

const flow = { transport: 'udp', remoteAddress: '192.0.2.9', remotePort: 5080 } as Flow;
const TAG_AND_RETRY = /;tag=(z[0-9a-f]{12})\r\nCall-ID: (?:[^\r]*)\r\nCSeq: (?:[^\r]*)\r\nRetry-After: ([1-4])\r\n/;

const invite = (via: string, more = '') =>
  `INVITE sip:b@x SIP/2.0\r\n${via}\r\nMax-Forwards: 70\r\nFrom: "A" <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\n${more}Call-ID: c1\r\nCSeq: 7 INVITE\r\nContent-Length: 2\r\n\r\nab`;

function refusals(): EarlyRefusals {
  return new EarlyRefusals(DEFAULT_LIMITS, new StatelessTags());
}

/** Undefined when the request is left to the parser. */
function refusalOf(text: string, to: Flow = flow, early = refusals()): string | undefined {
  return early.reads(Buffer.from(text, 'latin1'), to) ? early.render(to).toString('latin1') : undefined;
}

/** The refusal of the request as it is made when it is parsed, with this tag and this Retry-After; or what it is refused for. */
function ordinary(text: string, to: Flow, tag: string, retryAfter: string): string {
  const request = parseMessage(text) as SipRequest;
  const fault = validateRequest(request);
  if (fault !== undefined) return `${fault.status} ${fault.reason}`;
  noteSource(request, request.topVia(), to);
  return serialize(
    createResponse(request, 503, undefined, { toTag: tag, headers: [[HeaderId.RetryAfter, retryAfter]] }),
  );
}

function expectAsOrdinary(text: string, to: Flow = flow, early?: EarlyRefusals): boolean {
  const refusal = refusalOf(text, to, early);
  if (refusal === undefined) return false;
  const [, tag, retryAfter] = TAG_AND_RETRY.exec(refusal) ?? [];
  expect(refusal, text).toBe(ordinary(text, to, tag ?? 'no tag', retryAfter ?? 'no Retry-After'));
  return true;
}

test.each([
  'Via: SIP/2.0/UDP [fe80::1]:5080;branch=z9hG4bKab',
  'Via: SIP/2.0/UDP [fe80::1]:5080;rport;branch=z9hG4bKab',
  'Via: SIP/2.0/UDP phone.lan:5080;branch=z9hG4bKab',
])('RFC 3261 §25.1: the zone of an address is of this machine, and not written: %j', (via) => {
  const onLink = { ...flow, remoteAddress: 'fe80::1%eth0' } as Flow;
  expect(expectAsOrdinary(invite(via), onLink)).toBe(true);
  expect(refusalOf(invite(via), onLink)).not.toContain('%');
});

test.each([
  'Via: SIP/2.0/UDP 192.0.2.9:5080;branch=z9hG4bKab',
  'Via: SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bKab',
  'Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKab;rport',
  'VIA: SIP/2.0/UDP pc33.Example.com:5080;branch=z9hG4bKab',
  'v:SIP/2.0/TCP pc33.Example.com;branch=z9hG4bKab;rport\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKxy\r\nv: SIP/2.0/TLS a.example.com:5061;x=1',
  'Via: SIP/2.0/UDP [2001:db8::1]:5062;rport;branch=z9hG4bKab',
])('RFC 3261 §8.2.6: what a response repeats is repeated as in any other refusal, octet for octet: %j', (via) => {
  expect(expectAsOrdinary(invite(via))).toBe(true);
});

test.each([
  ['From: "A" <sip:a@x>;tag=1', 'F:\t "Jürgen, (privat) <x>"   <sips:a.b@x.example.com:5061;user=phone>;tag=1;x=y  '],
  ['From: "A" <sip:a@x>;tag=1', 'from: sip:x.example.com;tag=1'],
  ['To: <sip:b@x>', 't: B-Team x <sip:+4989@x.example.com>'],
  ['Max-Forwards: 70\r\n', ''],
  ['Call-ID: c1', 'i: a%40b@[::1]'],
  ['CSeq: 7 INVITE', 'CSEQ: 007 INVITE'],
  ['Content-Length: 2\r\n', 'Contact: "A" <sip:a@192.0.2.9:5080;transport=udp>;expires=60\r\nUnknown: a\tb\r\n'],
])('in whichever usual way a field is written: %j, %j', (before, after) => {
  const text = invite('Via: SIP/2.0/UDP a;rport;branch=z9hG4bKab').replace(before, after);
  expect(expectAsOrdinary(Buffer.from(text, 'latin1').toString('latin1'))).toBe(true);
});

test('REGISTER, MESSAGE and SUBSCRIBE too', () => {
  for (const method of ['REGISTER', 'MESSAGE', 'SUBSCRIBE'])
    expect(expectAsOrdinary(invite('Via: SIP/2.0/UDP a;rport;branch=z9hG4bKab').replaceAll('INVITE', method))).toBe(
      true,
    );
});

test('over TCP the answer goes where the request came from, whatever Via says', () => {
  const tcp = { ...flow, transport: 'tcp' } as Flow;
  expect(expectAsOrdinary(invite('Via: SIP/2.0/TCP 192.0.2.9:5060;branch=z9hG4bKab'), tcp)).toBe(true);
});

test('each copy of a request gets the same octets, another request another tag; when to come back is spread', () => {
  const early = refusals();
  const via = (number: number) =>
    invite(`Via: SIP/2.0/UDP a;rport;branch=z9hG4bK${number}`).replace('c1', `c${number}`);
  expect(refusalOf(via(1), flow, early)).toBe(refusalOf(via(1), flow, early));
  const all = Array.from({ length: 400 }, (_, number) => TAG_AND_RETRY.exec(refusalOf(via(number), flow, early) ?? ''));
  expect(new Set(all.map((found) => found?.[1])).size).toBe(400);
  for (const seconds of ['1', '2', '3', '4'])
    expect(all.filter((found) => found?.[2] === seconds).length).toBeGreaterThan(60);
  expect(refusalOf(via(1), flow, refusals())).not.toBe(refusalOf(via(1), flow, early));
});

test('what was rendered stays as it is while others are', () => {
  const early = refusals();
  const text = invite(`Via: SIP/2.0/UDP a;rport;branch=z9hG4bK${'x'.repeat(500)}`);
  early.reads(Buffer.from(text, 'latin1'), flow);
  const first = early.render(flow);
  const before = first.toString('latin1');
  for (let other = 0; other < 500; other++) early.render(flow);
  expect(first.toString('latin1')).toBe(before);
});

const usual = 'Via: SIP/2.0/UDP a;rport;branch=z9hG4bKab';
test.each([
  ['a branch of RFC 2543', invite('Via: SIP/2.0/UDP 192.0.2.9:5080;branch=1')],
  ['a bare cookie', invite('Via: SIP/2.0/UDP 192.0.2.9:5080;branch=z9hG4bK')],
  ['an answer that goes to another port', invite('Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKab')],
  ['two values in one field', invite('Via: SIP/2.0/UDP a;rport;branch=z9hG4bKab, SIP/2.0/UDP b')],
  ['what only we may write', invite('Via: SIP/2.0/UDP a;rport=1;received=203.0.113.1;branch=z9hG4bKab')],
  ['maddr', invite('Via: SIP/2.0/UDP a;rport;Maddr=224.0.0.1;branch=z9hG4bKab')],
  ['two branches', invite('Via: SIP/2.0/UDP a;rport;branch=z9hG4bKab;Branch=z9hG4bKcd')],
  ['a folded field', invite(usual, 'Subject: a\r\n b\r\n')],
  ['two From fields', invite(usual, 'f: <sip:x@y>\r\n')],
  ['a field of one value twice', invite(usual, 'Expires: 1\r\nEXPIRES: 2\r\n')],
  ['a compact form that may repeat a field', invite(usual, 'c: text/plain\r\n')],
  ['no white space may stand before the colon', invite(usual, 'Subject : a\r\n')],
  ['a stray NUL', invite(usual).replace('c1', 'c\0')],
  ['a lone LF', invite(usual, 'Subject: a\nb\r\n')],
  ['a lone CR', invite(usual, 'Subject: a\rb\r\n')],
  ['lines that end with LF', invite(usual).replaceAll('\r\n', '\n')],
  ['no end of the head', 'INVITE sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP a'],
  ['no end of the last line', invite(usual).split('\r\n\r\n')[0] as string],
  ['less body than is said', invite(usual).slice(0, -1)],
  ['no hop left', invite(usual).replace('70', '0')],
  ['another method in CSeq', invite(usual).replace('7 INVITE', '7 BYE')],
  ['another version', invite(usual).replace('SIP/2.0\r\nVia', 'SIP/3.0\r\nVia')],
  ['a dialog', invite(usual).replace('To: <sip:b@x>', 'To: <sip:b@x>;tag=1')],
  ['a URI of another scheme', invite(usual).replace('INVITE sip:b@x', 'INVITE tel:112')],
  ['header components in the Request-URI', invite(usual).replace('INVITE sip:b@x', 'INVITE sip:b@x?Subject=a')],
  ['a quoted pair', invite(usual).replace('"A"', '"A\\""')],
  ['a Contact of another scheme', invite(usual, 'Contact: <tel:1>\r\n')],
  ['a method that is no call', invite(usual).replaceAll('INVITE', 'OPTIONS')],
  ['nothing', ''],
])('what is not written as usual is left to the parser: %s', (_what, text) => {
  expect(refusalOf(text)).toBeUndefined();
});

test('a field that is missing is left to the parser', () => {
  for (const line of invite(usual)
    .split('\r\n')
    .slice(1, 7)
    .filter((each) => !each.startsWith('Max')))
    expect(refusalOf(invite(usual).replace(`${line}\r\n`, '')), line).toBeUndefined();
});

test('what is longer than the limits of messages is left to the parser', () => {
  const early = new EarlyRefusals({ ...DEFAULT_LIMITS, headerCount: 6 }, new StatelessTags());
  expect(refusalOf(invite(usual), flow, early)).toBeUndefined();
  expect(refusalOf(invite(usual, `Subject: ${'x'.repeat(9_000)}\r\n`))).toBeUndefined();
});

/** Pieces that are nearly right in many ways. */
const PIECES: readonly (readonly [part: string, others: readonly string[]])[] = [
  [
    'sip:b@x',
    [
      'sip:b@x:5060',
      'sips:b@x',
      'sip:x',
      'sip:b@x;user=phone',
      'sip:b@x;a;a=1',
      'sip:b@-x',
      'sip:b@x..y',
      'sip:b@x.',
      'sip:b:p@x',
      'sip:b@x:',
      'sip:b@x:0',
      'sip:b@x:99999',
      'sip:+1@x;phone-context=y',
      'sip:b@x;',
      'sip:b@x;=1',
      'sip:b@1.2.3',
      'sip:b@1.2.3.4.5',
    ],
  ],
  [
    'Via: SIP/2.0/UDP a;rport;branch=z9hG4bKab',
    [
      'Via: SIP/2.0/UDP a ;rport;branch=z9hG4bKab',
      'Via: SIP/2.0/UDP a:;rport;branch=z9hG4bKab',
      'Via: SIP/2.0/UDP a:0;rport;branch=z9hG4bKab',
      'Via: SIP/2.0/udp a;rport;branch=z9hG4bKab',
      'Via: SIP/2.0/UDP [::1];RPORT;BRANCH=z9hG4bKab',
      'Via: SIP/2.0/UDP [:::1];rport;branch=z9hG4bKab',
      'Via: SIP/2.0/UDP 192.0.2.9:5080;branch=z9hG4bKab;x',
      'Via: SIP/2.0/UDP 192.0.2.9:5080;Branch=z9hG4bKab;x=y',
      'Via: SIP/2.0/UDP a;rport;branch=z9hg4bkab',
      'Via: SIP/2.0/UDP a.;rport;branch=z9hG4bKab;ttl=1',
      'Via: SIP/2.0/UDP a..b;rport;branch=z9hG4bKab',
    ],
  ],
  [
    'From: "A" <sip:a@x>;tag=1',
    [
      'From: A <sip:a@x>',
      'From: <sip:a@x>;tag',
      'From: <sip:a@x>;tag=1;TAG=2',
      'From: "" <sip:a@x>;tag=1',
      'From: "A"<sip:a@x> ;tag=1',
      'From: sip:a@x:5060;tag=1',
      'From: A sip:a@x;tag=1',
      'From: <sip:a@x;lr>;tag=1;y',
      "From: <sip:a@x>;tag=1'`~",
    ],
  ],
  [
    'To: <sip:b@x>',
    ['To: <sip:b@x>;x=1', 'To: <sip:b@x;tag=1>', 'To: sip:b@x;Tag=1', 'To: <sip:b@x>;tag', 'To: sip:b@x'],
  ],
  [
    'CSeq: 7 INVITE',
    [
      'CSeq: 0 INVITE',
      'CSeq: 4294967296 INVITE',
      'CSeq: 999999999 INVITE',
      'CSeq: 7  INVITE',
      'CSeq: 7 invite',
      'CSeq: -7 INVITE',
    ],
  ],
  [
    'Max-Forwards: 70',
    ['Max-Forwards: 255', 'Max-Forwards: 256', 'Max-Forwards: 007', 'Max-Forwards: 1 ', 'Max-Forwards: +1'],
  ],
  ['Call-ID: c1', ['Call-ID: c 1', 'Call-ID: c1, c2', 'Call-ID: "c1"', 'i: c<1>']],
  [
    'Content-Length: 2',
    [
      'Content-Length: 1',
      'Content-Length: 002',
      'l: 2',
      'Content-Length: 2;x',
      'Contact: <sip:a@x>;q=0.5;Q=1',
      'Contact: <sip:a@x>, <sip:b@x>',
      'Contact: *',
      'm: <sip:a>',
      'Record-Route: <tel:1>',
      'Require: nothing',
      'Session-Expires: 90',
      'Allow: A\r\nAllow: B',
    ],
  ],
];

test('whatever it does not leave to the parser it refuses as that would: 20,000 requests put together of usual and odd pieces', () => {
  const random = seededRandom(7);
  const below = (most: number) => Math.floor(random() * most);
  const early = refusals();
  let refused = 0;
  for (let round = 0; round < 20_000; round++) {
    let text = invite(usual);
    for (let piece = below(4); piece > 0; piece--) {
      const [part, others] = PIECES[below(PIECES.length)] as (typeof PIECES)[number];
      text = text.replace(part, others[below(others.length)] as string);
    }
    if (expectAsOrdinary(text, flow, early)) refused++;
  }
  expect(refused).toBeGreaterThan(4_000);
});

test('the same of 30,000 broken messages', () => {
  const usuals = [invite(usual), invite('Via: SIP/2.0/UDP 192.0.2.9:5080;branch=z9hG4bKab'), ...corpus];
  const mutator = new Mutator(usuals, 11);
  const early = refusals();
  let refused = 0;
  for (let round = 0; round < 30_000; round++) if (expectAsOrdinary(mutator.next(), flow, early)) refused++;
  expect(refused).toBeGreaterThan(50);
});
