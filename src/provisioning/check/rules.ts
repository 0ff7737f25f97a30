/** The rules that one trunk keeps by itself: what its type needs and allows. */
import type { Problem } from '../../base/errors.ts';
import { nearest } from '../../base/nearest.ts';
import type { RuleReport } from '../tenants/rules.ts';
import { brandPreset, brands } from '../trunk-settings/brands.ts';
import { hidesNumber } from '../trunk-settings/effective.ts';
import {
  isRemoval,
  MAPPED_FIELDS,
  type MappedField,
  type Mapping,
  REMOVABLE_FIELDS,
} from '../trunk-settings/mappings.ts';
import type { Trunk, TrunkSettings } from '../trunk-settings/schema.ts';
import { checkTeams } from '../trunk-settings/teams.ts';
import { checkWhatsapp } from '../trunk-settings/whatsapp.ts';

/** Types that only a tenant has, never shared (guide "Microsoft Teams", "WhatsApp"). */
const TENANT_ONLY = new Set(['teams', 'whatsapp']);

/** Every rule inside one trunk; `trunk` is what `settings` come to. Paths are relative to the trunk. */
export function checkTrunk(settings: TrunkSettings, trunk: Trunk): Problem[] {
  const problems: Problem[] = [];
  const report: RuleReport = (code, path, message) => problems.push({ code, path, message });
  checkBrand(settings, trunk, report);
  checkOwner(settings, report);
  if (settings.anotherAccount && settings.type !== 'ip')
    report('option-not-for-type', 'anotherAccount', 'is for ip trunks; others are told apart by their credentials');
  checkTeams(settings, trunk, report);
  checkCredentials(trunk, report);
  checkWhatsapp(settings, trunk, report);
  checkOptions(settings, trunk, report);
  checkPrivacy(trunk, report);
  for (const field of MAPPED_FIELDS) checkRemove(field, trunk.outboundParameters[field], report);
  return problems;
}

function checkBrand(settings: TrunkSettings, trunk: Trunk, report: RuleReport): void {
  const preset = brandPreset(settings.brand);
  if (preset === undefined) {
    const guess = nearest(
      settings.brand,
      brands().map(({ id }) => id),
    );
    report(
      'unknown-brand',
      'brand',
      `there is no brand "${settings.brand}"${guess === undefined ? '' : `; did you mean "${guess}"?`}`,
    );
  } else if (trunk.host === '' && trunk.type !== 'teams' && trunk.type !== 'whatsapp') {
    const patterns = preset.hosts.map(({ host }) => host).join(', ');
    report(
      'host-missing',
      'host',
      patterns === '' ? 'a trunk needs a host' : `a trunk needs a host; for ${preset.name}: ${patterns}`,
    );
  }
}

function checkOwner(settings: TrunkSettings, report: RuleReport): void {
  if (settings.owner === 'system') {
    if (TENANT_ONLY.has(settings.type))
      report('owner-not-allowed', 'owner', `a ${settings.type} trunk belongs to a tenant`);
    if (settings.didPool !== undefined)
      report('pool-misplaced', 'didPool', 'a system trunk has one pool per tenant: put it under tenants');
    return;
  }
  // Guide "IP-Based Trunk": system admin only.
  if (settings.type === 'ip') report('owner-not-allowed', 'owner', 'an ip trunk belongs to the system');
  const others = settings.tenants.filter(({ tenant }) => tenant !== settings.owner);
  if (others.length > 0)
    report(
      'trunk-not-shareable',
      'tenants',
      `a tenant's own trunk cannot be shared; it belongs to "${settings.owner}"`,
    );
  if (settings.didPool !== undefined && settings.tenants.some(({ tenant }) => tenant === settings.owner)) {
    report('pool-misplaced', 'didPool', 'the pool is given twice: at the top level and under tenants');
  }
  if (settings.didPool === undefined && settings.tenants.length === 0)
    report('pool-missing', 'didPool', "a tenant's own trunk needs a DID pool");
}

