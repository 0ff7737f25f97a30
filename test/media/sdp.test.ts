import { expect, describe as group, test } from 'vitest';
import { chooseCodecs, connectionAddress, describe, heldInactive, inventedOffer, isHeld } from '../../src/media/sdp.ts';
import { leastCpuMs } from '../kit/thread-cpu.ts';

const head = 'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n';

group('what a description speaks', () => {
  test.each([
    ['plain RTP', `${head}m=audio 4000 RTP/AVP 0\r\n`, { profile: 'rtp', ice: false, family: 4 }],
    [
      'RFC 4568: keys',
      `${head}m=audio 4000 RTP/SAVP 0\r\na=crypto:1 A inline:x\r\n`,
      { profile: 'sdes', ice: false, family: 4 },
    ],
    [
      'keys beside plain RTP, which is meant too',
      `${head}m=audio 4000 RTP/AVP 0\r\na=crypto:1 A inline:x\r\n`,
      { profile: 'rtp' },
    ],
    ['RFC 5763: DTLS', `${head}m=audio 4000 UDP/TLS/RTP/SAVPF 0\r\na=ice-ufrag:x\r\n`, { profile: 'dtls', ice: true }],
    [
      'DTLS as older stacks write it',
      `${head}m=audio 4000 RTP/SAVPF 0\r\na=fingerprint:sha-256 00\r\n`,
      { profile: 'dtls' },
    ],
    ['IPv6', head.replace('c=IN IP4 192.0.2.1', 'c=IN IP6 2001:db8::1'), { family: 6 }],
    ['no connection address', 'v=0\r\n', { family: undefined, profile: 'rtp' }],
  ])('%s', (_, sdp, expected) => {
    expect(describe(sdp)).toMatchObject(expected);
  });
});

group('codecs', () => {
  const audio = `m=audio 4000 RTP/AVP 0 8 96 101\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n`;

  test('are those that are named, in that order; telephone events stay, lines of the others go', () => {
    expect(chooseCodecs(head + audio, ['PCMA', 'opus'])).toBe(
      `${head}m=audio 4000 RTP/AVP 8 96 101\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n`,
    );
    expect(chooseCodecs(head + audio, ['pcmu'])).not.toContain('opus');
  });

  test('blanks before an encoding are none of its name, and a line without an encoding says nothing', () => {
    const offer = (lines: string) => `${head}m=audio 4000 RTP/AVP 0 96\r\n${lines}`;
    for (const lines of [
      'a=rtpmap:96  PCMA/8000\r\na=rtpmap:96 opus/48000/2\r\n',
      'a=rtpmap:96   \r\na=rtpmap:96 PCMA/8000\r\n',
    ])
      expect(chooseCodecs(offer(lines), ['PCMA'])).toContain('m=audio 4000 RTP/AVP 96\r\n');
  });

  test('more than a space between words, and one after a colon, hide none', () => {
    const offer = `${head}m=audio  4000\tRTP/AVP  18 8 101 \r\na=rtpmap: 18 G729/8000\r\na=fmtp: 18 annexb=no\r\na=rtpmap: 101\ttelephone-event/8000\r\n`;
    expect(chooseCodecs(offer, ['PCMA'])).toBe(
      `${head}m=audio 4000 RTP/AVP 8 101\r\na=rtpmap: 101\ttelephone-event/8000\r\n`,
    );
    expect(chooseCodecs(offer, ['opus'])).toBeUndefined();
    expect(describe(`${head}m=audio  4000  RTP/SAVP  0\r\n`).profile).toBe('sdes');
  });

  test('none that is named: there is no description', () => {
    expect(chooseCodecs(head + audio, ['G729'])).toBeUndefined();
  });

  test('T.38 and video stay as they are, whatever line ends are used', () => {
    const fax = 'm=image 4002 udptl t38\na=T38FaxVersion:0\nm=video 4004 RTP/AVP 97\na=rtpmap:97 H264/90000\n';
    const sdp = `${head}${audio}${fax}`.replaceAll('\r\n', '\n');
    expect(chooseCodecs(sdp, ['PCMU'])?.endsWith(fax)).toBe(true);
  });

  test.each(['0', '0/2'])('RFC 3264 §8.2: audio at port %s, as of a fax in its place, asks for no codec', (port) => {
    const sdp = `${head}m=audio ${port} RTP/AVP 0\r\nm=image 4002 udptl t38\r\n`;
    expect(chooseCodecs(sdp, ['PCMA'])).toBe(sdp);
  });

  test('RFC 3264 §8.2: of two audio lines the one without any is offered at port 0, the other one stays', () => {
    const sdp = (port: number) => `${head}m=audio 4000 RTP/AVP 8\r\nm=audio ${port} RTP/AVP 0\r\na=content:sl\r\n`;
    expect(chooseCodecs(sdp(4002), ['PCMA'])).toBe(sdp(0));
  });

  test.each([
    ['0 1 fax', '1 fax'],
    ['1 0', '1'],
    ['0', ''],
    ['00 1', '00 1'],
  ])('RFC 8843 §7.2: an audio line at port 0 leaves its bundle: %s', (offered, left) => {
    const sdp = (bundle: string, port: number) =>
      `${head}a=group:LS 0 1\r\n${bundle === '' ? '' : `a=group:BUNDLE ${bundle}\r\n`}` +
      `m=audio ${port} RTP/AVP 0\r\na=mid:0\r\nm=audio 4002 RTP/AVP 8\r\na=mid:1\r\n`;
    expect(chooseCodecs(sdp(offered, 4000), ['PCMA'])).toBe(sdp(left, 0));
  });

  test('as much bundled as a message holds takes time in line with its length', () => {
    const lines = Array.from({ length: 4_000 }, (_, index) => `m=audio 4 RTP/AVP 0\r\na=mid:x${index}\r\n`).join('');
    const last = 'm=audio 4002 RTP/AVP 8\r\na=mid:z\r\n';
    const offer = (group: string) => `${head}a=group:${group}${' z'.repeat(60_000)}\r\n${lines}${last}`;
    const tookMs = (group: string) => leastCpuMs(0, () => chooseCodecs(offer(group), ['PCMA']));
    expect(tookMs('BUNDLE') - tookMs('LS')).toBeLessThan(100);
  });
});

