/** What must hold of a run, judged by what the carrier and the phones saw, the records of all nodes, and the writes that were acknowledged. */
import { type Fault, silences } from './faults.ts';
import type { Journal, Leg, RegistrationSeen, Seen } from './journal.ts';

export interface WrittenRecord {
  readonly node: string;
  readonly callId: string;
  readonly sipCallIds: readonly string[];
  readonly callerNumber: string;
  readonly calledNumber: string;
  readonly status: number;
  readonly talkMs: number;
}

export interface Evidence {
  readonly journal: Pick<Journal, 'seen' | 'legs' | 'registrations'>;
  readonly faults: readonly Fault[];
  readonly records: readonly WrittenRecord[];
  readonly acknowledged: readonly string[];
  /** What other writes were answered, and how many. */
  readonly refusedWrites: ReadonlyMap<string, number>;
  /** Extensions that each node knows in the end. */
  readonly present: readonly { readonly node: string; readonly extensions: ReadonlySet<string> }[];
  readonly limit: { readonly port: number; readonly calls: number };
  readonly nodes: number;
  /** A snapshot is in the store 200 ms after the answer, with what a busy machine adds to it. */
  readonly behindMs: number;
}

export const RULES = [
  'two answered B legs of one A leg',
  'a call that was cut',
  'a BYE that nobody took',
  'a leg that outlived its call by a minute',
  'a call without its record',
  'a call with two records',
  'a record whose seconds are wrong',
  'more calls than limit and nodes allow',
  'an acknowledged write that is gone',
  'two owners of a registration',
  'a system that did not become whole',
] as const;
export type Rule = (typeof RULES)[number];

export interface Finding {
  readonly rule: Rule;
  readonly atMs: number;
  readonly what: string;
  readonly callIds: readonly string[];
  /** Why the documentation allows it; undefined: it is a violation. */
  readonly allowed?: string;
}

const ORPHAN_MS = 60_000;
/** From an answer that nobody waited for to its BYE. It is sent again every 4 s at most (T2). */
const LATE_MS = 5_000;
const SECOND_MS = 1_000;
const LEASE_MS = 6_000;
/** What a REGISTER may be on its way after its lease was granted. */
const REGISTER_LATE_MS = 1_500;
/** So long after a link is back the kernel may send what it has kept until it finds the neighbour, whom it asks for once a second. */
const NEIGHBOUR_MS = 1_100;
/** Nodes tell each other their counts twice a second. */
const COUNTS_MS = 1_000;

export function check(evidence: Evidence): Finding[] {
  const calls = callsOf(evidence.journal.legs);
  return [
    ...calls.flatMap((call) => [...answersOf(call, evidence), ...endOf(call, evidence), ...recordOf(call, evidence)]),
    ...limitOf(evidence),
    ...writesOf(evidence),
    ...ownersOf(evidence),
  ].toSorted((a, b) => a.atMs - b.atMs);
}

export interface Call {
  readonly key: string;
  readonly a: Leg;
  readonly b: readonly Leg[];
}

export function callsOf(legs: readonly Leg[]): Call[] {
  const byKey = new Map<string, Leg[]>();
  for (const leg of legs) byKey.set(leg.key, [...(byKey.get(leg.key) ?? []), leg]);
  return [...byKey.values()].flatMap((all) => {
    const a = all.find(({ side }) => side === 'A');
    return a === undefined ? [] : [{ key: a.key, a, b: all.filter(({ side }) => side === 'B') }];
  });
}

const idsOf = ({ a, b }: Call) => [a.callId, ...b.map(({ callId }) => callId)];
const isAnswered = ({ answeredAtMs }: Leg) => answeredAtMs !== undefined;
/** One that was never answered is over with its refusal; undefined: it is up. */
const overAtMs = (leg: Leg) => (isAnswered(leg) ? leg.endedAtMs : leg.finalAtMs);
const isConfirmed = ({ confirmedAtMs }: Leg) => confirmedAtMs !== undefined;
/** Answered, and the caller knew of it while he still waited. */
export const isUp = ({ a }: Call) => a.final === 200 && a.answeredAtMs !== undefined;

/**
 * A fork that answered when another one had won, or whose caller had gone: it was told so by a BYE at once (RFC 3261 §9.1, §13.2.2.4), and is
 * nobody's answered leg. A node that ended before it could say so leaves that to the callee's own timer of 64*T1.
 */
