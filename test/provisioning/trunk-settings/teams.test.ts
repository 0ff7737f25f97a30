import { afterAll, describe, expect, test } from 'vitest';
import { checkProvisioning } from '../../../src/provisioning/check/provisioning.ts';
import { privacyTypes, withBrand } from '../../../src/provisioning/trunk-settings/effective.ts';
import type { ProvisioningInput, TrunkInput } from '../../../src/provisioning/trunk-settings/schema.ts';
import { namedAddress, targetText } from '../../../src/provisioning/trunk-settings/teams.ts';
import { type CertificateRequest, TestAuthority } from '../../kit/certificates.ts';
import { provision } from '../../trunks/kit.ts';

const FQDN = 'sbc1.acme.example';
const authority = new TestAuthority();
afterAll(() => authority.remove());

const issue = (
  name: string,
  alternativeNames: readonly string[],
  more: Partial<CertificateRequest> = {},
  owner = 'acme',
) => {
  const { cert, key } = authority.issue({
    commonName: 'sbc',
    alternativeNames: alternativeNames.map((each) => `DNS:${each}`),
    ...more,
  });
  return { name, owner, use: 'tls', chain: cert, key } as const;
};

const certificates = [
  issue('acme-sbc', [FQDN]),
  issue('acme-wild', ['*.acme.example']),
  issue('globex-sbc', [FQDN], {}, 'globex'),
  issue('hosting', ['*.hosted.example', FQDN], {}, 'system'),
];

const teams = (changes: Partial<TrunkInput> = {}): TrunkInput => ({
  name: 'teams',
  type: 'teams',
  owner: 'acme',
  didPool: '14155550100-14155550199',
  teams: { fqdn: FQDN, certificate: 'acme-sbc' },
  ...changes,
});

function problems(changes: Partial<TrunkInput> = {}, more: ProvisioningInput = {}) {
  const state = provision({
    tenants: [
      { name: 'acme', domain: 'pbx.acme.example' },
      { name: 'globex', domain: 'globex.hosted.example' },
    ],
    certificates,
    ...more,
    trunks: [teams(changes), ...(more.trunks ?? [])],
  });
  return checkProvisioning(state).map(
    ({ code, path, message }) => `${code} ${path.replace('trunks[0].', '')}: ${message}`,
  );
}

test('a name, a certificate and a pool are enough', () => {
  expect(problems()).toEqual([]);
  const trunk = withBrand(provision({ trunks: [teams()] }).trunks[0] as never);
  expect(trunk).toMatchObject({
    host: 'sip.pstnhub.microsoft.com',
    port: 5061,
    transport: 'tls',
    associatedIps: ['52.112.0.0/14', '52.120.0.0/14'],
    options: { media: 'srtp', callerIdOutsidePool: 'reject', keepAlive: { enabled: true, intervalSeconds: 60 } },
  });
  expect(trunk.teams?.targets.map(targetText)).toEqual([
    'sip.pstnhub.microsoft.com',
    'sip2.pstnhub.microsoft.com',
    'sip3.pstnhub.microsoft.com',
  ]);
  expect(trunk.sources.get('options.media')).toBe('type teams');
  expect(namedAddress(trunk, { host: '192.0.2.1', port: 5061 })).toEqual({ host: FQDN, port: 5061 });
  expect(privacyTypes(trunk)).toEqual(['id', 'user', 'header']);
});

test("Microsoft sends to Microsoft's own: other targets are known by their addresses alone", () => {
  const settings = teams({ teams: { fqdn: FQDN, certificate: 'acme-sbc', targets: ['sip.pstn.example:5071'] } });
  const trunk = withBrand(provision({ trunks: [{ ...settings, associatedIps: ['192.0.2.9'] }] }).trunks[0] as never);
  expect([trunk.host, trunk.port, trunk.associatedIps]).toEqual(['sip.pstn.example', 5071, ['192.0.2.9']]);
});

