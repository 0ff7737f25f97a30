import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { ExplainedWorld } from '../engine/explained-world.ts';
import { anyCharacter } from '../kit/any-character.ts';
import { ask, startTestApi, type TestApi } from './kit.ts';

let world: TestApi;
afterEach(() => world.close());

const LINES = [
  'INVITE sip:18005550199@acme.example.com SIP/2.0',
  'INVITE tel:911 SIP/2.0',
  'INVITE urn:service:sos SIP/2.0',
  'OPTIONS sip:a@b SIP/2.0',
  'SIP/2.0 200 OK',
  'Via: SIP/2.0/UDP 203.0.113.1:5060;branch=z9hG4bK-1',
  'Via: SIP/2.0/UDP',
  'From: <sip:101@acme.example.com>;tag=1',
  'From: "\u00e9" <sip:%zz@acme.example.com>;tag=1;tag=2',
  'To: <sip:18005550199@acme.example.com>',
  'To: <urn:service:sos>',
  'Call-ID: one',
  'CSeq: 1 INVITE',
  'CSeq: 99999999999 INVITE',
  'Contact: <sip:101@203.0.113.1>',
  'Contact: *',
  'Max-Forwards: 70',
  'Max-Forwards: -1',
  'Require: 100rel',
  'Session-Expires: 1',
  'Privacy: user;critical',
  'Proxy-Authorization: Digest username="101"',
  'Content-Length: 7',
  'Content-Type: application/sdp',
  '',
  'v=0',
];
const text = fc.oneof(
  fc.constantFrom('101', '102', '600', '18005550199', '*67911', 'sip:', 'tel:+1', 'urn:service:sos', 'carrier', '100'),
  fc.string({ unit: anyCharacter, maxLength: 20 }),
);
const name = fc.constantFrom(
  'From',
  'To',
  'Via',
  'Call-ID',
  'CSeq',
  'Contact',
  'X-Outbound-Cli',
  'Privacy',
  'Route',
  'x',
);
const whole = fc
  .tuple(fc.subarray(LINES, { minLength: 4 }), fc.constantFrom('\r\n', '\n'), fc.string({ maxLength: 5 }))
  .map(([lines, end, tail]) => lines.join(end) + end + end + tail);
/** An INVITE that would do, cut off anywhere, or with a line of another shape in it. */
const GOOD = `${LINES.filter((line) => !/^(OPTIONS|SIP|Via: SIP\/2.0\/UDP$|Require|Content-L)/.test(line)).join('\r\n')}\r\n`;
const cut = fc.nat(GOOD.length).map((end) => GOOD.slice(0, end));
const injected = fc
  .constantFrom('X: a\r\n\r\nINVITE sip:x SIP/2.0', 'X: \u0000', `X: ${'a'.repeat(60_000)}`, 'To : x', ' folded', ':')
  .map((line) => GOOD.replace('\r\n', `\r\n${line}\r\n`));
const answer = fc.oneof(
  fc.constantFrom(
    '407',
    '401',
    '503',
    '486',
    '302 +18005550177',
    '302 sip:102@acme.example.com',
    'silence',
    '302',
    '200',
  ),
  fc.string({ maxLength: 12 }),
);
const question = fc.record(
  {
    tenant: fc.constantFrom('acme', 'bolt', 'nobody', ''),
    from: text,
    to: text,
    displayName: fc.string({ unit: 'grapheme', maxLength: 10 }),
    headers: fc.array(fc.record({ name, value: fc.string({ unit: 'grapheme', maxLength: 20 }) }), { maxLength: 4 }),
    invite: fc.oneof(whole, cut, injected, fc.string({ maxLength: 40 })),
    answers: fc.array(answer, { maxLength: 4 }),
    trunk: fc.constantFrom('carrier-a', 'carrier', '100', 'nowhere', '\u0000'),
  },
  { requiredKeys: [] },
);

/** Questions that are nearly right get further. */
const nearly = fc.record({
  tenant: fc.constant('acme'),
  from: fc.constantFrom('101', '102'),
  to: text,
  answers: fc.array(fc.constantFrom('407', '503', '302 +18005550177', 'silence'), { maxLength: 3 }),
});

