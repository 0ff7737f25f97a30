import { createSocket, type Socket } from 'node:dgram';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HeaderId, parseMessage, SipRequest } from '../../../src/sip/message/index.ts';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import { eventually } from '../../kit/eventually.ts';
import { freePort } from '../../kit/free-port.ts';
import { type Kamailio, startKamailio } from '../../kit/kamailio.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { ANY_NUMBER, LONG, sharedAuthority, signer, tokensOf } from '../../kit/stir/signed.ts';

const PHONE = '127.0.0.7';
const KAMAILIO = '127.0.0.8';
const CARRIER = '127.0.0.9';
const acme = signer('acme-stir', { owner: 'acme' });
const next = signer(
  'acme-next',
  { owner: 'acme' },
  sharedAuthority().leaf(ANY_NUMBER, { ...LONG, notBefore: new Date('2024-01-01') }),
);

let folder: string;
let engine: TestEngine;
let kamailio: Kamailio;
let phone: Peer;
let carrier: Peer;
let serial = 0;

/** A peer on a UDP socket; INVITEs that reach it are answered 486. */
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

  get port(): number {
    return this.socket.address().port;
  }

  send(text: string): void {
    this.socket.send(Buffer.from(text, 'latin1'), engine.port(), '127.0.0.1');
  }

  invite(user: string, from: string, to: string, identities: readonly string[] = []): string {
    const callId = `sign-${++serial}`;
    this.send(
      [
        `INVITE sip:${to}@127.0.0.1 SIP/2.0`,
        `Via: SIP/2.0/UDP ${this.host}:${this.port};branch=z9hG4bK${callId}`,
        'Max-Forwards: 70',
        `From: <sip:${from}>;tag=${callId}`,
        `To: <sip:${to}@127.0.0.1>`,
        `Call-ID: ${callId}`,
        'CSeq: 1 INVITE',
        `Contact: <sip:${user}@${this.host}:${this.port}>`,
        ...identities.map((value) => `Identity: ${value}`),
        'Content-Length: 0',
        '',
        '',
      ].join('\r\n'),
    );
    return callId;
  }

  /** The final status of a call. */
  final(callId: string): Promise<number> {
    const of = (text: string) =>
      text.startsWith('SIP/2.0 ') && !text.startsWith('SIP/2.0 1') && text.includes(`Call-ID: ${callId}`);
    return eventually('the final response', () => {
      const text = this.messages.find(of);
      return text === undefined ? undefined : Number(text.slice(8, 11));
    });
  }

  /** The next INVITE to this user. */
  got(user: string): Promise<SipRequest> {
    return eventually(`an INVITE to ${user}`, () => {
      const text = this.messages.find((one) => one.startsWith(`INVITE sip:${user}@`));
      const message = text === undefined ? undefined : parseMessage(text);
      return message instanceof SipRequest ? message : undefined;
    });
  }

  #received(text: string): void {
    this.messages.push(text);
    const message = parseMessage(text);
    if (message instanceof SipRequest) {
      if (message.method !== 'INVITE') return;
      const via = message.headers
        .fieldValues(HeaderId.Via)
        .map((value) => `Via: ${value}`)
        .join('\r\n');
      const { headers } = message;
      this.send(
        `SIP/2.0 486 Busy Here\r\n${via}\r\nFrom: ${headers.value(HeaderId.From)}\r\nTo: ${headers.value(HeaderId.To)};tag=busy\r\nCall-ID: ${message.callId()}\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n`,
      );
    } else if (message.kind === 'response' && message.status >= 300) {
      const { headers } = message;
      this.send(
        `ACK sip:x@127.0.0.1 SIP/2.0\r\nVia: ${headers.value(HeaderId.Via)}\r\nMax-Forwards: 70\r\nFrom: ${headers.value(HeaderId.From)}\r\nTo: ${headers.value(HeaderId.To)}\r\nCall-ID: ${headers.value(HeaderId.CallId)}\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n`,
      );
    }
  }
}

/** Busy when the signature and the time of the first Identity are good, with a code that says which of two keys it was. */
const judge = () => `
request_route {
  if (is_method("ACK")) exit;
  if (!is_method("INVITE")) { sl_send_reply("200", "OK"); exit; }
  if (secsipid_check_identity("${folder}/acme-stir.pem")) { sl_send_reply("486", "Signed With The First"); exit; }
  if (secsipid_check_identity("${folder}/acme-next.pem")) { sl_send_reply("480", "Signed With The Next"); exit; }
  sl_send_reply("404", "Not Signed");
  exit;
}
`;

