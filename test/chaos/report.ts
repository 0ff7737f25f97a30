/** The table of a run, and the ladders of what went wrong. */
import {
  type Call,
  callsOf,
  type Evidence,
  type Finding,
  isUp,
  mostOverLimited,
  RULES,
  ringingOf,
  silencedOf,
  takeoversOf,
} from './checker.ts';
import { type Fault, KINDS, silences } from './faults.ts';
import { Journal } from './journal.ts';

/** Ladders of so many violations. */
const SHOWN = 40;

export function report(evidence: Evidence, findings: readonly Finding[]): string[] {
  const violations = findings.filter(({ allowed }) => allowed === undefined);
  return [
    ...violations.slice(0, SHOWN).flatMap((finding) => ladderOf(finding, evidence)),
    '',
    ...byFault(evidence, findings),
    '',
    ...byRule(findings),
    '',
    ...figures(evidence),
    '',
    violations.length === 0 ? 'nothing was lost that may not be' : `${violations.length} violations`,
  ];
}

/** What a program reads of a run. */
export interface Summary {
  readonly placed: number;
  readonly answered: number;
  readonly records: number;
  readonly violations: number;
  /** Findings that the documentation allows. */
  readonly allowed: number;
  /** Writes that were not made, by what they were answered. */
  readonly refusedWrites: Readonly<Record<string, number>>;
  /** The most calls at once over the limited trunk. */
  readonly mostOverLimited: number;
  /** Calls that were up when their node fell silent; those that could lose nothing; those that another node was heard to have taken over. */
  readonly silenced: { readonly up: number; readonly judged: number; readonly taken: number };
  readonly faults: readonly {
    readonly kind: Fault['kind'];
    readonly host: string | undefined;
    /** The system was whole again. */
    readonly isMended: boolean;
    /** Calls that were placed while it lasted and had an answer. */
    readonly answered: number;
    /** Of a node that fell silent: the messages that its peers had from it nevertheless. */
    readonly heard: number | undefined;
  }[];
}

export function summaryOf(evidence: Evidence, findings: readonly Finding[]): Summary {
  const calls = callsOf(evidence.journal.legs);
  const violations = findings.filter(({ allowed }) => allowed === undefined).length;
  return {
    placed: calls.length,
    answered: calls.filter(isUp).length,
    records: evidence.records.length,
    violations,
    allowed: findings.length - violations,
    refusedWrites: Object.fromEntries(evidence.refusedWrites),
    mostOverLimited: mostOverLimited(evidence),
    silenced: { ...silencedOf(evidence), taken: takeoversOf(evidence).reduce((sum, { taken }) => sum + taken, 0) },
    faults: evidence.faults.map((fault) => ({
      kind: fault.kind,
      host: fault.host,
      isMended: Number.isFinite(fault.wholeAtMs),
      answered: placedDuring(calls, fault).filter(isUp).length,
      heard: silences(fault.kind) ? heardDuring(evidence, fault) : undefined,
    })),
  };
}

const placedDuring = (calls: readonly Call[], { atMs, wholeAtMs }: Fault) =>
  calls.filter(({ a }) => atMs <= a.invitedAtMs && a.invitedAtMs < wholeAtMs);

/** What was on its way to its peers when it fell silent, or waited in their sockets. */
const ON_ITS_WAY_MS = 300;

function heardDuring({ journal }: Evidence, { host, atMs, lastsMs }: Fault): number {
  return journal.seen.filter(
    (seen) => !seen.isSent && seen.node === host && atMs + ON_ITS_WAY_MS < seen.atMs && seen.atMs < atMs + lastsMs,
  ).length;
}

function ladderOf({ rule, atMs, what, callIds }: Finding, { journal }: Evidence): string[] {
  const shown = journal instanceof Journal ? journal.ladder(new Set(callIds)) : '';
  return ['', `VIOLATION ${(atMs / 1000).toFixed(3)} s: ${rule}: ${what}`, shown];
}

/** The fault that was the last to begin. */
function faultAt({ faults }: Evidence, atMs: number): string {
  return faults.findLast((fault) => fault.atMs <= atMs)?.kind ?? 'none';
}

