import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { headerName } from '../../../src/sip/message/header-id.ts';
import { HeaderId, Headers, headerIdOf, parseMessage, serialize } from '../../../src/sip/message/index.ts';

const text = `OPTIONS sip:a@b SIP/2.0\r
VIA:  SIP/2.0/UDP one;branch=z9hG4bKa, SIP/2.0/UDP two\r
v: SIP/2.0/UDP three\r
X-Thing : a\r
 b \r
\t c\r
x-thing: second\r
__proto__: polluted\r
constructor: x\r
Subject:\r
k: timer\r
Content-Length: 0\r
\r
`;
const parsed = () => parseMessage(text).headers;

describe('names', () => {
  test('§7.3.1: names are case-insensitive; each id has one canonical name', () => {
    for (const [key, id] of Object.entries(HeaderId)) {
      if (id === HeaderId.Other) continue;
      expect(headerIdOf(headerName(id)), key).toBe(id);
      expect(headerIdOf(headerName(id).toUpperCase())).toBe(id);
      expect(headerIdOf(headerName(id).toLowerCase())).toBe(id);
    }
  });

  test.each([
    ['a', 'Accept-Contact'],
    ['b', 'Referred-By'],
    ['c', 'Content-Type'],
    ['d', 'Request-Disposition'],
    ['e', 'Content-Encoding'],
    ['f', 'From'],
    ['i', 'Call-ID'],
    ['j', 'Reject-Contact'],
    ['k', 'Supported'],
    ['l', 'Content-Length'],
    ['m', 'Contact'],
    ['n', 'Identity-Info'],
    ['o', 'Event'],
    ['r', 'Refer-To'],
    ['s', 'Subject'],
    ['t', 'To'],
    ['u', 'Allow-Events'],
    ['v', 'Via'],
    ['x', 'Session-Expires'],
    ['y', 'Identity'],
  ])('§7.3.3: %s is %s', (compact, name) => {
    expect(headerName(headerIdOf(compact))).toBe(name);
    expect(headerName(headerIdOf(compact.toUpperCase()))).toBe(name);
  });

  test.each(['', 'z', 'Fro', 'Fromm', 'From ', 'C\rll-ID', '__proto__', 'constructor', 'toString', 'x'.repeat(300)])(
    '%j is no known name',
    (name) => {
      expect(headerIdOf(name)).toBe(HeaderId.Other);
    },
  );
});

describe('received fields', () => {
  test('§7.3.1: values are trimmed and unfolded', () => {
    expect(parsed().valueNamed('X-THING')).toBe('a b c');
    expect(parsed().fieldValuesNamed('x-thing')).toEqual(['a b c', 'second']);
    expect(parsed().value(HeaderId.Subject)).toBe('');
  });

  test('§7.3.1: lists go over several fields and compact names', () => {
    expect(parsed().fieldValues(HeaderId.Via)).toHaveLength(2);
    expect(parsed().listValues(HeaderId.Via)).toEqual([
      'SIP/2.0/UDP one;branch=z9hG4bKa',
      'SIP/2.0/UDP two',
      'SIP/2.0/UDP three',
    ]);
    expect(parsed().listValues(HeaderId.Route)).toEqual([]);
  });

  test('names such as __proto__ are names and nothing more', () => {
    const headers = parsed();
    expect(headers.valueNamed('__proto__')).toBe('polluted');
    expect(headers.valueNamed('toString')).toBeUndefined();
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(headers.hasNamed('constructor')).toBe(true);
  });

  test('forEach goes in order with names as written', () => {
    const names: string[] = [];
    parsed().forEach((name) => {
      names.push(name);
    });
    expect(names).toEqual([
      'VIA',
      'v',
      'X-Thing',
      'x-thing',
      '__proto__',
      'constructor',
      'Subject',
      'k',
      'Content-Length',
    ]);
  });
});

