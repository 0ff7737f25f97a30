import { createHash, X509Certificate } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { Explainer } from '../../../src/engine/explain/explainer.ts';
import { SipTrace } from '../../../src/observe/index.ts';
import {
  HeaderId,
  octetsFromText,
  type SipRequest,
  type SipResponse,
  serialize,
} from '../../../src/sip/message/index.ts';
import type { FetchedFile } from '../../../src/stir/certificate-fetch.ts';
import { stirWorld } from '../../kit/stir/authority.ts';
import { signToken } from '../../kit/stir/token.ts';
import {
  type Agent,
  CARRIER_A,
  CARRIER_A_ID,
  ENGINE,
  expectNothingHeld,
  type Phone,
  SDP,
  World,
  type WorldOptions,
} from '../world.ts';

const CALLER = '12155550131';
const DID = '14155550100';
const X5U = 'https://certs.example/leaf.pem';
const ORIGID = '123e4567-e89b-12d3-a456-426655440000';
const validity = { notBefore: new Date(0), notAfter: new Date('2099-01-01') };
const authority = stirWorld(validity);
const leaf = authority.leaf([{ spc: '1234' }], validity);

let world: World;
let alice: Phone;
let carrier: Agent;
/** Fetches that wait for the test to answer them. */
let fetches: { readonly url: string; answer(octets?: string): void; readonly signal: AbortSignal }[] = [];
/** What is served at once. */
let served: Readonly<Record<string, string>> = {};

async function begin(options: WorldOptions = {}, mode: 'auto' | 'off' | 'tag' | 'reject' = 'auto', anchors = true) {
  fetches = [];
  served = { [X5U]: leaf.chainPem };
  world = await World.start({
    ...options,
    trunks: { 'carrier-a': { options: { stirVerify: mode, ...options.trunks?.['carrier-a']?.options } } },
    fetchCertificate: ({ href }, signal) =>
      new Promise((resolve, reject) => {
        const file = (octets: string): FetchedFile => ({
          octets: Buffer.from(octets),
          freshMs: 3_600_000,
          mayBeStale: true,
        });
        const answer = (octets?: string) =>
          octets === undefined ? reject(new Error('the answer is 404')) : resolve(file(octets));
        const known = served[href];
        if (known !== undefined) answer(known);
        else fetches.push({ url: href, signal, answer });
      }),
  });
  const trust = { anchors: anchors ? [new X509Certificate(authority.root.pem)] : [], revocationLists: [] };
  world.engine.stir.apply({ ...STIR, trustAnchors: ['anchors.pem'] }, { trust, authorities: [] });
  alice = world.phone('101', '203.0.113.1');
  carrier = world.agent(CARRIER_A);
}

const STIR = {
  trustAnchors: [],
  crls: [],
  fetch: { timeoutMs: 2000, maxOctets: 65_536, waitingCalls: 3, allow: [], authorities: [] },
};

afterEach(async () => {
  await world.turn();
  expectNothingHeld(world);
});

function identity(claims: object = {}, x5u = X5U, header: object = {}): string {
  const all = {
    attest: 'A',
    dest: { tn: [DID] },
    iat: Math.floor(world.scheduler.wallMs() / 1000),
    orig: { tn: CALLER },
    origid: ORIGID,
    ...claims,
  };
  const token = signToken({ alg: 'ES256', ppt: 'shaken', typ: 'passport', x5u, ...header }, all, leaf.privateKey);
  return `${token};info=<${x5u}>;alg=ES256;ppt=shaken`;
}

type Fields = Readonly<Record<string, string | readonly string[]>>;

function invite(fields: Fields = {}, did = DID): SipRequest {
  const from = `"Bob" <sip:+${CALLER}@carrier.example.net>;tag=${world.next()}`;
  return carrier.request('INVITE', `sip:${did}@${ENGINE}`, { From: from, ...fields }, SDP);
}

