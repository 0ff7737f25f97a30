import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PeerError } from '../../../src/base/errors.ts';
import {
  createResponse,
  DEFAULT_LIMITS,
  HeaderId,
  parseMessage,
  type SipRequest,
  type SipResponse,
  serialize,
  validateRequest,
  validateResponse,
} from '../../../src/sip/message/index.ts';
import { tortureCases } from '../../kit/torture.ts';
import { expectLinear } from './field-suite.ts';

const request = (fields = '', body = ''): string =>
  `INVITE sip:b@h SIP/2.0\r
Via: SIP/2.0/UDP h;branch=z9hG4bKa\r
From: <sip:a@h>;tag=1\r
To: <sip:b@h>\r
Call-ID: c@h\r
CSeq: 1 INVITE\r
${fields}\r
${body}`;

describe('start line', () => {
  test('§7.1: method, Request-URI and version', () => {
    const message = parseMessage(request()) as SipRequest;
    expect([message.kind, message.method, message.requestUri, message.version]).toEqual([
      'request',
      'INVITE',
      'sip:b@h',
      'SIP/2.0',
    ]);
  });

  test('§7.2: status and reason phrase', () => {
    const message = parseMessage('SIP/2.0 200 All is well\r\n\r\n') as SipResponse;
    expect([message.kind, message.status, message.reason]).toEqual(['response', 200, 'All is well']);
  });

  test('§7.1: the version is compared without regard to case and sent in upper case', () => {
    expect(parseMessage('sip/2.0 200 OK\r\n\r\n').version).toBe('SIP/2.0');
    expect(serialize(parseMessage(request('Content-Length: 0\r\n').replace('SIP/2.0\r', 'sip/2.0\r')))).toBe(
      request('Content-Length: 0\r\n'),
    );
  });

  test('§7.5: empty lines before the start line are ignored', () => {
    for (const empty of ['\r\n\r\n', '\n', '\r', '\n\r\n\n'])
      expect(parseMessage(`${empty}${request()}`).callId()).toBe('c@h');
  });

  test.each([
    '',
    '\r\n',
    'INVITE',
    'INVITE sip:b@h',
    'INVITE sip:b@h HTTP/1.1\r\n\r\n',
    'GET / HTTP/1.0\r\n\r\n',
    'SIP/2.0\r\n\r\n',
    'SIP/2.0 abc OK\r\n\r\n',
    ' INVITE sip:b@h SIP/2.0\r\n\r\n',
    'IN\u0000VITE sip:b@h SIP/2.0\r\n\r\n',
    'INVITE sip:b@h SIP/2.0',
  ])('%j is no SIP message', (text) => {
    expect(() => parseMessage(text)).toThrow(PeerError);
  });

  test.each([
    ['SIP/2.0 200 OK', true],
    ['SIP/2.0 99 Low', false],
    ['SIP/2.0 2000 High', false],
    ['SIP/2.0 200', true],
    ['SIP/2.0  200  OK', true],
    ['sip/2.0 200 OK', true],
    ['SIP/2.0 200OK', true],
    ['SIP/2.0 200\tOK', true],
    ['SIP/2.0 700 Beyond', false],
    ['SIP/3.0 200 OK', false],
  ])('a whole response that starts with %j is kept: %s', (startLine, expected) => {
    const text = request('Content-Length: 0\r\n').replace(/^[^\r]*/, startLine);
    let kept: boolean;
    try {
      kept = validateResponse(parseMessage(text) as SipResponse);
    } catch (error) {
      if (!(error instanceof PeerError)) throw error;
      kept = false;
    }
    expect(kept).toBe(expected);
  });
});

