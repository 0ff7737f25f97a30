import { describe, expect, test } from 'vitest';
import {
  parseMessage,
  refuseExtensions,
  type SipRequest,
  type SipResponse,
  validateRequest,
  validateResponse,
} from '../../../src/sip/message/index.ts';

const fields = [
  'Via: SIP/2.0/UDP h;branch=z9hG4bKa',
  'Max-Forwards: 70',
  'From: <sip:a@h>;tag=1',
  'To: <sip:b@h>',
  'Call-ID: c@h',
  'CSeq: 1 INVITE',
  'Contact: <sip:a@h>',
];
const build = (startLine: string, list: readonly string[]): string => `${startLine}\r\n${list.join('\r\n')}\r\n\r\n`;
const judge = (startLine: string, list: readonly string[] = fields) =>
  validateRequest(parseMessage(build(startLine, list)) as SipRequest);
const replaced = (from: string, to: string): string[] =>
  fields.map((field) => field.replace(from, to)).filter((field) => field !== '');

test.each([
  ['<sip:a@2001:db8::1::>, <sip:a@h:x>, <sip:a@h>', undefined, 400],
  ['<sip:a@2001:db8::1>', undefined, undefined],
  ['<a@h>', undefined, undefined],
  ['Sip : a@h', undefined, undefined],
  ['"Alice <sip:a@h>', undefined, undefined],
  ['<sip:a@h>, <sip:a@>', undefined, 400],
  ['<sip:a@>, <sip:@>', 400, 400],
  ['<sip:a@>', 400, 400],
])(
  'of the Contacts %s of a REGISTER those that cannot be read cost the others nothing: %s, an INVITE %s',
  (contact, register, invite) => {
    const fields = replaced('Contact: <sip:a@h>', `Contact: ${contact}`);
    const registering = fields.map((field) => field.replace('INVITE', 'REGISTER'));
    expect(judge('REGISTER sip:h SIP/2.0', registering)?.status).toBe(register);
    expect(judge('INVITE sip:h SIP/2.0', fields)?.status).toBe(invite);
  },
);

test('a well-formed request goes on', () => {
  expect(judge('INVITE sip:b@h SIP/2.0')).toBeUndefined();
  expect(judge('INVITE tel:+4989 SIP/2.0')).toBeUndefined();
});