function isLate(leg: Leg, { a, b }: Call, faults: readonly Fault[]): boolean {
  const { side, answeredAtMs, endedBy, endedAtMs } = leg;
  if (side === 'A' || endedBy !== 'peer' || answeredAtMs === undefined || endedAtMs === undefined) return false;
  const hasWinner = b.some((other) => other !== leg && isConfirmed(other) && other.endedAtMs !== endedAtMs);
  const isGone = a.isAbandoned === true || (a.final ?? 0) >= 300;
  return (hasWinner || isGone) && a.furtherAnswers === 0 && endedAtMs - hearableAtMs(leg, faults) <= LATE_MS;
}

/** Since when the node of a leg could hear its answer: it had none before the end of a silence in which it acknowledges nothing. */
function hearableAtMs({ node, answeredAtMs = 0, confirmedAtMs = 0 }: Leg, faults: readonly Fault[]): number {
  const hidden = faults.filter(
    ({ kind, host, atMs, endMs }) =>
      silences(kind) && host === node && atMs <= answeredAtMs && answeredAtMs < endMs && endMs <= confirmedAtMs,
  );
  return Math.max(answeredAtMs, ...hidden.map(({ endMs }) => endMs));
}

function answersOf(call: Call, evidence: Evidence): Finding[] {
  const { a, b } = call;
  const rule = 'two answered B legs of one A leg' as const;
  const answered = b.filter((leg) => isConfirmed(leg) && !isLate(leg, call, evidence.faults));
  if (answered.length < 2 && a.furtherAnswers === 0) return [];
  const what = `${answered.length} answered B legs, ${a.furtherAnswers} further answers`;
  return [{ rule, atMs: a.invitedAtMs, what, callIds: idsOf(call), ...allowedBy(call, evidence) }];
}

function endOf(call: Call, evidence: Evidence): Finding[] {
  const findings: Finding[] = [];
  const { a, b } = call;
  const legs = [a, ...b.filter(isConfirmed)].filter(isAnswered);
  const find = (rule: Rule, atMs: number, what: string) => {
    findings.push({ rule, atMs, what, callIds: idsOf(call), ...allowedBy(call, evidence) });
  };
  for (const leg of legs) {
    if (isLate(leg, call, evidence.faults)) continue;
    const partners = leg.side === 'A' ? b : [a];
    const hungUp = partners.some(({ endedBy }) => endedBy === 'self');
    if (leg.endedBy === 'peer' && !hungUp && !a.isAbandoned)
      find('a call that was cut', leg.endedAtMs ?? 0, `${leg.who} was sent a BYE that nobody had asked for`);
    const isRefused = leg.byeStatus !== undefined && leg.byeStatus >= 300;
    // Both have ended: the BYE of one of them finds the call gone. Forks that were refused are nobody that it was with.
    const byMs = (leg.byeAnsweredAtMs ?? 0) + SECOND_MS;
    const isOver = (partner: Leg) => (overAtMs(partner) ?? byMs + 1) <= byMs;
    const isCrossing = leg.byeStatus === 481 && partners.some(isAnswered) && partners.every(isOver);
    if (leg.endedBy === 'self' && !isCrossing && (leg.byeStatus === undefined || isRefused))
      find('a BYE that nobody took', leg.endedAtMs ?? 0, `${leg.who}: ${leg.byeStatus ?? 'no answer'}`);
  }
  if (isUp(call)) {
    for (const leg of b.filter(isAnswered)) {
      const [one, other] = [a.endedAtMs, leg.endedAtMs];
      if (one === undefined && other === undefined) continue;
      const apartMs = Math.abs((one ?? Number.POSITIVE_INFINITY) - (other ?? Number.POSITIVE_INFINITY));
      if (apartMs > ORPHAN_MS)
        find(
          'a leg that outlived its call by a minute',
          Math.min(one ?? 1e12, other ?? 1e12),
          `${leg.who} and ${a.who}`,
        );
    }
  }
  return findings;
}

/** Calls that were up when their node fell silent, and those of them of which the documentation lets nothing be lost. */
export function silencedOf(evidence: Evidence): { readonly up: number; readonly judged: number } {
  const { journal, faults } = evidence;
  const never = Number.POSITIVE_INFINITY;
  const silenced = callsOf(journal.legs).filter(({ a, b }) =>
    faults.some(
      ({ kind, host, atMs }) =>
        silences(kind) &&
        [a, ...b].some(
          (leg) =>
            (leg.answeredAtMs ?? never) < atMs &&
            (leg.endedAtMs ?? never) > atMs &&
            nodeAt(leg, atMs, journal.seen) === host,
        ),
    ),
  );
  return {
    up: silenced.length,
    judged: silenced.filter((call) => allowedBy(call, evidence).allowed === undefined).length,
  };
}

