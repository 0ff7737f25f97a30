/** The running engine as the HTTP API and the command line see it: plain answers from memory. */
import { type Network, parseNetwork } from '../../base/network.ts';
import type { Scheduler } from '../../base/scheduler.ts';
import { inSlices, type Steps } from '../../base/steps.ts';
import type { CallRecord, SipTrace, TraceFilter, TraceMessage, TracePage } from '../../observe/index.ts';
import {
  type CallDifference,
  differenceOf,
  type ExplainQuestion,
  type Explanation,
  type PlacedCall,
  type TrunkPreviewQuestion,
} from '../../outbound/index.ts';
import type { Provisioner } from '../../provisioning/change/provisioner.ts';
import { type LearntSource, overlapsOf, type SourceOverlap } from '../../provisioning/check/overlaps.ts';
import type { Directory } from '../../provisioning/directory/directory.ts';
import type { Trunk } from '../../provisioning/trunk-settings/schema.ts';
import { sourcesOf } from '../../provisioning/trunk-settings/sources.ts';
import { splitAor } from '../../registrar/index.ts';
import type { Examination } from '../../trunks/examination.ts';
import type { Engine } from '../engine.ts';
import { Explainer } from '../explain/explainer.ts';
import { previewTrunk } from '../explain/trunk-preview.ts';
import { ListedCall, ListedRegistration } from './listed.ts';

/** How many registrations or trunks are looked at in a step. */
const LOOKED_AT_PER_STEP = 50;

export interface EngineViewOptions {
  readonly scheduler: Scheduler;
  readonly engine: Engine;
  readonly provisioner: Provisioner;
  readonly trace: SipTrace;
  /** A live or recent outbound call as it was placed, by call id or SIP Call-ID. */
  readonly placed: (id: string) => PlacedCall | undefined;
  /** The latest outbound calls as they were placed, the latest first. */
  readonly placedCalls: () => Iterable<readonly [callId: string, call: PlacedCall]>;
  /** The record of a call that has ended, by the same. */
  readonly record: (id: string) => CallRecord | undefined;
  /** Why the node is not ready, or is degraded: the state of the store and of the transports. */
  readonly problems?: () => readonly string[];
}

export class RunningEngine {
  readonly #options: EngineViewOptions;
  readonly #explainer: Explainer;

  constructor(options: EngineViewOptions) {
    this.#options = options;
    this.#explainer = new Explainer(options);
  }

  readiness() {
    const { engine, problems } = this.#options;
    const draining = engine.calls.draining ? ['draining'] : [];
    return { ready: draining.length === 0, reasons: [...draining, ...(problems?.() ?? [])] };
  }

  trunkStatus(trunkId: string) {
    return this.#options.engine.trunks.status(trunkId);
  }

  *registrations() {
    const { engine, scheduler } = this.#options;
    for (const binding of engine.registrations.registrar.all())
      yield new ListedRegistration(binding, engine.directory, scheduler);
  }

  registrationCount(): number {
    return this.#options.engine.registrations.registrar.count;
  }

