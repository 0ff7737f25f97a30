/** What happens in the engine, told to the outside: log lines, events, metrics, call records, SIP traces. */
import { added } from '../../base/added.ts';
import { isoTime } from '../../base/iso-time.ts';
import { Latest } from '../../base/latest.ts';
import type { Log } from '../../base/log.ts';
import { ownCopy } from '../../base/text.ts';
import type { AttemptRecord, CallersInvite, LiveRecord, VerificationFacts } from '../../call/index.ts';
import type { RelayState } from '../../media/index.ts';
import type {
  BegunBy,
  CallRecord,
  CallRecordLog,
  EventBus,
  EventData,
  EventType,
  Metrics,
  SipTrace,
} from '../../observe/index.ts';
import type { OutboundEvent, OutboundPlan, Refusal, RouteDraft, RouteRefusal } from '../../outbound/index.ts';
import type { Contest } from '../../provisioning/directory/coincidences.ts';
import type { Directory } from '../../provisioning/directory/directory.ts';
import { tenantsOf } from '../../provisioning/directory/indexes.ts';
import type { Trunk } from '../../provisioning/trunk-settings/schema.ts';
import { type Binding, contactOf, type RemovalReason, splitAor } from '../../registrar/index.ts';
import type { SipRequest } from '../../sip/message/index.ts';
import type { Flow } from '../../sip/transport/index.ts';
import type { DatacentreState, DatacentreStatus, TrunkStatus } from '../../trunks/status-facts.ts';
import type { EngineObserver, NumberKeptOf } from '../engine-options.ts';
import { whatsappFacts } from '../route/whatsapp-facts.ts';
import type { ExpiringCertificate } from './certificate-watch.ts';
import type { RecentCalls } from './recent-calls.ts';
import type { RefusedPhone } from './refused-phones.ts';
import { sentFacts } from './sent-facts.ts';

export interface ObservationOptions {
  readonly log: Log;
  readonly events: EventBus;
  readonly metrics: Metrics;
  readonly records: CallRecordLog;
  readonly trace: SipTrace;
  readonly recentCalls: RecentCalls;
  readonly directory: () => Directory;
  /** Of several processes on a machine, whether this one tells of what each of them notices by itself; default: it is alone. */
  readonly isFirst?: (() => boolean) | undefined;
}

const NOBODY: readonly string[] = [];
const MAX_AUDIENCES = 10_000;
const MOST_IN_LIST = 8;
/** Of what a caller ID was asked for by; what else there is are names of header fields, which tenants choose, as they do those of groups. */
const KIND_OF_SOURCE =
  /^(?:app|company|directive|emergency|every directive|extension|group|outbound-rule|rewrite-from|rewrite-pai|rewrite-rpi|route|service)(?![\w-])/;

export class Observation implements EngineObserver {
  readonly #options: ObservationOptions;
  /** Calls without an answer, which may be sent over a trunk, by their routing session. */
  readonly #placing = new Latest<string, LiveRecord>(Number.POSITIVE_INFINITY);
  /** Refused before its call began, which it does at once. */
  #refused: OutboundPlan | undefined = undefined;
  readonly #audiences = new Map<string, readonly string[]>();

  constructor({ log, events, metrics, records, trace, recentCalls, directory, isFirst }: ObservationOptions) {
    // One shape whoever makes it: what was compiled for the rehearsal's stays.
    this.#options = { log, events, metrics, records, trace, recentCalls, directory, isFirst };
  }