describe.skipIf(peersSkipped)('signed calls over real sockets', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tandem-stir-'));
    for (const { name, leaf } of [acme, next]) writeFileSync(join(folder, `${name}.pem`), leaf.pem);
    const port = await freePort(KAMAILIO);
    carrier = await new Peer(CARRIER).open();
    phone = await new Peer(PHONE).open();
    const pool = '14155550100-14155550199';
    const signs = { stirShaken: true, largeRequests: 'udp' } as const;
    engine = await startEngine({
      provisioning: {
        certificates: [acme],
        tenants: [
          {
            name: 'acme',
            domain: 'acme.example.com',
            outboundCallerId: '14155550100',
            extensions: [{ number: '101', name: 'Alice', trustedAddresses: [PHONE] }],
            outboundRules: [
              { name: 'kamailio', priority: 1, match: { prefixes: ['1212'] }, routes: [{ trunk: 'kamailio' }] },
              { name: 'carrier', priority: 2, routes: [{ trunk: 'carrier' }] },
            ],
            inboundRules: [1, 2].map((hop) => ({
              name: `hop ${hop}`,
              trunk: 'carrier',
              dids: `1415555015${hop}`,
              destination: { number: hop === 1 ? '13125550152' : '13125550153' },
            })),
          },
        ],
        trunks: [
          {
            name: 'kamailio',
            type: 'ip',
            host: KAMAILIO,
            port,
            options: signs,
            tenants: [{ tenant: 'acme', didPool: pool, verified: true }],
          },
          {
            name: 'carrier',
            type: 'ip',
            host: CARRIER,
            port: carrier.port,
            options: signs,
            outboundParameters: {
              from: { user: 'OutboundCallerIdAndOriginatorCallerID' },
              pAssertedIdentity: { user: 'OriginatorCallerID' },
            },
            tenants: [{ tenant: 'acme', didPool: pool }],
          },
        ],
      },
    });
    kamailio = await startKamailio({ host: KAMAILIO, port, modules: ['secsipid'], script: judge });
  });
  afterAll(async () => {
    await kamailio.stop();
    for (const { socket } of [phone, carrier]) socket.close();
    await engine.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test("Kamailio's secsipid takes what is signed; after rotation without restart it is the next key; the record says all", async () => {
    const first = phone.invite('101', '101@acme.example.com', '12125551234');
    expect(await phone.final(first)).toBe(486);
    await engine.api('/api/v1/certificates', next);
    expect(await phone.final(phone.invite('101', '101@acme.example.com', '12125551234'))).toBe(480);
    const { items } = (await engine.api('/api/v1/call-records')) as { items: Record<string, unknown>[] };
    expect(items.map(({ signed, signedWith }) => [signed, signedWith]).sort()).toEqual([
      ['A', 'acme-next'],
      ['A', 'acme-stir'],
    ]);
    expect(items[0]?.['originId']).toMatch(/^[0-9a-f-]{36}$/);
    const explained = JSON.stringify(
      await engine.api('/api/v1/explain', { tenant: 'acme', from: '101', to: '12125551234' }),
    );
    expect(explained).toContain('attestation A: extension 101 of acme is authenticated');
    expect(explained).toContain('shaken signed with certificate acme-next');
  });

  test('forwarded twice: shaken, div and div, each of which verifies, in an unbroken chain; explain has no token that verifies', async () => {
    const wire = await hop([], '14155550151', '13125550152', '17075550111');
    const [shaken] = tokensOf(wire);
    expect(shaken?.claims).toMatchObject({ attest: 'C', orig: { tn: '17075550111' }, dest: { tn: ['13125550152'] } });
    // The next carrier has it as a call to another DID of ours.
    const once = (shaken?.value ?? '').trim();
    const second = await hop([once], '14155550152', '13125550153', '17075550111');
    expect(tokensOf(second).map(({ header }) => header['ppt'])).toEqual(['shaken', 'div']);
    const [kept, div] = tokensOf(second);
    expect(kept?.value).toBe(once);
    expect(div?.claims).toMatchObject({
      div: { tn: '13125550152' },
      dest: { tn: ['13125550153'] },
      orig: { tn: '17075550111' },
    });
    carrier.messages.length = 0;
    const third = await hop([once, div?.value ?? ''], '14155550151', '13125550152', '17075550111');
    const chain = tokensOf(third);
    expect(chain.map(({ header }) => header['ppt'])).toEqual(['shaken', 'div', 'div']);
    expect(chain[2]?.claims).toMatchObject({ div: { tn: '13125550153' }, dest: { tn: ['13125550152'] } });
    for (const token of chain) expect(token.verifies(next.leaf)).toBe(true);
    const explained = (await engine.api('/api/v1/explain', { tenant: 'acme', from: '101', to: '12125551234' })) as {
      legs: { inviteBase64: string }[];
    };
    const shown = parseMessage(
      Buffer.from(explained.legs[0]?.inviteBase64 ?? '', 'base64').toString('latin1'),
    ) as SipRequest;
    expect(tokensOf(shown)).toHaveLength(1);
    for (const { leaf } of [acme, next]) expect(tokensOf(shown)[0]?.verifies(leaf)).toBe(false);
  });

  test('the private key is nowhere: not in the log, not in an answer, not in a file of the store', async () => {
    const secrets = [acme, next].map(({ key = '' }) => key.split('\n')[1] ?? '');
    const answers = await Promise.all(
      ['certificates', 'provisioning', 'audit'].map((path) => engine.api(`/api/v1/${path}`)),
    );
    const data = engine.node.settings.store as { path: string };
    const files = readdirSync(data.path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(files.length).toBeGreaterThan(0);
    const texts = [
      JSON.stringify(answers),
      JSON.stringify(engine.logs()),
      ...files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'latin1')),
    ];
    for (const secret of secrets) {
      expect(secret.length).toBeGreaterThan(40);
      expect(texts.filter((text) => text.includes(secret))).toEqual([]);
    }
  });
});

/** A call of the carrier's to a DID, which goes on to `number`; gives the INVITE that the carrier gets. */
async function hop(identities: readonly string[], did: string, number: string, from: string): Promise<SipRequest> {
  const callId = carrier.invite('x', `${from}@carrier.example`, did, identities);
  const invite = await carrier.got(number);
  expect(await carrier.final(callId)).toBe(486);
  return invite;
}