describe('smuggling: what could be read in two ways is refused and never relayed', () => {
  test.each([
    ['a bare LF', 'Subject: a\nP-Asserted-Identity: <sip:evil@h>\r\n', 'Stray Control Character'],
    ['a bare CR', 'Subject: a\rP-Asserted-Identity: <sip:evil@h>\r\n', 'Stray Control Character'],
    ['a NUL', 'Subject: a\0b\r\n', 'Stray Control Character'],
    ['an empty name', ': x\r\n', 'Malformed Header Field'],
    ['a name with a space in it', 'P-Asserted Identity: x\r\n', 'Malformed Header Field'],
    ['256 octets before the colon', `${' '.repeat(256)}P-Asserted-Identity: x\r\n`, undefined],
    ['two Content-Length', 'Content-Length: 0\r\nl: 5\r\n', 'Several Content-Length Header Fields'],
    ['two From in compact form', 'f: <sip:evil@h>;tag=2\r\n', 'Repeated Header Field'],
    ['257 fields', 'X: y\r\n'.repeat(257), 'Too Many Header Fields'],
    ['a field of 17 KB', `X: ${'y'.repeat(17_000)}\r\n`, 'Header Field Too Long'],
    ['a folded field of 17 KB', `X: ${'y\r\n '.repeat(5_000)}\r\n`, 'Header Field Too Long'],
    ['71 Via values', `Via: ${Array(70).fill('SIP/2.0/UDP h;branch=z9hG4bKb').join(', ')}\r\n`, 'Too Many Via Values'],
    ['a second tag', 'X: y\r\n', undefined],
  ])('%s', (_what, fields, reason) => {
    const message = parseMessage(request(fields)) as SipRequest;
    const refusal = validateRequest(message);
    if (reason === undefined) {
      expect(message.headers.has(HeaderId.PAssertedIdentity)).toBe(false);
      return;
    }
    expect(refusal).toMatchObject({ status: 400, reason });
    expect(message.headers.has(HeaderId.PAssertedIdentity)).toBe(false);
    if (message.defect !== undefined) expect(() => serialize(message)).toThrow();
    // The refusal itself can be sent.
    const answer = serialize(createResponse(message, 400, reason));
    expect(answer.split('\r\n').filter((line) => line.includes('evil') && !line.startsWith('Subject'))).toEqual([]);
  });

  test.each([
    ['a word', 'Subject\r\n'],
    ['the rest of a value', 'ACME Inc., 2nd floor\r\n'],
    ['many', 'Subject\r\n'.repeat(200)],
  ])('a line that is no field of any name costs nobody anything, and goes nowhere: %s', (_what, line) => {
    const message = parseMessage(request(`${line}Subject: y\r\n`)) as SipRequest;
    expect(validateRequest(message)).toBeUndefined();
    expect([message.headers.has(HeaderId.PAssertedIdentity), message.headers.value(HeaderId.Subject)]).toEqual([
      false,
      'y',
    ]);
    expect(serialize(message)).toBe(serialize(parseMessage(request('Subject: y\r\n'))));
  });

  test.each([
    ['a line with a bare LF', 'Subject: a\nP-Asserted-Identity: <sip:evil@h>\r\n'],
    ['a name with a space in it', 'P-Asserted Identity: x\r\n'],
    ['a NUL', 'Subject: a\0b\r\n'],
    ['a field of 17 KB', `X: ${'y'.repeat(17_000)}\r\n`],
    ['300 fields', 'X: y\r\n'.repeat(300)],
    ['a Content-Length that is no number', 'Content-Length: x\r\n'],
  ])('what ends a call goes on without %s, and is written without it', (_what, line) => {
    for (const method of ['BYE', 'CANCEL']) {
      const text = request(line).replaceAll('INVITE', method);
      const message = parseMessage(text) as SipRequest;
      expect([message.defect?.spares, validateRequest(message)]).toEqual(['ending', undefined]);
      const written = parseMessage(serialize(message)) as SipRequest;
      expect([validateRequest(written), written.method, written.callId(), written.topVia().branch]).toEqual([
        undefined,
        method,
        message.callId(),
        message.topVia().branch,
      ]);
      expect(written.headers.has(HeaderId.PAssertedIdentity)).toBe(false);
    }
  });

  test.each([
    ['the line end of its last field', (text: string) => text.replace(/\r\n\r\n.*/s, '\r\n')],
    ['its last field alone', (text: string) => text.replace(/\r\n\r\n.*/s, '')],
  ])('what ends a call may end with %s: §7 wants an empty line', (_what, cut) => {
    const text = cut(request('User-Agent: a\r\n'));
    const reason = 'No Empty Line After Header Fields';
    expect(validateRequest(parseMessage(text) as SipRequest)).toMatchObject({ status: 400, reason });
    for (const method of ['BYE', 'CANCEL', 'ACK'])
      expect(validateRequest(parseMessage(text.replaceAll('INVITE', method)) as SipRequest)).toBeUndefined();
  });

  test('beside a defect that spares less it does not count', () => {
    const { defect } = parseMessage(request('Subject\r\nUser-Agent: a\nb\r\nSubject\r\n'));
    expect(defect).toEqual({ status: 400, reason: 'Stray Control Character', spares: 'ending' });
  });

  const STRAY = [
    ['a bare LF', 'Subject: a\nP-Asserted-Identity: <sip:evil@h>', undefined],
    ['a bare CR', 'Subject: a\rP-Asserted-Identity: <sip:evil@h>', undefined],
    ['a bare LF in a folded field', 'Subject: a\r\n b\nP-Asserted-Identity: <sip:evil@h>', undefined],
    ['a NUL', 'Subject: a\0b', 'a b'],
  ] as const;
  test.each(STRAY)('%s costs an answer, BYE, CANCEL or ACK the field, and no more', (_what, field, subject) => {
    for (const start of ['SIP/2.0 302 Moved', 'BYE sip:b@h SIP/2.0', 'CANCEL sip:b@h SIP/2.0', 'ACK sip:b@h SIP/2.0']) {
      const method = start.startsWith('SIP') ? 'INVITE' : start.split(' ')[0];
      const text = request(`${field}\r\nX-Next: n\r\n`)
        .replace(/^[^\r]*/, start)
        .replace(/CSeq: (\d+) \w+/, `CSeq: $1 ${method}`);
      const message = parseMessage(text);
      expect(
        message.kind === 'response' ? validateResponse(message) : validateRequest(message) === undefined,
        start,
      ).toBe(true);
      expect(message.headers.value(HeaderId.Subject)).toBe(subject);
      expect(message.headers.has(HeaderId.PAssertedIdentity)).toBe(false);
      expect(message.headers.valueNamed('X-Next')).toBe('n');
      expect(message.headers.value(HeaderId.CallId)).toBeDefined();
    }
  });

  test.each(['Via', 'From', 'To', 'Call-ID', 'CSeq', 'Content-Length'])(
    'a bare LF in %s leaves nothing to go on with',
    (name) => {
      for (const start of ['SIP/2.0 200 OK', 'BYE sip:b@h SIP/2.0']) {
        const text = request('Content-Length: 0\r\n')
          .replace(/^[^\r]*/, start)
          .replace(/CSeq: (\d+) \w+/, `CSeq: $1 ${start.startsWith('SIP') ? 'INVITE' : 'BYE'}`)
          .replace(new RegExp(`\r\n(${name}: [^\r]*)`), '\r\n$1\nX: y');
        const message = parseMessage(text);
        if (message.kind === 'response') expect(validateResponse(message)).toBe(false);
        else expect(validateRequest(message)).toMatchObject({ status: 400, reason: 'Stray Control Character' });
      }
    },
  );

  test('a phrase with a CR, LF or NUL is left out and the status counts; a Request-Line with one is refused', () => {
    for (const stray of ['\n', '\r', '\0', '\\\0', '\nVia: SIP/2.0/UDP evil']) {
      const response = parseMessage(request().replace(/^[^\r]*/, `SIP/2.0 486 B${stray}x`)) as SipResponse;
      expect(validateResponse(response), JSON.stringify(stray)).toBe(true);
      expect([response.status, response.reason]).toEqual([486, 'Busy Here']);
      const bye = request()
        .replace(/^[^\r]*/, `BYE sip:b${stray}@h SIP/2.0`)
        .replace(/CSeq: (\d+) \w+/, 'CSeq: $1 BYE');
      expect(validateRequest(parseMessage(bye) as SipRequest)?.status, JSON.stringify(stray)).toBe(400);
    }
  });

  test('§7.3.1: two tags, two branches', () => {
    expect(validateRequest(parseMessage(request().replace(';tag=1', ';tag=1;TAG=2')) as SipRequest)?.reason).toBe(
      'Repeated Parameter',
    );
    expect(
      validateRequest(parseMessage(request().replace('=z9hG4bKa', '=z9hG4bKa;branch=z9hG4bKb')) as SipRequest)?.status,
    ).toBe(400);
  });
});

