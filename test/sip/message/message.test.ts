import { describe, expect, test } from 'vitest';
import { PeerError } from '../../../src/base/errors.ts';
import {
  formatUri,
  HeaderId,
  octetsFromText,
  parseMessage,
  SipRequest,
  textFromOctets,
} from '../../../src/sip/message/index.ts';

function message(): SipRequest {
  const request = new SipRequest('REGISTER', 'sip:h');
  request.headers
    .add(HeaderId.Via, 'SIP/2.0/UDP one;branch=z9hG4bK1, SIP/2.0/UDP two')
    .add(HeaderId.From, '<sip:a@h>;tag=f')
    .add(HeaderId.To, '<sip:a@h>')
    .add(HeaderId.CallId, 'c')
    .add(HeaderId.CSeq, '1 REGISTER')
    .add(HeaderId.Contact, '"x, y" <sip:a@1>, <sip:a@2>;q=0.1')
    .add(HeaderId.Contact, '<sip:a@3>');
  return request;
}

describe('typed fields', () => {
  test('the top Via is the first value of the first field', () => {
    expect(message().topVia().branch).toBe('z9hG4bK1');
    expect(
      message()
        .vias()
        .map((via) => via.host),
    ).toEqual(['one', 'two']);
  });

  test('every Contact of every field; the first one alone', () => {
    expect(message().contacts()).toHaveLength(3);
    expect(message().contact()?.displayName).toBe('x, y');
    expect(new SipRequest('BYE', 'sip:h').contact()).toBeUndefined();
  });

  test('§10.2.2: * is no address', () => {
    const star = new SipRequest('REGISTER', 'sip:h');
    for (const every of ['*', '*;expires=0', '<*> ; expires=0', '"Bob" < * >', 'Bob <*>']) {
      star.headers.set(HeaderId.Contact, every);
      expect([star.contacts(), star.contact()]).toEqual([[], undefined]);
    }
    for (const address of ['<sip:*@h>', '"*" <sip:a@h>']) {
      star.headers.set(HeaderId.Contact, address);
      expect(star.contacts()).toHaveLength(1);
    }
  });

  test('a changed field is read again', () => {
    const request = message();
    expect(request.toTag()).toBeUndefined();
    request.headers.set(HeaderId.To, '<sip:a@h>;tag=new');
    request.headers.set(HeaderId.CSeq, '2 REGISTER');
    request.headers.prepend(HeaderId.Via, 'SIP/2.0/UDP zero;branch=z9hG4bK0');
    request.requestUri = 'sip:other';
    expect(request.sequence()).toBe(request.cseq().sequence);
    expect([request.toTag(), request.cseq().sequence, request.topVia().host, request.uri()]).toMatchObject([
      'new',
      2,
      'zero',
      { host: 'other' },
    ]);
  });

  test.each([
    ['Anonymous', ''],
    ['"Anonymous" <>;tag=1', '1'],
    ['<tel:anonymous>;tag=1', '1'],
    ['sip:;tag=1', '1'],
    ['"open <sip:a@h>, <sip:b@h>;tag=1', '1'],
  ])('a From that cannot be read names nobody, and keeps its tag: %s', (value, tag) => {
    const request = parseMessage(`INVITE sip:a@h SIP/2.0\r\nFrom: ${value}\r\n\r\n`);
    expect(request.from().uri).toEqual({ scheme: 'other', name: '', text: value });
    expect(request.fromTag() ?? '').toBe(tag);
  });

  test.each([
    ['"ACME" <+442079460001@h>;tag=1', 'sip:+442079460001@h', 'ACME'],
    ['+442079460001;tag=1', 'tel:+442079460001', undefined],
    ['<sip:+442079460001>;tag=1', 'tel:+442079460001', undefined],
    ['ACME, Inc. <sip:442079460001@>;tag=1', 'tel:442079460001', 'ACME, Inc.'],
    ['<sip:+442079460001@2001:db8::1>;tag=1', 'sip:+442079460001@[2001:db8::1]', undefined],
    ['Sip : +442079460001@h;tag=1', 'sip:+442079460001@h', undefined],
  ])('a number without scheme or host is the one that calls, or is called: %s', (value, uri, displayName) => {
    const request = parseMessage(`INVITE sip:a@h SIP/2.0\r\nFrom: ${value}\r\nTo: ${value}\r\n\r\n`);
    expect([formatUri(request.from().uri), request.from().displayName, request.fromTag()]).toEqual([
      uri,
      displayName,
      '1',
    ]);
    expect(request.to().uri).toEqual(request.from().uri);
  });

  test('a quote that nothing closes costs the caller no number; in To it is refused (RFC 4475 §3.1.2.6)', () => {
    const value = '"ACME <sip:+442079460001@h>;tag=1';
    const request = parseMessage(`INVITE sip:a@h SIP/2.0\r\nFrom: ${value}\r\nTo: ${value}\r\n\r\n`);
    expect([formatUri(request.from().uri), request.from().displayName]).toEqual(['sip:+442079460001@h', 'ACME']);
    expect(() => request.to()).toThrow(PeerError);
  });

  test('an empty Contact is none, and an empty element of a list is none', () => {
    const contactOf = (value: string) => parseMessage(`INVITE sip:a@h SIP/2.0\r\nContact: ${value}\r\n\r\n`);
    expect([contactOf('').contact(), contactOf('').contacts()]).toEqual([undefined, []]);
    const listed = contactOf(', ,<sip:b@h>, ');
    expect([listed.contact(), ...listed.contacts()].map((each) => each?.uri)).toMatchObject([
      { user: 'b' },
      { user: 'b' },
    ]);
  });

  test('what is read of a received message is kept', () => {
    const request = parseMessage(
      'INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: <sip:a@h>\r\n\r\n',
    ) as SipRequest;
    expect(request.from()).toBe(request.from());
    expect(request.topVia()).toBe(request.topVia());
    expect(request.uri()).toBe(request.uri());
  });

  test('a mandatory field that is missing is the peer’s fault', () => {
    const bare = parseMessage('SIP/2.0 200 OK\r\n\r\n');
    for (const read of [
      () => bare.callId(),
      () => bare.cseq(),
      () => bare.sequence(),
      () => bare.from(),
      () => bare.topVia(),
    ])
      expect(read).toThrow(PeerError);
    expect(bare.maxForwards()).toBeUndefined();
    // An answer finds its transaction without From and To; a request names its dialog by them.
    expect([bare.fromTag(), bare.toTag()]).toEqual([undefined, undefined]);
    expect(() => parseMessage('BYE sip:a@h SIP/2.0\r\n\r\n').fromTag()).toThrow(PeerError);
  });
});

test.each([
  ['', undefined],
  ['0', 0],
  ['255', 255],
  ['256', 255],
  ['1000', 255],
  ['-1', 0],
  ['70;x', undefined],
  ['abc', undefined],
  ['0x46', undefined],
  ['99999999999', undefined],
])('§20.22: Max-Forwards %j leaves %j hops at most, and 69 after this one where it says nothing', (value, hops) => {
  const request = parseMessage(`OPTIONS sip:a@h SIP/2.0\r\nMax-Forwards: ${value}\r\n\r\n`);
  expect([request.maxForwards(), request.hopsAfter()]).toEqual([hops, (hops ?? 70) - 1]);
});

test('text travels as UTF-8 octets and comes back', () => {
  expect(octetsFromText('J\u00fcrgen')).toBe('J\u00c3\u00bcrgen');
  expect(textFromOctets('J\u00c3\u00bcrgen')).toBe('J\u00fcrgen');
  expect(textFromOctets('J\u00fcrgen')).toBe('J\ufffdrgen');
});
