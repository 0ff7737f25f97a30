/** Why a call in went where it went, and why the INVITE to a phone is what it is, in words. */
import type { CallFacts } from '../../call/index.ts';
import { calledSource, calledSources, firstSource } from '../../inbound/index.ts';
import { type FieldNote, type FieldReason, reasonsOf, type StepNote } from '../../outbound/index.ts';
import type { Directory } from '../../provisioning/directory/directory.ts';
import { formatRange } from '../../provisioning/tenants/did-pool.ts';
import { numbersMeant } from '../../provisioning/tenants/number-format.ts';
import { openingAt } from '../../provisioning/tenants/schedule.ts';
import type { InboundRule, Tenant } from '../../provisioning/tenants/schema.ts';
import type { InboundSource, Normalization, Trunk } from '../../provisioning/trunk-settings/schema.ts';
import { HeaderId, type SipRequest, textFromOctets } from '../../sip/message/index.ts';

export interface CallIn {
  readonly directory: Directory;
  readonly facts: CallFacts;
  readonly trunk: Trunk;
  /** As it came, while it is remembered. */
  readonly invite: SipRequest | undefined;
  /** `transport:address:port`; undefined: a call that is only thought through, or one that is forgotten. */
  readonly from: string | undefined;
  /** When it came, for rules with hours. */
  readonly wallMs: number;
}

/** Whose trunk it is, which numbers were read where and what was made of them, in whose pool the called one is, and which rule took it. */
export function inboundSteps(call: CallIn): StepNote[] {
  return [...trunkSteps(call), ...numberSteps(call), ...poolSteps(call), ...ruleSteps(call)];
}

const told = (step: string, reason: string): StepNote => ({ step, outcome: 'continue', reason });

function trunkSteps({ trunk, from }: CallIn): StepNote[] {
  const whose = trunk.owner === 'system' ? 'of the system' : `of tenant ${trunk.owner}`;
  const came = from === undefined ? '' : `; it came from ${from}`;
  return [told('trunk', `"${trunk.name}" (${trunk.type}, id ${trunk.id}) ${whose}${came}`)];
}

function numberSteps({ trunk: { inboundParameters, numberFormat }, facts, invite }: CallIn): StepNote[] {
  if (invite === undefined) return [];
  const { normalize, callerNumber, callerDisplayName } = inboundParameters;
  const readings: readonly (readonly [string, readonly InboundSource[], Normalization | undefined, string])[] = [
    ['called-number', calledSources(inboundParameters), normalize.calledNumber, facts.called],
    ['caller-number', callerNumber, normalize.callerNumber, facts.caller],
    ['caller-name', callerDisplayName, normalize.callerDisplayName, facts.callerName ?? ''],
  ];
  return readings.flatMap(([step, sources, how, result]) => {
    const found =
      step === 'called-number' ? calledSource(invite, inboundParameters, result) : firstSource(invite, sources);
    if (found === undefined) return step === 'caller-name' ? [] : [told(step, `none in ${sources.join(', ')}`)];
    const value = textFromOctets(found.value);
    const done = [...normalizationTexts(how), ...(step === 'caller-number' ? [`numberFormat: ${numberFormat}`] : [])];
    const became =
      result === value || step === 'caller-name' ? '' : `, read as ${result} (${done.join(', ') || 'its digits'})`;
    return [told(step, `${found.source}: ${value}${became}`)];
  });
}

function normalizationTexts(how: Normalization | undefined): string[] {
  if (how === undefined) return [];
  const { strip = 0, replacePrefix = [], prepend = '' } = how;
  return [
    ...(strip === 0 ? [] : [`strip ${strip}`]),
    ...replacePrefix.map(({ from, to }) => `${from} → ${to}`),
    ...(prepend === '' ? [] : [`prepend ${prepend}`]),
  ];
}

function poolSteps({ directory, trunk, facts }: CallIn): StepNote[] {
  const { tenant, called } = facts;
  // Whose pools there are is nobody's business who asks for a number of none.
  if (tenant === undefined) return [told('pool', `${called} is in no DID pool on this trunk`)];
  const pool = directory.pool(trunk.id, tenant);
  const meant = numbersMeant(called, trunk.numberFormat).find((number) => pool.contains(number));
  if (meant === undefined) return [];
  const at = pool.firsts.findIndex((first, index) => first <= meant && meant <= (pool.lasts[index] ?? -1));
  const range = formatRange({ first: pool.firsts[at] ?? meant, last: pool.lasts[at] ?? meant });
  return [told('pool', `${meant} is in the DID pool of ${tenant} on this trunk (${range})`)];
}

