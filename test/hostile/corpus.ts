import { tortureCases } from '../kit/torture.ts';
import { wire } from '../sip/endpoint/world.ts';
import { pingText } from './target.ts';

const DOMAIN = 'acme.example.com';
const SDP =
  'v=0\r\no=- 1 1 IN IP4 127.0.0.66\r\ns=-\r\nc=IN IP4 127.0.0.66\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n';
const DIGEST = `Digest username="101", realm="${DOMAIN}", nonce="AAAAAAAAAAAAAAAAAAAAAAAA", uri="sip:${DOMAIN}", response="0123456789abcdef0123456789abcdef", algorithm=MD5, qop=auth, nc=00000001, cnonce="c"`;

function request(method: string, more: Readonly<Record<string, string>> = {}, body = ''): string {
  const fields = {
    Via: 'SIP/2.0/UDP 127.0.0.66:5060;rport;branch=z9hG4bKcorpus',
    'Max-Forwards': '70',
    From: `"Alice" <sip:101@${DOMAIN}>;tag=corpus`,
    To: `<sip:+14155550123@${DOMAIN}>`,
    'Call-ID': `corpus-${method}`,
    CSeq: `1 ${method}`,
    Contact: '<sip:101@127.0.0.66:5060;transport=udp>;expires=600',
    ...more,
    'Content-Length': String(body.length),
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
  return `${method} sip:+14155550123@${DOMAIN} SIP/2.0\r\n${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** What a phone, a carrier and a stranger say to the engine, in requests that reach its deepest readers, and the sets of RFC 4475 and 5118. */
export const corpus: readonly string[] = [
  ...tortureCases('rfc4475').map(({ text }) => text),
  ...tortureCases('rfc5118').map(({ text }) => text),
  wire('INVITE', { 'Content-Type': 'application/sdp' }, 'v=0\r\n'),
  wire('CANCEL'),
  wire('ACK', { To: '<sip:b@x>;tag=1' }),
  wire('BYE', { To: '<sip:b@x>;tag=1' }),
  wire('OPTIONS').replace(/^[^\r]*/, 'SIP/2.0 200 OK'),
  pingText('corpus'),
  request(
    'INVITE',
    {
      Allow: 'INVITE, ACK, CANCEL, BYE, UPDATE, PRACK, REFER, INFO',
      Supported: 'timer, 100rel, replaces, path',
      'Session-Expires': '1800;refresher=uac',
      'Min-SE': '90',
      'P-Asserted-Identity': '"Alice" <sip:+14155550101@example.net>, <tel:+14155550101>',
      'Remote-Party-ID': '"Alice" <sip:+14155550101@example.net>;party=calling;privacy=full',
      Privacy: 'id;critical',
      'X-Outbound-Cli': 'from=14155550101; trunk=carrier',
      Diversion: '<sip:+14155550102@example.net>;reason=unconditional;counter=2',
      'History-Info': '<sip:+14155550102@example.net?Reason=SIP%3Bcause%3D302>;index=1.1',
      'Proxy-Authorization': DIGEST,
      'Content-Type': 'application/sdp',
    },
    SDP,
  ),
  request('REGISTER', {
    To: `<sip:101@${DOMAIN}>`,
    Authorization: DIGEST,
    Expires: '600',
    Path: '<sip:127.0.0.66;lr>',
    Contact:
      '"A" <sip:101@127.0.0.66;ob>;q=0.7;+sip.instance="<urn:uuid:2b9a1c34-5d6e-4f70-8123-456789abcdef>";reg-id=1',
  }),
  request('REFER', {
    'Refer-To': `<sip:102@${DOMAIN}?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>`,
    'Referred-By': `<sip:101@${DOMAIN}>`,
  }),
  request('SUBSCRIBE', { Event: 'dialog;id=1', Expires: '60', Accept: 'application/dialog-info+xml' }),
  request(
    'NOTIFY',
    { To: '<sip:x@y>;tag=1', Event: 'refer', 'Subscription-State': 'active;expires=60' },
    'SIP/2.0 100 x',
  ),
  request('MESSAGE', { 'Content-Type': 'text/plain' }, 'hello'),
  request('UPDATE', { To: '<sip:x@y>;tag=1', 'Session-Expires': '90;refresher=uas' }),
  request('PRACK', { To: '<sip:x@y>;tag=1', RAck: '1 1 INVITE' }),
  request('INFO', { To: '<sip:x@y>;tag=1', 'Content-Type': 'application/dtmf-relay' }, 'Signal=1\r\nDuration=160\r\n'),
];
