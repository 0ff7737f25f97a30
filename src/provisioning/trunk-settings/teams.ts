/**
 * Microsoft Teams Direct Routing (`type: teams`): what is configured for it, what it presets, and which of it Teams would refuse. The
 * facts are Microsoft's own (docs/teams.md).
 */

import { isIP } from 'node:net';
import type { Problem } from '../../base/errors.ts';
import type { HostPort } from '../../base/transport.ts';
import type { RuleReport } from '../tenants/rules.ts';
import type { BrandPreset } from './brands.ts';
import type { CertificateSettings } from './certificate-schema.ts';
import { type OutboundParametersSettings, toList } from './mappings.ts';
import type { Trunk, TrunkSettings } from './schema.ts';
import { TEAMS_PORT, type TeamsSide } from './teams-schema.ts';
import { namesHost, namesIn, tlsCertificate } from './tls-certificates.ts';

/** Signalling comes from there. */
const NETWORKS = ['52.112.0.0/14', '52.120.0.0/14'];
const MICROSOFT = /(^|\.)pstnhub\.microsoft\.com$/i;

/** Networks that Teams sends from, for a trunk that is sent to Microsoft. */
export function teamsNetworks({ targets }: TeamsSide): readonly string[] {
  return targets.some(({ host }) => MICROSOFT.test(host)) ? NETWORKS : [];
}

/** What takes the place of a brand's preset. */
export function teamsPreset(teams: TeamsSide): Pick<BrandPreset, 'options' | 'outboundParameters'> {
  const fqdn = { custom: teams.fqdn };
  const outboundParameters: OutboundParametersSettings = {
    from: { user: 'OutboundCallerId', host: fqdn },
    contact: { user: 'OutboundCallerId', host: 'ContactUri' },
    pAssertedIdentity: { user: 'OutboundCallerId', host: fqdn },
  };
  return {
    // Teams takes E.164 numbers alone: the number of an extension is none.
    options: {
      keepAlive: { enabled: true, intervalSeconds: 60 },
      media: 'srtp',
      callerIdOutsidePool: 'reject',
      contactToken: false,
    },
    outboundParameters,
  };
}

/** This engine's address as a trunk is told it: by its name where it has one there. */
export function namedAddress<T extends HostPort>({ teams }: Pick<Trunk, 'teams'>, address: T): HostPort {
  return teams === undefined ? address : { host: teams.fqdn, port: address.port };
}

/** `host` or `host:port` as Teams reads it: its own port goes without saying. */
export function targetText({ host, port }: HostPort): string {
  return port === TEAMS_PORT ? host : `${host}:${port}`;
}

/** What a trunk that is no teams trunk may not say, and what a teams trunk needs and Teams would refuse. Paths are relative to the trunk. */
export function checkTeams(settings: TrunkSettings, trunk: Trunk, report: RuleReport): void {
  if (settings.type !== 'teams') {
    if (settings.teams !== undefined) report('option-not-for-type', 'teams', 'is for teams trunks');
    return;
  }
  if (settings.teams === undefined) {
    report('teams-missing', 'teams', 'a teams trunk needs teams.fqdn and teams.certificate');
    return;
  }
  checkFqdn(settings.teams.fqdn, report);
  for (const [path, why] of refused(settings, trunk)) report('option-not-for-type', path, why);
}

function checkFqdn(fqdn: string, report: RuleReport): void {
  const bare = fqdn.replace(/^\[|\]$/g, '');
  const fault = (why: string) => report('teams-fqdn', 'teams.fqdn', why);
  if (isIP(bare) !== 0)
    fault(`${fqdn} is an address: Teams answers 403 to an address in Contact; give the name that has it in the DNS`);
  else if (fqdn.includes('*')) fault(`${fqdn} is a pattern: give one name; the certificate may have a wildcard`);
  else if (!/^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(fqdn))
    fault(`"${fqdn}" is not a full domain name such as sbc1.example.com`);
  else if (/(^|\.)onmicrosoft\.com$/i.test(fqdn))
    fault(
      `Teams takes no name in onmicrosoft.com: use one in a domain of your own that the Microsoft 365 tenant has verified`,
    );
}

