import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readableText, redactedText, redactText, redactValue } from '../../src/observe/redact.ts';
import { leastCpuMs } from '../kit/thread-cpu.ts';

describe('redactText', () => {
  test.each([
    [
      'Authorization: Digest username="101", response="0123abcd", nc=1',
      'Authorization: Digest username="101", response=***, nc=1',
    ],
    ['response = unquoted, x=1', 'response = ***, x=1'],
    ['response="never closed', 'response=***'],
    ['rspauth="aa"', 'rspauth=***'],
    ['Authorization: Bearer abc.def-ghi', 'Authorization: Bearer ***'],
    ['Authorization: Bearer\tabc', 'Authorization: Bearer ***'],
    ['Authorization: Basic  QQ==', 'Authorization: Basic ***'],
    ['token tdm_00ff_AbC-_9 here', 'token tdm_00ff_*** here'],
    ['sip:101:secret@example.com', 'sip:101:***@example.com'],
    ['redis://user:pw@host:6379/0', 'redis://user:***@host:6379/0'],
    ['redis://:pw@host:6379', 'redis://:***@host:6379'],
    [
      'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwg|2^20',
      'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:***|2^20',
    ],
    ['Contact: <sip:101@192.0.2.1:5060>', 'Contact: <sip:101@192.0.2.1:5060>'],
    ['SIP/2.0 200 OK', 'SIP/2.0 200 OK'],
  ])('%s', (text, masked) => {
    expect(redactText(text)).toBe(masked);
  });

  test('time grows with the text, not with its square: 64 KB of near matches', () => {
    for (const piece of ['sip:', 'sip:a:', 'response="', 'response =', 'Bearer ', 'inline:', 'tdm_0']) {
      const text = piece.repeat(Math.ceil(65_536 / piece.length));
      expect(leastCpuMs(500, () => redactText(text))).toBeLessThan(500);
    }
  });
});

describe('redactValue', () => {
  test('secret fields lose their value at any depth, whatever it is', () => {
    const value = {
      a: [{ password: 'x', ha1: { md5: 'y' }, passwordSet: true }],
      authorization: 'z',
      apiToken: 5,
      nothing: { secret: null },
    };
    expect(redactValue(value)).toEqual({
      a: [{ password: '***', ha1: '***', passwordSet: true }],
      authorization: '***',
      apiToken: '***',
      nothing: { secret: null },
    });
  });

  test('whatever it is given, it gives something that JSON can say', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic['self'] = cyclic;
    expect(() => JSON.stringify(redactValue(cyclic))).not.toThrow();
    fc.assert(
      fc.property(fc.anything(), (value) => {
        JSON.stringify(redactValue(value));
      }),
    );
  });

  test('an error keeps its name, code and message without secrets', () => {
    const error = Object.assign(new Error('redis://:pw@host refused'), { code: 'ECONNREFUSED' });
    expect(redactValue({ error })).toMatchObject({
      error: { name: 'Error', code: 'ECONNREFUSED', message: 'redis://:***@host refused' },
    });
  });

  test('__proto__ as a key is data', () => {
    const copy = redactValue(JSON.parse('{"__proto__":{"x":1}}')) as object;
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
    expect(JSON.stringify(copy)).toBe('{"__proto__":{"x":1}}');
  });
});

describe('readableText', () => {
  test('octets that are UTF-8 are decoded; everything else stays', () => {
    const octets = Buffer.from('Zoë Müller ☎', 'utf8').toString('latin1');
    expect(readableText(octets)).toBe('Zoë Müller ☎');
    expect(readableText('Zoë')).toBe('Zoë');
    expect(readableText('☎ decoded already')).toBe('☎ decoded already');
    expect(readableText('plain')).toBe('plain');
  });
});

test('a text for people is the one look that most texts need, or what reading and masking make of it', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'response=a',
      'Bearer abc',
      'Bearer\tabc',
      'basic QQ==',
      'tdm_1f_x',
      'sip:a:b@c',
      'inline:QUJD',
      'PRIVATE KEY',
      'Ã¼',
    ),
    fc.constantFrom(...'=:_@ -.+;"'),
    fc.string({ minLength: 1, maxLength: 6 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
      const text = pieces.join('');
      expect(redactedText(text)).toBe(redactText(readableText(text)));
    }),
  );
  expect(redactedText('7'.repeat(5000))).toBe(`${'7'.repeat(4096)}…[5000 characters]`);
});