async function call(fields: Fields = {}, did = DID): Promise<SipRequest> {
  const request = invite(fields, did);
  carrier.send(request);
  await world.turn();
  world.run();
  await world.turn();
  world.run();
  return request;
}

const final = (request: SipRequest) =>
  carrier.responses(request.callId()).find((each) => each.status >= 200 && each.cseq().method === 'INVITE');

/** The call is refused by the phone, so that it ends. */
function decline(): SipRequest {
  const ringing = alice.took('INVITE');
  alice.answer(ringing, 180, 'Ringing');
  alice.answers(ringing, 486, 'Busy Here');
  return ringing;
}

function acknowledge(request: SipRequest): SipResponse {
  const response = final(request);
  if (response === undefined) throw new Error('no final response');
  carrier.ack(request, response);
  return response;
}

const asserted = (request: SipRequest) => request.headers.fieldValues(HeaderId.PAssertedIdentity);
const indicator = (request: SipRequest) => request.headers.valueNamed('P-Attestation-Indicator');
const lastRecord = () => world.observed.ended.at(-1);

describe('a call that passes', () => {
  test('is told to the phone in P-Asserted-Identity, and to the record', async () => {
    await begin();
    const request = await call({ Identity: identity() });
    const ringing = decline();
    expect(asserted(ringing)).toEqual([
      `"Bob" <sip:+${CALLER};verstat=TN-Validation-Passed@acme.example.com;user=phone>`,
    ]);
    expect(indicator(ringing)).toBe('A');
    expect(ringing.headers.has(HeaderId.Identity)).toBe(false);
    // From stays what phones have always been shown.
    expect(ringing.from().uri).toMatchObject({ user: `+${CALLER}` });
    acknowledge(request);
    expect(lastRecord()?.facts.verification).toMatchObject({
      result: 'passed',
      source: 'identity',
      attestation: 'A',
      number: CALLER,
      originationId: ORIGID,
      signer: 'CN=SHAKEN 1234',
    });
  });

  test('the certificate is asked for once', async () => {
    await begin();
    for (let calls = 0; calls < 3; calls++) {
      const request = await call({ Identity: identity() });
      alice.answers(alice.took('INVITE', calls), 486, 'Busy Here');
      acknowledge(request);
    }
    expect(world.engine.stir.certificates.counters).toMatchObject({ fetched: 1, hits: 2, failed: 0 });
  });

  test('an anonymous caller stays one: the phone hears of the attestation alone', async () => {
    await begin();
    const request = await call({
      From: '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=9',
      'P-Asserted-Identity': `<sip:+${CALLER}@carrier.example.net>`,
      Privacy: 'id',
      Identity: identity(),
    });
    const ringing = decline();
    expect(serialize(ringing)).not.toContain(CALLER);
    expect(indicator(ringing)).toBe('A');
    acknowledge(request);
    expect(lastRecord()?.facts.verification).toMatchObject({ result: 'passed' });
  });

  test('RFC 8224 §8: P-Asserted-Identity comes before From; rules go by what is shown', async () => {
    const rules = [
      { name: 'verified', trunk: 'carrier-a', dids: DID, verification: ['passed'], destination: { hangUp: true } },
      { name: 'main', trunk: 'carrier-a', dids: DID, destination: { extension: '101' } },
    ] as const;
    await begin({ acme: { inboundRules: rules as never } });
    const other = '"Bank" <sip:+18005550199@carrier.example.net>;tag=7';
    const request = await call({
      From: other,
      'P-Asserted-Identity': `<sip:+${CALLER}@carrier.example.net>`,
      Identity: identity(),
    });
    // The signature is for another number than the one that the phone shows: the rule for verified calls is not for this one.
    const ringing = decline();
    expect(asserted(ringing)).toEqual([
      `"Bank" <sip:+${CALLER};verstat=TN-Validation-Passed@acme.example.com;user=phone>`,
    ]);
    acknowledge(request);
    expect(lastRecord()?.facts.verification).toMatchObject({ result: 'passed', number: CALLER });
  });
});

