import { compactVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { HeaderId } from '../../src/sip/message/index.ts';
import { type Signatures, signaturesHere } from '../../src/stir/index.ts';
import { LONG, sharedAuthority, signer, tokensOf } from '../kit/stir/signed.ts';
import { CARRIER_A, CARRIER_A_ID, CARRIER_B, CARRIER_PASSWORD, ENGINE, SDP, World } from './world.ts';

const acme = signer('acme-stir', { owner: 'acme' });
const SIGNS = { options: { stirShaken: true } };
const ANSWERS = { type: 'register', credentials: { authName: 'acme', password: CARRIER_PASSWORD } } as const;

test('RFC 8224 §4.1: the INVITE has Identity and Date of one second, signed by the certificate that x5u names; jose agrees', async () => {
  const world = await World.start({ certificates: [acme], trunks: { 'carrier-a': SIGNS } });
  const carrier = world.agent(CARRIER_A);
  world.phone('101', '203.0.113.1').call('12125551234');
  const invite = carrier.took('INVITE');
  const [token, ...more] = tokensOf(invite);
  expect(more).toEqual([]);
  expect(token?.header).toEqual({ alg: 'ES256', ppt: 'shaken', typ: 'passport', x5u: acme.x5u });
  expect(token?.claims).toMatchObject({ attest: 'B', orig: { tn: '14155550100' }, dest: { tn: ['12125551234'] } });
  expect(token?.parameters).toBe(`info=<${acme.x5u}>;alg=ES256;ppt=shaken`);
  expect(token?.verifies(acme.leaf)).toBe(true);
  const opinion = await compactVerify(token?.value.split(';')[0] ?? '', acme.leaf.publicKey);
  expect(JSON.parse(Buffer.from(opinion.payload).toString())).toEqual(token?.claims);
  const iat = Number(token?.claims['iat']);
  expect(iat).toBe(Math.floor(world.scheduler.wallMs() / 1000));
  expect(Date.parse(invite.headers.value(HeaderId.Date) ?? '')).toBe(iat * 1000);
});

test('signed again where it is sent again: after a challenge, and at the next route; requests within the call are not', async () => {
  const trunks = {
    'carrier-a': { ...SIGNS, ...ANSWERS, options: { stirShaken: true, registration: 'off' as const } },
    'carrier-b': SIGNS,
  };
  const world = await World.start({ certificates: [acme], trunks });
  const [first, second] = [world.agent(CARRIER_A), world.agent(CARRIER_B)];
  const phone = world.phone('101', '203.0.113.1');
  const call = phone.call('12125551234');
  world.run(3_000);
  first.answers(first.took('INVITE'), 407, 'Proxy Authentication Required', {
    'Proxy-Authenticate': `Digest realm="${CARRIER_A}", nonce="n1"`,
  });
  const [before, after] = [first.took('INVITE'), first.took('INVITE', 1)].map((invite) => tokensOf(invite)[0]);
  expect(after?.verifies(acme.leaf)).toBe(true);
  expect(Number(after?.claims['iat'])).toBeGreaterThan(Number(before?.claims['iat']));
  expect({ ...after?.claims, iat: 0 }).toEqual({ ...before?.claims, iat: 0 });
  first.answers(first.took('INVITE', 1), 503, 'Service Unavailable');
  const last = tokensOf(second.took('INVITE'))[0];
  expect(last?.verifies(acme.leaf)).toBe(true);
  expect(last?.claims['origid']).toBe(before?.claims['origid']);
  second.answers(
    second.took('INVITE'),
    200,
    'OK',
    { Contact: `<sip:${CARRIER_B}>`, 'Content-Type': 'application/sdp' },
    SDP,
  );
  phone.final(call);
  world.run();
  expect(second.took('ACK').headers.has(HeaderId.Identity)).toBe(false);
});

test('RFC 9795: how the caller is shown has a field of its own, of the same second, and jose reads it', async () => {
  const digest = `sha256-${Buffer.alloc(32, 7).toString('base64')}`;
  const richCallData = { name: 'Acme', icon: 'https://img.acme.example/a.png', iconDigest: digest };
  const world = await World.start({
    certificates: [acme],
    acme: { richCallData },
    trunks: { 'carrier-a': { options: { stirShaken: true, stirRichCallData: 'rcd' } } },
  });
  const carrier = world.agent(CARRIER_A);
  world.phone('101', '203.0.113.1').call('12125551234');
  const tokens = tokensOf(carrier.took('INVITE'));
  expect(tokens.map(({ header }) => header['ppt'])).toEqual(['shaken', 'rcd']);
  const [shaken, rich] = tokens;
  expect(rich?.claims).toEqual({
    dest: { tn: ['12125551234'] },
    iat: shaken?.claims['iat'],
    orig: { tn: '14155550100' },
    rcd: { icn: richCallData.icon, nam: 'Acme' },
    rcdi: { '/icn': digest },
  });
  const opinion = await compactVerify(rich?.value.split(';')[0] ?? '', acme.leaf.publicKey);
  expect(JSON.parse(Buffer.from(opinion.payload).toString())).toEqual(rich?.claims);
});

/** Another thread that computes when it is told to. */
class HeldSignatures implements Signatures {
  readonly asked: { readonly release: () => void; readonly fail: () => void }[] = [];
  readonly verify = signaturesHere.verify;

  sign(...given: Parameters<Signatures['sign']>): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.asked.push({
      release: () => resolve(signaturesHere.sign(...given)),
      fail: () => reject(new Error('the key cannot sign')),
    });
    return promise;
  }
}

