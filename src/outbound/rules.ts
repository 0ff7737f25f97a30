import { derived } from '../base/derived.ts';
import type { OutboundRule, Tenant } from '../provisioning/tenants/schema.ts';

/** A rule as it is matched: sets and ranges in place of lists of text. */
export interface CompiledRule {
  readonly rule: OutboundRule;
  /** Prefixes by length, so that a rule with a thousand of them costs one look-up per length. */
  readonly prefixes: ReadonlyMap<number, ReadonlySet<string>>;
  readonly lengths: ReadonlySet<number>;
  readonly extensions: readonly { readonly first: number; readonly last: number }[];
}

/** The enabled rules of a tenant in the order in which they are asked: priority, then name. */
export function rulesOf({ outboundRules }: Tenant): readonly CompiledRule[] {
  return inOrder(outboundRules);
}

/** Made for a list, and for a rule of it, once: what else of a tenant changes, as its phones do it by dial codes, costs nothing here. */
const inOrder = derived((rules: Tenant['outboundRules']): readonly CompiledRule[] =>
  rules
    .filter((rule) => rule.enabled)
    .sort((a, b) => a.priority - b.priority || (a.name < b.name ? -1 : 1))
    .map(compiled),
);

const compiled = derived((rule: OutboundRule): CompiledRule => {
  const prefixes = new Map<number, Set<string>>();
  for (const prefix of rule.match.prefixes) {
    const sameLength = prefixes.get(prefix.length) ?? new Set<string>();
    sameLength.add(prefix);
    prefixes.set(prefix.length, sameLength);
  }
  const extensions = rule.match.extensions.map((range) => {
    const dash = range.indexOf('-');
    const first = Number(dash < 0 ? range : range.slice(0, dash));
    return { first, last: dash < 0 ? first : Number(range.slice(dash + 1)) };
  });
  return { rule, prefixes, lengths: new Set(rule.match.lengths), extensions };
});

/** Why a rule does not match, or undefined when it does. Criteria are ANDed; within one, any entry will do. */
export function mismatch(candidate: CompiledRule, number: string, caller: string, tenant: Tenant): string | undefined {
  if (candidate.prefixes.size > 0 && !hasPrefix(candidate.prefixes, number))
    return 'the number has none of its prefixes';
  if (candidate.lengths.size > 0 && !candidate.lengths.has(number.length)) return 'the number has none of its lengths';
  return senderMismatch(candidate, caller, tenant);
}

/** The same of what a rule says of the caller alone. */
export function senderMismatch(candidate: CompiledRule, caller: string, tenant: Tenant): string | undefined {
  if (candidate.extensions.length > 0 && !inRanges(candidate.extensions, Number(caller))) {
    return 'the caller is none of its extensions';
  }
  const groups = candidate.rule.match.groups;
  if (groups.length > 0 && !groups.some((name) => isMember(tenant, name, caller))) {
    return 'the caller is in none of its groups';
  }
  return undefined;
}

function hasPrefix(prefixes: CompiledRule['prefixes'], number: string): boolean {
  for (const [length, texts] of prefixes) if (texts.has(number.slice(0, length))) return true;
  return false;
}

function inRanges(ranges: CompiledRule['extensions'], number: number): boolean {
  for (const { first, last } of ranges) if (number >= first && number <= last) return true;
  return false;
}

const membersOf = derived(
  (groups: Tenant['groups']) => new Map(groups.map(({ name, members }) => [name, new Set(members)])),
);

/** Says whether the number is a member of the tenant's group. */
export function isMember(tenant: Tenant, group: string, number: string): boolean {
  return membersOf(tenant.groups).get(group)?.has(number) ?? false;
}
