import { describe, expect, test } from 'vitest';
import { checkProvisioning } from '../../../src/provisioning/check/provisioning.ts';
import type { TrunkInput } from '../../../src/provisioning/trunk-settings/schema.ts';
import { provision } from '../../trunks/kit.ts';

const register = { type: 'register' as const, host: 'x.example.com' };
const credentials = { authName: 'u', password: 'p' };
const ip = { type: 'ip' as const, host: '192.0.2.1', port: 5060 };
const state = provision({
  tenants: [
    { name: 'a', domain: 'one.example.com' },
    { name: 'b', domain: 'one.example.com' },
  ],
  trunks: [
    { ...register, id: '1', name: 'of-a', owner: 'a', credentials, didPool: '1000-2999' },
    { ...register, id: '2', name: 'of-b', owner: 'b', credentials, didPool: '900-1500; 2900-3000' },
    { ...ip, id: '3', name: 'carrier' },
    { ...ip, id: '4', name: 'carrier' },
    { ...ip, id: '4', name: 'other', port: 5070, anotherAccount: true },
  ],
});

describe('of two that clash, the one that is written is at fault, else the later one', () => {
  const faults = (written: readonly object[]) =>
    checkProvisioning(state, {}, new Set(written))
      .map(({ code, path, redacted = '' }) => `${code} ${path} ${redacted}`.trim())
      .sort();
  const [a, b] = state.tenants as [object, object];
  const [ofA, ofB, carrier, twin, other] = state.trunks as [object, object, object, object, object];

  test('nothing is written: the later', () => {
    expect(faults([])).toEqual([
      'pool-overlap trunks[1].didPool 2900-3000 holds numbers of another tenant of this provider',
      'pool-overlap trunks[1].didPool 900-1500 holds numbers of another tenant of this provider',
      'tenant-domain-taken tenants[1].domain one.example.com is already in use',
      'trunk-credentials-taken trunks[1].credentials.authName x.example.com with the authentication name "u" is already in use',
      'trunk-host-taken trunks[3].host 192.0.2.1 is already in use',
      'trunk-id-taken trunks[4].id',
      'trunk-name-taken trunks[3].name',
    ]);
  });

  test('the earlier is written: what is said of a pool are its own numbers, whole', () => {
    expect(faults([a, ofA, carrier, twin])).toEqual([
      'pool-overlap trunks[0].didPool 1000-2999 holds numbers of another tenant of this provider',
      'pool-overlap trunks[0].didPool 1000-2999 holds numbers of another tenant of this provider',
      'tenant-domain-taken tenants[0].domain one.example.com is already in use',
      'trunk-credentials-taken trunks[0].credentials.authName x.example.com with the authentication name "u" is already in use',
      'trunk-host-taken trunks[3].host 192.0.2.1 is already in use',
      'trunk-id-taken trunks[3].id',
      'trunk-name-taken trunks[3].name',
    ]);
  });

  test('both are written: the later', () => {
    expect(faults([a, b, ofA, ofB, carrier, twin, other])).toEqual(faults([]));
  });
});