  previewTrunk(question: TrunkPreviewQuestion) {
    return previewTrunk(this.#options.engine.routing, question);
  }

  endCall(id: string): boolean {
    const call = this.#options.engine.calls.named(id);
    call?.end('engine', 'ended-by-admin');
    return call !== undefined;
  }

  /** Plays the latest outbound calls, of one tenant or of all, again: as things are provisioned and as they would be. */
  playAgain(after: Directory, tenant: string | undefined) {
    const { engine, placedCalls } = this.#options;
    return inSlices(playSteps(placedCalls(), tenant, engine.directory, after));
  }

  *firstRegisteredElsewhere<T>(
    tenant: string | undefined,
    find: (address: string) => T | undefined,
  ): Steps<T | undefined> {
    const { directory, registrations } = this.#options.engine;
    const domain = tenant === undefined ? undefined : directory.tenantByName(tenant)?.domain.toLowerCase();
    let count = 0;
    for (const { aor, source } of registrations.registrar.all()) {
      if (++count % LOOKED_AT_PER_STEP === 0) yield;
      const of = splitAor(aor).domain;
      // A gateway's address is its trunk's, of which the rules over pools tell.
      if (of === domain || directory.tenantByDomain(of) === undefined) continue;
      const found = find(source.address);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  *firstTrunkSourceElsewhere<T>(tenant: string, find: (source: Network) => T | undefined): Steps<T | undefined> {
    let count = 0;
    for (const trunk of this.#options.engine.directory.trunks) {
      if (++count % LOOKED_AT_PER_STEP === 0) yield;
      const { assignments } = trunk;
      if (assignments.length > 0 && assignments.every((assignment) => assignment.tenant === tenant)) continue;
      const learnt = this.#learntSources(trunk).flatMap(({ address }) => parseNetwork(address) ?? []);
      for (const source of [...sourcesOf(trunk).networks, ...learnt]) {
        const found = find(source);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  }

  trunkOverlaps(): Promise<readonly SourceOverlap[]> {
    return inSlices(overlapsOf(this.#options.engine.directory.trunks, (trunk) => this.#learntSources(trunk)));
  }

  *calls() {
    for (const listing of this.#options.engine.calls.list()) {
      // What this node only sends on for another is that one's call.
      if (listing.facts.peerNode === undefined) yield new ListedCall(listing, this.#options.engine.directory);
    }
  }

  trace(id: string, isCallId = false): readonly TraceMessage[] {
    const { engine, trace } = this.#options;
    const call = isCallId ? engine.calls.get(id) : engine.calls.named(id);
    // What this node only sends on for another is that one's call.
    const isHere = call !== undefined && call.record.facts.peerNode === undefined;
    if (isHere) return trace.findCall(call.id, call.namedLegs());
    return isCallId ? trace.findCall(id) : trace.find(id);
  }

  searchTrace(filter: TraceFilter, limit: number, after?: number): Promise<TracePage> {
    return this.#options.trace.search(filter, limit, after);
  }

  isTrunkPeer(trunkId: string, address: string): boolean {
    return this.#options.engine.trunks.identification.isOf(trunkId, address);
  }

  /** @throws QuestionError when there is no such caller, or no such call. */
  explain(question: ExplainQuestion): Promise<Explanation> {
    return this.#explainer.explain(question);
  }

  explainCall(id: string, isCallId = false): Explanation | undefined {
    return this.#explainer.explainCall(id, isCallId);
  }

  /** The trunks that this node registers. */
  leases() {
    return this.#options.engine.trunks.registeredHere();
  }

  retryTrunk(trunkId: string): boolean {
    return this.#options.engine.trunks.retry(trunkId);
  }

  async examineTrunk(trunkId: string): Promise<Examination | undefined> {
    const { engine } = this.#options;
    const trunk = engine.directory.trunk(trunkId);
    return trunk === undefined ? undefined : engine.doctor.examine(trunk);
  }

  #learntSources(trunk: Trunk): readonly LearntSource[] {
    const { trunks, registrations } = this.#options.engine;
    const learnt = trunks.identification.addressesOf(trunk.id).map((address) => ({ address, origin: 'dns' as const }));
    const gateway = trunk.type === 'accept-register' ? registrations.gateway(trunk)?.binding.source.address : undefined;
    return gateway === undefined ? learnt : [...learnt, { address: gateway, origin: 'registration' as const }];
  }
}

function* playSteps(
  calls: Iterable<readonly [callId: string, call: PlacedCall]>,
  tenant: string | undefined,
  before: Directory,
  after: Directory,
): Steps<{ readonly played: number; readonly changed: readonly (CallDifference & { readonly callId: string })[] }> {
  const changed: (CallDifference & { readonly callId: string })[] = [];
  let played = 0;
  for (const [callId, call] of calls) {
    yield;
    if (tenant !== undefined && call.facts.tenant.name !== tenant) continue;
    played++;
    const difference = differenceOf(call, before, after);
    if (difference !== undefined) changed.push({ callId, ...difference });
  }
  return { played, changed };
}