function byFault(evidence: Evidence, findings: readonly Finding[]): string[] {
  const calls = callsOf(evidence.journal.legs);
  const takeovers = takeoversOf(evidence);
  const head = [
    'fault',
    'times',
    'placed',
    'answered',
    'not answered',
    'lost, allowed',
    'violations',
    'whole after',
    'taken over',
  ];
  const rows = KINDS.map((kind) => {
    const all = evidence.faults.filter((fault) => fault.kind === kind);
    const during = all.flatMap((fault) => placedDuring(calls, fault));
    const found = findings.filter(({ atMs }) => faultAt(evidence, atMs) === kind);
    const [up, whole] = [during.filter(isUp).length, all.map(({ endMs, wholeAtMs }) => wholeAtMs - endMs)];
    const taken = takeovers.filter(({ fault }) => fault.kind === kind).flatMap(({ firstMs }) => firstMs ?? []);
    return [
      kind,
      String(all.length),
      String(during.length),
      String(up),
      String(during.length - up),
      String(found.filter(({ allowed }) => allowed !== undefined).length),
      String(found.filter(({ allowed }) => allowed === undefined).length),
      span(whole),
      span(taken),
    ];
  });
  return table([head, ...rows]);
}

function byRule(findings: readonly Finding[]): string[] {
  const rows = RULES.map((rule) => {
    const found = findings.filter((finding) => finding.rule === rule);
    const allowed = found.flatMap((finding) => finding.allowed ?? []);
    const reasons = [...new Set(allowed)].map(
      (reason) => `${allowed.filter((each) => each === reason).length} ${reason}`,
    );
    return [rule, String(found.length - allowed.length), reasons.join('; ')];
  });
  return table([['rule', 'violations', 'allowed'], ...rows]);
}

function figures(evidence: Evidence): string[] {
  const calls = callsOf(evidence.journal.legs);
  const failed = new Map<string, number>();
  for (const { a } of calls.filter((call) => !isUp(call))) {
    const why = a.isAbandoned
      ? a.ringsAtMs.length === 0
        ? 'no answer from the node'
        : 'given up'
      : String(a.final ?? 'open');
    failed.set(why, (failed.get(why) ?? 0) + 1);
  }
  const takeovers = takeoversOf(evidence).filter(({ calls: count }) => count > 0);
  const { up, judged } = silencedOf(evidence);
  const refused = [...evidence.refusedWrites].map(([why, count]) => `${count} ${why}`);
  const ringing = ringingOf(evidence);
  const heard = ringing.flatMap(({ ms }) => ms ?? []);
  const [first, last] = [
    takeovers.flatMap(({ firstMs }) => firstMs ?? []),
    takeovers.flatMap(({ lastMs }) => lastMs ?? []),
  ];
  return [
    `calls placed ${calls.length}, answered ${calls.filter(isUp).length}; not answered: ${[...failed].map(([why, count]) => `${count} ${why}`).join(', ')}`,
    `refused with 503: ${refusalsOf(calls).join(', ')}`,
    `records ${evidence.records.length}; writes acknowledged ${evidence.acknowledged.length}, refused: ${refused.join(', ') || 'none'}; REGISTERs ${evidence.journal.registrations.length}`,
    `calls at once over the limited trunk: ${mostOverLimited(evidence)} at the most, ${evidence.limit.calls} allowed`,
    `calls up when their node fell silent: ${up}, ${judged} of which could lose nothing; ${takeovers.reduce((sum, { taken }) => sum + taken, 0)} taken over; their first party heard from another node after ${span(first)}, the last after ${span(last)}`,
    `calls that rang at a kill -9: ${ringing.length}; their callers heard of them after ${span(heard)}, ${ringing.length - heard.length} heard nothing`,
  ];
}

/** By the trunk that was wanted, and what its refusal said. */
function refusalsOf(calls: readonly Call[]): string[] {
  const refused = new Map<string, number>();
  for (const { a } of calls) {
    if (a.final !== 503 || a.isAbandoned) continue;
    const why = `${a.who.startsWith('carrier') ? 'from' : 'toward'} ${a.trunkPort} (${a.reason ?? ''})`;
    refused.set(why, (refused.get(why) ?? 0) + 1);
  }
  return [...refused].toSorted(([, one], [, other]) => other - one).map(([why, count]) => `${count} ${why}`);
}

function span(ms: readonly number[]): string {
  if (ms.length === 0) return '-';
  const seconds = (value: number) => (value / 1000).toFixed(1);
  return `${seconds(Math.min(...ms))}-${seconds(Math.max(...ms))} s`;
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