/** What the documentation says is lost. */
function allowedBy(call: Call, { faults, behindMs }: Evidence): { allowed?: string } {
  const legs = [call.a, ...call.b];
  const hit = (moments: readonly number[]) =>
    faults.find(({ kind, atMs }) => silences(kind) && moments.some((at) => Math.abs(atMs - at) <= behindMs));
  const answered = hit(legs.flatMap(({ answeredAtMs }) => answeredAtMs ?? []));
  if (answered !== undefined) return { allowed: `answered less than ${behindMs} ms before a ${answered.kind}` };
  // Its end was not in the store yet: whoever follows ends it again, a little later.
  const ended = hit(legs.flatMap(({ endedAtMs }) => endedAtMs ?? []));
  return ended === undefined ? {} : { allowed: `ended less than ${behindMs} ms before a ${ended.kind}` };
}

/** One that is placed again has a second record, and nothing else that it should not have. */
function secondRecordBy(call: Call, { faults, behindMs }: Evidence): { allowed?: string } {
  const refused = faults.find((fault) => silences(fault.kind) && placesAgain(fault, call, behindMs));
  return refused === undefined ? {} : { allowed: `refused less than ${behindMs} ms before a ${refused.kind}` };
}

/**
 * A call whose caller was refused, or gave up, just before a node of it fell silent is placed again by whoever follows. Of forks that were refused while
 * it went on nothing of the kind is said, nor of a callee who had been asked and answered before.
 */
function placesAgain({ host, atMs }: Fault, { a, b }: Call, behindMs: number): boolean {
  const isOver = !isAnswered(a) && (a.isAbandoned === true || (a.final ?? 0) >= 300);
  const sinceMs = atMs - (a.finalAtMs ?? Number.POSITIVE_INFINITY);
  const isAgain = (leg: Leg) => leg.invitedAtMs > atMs;
  const wasThere = [a, ...b].some((leg) => leg.node === host && !isAgain(leg));
  return isOver && wasThere && sinceMs >= 0 && sinceMs <= behindMs && b.filter(isAnswered).every(isAgain);
}

function recordOf(call: Call, evidence: Evidence): Finding[] {
  const { a } = call;
  const records = evidence.records.filter(
    ({ calledNumber, callerNumber }) =>
      calledNumber.includes(`1555${call.key}`) || callerNumber.includes(`1555${call.key}`),
  );
  const findings: Finding[] = [];
  const atMs = a.endedAtMs ?? a.invitedAtMs;
  const find = (rule: Rule, what: string, allowed: { allowed?: string } = {}) => {
    findings.push({ rule, atMs, what, callIds: idsOf(call), ...allowed, ...allowedBy(call, evidence) });
  };
  if (records.length > 1)
    find(
      'a call with two records',
      records.map(({ node, status, talkMs }) => `${node}: ${status}, ${talkMs} ms`).join('; '),
      records.length === 2 ? secondRecordBy(call, evidence) : {},
    );
  if (!isUp(call) || a.endedAtMs === undefined) return findings;
  if (records.length === 0)
    find('a call without its record', `answered for ${Math.round(a.endedAtMs - (a.answeredAtMs ?? 0))} ms`);
  const [record] = records;
  if (records.length === 1 && record !== undefined) {
    const [least, most] = talkOf(call);
    if (record.talkMs < least - SECOND_MS || record.talkMs > most + SECOND_MS)
      find(
        'a record whose seconds are wrong',
        `${record.node}: ${record.talkMs} ms; ${Math.round(least)} to ${Math.round(most)} seen`,
      );
  }
  return findings;
}

/** Shortest and longest that it can have lasted, for somebody between both parties. */
function talkOf({ a, b }: Call): [number, number] {
  const callee = b.find(isConfirmed) ?? b.find(isAnswered);
  const answers = [a.answeredAtMs, callee?.answeredAtMs].filter((at) => at !== undefined);
  const first = [a, callee].filter((leg) => leg?.endedBy === 'self') as Leg[];
  const begins = (first.length > 0 ? first : [a]).map(({ endedAtMs }) => endedAtMs ?? 0);
  const ends = [a, callee].flatMap((leg) => [leg?.endedAtMs ?? 0, leg?.byeAnsweredAtMs ?? 0]);
  return [Math.min(...begins) - Math.max(...answers), Math.max(...ends) - Math.min(...answers)];
}

