import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LogLine } from '../../kit/engine.ts';
import { type Challenge, readChallenge } from '../outbound/digest.ts';
import { fieldOf } from '../outbound/wire-message.ts';
import {
  ackOf,
  ask,
  type FieldWorld,
  type Party,
  requestOf,
  responseTo,
  SDP,
  startField,
  statusOf,
  token,
} from './world.ts';

/** How phones write what they sign with: every way reaches the same account, on every method that is challenged. */
interface Writing {
  readonly username?: string;
  readonly realm?: (asked: string) => string;
  readonly cnonce?: string;
  /** What the hash is made over and what is written; default: the Request-URI. */
  readonly uri?: (requestUri: string, server: string) => string;
  /** null: RFC 2069. */
  readonly qop?: 'auth' | null;
  readonly count?: string;
  readonly edit?: (credentials: string, field: string) => string;
}

const md5 = (text: string) => createHash('md5').update(text, 'latin1').digest('hex');

function credentialsOf(
  { realm: asked, nonce }: Challenge,
  method: string,
  requestUri: string,
  field: string,
  writing: Writing,
  server = '127.0.0.1',
): string {
  const { username = '101', cnonce = 'c0', qop = 'auth', count = '00000001', edit = (text) => text } = writing;
  const uri = writing.uri?.(requestUri, server) ?? requestUri;
  const realm = writing.realm?.(asked) ?? asked;
  const secret = md5(`${username}:${realm}:secret-${username.split('@')[0]}`);
  const counted = qop === null ? '' : `:${count}:${cnonce}:${qop}`;
  const response = md5(`${secret}:${nonce}${counted}:${md5(`${method}:${uri}`)}`);
  const tail = qop === null ? '' : `, qop=${qop}, nc=${count}, cnonce="${cnonce}"`;
  return edit(
    `Digest username="${username}", realm="${realm}", nonce="${nonce}", uri="${uri}", response="${response}", algorithm=MD5${tail}`,
    field,
  );
}

const REQUESTS = [
  ['REGISTER', 'sip:acme.test', 200],
  ['INVITE', 'sip:9-44(20)7946.0123@acme.test', 404],
  ['MESSAGE', 'sip:102@acme.test', 480],
  ['SUBSCRIBE', 'sip:102@acme.test', 489],
] as const;
const PROVISIONED = {
  extensions: [
    { number: '101', password: 'secret-101' },
    { number: '102', password: 'secret-102' },
    { number: '105', password: 'secret-105', digest: { legacy: true } },
  ],
  inboundRules: [],
  // Nobody is called: 404 says that the caller was known.
  outboundRules: [],
};
let world: FieldWorld;
/** The same on IPv6. */
let six: FieldWorld;
/** Where phones are, and what they speak. */
const PLACES = ['udp', 'tcp', 'tls', 'udp at ::1', 'tls at ::1'] as const;
type Place = (typeof PLACES)[number];
const parties = new Map<Place, Promise<Party>>();
/** Connected when it is needed: a connection that says nothing is closed. */
function partyAt(place: Place): Promise<Party> {
  const [transport = 'udp', , address] = place.split(' ') as ['udp' | 'tcp' | 'tls', string, string];
  const found = parties.get(place) ?? (address === undefined ? world : six).party(transport);
  parties.set(place, found);
  return found;
}
beforeAll(async () => {
  parties.clear();
  world = await startField({
    carrier: 'tls',
    tenant: PROVISIONED,
    trunks: (port) => [
      {
        name: 'gateway',
        type: 'accept-register',
        host: 'gateway.test',
        credentials: { authName: '106', username: '106', password: 'secret-106' },
        tenants: [{ tenant: 'acme', didPool: '14155550300' }],
        port,
      },
    ],
  });
  six = await startField({ phones: 'tls', carrier: 'tls', host: '::1', tenant: PROVISIONED });
});
afterAll(async () => {
  await world.stop();
  await six.stop();
});

/** The answer to a request that is signed in this way. */
async function signed(
  [method, uri]: readonly [string, string, number?],
  writing: Writing,
  over: Place = 'udp',
  host = 'acme.test',
) {
  const party = await partyAt(over);
  const own = `<sip:${writing.username?.split('@')[0] ?? '101'}@${host}>`;
  const text = requestOf(
    party,
    `${method} ${uri} SIP/2.0`,
    {
      From: `${own};tag=${token()}`,
      To: method === 'REGISTER' ? own : `<${uri}>`,
      Expires: method === 'REGISTER' ? '0' : undefined,
      Event: method === 'SUBSCRIBE' ? 'presence' : undefined,
    },
    method === 'INVITE' ? SDP : '',
  );
  party.send(text);
  const first = await party.nextAnswer();
  const isProxy = statusOf(first) === 407;
  if (method === 'INVITE') party.send(ackOf(party, text, first));
  const challenge = readChallenge(fieldOf(first, isProxy ? 'Proxy-Authenticate' : 'WWW-Authenticate'));
  const field = `${isProxy ? 'Proxy-' : ''}Authorization`;
  const again = text
    .replace(/branch=[^\r;]*/, `branch=z9hG4bK${token()}`)
    .replace('\r\nCSeq: 1', '\r\nCSeq: 2')
    .replace(
      '\r\n',
      `\r\n${field}: ${credentialsOf(challenge, method, uri, field, writing, over.endsWith('::1') ? '[::1]' : '127.0.0.1')}\r\n`,
    );
  party.send(again);
  const answer = await party.nextAnswer();
  if (method === 'INVITE') party.send(ackOf(party, again, answer));
  return { status: statusOf(answer), party };
}

