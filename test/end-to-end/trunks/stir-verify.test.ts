import { createSocket, type Socket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Child, startChild } from '../../kit/child.ts';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import { eventually } from '../../kit/eventually.ts';
import { type Kamailio, startKamailio } from '../../kit/kamailio.ts';
import { StirCertificate, stirWorld } from '../../kit/stir/authority.ts';
import { signToken } from '../../kit/stir/token.ts';

// An address of our own: the ports that certificates may be fetched from are two.
const REPOSITORY = `127.${40 + Math.floor(Math.random() * 100)}.${1 + Math.floor(Math.random() * 250)}.${1 + Math.floor(Math.random() * 250)}`;
const PORT = 8443;
const CALLER = '12155550131';
const TIMEOUT_MS = 3000;
const DIDS = { tag: '14155550100', reject: '14155550200', kamailio: '14155550300', signer: '14155550400' };
/** An engine that signs: where it is, and the number that it forwards. */
const SIGNER = '127.0.0.3';
const FORWARDED = '12155550199';
const KAMAILIO = '127.0.0.6';
const authority = stirWorld();
const tlsRoot = StirCertificate.root({ commonName: 'Repository root' });
const leaf = authority.leaf([{ spc: '1234' }]);
const revoked = authority.leaf([{ spc: '9999' }], { commonName: 'SHAKEN 9999' });

let folder: string;
let repository: Child;
let engine: TestEngine;
let phone: Peer;
let kamailio: Kamailio;
let behind: Peer;
let signer: TestEngine;
/** A phone and a carrier of that engine. */
let desk: Peer;
let upstream: Peer;
const carriers = {} as Record<'tag' | 'reject' | 'kamailio', Peer>;
let serial = 0;

/** A peer on a UDP socket that keeps what it gets. */
class Peer {
  readonly host: string;
  readonly messages: string[] = [];
  readonly socket: Socket = createSocket('udp4');

  constructor(host: string) {
    this.host = host;
    this.socket.on('message', (octets) => this.#received(octets.toString('latin1')));
  }

  async open(): Promise<this> {
    await new Promise<void>((resolve) => this.socket.bind(0, this.host, resolve));
    return this;
  }

  get address(): string {
    return `${this.host}:${this.socket.address().port}`;
  }

  send(text: string): void {
    const [port, host] =
      this === behind
        ? [kamailio.port, KAMAILIO]
        : this === desk || this === upstream
          ? [signer.port(), SIGNER]
          : [engine.port(), '127.0.0.1'];
    this.socket.send(Buffer.from(text, 'latin1'), port, host);
  }

  /** The one that fits, as soon as it is there. */
  got(what: string, fits: (text: string) => boolean): Promise<string> {
    return eventually(what, () => this.messages.find(fits), { detail: () => this.messages.join('\n') });
  }

  #received(text: string): void {
    this.messages.push(text);
    // A phone that is called is busy, and the carrier acknowledges what it is refused with.
    if (text.startsWith('INVITE ')) {
      for (const status of ['180 Ringing', '486 Busy Here']) this.send(answerTo(text, status));
    }
    if (/^SIP\/2\.0 [3-6].*\r\n(?:.*\r\n)*CSeq: 1 INVITE/.test(text)) this.send(ackOf(text));
  }
}

const field = (text: string, name: string) => new RegExp(`^${name}: (.*)\r$`, 'im').exec(text)?.[1] ?? '';
const fields = (text: string, name: string) =>
  [...text.matchAll(new RegExp(`^${name}: .*\r$`, 'gim'))].map(([line]) => line.trim()).join('\r\n');

function answerTo(request: string, status: string): string {
  const kept = ['Via', 'From', 'Call-ID', 'CSeq'].map((name) => fields(request, name)).join('\r\n');
  const to = `To: ${field(request, 'To')};tag=phone`;
  return `SIP/2.0 ${status}\r\n${kept}\r\n${to}\r\nContact: <sip:101@${phone.address}>\r\nContent-Length: 0\r\n\r\n`;
}