/** Calls on the limited trunk whenever one has begun, by the carrier's own legs: from the INVITE to the end. */
function atOnceOverLimited({ journal, limit }: Evidence): { atMs: number; up: string[] }[] {
  const steps = journal.legs
    .filter(({ side, trunkPort, answeredAtMs, endedAtMs }) => {
      // One that was answered to nobody ends by its own timer: nobody counts it.
      return side === 'B' && trunkPort === limit.port && (answeredAtMs === undefined || endedAtMs !== undefined);
    })
    .filter((leg) => leg.final !== undefined && (leg.final >= 300 || isConfirmed(leg)))
    .flatMap((leg) => [
      { atMs: leg.invitedAtMs, by: 1, callId: leg.callId },
      { atMs: leg.endedAtMs ?? leg.finalAtMs ?? leg.invitedAtMs, by: -1, callId: leg.callId },
    ])
    .toSorted((one, other) => one.atMs - other.atMs);
  const up = new Set<string>();
  return steps.flatMap(({ atMs, by, callId }) => {
    if (by < 0) up.delete(callId);
    else up.add(callId);
    return by < 0 ? [] : [{ atMs, up: [...up] }];
  });
}

/** The most calls at once that the limited trunk has had: a run in which it was never full says nothing of limits. */
export function mostOverLimited(evidence: Evidence): number {
  return Math.max(0, ...atOnceOverLimited(evidence).map(({ up }) => up.length));
}

function limitOf(evidence: Evidence): Finding[] {
  const { limit, nodes, faults } = evidence;
  const findings: Finding[] = [];
  for (const { atMs, up } of atOnceOverLimited(evidence)) {
    const isApart = faults.some(
      (fault) => fault.kind !== 'clock +1 h' && fault.atMs <= atMs && atMs <= fault.wholeAtMs + COUNTS_MS,
    );
    const most = isApart ? limit.calls * nodes : limit.calls + nodes;
    if (up.length > most)
      findings.push({
        rule: 'more calls than limit and nodes allow',
        atMs,
        what: `${up.length} of ${limit.calls}${isApart ? ' at nodes that do not hear each other' : ''}`,
        callIds: up,
      });
  }
  return findings;
}

function writesOf({ acknowledged, present }: Evidence): Finding[] {
  return present.flatMap(({ node, extensions }) =>
    acknowledged
      .filter((extension) => !extensions.has(extension))
      .map((extension) => ({
        rule: 'an acknowledged write that is gone' as const,
        atMs: 0,
        what: `extension ${extension} at ${node}`,
        callIds: [],
      })),
  );
}

/** The first that is heard of a node whose link was down while another one took over, within a second of when it is back. */
function wasKept(
  seen: RegistrationSeen,
  { atMs: takenAtMs }: RegistrationSeen,
  registrations: readonly RegistrationSeen[],
  faults: readonly Fault[],
): boolean {
  const isFirstSince = (sinceMs: number) =>
    !registrations.some(({ node, atMs }) => node === seen.node && sinceMs <= atMs && atMs < seen.atMs);
  return faults.some(
    ({ kind, host, atMs, endMs }) =>
      kind === 'link down' &&
      host === seen.node &&
      atMs <= takenAtMs &&
      endMs <= seen.atMs &&
      seen.atMs <= endMs + NEIGHBOUR_MS &&
      isFirstSince(atMs),
  );
}

/**
 * A node that registers after another one has had the lease by then, and has it for some seconds: whoever registers meanwhile had none.
 * What it registers later says nothing of how long it has the lease: one that is cut off from the store refreshes to the end of it.
 */
