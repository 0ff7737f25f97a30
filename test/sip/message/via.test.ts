import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PeerError } from '../../../src/base/errors.ts';
import { formatVia, parseVia, readBranch, splitVias } from '../../../src/sip/message/via.ts';
import { leastCpuMs } from '../../kit/thread-cpu.ts';
import { describeField } from './field-suite.ts';

describeField('Via (RFC 3261 §20.42)', {
  parse: (text) => {
    const via = parseVia(text);
    return { ...via, params: via.params };
  },
  format: formatVia,
  table: [
    [
      'SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds',
      { protocol: 'SIP/2.0', transport: 'UDP', host: 'pc33.atlanta.com', branch: 'z9hG4bK776asdhds' },
    ],
    [
      'SIP / 2.0 / UDP first.example.com: 4000;ttl=16 ;maddr=224.2.0.1 ;branch=z9',
      { port: 4000, branch: 'z9' },
      'SIP/2.0/UDP first.example.com:4000;ttl=16;maddr=224.2.0.1;branch=z9',
    ],
    [
      'SIP/2.0/TLS [2001:db8::9:1]:5061;rport;received=2001:db8::9:255;branch=a',
      { host: '2001:db8::9:1', port: 5061, params: { received: '2001:db8::9:255' } },
    ],
    ['SIP/2.0/UDP [fe80::1%wlan0]:5060;branch=a', { host: 'fe80::1%wlan0', port: 5060 }],
    // Whether 5060 is the port nobody can tell.
    [
      'SIP/2.0/UDP 2001:db8::9:5060;rport;branch=a',
      { host: '2001:db8::9:5060', port: undefined, branch: 'a' },
      'SIP/2.0/UDP [2001:db8::9:5060];rport;branch=a',
    ],
    [
      'SIP/2.0/UDP fe80::1%eth0 ;branch=a',
      { host: 'fe80::1%eth0', branch: 'a' },
      'SIP/2.0/UDP [fe80::1%eth0];branch=a',
    ],
    ['SIP/2.0/UDP h;branch=a(b)', { branch: 'a(b)' }],
    ['SIP/2.0/UNKNOWN t4.example.com', { transport: 'UNKNOWN', branch: '' }],
    ['SIP/2.0/UDP h;__proto__', { host: 'h', branch: '' }],
    ['SIP/2.0/UDP h:;rport;;rport;branch=a;', { port: undefined, branch: 'a' }, 'SIP/2.0/UDP h;rport;branch=a'],
    // RFC 2543 §6.40.1
    ['SIP/2.0/UDP h;branch=a (Acme server)', { params: { branch: 'a' }, branch: 'a' }, 'SIP/2.0/UDP h;branch=a'],
    ['SIP/2.0/UDP h;branch=a (Acme, Inc.; \\) (x, y) SBC)', { branch: 'a' }, 'SIP/2.0/UDP h;branch=a'],
    ['SIP/2.0/UDP h;branch=a (c\\\\)', { branch: 'a' }, 'SIP/2.0/UDP h;branch=a'],
    ['SIP/2.0/UDP h;branch=a (a ("b" <c) \\(; d=", e)', { branch: 'a' }, 'SIP/2.0/UDP h;branch=a'],
    [`SIP/2.0/UDP h;branch=a (${'x'.repeat(300)}(y))`, { branch: 'a' }, 'SIP/2.0/UDP h;branch=a'],
    ['SIP/2.0/UDP h;x="(y (" ;branch=a (b)', { branch: 'a' }, 'SIP/2.0/UDP h;x="(y (";branch=a'],
    // None by the grammar, for their parentheses.
    ['SIP/2.0/UDP h;branch=a (hi :) )', { branch: 'a' }, 'SIP/2.0/UDP h;branch=a'],
    ['SIP/2.0/UDP h;branch=a (hi ; :) )', { branch: 'a' }, 'SIP/2.0/UDP h;branch=a'],
    ['SIP/2.0/UDP h;branch=a (b ( c)', { branch: 'a' }, 'SIP/2.0/UDP h;branch=a'],
    ['SIP/2.0/UDP h;branch=a (b\\)', { branch: 'a' }, 'SIP/2.0/UDP h;branch=a'],
    ['SIP/2.0/UDP h;branch=a (b) (c)', { branch: 'a' }, 'SIP/2.0/UDP h;branch=a'],
    ['SIP/2.0/UDP h (Acme)', { host: 'h', branch: '' }, 'SIP/2.0/UDP h'],
    ['SIP/2.0/UDP h;branch=a(b)', { branch: 'a(b)' }],
  ],
  rejects: [
    'SIP/2.0/UDP h;branch=a (b) c',
    'SIP/2.0/UDP h (b);branch=a (c)',
    'SIP/2.0/UDP h (b);branch=a(c)',
    'SIP/2.0/UDP (h)',
    '',
    'SIP/2.0',
    'SIP/2.0/UDP',
    'SIP/2.0/UDP ',
    'SIP/2.0/UDP;branch=a',
    'SIP 2.0 UDP h',
    'SIP/2.0/UDP h:70000',
    'SIP/2.0/UDP h:1x',
    'SIP/2.0/UDP h:1:2',
    'SIP/2.0/UDP 1:2;branch=a b',
    'SIP/2.0/UDP fe80::g;branch=a',
    'SIP/2.0/UDP [::1',
    'SIP/2.0/UDP 192.0.2.15;;,;,,',
    'SIP/2.0/UDP h;branch="a',
    'SIP/2.0/UDP h g',
    'SIP/2.0/UDP h;branch=a (b',
    'SIP/2.0/UDP (b)',
  ],
});

