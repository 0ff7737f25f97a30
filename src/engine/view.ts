/** The running engine as the HTTP API and the command line see it: plain answers from memory. */
import { randomToken } from '../base/ids.ts';
import type { CallListing } from '../call/index.ts';
import type { SipTrace, TraceFilter, TraceMessage, TracePage } from '../observe/index.ts';
import { type Explanation, explain, explainPlaced, type PlacedCall } from '../outbound/index.ts';
import type { Binding } from '../registrar/index.ts';
import { escapeUser, formatHost, HeaderId, Headers, octetsFromText, quote, SipRequest } from '../sip/message/index.ts';
import type { Flow } from '../sip/transport/index.ts';
import { overlapsOf, type SourceOverlap } from '../trunks/overlaps.ts';
import { splitAor } from './aor.ts';
import type { Engine } from './engine.ts';
import type { Provisioner } from './provisioner.ts';

/** A call that is only thought through. */
export interface ImaginedCall {
  readonly tenant: string;
  readonly from: string;
  readonly to: string;
  readonly displayName?: string;
  readonly headers?: readonly { readonly name: string; readonly value: string }[];
}

export interface EngineViewOptions {
  readonly engine: Engine;
  readonly provisioner: Provisioner;
  readonly trace: SipTrace;
  /** A live or recent outbound call as it was placed, by call id or SIP Call-ID. */
  readonly placed: (id: string) => PlacedCall | undefined;
  /** Why the node is not ready, or is degraded: the store's state. */
  readonly storeProblems?: () => readonly string[];
}

const CALL_STATES = { routing: 'calling', ringing: 'ringing', answered: 'answered', ending: 'answered' } as const;

export class RunningEngine {
  readonly #options: EngineViewOptions;

  constructor(options: EngineViewOptions) {
    this.#options = options;
  }

  readiness() {
    const { engine, storeProblems } = this.#options;
    const draining = engine.calls.draining ? ['draining'] : [];
    return { ready: draining.length === 0, reasons: [...draining, ...(storeProblems?.() ?? [])] };
  }

  trunkStatus(trunkId: string) {
    return this.#options.engine.trunkStatus(trunkId);
  }

