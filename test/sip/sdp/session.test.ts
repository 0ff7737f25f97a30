import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PeerError } from '../../../src/base/errors.ts';
import { SessionDescription } from '../../../src/sip/sdp/index.ts';

const lines = (...list: string[]): string => list.map((line) => `${line}\r\n`).join('');
const audio = lines(
  'v=0',
  'o=alice 2890844526 18446744073709551615 IN IP4 192.0.2.10',
  's=-',
  'c=IN IP4 192.0.2.10',
  't=0 0',
  'm=audio 49170 RTP/AVP 0 8',
  'a=rtpmap:0 PCMU/8000',
  'x=unknown',
  'a=sendrecv',
  'm=video 0 RTP/AVP 31',
  'c=IN IP6 2001:db8::1',
);

describe('reading', () => {
  test('RFC 8866 §5.14: kind, port, protocol and formats of each stream; its own c= line before the session’s', () => {
    expect(new SessionDescription(audio).media()).toEqual([
      {
        kind: 'audio',
        port: 49170,
        protocol: 'RTP/AVP',
        formats: ['0', '8'],
        direction: 'sendrecv',
        address: '192.0.2.10',
      },
      { kind: 'video', port: 0, protocol: 'RTP/AVP', formats: ['31'], direction: 'sendrecv', address: '2001:db8::1' },
    ]);
  });

  test.each([
    ['a=sendonly', true],
    ['a=inactive', true],
    ['a=recvonly', false],
    ['a=sendrecv', false],
  ])('RFC 3264 §8.4: %s is hold: %s', (line, hold) => {
    expect(new SessionDescription(audio.replace('a=sendrecv', line)).isHold()).toBe(hold);
  });

  test('RFC 8866 §6.7: a session direction counts for streams without one', () => {
    expect(new SessionDescription(lines('v=0', 'a=sendonly', 'm=audio 1 RTP/AVP 0')).isHold()).toBe(true);
    expect(new SessionDescription(lines('v=0', 'a=sendonly', 'm=audio 1 RTP/AVP 0', 'a=sendrecv')).isHold()).toBe(
      false,
    );
  });

  test('RFC 3264 §8.4: the null address of RFC 2543 is hold; a description without live audio is not', () => {
    expect(new SessionDescription(audio.replace('c=IN IP4 192.0.2.10', 'c=IN IP4 0.0.0.0')).isHold()).toBe(true);
    expect(new SessionDescription(lines('v=0', 'm=audio 0 RTP/AVP 0', 'a=sendonly')).isHold()).toBe(false);
  });

  test('T.38 annex D: an image stream with format t38 is a fax; a refused one is not', () => {
    expect(new SessionDescription(lines('v=0', 'm=image 4000 udptl t38')).isFax()).toBe(true);
    expect(new SessionDescription(lines('v=0', 'm=image 0 udptl t38')).isFax()).toBe(false);
    expect(new SessionDescription(audio).isFax()).toBe(false);
  });

  test.each([
    '',
    'hello',
    'o=x\r\nv=0\r\n',
    'v=0\r\nbroken line\r\n',
    'v=0\r\n\r\ns=-\r\n',
    `v=0\r\n${'a=x\r\n'.repeat(2000)}`,
  ])('RFC 8866 §5: refuses %j', (text) => {
    expect(() => new SessionDescription(text)).toThrow(PeerError);
  });

  test.each(['m=audio', 'm=audio x RTP/AVP 0', 'm=audio 70000 RTP/AVP 0', 'm=audio 1 RTP/AVP', 'm=audio -1 RTP/AVP 0'])(
    'RFC 8866 §5.14: refuses %s',
    (line) => {
      expect(() => new SessionDescription(lines('v=0', line)).media()).toThrow(PeerError);
    },
  );
});

describe('editing', () => {
  test('what is not edited stays octet for octet, line ends included', () => {
    const odd = 'v=0\nx=\r\na=fmtp:0  two  blanks \r\nm=audio 1/2 RTP/AVP 0\r\nlast'.replace('last', 'a=last');
    expect(new SessionDescription(odd).toString()).toBe(odd);
  });

  test('RFC 3264 §8: the o= version goes up by one and keeps its precision', () => {
    const session = new SessionDescription(audio);
    session.raiseVersion();
    expect(session.version()).toBe('18446744073709551616');
    expect(session.toString()).toBe(audio.replace('18446744073709551615', '18446744073709551616'));
  });

  test('a direction is replaced where there is one and added at the end of a stream where there is none', () => {
    const session = new SessionDescription(audio);
    session.setDirection('inactive');
    expect(session.toString()).toBe(`${audio.replace('a=sendrecv', 'a=inactive')}a=inactive\r\n`);
    expect(session.media().map((media) => media.direction)).toEqual(['inactive', 'inactive']);
  });

  test('a direction added after a last line without line end does not run into it', () => {
    const session = new SessionDescription('v=0\r\nm=audio 1 RTP/AVP 0');
    session.setDirection('sendonly');
    expect(session.toString()).toBe('v=0\r\nm=audio 1 RTP/AVP 0\r\na=sendonly\r\n');
  });

  test('an address replaces that of c= and o= lines with its family', () => {
    const session = new SessionDescription(audio);
    session.setAddress('2001:db8::99');
    expect(session.toString()).toContain('IN IP6 2001:db8::99\r\ns=-\r\nc=IN IP6 2001:db8::99\r\n');
    expect(session.media().map((media) => media.address)).toEqual(['2001:db8::99', '2001:db8::99']);
  });

  test('no value may bring a line end', () => {
    expect(() => new SessionDescription(audio).setAddress('192.0.2.1\r\na=evil')).toThrow(TypeError);
  });
});

test('any octets are read as they are or refused, never more', () => {
  const line = fc.constantFrom(
    'm=audio 1 RTP/AVP 0',
    'a=sendonly',
    'c=IN IP4 0.0.0.0',
    'o=a 1 2 IN IP4 h',
    's=',
    '',
    'x',
    'a=inactive',
  );
  fc.assert(
    fc.property(fc.array(line), fc.constantFrom('\r\n', '\n', '\r'), (list, end) => {
      const text = `v=0${end}${list.join(end)}`;
      try {
        const session = new SessionDescription(text);
        expect(session.toString()).toBe(text);
        session.media();
        session.setDirection('recvonly');
        expect(session.media().every((media) => media.direction === 'recvonly')).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(PeerError);
      }
    }),
  );
});