function ackOf(response: string): string {
  const kept = ['From', 'To', 'Call-ID'].map((name) => fields(response, name)).join('\r\n');
  const via = `Via: ${field(response, 'Via').replace(/;(?:received|rport)=[^;]*/g, '')}`;
  return `ACK sip:x@127.0.0.1 SIP/2.0\r\n${via}\r\nMax-Forwards: 70\r\n${kept}\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n`;
}

const url = (name: string) => `https://${REPOSITORY}:${PORT}/${name}`;

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

interface PlacedCall {
  readonly callId: string;
  readonly final: Promise<string>;
}

function place(
  trunk: keyof typeof carriers,
  lines: readonly string[] = [],
  from = `<sip:+${CALLER}@carrier.example>`,
): PlacedCall {
  return begin(carriers[trunk], DIDS[trunk], `sip:${DIDS[trunk]}@127.0.0.1`, lines, from);
}

function begin(peer: Peer, did: string, uri: string, lines: readonly string[], from: string): PlacedCall {
  const callId = `stir-${++serial}`;
  peer.send(
    [
      `INVITE ${uri} SIP/2.0`,
      `Via: SIP/2.0/UDP ${peer.address};rport;branch=z9hG4bK-${callId}`,
      'Max-Forwards: 70',
      `From: ${from};tag=1`,
      `To: <${uri}>`,
      `Call-ID: ${callId}`,
      'CSeq: 1 INVITE',
      `Contact: <sip:${did}@${peer.address}>`,
      ...lines,
      'Content-Length: 0\r\n\r\n',
    ].join('\r\n'),
  );
  const final = peer.got(
    `the answer to ${callId}`,
    (text) => /^SIP\/2\.0 [2-6]/.test(text) && field(text, 'Call-ID') === callId,
  );
  return { callId, final };
}

const statusOf = (response: string) => Number(response.slice(8, 11));

async function recordOf({ callId }: PlacedCall) {
  return await eventually('the call record', async () => {
    const { items } = (await engine.api('/api/v1/call-records?limit=200')) as {
      items: { sipCallIds: string[]; verification?: Record<string, unknown> }[];
    };
    return items.find(({ sipCallIds }) => sipCallIds.includes(callId));
  });
}

