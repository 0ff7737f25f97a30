import { describe, expect, it } from 'vitest';
import { contentFields, contentKindOf, Headers } from '../../../src/sip/message/index.ts';

function described(): Headers {
  const headers = new Headers();
  headers.addNamed('Subject', 'not of the body');
  headers.addNamed('MIME-Version', '1.0');
  headers.addNamed('content-language', 'de');
  headers.addNamed('c', 'application/sdp');
  headers.addNamed('e', 'gzip');
  headers.addNamed('Content-Disposition', 'session');
  headers.addNamed('Content-Length', '4');
  return headers;
}

describe('contentFields', () => {
  it('gives what describes the body by canonical name, and no other field', () => {
    expect(contentFields({ headers: described(), body: 'v=0\n' })).toEqual([
      ['Content-Type', 'application/sdp'],
      ['Content-Disposition', 'session'],
      ['Content-Encoding', 'gzip'],
      ['Content-Language', 'de'],
      ['MIME-Version', '1.0'],
    ]);
  });

  it('gives all fields of a list, in their order (RFC 3261 §7.3.1)', () => {
    const headers = described();
    headers.addNamed('Content-Encoding', 'aes128gcm');
    headers.addNamed('Content-Language', 'fr, it');
    expect(contentFields({ headers, body: 'v=0\n' })).toEqual([
      ['Content-Type', 'application/sdp'],
      ['Content-Disposition', 'session'],
      ['Content-Encoding', 'gzip'],
      ['Content-Encoding', 'aes128gcm'],
      ['Content-Language', 'de'],
      ['Content-Language', 'fr, it'],
      ['MIME-Version', '1.0'],
    ]);
  });

  it('gives nothing for a message without a body', () => {
    expect(contentFields({ headers: described(), body: '' })).toEqual([]);
  });

  it('names a session description that nobody has named (RFC 3261 §20.15)', () => {
    const of = (body: string) => contentFields({ headers: new Headers(), body });
    expect([of('v=0\r\no=-'), of('hello'), of('v=0')]).toEqual([[['Content-Type', 'application/sdp']], [], []]);
    for (const said of ['', '*/*', 'sdp']) {
      const headers = new Headers();
      headers.addNamed('Content-Type', said);
      expect(contentFields({ headers, body: 'v=0\r\no=-' })).toEqual([['Content-Type', 'application/sdp']]);
      expect(contentFields({ headers, body: 'hello' })).toEqual(said === '' ? [] : [['Content-Type', said]]);
    }
  });
});

describe('contentKindOf', () => {
  it.each([
    ['application/sdp', 'x', 'sdp'],
    ['APPLICATION / SDP;charset=utf-8', 'x', 'sdp'],
    ['application', 'v=0\r\n', 'sdp'],
    ['', 'v=0\r\n', 'sdp'],
    ['*/*', 'v=0\r\n', 'sdp'],
    ['', 'hello', 'other'],
    ['application/', 'v=0\r\n', 'other'],
    ['application /sd', 'v=0\r\n', 'other'],
    ['multipart/mixed;boundary=b', 'x', 'multipart'],
    ['text/plain', 'v=0\r\n', 'other'],
    [undefined, 'v=0\r\n', 'sdp'],
    [undefined, 'hello', 'other'],
  ])('%s, %j: %s', (type, body, kind) => {
    const headers = new Headers();
    if (type !== undefined) headers.addNamed('Content-Type', type);
    expect(contentKindOf({ headers, body })).toBe(kind);
  });
});