async function worldOfThread() {
  const signatures = new HeldSignatures();
  const trunks = { 'carrier-a': SIGNS, 'carrier-b': { options: { stirShaken: false } } };
  const world = await World.start({ certificates: [acme], trunks, engine: { signatures } });
  return { signatures, world, carrier: world.agent(CARRIER_A), phone: world.phone('101', '203.0.113.1') };
}

describe('while another thread computes the signature', () => {
  test('the call waits, others do not, and each INVITE leaves with its own', async () => {
    const { signatures, world, carrier, phone } = await worldOfThread();
    for (const number of ['12125551234', '12125551235']) phone.call(number);
    expect(carrier.requests('INVITE')).toEqual([]);
    expect(signatures.asked).toHaveLength(2);
    signatures.asked[1]?.release();
    await world.turn();
    world.run();
    const [token] = tokensOf(carrier.took('INVITE'));
    expect(token?.claims).toMatchObject({ dest: { tn: ['12125551235'] } });
    expect(token?.verifies(acme.leaf)).toBe(true);
    signatures.asked[0]?.release();
    await world.turn();
    world.run();
    expect(tokensOf(carrier.took('INVITE', 1))[0]?.claims).toMatchObject({ dest: { tn: ['12125551234'] } });
  });

  test('CANCEL ends the call; nothing leaves when the signature comes after all, and nothing is kept', async () => {
    const { signatures, world, carrier, phone } = await worldOfThread();
    const invite = phone.call('12125551234');
    const names = [HeaderId.Via, HeaderId.From, HeaderId.To] as const;
    const [Via, From, To] = names.map((name) => invite.headers.value(name));
    phone.sends(
      phone.request('CANCEL', invite.requestUri, {
        Via,
        From,
        To,
        'Call-ID': invite.callId(),
        CSeq: `${invite.headers.value(HeaderId.CSeq)?.split(' ')[0]} CANCEL`,
      }),
    );
    expect(phone.responses(invite.callId()).map(({ status }) => status)).toContain(487);
    signatures.asked[0]?.release();
    await world.turn();
    world.run(60_000);
    expect(carrier.requests('INVITE')).toEqual([]);
    expect(world.engine.calls.counters.legs).toBe(0);
  });

  test('a key that cannot sign costs the trunk, not the call: the next route is tried', async () => {
    const { signatures, world, carrier, phone } = await worldOfThread();
    const next = world.agent(CARRIER_B);
    phone.call('12125551234');
    signatures.asked[0]?.fail();
    await world.turn();
    world.run();
    expect(carrier.requests('INVITE')).toEqual([]);
    expect(next.took('INVITE').headers.has(HeaderId.Identity)).toBe(false);
  });
});

