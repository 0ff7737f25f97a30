import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  HeaderId,
  isSipUri,
  parseMessage,
  parseNameAddrList,
  type SipRequest,
  serialize,
  type Uri,
} from '../../../src/sip/message/index.ts';
import { parseUri } from '../../../src/sip/message/uri.ts';

interface PeerUri {
  user?: string;
  host?: string;
  port?: number;
}
interface PeerMessage {
  method: string;
  uri: string;
  content: string;
  headers: {
    via: { host: string; port?: number; protocol: string; params: Record<string, string | null> }[];
    from: { name?: string; uri: string; params: Record<string, string | null> };
    to: { name?: string; uri: string; params: Record<string, string | null> };
    'call-id': string;
    cseq: { seq: number; method: string };
    contact: { uri: string }[];
    /** The package reads these URIs at once. */
    route?: { uri: PeerUri }[];
  };
}
const peer = createRequire(import.meta.url)('sip') as {
  parse(text: string): PeerMessage;
  stringify(message: PeerMessage): string;
  parseUri(text: string): PeerUri;
};

const word = fc.stringMatching(/^[a-z0-9]{1,12}$/);
const host = fc.oneof(
  word.map((name) => `${name}.example.com`),
  fc.ipV4(),
);
const uri = fc
  .record({
    user: word,
    host,
    port: fc.option(fc.integer({ min: 1, max: 65_535 })),
    transport: fc.option(fc.constantFrom('udp', 'tcp')),
  })
  .map(
    (parts) =>
      `sip:${parts.user}@${parts.host}${parts.port === null ? '' : `:${parts.port}`}${parts.transport === null ? '' : `;transport=${parts.transport}`}`,
  );
const address = fc
  .record({ name: fc.option(fc.stringMatching(/^[A-Za-z0-9 .,;<>]{1,15}$/)), uri })
  .map((parts) => (parts.name === null ? `<${parts.uri}>` : `"${parts.name}" <${parts.uri}>`));
const wellFormed = fc.record({
  ruri: uri,
  vias: fc.array(fc.tuple(host, fc.integer({ min: 1, max: 65_535 }), word), { minLength: 1, maxLength: 3 }),
  from: address,
  to: address,
  fromTag: word,
  callId: word,
  sequence: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  contact: address,
  routes: fc.array(uri, { maxLength: 3 }),
  body: fc.stringMatching(/^[ -~]{0,40}$/),
});

test('on well-formed messages the `sip` package reads the same', () => {
  fc.assert(
    fc.property(wellFormed, (facts) => {
      const text = [
        `INVITE ${facts.ruri} SIP/2.0`,
        `Via: ${facts.vias.map(([name, port, branch]) => `SIP/2.0/UDP ${name}:${port};branch=z9hG4bK${branch};rport`).join(', ')}`,
        `From: ${facts.from};tag=${facts.fromTag}`,
        `To: ${facts.to}`,
        `Call-ID: ${facts.callId}`,
        `CSeq: ${facts.sequence} INVITE`,
        `Contact: ${facts.contact}`,
        ...(facts.routes.length > 0 ? [`Route: ${facts.routes.map((route) => `<${route};lr>`).join(',')}`] : []),
        `Content-Length: ${facts.body.length}`,
        '',
        facts.body,
      ].join('\r\n');
      compare(parseMessage(text) as SipRequest, peer.parse(text));
      // What we write, the peer reads the same too.
      compare(parseMessage(text) as SipRequest, peer.parse(serialize(parseMessage(text))));
    }),
    { numRuns: 200 },
  );
});

function compare(ours: SipRequest, theirs: PeerMessage): void {
  expect([ours.method, ours.requestUri, ours.callId(), ours.body]).toEqual([
    theirs.method,
    theirs.uri,
    theirs.headers['call-id'],
    theirs.content,
  ]);
  expect(ours.cseq()).toEqual({ sequence: theirs.headers.cseq.seq, method: theirs.headers.cseq.method });
  expect(ours.vias().map((via) => [via.host, via.port, via.transport, via.branch])).toEqual(
    theirs.headers.via.map((via) => [via.host, via.port, via.protocol, via.params['branch']]),
  );
  expect(ours.fromTag()).toBe(theirs.headers.from.params['tag']);
  expect(factsOf(ours.from().uri)).toEqual(peerFactsOf(peer.parseUri(theirs.headers.from.uri)));
  expect(factsOf(ours.uri())).toEqual(peerFactsOf(peer.parseUri(theirs.uri)));
  expect(ours.contacts().map((contact) => contact.uri)).toEqual(
    theirs.headers.contact.map((contact) => parseUri(contact.uri)),
  );
  expect(parseNameAddrList(ours.headers, HeaderId.Route).map((route) => factsOf(route.uri))).toEqual(
    (theirs.headers.route ?? []).map((route) => peerFactsOf(route.uri)),
  );
}

const factsOf = (uri: Uri): unknown => (isSipUri(uri) ? [uri.user, uri.host, uri.port ?? null] : [uri.scheme]);
const peerFactsOf = (uri: PeerUri): unknown => [uri.user, uri.host, uri.port || null];