describe('what Teams would refuse is refused here, with the reason', () => {
  const named = (fqdn: string, certificate = 'acme-sbc') => ({ teams: { fqdn, certificate } });
  test.each([
    ['192.0.2.1', 'is an address: Teams answers 403'],
    ['[2001:db8::1]', 'is an address'],
    ['acme.onmicrosoft.com', 'onmicrosoft.com'],
    ['sbc.acme.OnMicrosoft.com', 'onmicrosoft.com'],
    ['*.acme.example', 'is a pattern'],
    ['sbc1', 'not a full domain name'],
    ['sbc1.acme.example:5061', 'not a full domain name'],
    ['', 'not a full domain name'],
  ])('the name %j', (fqdn, message) => {
    expect(problems(named(fqdn))).toContainEqual(
      expect.stringMatching(new RegExp(`^teams-fqdn teams.fqdn: .*${message}`)),
    );
  });

  test.each([
    [
      'of another name',
      named('sbc2.acme.example'),
      'certificate-names',
      'does not have the name sbc2.acme.example; it has sbc1',
    ],
    [
      'whose wildcard is for one label',
      named('sbc1.eu.acme.example', 'acme-wild'),
      'certificate-names',
      'a wildcard stands for one label',
    ],
    ['that is not there', named(FQDN, 'nothing'), 'unknown-certificate', 'has no certificate "nothing"'],
    ['of another tenant', named(FQDN, 'globex-sbc'), 'unknown-certificate', 'has no certificate "globex-sbc"'],
    [
      "of the system, outside the tenant's domain",
      named(FQDN, 'hosting'),
      'certificate-not-yours',
      "the tenant's own domain, pbx.acme.example",
    ],
  ])('a certificate %s', (_, changes, code, message) => {
    expect(problems(changes)).toEqual([expect.stringMatching(new RegExp(`^${code} teams.certificate: .*${message}`))]);
  });

  test("a wildcard for one label is right, and a certificate of the system inside the tenant's domain", () => {
    expect(problems(named('sbc9.acme.example', 'acme-wild'))).toEqual([]);
    const hosted = { owner: 'globex', teams: { fqdn: 'globex.hosted.example', certificate: 'hosting' } };
    expect(problems(hosted)).toEqual([]);
  });

  test.each([
    [{ host: 'sip.example.com' }, 'host'],
    [{ port: 5061 }, 'port'],
    [{ transport: 'udp' }, 'transport'],
    [{ outboundProxy: { host: 'proxy.example.com' } }, 'outboundProxy'],
    [{ credentials: { username: 'a', password: 'b' } }, 'credentials'],
    [{ tls: { serverName: 'a.example' } }, 'tls.serverName'],
    [{ options: { media: 'never' } }, 'options.media'],
    [{ options: { removePlus: true } }, 'options.removePlus'],
    [{ options: { telUriTo: true } }, 'options.telUriTo'],
    [{ options: { mutualTls: true } }, 'options.mutualTls'],
    [{ options: { keepAlive: { enabled: false } } }, 'options.keepAlive.enabled'],
    [{ numberFormat: 'national 49' }, 'numberFormat'],
    [{ outboundParameters: { to: { user: 'CalledNum' } } }, 'outboundParameters.to'],
    [{ outboundParameters: { from: { host: 'SipDomain' } } }, 'outboundParameters.from.host'],
  ] as const)('%j', (changes, path) => {
    expect(problems(changes as Partial<TrunkInput>)).toContainEqual(
      expect.stringContaining(`option-not-for-type ${path}: `),
    );
  });

  test('a teams trunk without `teams`, and another trunk with it', () => {
    const { teams: _, ...without } = teams();
    expect(problems({ teams: undefined } as never)).toEqual([expect.stringMatching(/^teams-missing teams: /)]);
    const other = {
      ...without,
      type: 'accept-register',
      host: 'gw',
      credentials: { username: 'a', password: 'b' },
      teams: teams().teams,
    };
    expect(problems(other as never)).toEqual([expect.stringMatching(/^option-not-for-type teams: /)]);
  });

  test.each(['192.0.2.1:5061', 'sip.example.com:70000', 'a:b:c', ''])('the target %j', (target) => {
    expect(() =>
      provision({ trunks: [teams({ teams: { fqdn: FQDN, certificate: 'acme-sbc', targets: [target] } })] }),
    ).toThrow();
  });
});

test("a name is one trunk's, and in nobody else's domain", () => {
  const certificate = issue('globex-own', ['sbc.pbx.acme.example', FQDN], {}, 'globex');
  const other = (fqdn: string) => ({
    trunks: [
      teams({ owner: 'globex', name: 'theirs', didPool: '14155550200', teams: { fqdn, certificate: 'globex-own' } }),
    ],
    certificates: [...certificates, certificate],
  });
  expect(problems({}, other(FQDN.toUpperCase()))).toEqual([
    expect.stringContaining('is already the name of the trunk "teams"'),
  ]);
  expect(problems({}, other('sbc.pbx.acme.example'))).toEqual([
    expect.stringContaining('is in the domain of tenant "acme"'),
  ]);
});