/** What cannot be otherwise with Teams. */
function* refused(settings: TrunkSettings, { transport, options }: Trunk): Generator<readonly [string, string]> {
  const { host, port, outboundProxy, credentials, tls, brand, outboundParameters: fields } = settings;
  if (host !== undefined) yield ['host', 'teams.targets says where Teams is'];
  if (port !== undefined) yield ['port', 'teams.targets says where Teams is'];
  if (outboundProxy !== undefined) yield ['outboundProxy', 'Teams is spoken to directly'];
  if (brand !== 'generic') yield ['brand', 'a teams trunk is of no other brand'];
  if (transport !== 'tls') yield ['transport', 'Teams speaks TLS alone'];
  if (credentials !== undefined) yield ['credentials', 'Teams asks for a certificate, not for a password'];
  for (const field of ['certificate', 'key', 'serverName', 'peerNames'] as const)
    if (tls?.[field] !== undefined) yield [`tls.${field}`, 'teams.certificate and teams.fqdn say it'];
  if (options.media !== 'srtp') yield ['options.media', 'Teams talks SRTP with keys in SDP alone: leave srtp'];
  for (const option of ['telUriRequestLine', 'telUriTo', 'removePlus', 'mutualTls', 'rewriteViaHost'] as const)
    if (options[option]) yield [`options.${option}`, NOT_SO[option]];
  if (!options.keepAlive.enabled) yield ['options.keepAlive.enabled', 'Teams calls nobody who does not send OPTIONS'];
  if (settings.numberFormat !== undefined && settings.numberFormat !== 'e164')
    yield ['numberFormat', 'Teams writes E.164 numbers'];
  for (const field of ['requestUri', 'to', 'contact'] as const)
    if (fields[field] !== undefined) yield [`outboundParameters.${field}`, 'Teams takes one form of it alone'];
  for (const [index, { host: mapped }] of toList(fields.from).entries()) {
    if (mapped === undefined) continue;
    yield [
      `outboundParameters.from${Array.isArray(fields.from) ? `[${index}]` : ''}.host`,
      'Teams takes teams.fqdn alone',
    ];
  }
}

const NOT_SO = {
  telUriRequestLine: 'Teams takes sip URIs alone',
  telUriTo: 'Teams takes sip URIs alone',
  removePlus: 'Teams takes no number without +',
  mutualTls: 'calls from Teams are known by its addresses and by teams.fqdn',
  rewriteViaHost: 'Via says teams.fqdn',
} as const;

/**
 * What is wrong with the certificate that a teams trunk names. One of the system serves names inside the tenant's own domain, so that
 * nobody speaks for another customer of the same host. Paths are relative to the trunk.
 */
export function checkTeamsCertificate(
  trunk: Pick<Trunk, 'teams' | 'owner'>,
  certificate: CertificateSettings | undefined,
  domain: string | undefined,
): Problem | undefined {
  const { teams, owner } = trunk;
  if (teams === undefined) return undefined;
  const { fqdn } = teams;
  const fault = (code: string, message: string): Problem => ({ code, path: 'teams.certificate', message });
  if (certificate === undefined || (certificate.owner !== owner && certificate.owner !== 'system'))
    return fault('unknown-certificate', `tenant "${owner}" has no certificate "${teams.certificate}"`);
  if (certificate.use !== 'tls')
    return fault('certificate-use', `${certificate.name} signs calls: name a certificate with use: tls`);
  if (certificate.owner === 'system' && (domain === undefined || !isWithin(fqdn, domain)))
    return fault(
      'certificate-not-yours',
      `${certificate.name} is the system's: it serves names in the tenant's own domain, ${domain}, alone`,
    );
  let leaf: ReturnType<typeof tlsCertificate>['leaf'];
  try {
    ({ leaf } = tlsCertificate(certificate));
  } catch {
    // Its own check says what is wrong.
    return undefined;
  }
  if (namesHost(leaf, fqdn)) return undefined;
  const names = namesIn(leaf);
  const tooDeep = names.find((name) => name.startsWith('*.') && fqdn.endsWith(name.slice(1).toLowerCase()));
  return fault(
    'certificate-names',
    tooDeep === undefined
      ? `${certificate.name} does not have the name ${fqdn}; it has ${names.join(', ') || 'none'}`
      : `${certificate.name} does not have the name ${fqdn}: a wildcard stands for one label, and ${tooDeep} leaves more than one`,
  );
}

/** Whether a host is a domain or in it. */
export function isWithin(host: string, domain: string): boolean {
  const [inner, outer] = [host.toLowerCase(), domain.toLowerCase()];
  return inner === outer || inner.endsWith(`.${outer}`);
}
