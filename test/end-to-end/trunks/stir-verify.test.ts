import { sign } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import { eventually } from '../../kit/eventually.ts';
import { type Kamailio, startKamailio } from '../../kit/kamailio.ts';
import { stirWorld } from '../../kit/stir/authority.ts';
import { startRepository, type TestRepository } from '../../kit/stir/repository.ts';
import { signToken } from '../../kit/stir/token.ts';
import { field, type PlacedCall, statusOf, UdpPeer } from '../../kit/stir/udp-peer.ts';
import { TEST_WORKERS } from '../../kit/test-workers.ts';

const CALLER = '12155550131';
const TIMEOUT_MS = 3000;
const DIDS = { tag: '14155550100', reject: '14155550200', kamailio: '14155550300' };
const KAMAILIO = '127.0.0.6';
const authority = stirWorld();
const leaf = authority.leaf([{ spc: '1234' }]);
const revoked = authority.leaf([{ spc: '9999' }], { commonName: 'SHAKEN 9999' });

let repository: TestRepository;
let engine: TestEngine;
let phone: UdpPeer;
let kamailio: Kamailio;
const carriers = {} as Record<keyof typeof DIDS, UdpPeer>;

const url = (name: string) => repository.url(name);

function identity(name = 'leaf.pem', claims: object = {}, header: object = {}, key = leaf.privateKey): string {
  const x5u = name.includes(':') ? name : url(name);
  const all = {
    attest: 'A',
    dest: { tn: [DIDS.tag, DIDS.reject] },
    iat: Math.floor(Date.now() / 1000),
    orig: { tn: CALLER },
    origid: '123e4567-e89b-12d3-a456-426655440000',
    ...claims,
  };
  const token = signToken({ alg: 'ES256', ppt: 'shaken', typ: 'passport', x5u, ...header }, all, key);
  return `Identity: ${token};info=<${x5u}>;alg=ES256;ppt=shaken`;
}

function place(
  trunk: keyof typeof carriers,
  lines: readonly string[] = [],
  from = `<sip:+${CALLER}@carrier.example>`,
): PlacedCall {
  return carriers[trunk].call({ uri: `sip:${DIDS[trunk]}@127.0.0.1`, from, lines });
}

/** The public key as the secret of HS256, which a careless library would take. */
function withPublicKey(): string {
  const x5u = url('leaf.pem');
  const header = { alg: 'HS256', ppt: 'shaken', typ: 'passport', x5u };
  const claims = {
    attest: 'A',
    dest: { tn: [DIDS.reject] },
    iat: Math.floor(Date.now() / 1000),
    orig: { tn: CALLER },
    origid: 'o',
  };
  const secret = leaf.publicKey.export({ type: 'spki', format: 'pem' }) as string;
  return `Identity: ${signToken(header, claims, secret)};info=<${x5u}>;ppt=shaken`;
}

/** Claims as they are written here, signed with the right key. */
function ofText(claims: string): string {
  const x5u = url('leaf.pem');
  const parts = [JSON.stringify({ alg: 'ES256', ppt: 'shaken', typ: 'passport', x5u }), claims];
  const input = parts.map((part) => Buffer.from(part).toString('base64url')).join('.');
  const signature = sign('sha256', Buffer.from(input), { key: leaf.privateKey, dsaEncoding: 'ieee-p1363' });
  return `Identity: ${input}.${signature.toString('base64url')};info=<${x5u}>;ppt=shaken`;
}

function nested(depth: number): object {
  return depth === 0 ? {} : { more: nested(depth - 1) };
}

async function recordOf({ callId }: PlacedCall) {
  return await eventually('the call record', async () => {
    const { items } = (await engine.api('/api/v1/call-records?limit=200')) as {
      items: { sipCallIds: string[]; verification?: Record<string, unknown> }[];
    };
    return items.find(({ sipCallIds }) => sipCallIds.includes(callId));
  });
}