describe('body', () => {
  test('§18.3: Content-Length cuts the body; without it the rest of the datagram is the body', () => {
    expect(parseMessage(request('Content-Length: 2\r\n', 'abcd')).body).toBe('ab');
    expect(parseMessage(request('', 'abcd')).body).toBe('abcd');
  });

  test('§18.3: fewer octets than it says are 400', () => {
    expect(validateRequest(parseMessage(request('Content-Length: 5\r\n', 'abcd')) as SipRequest)).toMatchObject({
      status: 400,
    });
  });

  test('a message over the limit is 513', () => {
    const limits = { ...DEFAULT_LIMITS, messageOctets: 300 };
    expect(validateRequest(parseMessage(request('', 'x'.repeat(300)), limits) as SipRequest, limits)).toMatchObject({
      status: 513,
    });
  });
});

describe('parse and serialize', () => {
  test('are each other’s inverse on every well-formed torture message that carries its length', () => {
    let checked = 0;
    for (const item of [...tortureCases('rfc4475'), ...tortureCases('rfc5118')]) {
      if (item.parse !== 'accept') continue;
      const message = parseMessage(item.text);
      if (
        message.defect !== undefined ||
        message.headers.countOf(HeaderId.ContentLength) !== 1 ||
        item.text.includes('\\\0')
      )
        continue;
      const end = item.text.indexOf('\r\n\r\n') + 4 + message.body.length;
      expect(serialize(message), item.name).toBe(item.text.slice(0, end));
      checked++;
    }
    expect(checked).toBeGreaterThan(25);
  });

  test('are each other’s inverse on generated messages', () => {
    const token = fc.stringMatching(/^[A-Za-z0-9.!%*_+`'~-]{1,20}$/);
    const value = fc.stringMatching(/^[!-~\u0080-\u00ff]([ -~\u0080-\u00ff]{0,40}[!-~\u0080-\u00ff])?$/);
    const field = fc.tuple(
      token.filter((name) => !['content-length', 'l'].includes(name.toLowerCase())),
      fc.constantFrom(': ', ':', ' : ', ':\r\n '),
      value,
    );
    const body = fc.uint8Array({ maxLength: 60 }).map((octets) => Buffer.from(octets).toString('latin1'));
    fc.assert(
      fc.property(token, fc.array(field, { maxLength: 12 }), body, (method, fields, content) => {
        const head = fields.map(([name, colon, text]) => `${name}${colon}${text}\r\n`).join('');
        const text = `${method} sip:a@b SIP/2.0\r\n${head}Content-Length: ${content.length}\r\n\r\n${content}`;
        expect(serialize(parseMessage(text))).toBe(text);
      }),
      { numRuns: 300 },
    );
  });

  test('whatever the octets, nothing but a PeerError is thrown, and what is accepted can be relayed', () => {
    const seeds = [...tortureCases('rfc4475'), ...tortureCases('rfc5118')].map((item) => item.text);
    const octet = fc.oneof(
      fc.constantFrom(...'\r\n\0 \t:;,<>"@=%\\[]'),
      fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
    );
    const edits = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 5 }), fc.array(octet, { maxLength: 4 })), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(fc.constantFrom(...seeds), edits, (seed, changes) => {
        let text = seed;
        for (const [place, removed, inserted] of changes) {
          const at = place % text.length;
          text = text.slice(0, at) + inserted.join('') + text.slice(at + removed);
        }
        handle(text);
      }),
      { numRuns: 3_000, seed: 3261 },
    );
    fc.assert(
      fc.property(fc.array(octet, { maxLength: 200 }), (octets) =>
        handle(`INVITE sip:a SIP/2.0\r\n${octets.join('')}`),
      ),
    );
  });
});

/** What an endpoint does with any text: parse, validate, answer or relay. */
function handle(text: string): void {
  try {
    const message = parseMessage(text);
    if (message.kind === 'response') {
      if (validateResponse(message)) expectClean(serialize(message));
      return;
    }
    const refusal = validateRequest(message);
    expectClean(serialize(createResponse(message, refusal?.status ?? 200, refusal?.reason, { toTag: 't' })));
    if (refusal === undefined) expectClean(serialize(message));
  } catch (error) {
    if (!(error instanceof PeerError)) throw error;
  }
}

function expectClean(text: string): void {
  const head = text.slice(0, text.indexOf('\r\n\r\n')).replaceAll('\r\n', '');
  expect(head.includes('\r') || head.includes('\n') || head.includes('\0'), JSON.stringify(head)).toBe(false);
}

test('time grows linearly: 64 KB of anything in a header section', () => {
  const validate = (text: string): void => {
    const message = parseMessage(text);
    if (message.kind === 'request') validateRequest(message);
  };
  const head = request().slice(0, -2);
  for (const fragment of [
    '\r\n ',
    'X: y\r\n',
    'X\r\n',
    'X\r',
    'X\n',
    'Via: SIP/2.0/UDP h\r\n',
    'a',
    ' ',
    ':',
    '\n',
    '\r',
    '\0',
    'f: <sip:a@b>\r\n',
    'Route: <sip:a>\r\n',
    ',',
    '"',
  ])
    for (const start of [head, `${head}X: `, `${head}Via: `, `${head}Contact: `])
      expectLinear(validate, start, fragment);
});