describe('the response owed', () => {
  test.each([
    ['§8.2.2.1: an unknown scheme', 'INVITE isbn:123 SIP/2.0', fields, 416],
    ['§21.5.6: another version', 'INVITE sip:b@h SIP/3.0', fields, 505],
    ['§21.5.2: an unknown method', 'DANCE sip:b@h SIP/2.0', replaced('1 INVITE', '1 DANCE'), 501],
    ['§7.1: methods are case-sensitive', 'invite sip:b@h SIP/2.0', replaced('1 INVITE', '1 invite'), 501],
    ['§21.4.12: a Request-URI of 5 KB', `INVITE sip:${'b'.repeat(5_000)}@h SIP/2.0`, fields, 414],
    ['§16.3: Max-Forwards 0', 'INVITE sip:b@h SIP/2.0', replaced(': 70', ': 0'), 483],
    ['§16.3: Max-Forwards -1', 'INVITE sip:b@h SIP/2.0', replaced(': 70', ': -1'), 483],
    ['§20.22: Max-Forwards 256', 'INVITE sip:b@h SIP/2.0', replaced(': 70', ': 256'), undefined],
    ['§20.22: Max-Forwards abc', 'INVITE sip:b@h SIP/2.0', replaced(': 70', ': abc'), undefined],
    ['§8.1.1.5: another CSeq method', 'INVITE sip:b@h SIP/2.0', replaced('1 INVITE', '1 BYE'), 400],
    ['§8.1.1: no Via', 'INVITE sip:b@h SIP/2.0', fields.slice(1), 400],
    ['§8.1.1: no From', 'INVITE sip:b@h SIP/2.0', replaced('From: <sip:a@h>;tag=1', ''), 400],
    ['§8.1.1: no To', 'INVITE sip:b@h SIP/2.0', replaced('To: <sip:b@h>', ''), 400],
    ['§8.1.1: no Call-ID', 'INVITE sip:b@h SIP/2.0', replaced('Call-ID: c@h', ''), 400],
    ['§8.1.1: no CSeq', 'INVITE sip:b@h SIP/2.0', replaced('CSeq: 1 INVITE', ''), 400],
    ['§25.1: an empty Call-ID', 'INVITE sip:b@h SIP/2.0', replaced('c@h', ''), 400],
    ['§25.1: white space in the Call-ID', 'INVITE sip:b@h SIP/2.0', replaced('c@h', 'c h'), 400],
    ['a malformed second Via', 'INVITE sip:b@h SIP/2.0', [...fields, 'Via: x'], 400],
    ['a malformed Contact', 'INVITE sip:b@h SIP/2.0', replaced('Contact: <sip:a@h>', 'Contact: <sip:a@h'), 400],
    [
      '§8.1.1.8: a Contact that is no SIP URI',
      'INVITE sip:b@h SIP/2.0',
      replaced('Contact: <sip:a@h>', 'Contact: <tel:+1>'),
      400,
    ],
    ['a Record-Route that is no SIP URI', 'INVITE sip:b@h SIP/2.0', [...fields, 'Record-Route: <tel:+1>'], 400],
    ['a malformed Record-Route', 'INVITE sip:b@h SIP/2.0', [...fields, 'Record-Route: x y'], 400],
    ['RFC 4475 §3.1.2.11: header components in the Request-URI', 'INVITE sip:b@h?Route=x SIP/2.0', fields, 400],
  ])('%s', (_what, startLine, list, status) => {
    expect(judge(startLine, list)?.status).toBe(status);
  });

  test('reason phrases repeat nothing that the peer sent', () => {
    const reason = judge('INVITE sip:b@h SIP/2.0', replaced('<sip:b@h>', '"secret'))?.reason;
    expect(reason).toBe('Malformed Address');
  });

  test.each(['<sip:[>', '<tel:+1>'])(
    '§12.2.2: within a dialog, which has its target, Contact %s costs nothing',
    (contact) => {
      const sent = replaced('Contact: <sip:a@h>', `Contact: ${contact}`);
      expect(judge('INVITE sip:b@h SIP/2.0', sent)?.status).toBe(400);
      const within = sent.map((field) => field.replace('To: <sip:b@h>', 'To: <sip:b@h>;tag=2'));
      expect(judge('INVITE sip:b@h SIP/2.0', within)).toBeUndefined();
    },
  );

  test.each([
    ['OPTIONS', '', undefined],
    ['BYE', ';tag=2', undefined],
    ['INVITE', ';tag=2', 483],
    ['INFO', ';tag=2', 483],
    ['UPDATE', ';tag=2', 483],
    ['PRACK', ';tag=2', 483],
    ['NOTIFY', ';tag=2', 483],
  ])('§16.3: whether a %s may have no hops left goes by what it is, within a dialog too', (method, tag, status) => {
    const sent = replaced(': 70', ': 0').map((field) => field.replace('1 INVITE', `1 ${method}`));
    const within = sent.map((field) => field.replace('To: <sip:b@h>', `To: <sip:b@h>${tag}`));
    expect(judge(`${method} sip:b@h SIP/2.0`, within)?.status).toBe(status);
  });

  test('RFC 2543: no branch, From tag or Max-Forwards is accepted', () => {
    expect(
      judge('INVITE sip:b@h SIP/2.0', ['Via: SIP/2.0/UDP h', 'From: <sip:a@h>', ...fields.slice(3)]),
    ).toBeUndefined();
  });

  test('§10.2.2: a Contact of * is read', () => {
    expect(
      judge(
        'REGISTER sip:h SIP/2.0',
        replaced('Contact: <sip:a@h>', 'Contact: *').map((field) => field.replace('INVITE', 'REGISTER')),
      ),
    ).toBeUndefined();
  });
});

describe('§8.2.2.3: required extensions', () => {
  const requiring = (method: string) =>
    parseMessage(
      build(`${method} sip:b@h SIP/2.0`, [...fields, 'Require: timer, Warp', 'Require: 100rel']),
    ) as SipRequest;
  const supported = new Set(['timer', '100rel']);

  test('420 lists what is not supported', () => {
    expect(refuseExtensions(requiring('INVITE'), supported)).toMatchObject({
      status: 420,
      headers: [[expect.anything(), 'Warp']],
    });
    expect(refuseExtensions(requiring('INVITE'), new Set([...supported, 'warp']))).toBeUndefined();
  });

  test('Require is ignored in ACK and CANCEL, and in BYE: whoever hangs up has hung up', () => {
    expect(refuseExtensions(requiring('ACK'), supported)).toBeUndefined();
    expect(refuseExtensions(requiring('BYE'), supported)).toBeUndefined();
    expect(refuseExtensions(requiring('CANCEL'), supported)).toBeUndefined();
  });
});

