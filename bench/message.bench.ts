import { createRequire } from 'node:module';
import { bench, do_not_optimize, group, run } from 'mitata';
import {
  createResponse,
  HeaderId,
  parseMessage,
  SipRequest,
  serialize,
  validateRequest,
} from '../src/sip/message/index.ts';

/**
 * What one message costs, beside the `sip` package in the same run. Usage: `node bench/message.bench.ts`.
 * Absolute figures depend on the machine; the ratios at the end are what to compare.
 */
const peer = createRequire(import.meta.url)('sip') as {
  parse(text: string): Record<string, unknown>;
  stringify(message: unknown): string;
};

const sdp = `v=0\r
o=alice 53655765 2353687637 IN IP4 192.0.2.10\r
s=-\r
c=IN IP4 192.0.2.10\r
t=0 0\r
m=audio 20000 RTP/AVP 8 0 101\r
a=rtpmap:8 PCMA/8000\r
a=rtpmap:0 PCMU/8000\r
a=rtpmap:101 telephone-event/8000\r
a=fmtp:101 0-15\r
a=ptime:20\r
a=sendrecv\r
`;
const invite = `INVITE sip:+493012345678@192.0.2.1:5060;user=phone SIP/2.0\r
Via: SIP/2.0/UDP 192.0.2.10:5091;branch=z9hG4bK-27312-1-0;rport\r
Max-Forwards: 70\r
From: "Alice Example" <sip:+4989100200@pbx.example.com>;tag=a27312x1\r
To: <sip:+493012345678@pbx.example.com;user=phone>\r
Call-ID: 1-27312@192.0.2.10\r
CSeq: 1 INVITE\r
Contact: <sip:+4989100200@192.0.2.10:5091;transport=UDP>\r
Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REFER, NOTIFY, PRACK\r
Supported: replaces, 100rel, timer, outbound\r
User-Agent: LabPhone/1.0 (SIPp)\r
Accept: application/sdp, application/dtmf-relay\r
Content-Type: application/sdp\r
Content-Length: ${sdp.length}\r
\r
${sdp}`;

/** As the socket delivers it: a fresh flat string for each datagram. */
const datagram = Buffer.from(invite, 'latin1');
const received = (): string => datagram.toString('latin1');
/** As the socket takes it. Building a string is lazy; only writing it out shows its cost. */
const out = Buffer.alloc(65_536);
const send = (text: string): number => out.write(text, 0, 'latin1');

const peerParsed = peer.parse(invite);

function outboundInvite(): SipRequest {
  const request = new SipRequest('INVITE', 'sip:+493012345678@carrier.example', sdp);
  const { headers } = request;
  headers.add(HeaderId.Via, 'SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK0123456789abcdef01234567;rport');
  headers.add(HeaderId.MaxForwards, '69');
  headers.add(HeaderId.From, '"Alice Example" <sip:+4989100200@carrier.example>;tag=0123456789abcdef01234567');
  headers.add(HeaderId.To, '<sip:+493012345678@carrier.example>');
  headers.add(HeaderId.CallId, '0123456789abcdef01234567');
  headers.add(HeaderId.CSeq, '1 INVITE');
  headers.add(HeaderId.Contact, '<sip:+4989100200@192.0.2.1:5060;ob>');
  headers.add(HeaderId.Allow, 'INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REFER, NOTIFY, PRACK');
  headers.add(HeaderId.Supported, 'replaces, 100rel, timer');
  headers.add(HeaderId.PAssertedIdentity, '<sip:+4989100200@carrier.example>');
  headers.add(HeaderId.UserAgent, 'tandem');
  headers.add(HeaderId.ContentType, 'application/sdp');
  return request;
}

group('parse an INVITE of about 860 octets', () => {
  bench('tandem: parse', () => do_not_optimize(parseMessage(received())));
  bench('tandem: parse, then read Via, From, To, Call-ID and CSeq', () => {
    const message = parseMessage(received());
    do_not_optimize(message.topVia().branch);
    do_not_optimize(message.fromTag());
    do_not_optimize(message.to());
    do_not_optimize(message.callId());
    do_not_optimize(message.cseq());
  });
  bench('tandem: parse and validate', () => do_not_optimize(validateRequest(parseMessage(received()) as SipRequest)));
  bench('sip: parse', () => do_not_optimize(peer.parse(received())));
});

group('write an INVITE', () => {
  const message = outboundInvite();
  const relayed = parseMessage(invite);
  bench('tandem: serialize', () => do_not_optimize(send(serialize(message))));
  bench('tandem: build and serialize', () => do_not_optimize(send(serialize(outboundInvite()))));
  bench('tandem: serialize what was received unchanged', () => do_not_optimize(send(serialize(relayed))));
  bench('sip: stringify', () => do_not_optimize(send(peer.stringify(peerParsed))));
});

group('answer an INVITE', () => {
  const request = parseMessage(invite) as SipRequest;
  bench('tandem: createResponse and serialize', () =>
    do_not_optimize(send(serialize(createResponse(request, 180, 'Ringing', { toTag: '0123456789abcdef01234567' })))),
  );
});

const { benchmarks } = await run({ format: 'quiet' });
const nsOf = new Map<string, number>();
for (const trial of benchmarks) {
  const ns = trial.runs[0]?.stats?.p50;
  if (ns === undefined) throw new Error(`${trial.alias}: no figure`);
  nsOf.set(trial.alias, ns);
  console.log(`${trial.alias.padEnd(64)} ${(ns / 1000).toFixed(2).padStart(7)} µs`);
}
const ratio = (ours: string, theirs: string): string =>
  ((nsOf.get(theirs) as number) / (nsOf.get(ours) as number)).toFixed(1);
console.log(`parse: ${ratio('tandem: parse', 'sip: parse')} × as fast as sip`);
console.log(`serialize: ${ratio('tandem: serialize', 'sip: stringify')} × as fast as sip`);