beforeAll(async () => {
  repository = await startRepository(authority);
  const { write } = repository;
  write('crl.pem', authority.intermediate.revocationList([revoked]));
  write('leaf.pem', leaf.chainPem);
  write('revoked.pem', revoked.chainPem);
  write('chain.pem', leaf.chainPem.repeat(25));
  write('p384.pem', authority.leaf([{ spc: '1' }], { curve: 'P-384' }).chainPem);
  write('unlisted.pem', authority.intermediate.issue({}).chainPem);
  const toEngine = () => ({ host: '127.0.0.1', port: engine.port() });
  phone = await UdpPeer.open('127.0.0.9', toEngine);
  carriers.tag = await UdpPeer.open('127.0.0.7', toEngine);
  carriers.reject = await UdpPeer.open('127.0.0.8', toEngine);
  carriers.kamailio = await UdpPeer.open('127.0.0.5', () => ({ host: KAMAILIO, port: kamailio.port }));
  const trunk = (name: 'tag' | 'reject') => ({
    name,
    type: 'ip' as const,
    host: carriers[name].host,
    port: carriers[name].port,
    options: { ...(name === 'reject' && { stirVerify: 'reject' as const }) },
    tenants: [{ tenant: 'acme', didPool: DIDS[name] }],
  });
  engine = await startEngine({
    settings: {
      stir: { ...repository.stir({ timeoutMs: TIMEOUT_MS }), crls: [join(repository.folder, 'crl.pem')] },
    },
    provisioning: {
      tenants: [
        {
          name: 'acme',
          domain: 'acme.example.com',
          extensions: [{ number: '101', password: 's3cret-101', trustedAddresses: [phone.host] }],
          inboundRules: (['tag', 'reject', 'kamailio'] as const).map((name) => ({
            name,
            trunk: name,
            dids: DIDS[name],
            destination: { extension: '101' },
          })),
        },
      ],
      trunks: [
        trunk('tag'),
        trunk('reject'),
        {
          name: 'kamailio',
          type: 'ip',
          host: KAMAILIO,
          options: { stirVerify: 'reject' },
          tenants: [{ tenant: 'acme', didPool: DIDS.kamailio }],
        },
      ],
    },
  });
  write('leaf.key', leaf.privateKey.export({ type: 'sec1', format: 'pem' }) as string);
  kamailio = await startKamailio({
    host: KAMAILIO,
    modules: ['secsipid'],
    script: `request_route {
      if (is_method("INVITE") && !has_totag()) {
        if (!secsipid_add_identity("$fU", "$rU", "B", "", "${url('leaf.pem')}", "${join(repository.folder, 'leaf.key')}")) {
          sl_send_reply("500", "Not Signed");
          exit;
        }
      }
      $du = "sip:127.0.0.1:${engine.port()}";
      t_relay();
    }`,
  });
  await phone.register('101', 'acme.example.com');
  await engine.registeredEverywhere();
}, 60_000);

afterAll(async () => {
  await engine?.stop();
  await kamailio?.stop();
  await repository?.stop();
  for (const peer of [phone, ...Object.values(carriers)]) peer?.close();
});

test('a signed call rings with its verstat, and the carrier’s certificate is fetched once', async () => {
  const calls = [place('tag', [identity()]), place('reject', [identity()]), place('tag', [identity()])];
  for (const call of calls) expect(statusOf(await call.final)).toBe(486);
  const ringing = phone.messages.filter((text) => text.startsWith('INVITE '));
  expect(ringing.length).toBeGreaterThanOrEqual(3);
  for (const invite of ringing) {
    expect(field(invite, 'P-Asserted-Identity')).toBe(
      `<sip:+${CALLER};verstat=TN-Validation-Passed@acme.example.com;user=phone>`,
    );
    expect(field(invite, 'P-Attestation-Indicator')).toBe('A');
    expect(invite).not.toMatch(/^Identity:/im);
  }
  expect((await recordOf(calls[0] as PlacedCall))?.verification).toMatchObject({
    result: 'passed',
    attestation: 'A',
    number: CALLER,
    signer: 'CN=SHAKEN 1234',
  });
  // Each process keeps what it has fetched.
  expect(repository.asked('leaf.pem')).toBeLessThanOrEqual(TEST_WORKERS);
  expect(await engine.counted('tandem_verifications_total{result="A"}')).toBe(3);
});

test('what Kamailio has signed passes (secsipid)', async () => {
  const call = place('kamailio', [], `<sip:${CALLER}@carrier.example>`);
  expect(statusOf(await call.final)).toBe(486);
  expect((await recordOf(call))?.verification).toMatchObject({ result: 'passed', attestation: 'B', number: CALLER });
});