describe('whom a request is for says its Request-URI (§8.2.2.1)', () => {
  const UNREADABLE = ['<sip:b@h:1:2>', '<sip:b@2001:db8::g>', '<sip:b"b@h>', '<b%@h@h>', '<<sip:b@h>>', '<>'];

  test.each(UNREADABLE)('To: %s names nobody, and costs nothing', (to) => {
    for (const [method, tag] of [
      ['INVITE', undefined],
      ['OPTIONS', undefined],
      ['MESSAGE', undefined],
      ['INVITE', '2'],
      ['INFO', '2'],
    ]) {
      const list = replaced('<sip:b@h>', tag === undefined ? to : `${to};tag=${tag}`);
      const text = build(`${method} sip:b@h SIP/2.0`, list).replace('1 INVITE', `1 ${method}`);
      const request = parseMessage(text) as SipRequest;
      expect(validateRequest(request)).toBeUndefined();
      expect([request.to().uri.scheme, request.toTag()]).toEqual(['other', tag]);
    }
  });

  test.each(UNREADABLE)('of a REGISTER it is To (§10.2): %s is refused', (to) => {
    const list = replaced('<sip:b@h>', to).map((field) => field.replace('INVITE', 'REGISTER'));
    expect(judge('REGISTER sip:h SIP/2.0', list)).toMatchObject({ status: 400, reason: 'Malformed URI' });
  });

  test.each(['"b <sip:b@h>;tag=2', '"b" sip:b@h;tag=2', '<sip:b@h>;tag=2;x=1;x=2'])(
    '§12.2.2: within a dialog it is the tags: To: %s',
    (to) => {
      for (const method of ['INVITE', 'UPDATE', 'INFO', 'REFER', 'NOTIFY'])
        expect(
          judge(
            `${method} sip:b@h SIP/2.0`,
            replaced('<sip:b@h>', to).map((field) => field.replace('INVITE', method)),
          ),
        ).toBeUndefined();
    },
  );

  test('two addresses with a tag each are two readings', () => {
    for (const to of ['<sip:b@h>;tag=1, <sip:c@h>;tag=2', '<sip:b@h>;tag=1,<sip:c@h>'])
      expect(
        judge(
          'INFO sip:b@h SIP/2.0',
          replaced('<sip:b@h>', to).map((field) => field.replace('INVITE', 'INFO')),
        )?.status,
      ).toBe(400);
    const named = replaced('<sip:b@h>', 'ACME, Inc. <sip:b@h>;tag=1').map((field) => field.replace('INVITE', 'INFO'));
    expect(judge('INFO sip:b@h SIP/2.0', named)).toBeUndefined();
  });

  test('RFC 4475 §3.1.2.6: outside of one, quotes that do not match are refused', () => {
    expect(judge('INVITE sip:b@h SIP/2.0', replaced('<sip:b@h>', '"b <sip:b@h>'))?.status).toBe(400);
  });

  test('§12.2, §10.3: Record-Route is not looked at where it makes no route set', () => {
    const list = [...replaced('<sip:b@h>', '<sip:b@h>;tag=2'), 'Record-Route: <sip:[>'];
    expect(judge('INVITE sip:b@h SIP/2.0', list)).toBeUndefined();
    const register = [...fields, 'Record-Route: x y'].map((field) => field.replace('INVITE', 'REGISTER'));
    expect(judge('REGISTER sip:h SIP/2.0', register)).toBeUndefined();
    expect(judge('INVITE sip:b@h SIP/2.0', [...fields, 'Record-Route: x y'])?.status).toBe(400);
  });

  test.each(['tag=1;tag=', 'tag=;tag=1'])('a tag and an empty one are one: %s', (tags) => {
    expect(judge('INVITE sip:b@h SIP/2.0', replaced('tag=1', tags))).toBeUndefined();
  });

  test('two tags behind it are refused all the same', () => {
    expect(judge('INVITE sip:b@h SIP/2.0', replaced('<sip:b@h>', '<b@h>;tag=1;tag=2'))?.status).toBe(400);
  });
});

