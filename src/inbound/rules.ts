/**
 * Inbound rules of one tenant, compiled: the DIDs of each trunk's rules are cut into disjoint segments,
 * so that the rules of a number are found by one binary search and a walk up a tree over the segments.
 */
import { CallerMask } from '../provisioning/tenants/caller-mask.ts';
import { type DidRange, lastAtMost, parseEntry } from '../provisioning/tenants/did-pool.ts';
import type { InboundRule, Tenant } from '../provisioning/tenants/schema.ts';

interface CompiledRule {
  readonly rule: InboundRule;
  readonly range: DidRange;
  readonly callers: CallerMask | undefined;
}

/** What was found of the caller's signature. */
export interface FoundVerification {
  readonly result: 'passed' | 'failed' | 'none';
  readonly attestation: 'A' | 'B' | 'C' | undefined;
}

interface TrunkRules {
  /** First number of each segment, ascending. */
  readonly starts: Float64Array;
  /**
   * A binary tree over the segments: node 1 is its root, below node n are 2n and 2n + 1, and segment i is the node `starts.length + i`. A rule
   * stands at the few nodes whose segments together are its DIDs: in each of its segments, rules that overlap would take the square of
   * their number.
   */
  readonly nodes: ReadonlyMap<number, readonly CompiledRule[]>;
}

export interface MatchedRule {
  readonly rule: InboundRule;
  readonly range: DidRange;
}

function segmentsOf(rules: readonly CompiledRule[]): TrunkRules {
  const starts = Float64Array.from(new Set(rules.flatMap(({ range }) => [range.first, range.last + 1]))).sort();
  const nodes = new Map<number, CompiledRule[]>();
  const add = (node: number, rule: CompiledRule) => {
    const there = nodes.get(node);
    if (there === undefined) nodes.set(node, [rule]);
    else there.push(rule);
  };
  for (const rule of rules) {
    let from = starts.length + lastAtMost(starts, rule.range.first);
    let until = starts.length + lastAtMost(starts, rule.range.last + 1);
    for (; from < until; from >>= 1, until >>= 1) {
      if ((from & 1) === 1) add(from++, rule);
      if ((until & 1) === 1) add(--until, rule);
    }
  }
  return { starts, nodes };
}

export class InboundRules {
  readonly #byTrunk = new Map<string, TrunkRules>();

  /** @param trunkIdOf resolves a rule's trunk reference (name or id); undefined when there is none. */
  constructor(tenant: Tenant, trunkIdOf: (reference: string) => string | undefined) {
    const rulesOf = new Map<string, CompiledRule[]>();
    for (const rule of tenant.inboundRules) {
      const trunkId = trunkIdOf(rule.trunk);
      if (trunkId === undefined || !rule.enabled) continue;
      const callers = rule.callers === null ? undefined : CallerMask.parse(rule.callers);
      const rules = rulesOf.get(trunkId) ?? [];
      rules.push({ rule, range: parseEntry(rule.dids.trim()), callers });
      rulesOf.set(trunkId, rules);
    }
    for (const [trunkId, rules] of rulesOf) this.#byTrunk.set(trunkId, segmentsOf(rules));
  }

  /**
   * The rule for a call: of those whose DIDs hold the called number, whose mask matches the caller and whose verification was found,
   * one that asks for a verification (a mask on a number that is not the caller's says nothing), for the fewest of them; then the one
   * with the most specific mask; then with the fewest DIDs; then by name.
   */
  match(
    trunkId: string,
    calledNumber: number,
    callerNumber: string,
    found: FoundVerification,
  ): MatchedRule | undefined {
    const rules = this.#byTrunk.get(trunkId);
    if (rules === undefined) return undefined;
    const segment = lastAtMost(rules.starts, calledNumber);
    let best: { candidate: CompiledRule; coverage: number } | undefined;
    for (let node = segment < 0 ? 0 : rules.starts.length + segment; node > 0; node >>= 1) {
      for (const candidate of rules.nodes.get(node) ?? []) {
        const coverage =
          candidate.callers === undefined ? Number.POSITIVE_INFINITY : candidate.callers.match(callerNumber);
        if (coverage === undefined || !asksFor(candidate.rule, found)) continue;
        if (best === undefined || isMoreSpecific(candidate, coverage, best.candidate, best.coverage))
          best = { candidate, coverage };
      }
    }
    return best?.candidate;
  }
}

function asksFor({ verification }: InboundRule, { result, attestation }: FoundVerification): boolean {
  if (verification === undefined) return true;
  return verification.includes(result) || (attestation !== undefined && verification.includes(attestation));
}

/** How many findings a rule takes; one that does not ask takes all of them. */
function findingsOf({ rule }: CompiledRule): number {
  return rule.verification?.length ?? Number.POSITIVE_INFINITY;
}

function isMoreSpecific(a: CompiledRule, aCoverage: number, b: CompiledRule, bCoverage: number): boolean {
  const [aFindings, bFindings] = [findingsOf(a), findingsOf(b)];
  if (aFindings !== bFindings) return aFindings < bFindings;
  if (aCoverage !== bCoverage) return aCoverage < bCoverage;
  const aSize = a.range.last - a.range.first;
  const bSize = b.range.last - b.range.first;
  return aSize !== bSize ? aSize < bSize : a.rule.name < b.rule.name;
}