describe('which trunks are of one provider (behaviour 2)', () => {
  const tenants = [
    { name: 'acme', domain: 'acme.example' },
    { name: 'globex', domain: 'globex.example' },
  ];
  const POOL = '14155550100-14155550199';
  type Input = Partial<TrunkInput>;
  /** A system trunk of acme's and one of globex's own, with one number in both pools. */
  const clash = (system: Input, own: Input) =>
    checkProvisioning(
      provision({
        tenants,
        trunks: [
          { id: '1', name: 'carrier', type: 'ip', tenants: [{ tenant: 'acme', didPool: POOL }], ...system },
          {
            id: '2',
            name: 'own',
            type: 'register',
            owner: 'globex',
            host: 'sip.globex.example',
            credentials,
            didPool: '14155550101',
            ...own,
          },
        ],
      }),
    ).map(({ code, path, redacted }) => ({ code, path, redacted }));
  const overlap = {
    code: 'pool-overlap',
    path: 'trunks[1].didPool',
    redacted: '14155550101 holds numbers of another tenant of this provider',
  };
  const gateway = { type: 'accept-register' as const, host: 'gateway.globex' };
  const mutual = { transport: 'tls' as const, options: { mutualTls: true } };

  test.each<[string, Input, Input]>([
    ['case and a name', { host: 'SIP.Carrier.example' }, { host: 'sip.carrier.EXAMPLE' }],
    ['localhost and 127.0.0.1', { host: '127.0.0.1' }, { host: 'localhost' }],
    ['localhost and ::1', { host: 'localhost' }, { host: '::1' }],
    ['a name below localhost', { host: 'sip.localhost' }, { host: '127.0.0.1' }],
    ['no address at all, which arrives at the loopback', { host: '127.0.0.1' }, { host: '0.0.0.0' }],
    ['zeros of IPv6', { host: '2001:db8::1' }, { host: '2001:db8:0::1' }],
    ['brackets', { host: '2001:db8::1' }, { host: '[2001:DB8::1]' }],
    ['IPv4-mapped IPv6', { host: '192.0.2.10' }, { host: '::ffff:192.0.2.10' }],
    ['mapped in hexadecimal', { host: '192.0.2.10' }, { host: '::ffff:c000:20a' }],
    [
      'one outbound proxy',
      { host: 'a.example', outboundProxy: { host: 'p.example' } },
      { outboundProxy: { host: 'P.example', port: 5070 } },
    ],
    ['a proxy that is the other’s host', { host: 'p.example' }, { outboundProxy: { host: 'p.example' } }],
    [
      'an associated address that is the other’s host',
      { host: '192.0.2.10' },
      { ...gateway, associatedIps: ['192.0.2.10'] },
    ],
    ['a network that holds the other’s host', { host: '192.0.2.10' }, { ...gateway, associatedIps: ['192.0.2.0/28'] }],
    [
      'an address within the other’s network',
      { host: 'a.example', associatedIps: ['127.0.0.8/30'] },
      { ...gateway, associatedIps: ['127.0.0.9'] },
    ],
    [
      'networks of which one holds the other',
      { host: 'a.example', associatedIps: ['2001:db8::/32'] },
      { ...gateway, associatedIps: ['2001:db8:7::/48'] },
    ],
    ['everything', { host: 'a.example', associatedIps: ['0.0.0.0/0'] }, { host: '198.51.100.7' }],
    [
      'a brand’s host as generic',
      { brand: 'twilio', host: 'acme.pstn.twilio.com' },
      { host: 'globex.pstn.twilio.com' },
    ],
    ['a brand’s network', { brand: 'twilio', host: 'acme.pstn.twilio.com' }, { host: '54.172.60.1' }],
    [
      'a brand’s network, though the trunk says others',
      { brand: 'twilio', host: 'acme.pstn.twilio.com', associatedIps: [] },
      { host: '54.172.60.1' },
    ],
    [
      'one certificate name',
      { host: 'a.example', ...mutual, tls: { peerNames: ['SBC.carrier.example'] } },
      { ...gateway, ...mutual, tls: { peerNames: ['sbc.carrier.example'] } },
    ],
    [
      'a certificate name that is the other’s host',
      { host: 'sbc.carrier.example' },
      { ...gateway, ...mutual, tls: { peerNames: ['sbc.carrier.example'] } },
    ],
  ])('%s: pools of two tenants may not overlap', (_, system, own) => {
    expect(clash(system, own)).toEqual([overlap]);
  });

  test.each<[string, Input, Input]>([
    ['another host', { host: 'a.example' }, {}],
    [
      'neighbouring networks',
      { host: 'a.example', associatedIps: ['127.0.0.8/30'] },
      { ...gateway, associatedIps: ['127.0.0.12/30'] },
    ],
    [
      'IPv4 and IPv6',
      { host: 'a.example', associatedIps: ['0.0.0.0/0'] },
      { ...gateway, associatedIps: ['2001:db8::/32'] },
    ],
    [
      'certificate names without mutual TLS',
      { host: 'sbc.carrier.example' },
      { tls: { peerNames: ['sbc.carrier.example'] } },
    ],
  ])('%s: two providers', (_, system, own) => {
    expect(clash(system, own)).toEqual([]);
  });

  test('sameness carries over, in whatever order the trunks come', () => {
    const own = (id: string, tenant: string, changes: Input): TrunkInput => ({
      id,
      name: `t${id}`,
      type: 'accept-register',
      owner: tenant,
      host: `gateway${id}`,
      credentials,
      didPool: '100',
      ...changes,
    });
    const joining: TrunkInput = {
      id: '3',
      name: 'joins',
      type: 'ip',
      host: '192.0.2.1',
      associatedIps: ['198.51.100.0/24'],
    };
    const trunks = [
      own('1', 'acme', { associatedIps: ['192.0.2.1'] }),
      own('2', 'globex', { associatedIps: ['198.51.100.7'] }),
    ];
    expect(checkProvisioning(provision({ tenants, trunks }))).toEqual([]);
    expect(checkProvisioning(provision({ tenants, trunks: [...trunks, joining] }))).toMatchObject([
      { code: 'pool-overlap' },
    ]);
    expect(checkProvisioning(provision({ tenants, trunks: [joining, ...trunks] }))).toMatchObject([
      { code: 'pool-overlap' },
    ]);
  });
});