describe('responses', () => {
  const keep = (list: readonly string[]) =>
    validateResponse(parseMessage(build('SIP/2.0 200 OK', list)) as SipResponse);
  test('a well-formed response is kept', () => {
    expect(keep(fields)).toBe(true);
  });

  test.each([
    ['no CSeq', replaced('CSeq: 1 INVITE', '')],
    ['a CSeq beyond 2**31', replaced('CSeq: 1', 'CSeq: 4294967296')],
    ['two To', [...fields, 'To: <sip:x@h>;tag=2']],
    ['two tags', replaced('To: <sip:b@h>', 'To: <sip:b@h>;tag=1;tag=2')],
    ['two branches', replaced('bKa', 'bKa;branch=z9hG4bKb')],
    ['two branches of a Via that cannot be read', replaced('bKa', 'bKa;branch=z9hG4bKb;;= x')],
    ['a Via without branch that cannot be read', replaced('h;branch=z9hG4bKa', '[;x')],
    ['a branch that is in quotes alone', replaced('h;branch=z9hG4bKa', 'h h;x=";branch=z9hG4bKa"')],
  ])('%s is dropped', (_what, list) => {
    expect(keep(list)).toBe(false);
  });

  test.each<[string, string[]]>([
    ['a malformed Contact', replaced('Contact: <sip:a@h>', 'Contact: <sip')],
    ['a Contact that is no SIP URI', replaced('Contact: <sip:a@h>', 'Contact: <tel:+1>')],
    ...[
      'Record-Route: x y',
      'Allow: @@@',
      'Content-Type: x',
      'P-Asserted-Identity: <sip:',
      'Reason: ;',
      'Session-Expires: x',
      'Warning: x',
      'Date: x',
      'Expires: -1',
      'Max-Forwards: x',
      'Content-Length: x',
      'Content-Length: 5',
      'a line without a colon',
      'A Name With Spaces: x',
      `X: ${'y'.repeat(17_000)}`,
    ].map((line): [string, string[]] => [line.slice(0, 40), [...fields, line]]),
    ['two different Content-Type', [...fields, 'Content-Type: a/b', 'c: c/d']],
    ['a From that cannot be read', replaced('From: <sip:a@h>;tag=1', 'From: <sip:[>;tag=1')],
    ['a To that cannot be read', replaced('To: <sip:b@h>', 'To: "<sip:b@h>;tag=2')],
    ['no Call-ID', replaced('Call-ID: c@h', '')],
    ['To twice', [...fields, 'To: <sip:b@h>']],
    ['Via twice', [...fields, ...fields.filter((field) => field.startsWith('Via'))]],
    ['§8.1.3.3: a second Via', [...fields, 'Via: SIP/2.0/UDP other;branch=z9hG4bKb']],
    ['a second Via that cannot be read', [...fields, 'Via: x']],
    ['two Via in one field', replaced('bKa', 'bKa, SIP/2.0/UDP other;branch=z9hG4bKb')],
    ['a comment in Via', replaced('bKa', 'bKa (Acme)')],
    ['more than parameters in Via', replaced('bKa', 'bKa via gw-1')],
    ['an address without brackets in Via', replaced('UDP h;', 'UDP fe80::1%eth0:5060;')],
    ['no sent-by in Via', replaced('UDP h;', 'UDP ;')],
    ['more than the method in CSeq', replaced('1 INVITE', '1 INVITE;ob')],
    ['CSeq, Call-ID and From twice', [...fields, 'CSeq: 1 INVITE', 'i: c@h', 'f: <sip:a@h>;tag=1']],
    ['a tag twice', replaced('tag=1', 'tag=1;tag=1')],
    ['a tag and an empty one', replaced('tag=1', 'TAG=1;tag=')],
  ])('an answer reaches its transaction with %s', (_what, list) => {
    expect(keep(list)).toBe(true);
    expect((parseMessage(build('SIP/2.0 200 OK', list)) as SipResponse).topBranch()).toBe('z9hG4bKa');
  });

  test('a first Via without a branch has not that of a second one', () => {
    const list = replaced('UDP h;', 'UDP g, SIP/2.0/UDP h;');
    expect((parseMessage(build('SIP/2.0 200 OK', list)) as SipResponse).topBranch()).toBe('');
  });

  test.each([
    ['quotes in a Via that cannot be read', 'h h;x=";branch=z9hG4bKb"'],
    ['quotes with a quote in them', 'h h;x="\\";branch=z9hG4bKb"'],
    ['quotes that do not end', 'h h;x="y'],
    ['a comma in the broken part', 'h, g'],
    ['several commas there', 'ACME, Inc., h:5060'],
  ])('the branch is read behind %s', (_what, sentBy) => {
    const list = replaced('h;branch', `${sentBy};branch`);
    expect(keep(list)).toBe(true);
    expect((parseMessage(build('SIP/2.0 200 OK', list)) as SipResponse).topBranch()).toBe('z9hG4bKa');
  });

  test('a Via of thousands of quotes and commas is read in passing', () => {
    for (const piece of ['"\\', ',"', ';"\\"', ','])
      expect(keep(replaced('UDP h;', `UDP h h${piece.repeat(4_000)};`))).toBeTypeOf('boolean');
  });

  test('the tag of an address that cannot be read is read', () => {
    const response = parseMessage(
      build('SIP/2.0 200 OK', replaced('To: <sip:b@h>', 'To: <sip:[>;x;tag=2')),
    ) as SipResponse;
    expect([response.fromTag(), response.toTag()]).toEqual(['1', '2']);
  });
});