group('a hold for who knows `inactive` alone', () => {
  const audio = `${head}m=audio 4000 RTP/AVP 0\r\n`;
  test.each([
    ['sendonly', `${audio}a=sendonly\r\n`, `${audio}a=inactive\r\n`],
    ['recvonly', `${audio}a=recvonly\r\n`, `${audio}a=inactive\r\n`],
    ['RFC 2543: no address', audio.replaceAll('192.0.2.1\r', '0.0.0.0\r'), `${audio}a=inactive\r\n`],
    [
      'no address, and sendrecv',
      `${audio.replaceAll('192.0.2.1\r', '0.0.0.0\r')}a=sendrecv\r\n`,
      `${audio}a=inactive\r\n`,
    ],
    ['RFC 6157 §3.2.1: no address of IPv6', audio.replaceAll('IP4 192.0.2.1\r', 'IP6 ::\r'), `${audio}a=inactive\r\n`],
    [
      'no address of IPv6, at length',
      audio.replaceAll('IP4 192.0.2.1\r', 'IP6 0:0:0:0:0:0:0:0\r'),
      `${audio}a=inactive\r\n`,
    ],
    ['a blank at the end of the line', `${audio}a=sendonly \r\n`, `${audio}a=inactive \r\n`],
    [
      'an address of IPv6',
      audio.replaceAll('IP4 192.0.2.1\r', 'IP6 ::1\r'),
      audio.replaceAll('IP4 192.0.2.1\r', 'IP6 ::1\r'),
    ],
    ['no hold', `${audio}a=sendrecv\r\na=x-sendonly-not\r\n`, `${audio}a=sendrecv\r\na=x-sendonly-not\r\n`],
  ])('%s', (_, sdp, expected) => {
    const origin = (text: string) => text.replace(/^o=.*$/m, 'o=');
    expect(origin(heldInactive(sdp, '192.0.2.1'))).toBe(origin(expected));
  });

  test('the address that was said last is the one before the hold', () => {
    expect(connectionAddress(head)).toBe('192.0.2.1');
    expect(connectionAddress(head.replaceAll('192.0.2.1', '0.0.0.0'))).toBeUndefined();
    expect(connectionAddress('c=IN  IP4\t192.0.2.7\r\n')).toBe('192.0.2.7');
  });
});

test.each([
  ['a=sendonly\r\n', true],
  ['a=inactive', true],
  ['a=recvonly \r\n', true],
  ['c=IN IP4 0.0.0.0\r\n', true],
  ['c=IN  IP4\t0.0.0.0 \r\n', true],
  ['c=IN IP6 ::\n', true],
  ['c=IN IP6 0:0:0:0:0:0:0:0\r\n', true],
  ['c=IN IP6 ::1\r\n', false],
  ['a=sendrecv\r\n', false],
])('whether %j is a hold', (line, expected) => {
  expect(isHeld(`${head}m=audio 4000 RTP/AVP 0\r\n${line}`)).toBe(expected);
});

test('an offer that is made up has what everybody speaks, or what is asked for, and keys where they are wanted', () => {
  expect(describe(inventedOffer([], false, 'x'))).toMatchObject({ profile: 'rtp', ice: false });
  expect(inventedOffer([], false, 'x')).toContain('m=audio 9 RTP/AVP 8 0 101\r\n');
  expect(inventedOffer(['G722', 'unheard-of'], true, 'abc')).toMatch(
    /^m=audio 9 RTP\/SAVP 9 101\r\n[\s\S]*inline:abc\r\n/m,
  );
});
