import { describe, expect, test } from 'vitest';
import { hasMedia, isTooMuch, legible, withoutNamelessFormats } from '../../src/media/legible.ts';

const PLAIN = 'v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n';

describe('a description for a relay', () => {
  test.each([
    ['as it should be', PLAIN],
    ['without the end of its last line', PLAIN.trimEnd()],
    ['with small letters', PLAIN.replaceAll('IN IP4', 'in ip4')],
    ['with spaces and tabs', PLAIN.replace('m=audio 4000', 'm=audio  4000').replace('c=IN IP4', 'c= IN\tIP4')],
    ['with a NUL and empty lines at its end', `${PLAIN}\r\n\0`],
    ['with an empty line within', PLAIN.replace('t=0 0', '\r\nt=0 0')],
    ['with lines of unknown types', `${PLAIN.replace('t=0 0', 'x=1\r\nt=0 0')}y=0100000001\r\nf=v/1///a///\r\n`],
    ['with a TTL of one host', PLAIN.replace(/(c=.*)/, '$1/127')],
    ['with a user of no name', PLAIN.replace('o=- ', 'o= ')],
    ['with the wrong family', PLAIN.replace('c=IN IP4', 'c=IN IP6')],
    ['with its address twice', PLAIN.replace(/(c=.*\r\n)/, '$1$1')],
  ])('%s, is as it should be', (_what, sdp) => {
    expect(legible(sdp)).toBe(PLAIN);
  });

  test('RFC 8866 §5.2: one without an origin gets one', () => {
    expect(legible(PLAIN.replace(/o=.*\r\n/, ''))).toMatch(/^v=0\r\no=- \d+ \d+ IN IP4 \S+\r\ns=-\r\n/);
  });

  test.each(['o=- 1 1 IN IP4', 'o=', 'o=- 1 1', 'o=alice'])('an origin that says too little is one: %s', (line) => {
    expect(legible(PLAIN.replace(/o=.*/, line))).toBe(PLAIN);
  });

  test.each([
    ['pbx.example.test', '198.51.100.7', 'IN IP4 198.51.100.7'],
    ['localhost', '2001:db8::7', 'IN IP6 2001:db8::7'],
    ['pbx.example.test', undefined, 'IN IP4 192.0.2.1'],
    ['fe80::1%eth0', '198.51.100.7', 'IN IP6 fe80::1'],
    ['[2001:db8::1]', '198.51.100.7', 'IN IP6 2001:db8::1'],
    ['203.0.113.5 extra', '198.51.100.7', 'IN IP4 203.0.113.5'],
  ])('RFC 8866 §5.7: the address %s of a party at %s is %s', (host, address, expected) => {
    const sdp = PLAIN.replace(/c=.*/, `c=IN IP4 ${host}`);
    expect(legible(sdp, address)).toBe(PLAIN.replace(/c=.*/, `c=${expected}`));
    const ofStream = (line: string) => `${PLAIN.replace(/c=.*\r\n/, '')}${line}\r\n`;
    expect(legible(ofStream(`c=IN IP4 ${host}`), address)).toContain(`\r\nc=${expected}\r\nt=0 0`);
  });

  test('RFC 3605: where RTCP goes is a port, of the address that there is', () => {
    const line = (value: string) => `${PLAIN}a=rtcp:${value}\r\n`;
    expect(legible(line('4001 IN IP4 pbx.example.test'))).toBe(line('4001'));
    for (const stays of ['4001', '4001 IN IP4 192.0.2.9', '4001 IN IP6 2001:db8::9'])
      expect(legible(line(stays))).toBe(line(stays));
  });

  test('RFC 8866 §5.7: a refused stream without an address has the other one’s', () => {
    const audio = PLAIN.replace(/c=.*\r\n/, '').concat('c=IN IP4 192.0.2.1\r\n');
    const both = `${audio}m=video 0 RTP/AVP 31\r\n`;
    expect(legible(both)).toBe(both.replace('t=0 0', 'c=IN IP4 192.0.2.1\r\nt=0 0'));
    expect(legible(both.replaceAll('\r\n', '\n'))).toContain('\nc=IN IP4 192.0.2.1\nt=0 0\n');
  });

  test('all types that there are stay', () => {
    const session = ['i=a', 'u=http://a.test', 'e=a@a.test', 'p=+1', 'c=IN IP4 192.0.2.1', 'b=AS:64'];
    const every = ['v=0', 'o=a b 1 1 IN IP4 a.test', 's= ', ...session, 't=0 0', 'r=1 1 1', 'z=0 0', 'k=prompt', 'a=x'];
    const sdp = `${[...every, 'm=audio 4000 RTP/AVP 0', 'a=sendrecv'].join('\r\n')}\r\n`;
    expect(legible(sdp)).toBe(sdp);
  });

  test('line feeds alone stay', () => {
    expect(legible(PLAIN.replaceAll('\r\n', '\n'))).toBe(PLAIN.replaceAll('\r\n', '\n'));
  });

  test('the addresses of two streams stay', () => {
    const two = `${PLAIN}c=IN IP4 192.0.2.1\r\nm=video 4002 RTP/AVP 96\r\nc=IN IP4 192.0.2.1\r\n`;
    expect(legible(two)).toBe(two);
  });
});

test('RFC 3264 §5: a description may have no stream', () => {
  expect(hasMedia(PLAIN)).toBe(true);
  expect(hasMedia(PLAIN.replace(/m=.*\r\n/, ''))).toBe(false);
});

test('more than a relay can answer in a datagram is too much: octets, and streams', () => {
  expect(isTooMuch(PLAIN)).toBe(false);
  expect(isTooMuch(PLAIN + 'a=x\r\n'.repeat(7000))).toBe(true);
  expect(isTooMuch(PLAIN + 'm=audio 1 RTP/AVP 0\r\n'.repeat(16))).toBe(true);
});

test('a format that the relay has no name for is not named', () => {
  expect(withoutNamelessFormats('a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 /0\r\na=x\r\n')).toBe(
    'a=rtpmap:8 PCMA/8000\r\na=x\r\n',
  );
});