/** What the engine that signs serves: one tenant, whose numbers are verified, and a rule that sends calls on. */
function signing(): Parameters<typeof startEngine>[0]['provisioning'] {
  const pool = { tenant: 'origin', didPool: '12155550130-12155550139', verified: true };
  return {
    certificates: [{ name: 'origin', use: 'stir', chain: leaf.chainPem, key: leaf.keyPem, x5u: url('leaf.pem') }],
    tenants: [
      {
        name: 'origin',
        domain: 'origin.example.com',
        outboundCallerId: CALLER,
        extensions: [{ number: '201', password: 's3cret-201', trustedAddresses: [desk.host] }],
        outboundRules: [{ name: 'out', routes: [{ trunk: 'out' }] }],
        inboundRules: [{ name: 'on', trunk: 'in', dids: FORWARDED, destination: { number: DIDS.signer } }],
      },
    ],
    trunks: [
      {
        name: 'out',
        type: 'ip',
        host: '127.0.0.1',
        port: engine.port(),
        options: { stirShaken: true },
        outboundParameters: {
          from: [{ when: 'forwarded', user: 'OriginatorCallerID' }, { user: 'OutboundCallerId' }],
        },
        tenants: [pool],
      },
      { name: 'in', type: 'ip', host: upstream.host, tenants: [{ tenant: 'origin', didPool: FORWARDED }] },
    ],
  };
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tandem-stir-'));
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
  const tls = tlsRoot.issue({ commonName: REPOSITORY, hosts: [REPOSITORY] });
  write('tls.pem', tls.chainPem);
  write('tls.key', tls.keyPem);
  write('tls-root.pem', tlsRoot.pem);
  write('anchors.pem', authority.root.pem);
  write('crl.pem', authority.intermediate.revocationList([revoked]));
  write('leaf.pem', leaf.chainPem);
  write('revoked.pem', revoked.chainPem);
  write('chain.pem', leaf.chainPem.repeat(25));
  write('p384.pem', authority.leaf([{ spc: '1' }], { curve: 'P-384' }).chainPem);
  write('unlisted.pem', authority.intermediate.issue({}).chainPem);
  repository = startChild(process.execPath, [
    fileURLToPath(new URL('../../kit/stir/repository-process.ts', import.meta.url)),
    REPOSITORY,
    String(PORT),
    folder,
  ]);
  await repository.waitFor(/serving/);
  phone = await new Peer('127.0.0.9').open();
  carriers.tag = await new Peer('127.0.0.7').open();
  carriers.reject = await new Peer('127.0.0.8').open();
  behind = await new Peer('127.0.0.5').open();
  carriers.kamailio = behind;
  const trunk = (name: 'tag' | 'reject') => ({
    name,
    type: 'ip' as const,
    host: carriers[name].host,
    port: carriers[name].socket.address().port,
    options: { ...(name === 'reject' && { stirVerify: 'reject' as const }) },
    tenants: [{ tenant: 'acme', didPool: DIDS[name] }],
  });
  engine = await startEngine({
    settings: {
      stir: {
        trustAnchors: [join(folder, 'anchors.pem')],
        crls: [join(folder, 'crl.pem')],
        fetch: { timeoutMs: TIMEOUT_MS, allow: [`${REPOSITORY}/32`], authorities: [join(folder, 'tls-root.pem')] },
      },
    },
    provisioning: {
      tenants: [
        {
          name: 'acme',
          domain: 'acme.example.com',
          extensions: [{ number: '101', password: 's3cret-101', trustedAddresses: [phone.host] }],
          inboundRules: (['tag', 'reject', 'kamailio', 'signer'] as const).map((name) => ({
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
        {
          name: 'signer',
          type: 'ip',
          host: SIGNER,
          options: { stirVerify: 'reject' },
          tenants: [{ tenant: 'acme', didPool: DIDS.signer }],
        },
      ],
    },
  });
  desk = await new Peer('127.0.0.4').open();
  upstream = await new Peer('127.0.0.10').open();
  signer = await startEngine({ host: SIGNER, provisioning: signing() });
  write('leaf.key', leaf.privateKey.export({ type: 'sec1', format: 'pem' }) as string);
  kamailio = await startKamailio({
    host: KAMAILIO,
    modules: ['secsipid'],
    script: `request_route {
      if (is_method("INVITE") && !has_totag()) {
        if (!secsipid_add_identity("$fU", "$rU", "B", "", "${url('leaf.pem')}", "${join(folder, 'leaf.key')}")) {
          sl_send_reply("500", "Not Signed");
          exit;
        }
      }
      $du = "sip:127.0.0.1:${engine.port()}";
      t_relay();
    }`,
  });
  const aor = 'sip:101@acme.example.com';
  phone.send(
    [
      'REGISTER sip:acme.example.com SIP/2.0',
      `Via: SIP/2.0/UDP ${phone.address};rport;branch=z9hG4bK-register`,
      'Max-Forwards: 70',
      `From: <${aor}>;tag=1`,
      `To: <${aor}>`,
      'Call-ID: register',
      'CSeq: 1 REGISTER',
      `Contact: <sip:101@${phone.address}>`,
      'Content-Length: 0\r\n\r\n',
    ].join('\r\n'),
  );
  expect(statusOf(await phone.got('the registration', (text) => text.startsWith('SIP/2.0')))).toBe(200);
}, 60_000);

afterAll(async () => {
  await engine?.stop();
  await signer?.stop();
  await kamailio?.stop();
  await repository?.stop();
  for (const peer of [phone, desk, upstream, ...Object.values(carriers)]) peer?.socket.close();
  rmSync(folder, { recursive: true, force: true });
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
  expect(repository.output().match(/GET \/leaf.pem/g)).toHaveLength(1);
  expect(await engine.api('/metrics')).toContain('tandem_verifications_total{result="A"} 3');
});

test('what Kamailio has signed passes (secsipid)', async () => {
  const call = place('kamailio', [], `<sip:${CALLER}@carrier.example>`);
  expect(statusOf(await call.final)).toBe(486);
  expect((await recordOf(call))?.verification).toMatchObject({ result: 'passed', attestation: 'B', number: CALLER });
});

describe('engine to engine', () => {
  const passed = async (number: string) =>
    await eventually('the call record', async () => {
      const { items } = (await engine.api(`/api/v1/call-records?number=${DIDS.signer}`)) as {
        items: { verification?: Record<string, unknown> }[];
      };
      return items.find(({ verification }) => verification?.['number'] === number)?.verification;
    });

  test('what an engine signs another one believes: attestation A', async () => {
    const from = '<sip:201@origin.example.com>';
    const call = begin(desk, DIDS.signer, `sip:${DIDS.signer}@origin.example.com`, [], from);
    expect(statusOf(await call.final)).toBe(486);
    expect(await passed(CALLER)).toMatchObject({ result: 'passed', attestation: 'A', signer: 'CN=SHAKEN 1234' });
  });

  test('RFC 8946: a call that it sends on has its div, and the number that was called first', async () => {
    const claims = { dest: { tn: [FORWARDED] }, orig: { tn: '442071234567' } };
    const call = begin(
      upstream,
      FORWARDED,
      `sip:${FORWARDED}@${SIGNER}`,
      [identity('leaf.pem', claims)],
      '<sip:+442071234567@carrier.example>',
    );
    expect(statusOf(await call.final)).toBe(486);
    expect(await passed('442071234567')).toMatchObject({
      result: 'passed',
      attestation: 'A',
      divertedFrom: [FORWARDED],
    });
  });
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
    [436, 'not a public address', () => [identity(`https://127.0.0.1:${PORT}/leaf.pem`)]],
    [436, 'not a public address', () => [identity('https://10.1.2.3/leaf.pem')]],
    [436, 'not a public address', () => [identity('https://[fe80::1]/leaf.pem')]],
    [436, 'not with https:', () => [identity('file:///etc/passwd')]],
    [437, 'is revoked', () => [identity('revoked.pem', {}, {}, revoked.privateKey)]],
    [437, 'the chain has 50 certificates', () => [identity('chain.pem')]],
    [437, 'P-256', () => [identity('p384.pem')]],
    [437, 'has no TNAuthList', () => [identity('unlisted.pem')]],
    [438, 'the signature is wrong', () => [identity('leaf.pem', {}, {}, authority.root.privateKey)]],
    [438, 'none', () => [identity('leaf.pem', {}, { alg: 'none' })]],
  ])('%i: %s', async (status, reason, lines, from) => {
    const call = place('reject', lines(), from);
    const response = await call.final;
    expect(statusOf(response)).toBe(status);
    expect(field(response, 'Reason')).toMatch(new RegExp(`^STIR;cause=${status};text="`));
    const record = await recordOf(call);
    expect(record?.verification).toMatchObject({ code: status, reason: expect.stringContaining(reason) });
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
    [
      `CANCEL sip:${DIDS.reject}@127.0.0.1 SIP/2.0`,
      `Via: SIP/2.0/UDP ${carrier.address};rport;branch=z9hG4bK-${call.callId}`,
      'Max-Forwards: 70',
      `From: <sip:+${CALLER}@carrier.example>;tag=1`,
      `To: <sip:${DIDS.reject}@127.0.0.1>`,
      `Call-ID: ${call.callId}`,
      'CSeq: 1 CANCEL',
      'Content-Length: 0\r\n\r\n',
    ].join('\r\n'),
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

  writeFileSync(join(folder, 'anchors.pem'), stirWorld().root.pem);
  await engine.node.reload();
  const refused = await place('reject', [identity()]).final;
  expect(statusOf(refused)).toBe(437);
  writeFileSync(join(folder, 'anchors.pem'), 'nothing');
  await expect(engine.node.reload()).rejects.toThrow('holds no certificate');
  writeFileSync(join(folder, 'anchors.pem'), authority.root.pem);
  await engine.node.reload();
  expect(statusOf(await place('reject', [identity()]).final)).toBe(486);
});