describe.each(['BYE', 'CANCEL', 'ACK'])('%s is judged by what it needs', (method) => {
  const ending = (list: readonly string[], uri = 'sip:b@h') =>
    judge(
      `${method} ${uri} SIP/2.0`,
      list.map((field) => field.replace('1 INVITE', `1 ${method}`)),
    );

  test.each([
    ['two Max-Forwards', [...fields, 'Max-Forwards: 60']],
    ['Max-Forwards abc', replaced(': 70', ': abc')],
    ['Max-Forwards 0', replaced(': 70', ': 0')],
    ['a malformed Contact', replaced('Contact: <sip:a@h>', 'Contact: <sip')],
    ['a malformed Route', [...fields, 'Route: <sip:a@>']],
    ['a malformed Record-Route', [...fields, 'Record-Route: x y']],
    ['a malformed second Via', [...fields, 'Via: x']],
    ['two Content-Type', [...fields, 'Content-Type: a/b', 'Content-Type: c/d']],
    ['a Content-Length that is no number', [...fields, 'Content-Length: x']],
    ['a body that is not all there', [...fields, 'Content-Length: 5']],
    ['a line that is no field', [...fields, 'x y z']],
    ['addresses that cannot be read', replaced('From: <sip:a@h>;tag=1', 'From: <sip:>;tag=1')],
  ])('goes on with %s', (_what, list) => {
    expect(ending(list)).toBeUndefined();
  });

  test('goes on whatever its Request-URI is', () => {
    expect(ending(fields, 'tel:@')).toBeUndefined();
  });

  test.each([
    ['two From', [...fields, 'From: <sip:a@h>;tag=2']],
    ['two tags', replaced('tag=1', 'tag=1;tag=2')],
    ['two branches', replaced('bKa', 'bKa;branch=z9hG4bKb')],
    ['no Via', fields.slice(1)],
    ['another CSeq method', replaced('1 INVITE', '1 OPTIONS')],
    ['two Content-Length', [...fields, 'Content-Length: 0', 'l: 3']],
  ])('is refused with %s', (_what, list) => {
    expect(ending(list)?.status).toBe(400);
  });
});

describe('the same thing said twice (§7.3.1)', () => {
  test.each([
    'From: <sip:a@h>;tag=1',
    'To: <sip:b@h>',
    'Call-ID: c@h',
    'CSeq: 1 INVITE',
    'Max-Forwards: 70',
    'Content-Length: 0',
    'Content-Type: application/sdp',
    'Expires: 60',
    'Session-Expires: 90',
    'Replaces: a;to-tag=b;from-tag=c',
    'Refer-To: <sip:x@y>',
    'Event: refer',
  ])('%s twice is taken once, with another value refused', (line) => {
    const without = fields.filter((field) => !line.startsWith(field.slice(0, field.indexOf(':') + 1)));
    expect(judge('INVITE sip:b@h SIP/2.0', [...without, line, line])).toBeUndefined();
    expect(judge('INVITE sip:b@h SIP/2.0', [...without, line, `${line}1`])?.status).toBe(400);
  });

  test.each(['rport', 'received=192.0.2.1', 'branch=z9hG4bKa', 'ttl=1'])('Via with %s twice', (param) => {
    expect(judge('INVITE sip:b@h SIP/2.0', replaced('bKa', `bKa;${param};${param}`))).toBeUndefined();
    expect(judge('INVITE sip:b@h SIP/2.0', replaced('bKa', `bKa;${param};${param}=2`))?.status).toBe(400);
  });
});