describe('each failure has its code and its Reason over the wire', () => {
  const old = () => Math.floor(Date.now() / 1000) - 3600;
  test.each<[number, string, () => readonly string[], string?]>([
    [403, 'was signed', () => [identity('leaf.pem', { iat: old() })]],
    [428, 'no Identity', () => []],
    [433, 'anonymous', () => [identity()], '<sip:anonymous@anonymous.invalid>'],
    [436, 'the answer is 404', () => [identity('none.pem')]],
    [436, 'longer than 65536', () => [identity('huge.pem')]],
    [436, 'longer than 65536', () => [identity('endless.pem')]],
    [436, 'holds no certificate', () => [identity('page.pem')]],
    [436, 'redirects and no end', () => [identity('loop.pem')]],
    [436, '169.254.169.254 is not a public address', () => [identity('inward.pem')]],
    [436, 'not with https:', () => [identity('down.pem')]],
    [436, 'not a public address', () => [identity(`https://127.0.0.1:8443/leaf.pem`)]],
    [436, 'not a public address', () => [identity('https://10.1.2.3/leaf.pem')]],
    [436, 'not a public address', () => [identity('https://[fe80::1]/leaf.pem')]],
    [436, 'not with https:', () => [identity('file:///etc/passwd')]],
    [437, 'is revoked', () => [identity('revoked.pem', {}, {}, revoked.privateKey)]],
    [437, 'the chain has 50 certificates', () => [identity('chain.pem')]],
    [437, 'P-256', () => [identity('p384.pem')]],
    [437, 'has no TNAuthList', () => [identity('unlisted.pem')]],
    [438, 'the signature is wrong', () => [identity('leaf.pem', {}, {}, authority.root.privateKey)]],
    [438, 'alg "none"', () => [identity('leaf.pem', {}, { alg: 'none' })]],
    [438, 'alg "HS256"', () => [withPublicKey()]],
    [438, 'nested deeper than 8', () => [identity('leaf.pem', { more: nested(20) })]],
    [438, '"attest" twice', () => [ofText(`{"attest":"A","attest":"B"}`)]],
    [438, 'iat is not', () => [identity('leaf.pem', { iat: String(Math.floor(Date.now() / 1000)) })]],
    [403, 's from now', () => [identity('leaf.pem', { iat: Math.floor(Date.now() / 1000) + 3600 })]],
    [436, 'has userinfo', () => [identity(url('leaf.pem').replace('//', '//a:b@'))]],
    [436, 'has a query', () => [identity(`${url('leaf.pem')}?a=b`)]],
    [436, 'has port 8080', () => [identity(url('leaf.pem').replace(':8443', ':8080'))]],
    [436, 'not a public address', () => [identity('https://169.254.10.20:8443/leaf.pem')]],
    [
      438,
      'no Identity field has a ppt that is known',
      () => [identity('leaf.pem', {}, { ppt: 'msec' }).replace('ppt=shaken', 'ppt=msec')],
    ],
    [438, 'attest is "Z"', () => Array.from({ length: 10 }, () => identity('leaf.pem', { attest: 'Z' }))],
    [
      438,
      'more than 16 Identity values',
      () => Array.from({ length: 17 }, () => identity('leaf.pem', { attest: 'Z' })),
    ],
    [
      438,
      'div tokens',
      () => [identity('leaf.pem', { div: { tn: '1' } }, { ppt: 'div' }).replace('ppt=shaken', 'ppt=div')],
    ],
  ])('%i: %s', async (status, reason, lines, from) => {
    const call = place('reject', lines(), from);
    const response = await call.final;
    expect(statusOf(response)).toBe(status);
    expect(field(response, 'Reason')).toMatch(new RegExp(`^STIR;cause=${status};text="`));
    const record = await recordOf(call);
    expect(record?.verification).toMatchObject({ code: status, reason: expect.stringContaining(reason) });
  });

  test('a field of more than `limits.headerLineBytes` is refused as what it is (400); 64 KB end their connection, and the next one rings', async () => {
    const large = identity('leaf.pem', { more: 'x'.repeat(48_500) });
    expect(large.length).toBeGreaterThan(64_000);
    expect(statusOf(await place('reject', [large]).final)).toBe(400);
    const texts = { uri: `sip:${DIDS.reject}@127.0.0.1`, from: `<sip:+${CALLER}@carrier.example>` };
    const onConnection = (callId: string, line: string) => {
      const socket = connect({ port: engine.port('tcp'), host: '127.0.0.1', localAddress: carriers.reject.host });
      const invite = carriers.reject.request('INVITE', callId, { ...texts, lines: [line] });
      socket.write(invite.replace('SIP/2.0/UDP', 'SIP/2.0/TCP'), 'latin1');
      return socket.setEncoding('latin1');
    };
    const refused = onConnection('tcp-large', identity('leaf.pem', { more: 'x'.repeat(80_000) }));
    await once(refused.resume(), 'close');
    const next = onConnection('tcp-next', identity());
    let received = '';
    next.on('data', (text: string) => {
      received += text;
    });
    await eventually('the phone is busy', () => received.includes('SIP/2.0 486 '), { detail: () => received });
    next.destroy();
  });

  test('of two or ten fields one that passes will do', async () => {
    const good = identity();
    const bad = identity('leaf.pem', { attest: 'Z' });
    for (const lines of [
      [good, good],
      [bad, good],
      [...Array.from({ length: 9 }, () => bad), good],
    ])
      expect(statusOf(await place('reject', lines).final)).toBe(486);
  });

  test('a redirect to where certificates may be is followed', async () => {
    expect(statusOf(await place('reject', [identity('moved.pem')]).final)).toBe(486);
  });
});