test('whatever is asked, explain answers 200, 404 or 422, and no exception is left uncaught', async () => {
  world = await startTestApi();
  const engine = await ExplainedWorld.start();
  // The trunks have other names in the two worlds.
  world.engine.explain = (asked) =>
    engine.explainer.explain(asked.trunk === undefined ? asked : { ...asked, trunk: 'carrier-a' });
  const seen = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(question, nearly),
      fc.constantFrom('system', 'acme'),
      fc.boolean(),
      async (asked, who, asText) => {
        const url = `/api/v1/explain${asText ? '?format=text' : ''}`;
        const { status, text: told } = await ask(world, world.tokens[who as 'system' | 'acme'], 'POST', url, asked);
        expect([200, 404, 422], told).toContain(status);
        seen.set(status, (seen.get(status) ?? 0) + 1);
      },
    ),
    { numRuns: Number(process.env['TANDEM_EXPLAIN_RUNS'] ?? 500), endOnFailure: true },
  );
  expect([...seen.keys()].toSorted()).toEqual([200, 404, 422]);
  expect(await world.metrics.render()).toContain('uncaught_exceptions_total 0');
  expect(engine.world.held().uncaught).toBe(0);
  engine.close();
}, 60_000);

test('whatever is given for the id of a placed call, the answer is 404 or says what is wrong, and nothing is left uncaught', async () => {
  world = await startTestApi();
  const id = fc.oneof(
    fc.string({ unit: anyCharacter, minLength: 1, maxLength: 40 }),
    fc.constantFrom('..', '%', 'a/b', '\u0000', 'x'.repeat(5_000), '__proto__', '\r\nX: y', '👻'),
  );
  await fc.assert(
    fc.asyncProperty(id, fc.constantFrom('', '?format=text', '?format=xml', '?x=1'), async (asked, query) => {
      const path = `/api/v1/calls/${encodeURIComponent(asked)}/explain${query}`;
      const { status, text: told } = await ask(world, world.tokens.system, 'GET', path);
      expect([400, 404, 414, 422], told).toContain(status);
    }),
    { numRuns: 200, endOnFailure: true },
  );
  expect(await world.metrics.render()).toContain('uncaught_exceptions_total 0');
}, 60_000);

test('a tenant admin asks about trunks that it may see, and of others hears that there are none', async () => {
  world = await startTestApi();
  const about = (trunk: string, tenant?: string) => ({ trunk, to: '14155550100', ...(tenant && { tenant }) });
  const status = async (token: string, body: object) =>
    (await ask(world, token, 'POST', '/api/v1/explain', body)).status;
  const { acme, system } = world.tokens;
  expect(await Promise.all(['acme-own', '201', 'carrier'].map((trunk) => status(acme, about(trunk))))).toEqual([
    200, 200, 200,
  ]);
  for (const trunk of ['bolt-own', '202', 'nowhere']) expect(await status(acme, about(trunk))).toBe(404);
  expect(await status(acme, about('carrier', 'bolt'))).toBe(404);
  expect(world.engine.explained.map(({ tenant }) => tenant)).toEqual(['acme', 'acme', 'acme']);
  expect(await status(system, about('bolt-own'))).toBe(200);
  expect(await status(system, about('nowhere'))).toBe(404);
});

test('a call in that reaches another tenant is not explained to a tenant admin', async () => {
  world = await startTestApi();
  const explain = world.engine.explain.bind(world.engine);
  world.engine.explain = async (asked) => ({ ...(await explain(asked)), tenant: 'bolt' });
  const body = { trunk: 'carrier', to: '14155550200' };
  const answer = await ask(world, world.tokens.acme, 'POST', '/api/v1/explain', body);
  expect(answer.status).toBe(404);
  expect(answer.text).not.toContain('bolt');
  expect((await ask(world, world.tokens.bolt, 'POST', '/api/v1/explain', body)).status).toBe(200);
});

test('nor one that reaches nobody over a trunk that others have, too: that would tell which numbers are theirs', async () => {
  world = await startTestApi();
  const explain = world.engine.explain.bind(world.engine);
  const asked = async (token: string, trunk: string, tenant: string) => {
    world.engine.explain = async (question) => ({ ...(await explain(question)), tenant });
    return ask(world, token, 'POST', '/api/v1/explain', { trunk, to: '14155550299' });
  };
  const { acme, system } = world.tokens;
  const [ofNobody, ofBolt] = [await asked(acme, 'carrier', ''), await asked(acme, 'carrier', 'bolt')];
  expect([ofNobody.status, ofNobody.body.detail]).toEqual([404, ofBolt.body.detail]);
  expect((await asked(acme, 'acme-own', '')).status).toBe(200);
  // A trunk of its own that has the other's name for its id is not the one that is meant.
  const shared = { name: '201', type: 'ip', host: '203.0.113.77', tenants: [{ tenant: 'acme', didPool: '4930100' }] };
  expect((await ask(world, system, 'POST', '/api/v1/trunks', shared)).status).toBe(201);
  expect((await asked(acme, '201', '')).status).toBe(404);
  expect((await asked(system, 'carrier', '')).status).toBe(200);
});
