/** The rules that one tenant's settings keep by themselves; what needs the trunks is checked in `provisioning/check/provisioning.ts`. */
import type { Problem } from '../../base/errors.ts';
import type { Steps } from '../../base/steps.ts';
import { CallerMask } from './caller-mask.ts';
import { type DidPoolError, type DidRange, parseEntry } from './did-pool.ts';
import type { Extension, InboundDestination, InboundRule, Service, Tenant } from './schema.ts';
import type { DialCodeName } from './tenant-settings.ts';

/** Reports a problem; `path` is relative to the tenant. */
export type RuleReport = (code: string, path: string, message: string) => void;

/** Dial codes that may be equal, because they do the same. */
const EFFECTS: Readonly<Record<DialCodeName, string>> = {
  blockCallerId: 'anonymous once',
  anonymous: 'anonymous once',
  deliverCallerId: 'deliver once',
  notAnonymous: 'deliver once',
  blockCallerIdAlways: 'anonymous always',
  anonymousAlways: 'anonymous always',
  deliverCallerIdAlways: 'deliver always',
  notAnonymousAlways: 'deliver always',
  refuseAnonymous: 'refuse',
  acceptAnonymous: 'accept',
  setCallerId: 'set',
};

const EXTENSIONS_PER_STEP = 100;
/** Of one trunk. */
const MOST_RULES_OF_A_DID = 1_000;

/** Every rule inside one tenant, in steps: it may have ten thousand extensions. */
export function* checkTenant(tenant: Tenant): Steps<Problem[]> {
  const problems: Problem[] = [];
  const report: RuleReport = (code, path, message) => problems.push({ code, path, message });
  const numbers = yield* checkNumbers(tenant, report);
  for (const [index, group] of tenant.groups.entries()) {
    checkMembers(group.members, `groups[${index}]`, numbers.extensions, report);
    yield;
  }
  checkNames(tenant, report);
  checkDialCodes(tenant, report);
  // Counted, not iterated: of ten thousand nothing is allocated.
  for (let index = 0; index < tenant.extensions.length; index++) {
    checkForward(tenant.extensions[index] as Extension, index, report);
    if (index % EXTENSIONS_PER_STEP === 0) yield;
  }
  for (const [index, service] of tenant.services.entries()) {
    checkService(service, `services[${index}]`, numbers.extensions, report);
    yield;
  }
  const groups = new Set(tenant.groups.map(({ name }) => name));
  for (const [index, rule] of tenant.outboundRules.entries()) {
    for (const [at, group] of rule.match.groups.entries()) {
      if (!groups.has(group)) {
        report('unknown-group', `outboundRules[${index}].match.groups[${at}]`, `there is no group "${group}"`);
      }
    }
    checkRoutes(rule.routes, `outboundRules[${index}]`, report);
    yield;
  }
  const known = new Map<string, string>();
  for (const [index, rule] of tenant.inboundRules.entries()) {
    checkInboundRule(rule, `inboundRules[${index}]`, numbers, known, report);
    yield;
  }
  return problems;
}

interface Numbers {
  readonly extensions: ReadonlySet<string>;
  readonly services: ReadonlySet<string>;
}

function* checkNumbers(tenant: Tenant, report: RuleReport): Steps<Numbers> {
  const extensions = new Set<string>();
  for (let index = 0; index < tenant.extensions.length; index++) {
    const { number } = tenant.extensions[index] as Extension;
    if (extensions.has(number))
      report('number-taken', `extensions[${index}].number`, `${number} is already the number of an extension`);
    extensions.add(number);
    if (index % EXTENSIONS_PER_STEP === 0) yield;
  }
  const services = new Map<string, string>();
  for (const [index, { number, name }] of tenant.services.entries()) {
    const service = services.get(number);
    const holder = extensions.has(number)
      ? 'an extension'
      : service === undefined
        ? undefined
        : `the service "${service}"`;
    if (holder !== undefined)
      report('number-taken', `services[${index}].number`, `${number} is already the number of ${holder}`);
    if (service === undefined) services.set(number, name);
  }
  return { extensions, services: new Set(services.keys()) };
}