function ruleSteps({ directory, facts, trunk, wallMs }: CallIn): StepNote[] {
  const tenant = facts.tenant === undefined ? undefined : directory.tenantByName(facts.tenant);
  if (tenant === undefined) return [];
  const rule = tenant.inboundRules.find(({ name }) => name === facts.inboundRule);
  if (rule !== undefined) return [told('rule-terms', termsText(rule, tenant, wallMs))];
  if (facts.inboundRule !== undefined) return [];
  const names = directory.inboundRules(tenant.name, trunk.id).map(({ name }) => name);
  const rules =
    names.length === 0 ? `${tenant.name} has no rule for this trunk` : `rules for this trunk: ${names.join(', ')}`;
  return [told('rule-terms', `no inbound rule was followed to its end (${rules})`)];
}

/** What the rule asks for, and what its hours say at this moment. */
function termsText(
  { dids, callers, hours, holidays, verification, displayNamePrefix }: InboundRule,
  tenant: Tenant,
  wallMs: number,
): string {
  const opening = openingAt(hours, holidays, tenant.timeZone, wallMs);
  return [
    `DIDs ${dids}`,
    callers === null ? 'any caller' : `callers ${callers}`,
    ...(verification === undefined ? [] : [`verification ${verification.join(', ')}`]),
    ...(hours === undefined && holidays.length === 0 ? [] : [OPENING[opening]]),
    ...(displayNamePrefix === undefined ? [] : [`puts "${displayNamePrefix}" in front of the name`]),
  ].join('; ');
}

const OPENING = { open: 'within its hours', holiday: 'on a holiday', 'outside-hours': 'outside its hours' } as const;

const WITHHELD = 'the caller withholds its number, or names none in a field that is read (RFC 3323)';
/** Why a From at one of these hosts has no number. */
const NO_NUMBER: ReadonlyMap<string, string> = new Map([
  ['anonymous.invalid', WITHHELD],
  ['unknown.invalid', 'the caller withholds no number, but none came'],
]);

/** The reasons of the INVITE to a phone. */
export function phoneFields(invite: SipRequest, facts: CallFacts, rule: InboundRule | undefined): FieldReason[] {
  const { direction, trunkId } = facts;
  const isIn = direction === 'inbound' && trunkId !== undefined;
  const prefix = rule?.displayNamePrefix;
  const host = textAt(invite, 'From.host');
  const noNumber = NO_NUMBER.get(host);
  const number = isIn ? "the caller's number, as it was read" : "the calling extension's or service's number";
  const name = `the caller's name${prefix === undefined ? '' : `, with "${prefix}" of rule "${rule?.name}" in front`}`;
  const reasons: readonly (readonly [field: string, source: string, reason: string])[] = [
    ['Request-URI', 'registration', 'the Contact that the phone registered'],
    ['From.user', 'caller', noNumber ?? number],
    ['From.displayName', 'caller', host === 'anonymous.invalid' ? WITHHELD : name],
    noNumber === undefined
      ? ['From.host', 'tenant', "the tenant's domain: a call back comes here"]
      : ['From.host', 'caller', noNumber],
    ['To', 'called', "the extension that rings, in the tenant's domain"],
    ['Contact', 'engine', 'where the phone sends what follows: this engine'],
    ['P-Called-Party-ID', 'called', "the number that was called, which is not the phone's own (RFC 7315 §4.2)"],
    ['P-Asserted-Identity', 'verification', 'the caller, with what was found of its signature (verstat)'],
  ];
  const sent = (field: string) =>
    field === 'Request-URI' || invite.headers.valueNamed(field.split('.')[0] ?? '') !== undefined;
  const notes = reasons
    .filter(([field]) => sent(field))
    .filter(([field]) => field !== 'From.displayName' || (invite.from().displayName ?? '') !== '')
    .map(
      ([field, source, reason]): FieldNote => ({
        field,
        value: textAt(invite, field),
        source,
        origin: 'engine',
        reason,
      }),
    );
  return reasonsOf(notes, invite).map((each) => ({ ...each, value: textFromOctets(each.value) }));
}

function textAt(invite: SipRequest, field: string): string {
  if (field === 'Request-URI') return invite.requestUri;
  const from = invite.from();
  const user = 'user' in from.uri ? (from.uri.user ?? '') : '';
  switch (field) {
    case 'From.user':
      return user;
    case 'From.displayName':
      return from.displayName ?? '';
    case 'From.host':
      return 'host' in from.uri ? from.uri.host : '';
    default:
      return field === 'To' ? (invite.headers.value(HeaderId.To) ?? '') : (invite.headers.valueNamed(field) ?? '');
  }
}