describe('changes', () => {
  const rendered = (change: (headers: Headers) => void): string => {
    const message = parseMessage(text);
    change(message.headers);
    return serialize(message);
  };

  test('what nobody touches leaves as it came, spelling, order and folding', () => {
    expect(rendered(() => {})).toBe(text);
    expect(rendered((headers) => headers.set(HeaderId.Supported, 'x'))).toBe(text.replace('k: timer', 'Supported: x'));
  });

  test('prepend puts a field above the first of its name, or first of all', () => {
    expect(rendered((headers) => headers.prepend(HeaderId.Via, 'new'))).toBe(text.replace('VIA:', 'Via: new\r\nVIA:'));
    expect(rendered((headers) => headers.prepend(HeaderId.Route, '<sip:r>'))).toBe(
      text.replace('VIA:', 'Route: <sip:r>\r\nVIA:'),
    );
  });

  test('set replaces the first and removes the others', () => {
    expect(rendered((headers) => headers.set(HeaderId.Via, 'only'))).toBe(
      text.replace('VIA:  SIP/2.0/UDP one;branch=z9hG4bKa, SIP/2.0/UDP two\r\nv: SIP/2.0/UDP three', 'Via: only'),
    );
  });

  test('remove takes every field of the name and says whether there was one', () => {
    const headers = parsed();
    expect([headers.remove(HeaderId.Via), headers.remove(HeaderId.Via), headers.removeNamed('X-thing')]).toEqual([
      true,
      false,
      true,
    ]);
    expect(headers.count).toBe(5);
  });

  test('a name that is no token is refused', () => {
    expect(() => new Headers().addNamed('X Y', 'z')).toThrow(TypeError);
    expect(() => new Headers().addNamed('X:\r\nEvil', 'z')).toThrow(TypeError);
  });

  test.each([
    ['100rel', true],
    ['100REL', true],
    ['timer', true],
    ['replaces', true],
    ['rel', false],
    ['100rel,', false],
  ])('§7.3.1: a list over several fields names %j: %s', (token, expected) => {
    const headers = new Headers().add(HeaderId.Supported, ' ,Timer , 100rel').add(HeaderId.Supported, 'x,replaces');
    expect(headers.lists(HeaderId.Supported, token)).toBe(expected);
    expect(headers.lists(HeaderId.Require, token)).toBe(false);
  });

  test('a field of a received message is parsed once, until it changes', () => {
    const { headers } = parseMessage('OPTIONS sip:a@b SIP/2.0\r\nSubject: one\r\n\r\n');
    let count = 0;
    const parse = (text: string, start: number, end: number) => ({ text: text.slice(start, end), count: ++count });
    expect(headers.parsed(HeaderId.Subject, parse)).toBe(headers.parsed(HeaderId.Subject, parse));
    headers.prepend(HeaderId.Via, 'v');
    expect(headers.parsed(HeaderId.Subject, parse)).toEqual({ text: 'one', count: 1 });
    headers.set(HeaderId.Subject, 'two');
    expect(headers.parsed(HeaderId.Subject, parse)).toEqual({ text: 'two', count: 2 });
    expect(headers.parsed(HeaderId.Route, parse)).toBeUndefined();
  });

  test('any sequence of changes does what a plain list would do', () => {
    const ids = [HeaderId.Via, HeaderId.Route, HeaderId.Supported, HeaderId.Subject];
    const step = fc.record({
      what: fc.constantFrom('add', 'prepend', 'set', 'remove'),
      id: fc.constantFrom(...ids),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const headers = parsed();
        let model: [number, string][] = [];
        headers.forEach((_name, value, id) => {
          model.push([id, value]);
        });
        steps.forEach(({ what, id }, index) => {
          const value = `v${index}`;
          const first = model.findIndex(([other]) => other === id);
          if (what === 'add' || (what === 'set' && first < 0)) model.push([id, value]);
          else if (what === 'prepend') model.splice(Math.max(first, 0), 0, [id, value]);
          else if (what === 'remove') model = model.filter(([other]) => other !== id);
          else
            model = model
              .map((entry, place): [number, string] => (place === first ? [id, value] : entry))
              .filter(([other], place) => other !== id || place === first);
          headers[what as 'add'](id, value);
          // What was read of a field stays with it and goes with it.
          for (const other of ids)
            expect(headers.parsed(other, (text, start, end) => ({ text: text.slice(start, end) }))?.text).toBe(
              model.find(([held]) => held === other)?.[1],
            );
        });
        const actual: [number, string][] = [];
        headers.forEach((_name, value, id) => {
          actual.push([id, value]);
        });
        expect(actual).toEqual(model);
      }),
    );
  });
});