describe('one ip trunk per provider (behaviour 25)', () => {
  const faults = (...trunks: Partial<TrunkInput>[]) =>
    checkProvisioning(
      provision({
        tenants: [],
        trunks: trunks.map((changes, at) => ({ id: String(at + 1), name: `t${at}`, type: 'ip', ...changes })),
      }),
    ).map(({ code, path }) => `${code} ${path}`);

  test.each<[string, Partial<TrunkInput>, Partial<TrunkInput>, string[]]>([
    [
      'a host on another port',
      { host: '192.0.2.1', port: 5060 },
      { host: '192.0.2.1', port: 5070 },
      ['trunk-host-taken trunks[1].host'],
    ],
    [
      'another spelling of it',
      { host: 'localhost' },
      { host: '127.0.0.1', port: 5070 },
      ['trunk-host-taken trunks[1].host'],
    ],
    [
      'a brand with another host',
      { brand: 'twilio', host: 'a.pstn.twilio.com' },
      { brand: 'twilio', host: 'b.pstn.twilio.com' },
      ['trunk-host-taken trunks[1].brand'],
    ],
    [
      'the later says that it is another account',
      { host: '192.0.2.1' },
      { host: '192.0.2.1', port: 5070, anotherAccount: true },
      [],
    ],
    ['the earlier does', { host: '192.0.2.1', anotherAccount: true }, { host: '192.0.2.1', port: 5070 }, []],
    [
      'of a brand, too',
      { brand: 'twilio', host: 'a.pstn.twilio.com' },
      { brand: 'twilio', host: 'b.pstn.twilio.com', anotherAccount: true },
      [],
    ],
    ['two hosts', { host: '192.0.2.1' }, { host: '192.0.2.2' }, []],
  ])('%s', (_, first, second, expected) => {
    expect(faults(first, second)).toEqual(expected);
  });

  test('it is for ip trunks alone', () => {
    expect(faults({ ...register, credentials, anotherAccount: true })).toEqual([
      'option-not-for-type trunks[0].anotherAccount',
    ]);
  });

  test('a host and authentication name are taken in every spelling of the host', () => {
    const at = (host: string) => ({ type: 'register' as const, host, credentials });
    expect(faults(at('2001:db8::1'), at('2001:db8:0::1'))).toEqual([
      'trunk-credentials-taken trunks[1].credentials.authName',
    ]);
  });
});