function ownersOf({ journal: { registrations }, faults }: Evidence): Finding[] {
  const findings: Finding[] = [];
  let owner: RegistrationSeen | undefined;
  for (const seen of registrations) {
    if (seen.expires === 0) {
      if (owner?.node === seen.node) owner = undefined;
      continue;
    }
    const before = owner;
    if (before?.node === seen.node) continue;
    const isKept = before !== undefined && wasKept(seen, before, registrations, faults);
    if (!isKept) owner = seen;
    if (before === undefined) continue;
    const sinceMs = seen.atMs - before.atMs;
    // It gave the lease up.
    const isDrained = faults.some(
      ({ kind, host, atMs }) => kind === 'SIGTERM' && host === before.node && before.atMs <= atMs && atMs <= seen.atMs,
    );
    if (isDrained || sinceMs >= LEASE_MS - REGISTER_LATE_MS) continue;
    // The Redis of a run writes before it answers, and its replica behind that.
    const failover = faults.find(
      ({ kind, hasFailedOver, atMs, wholeAtMs }) =>
        (kind === 'failover' || hasFailedOver === true) && atMs <= seen.atMs && seen.atMs <= wholeAtMs + LEASE_MS,
    );
    const allowed =
      failover !== undefined
        ? 'the replica that took over had not heard of the lease'
        : isKept
          ? 'its link had been down, and the kernel may have kept it since the lease was its own'
          : undefined;
    findings.push({
      rule: 'two owners of a registration',
      atMs: seen.atMs,
      what: `${seen.node} registers ${Math.round(sinceMs)} ms after ${before.node} took over`,
      callIds: [before.callId, seen.callId],
      ...(allowed !== undefined && { allowed }),
    });
  }
  return findings;
}

export interface Takeover {
  readonly fault: Fault;
  /** Calls that were up at the node. */
  readonly calls: number;
  /** Those of which a party heard from another node. */
  readonly taken: number;
  /** Until the first of their parties heard from another node; undefined: none did. */
  readonly firstMs: number | undefined;
  readonly lastMs: number | undefined;
}

const TAKEOVER_MS = 10_000;

/**
 * By the parties' logs: how long after a node fell silent they heard of their calls from another. One that was back sooner has kept them,
 * and what befalls it next is another fault's.
 */
export function takeoversOf({ journal, faults, behindMs }: Evidence): Takeover[] {
  return faults
    .filter(({ kind }) => silences(kind))
    .map((fault) => {
      const up = journal.legs.filter((leg) => {
        const { answeredAtMs = Number.POSITIVE_INFINITY, endedAtMs = Number.POSITIVE_INFINITY } = leg;
        return (
          answeredAtMs < fault.atMs - behindMs &&
          endedAtMs > fault.atMs + 2_000 &&
          nodeAt(leg, fault.atMs, journal.seen) === fault.host
        );
      });
      const heard = up.flatMap(({ key, callId }) => {
        const ms = firstFromAnother(callId, fault, journal.seen);
        return ms === undefined ? [] : [{ key, ms }];
      });
      const times = heard.map(({ ms }) => ms);
      return {
        fault,
        calls: new Set(up.map(({ key }) => key)).size,
        taken: new Set(heard.map(({ key }) => key)).size,
        firstMs: times.length === 0 ? undefined : Math.min(...times),
        lastMs: times.length === 0 ? undefined : Math.max(...times),
      };
    });
}

/** The last node that a leg's party heard from. */
function nodeAt({ callId }: Leg, atMs: number, seen: readonly Seen[]): string | undefined {
  return seen.findLast((message) => !message.isSent && message.callId === callId && message.atMs <= atMs)?.node;
}

function firstFromAnother(callId: string, fault: Fault, seen: readonly Seen[]): number | undefined {
  const found = seen.find(
    (message) =>
      !message.isSent &&
      message.callId === callId &&
      message.atMs > fault.atMs &&
      message.atMs < Math.min(fault.atMs + TAKEOVER_MS, fault.wholeAtMs) &&
      message.node !== fault.host &&
      /^(UPDATE|INVITE|OPTIONS|BYE) /.test(message.text),
  );
  return found === undefined ? undefined : found.atMs - fault.atMs;
}

/** Calls that rang when their node fell silent: until their caller had his final response or heard it ring again. */
export function ringingOf({
  journal,
  faults,
  behindMs,
}: Evidence): { readonly fault: Fault; readonly ms: number | undefined }[] {
  return faults
    .filter(({ kind }) => kind === 'kill -9')
    .flatMap((fault) =>
      callsOf(journal.legs)
        .filter(({ a }) => {
          const { finalAtMs = Number.POSITIVE_INFINITY } = a;
          const rang = a.ringsAtMs[0] ?? Number.POSITIVE_INFINITY;
          return a.node === fault.host && rang < fault.atMs - behindMs && finalAtMs > fault.atMs;
        })
        .map(({ a }) => {
          const news = [...a.ringsAtMs, ...(a.isAbandoned || a.finalAtMs === undefined ? [] : [a.finalAtMs])];
          const next = news.filter((atMs) => atMs > fault.atMs).toSorted((one, other) => one - other)[0];
          return { fault, ms: next === undefined ? undefined : next - fault.atMs };
        }),
    );
}