const withHost = (to: (host: string) => string) => (uri: string) => uri.replace('acme.test', to('acme.test'));

const WRITINGS: readonly (readonly [string, Writing])[] = [
  ['spaces round every equals sign', { edit: (text) => text.replaceAll('=', ' = ') }],
  ['a realm without quotes', { edit: (text) => text.replace('realm="acme.test"', 'realm=acme.test') }],
  ['no quotes at all', { edit: (text) => text.replaceAll('"', '') }],
  ['quotes round everything', { edit: (text) => text.replace(/(algorithm|qop|nc)=([^",]+)/g, '$1="$2"') }],
  ['empty elements', { edit: (text) => text.replace('Digest ', 'Digest , ').replace(', realm', ',, realm') }],
  ['an opaque without a value', { edit: (text) => `${text}, opaque=` }],
  [
    'names in upper case',
    { edit: (text) => text.replace(/(realm|nonce|uri|response)=/g, (name) => name.toUpperCase()) },
  ],
  [
    'credentials of another realm before',
    {
      edit: (text, field) =>
        `Digest username="x", realm="other", nonce="n", uri="sip:x", response="0"\r\n${field}: ${text}`,
    },
  ],
  [
    'those for an earlier challenge before',
    {
      edit: (text, field) =>
        `${text.replace(/nonce="[^"]*"/, 'nonce="0123456789abcdef0123456789a"')}\r\n${field}: ${text}`,
    },
  ],
  ['an algorithm without a value', { edit: (text) => text.replace('algorithm=MD5', 'algorithm=""') }],
  ['a port', { uri: withHost((host) => `${host}:5060`) }],
  ['a transport', { uri: withHost((host) => `${host};transport=udp`) }],
  ['no scheme', { uri: (uri) => uri.replace('sip:', '').replace(/[()]/g, '') }],
  ['angle brackets', { uri: (uri) => `<${uri}>` }],
  ['a space behind', { uri: (uri) => `${uri} ` }],
  ['the dot of the root', { uri: withHost((host) => `${host}.`) }],
  ['the address of the server', { uri: (uri, server) => uri.replace('acme.test', server) }],
  ['the server alone', { uri: (_uri, server) => `sip:${server}:5060` }],
  ['localhost', { uri: withHost(() => 'localhost') }],
  ['an empty client nonce', { cnonce: '' }],
  ['the realm in capitals', { realm: (asked) => asked.toUpperCase() }],
  ['the user name with the domain', { username: '101@acme.test' }],
  ['a number without its separators', { uri: (uri) => uri.replace(/[-().](?=.*@)/g, '') }],
];

describe('kinds 26, 31, 34: however credentials are written, they are those of their account', () => {
  test.each(WRITINGS)('%s', async (_what, writing) => {
    for (const request of REQUESTS) {
      const [method, , status] = request;
      for (const transport of PLACES)
        expect(await signed(request, writing, transport), `${method} ${transport}`).toMatchObject({ status });
    }
  });

  test("a gateway's, for its own host label", async () => {
    const to = ['REGISTER', 'sip:gateway.test'] as const;
    for (const edit of [(text: string) => text.replaceAll('=', ' = '), (text: string) => text.replaceAll('"', '')])
      expect(await signed(to, { username: '106', edit }, 'udp', 'gateway.test')).toMatchObject({ status: 200 });
    const uri = () => 'gateway.test:5060';
    expect(await signed(to, { username: '106', uri }, 'udp', 'gateway.test')).toMatchObject({ status: 200 });
  });

  test.each([
    ['another user', { uri: (uri: string) => uri.replace(/sip:.*@|sip:/, 'sip:109@') }],
    ['a host that is not ours', { uri: withHost(() => 'elsewhere.test') }],
    ['nothing', { uri: () => '' }],
  ])('not for %s', async (_what, writing) => {
    for (const request of REQUESTS) expect(await signed(request, writing), request[0]).toMatchObject({ status: 400 });
  });
});

describe('kind 31: clients of RFC 2069', () => {
  const OLD: readonly (readonly [string, Writing, string])[] = [
    ['no qop', { qop: null }, 'no-qop'],
    ['qop repeated without count and client nonce', { qop: null, edit: (text) => `${text}, qop=auth` }, 'no-qop'],
    ['an empty qop', { qop: null, edit: (text) => `${text}, qop=""` }, 'no-qop'],
    ['empty values', { qop: null, edit: (text) => `${text}, qop="", nc=, cnonce=""` }, 'no-qop'],
    ['qop repeated with empty values', { qop: null, edit: (text) => `${text}, qop=auth, nc="", cnonce=""` }, 'no-qop'],
    ['a count without qop', { qop: null, edit: (text) => `${text}, nc=00000001` }, 'no-qop'],
    ['a list repeated', { qop: null, edit: (text) => `${text}, qop="auth,auth-int"` }, 'no-qop'],
    ['an algorithm in lower case', { qop: null, edit: (text) => text.replace('=MD5', '=md5') }, 'no-qop'],
    ['a client nonce without qop', { qop: null, edit: (text) => `${text}, cnonce="c0"` }, 'no-qop'],
    ['a count that is not padded', { count: '1' }, 'short-count'],
    ['a count in quotes', { count: '1', edit: (text) => text.replace('nc=1', 'nc="1"') }, 'short-count'],
    ['a count that is hashed padded', { edit: (text) => text.replace('nc=00000001', 'nc=1') }, 'short-count'],
    ['a count of nothing', { count: '0' }, 'short-count'],
    ['a count of twelve digits', { count: '000000000001' }, 'short-count'],
  ];
  // All methods over UDP, one of them in turn over each other way.
  const rows = PLACES.flatMap((place, at) =>
    OLD.map(([what, writing, why], index) => {
      const one = (index + at) % REQUESTS.length;
      return [place, what, writing, why, at === 0 ? REQUESTS : REQUESTS.slice(one, one + 1)] as const;
    }),
  );
  test.each(rows)(
    'over %s, %s: admitted where digest.legacy says so; elsewhere the log says what to set',
    async (place, _what, writing, why, requests) => {
      const { logs, logged } = place.endsWith('::1') ? six : world;
      for (const request of requests) {
        const [method, , status] = request;
        expect(await signed(request, { ...writing, username: '105' }, place), method).toMatchObject({ status });
        const before = logs('request-refused');
        expect((await signed(request, writing, place)).status, method).toBeGreaterThanOrEqual(400);
        const wanted = method === 'REGISTER' ? { code: 'register-refused', why } : { code: why, method };
        const isWanted = (each: LogLine) => Object.entries(wanted).every(([key, value]) => each[key] === value);
        const line = await logged('request-refused', (each) => !before.includes(each) && isWanted(each));
        expect(line['hint']).toContain('digest.legacy: true on 101');
      }
    },
  );
});

describe("kind 33: a phone whose domain is the node's own address", () => {
  const own = ['127.0.0.1', 'localhost'] as const;

  test.each(own)('%s, nobody is served there: the log says what to set, for calls once a source', async (host) => {
    const phone = await world.party('udp', host === 'localhost' ? '127.0.0.4' : '127.0.0.5');
    for (const method of ['INVITE', 'MESSAGE']) {
      const uri = `sip:102@${host}`;
      const From = `<sip:101@${host}>;tag=${token()}`;
      const text = requestOf(
        phone,
        `${method} ${uri} SIP/2.0`,
        { From, To: `<${uri}>` },
        method === 'INVITE' ? SDP : '',
      );
      phone.send(text);
      const answer = await phone.nextAnswer();
      expect(statusOf(answer)).toBe(407);
      if (method === 'INVITE') phone.send(ackOf(phone, text, answer));
    }
    const ofPhone = (line: LogLine) => String(line['source']).startsWith(`${phone.address}:`);
    const line = await world.logged('request-refused', ofPhone);
    expect(world.logs('request-refused').filter(ofPhone)).toEqual([line]);
    expect(line).toMatchObject({ code: 'own-address', method: 'INVITE', user: '101' });
    expect(line['hint']).toContain('defaultTenant');
  });

  test('the default tenant is: registered, called from and called at', async () => {
    const here = await startField({ settings: { defaultTenant: 'acme' } });
    try {
      const phone = await here.party();
      const desk = await here.party();
      for (const host of own) {
        for (const [party, number] of [
          [phone, '101'],
          [desk, '102'],
        ] as const) {
          const address = `<sip:${number}@${host}>`;
          const text = requestOf(party, `REGISTER sip:${host} SIP/2.0`, {
            From: `${address};tag=1`,
            To: address,
            Contact: `<sip:${number}@${party.hostPort}>`,
          });
          expect(statusOf(await ask(party, text, `secret-${number}`, number))).toBe(200);
        }
        const text = requestOf(
          phone,
          `INVITE sip:102@${host} SIP/2.0`,
          { From: `<sip:101@${host}>;tag=1`, To: `<sip:102@${host}>` },
          SDP,
        );
        const answered = ask(phone, text, 'secret-101');
        desk.send(responseTo(await desk.nextRequest('INVITE'), '486 Busy Here', 'b'));
        expect(statusOf(await answered)).toBe(486);
      }
    } finally {
      await here.stop();
    }
  });
});

test('defaultTenant that names no tenant: the node does not start', async () => {
  await expect(startField({ settings: { defaultTenant: 'acmee' } })).rejects.toThrow('did you mean "acme"?');
});