  get #isFirst(): boolean {
    return this.#options.isFirst?.() !== false;
  }

  // Calls

  onCallStarted(record: LiveRecord, { request, flow }: CallersInvite): void {
    const begunBy = { branch: ownCopy(request.topVia().branch), address: flow.remoteAddress };
    this.#link(record, record.callerCallId, 'caller', record.callerTags, begunBy);
    if (record.facts.peerNode !== undefined) return;
    this.#options.metrics.countCallStarted(record.facts.direction);
    const { sessionId } = record.facts;
    if (sessionId !== undefined) {
      this.#placing.set(sessionId, record);
      if (this.#refused?.facts.sessionId === sessionId) {
        this.#options.recentCalls.link(record.id, sessionId);
        record.sent = sentFacts(this.#refused, undefined);
      }
      this.#refused = undefined;
    }
    this.#publishCall(record, 'started');
    if (record.facts.verification !== undefined) this.#verified(record, record.facts.verification);
  }

  onCallReady(record: LiveRecord): void {
    if (record.facts.verification !== undefined) this.#verified(record, record.facts.verification);
  }

  onCallRinging(record: LiveRecord): void {
    this.#publishCall(record, 'ringing');
  }

  onCallAnswered(record: LiveRecord): void {
    this.#isPlaced(record);
    if (record.calleeCallId !== undefined) this.#link(record, record.calleeCallId, record.answeredBy, tagsOf(record));
    if (record.facts.peerNode === undefined)
      this.#options.metrics.countCallAnswered(record.facts.direction, record.setupMs ?? 0);
    this.#publishCall(record, 'answered');
  }

  onPartyLeft(record: LiveRecord, trunkId: string, bye: SipRequest): void {
    const isWhatsapp = this.#options.directory().trunk(trunkId)?.type === 'whatsapp';
    const said = isWhatsapp ? whatsappFacts(bye.headers) : undefined;
    if (said !== undefined) record.facts = { ...record.facts, whatsapp: { ...record.facts.whatsapp, ...said } };
  }

  onCallEnded(record: LiveRecord): void {
    const { log, metrics, records } = this.#options;
    this.#isPlaced(record);
    if (record.facts.peerNode !== undefined) return;
    metrics.countCallEnded(record.facts.direction, record.status);
    // Linked when it began, too, but the trace may have forgotten that of a long call.
    this.#link(record, record.callerCallId, 'caller', record.callerTags);
    for (const { callId, label } of record.attempts)
      this.#link(record, callId, label, callId === record.calleeCallId ? tagsOf(record) : undefined);
    for (const { callId, label, tags } of record.joined) this.#link(record, callId, label, tags);
    const cdr = this.#recordOf(record);
    records.append(cdr);
    this.#publishCall(record, 'ended');
    log.info('call', {
      callId: cdr.callId,
      direction: cdr.direction,
      tenant: cdr.tenant,
      from: cdr.callerNumber,
      to: cdr.calledNumber,
      trunk: cdr.trunk,
      status: cdr.status,
      reason: cdr.reason,
      hungUpBy: cdr.hungUpBy,
      endReason: record.endReason,
      attempts: cdr.attempts.length,
      setupMs: record.setupMs === undefined ? undefined : Math.round(record.setupMs),
      talkMs: Math.round(cdr.talkMs),
    });
  }

  #link({ id, facts }: LiveRecord, leg: string, label?: string, tags?: readonly string[], begunBy?: BegunBy): void {
    this.#options.trace.link(id, leg, label, tags, begunBy, facts.tenant);
  }

  onCallMoved(record: LiveRecord): void {
    this.#isPlaced(record);
    // The half of a call whose other half is here now too has no record of its own either.
    if (record.facts.peerNode === undefined) this.#options.log.warn('call-moved', { callId: record.callerCallId });
  }

  // Registrations

  onRegistered(binding: Binding<Flow>, previous: Binding<Flow> | undefined): void {
    this.#registration(binding, previous === undefined ? 'added' : 'refreshed');
  }

  onUnregistered(binding: Binding<Flow>, reason: RemovalReason): void {
    // The node at which it happened tells of it.
    if (reason === 'elsewhere') return;
    this.#registration(binding, reason === 'expired' ? 'expired' : 'removed', reason);
  }

  // Messages

  onReceived(text: string, flow: Flow): void {
    this.#options.trace.record(text, false, flow);
  }

  onSent(text: string, flow: Flow): void {
    this.#options.trace.record(text, true, flow);
  }

  // Trunks and admission

  onRoute(route: RouteDraft | RouteRefusal, plan: OutboundPlan): void {
    const record = this.#placing.get(plan.facts.sessionId);
    this.#options.recentCalls.remember(plan, record?.id);
    if (record !== undefined) record.sent = sentFacts(plan, route.kind === 'draft' ? route : undefined);
    if (route.kind === 'draft' && route.signing !== undefined)
      this.#options.metrics.countSigned(route.signing.attestation ?? 'div');
    for (const { kind, source, value, reason, trunkId } of route.events) {
      const { tenant, caller } = plan.facts;
      const extension = caller.kind === 'extension' ? caller.extension.number : caller.service.number;
      if (kind === 'call-not-signed') {
        const outcome = source === 'refused' ? 'refused' : 'unsigned';
        const facts = { extension, trunkId, outcome, reason } as const;
        this.#options.metrics.countSigned(outcome);
        this.#options.log.warn(kind, { tenant: tenant.name, ...facts });
        this.#options.events.publish(kind, this.#audience(tenant.name), facts);
        continue;
      }
      this.#passedOver(kind, tenant.name, { extension, trunkId, source, value, reason });
    }
  }

  onNumberKept({ kind, ...event }: OutboundEvent, { tenant, callId, extension }: NumberKeptOf): void {
    this.#passedOver(kind, tenant, { callId, extension, ...event });
  }

  onOutboundRefused(plan: OutboundPlan, refusal: Refusal): void {
    const record = this.#placing.get(plan.facts.sessionId);
    this.#options.recentCalls.remember(plan, record?.id, refusal);
    if (record === undefined) this.#refused = plan;
    else record.sent = sentFacts(plan, undefined);
  }

  onTrunkState(trunk: Trunk, status: TrunkStatus, previous: TrunkStatus['state']): void {
    const { state, lastCode, reason } = status;
    const facts = { trunkId: trunk.id, trunk: trunk.name, state, previous, lastCode, reason };
    const isTrouble = state === 'offline' || state === 'rejected';
    this.#tell(isTrouble ? 'warn' : 'info', 'trunk-state', tenantsOf(trunk), facts);
  }

  onDatacentre(trunk: Trunk, status: DatacentreStatus, previous: DatacentreState): void {
    const { target, address, state, lastCode, reason, heldUntil } = status;
    const facts = {
      trunkId: trunk.id,
      trunk: trunk.name,
      target,
      address,
      state,
      previous,
      lastCode,
      reason,
      heldUntil,
    };
    this.#tell(state === 'up' ? 'info' : 'warn', 'trunk-datacentre', tenantsOf(trunk), facts);
  }

  onRelayState(url: string, state: RelayState): void {
    // It is the operator's: for system admins alone.
    if (this.#isFirst) this.#tell(state === 'down' ? 'error' : 'info', 'media-relay', NOBODY, { url, state });
  }

  onContest({ trunk, numbers, other, otherNumbers }: Contest, state: 'began' | 'ended'): void {
    if (!this.#isFirst) return;
    const facts = {
      state,
      trunkId: trunk.id,
      trunk: trunk.name,
      numbers,
      otherTrunkId: other.id,
      otherTrunk: other.name,
      otherNumbers,
    };
    // It names two tenants' trunks: for system admins alone.
    this.#tell(state === 'began' ? 'warn' : 'info', 'trunk-coincidence', NOBODY, facts);
  }

  onCertificateExpiring({ name, owner, notAfterMs, daysLeft }: ExpiringCertificate): void {
    if (!this.#isFirst) return;
    const facts = { certificate: name, owner, notAfter: isoTime(notAfterMs), daysLeft };
    const audience = owner === 'system' ? NOBODY : this.#audience(owner);
    this.#tell(daysLeft > 7 ? 'info' : 'warn', 'certificate-expiring', audience, facts);
  }

  onRefused(code: string, detail: Readonly<Record<string, unknown>>): void {
    this.#options.log.warn('request-refused', { code, ...detail });
    if (code === 'ambiguous-trunk') {
      const { source, candidates } = detail as { readonly source: string; readonly candidates: readonly string[] };
      this.#options.events.publish('trunk-ambiguous', [], { source, candidates });
    }
  }

  onPhoneRefused({ addressOfRecord, source, reason, domain }: RefusedPhone): void {
    const tenant = domain === undefined ? undefined : this.#options.directory().tenantByDomain(domain);
    const facts = { action: 'refused', addressOfRecord, source, reason } as const;
    this.#options.events.publish('registration', this.#audience(tenant?.name), facts);
  }

  onAttempt(trunk: Trunk, attempt: AttemptRecord): void {
    this.#options.metrics.countTrunkAttempt(trunk.id, attempt.status);
  }

  onFraud(code: string, detail: Readonly<Record<string, unknown>>): void {
    const { tenant, extension, number, holder, limit, calls } = detail as Readonly<Record<string, string | undefined>>;
    this.#options.log.warn('fraud-guard', { guard: code, ...detail });
    const ends = calls === undefined ? '' : `; ${calls} of its calls are ended`;
    this.#options.events.publish('fraud', this.#audience(tenant), {
      guard: code,
      extension,
      detail: `call to ${number ?? ''}: limit ${limit ?? ''} of ${holder ?? ''}${ends}`,
    });
  }

  /** Something that was to be shown to a trunk, and is not. */
  #passedOver(kind: OutboundEvent['kind'], tenant: string, facts: EventData['caller-id-rejected']): void {
    this.#options.metrics.countCallerIdRejected(KIND_OF_SOURCE.exec(facts.source)?.[0] ?? 'header field');
    this.#options.log.info(kind, { tenant, ...facts });
    this.#options.events.publish('caller-id-rejected', this.#audience(tenant), facts);
  }

  #verified({ id, facts }: LiveRecord, { result, attestation, code, reason = '' }: VerificationFacts): void {
    const { tenant, trunkId, caller: from, called: to } = facts;
    this.#options.metrics.countVerification(code === undefined ? (attestation ?? result) : String(code));
    if (code === undefined) return;
    this.#options.log.info('verification-failed', { callId: id, tenant, trunkId, from, to, code, reason });
    const data = { callId: id, trunkId, from, to, code, reason };
    this.#options.events.publish('verification-failed', this.#audience(tenant), data);
  }

  #registration(binding: Binding<Flow>, action: 'added' | 'refreshed' | 'removed' | 'expired', reason?: string): void {
    const source = `${binding.source.transport}:${binding.source.address}:${binding.source.port}`;
    const expiresInSeconds = Math.round((binding.expiresAtWallMs - binding.refreshedAtWallMs) / 1000);
    const { aor: addressOfRecord, userAgent } = binding;
    const facts = { action, addressOfRecord, contact: contactOf(binding), source, userAgent, expiresInSeconds, reason };
    // A refresh changes nothing that an operator would want a line for.
    const level = action === 'refreshed' ? 'debug' : 'info';
    const tenant = this.#options.directory().tenantByDomain(splitAor(addressOfRecord).domain);
    this.#tell(level, 'registration', this.#audience(tenant?.name), facts);
  }

  /** By log and by event, the same. */
  #tell<Type extends EventType>(
    level: 'debug' | 'info' | 'warn' | 'error',
    type: Type,
    audience: readonly string[],
    facts: EventData[Type] & Readonly<Record<string, unknown>>,
  ): void {
    this.#options.log[level](type, facts);
    this.#options.events.publish(type, audience, facts);
  }

  #publishCall(record: LiveRecord, state: 'started' | 'ringing' | 'answered' | 'ended'): void {
    const { id: callId, facts } = record;
    const { peerNode, direction, caller: from, called: to, trunkId } = facts;
    if (peerNode !== undefined) return;
    const { status, reason } = record;
    const durationMs = Math.round(record.talkMs);
    // Three times for each call, without room for what only its end has.
    const data =
      state === 'ended'
        ? { callId, state, direction, from, to, trunkId, status, reason, durationMs }
        : { callId, state, direction, from, to, trunkId };
    this.#options.events.publish('call', this.#audience(facts.tenant), data);
  }

  /** Whose admins may see an event. One list per tenant: thousands of events are kept. */
  #audience(tenant: string | undefined): readonly string[] {
    if (tenant === undefined) return NOBODY;
    let audience = this.#audiences.get(tenant);
    if (audience === undefined) {
      if (this.#audiences.size >= MAX_AUDIENCES) this.#audiences.clear();
      audience = [tenant];
      this.#audiences.set(tenant, audience);
    }
    return audience;
  }

  #isPlaced({ facts: { sessionId } }: LiveRecord): void {
    if (sessionId !== undefined) this.#placing.delete(sessionId);
  }

  #recordOf(record: LiveRecord): CallRecord {
    const { facts } = record;
    const directory = this.#options.directory();
    const trunkId = record.answeredTrunkId ?? record.attempts.at(-1)?.trunkId ?? facts.trunkId;
    const trunk = trunkId === undefined ? undefined : directory.trunk(trunkId)?.name;
    const sent = record.sent ?? facts;
    const endedAtMs = record.endedAtMs ?? record.startedAtMs;
    return {
      callId: record.id,
      sipCallIds: sipCallIdsOf(record),
      tenant: facts.tenant,
      direction: facts.direction,
      callerNumber: facts.caller,
      callerNumberSent: sent.anonymous === true ? 'anonymous' : sent.outboundCallerId,
      calledNumber: facts.called,
      calledNumberSent: sent.calledAs,
      extension: facts.extension,
      outboundCallerId: sent.outboundCallerId,
      outboundCallerIdSource: sent.outboundCallerIdSource,
      anonymous: sent.anonymous,
      whatsapp: facts.whatsapp,
      signed: sent.signed,
      signedWith: sent.signedWith,
      originId: sent.originId,
      outboundRule: sent.outboundRule,
      inboundRule: facts.inboundRule,
      verification: facts.verification,
      trunkId,
      trunk,
      attempts: record.attempts.map((attempt) => ({
        trunkId: attempt.trunkId,
        trunk: attempt.trunkId === undefined ? undefined : directory.trunk(attempt.trunkId)?.name,
        extension: attempt.extension,
        node: attempt.node,
        target: attempt.target,
        status: attempt.status,
        reason: attempt.reason,
        cause: attempt.cause,
        startedAt: isoTime(attempt.startedAtMs),
        durationMs: Math.round(attempt.elapsedMs),
      })),
      startedAt: isoTime(record.startedAtMs),
      ringingAt: record.ringingAtMs === undefined ? undefined : isoTime(record.ringingAtMs),
      answeredAt: record.answeredAtMs === undefined ? undefined : isoTime(record.answeredAtMs),
      endedAt: isoTime(endedAtMs),
      durationMs: Math.round(endedAtMs - record.startedAtMs),
      talkMs: Math.round(record.talkMs),
      status: record.status,
      reason: record.reason,
      hungUpBy: record.endedBy ?? 'engine',
      endReason: record.endReason === '' ? undefined : record.endReason,
      rebuilt: facts.rebuilt,
      takeovers: record.takeovers === 0 ? undefined : record.takeovers,
      media:
        record.media.length === 0 ? undefined : record.media.map(({ near, far }) => ({ caller: near, callee: far })),
    };
  }
}

/** Those whose calls it may carry. */
/** Of ours, in the dialog of who answered. */
function tagsOf({ calleeTag }: LiveRecord): readonly string[] | undefined {
  return calleeTag === undefined ? undefined : [calleeTag];
}

/** Each once, the caller's first. Of a few a list costs less than a Set; most calls have two. */
function sipCallIdsOf({ callerCallId, attempts, joined }: LiveRecord): string[] {
  const legs = joined.length === 0 ? attempts : [...attempts, ...joined];
  if (legs.length > MOST_IN_LIST)
    return [...new Set([callerCallId, ...legs.map(({ callId }) => callId)])].filter((id) => id !== '');
  let ids = callerCallId === '' ? [] : [callerCallId];
  // A list that grows has room for seventeen.
  for (const { callId } of legs) if (callId !== '' && !ids.includes(callId)) ids = added(ids, callId);
  return ids;
}