test('required means required: the call that cannot be signed gets 403 and nothing leaves; on the next snapshot it is signed', async () => {
  const world = await World.start({ trunks: { 'carrier-a': SIGNS, 'carrier-b': SIGNS } });
  const carrier = world.agent(CARRIER_A);
  const phone = world.phone('101', '203.0.113.1');
  const refused = phone.call('12125551234');
  expect(phone.final(refused)).toMatchObject({ status: 403, reason: 'Call Cannot Be Signed' });
  expect(carrier.requests('INVITE')).toEqual([]);
  // Rotation: no restart, and a call in progress keeps what it has.
  await world.provision({ certificates: [acme] });
  phone.call('12125551234');
  expect(tokensOf(carrier.took('INVITE'))[0]?.header['x5u']).toBe(acme.x5u);
  const younger = sharedAuthority().leaf([{ spc: '1234' }], { ...LONG, notBefore: new Date('2021-01-01') });
  const next = signer('acme-2027', { owner: 'acme' }, younger);
  await world.provision({ certificates: [acme, next] });
  phone.call('12125551235');
  const rotated = tokensOf(carrier.took('INVITE', 1))[0];
  expect(rotated?.header['x5u']).toBe(next.x5u);
  expect(rotated?.verifies(next.leaf)).toBe(true);
});

test('RFC 8946: a call that is forwarded keeps its Identity and gets div', async () => {
  const world = await World.start({
    certificates: [acme],
    acme: {
      inboundRules: [{ name: 'on', trunk: 'carrier-a', dids: '14155550100', destination: { number: '12125551234' } }],
    },
    trunks: { 'carrier-a': { ...SIGNS, outboundParameters: { from: { user: 'OriginatorCallerID' } } } },
  });
  const carrier = world.agent(CARRIER_A);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const received = `${part({ alg: 'ES256', ppt: 'shaken', typ: 'passport', x5u: 'https://o.example/o.pem' })}.${part({
    attest: 'A',
    dest: { tn: ['14155550100'] },
    iat: 1,
    orig: { tn: '13035550111' },
    origid: 'o',
  })}.c2ln;info=<https://o.example/o.pem>;alg=ES256;ppt=shaken`;
  carrier.sends(
    carrier.request(
      'INVITE',
      `sip:14155550100@${ENGINE}`,
      {
        From: `<sip:+13035550111@${CARRIER_A}>;tag=1`,
        To: `<sip:14155550100@${ENGINE}>`,
        Identity: received,
      },
      SDP,
    ),
  );
  const [kept, div] = tokensOf(carrier.took('INVITE'));
  expect(kept?.value).toBe(received);
  expect(div?.header['ppt']).toBe('div');
  expect(div?.claims).toEqual({
    dest: { tn: ['12125551234'] },
    div: { tn: '14155550100' },
    iat: Math.floor(world.scheduler.wallMs() / 1000),
    orig: { tn: '13035550111' },
  });
  expect(div?.verifies(acme.leaf)).toBe(true);
  expect(world.engine.trunks.status(CARRIER_A_ID)?.activeCalls).toBeGreaterThan(0);
});

test('certificates that end are warned of 30, 7 and 1 days before and when they have, once each; a new one stays silent', async () => {
  const world = new World();
  const endMs = world.scheduler.wallMs() + 40 * 86_400_000;
  const ending = sharedAuthority().leaf([{ spc: '1' }], { ...LONG, notAfter: new Date(endMs) });
  await world.engine.start();
  await world.provision({ certificates: [signer('ending', { owner: 'acme' }, ending), acme] });
  const seen: [number, number][] = [];
  for (let day = 0; day <= 42; day++) {
    // A day of which the engine's other timers need not live through more than an hour.
    world.scheduler.shiftWall(23 * 3_600_000);
    world.run(3_600_000);
    for (const { name, daysLeft } of world.observed.expiring.splice(0)) {
      expect(name).toBe('ending');
      seen.push([day, daysLeft]);
    }
  }
  expect(seen).toEqual([
    [9, 30],
    [32, 7],
    [38, 1],
    [39, 0],
  ]);
});