function checkCredentials(trunk: Trunk, report: RuleReport): void {
  const needed = trunk.type === 'register' || trunk.type === 'accept-register';
  if (trunk.credentials === undefined) {
    if (needed) report('credentials-missing', 'credentials', `a ${trunk.type} trunk needs credentials`);
    return;
  }
  if (trunk.credentials.digest !== undefined && trunk.type !== 'accept-register')
    report(
      'option-not-for-type',
      'credentials.digest',
      'is for accept-register trunks: other trunks do not sign in here',
    );
  if (trunk.credentials.authName === '')
    report('credentials-missing', 'credentials.authName', 'authName or username is needed');
  if (trunk.credentials.password === '') report('credentials-missing', 'credentials.password', 'a password is needed');
}

function checkOptions(settings: TrunkSettings, trunk: Trunk, report: RuleReport): void {
  const { options } = settings;
  const onlyFor = (name: 'bnc' | 'registration' | 'registeredNodeOnly' | 'trust', type: string) => {
    if (options[name] !== undefined && trunk.type !== type)
      report('option-not-for-type', `options.${name}`, `is for ${type} trunks`);
  };
  onlyFor('bnc', 'register');
  onlyFor('registration', 'register');
  onlyFor('registeredNodeOnly', 'register');
  onlyFor('trust', 'accept-register');
  if (!trunk.options.singleVia)
    report('option-without-effect', 'options.singleVia', 'each leg begins here, with one Via: leave it on');
  if (trunk.type === 'whatsapp' && trunk.options.keepAlive.enabled)
    report(
      'option-without-effect',
      'options.keepAlive.enabled',
      'a whatsapp trunk is watched by its access token, not by OPTIONS',
    );
  if (options.largeRequests !== undefined && trunk.transport !== 'udp')
    report('option-not-for-type', 'options.largeRequests', 'is for trunks with transport udp');
  if (trunk.options.mutualTls && trunk.transport !== 'tls')
    report('option-not-for-type', 'options.mutualTls', 'needs transport tls');
  if (trunk.options.bnc && trunk.options.registration === 'off')
    report('option-not-for-type', 'options.bnc', 'needs registration on');
  if (trunk.options.registeredNodeOnly && trunk.options.registration === 'off')
    report('option-without-effect', 'options.registeredNodeOnly', 'needs registration on: nothing is registered');
  if (trunk.options.sessionTimer.minSeconds > trunk.options.sessionTimer.expiresSeconds) {
    report('session-timer', 'options.sessionTimer.minSeconds', 'must not exceed expiresSeconds (RFC 4028 §4)');
  }
  if ((settings.tls?.certificate === undefined) !== (settings.tls?.key === undefined)) {
    report('certificate-incomplete', 'tls', 'certificate and key go together');
  }
}

/** An anonymous call must not show its number because nobody thought of it: who wants such a trunk says so. */
function checkPrivacy(trunk: Trunk, report: RuleReport): void {
  if (trunk.options.numberMayShow || hidesNumber(trunk)) return;
  const types = `[${trunk.outboundParameters.privacy.join(', ')}]`;
  const why = trunk.options.trusted ? types : `${types} on a trunk that is not trusted`;
  report(
    'privacy-cannot-hide',
    'outboundParameters.privacy',
    `${why} cannot hide the number of an anonymous call: add user, or say options.numberMayShow: true`,
  );
}

/** The custom value `remove`, in any case, drops a header where the guide allows it; elsewhere it would be sent as a user name. */
function checkRemove(field: MappedField, mappings: readonly Mapping[], report: RuleReport): void {
  if ((REMOVABLE_FIELDS as readonly MappedField[]).includes(field)) return;
  if (mappings.some(isRemoval))
    report('not-removable', `outboundParameters.${field}.user`, `only ${REMOVABLE_FIELDS.join(', ')} can be removed`);
}