describe('RFC 9795: how a caller is shown', () => {
  const ICON = 'https://img.example/bob.png';
  const PICTURE = 'a picture';
  const digest = (of: string) => `sha256-${createHash('sha256').update(of).digest('base64')}`;
  const rich = (name: string, of = PICTURE) => ({ rcd: { nam: name, icn: ICON }, rcdi: { '/icn': digest(of) } });
  const callInfo = (request: SipRequest) => request.headers.fieldValuesNamed('Call-Info');
  const from = (request: SipRequest) => request.headers.value(HeaderId.From);

  test('a name and an icon that were verified are on the phone, in the record and in explain', async () => {
    await begin();
    served = { ...served, [ICON]: PICTURE };
    const request = await call({ Identity: identity({ ...rich('Bob’s Garage'), crn: 'Your car' }) });
    const ringing = decline();
    acknowledge(request);
    const name = octetsFromText('"Bob’s Garage"');
    expect(from(ringing)).toMatch(new RegExp(`^${name} <sip:`));
    expect(asserted(ringing)[0]).toBe(
      `${name} <sip:+${CALLER};verstat=TN-Validation-Passed@acme.example.com;user=phone>`,
    );
    expect(callInfo(ringing)).toEqual([`<${ICON}>;purpose=icon`]);
    expect(lastRecord()?.facts.verification?.shown).toEqual({
      name: 'Bob’s Garage',
      icon: ICON,
      callReason: 'Your car',
      signer: 'CN=SHAKEN 1234',
    });
    const explainer = new Explainer({
      scheduler: world.scheduler,
      engine: world.engine,
      trace: new SipTrace(world.scheduler, { maxOctets: 1_000_000 }),
      placed: () => undefined,
      record: () => undefined,
    });
    const question = { trunk: CARRIER_A_ID, invite: serialize(invite({ Identity: identity(rich('Bob')) })) } as never;
    expect((await explainer.explain(question)).steps.map(({ reason }) => reason)).toContain(
      `rich call data, signed by CN=SHAKEN 1234: name "Bob", icon ${ICON}`,
    );
  });

  test('what a rule puts in front of the name stands in front of it', async () => {
    const rule = {
      name: 'main',
      trunk: 'carrier-a',
      dids: DID,
      displayNamePrefix: '[A] ',
      destination: { extension: '101' },
    };
    await begin({ acme: { inboundRules: [rule] } });
    const request = await call({ Identity: identity({ rcd: { nam: 'Garage' } }) });
    expect(from(decline())).toContain('"[A] Garage" <');
    acknowledge(request);
  });

  test('another picture than was signed is not shown, and the name is', async () => {
    await begin();
    served = { ...served, [ICON]: PICTURE };
    const request = await call({ Identity: identity(rich('Garage', 'another picture')) });
    const ringing = decline();
    acknowledge(request);
    expect(from(ringing)).toContain('"Garage" <');
    expect(callInfo(ringing)).toEqual([]);
    expect(lastRecord()?.facts.verification).toMatchObject({
      result: 'passed',
      shown: { name: 'Garage', icon: undefined },
      findings: expect.arrayContaining([expect.stringContaining('is another one than was signed')]),
    });
  });

  test.each<[string, () => Fields]>([
    ['that was not verified', () => ({ Identity: identity({ ...rich('Bank'), orig: { tn: '12155550132' } }) })],
    [
      'of an anonymous caller',
      () => ({
        From: '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=9',
        'P-Asserted-Identity': `<sip:+${CALLER}@carrier.example.net>`,
        Privacy: 'id',
        Identity: identity(rich('Bank')),
      }),
    ],
    [
      'of another number than the one that is shown',
      () => ({
        From: '"Bob" <sip:+18005550199@carrier.example.net>;tag=7',
        'P-Asserted-Identity': `<sip:+${CALLER}@carrier.example.net>`,
        Identity: identity(rich('Bank')),
      }),
    ],
  ])('a name %s reaches no phone', async (_name, fields) => {
    await begin();
    served = { ...served, [ICON]: PICTURE };
    const request = await call(fields());
    const ringing = decline();
    acknowledge(request);
    expect(serialize(ringing)).not.toMatch(/Bank|Call-Info/);
  });

  test('a picture that does not come costs the call its picture, and no more than the time limit', async () => {
    await begin();
    const request = await call({ Identity: identity(rich('Garage')) });
    expect(alice.requests('INVITE')).toEqual([]);
    expect(fetches.map(({ url }) => url)).toEqual([ICON]);
    world.run(2000);
    await world.turn();
    world.run();
    const ringing = decline();
    acknowledge(request);
    expect([from(ringing)?.includes('"Garage"'), callInfo(ringing)]).toEqual([true, []]);
  });
});

