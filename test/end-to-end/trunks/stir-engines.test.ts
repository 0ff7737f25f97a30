import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEngine, type TestEngine } from '../../kit/engine.ts';
import { eventually } from '../../kit/eventually.ts';
import { freePort } from '../../kit/free-port.ts';
import { stirWorld } from '../../kit/stir/authority.ts';
import { startRepository, type TestRepository } from '../../kit/stir/repository.ts';
import { field, fields, statusOf, UdpPeer } from '../../kit/stir/udp-peer.ts';

// Two engines, each of which signs what it sends to the other and refuses what does not verify.
const [HOME, FAR] = ['127.0.0.3', '127.0.0.12'];
const ALPHA = { number: '12155550130', pool: '12155550130-12155550139' };
const BETA = { number: '12155550140', pool: '12155550140-12155550149' };
const DESK = '14155550400';
/** Numbers that are sent on, each by the engine that has it, to the other one. */
const [FAR_ON, HOME_ON, FROM_OUTSIDE] = ['14155550401', '12155550198', '12155550199'];
const PICTURE = 'a picture';
const authority = stirWorld();
const alpha = authority.leaf([{ start: ALPHA.number, count: 100 }], { commonName: 'Alpha' });
const shared = authority.leaf([{ spc: '1234' }], { commonName: 'SHAKEN 1234' });
const far = authority.leaf([{ spc: '5678' }], { commonName: 'SHAKEN 5678' });

let repository: TestRepository;
let engines: Record<'home' | 'far', TestEngine>;
let peers: Record<'alpha' | 'beta' | 'outside' | 'desk', UdpPeer>;

const listen = (host: string, port: number) =>
  (['udp', 'tcp'] as const).map((transport) => ({ transport, host, port }));

beforeAll(async () => {
  repository = await startRepository(authority);
  for (const [name, leaf] of Object.entries({ alpha, shared, far })) repository.write(`${name}.pem`, leaf.chainPem);
  repository.write('logo.png', PICTURE);
  const [homePort, farPort] = [await freePort(HOME), await freePort(FAR)];
  const at = (host: string, port: number) => () => ({ host, port });
  peers = {
    alpha: await UdpPeer.open('127.0.0.4', at(HOME, homePort)),
    beta: await UdpPeer.open('127.0.0.11', at(HOME, homePort)),
    outside: await UdpPeer.open('127.0.0.10', at(HOME, homePort)),
    desk: await UdpPeer.open('127.0.0.9', at(FAR, farPort)),
  };
  const certificate = (name: string, { chainPem, keyPem }: typeof alpha, owner = 'system') => ({
    name,
    owner,
    use: 'stir' as const,
    chain: chainPem,
    key: keyPem,
    x5u: repository.url(`${name}.pem`),
  });
  const toward = (name: string, host: string, port: number) => ({
    name,
    type: 'ip' as const,
    host,
    port,
    options: { stirShaken: true, stirRichCallData: 'rcd' as const, stirVerify: 'reject' as const },
    outboundParameters: {
      from: [
        { when: 'forwarded' as const, user: 'OriginatorCallerID' as const },
        { user: 'OutboundCallerId' as const },
      ],
    },
  });
  const tenant = (name: string, number: string, peer: UdpPeer) => ({
    name,
    domain: `${name}.example.com`,
    outboundCallerId: number,
    extensions: [{ number: '201', trustedAddresses: [peer.host] }],
    outboundRules: [{ name: 'out', routes: [{ trunk: 'peer' }] }],
  });
  const on = (name: string, trunk: string, dids: string, number: string) => ({
    name,
    trunk,
    dids,
    destination: { number },
  });
  const iconDigest = `sha256-${createHash('sha256').update(PICTURE).digest('base64')}`;
  engines = {
    home: await startEngine({
      host: HOME,
      settings: { listen: listen(HOME, homePort), stir: repository.stir() },
      provisioning: {
        certificates: [certificate('alpha', alpha, 'alpha'), certificate('shared', shared)],
        tenants: [
          {
            ...tenant('alpha', ALPHA.number, peers.alpha),
            richCallData: { name: 'Alpha Motors', icon: repository.url('logo.png'), iconDigest },
            inboundRules: [on('back', 'peer', HOME_ON, DESK), on('outside', 'outside', FROM_OUTSIDE, DESK)],
          },
          { ...tenant('beta', BETA.number, peers.beta), richCallData: { name: 'Beta Bank' } },
        ],
        trunks: [
          {
            ...toward('peer', FAR, farPort),
            tenants: [
              { tenant: 'alpha', didPool: `${ALPHA.pool}; ${HOME_ON}`, verified: true },
              { tenant: 'beta', didPool: BETA.pool },
            ],
          },
          {
            name: 'outside',
            type: 'ip',
            host: peers.outside.host,
            options: { stirVerify: 'off' },
            tenants: [{ tenant: 'alpha', didPool: FROM_OUTSIDE }],
          },
        ],
      },
    }),
    far: await startEngine({
      host: FAR,
      settings: { listen: listen(FAR, farPort), stir: repository.stir() },
      provisioning: {
        certificates: [certificate('far', far)],
        tenants: [
          {
            ...tenant('gamma', DESK, peers.desk),
            inboundRules: [
              { name: 'desk', trunk: 'peer', dids: DESK, destination: { extension: '201' } },
              on('on', 'peer', FAR_ON, HOME_ON),
            ],
          },
        ],
        trunks: [{ ...toward('peer', HOME, homePort), tenants: [{ tenant: 'gamma', didPool: `${DESK}-${FAR_ON}` }] }],
      },
    }),
  };
  await peers.desk.register('201', 'gamma.example.com');
}, 60_000);

