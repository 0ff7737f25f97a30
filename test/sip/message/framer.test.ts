import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DEFAULT_LIMITS, type FrameSink, StreamFramer } from '../../../src/sip/message/index.ts';
import { leastCpuMs } from '../../kit/thread-cpu.ts';
import { tortureText } from '../../kit/torture.ts';

const message = (body = '', extra = ''): string =>
  `MESSAGE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKa\r\n${extra}Content-Length: ${body.length}\r\n\r\n${body}`;

/** What a framer reported, in order. */
function record(chunks: readonly string[], limits = DEFAULT_LIMITS): string[] {
  const events: string[] = [];
  const sink: FrameSink = {
    onMessage: (text) => events.push(text),
    onPing: () => events.push('ping'),
    onPong: () => events.push('pong'),
    onBroken: (error, head) =>
      events.push(`broken ${error.status} ${head === undefined ? 'unanswerable' : 'answerable'}`),
  };
  const framer = new StreamFramer(sink, limits);
  for (const chunk of chunks) framer.push(chunk);
  return events;
}

describe('§18.3: messages on a stream', () => {
  const first = message('one\r\n\r\ntwo');
  const second = message();

  test('pipelined in one segment', () => {
    expect(record([first + second + first])).toEqual([first, second, first]);
  });

  test('a head of thousands of lines without a colon is searched once', () => {
    const head = message().replace('\r\n\r\n', `\r\n${'C\r\n'.repeat(100_000)}\r\n`);
    const limits = { ...DEFAULT_LIMITS, headOctets: 1_000_000, messageOctets: 1_000_000 };
    expect(leastCpuMs(500, () => expect(record([head], limits)).toEqual([head]))).toBeLessThan(500);
  });

  test('one octet per segment', () => {
    expect(record([...(first + second)])).toEqual([first, second]);
  });

  test('cut anywhere', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 400 }), { maxLength: 8 }), (cuts) => {
        const stream = first + second + first;
        const places = [0, ...cuts.map((cut) => cut % stream.length).sort((a, b) => a - b), stream.length];
        const chunks = places.slice(1).map((end, index) => stream.slice(places[index], end));
        expect(record(chunks)).toEqual([first, second, first]);
      }),
    );
  });

  describe('RFC 2543: a head all of whose lines end with LF', () => {
    const bare = (text: string) => {
      const end = text.indexOf('\r\n\r\n') + 4;
      return text.slice(0, end).replaceAll('\r\n', '\n') + text.slice(end);
    };

    test('is a message like any other, among others, and its body stays as it came', () => {
      expect(record([bare(first) + second + bare(second) + bare(first)])).toEqual([first, second, second, first]);
      expect(record([...(bare(first) + second + bare(second))])).toEqual([first, second, second]);
      expect(record([`${bare(first)}\r\n\r\n${bare(second)}`])).toEqual([first, 'ping', second]);
    });

    test.each([
      ['an LF', '\n', []],
      ['LFs as a keep-alive', '\n\n\n\n', []],
      ['a CRLF pair among LFs', '\n\r\n\r\n\n', ['ping']],
    ])('§7.5: %s behind it is passed over, as over UDP', (_what, between, events) => {
      const stream = `${bare(first)}${between}${bare(second)}${between}`;
      expect(record([stream])).toEqual([first, ...events, second, ...events]);
      expect(record([...stream]).filter((event) => event !== 'pong')).toEqual([first, ...events, second, ...events]);
    });

    test('is held to the limit of a message by the octets that came', () => {
      const text = bare(message('body', 'X: y\r\n'.repeat(1_000)));
      const limits = { ...DEFAULT_LIMITS, messageOctets: text.length };
      expect(record([text, bare(second)], limits)).toHaveLength(2);
      expect(record([text], { ...limits, messageOctets: text.length - 1 })).toEqual(['broken 513 answerable']);
    });

    test.each([
      ['an empty line that ends with CRLF', bare(second).replace(/\n$/, '\r\n')],
      ['a last line and an empty line that end with CRLF', bare(second).replace(/\n\n$/, '\r\n\r\n')],
      ['one line that ends with CRLF', bare(second).replace('Via: ', 'Subject: x\r\nVia: ')],
      ['a CR in a field', bare(second).replace('Via: ', 'Subject: x\rX: y\nVia: ')],
    ])('with %s it could be read in two ways, and ends the stream', (_what, text) => {
      const smuggled = 'INVITE sip:evil@b SIP/2.0\nContent-Length: 0\n\n';
      expect(record([text + smuggled])).toEqual(['broken 400 unanswerable']);
      expect(record([...text, smuggled])).toEqual(['broken 400 unanswerable']);
    });
  });

  describe('a CR or LF alone in a head whose lines end with CRLF', () => {
    const smuggled = 'INVITE sip:evil@b SIP/2.0\r\nContent-Length: 0\r\n\r\n';

    test.each(['\n\n', '\n\r\n', '\r\n\n'])('%j ends the head for a reader of LFs, and the stream at once', (end) => {
      const text = second.replace('Via: ', `Subject: x${end}Via: `);
      const outcome = ['broken 400 unanswerable'];
      expect(record([text.slice(0, text.indexOf('Via: '))])).toEqual(outcome);
      expect(record([text + smuggled])).toEqual(outcome);
      expect(record([...text, smuggled])).toEqual(outcome);
    });

    test.each([
      ['a CR behind a line', 'Subject: x\r\n\rX: y\r\n'],
      ['a CR behind an LF', 'Subject: x\n\rX: y\r\n'],
      ['a CR before a line end', 'Subject: x\r\r\n'],
      ['two CRs', 'Subject: x\r\rX: y\r\n'],
      ['a line of white space', 'Subject: x\n \r\n'],
      ['white space, then an LF', 'Subject: x\r\n \nX: y\r\n'],
      ['a Content-Length behind an LF', 'Subject: x\nContent-Length: 9\r\n'],
      ['a Content-Length behind a CR', 'Subject: x\r Content-Length : 9\r\n'],
      ['a compact one behind an LF', 'Subject: x\n\tl : 9\r\n'],
      ['an LF in its name', 'Content\n-Length: 9\r\n'],
      ['a CR behind its name', 'Content-Length\r: 9\r\n'],
      ['a CR behind its compact name', 'l\r: 9\r\n'],
    ])('%s: two readers may see two messages, and the stream ends', (_what, lines) => {
      const text = second.replace('Via: ', `${lines}Via: `);
      expect(record([text + smuggled])).toEqual(['broken 400 answerable']);
      expect(record([...text, smuggled])).toEqual(['broken 400 answerable']);
    });

    test('in the start line it may hide a Content-Length as well', () => {
      const text = second.replace('SIP/2.0', 'SIP/2.0\rContent-Length: 9');
      expect(record([text + smuggled])).toEqual(['broken 400 answerable']);
    });

    test('elsewhere all see the same message, which the parser judges', () => {
      const text = message('body', 'Subject: a\nX: y\r\nl\n-x: 9\r\nUser-Agent: a\rbell: c\r\n');
      expect(record([text + second])).toEqual([text, second]);
      expect(record([...(text + second)])).toEqual([text, second]);
    });

    test.each(['\rx', '\nx', '\r x', '\r ', '\r\t\n x', 'l\r', '\rl'])('thousands of %j cost linear time', (part) => {
      const limits = { ...DEFAULT_LIMITS, headOctets: 1_000_000, messageOctets: 1_000_000 };
      const text = message('', `X: ${part.repeat(100_000)}\r\n`);
      expect(leastCpuMs(500, () => expect(record([text], limits)).toHaveLength(1))).toBeLessThan(500);
    });
  });

  test('RFC 4475 §3.1.1.8: what is one datagram is two requests here', () => {
    const text = tortureText('rfc4475', 'dblreq');
    expect(record([text])[0]).toContain('REGISTER sip:example.com SIP/2.0');
    expect(record([text])[1]).toContain('INVITE sip:joe@example.com SIP/2.0');
  });
});