test('a value as nearly all are says what taking it apart finds', () => {
  const piece = fc.constantFrom(
    ';branch=z9hG4bKa',
    ';branch=b',
    ';BRANCH=c',
    ';branch',
    ';rport',
    ';rport=5060',
    ';received=192.0.2.1',
    ';received=[::1]',
    ';ttl=1',
    ';',
    '=',
    '"',
    ',',
    ' ',
    'x',
  );
  const start = fc.constantFrom(
    'SIP/2.0/UDP h',
    'SIP/2.0/TCP 192.0.2.1:5061',
    'SIP/2.0/UDP h:',
    'SIP/2.0/UDP  h:99999',
    'SIP/2.0/ h',
  );
  const outcome = (read: () => unknown) => {
    try {
      return read();
    } catch (error) {
      expect(error).toBeInstanceOf(PeerError);
      return (error as PeerError).code;
    }
  };
  const partsOf = (text: string) => {
    const via = parseVia(text);
    const { protocol, transport, host, port, params, branch, rport, received } = via;
    return {
      protocol,
      transport,
      host,
      port,
      params: params.toString(),
      branch,
      rport,
      received,
      repeats: via.repeats(),
    };
  };
  fc.assert(
    fc.property(start, fc.array(piece, { maxLength: 5 }), (first, pieces) => {
      const text = first + pieces.join('');
      // With white space behind it, it is taken apart.
      expect(outcome(() => partsOf(text))).toEqual(outcome(() => partsOf(`${text} `)));
      expect(outcome(() => readBranch(text, 0, text.length))).toBe(
        outcome(() => readBranch(`${text} `, 0, text.length + 1)),
      );
    }),
    { numRuns: 5000 },
  );
});

test('comments of any content are passed over (RFC 2543 §6.40.1, RFC 3261 §25.1), and what stands before and behind them is read', () => {
  const plain = fc.constantFrom(...'ab:=;,"<>@/ \t[]{}?!\u00e9');
  const pair = fc.constantFrom(...'()\\\\"a,;').map((escaped) => `\\${escaped}`);
  const { comment } = fc.letrec<{ comment: string }>((tie) => ({
    comment: fc
      .array(fc.oneof({ depthSize: 'small', withCrossShrink: true }, plain, pair, tie('comment')), { maxLength: 8 })
      .map((content) => `(${content.join('')})`),
  }));
  const start = fc.constantFrom('SIP/2.0/UDP h', 'SIP/2.0/TCP 192.0.2.1:5061', 'SIP/2.0/TLS [2001:db8::1]');
  const params = fc.constantFrom('', ';branch=z9', ';branch=z9;rport', ';x="(y (, \\" (";branch=z9', ';branch=z9(b)');
  const value = fc.tuple(
    start,
    params,
    fc.array(
      comment.filter((text) => text.length <= 200),
      { maxLength: 2 },
    ),
  );
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 3 }), (values) => {
      const written = values.map(
        ([first, last, behind]) => `${first}${last}${behind.map((one) => ` ${one}`).join('')}`,
      );
      const field = written.join(', ');
      expect(splitVias(field)).toEqual(written);
      for (const [index, [first, last]] of values.entries()) {
        const [read, bare] = [parseVia(written[index] as string), parseVia(first + last)];
        expect(formatVia(read)).toBe(formatVia(bare));
        expect(read.branch).toBe(bare.branch);
      }
      expect(readBranch(field, 0, field.length)).toBe(parseVia(written[0] as string).branch);
    }),
    { numRuns: 5000 },
  );
});

describe('a field with several', () => {
  test.each([
    ['SIP/2.0/UDP a;branch=1, SIP/2.0/UDP b;branch=2', 2],
    ['SIP/2.0/UDP a;branch=1 (Acme, Inc.), SIP/2.0/UDP b;branch=2 (x, (y, z)), SIP/2.0/UDP c', 3],
    ['SIP/2.0/UDP a;branch=1 (Acme, Inc. \\), SIP/2.0/UDP b)', 1],
    ['SIP/2.0/UDP a;x="(, (" (a, b), SIP/2.0/UDP b', 2],
    ['SIP/2.0/UDP a;branch=1 (5" rack <, x), SIP/2.0/UDP b (5" rack), SIP/2.0/UDP c', 3],
    // One that nothing closes is none.
    ['SIP/2.0/UDP a;branch=1 (Acme, SIP/2.0/UDP b', 2],
    ['SIP/2.0/UDP a;branch=1,,', 1],
  ])('%s: %i', (field, count) => {
    const values = splitVias(field);
    expect(values).toHaveLength(count);
    expect(readBranch(field, 0, field.length)).toBe(field.includes('x=') ? '' : '1');
  });

  test.each([
    ['comments that nothing closes are not looked through again for each comma', '(a, '.repeat(16_000), 16_000],
    ['what many comments are followed by is not looked for in each', `${'(a) '.repeat(16_000)},b`, 2],
  ])('%s', (_, rest, count) => {
    const text = `SIP/2.0/UDP a ${rest}`;
    expect(leastCpuMs(250, () => expect(splitVias(text)).toHaveLength(count))).toBeLessThan(250);
  });
});