function checkNames(tenant: Tenant, report: RuleReport): void {
  const collections = [
    ['groups', 'group', tenant.groups],
    ['outboundRules', 'outbound rule', tenant.outboundRules],
    ['inboundRules', 'inbound rule', tenant.inboundRules],
  ] as const;
  for (const [path, what, items] of collections) {
    const seen = new Set<string>();
    for (const [index, { name }] of items.entries()) {
      if (seen.has(name))
        report(
          'name-taken',
          `${path}[${index}].name`,
          `there is already a ${what} "${name}"`
            .replace('a outbound', 'an outbound')
            .replace('a inbound', 'an inbound'),
        );
      seen.add(name);
    }
  }
}

function checkMembers(
  members: readonly string[],
  path: string,
  extensions: ReadonlySet<string>,
  report: RuleReport,
): void {
  const seen = new Set<string>();
  for (const [index, member] of members.entries()) {
    if (!extensions.has(member))
      report('unknown-extension', `${path}.members[${index}]`, `there is no extension ${member}`);
    if (seen.has(member)) report('member-twice', `${path}.members[${index}]`, `${member} is already a member`);
    seen.add(member);
  }
}

function checkService(service: Service, path: string, extensions: ReadonlySet<string>, report: RuleReport): void {
  if (service.kind === 'ring-group') checkMembers(service.members, path, extensions, report);
  if (service.overflow === service.number)
    report('forward-to-itself', `${path}.overflow`, `${service.number} overflows to itself`);
}

const FORWARDS = ['always', 'busy', 'noAnswer', 'notRegistered'] as const;

function checkForward(extension: Extension, index: number, report: RuleReport): void {
  for (const kind of FORWARDS) {
    if (extension.forward[kind] === extension.number)
      report('forward-to-itself', `extensions[${index}].forward.${kind}`, `${extension.number} is forwarded to itself`);
  }
}

function checkDialCodes(tenant: Tenant, report: RuleReport): void {
  const { enabled, ...codes } = tenant.dialCodes;
  if (!enabled) return;
  const seen = new Map<string, DialCodeName>();
  for (const name of Object.keys(codes) as DialCodeName[]) {
    const code = codes[name];
    if (code === null) continue;
    const other = seen.get(code);
    if (other !== undefined && EFFECTS[other] !== EFFECTS[name]) {
      report('dial-code-taken', `dialCodes.${name}`, `${code} is already the code ${other}`);
    }
    seen.set(code, name);
  }
}

function checkRoutes(routes: Tenant['outboundRules'][number]['routes'], path: string, report: RuleReport): void {
  const seen = new Set<string>();
  for (const [index, route] of routes.entries()) {
    const key = `${route.trunk}\u0000${route.strip}\u0000${route.prepend}`;
    if (seen.has(key)) {
      report(
        'route-twice',
        `${path}.routes[${index}]`,
        `the rule already has this route over "${route.trunk}"; a second try of the same call cannot end otherwise`,
      );
    }
    seen.add(key);
  }
}

/** The DIDs of an inbound rule, or undefined when they cannot be read. */
export function didsOf(rule: Pick<InboundRule, 'dids'>): DidRange | undefined {
  try {
    return parseEntry(rule.dids.trim());
  } catch {
    return undefined;
  }
}

/**
 * All that a DID has are looked at for each call to it: more of them would take the time of other tenants' calls. `trunkOf`: the trunk that
 * a rule names, the same of name and id.
 */