afterAll(async () => {
  for (const engine of Object.values(engines ?? {})) await engine.stop();
  for (const peer of Object.values(peers ?? {})) peer.close();
  await repository?.stop();
});

interface Found {
  readonly callerNumber: string;
  readonly calledNumber: string;
  readonly verification?: Readonly<Record<string, unknown>>;
}

/** What the far engine has found of the call that rang at the desk last, with the INVITE that the desk got. */
async function ringing(call: () => Promise<number>): Promise<{ invite: string; found: Found['verification'] }> {
  const before = peers.desk.messages.length;
  const records = async () => ((await engines.far.api('/api/v1/call-records?limit=200')) as { items: Found[] }).items;
  const known = (await records()).filter(({ calledNumber }) => calledNumber === DESK).length;
  expect(await call()).toBe(486);
  const invite = peers.desk.messages.slice(before).find((text) => text.startsWith('INVITE ')) ?? '';
  const found = await eventually('the call record', async () => {
    const to = (await records()).filter(({ calledNumber }) => calledNumber === DESK);
    return to.length > known ? to[0]?.verification : undefined;
  });
  return { invite, found };
}

const from = (name: 'alpha' | 'beta', number: string) => async () =>
  statusOf(
    await peers[name].call({ uri: `sip:${number}@${name}.example.com`, from: `"Desk" <sip:201@${name}.example.com>` })
      .final,
  );
const fromOutside = async () =>
  statusOf(
    await peers.outside.call({ uri: `sip:${FROM_OUTSIDE}@${HOME}`, from: '<sip:+442071234567@carrier.example>' }).final,
  );

describe('what one engine signs the other one believes', () => {
  test('A: a tenant whose pool is verified; its name and its icon are on the phone, by its own certificate', async () => {
    const { invite, found } = await ringing(from('alpha', DESK));
    expect(found).toMatchObject({
      result: 'passed',
      attestation: 'A',
      number: ALPHA.number,
      signer: 'CN=Alpha',
      shown: { name: 'Alpha Motors', icon: repository.url('logo.png'), signer: 'CN=Alpha' },
    });
    expect(field(invite, 'From')).toMatch(/^"Alpha Motors" </);
    expect(field(invite, 'Call-Info')).toBe(`<${repository.url('logo.png')}>;purpose=icon`);
    expect(field(invite, 'P-Attestation-Indicator')).toBe('A');
    expect(repository.asked('logo.png')).toBe(1);
    expect(await engines.far.counted('tandem_icons_total{event="fetched"}')).toBe(1);
  });

  test("B: a tenant whose pool nobody has verified, by the system's certificate, which signs no tenant's name", async () => {
    const { invite, found } = await ringing(from('beta', DESK));
    expect(found).toMatchObject({ result: 'passed', attestation: 'B', number: BETA.number, signer: 'CN=SHAKEN 1234' });
    expect(found).not.toHaveProperty('shown');
    expect(invite).not.toContain('Beta Bank');
  });

  test('C: a call from outside that nobody has signed', async () => {
    const { found } = await ringing(fromOutside);
    expect(found).toMatchObject({ result: 'passed', attestation: 'C', number: '442071234567' });
  });
});

test('RFC 8946: forwarded twice, shaken and div and div pass at both engines, and the name with them', async () => {
  const { invite, found } = await ringing(from('alpha', FAR_ON));
  expect(found).toMatchObject({
    result: 'passed',
    attestation: 'A',
    number: ALPHA.number,
    signer: 'CN=Alpha',
    divertedFrom: [FAR_ON, HOME_ON],
    shown: { name: 'Alpha Motors' },
  });
  const findings = found?.['findings'] as readonly string[];
  expect(findings.map((text) => text.split(',')[0])).toEqual(['shaken', 'rcd', 'div', 'div']);
  expect(fields(invite, 'Identity')).toBe('');
  // On its way the call was verified with one div less.
  const { items } = (await engines.home.api('/api/v1/call-records?limit=200')) as { items: Found[] };
  expect(items.find(({ calledNumber }) => calledNumber === HOME_ON)?.verification).toMatchObject({
    result: 'passed',
    attestation: 'A',
    divertedFrom: [FAR_ON],
  });
});

test('explain shows what is signed and why, and what was found', async () => {
  await ringing(from('alpha', DESK));
  const out = await engines.home.api('/api/v1/explain?format=text', { tenant: 'alpha', from: '201', to: DESK });
  for (const said of ['attestation A: extension 201 of alpha is authenticated', 'rcd signed with certificate alpha'])
    expect(JSON.stringify(out)).toContain(said);
  const { items } = (await engines.far.api('/api/v1/call-records?limit=200')) as {
    items: (Found & { callId: string })[];
  };
  const record = items.find(({ verification }) => verification?.['shown'] !== undefined);
  const found = await engines.far.api(`/api/v1/calls/${record?.callId}/explain?format=text`);
  expect(found).toContain('rich call data, signed by CN=Alpha: name "Alpha Motors", icon ');
});
