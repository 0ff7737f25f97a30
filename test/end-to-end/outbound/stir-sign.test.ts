import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseMessage, type SipRequest } from '../../../src/sip/message/index.ts';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import { eventually } from '../../kit/eventually.ts';
import { freePort } from '../../kit/free-port.ts';
import { type Kamailio, startKamailio } from '../../kit/kamailio.ts';
import { peersSkipped } from '../../kit/peers.ts';
import { ANY_NUMBER, LONG, sharedAuthority, signer, tokensOf } from '../../kit/stir/signed.ts';
import { statusOf, UdpPeer } from '../../kit/stir/udp-peer.ts';

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
let phone: UdpPeer;
let carrier: UdpPeer;

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
    const toEngine = () => ({ host: '127.0.0.1', port: engine.port() });
    carrier = await UdpPeer.open(CARRIER, toEngine);
    phone = await UdpPeer.open(PHONE, toEngine);
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
    for (const peer of [phone, carrier]) peer.close();
    await engine.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** The engine has the second key as well, by which it signs from then on. */
  async function rotate(): Promise<void> {
    const { items } = (await engine.api('/api/v1/certificates')) as { items: { name: string }[] };
    if (!items.some(({ name }) => name === next.name)) await engine.api('/api/v1/certificates', next);
  }

  test("Kamailio's secsipid takes what is signed; after rotation without restart it is the next key; the record says all", async () => {
    const call = () => phone.call({ uri: 'sip:12125551234@127.0.0.1', from: '<sip:101@acme.example.com>' });
    expect(statusOf(await call().final)).toBe(486);
    await rotate();
    expect(statusOf(await call().final)).toBe(480);
    const items = await eventually('both records', async () => {
      const found = (await engine.api('/api/v1/call-records')) as { items: Record<string, unknown>[] };
      return found.items.length >= 2 && found.items;
    });
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
    await rotate();
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
    await rotate();
    const secrets = [acme, next].map(({ key = '' }) => key.split('\n')[1] ?? '');
    const answers = await Promise.all(
      ['certificates', 'provisioning', 'audit'].map((path) => engine.api(`/api/v1/${path}`)),
    );
    const files = readdirSync(engine.dataFolder, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
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
  const lines = identities.map((value) => `Identity: ${value}`);
  const call = carrier.call({ uri: `sip:${did}@127.0.0.1`, from: `<sip:${from}@carrier.example>`, lines });
  const invite = parseMessage(await carrier.called(number)) as SipRequest;
  expect(statusOf(await call.final)).toBe(486);
  return invite;
}