describe('tag: what fails goes on', () => {
  test('the phone and the carrier are told, and nobody else waits', async () => {
    await begin();
    const request = await call({ Identity: identity({ orig: { tn: '12155550132' } }) });
    const ringing = decline();
    expect(asserted(ringing)).toEqual([
      `"Bob" <sip:+${CALLER};verstat=TN-Validation-Failed@acme.example.com;user=phone>`,
    ]);
    expect(indicator(ringing)).toBeUndefined();
    const [provisional] = carrier.responses(request.callId()).filter(({ status }) => status === 180);
    expect(provisional?.headers.fieldValues(HeaderId.Reason)).toEqual([
      expect.stringMatching(/^STIR;cause=438;text="Invalid Identity Header: /),
    ]);
    expect(acknowledge(request).headers.fieldValues(HeaderId.Reason).join()).not.toContain('STIR');
    expect(lastRecord()?.facts.verification).toMatchObject({ result: 'failed', code: 438 });
  });

  test('a call without Identity is one', async () => {
    await begin();
    const request = await call();
    expect(asserted(decline())).toEqual([
      `"Bob" <sip:+${CALLER};verstat=No-TN-Validation@acme.example.com;user=phone>`,
    ]);
    acknowledge(request);
    expect(lastRecord()?.facts.verification).toMatchObject({ result: 'none' });
  });
});

describe('reject: each failure has its answer (RFC 8224 §6.2.2) and its Reason', () => {
  const old = () => Math.floor(world.scheduler.wallMs() / 1000) - 61;
  test.each<[number, string, () => Fields]>([
    [403, 'Stale Date', () => ({ Identity: identity({ iat: old() }) })],
    [428, 'Use Identity Header', () => ({})],
    [433, 'Anonymity Disallowed', () => ({ From: '<sip:anonymous@anonymous.invalid>;tag=8', Identity: identity() })],
    [436, 'Bad Identity Info', () => ({ Identity: identity({}, 'https://certs.example:22/a.pem') })],
    [437, 'Unsupported Credential', () => ({ Identity: identity({}, 'https://certs.example/other.pem') })],
    [438, 'Invalid Identity Header', () => ({ Identity: identity({}, X5U, { alg: 'none' }) })],
  ])('%i %s', async (status, phrase, fields) => {
    await begin({}, 'reject');
    served = {
      ...served,
      'https://certs.example/other.pem': stirWorld(validity).leaf([{ spc: '1' }], validity).chainPem,
    };
    const request = await call(fields());
    const response = acknowledge(request);
    expect([response.status, response.reason]).toEqual([status, phrase]);
    expect(response.headers.value(HeaderId.Reason)).toMatch(new RegExp(`^STIR;cause=${status};text="${phrase}: `));
    expect(alice.requests('INVITE')).toEqual([]);
    expect(lastRecord()?.facts.verification).toMatchObject({ result: 'failed', code: status });
  });

  test('what passes rings', async () => {
    await begin({}, 'reject');
    const request = await call({ Identity: identity() });
    decline();
    expect(acknowledge(request).status).toBe(486);
  });

  test('a number that is nobody’s is not verified for', async () => {
    await begin({}, 'reject');
    const request = await call({ Identity: identity({}, 'https://certs.example/slow.pem') }, '19995550199');
    expect(acknowledge(request).status).toBe(404);
    expect(fetches).toEqual([]);
  });
});

describe('a call that waits for a certificate', () => {
  const SLOW = 'https://certs.example/slow.pem';
  const slow = () => ({ Identity: identity({}, SLOW) });

  test('gets 100, is there for all to see, and rings when the certificate is there', async () => {
    await begin();
    const request = await call(slow());
    world.run(300);
    expect(carrier.responses(request.callId()).map(({ status }) => status)).toEqual([100]);
    expect(alice.requests('INVITE')).toEqual([]);
    expect([...world.engine.calls.list()]).toMatchObject([{ state: 'routing', facts: { tenant: 'acme' } }]);
    fetches[0]?.answer(leaf.chainPem);
    await world.turn();
    world.run();
    expect(indicator(decline())).toBe('A');
    acknowledge(request);
    expect(lastRecord()?.facts).toMatchObject({ inboundRule: 'main', verification: { result: 'passed' } });
  });

  test('goes on at the time limit', async () => {
    await begin();
    const request = await call(slow());
    world.run(1700);
    expect(alice.requests('INVITE')).toEqual([]);
    world.run(200);
    await world.turn();
    world.run();
    expect(asserted(decline())[0]).toContain('verstat=TN-Validation-Failed');
    expect(fetches[0]?.signal.aborted).toBe(true);
    acknowledge(request);
    expect(lastRecord()?.facts.verification).toMatchObject({
      code: 436,
      reason: expect.stringContaining('no answer in 2000 ms'),
    });
  });

  test('ends with a CANCEL, and starts nothing when the certificate comes after all', async () => {
    await begin();
    const request = await call(slow());
    const via = request.headers.value(HeaderId.Via);
    const { From, To } = { From: request.headers.value(HeaderId.From), To: request.headers.value(HeaderId.To) };
    carrier.sends(
      carrier.request('CANCEL', request.requestUri, {
        Via: via,
        From,
        To,
        'Call-ID': request.callId(),
        CSeq: '1 CANCEL',
      }),
    );
    expect(acknowledge(request).status).toBe(487);
    fetches[0]?.answer(leaf.chainPem);
    await world.turn();
    world.run();
    expect(alice.requests('INVITE')).toEqual([]);
    expect(lastRecord()).toMatchObject({ status: 487, endedBy: 'caller', endReason: 'cancel' });
  });

  test('holds nobody else up, and of its own kind no more than may wait', async () => {
    await begin();
    const before = await call({ Identity: identity() });
    decline();
    acknowledge(before);
    const waiting = [await call(slow()), await call(slow()), await call(slow())];
    const other = await call({ Identity: identity() });
    expect(indicator(alice.took('INVITE', 1))).toBe('A');
    alice.answers(alice.took('INVITE', 1), 486, 'Busy Here');
    acknowledge(other);
    const fourth = await call(slow());
    alice.answers(alice.took('INVITE', 2), 486, 'Busy Here');
    acknowledge(fourth);
    expect(lastRecord()?.facts.verification).toMatchObject({
      code: 436,
      reason: expect.stringContaining('too many calls wait'),
    });
    // One fetch for all of them.
    expect(fetches).toHaveLength(1);
    expect(world.engine.stir.certificates.waiting).toBe(3);
    fetches[0]?.answer();
    await world.turn();
    world.run();
    for (const [index, request] of waiting.entries()) {
      alice.answers(alice.took('INVITE', 3 + index), 486, 'Busy Here');
      acknowledge(request);
    }
  });

  test('a failure is remembered for half a minute', async () => {
    await begin({}, 'reject');
    const first = await call(slow());
    fetches[0]?.answer();
    await world.turn();
    world.run();
    expect(acknowledge(first).status).toBe(436);
    expect(acknowledge(await call(slow())).status).toBe(436);
    expect(fetches).toHaveLength(1);
    world.run(30_000);
    const third = await call(slow());
    expect(fetches).toHaveLength(2);
    fetches[1]?.answer(leaf.chainPem);
    await world.turn();
    world.run();
    decline();
    acknowledge(third);
  });
});

describe('rules of the tenant', () => {
  const rule = (name: string, more: object) => ({
    name,
    trunk: 'carrier-a',
    dids: DID,
    destination: { extension: '101' },
    ...more,
  });

  test.each<[string, () => Fields, string]>([
    ['A', () => ({ Identity: identity() }), 'full'],
    ['B', () => ({ Identity: identity({ attest: 'B' }) }), 'passed'],
    ['a signature that is wrong', () => ({ Identity: identity({ attest: 'Z' }) }), 'failed'],
    ['no signature', () => ({}), 'main'],
  ])('choose by what was found: %s', async (_name, fields, chosen) => {
    await begin({
      acme: {
        inboundRules: [
          rule('main', { callers: '+12155550131' }),
          rule('passed', { verification: ['passed'] }),
          rule('full', { verification: ['A'] }),
          rule('failed', { verification: ['failed'], displayNamePrefix: 'Störung? ' }),
        ] as never,
      },
    });
    const request = await call(fields());
    const ringing = decline();
    acknowledge(request);
    expect(lastRecord()?.facts.inboundRule).toBe(chosen);
    const prefix = chosen === 'failed' ? 'St\xc3\xb6rung? ' : '';
    expect(ringing.from().displayName).toBe(`${prefix}Bob`);
  });

  test('hang up on what fails', async () => {
    await begin({
      acme: {
        inboundRules: [
          rule('main', {}),
          rule('spoofed', { verification: ['failed'], destination: { hangUp: true } }),
        ] as never,
      },
    });
    expect(acknowledge(await call({ Identity: identity({ attest: 'Z' }) })).status).toBe(603);
  });
});

describe('what a carrier says that it has verified itself', () => {
  const passed = `sip:+${CALLER};verstat=TN-Validation-Passed@carrier.example.net`;
  test.each<[string, Fields, string, string | undefined]>([
    ['before the @', { 'P-Asserted-Identity': `<${passed}>` }, 'passed', undefined],
    [
      'behind it',
      { 'P-Asserted-Identity': `<sip:+${CALLER}@carrier.example.net;verstat=TN-Validation-Failed>` },
      'failed',
      undefined,
    ],
    ['in a tel URI', { 'P-Asserted-Identity': `<tel:+${CALLER};verstat=TN-Validation-Passed>` }, 'passed', undefined],
    ['without a host', { 'P-Asserted-Identity': `<sip:+${CALLER};verstat=No-TN-Validation>` }, 'none', undefined],
    [
      'with the attestation at its end',
      { 'P-Asserted-Identity': `<tel:+${CALLER};verstat=TN-Validation-Passed-B>` },
      'passed',
      'B',
    ],
    [
      'with the attestation beside it',
      { 'P-Asserted-Identity': `<${passed}>`, 'X-Attestation-Info': 'C' },
      'passed',
      'C',
    ],
    [
      'an attestation of nothing',
      { 'P-Asserted-Identity': `<sip:+${CALLER};verstat=TN-Validation-Failed@x.example>`, 'Attestation-Info': 'A' },
      'failed',
      undefined,
    ],
    [
      'tel before sip',
      { 'P-Asserted-Identity': [`<${passed}>`, `<tel:+${CALLER};verstat=TN-Validation-Failed>`] },
      'failed',
      undefined,
    ],
    [
      'P-Asserted-Identity before From',
      { From: `<${passed}>;tag=5`, 'P-Asserted-Identity': `<tel:+${CALLER};verstat=No-TN-Validation>` },
      'none',
      undefined,
    ],
    ['in From', { From: `<${passed}>;tag=5`, 'P-Attestation-Indicator': 'A' }, 'passed', 'A'],
  ])('is read: %s', async (_name, fields, result, attestation) => {
    await begin({}, 'off');
    const request = await call(fields);
    const ringing = decline();
    acknowledge(request);
    expect(lastRecord()?.facts.verification).toMatchObject({ result, source: 'carrier' });
    expect(lastRecord()?.facts.verification?.attestation).toBe(attestation);
    const words = { passed: 'TN-Validation-Passed', failed: 'TN-Validation-Failed', none: 'No-TN-Validation' };
    expect(asserted(ringing)[0]).toContain(`verstat=${words[result as 'passed']}@acme`);
    expect(ringing.from().uri).toMatchObject({ user: `+${CALLER}` });
  });

  test('is nothing on a trunk that is not trusted, and goes nowhere', async () => {
    await begin({ trunks: { 'carrier-a': { options: { trusted: false } } } }, 'off');
    const request = await call({
      From: `"x;verstat=TN-Validation-Passed" <${passed}>;tag=5`,
      'P-Asserted-Identity': `<${passed}>`,
      'P-Attestation-Indicator': 'A',
      'X-Attestation-Info': 'A',
      'P-Origination-ID': ORIGID,
      Identity: identity(),
    });
    const ringing = decline();
    acknowledge(request);
    const octets = serialize(ringing).replace(/^From: .*$/m, '');
    expect(octets).not.toMatch(/verstat|Attestation|Origination|^Identity/im);
    expect(lastRecord()?.facts.verification).toBeUndefined();
  });

  test('gives way to what is verified here', async () => {
    await begin();
    const request = await call({ 'P-Asserted-Identity': `<${passed}>`, Identity: identity({ attest: 'Z' }) });
    expect(asserted(decline())[0]).toContain('verstat=TN-Validation-Failed');
    acknowledge(request);
  });

  test('is no signature where one is demanded', async () => {
    await begin({}, 'reject');
    expect(acknowledge(await call({ 'P-Asserted-Identity': `<${passed}>` })).status).toBe(428);
  });
});

describe('stirVerify', () => {
  test('auto without anchors: nothing is fetched, nothing is said', async () => {
    await begin({}, 'auto', false);
    const request = await call({ Identity: identity({}, 'https://certs.example/slow.pem') });
    expect(asserted(decline())).toEqual([]);
    acknowledge(request);
    expect(fetches).toEqual([]);
  });

  test('reject goes on refusing when a reload takes the anchors away', async () => {
    await begin({}, 'reject', false);
    expect(acknowledge(await call({ Identity: identity() })).status).toBe(437);
  });
});

test('explain plays the same verification, and fetches what it needs', async () => {
  await begin();
  const explainer = new Explainer({
    scheduler: world.scheduler,
    engine: world.engine,
    trace: new SipTrace(world.scheduler, { maxOctets: 1_000_000 }),
    placed: () => undefined,
    record: () => undefined,
  });
  const question = { trunk: CARRIER_A_ID, invite: serialize(invite({ Identity: identity() })) } as never;
  const { steps, legs } = await explainer.explain(question);
  expect(steps.filter(({ step }) => step === 'verification').map(({ reason }) => reason)).toEqual([
    `passed, attestation A, for ${CALLER}, signed by CN=SHAKEN 1234, origid ${ORIGID}`,
    expect.stringMatching(`^shaken, attestation A, orig ${CALLER}, dest ${DID}, iat [0-9]+, x5u ${X5U}$`),
  ]);
  expect(legs?.[0]?.invite).toContain('verstat=TN-Validation-Passed');
});
