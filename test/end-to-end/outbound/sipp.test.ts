import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { peersSkipped } from '../../kit/peers.ts';
import { TEST_WORKERS } from '../../kit/test-workers.ts';
import type { TenantInput, TrunkInput } from '../../outbound/world.ts';
import { acme, DOMAIN, localTrunk } from './local-trunk.ts';
import { dialogOfCaller } from './phone.ts';
import { type Demands, startSippCarrier } from './sipp-carrier.ts';
import { startWorld, type World } from './wire-world.ts';

interface Case {
  readonly name: string;
  readonly tenant?: Partial<TenantInput>;
  readonly trunk?: Partial<TrunkInput>;
  readonly dialled?: string;
  readonly headers?: readonly string[];
  readonly demands: Demands;
}

/** That of the sample; workers say their own. */
const PORT = TEST_WORKERS === 1 ? '5060' : '[0-9]+';
const host = 'pstn\\.twillio\\.com:[0-9]+';
const identities = {
  pAssertedIdentity: { user: 'OutboundCallerId' as const },
  pPreferredIdentity: { user: 'OutboundCallerId' as const },
};

const CASES: readonly Case[] = [
  {
    name: 'the default INVITE',
    demands: {
      matches: [
        `^INVITE sip:88888888@${host} SIP/2\\.0`,
        `To: <sip:88888888@${host}>`,
        'From: "Alice" <sip:14155550101@sip\\.portsip\\.io>;tag=',
        `Contact: <sip:101@192\\.168\\.0\\.11:${PORT};ob>`,
        'Session-Expires: 300',
      ],
      lacks: ['P-Asserted-Identity', 'P-Preferred-Identity', 'Remote-Party-ID', 'Privacy', 'X-Trunk-Name'],
    },
  },
  {
    name: 'X-Outbound-Cli with all three directives',
    headers: ['X-Outbound-Cli: rewrite-from=14155550151; rewrite-rpi=14155550152; rewrite-pai=14155550153'],
    demands: {
      matches: [
        'From: "Alice" <sip:14155550151@',
        'Remote-Party-ID: <sip:14155550152@[^>]*>;party=calling',
        'P-Asserted-Identity: <sip:14155550153@',
      ],
      lacks: ['X-Outbound-Cli'],
    },
  },
  {
    name: 'an anonymous call over a trusted trunk',
    trunk: { outboundParameters: identities },
    headers: ['Privacy: id'],
    demands: {
      matches: [
        'From: "Anonymous" <sip:anonymous@anonymous\\.invalid>',
        'P-Asserted-Identity: <sip:14155550101@',
        'Privacy: user;header;id',
        'Contact: <sip:anonymous@',
      ],
      lacks: ['Alice', 'P-Preferred-Identity', 'sip:101@'],
    },
  },
  {
    name: 'an anonymous call over a trunk that is not trusted',
    trunk: { outboundParameters: identities, options: { trusted: false } },
    headers: ['Privacy: id'],
    demands: {
      matches: ['From: "Anonymous" <sip:anonymous@anonymous\\.invalid>', 'Privacy: user;header;id'],
      lacks: ['14155550101', 'Alice', 'P-Asserted-Identity'],
    },
  },
  {
    name: 'header removal',
    trunk: { outboundParameters: { ...identities, removeHeaders: ['P-Asserted-Identity', 'P-Preferred-Identity'] } },
    demands: { matches: ['From: "Alice"'], lacks: ['P-Asserted-Identity', 'P-Preferred-Identity'] },
  },
  {
    name: 'tel URIs without the plus',
    trunk: { options: { telUriRequestLine: true, telUriTo: true, removePlus: true } },
    dialled: '+4930123456',
    demands: { matches: ['^INVITE tel:4930123456 SIP/2\\.0', 'To: <tel:4930123456>'] },
  },
  {
    name: 'internal headers and Route to the proxy',
    trunk: {
      options: { internalHeaders: true },
      outboundProxy: { host: 'proxy.twillio.com', port: 5070, route: true },
    },
    demands: {
      matches: [
        'X-Trunk-Name: CallCentric',
        'X-Session-Id: ',
        'X-CID: ',
        'Route: <sip:proxy\\.twillio\\.com:[0-9]+;lr>',
      ],
    },
  },
  {
    name: 'a register trunk that is challenged: AuthID as the identity, the credentials proven',
    trunk: {
      type: 'register',
      credentials: { authName: 'auth-7', password: 'trunk-secret' },
      options: { registration: 'off' },
      outboundParameters: { from: { user: 'AuthID', host: 'TrunkHostPort' } },
    },
    demands: {
      matches: [`From: "Alice" <sip:auth-7@${host}>`, 'Authorization: Digest username="auth-7"'],
      challengeRealm: 'twillio',
    },
  },
];

describe.skipIf(peersSkipped)('SIPp as the carrier, whole calls', () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(() => world.stop());

  test.each(CASES.map((each) => [each.name, each] as const))('%s', async (_, each) => {
    const sipp = await startSippCarrier(each.demands);
    const proxy = each.trunk?.outboundProxy;
    const trunk = localTrunk(world, {
      host: 'pstn.twillio.com',
      ...each.trunk,
      port: sipp.port,
      ...(proxy === undefined ? {} : { outboundProxy: { ...proxy, port: sipp.port } }),
    });
    await world.hold([acme(each.tenant)], [trunk]);
    const dialled = each.dialled ?? '88888888';
    const call = await world.phone.call({ user: '101', domain: DOMAIN, dialled, headers: each.headers });
    if (call.status === 200) await world.phone.inDialog(dialogOfCaller(call), 'BYE', 5);
    const result = await sipp.finished();
    expect([call.status, result.successful, result.failed], result.errors + result.messages).toEqual([200, 1, 0]);
    if (each.demands.challengeRealm !== undefined) proveCredentials(result.messages, 'trunk-secret');
  });

  test('SIPp does fail on an INVITE that is not as demanded', async () => {
    const sipp = await startSippCarrier({ matches: ['From: "Bob"'] });
    await world.hold([acme()], [localTrunk(world, { port: sipp.port })]);
    const call = await world.phone.call({ user: '101', domain: DOMAIN, dialled: '88888888' });
    await world.phone.inDialog(dialogOfCaller(call), 'BYE', 5);
    const { successful, failed, errors } = await sipp.finished();
    expect([successful, failed]).toEqual([0, 1]);
    expect(errors).toContain('Failed regexp match');
  });
});

/** RFC 7616 §3.4.1, worked out again from what SIPp received. */
function proveCredentials(messages: string, password: string): void {
  const value = /^Authorization: (Digest .*)$/m.exec(messages)?.[1] ?? '';
  const parameter = (name: string) => new RegExp(`\\b${name}="?([^",]+)`).exec(value)?.[1] ?? '';
  const md5 = (text: string) => createHash('md5').update(text, 'latin1').digest('hex');
  const secret = md5(`${parameter('username')}:${parameter('realm')}:${password}`);
  const what = md5(`INVITE:${parameter('uri')}`);
  const tries = `${parameter('nonce')}:${parameter('nc')}:${parameter('cnonce')}:auth`;
  expect(parameter('response')).toBe(md5(`${secret}:${tries}:${what}`));
}