export function* checkRulesOfOneDid(
  rules: readonly InboundRule[],
  trunkOf: (reference: string) => string,
  report: RuleReport,
): Steps<void> {
  const trunks = Map.groupBy(
    rules.filter(({ enabled }) => enabled),
    ({ trunk }) => trunkOf(trunk),
  );
  for (const ofTrunk of trunks.values()) {
    yield;
    if (ofTrunk.reduce((sum, rule) => sum + weightOf(rule), 0) <= MOST_RULES_OF_A_DID) continue;
    const [firsts, lasts]: [number[], number[]] = [[], []];
    for (const rule of ofTrunk) {
      const range = didsOf(rule);
      // Each as often as it counts.
      for (let weight = range === undefined ? 0 : weightOf(rule); weight > 0; weight--) {
        firsts.push(range?.first ?? 0);
        lasts.push(range?.last ?? 0);
      }
      yield;
    }
    const ends = Float64Array.from(lasts).sort();
    yield;
    let over = 0;
    for (const [index, did] of Float64Array.from(firsts).sort().entries()) {
      while ((ends[over] ?? did) < did) over++;
      if (index + 1 - over <= MOST_RULES_OF_A_DID) continue;
      const last = ofTrunk.findLast((rule) => didsOf(rule)?.first === did) as InboundRule;
      const most = `${MOST_RULES_OF_A_DID}, each 100 characters of a caller mask counting as one`;
      report(
        'too-many-rules',
        `inboundRules[${rules.indexOf(last)}].dids`,
        `${did} is in more enabled rules than ${most}`,
      );
      break;
    }
  }
}

function weightOf({ callers }: InboundRule): number {
  return 1 + Math.floor((callers?.length ?? 0) / 100);
}

/** @param known names of the enabled rules before it, by what they match */
function checkInboundRule(
  rule: InboundRule,
  path: string,
  numbers: Numbers,
  known: Map<string, string>,
  report: RuleReport,
): void {
  const dids = readDids(rule, path, report);
  if (rule.callers !== null) {
    try {
      CallerMask.parse(rule.callers);
    } catch (error) {
      report('caller-mask', `${path}.callers`, (error as DidPoolError).message);
    }
  }
  for (const key of ['destination', 'outsideHours', 'onHolidays'] as const) {
    const destination = rule[key];
    if (destination !== undefined) checkDestination(destination, `${path}.${key}`, dids, numbers, report);
  }
  if (rule.outsideHours !== undefined && rule.hours === undefined) {
    report('hours-missing', `${path}.outsideHours`, 'has no effect without hours');
  }
  if (!rule.enabled || dids === undefined) return;
  const matched = matchedBy(rule, dids);
  const twin = known.get(matched);
  if (twin === undefined) known.set(matched, rule.name);
  else
    report(
      'inbound-rules-alike',
      path,
      `matches the same calls as the rule "${twin}": same trunk, same DIDs, same callers, same verification`,
    );
}

/** The same text of two rules that are alike. Their DIDs are the same then; of nested ranges the narrower is the more specific. */
function matchedBy({ trunk, callers, verification = [] }: InboundRule, { first, last }: DidRange): string {
  return JSON.stringify([trunk, callers, [...new Set(verification)].sort(), first, last]);
}

function readDids(rule: InboundRule, path: string, report: RuleReport): DidRange | undefined {
  try {
    return parseEntry(rule.dids.trim());
  } catch (error) {
    report('pool-entry', `${path}.dids`, (error as DidPoolError).message);
    return undefined;
  }
}

function checkDestination(
  destination: InboundDestination,
  path: string,
  dids: DidRange | undefined,
  numbers: Numbers,
  report: RuleReport,
): void {
  const { extension, extensions, service } = destination;
  if (extension !== undefined && !numbers.extensions.has(extension)) {
    report('unknown-extension', `${path}.extension`, `there is no extension ${extension}`);
  }
  if (service !== undefined && !numbers.services.has(service)) {
    report('unknown-service', `${path}.service`, `there is no service with the number ${service}`);
  }
  if (extensions === undefined) return;
  const size = rangeSize(extensions);
  if (dids !== undefined && dids.last - dids.first + 1 !== size) {
    report(
      'range-sizes-differ',
      `${path}.extensions`,
      `${dids.last - dids.first + 1} DIDs cannot be mapped one to one to ${size} extensions`,
    );
  }
}

function rangeSize(range: string): number {
  const dash = range.indexOf('-');
  return dash < 0 ? 1 : Number(range.slice(dash + 1)) - Number(range.slice(0, dash)) + 1;
}