describe('framing that is lost ends the stream', () => {
  const smuggled = 'INVITE sip:evil@b SIP/2.0\r\nContent-Length: 0\r\n\r\n';
  test.each([
    ['§18.3: no Content-Length', 'MESSAGE sip:a@b SIP/2.0\r\nVia: x\r\n\r\n', 'broken 400 answerable'],
    ['RFC 4475 §3.1.2.3: a negative one', message().replace('Length: 0', 'Length: -999'), 'broken 400 answerable'],
    ['RFC 4475 §3.3.9: two of them', message('', 'l: 5\r\n'), 'broken 400 answerable'],
    ['no number', message().replace('Length: 0', 'Length: 0x0'), 'broken 400 answerable'],
    ['an empty value', message().replace('Length: 0', 'Length:'), 'broken 400 answerable'],
    ['2**40', message().replace('Length: 0', 'Length: 1099511627776'), 'broken 400 answerable'],
    ['a body over the limit', message().replace('Length: 0', 'Length: 65536'), 'broken 513 answerable'],
    ['another protocol', 'GET / HTTP/1.1\r\n\r\n', 'broken 400 unanswerable'],
    ['a TLS greeting', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003', 'broken 400 unanswerable'],
    ['a folded Content-Length', message().replace('Length: 0', 'Length:\r\n 5'), 'broken 400 answerable'],
    [
      'a header section over the limit',
      `MESSAGE sip:a@b SIP/2.0\r\nX: ${'y'.repeat(70_000)}`,
      'broken 513 unanswerable',
    ],
  ])('%s', (_what, text, outcome) => {
    // Nothing after the error is read, however well-formed it looks.
    expect(record([text + smuggled])).toEqual([outcome]);
    expect(record([...text, smuggled])).toEqual([outcome]);
  });

  test('octets that a short Content-Length leaves over are no message', () => {
    expect(record([message('body').replace('Length: 4', 'Length: 2')])).toEqual([
      message('body').replace('Length: 4', 'Length: 2').slice(0, -2),
    ]);
    expect(record([`${message('body text').replace('Length: 9', 'Length: 2')}\r\n${smuggled}`])[1]).toBe(
      'broken 400 unanswerable',
    );
  });
});

describe('RFC 5626 §3.5.1, §4.4.1: keep-alives between messages', () => {
  test('a double CRLF is a ping, a single one a pong', () => {
    expect(record(['\r\n\r\n'])).toEqual(['ping']);
    expect(record(['\r\n'])).toEqual(['pong']);
    expect(record([`\r\n\r\n\r\n\r\n`])).toEqual(['ping', 'ping']);
    expect(record([message(), '\r\n\r\n', message()])).toEqual([message(), 'ping', message()]);
  });

  test('a ping cut after its first CRLF is a pong, then a ping', () => {
    expect(record([...'\r\n\r\n'])).toEqual(['pong', 'ping']);
  });

  test.each(['\r\n', '\n', '\r', '\n\n', '\r\r\n', '\n\r'])('§7.5: %j in front of a message is ignored', (empty) => {
    const stream = `${empty}${message()}${empty}${message('x')}`;
    expect(record([stream])).toEqual([message(), message('x')]);
    expect(record([...stream]).filter((event) => event !== 'pong')).toEqual([message(), message('x')]);
  });

  test('a CR or LF alone is no part of a ping', () => {
    expect(record(['\r\n\n\r\n'])).toEqual(['pong']);
    expect(record(['\r\n\r\r\n'])).toEqual(['pong']);
  });
});

test('64 KB one octet at a time costs a constant per octet', () => {
  const ms = (octets: number, enoughMs = 0): number => {
    const chunks = [...message('x'.repeat(octets))];
    return leastCpuMs(enoughMs, () => expect(record(chunks)).toHaveLength(1));
  };
  ms(4_000);
  const most = Math.max(ms(8_000) * 8 * 4, 40);
  expect(ms(64_000, most)).toBeLessThan(most);
});

test('nothing is held between messages', () => {
  const framer = new StreamFramer({ onMessage() {}, onPing() {}, onPong() {}, onBroken() {} });
  framer.push(message('abc').slice(0, -1));
  expect(framer.heldOctets).toBe(message('abc').length - 1);
  framer.push('c');
  expect(framer.heldOctets).toBe(0);
});
