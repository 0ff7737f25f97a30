import { describe, expect, it } from 'vitest';
import { contentFields, Headers } from '../../../src/sip/message/index.ts';

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

  it('gives nothing for a message without a body', () => {
    expect(contentFields({ headers: described(), body: '' })).toEqual([]);
  });
});