test('a host that is silent or slow delays its own calls alone, to the time limit', async () => {
  const began = performance.now();
  const slow = [place('tag', [identity('silent.pem')]), place('tag', [identity('drip.pem')])];
  await carriers.tag.got(
    '100 Trying',
    (text) => text.startsWith('SIP/2.0 100') && field(text, 'Call-ID') === slow[0]?.callId,
  );
  // Signed calls whose certificate is known, and unsigned ones, come through while those wait.
  const others = [place('tag', [identity()]), place('tag')];
  const waiting = Promise.race(slow.map(({ final }) => final)).then(() => 'slow');
  const first = await Promise.race([Promise.all(others.map(({ final }) => final)).then(() => 'others'), waiting]);
  expect(first).toBe('others');
  for (const call of slow) expect(statusOf(await call.final)).toBe(486);
  expect(performance.now() - began).toBeGreaterThanOrEqual(TIMEOUT_MS - 100);
  expect((await recordOf(slow[0] as PlacedCall))?.verification).toMatchObject({
    code: 436,
    reason: expect.stringContaining(`no answer in ${TIMEOUT_MS} ms`),
  });
});

test('CANCEL ends a call that waits', async () => {
  const call = place('reject', [identity('still.pem')]);
  const carrier = carriers.reject;
  carrier.send(
    carrier.request('CANCEL', call.callId, {
      uri: `sip:${DIDS.reject}@127.0.0.1`,
      from: `<sip:+${CALLER}@carrier.example>`,
    }),
  );
  await carrier.got(
    'the end of the INVITE',
    (text) => text.startsWith('SIP/2.0 487') && field(text, 'Call-ID') === call.callId,
  );
});

test('explain says what was found; a reload takes other anchors', async () => {
  const call = place('tag', [identity()]);
  await call.final;
  const { callId } = (await recordOf(call)) as unknown as { callId: string };
  const text = await engine.api(`/api/v1/calls/${callId}/explain?format=text`);
  expect(text).toContain(`passed, attestation A, for ${CALLER}, signed by CN=SHAKEN 1234`);

  writeFileSync(join(repository.folder, 'anchors.pem'), stirWorld().root.pem);
  await engine.configure({});
  const refused = await place('reject', [identity()]).final;
  expect(statusOf(refused)).toBe(437);
  writeFileSync(join(repository.folder, 'anchors.pem'), 'nothing');
  await expect(engine.configure({})).rejects.toThrow('holds no certificate');
  writeFileSync(join(repository.folder, 'anchors.pem'), authority.root.pem);
  await engine.configure({});
  expect(statusOf(await place('reject', [identity()]).final)).toBe(486);
});