  registrations() {
    return Array.from(this.#options.engine.registrations.registrar.all(), (binding) => this.#registration(binding));
  }

  firstRegisteredElsewhere<T>(tenant: string | undefined, find: (address: string) => T | undefined): T | undefined {
    const { directory, registrations } = this.#options.engine;
    const domain = tenant === undefined ? undefined : directory.tenantByName(tenant)?.domain.toLowerCase();
    for (const { aor, source } of registrations.registrar.all()) {
      const of = splitAor(aor).domain;
      // A gateway's address is its trunk's, of which the rules over pools tell.
      if (of === domain || directory.tenantByDomain(of) === undefined) continue;
      const found = find(source.address);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  trunkOverlaps(): readonly SourceOverlap[] {
    const { directory, trunks, registrations } = this.#options.engine;
    return overlapsOf(directory.trunks, (trunk) => {
      const gateway =
        trunk.type === 'accept-register' ? registrations.gateway(trunk)?.binding.source.address : undefined;
      const learnt = trunks.identification
        .addressesOf(trunk.id)
        .map((address) => ({ address, origin: 'dns' as const }));
      return gateway === undefined ? learnt : [...learnt, { address: gateway, origin: 'registration' as const }];
    });
  }

  calls() {
    return this.#options.engine.calls.list().map((listing) => this.#liveCall(listing));
  }

  trace(id: string): readonly TraceMessage[] {
    const live = this.calls().find(({ callId, sipCallIds }) => callId === id || sipCallIds.includes(id));
    return this.#options.trace.find(id, live?.sipCallIds);
  }

  searchTrace(filter: TraceFilter, limit: number, after?: number): Promise<TracePage> {
    return this.#options.trace.search(filter, limit, after);
  }

  isTrunkPeer(trunkId: string, address: string): boolean {
    return this.#options.engine.trunks.identification.isOf(trunkId, address);
  }

  /** @throws when the tenant or the caller does not exist; the API checks both first. */
  async explain(input: ImaginedCall): Promise<Explanation> {
    const { engine } = this.#options;
    const { directory } = engine;
    const tenant = directory.tenantByName(input.tenant);
    const extension = directory.extension(input.tenant, input.from);
    const service = directory.service(input.tenant, input.from);
    if (tenant === undefined) throw new Error(`there is no tenant ${input.tenant}`);
    const request = imaginedInvite(input, tenant.domain);
    const context = { directory, tenant, request, sessionId: randomToken() };
    const caller =
      extension !== undefined
        ? { kind: 'extension' as const, extension }
        : { kind: 'service' as const, service: service as never };
    if (extension === undefined && service === undefined)
      throw new Error(`${input.tenant} has no extension or service ${input.from}`);
    return explain(engine.routing.outboundFacts(context, caller, octetsFromText(input.to), undefined));
  }

  explainCall(id: string): Explanation | undefined {
    const live = this.#options.engine.calls
      .list()
      .find((listing) => listing.callerCallId === id || listing.calleeCallId === id);
    const placed = this.#options.placed(live?.id ?? id);
    return placed === undefined ? undefined : explainPlaced(placed);
  }

  retryTrunk(trunkId: string): boolean {
    return this.#options.engine.trunks.retry(trunkId);
  }

  #registration(binding: Binding<Flow>) {
    const { user, domain } = splitAor(binding.aor);
    const { directory } = this.#options.engine;
    const tenant = directory.tenantByDomain(domain);
    const gateway =
      tenant === undefined
        ? directory.trunksByHost(domain).find((trunk) => trunk.credentials?.authName === user)
        : undefined;
    const { transport, address, port } = binding.source;
    return {
      addressOfRecord: binding.aor,
      ...(tenant === undefined ? {} : { tenant: tenant.name, extension: user }),
      ...(gateway === undefined ? {} : { trunkId: gateway.id }),
      contact: binding.contactUri,
      transport,
      source: `${formatHost(address)}:${port}`,
      ...(binding.userAgent === '' ? {} : { userAgent: binding.userAgent }),
      expiresAt: new Date(binding.expiresAtWallMs).toISOString(),
    };
  }

  #liveCall(listing: CallListing) {
    const { facts } = listing;
    const trunkId = facts.trunkId;
    const trunk = trunkId === undefined ? undefined : this.#options.engine.directory.trunk(trunkId)?.name;
    return {
      callId: listing.id,
      sipCallIds: [listing.callerCallId, ...(listing.calleeCallId === undefined ? [] : [listing.calleeCallId])],
      ...(facts.tenant === undefined ? {} : { tenant: facts.tenant }),
      direction: facts.direction,
      from: facts.caller,
      to: facts.called,
      state: CALL_STATES[listing.state],
      ...(trunkId === undefined ? {} : { trunkId }),
      ...(trunk === undefined ? {} : { trunk }),
      startedAt: new Date(listing.startedAtMs).toISOString(),
      ...(listing.answeredAtMs === undefined ? {} : { answeredAt: new Date(listing.answeredAtMs).toISOString() }),
    };
  }
}

/** The INVITE that the endpoint would send. */
function imaginedInvite(input: ImaginedCall, domain: string): SipRequest {
  const headers = new Headers();
  const host = formatHost(domain);
  const name = input.displayName === undefined ? '' : `${quote(octetsFromText(input.displayName))} `;
  headers.add(HeaderId.MaxForwards, '70');
  headers.add(HeaderId.From, `${name}<sip:${escapeUser(input.from)}@${host}>;tag=${randomToken()}`);
  headers.add(HeaderId.To, `<sip:${escapeUser(octetsFromText(input.to))}@${host}>`);
  headers.add(HeaderId.CallId, randomToken());
  headers.add(HeaderId.CSeq, '1 INVITE');
  for (const { name: field, value } of input.headers ?? []) headers.addNamed(field, octetsFromText(value));
  return new SipRequest('INVITE', `sip:${escapeUser(octetsFromText(input.to))}@${host}`, headers);
}
