import { isDeepStrictEqual } from 'node:util';
import type { FastifyInstance, InjectOptions } from 'fastify';
import {
  type Api,
  type ApiOptions,
  createApi,
  type EngineView,
  type Listener,
  type LiveCall,
  type NodeView,
  type PlayedCalls,
  type ProvisioningService,
  type Readiness,
  type RegistrationView,
  type TokenRecord,
  type TransportOutcome,
  type TransportsPort,
  type UserRecord,
  type Webhook,
} from '../../src/api/index.ts';
import type { RecordStore } from '../../src/api/ports.ts';
import { silentLog } from '../../src/base/log.ts';
import { type Network, parseNetwork } from '../../src/base/network.ts';
import { allAtOnce, type Steps } from '../../src/base/steps.ts';
import type { Message } from '../../src/messages/index.ts';
import { AuditLog, CallRecordLog, EventBus, Metrics, SipTrace, WebhookDispatcher } from '../../src/observe/index.ts';
import type { ExplainQuestion, Explanation, TrunkPreviewQuestion } from '../../src/outbound/index.ts';
import type { ChangePreview } from '../../src/provisioning/change/change-preview.ts';
import { followRenames } from '../../src/provisioning/change/renaming.ts';
import type { SourceOverlap } from '../../src/provisioning/check/overlaps.ts';
import { type CheckContext, checkProvisioning } from '../../src/provisioning/check/provisioning.ts';
import { Directory } from '../../src/provisioning/directory/directory.ts';
import {
  applyEdits,
  type ChangeResult,
  type ProvisionedState,
  type ProvisioningChange,
} from '../../src/provisioning/directory/store.ts';
import { type Provisioning, provisioningSchema } from '../../src/provisioning/trunk-settings/schema.ts';
import type { AddedTransport } from '../../src/settings/kept-transports.ts';
import { nodeSchema } from '../../src/settings/node-schema.ts';
import type { TrunkStatus } from '../../src/trunks/status-facts.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';

/** A secret that must come out nowhere. */
export const CANARY = 'canary-Pa55w0rd';

/** Provisioning in memory under the real rules, with versions as a store has them. */
export class MemoryProvisioning implements ProvisioningService {
  #current: ProvisionedState;
  /** Set to have the next applications answer so, as a store that does not. */
  unavailable: string | undefined;
  /** What the rules are checked against. */
  context: CheckContext = {};
  /** Runs before an application is looked at: another writer's chance. */
  beforeApply: (() => void) | undefined;

  constructor(state: Provisioning) {
    this.#current = { version: 1, state };
  }

  current(): ProvisionedState {
    return this.#current;
  }

  /** Returns what brings the present state back. */
  snapshot(): () => void {
    const { state } = this.#current;
    return () => {
      this.#current = { version: this.#current.version + 1, state };
    };
  }

  async apply(change: ProvisioningChange): Promise<ChangeResult> {
    const { beforeApply } = this;
    this.beforeApply = undefined;
    beforeApply?.();
    if (this.unavailable !== undefined) return { outcome: 'unavailable', reason: this.unavailable };
    const result = this.#checked(change);
    if (result.outcome !== 'possible') return result;
    const version = this.#current.version + 1;
    this.#current = { version, state: result.directory.provisioning };
    return { outcome: 'applied', version };
  }

  async preview(change: ProvisioningChange): Promise<ChangePreview> {
    return this.#checked(change);
  }

  #checked(change: ProvisioningChange): ChangePreview {
    const { version, state } = this.#current;
    if (change.expectedVersion !== version) return { outcome: 'stale' };
    const after = applyEdits(state, { ...change, putTenants: allAtOnce(followRenames(state, change)) });
    const written = new Set([...(change.putTenants ?? []), ...(change.putTrunks ?? [])]);
    const problems = checkProvisioning(after, { ...this.context, before: state }, written);
    return problems.length > 0
      ? { outcome: 'refused', problems }
      : { outcome: 'possible', directory: new Directory(after) };
  }
}

class MemoryRecords<T extends { readonly id: string }> implements RecordStore<T> {
  readonly records = new Map<string, T>();

  async get(id: string): Promise<T | undefined> {
    return this.records.get(id);
  }

  async list(): Promise<readonly T[]> {
    return [...this.records.values()];
  }

  async put(record: T): Promise<void> {
    this.records.set(record.id, record);
  }

  async delete(id: string): Promise<void> {
    this.records.delete(id);
  }

  async replace(id: string, before: T | undefined, after: T | undefined): Promise<boolean> {
    if (!isDeepStrictEqual(this.records.get(id), before)) return false;
    await (after === undefined ? this.delete(id) : this.put(after));
    return true;
  }
}

export class MemoryTokens extends MemoryRecords<TokenRecord> {}
export class MemoryUsers extends MemoryRecords<UserRecord> {}
export class MemoryWebhooks extends MemoryRecords<Webhook> {}

/** An engine whose state a test sets. */
export class FakeEngine implements EngineView {
  ready: Readiness = { ready: true, reasons: [] };
  statuses = new Map<string, TrunkStatus>();
  phones: RegistrationView[] = [];
  liveCalls: LiveCall[] = [];
  overlaps: SourceOverlap[] = [];
  trunkSources: { readonly of: string; readonly source: string }[] = [];
  resting = new Set<string>();
  leased: string[] = [];
  explained: ExplainQuestion[] = [];
  played: PlayedCalls['changed'] = [];
  /** What calls were played again for. */
  plans: { readonly after: Directory; readonly tenant: string | undefined }[] = [];
  readonly sipTrace: SipTrace;
  constructor(clock: VirtualScheduler) {
    this.sipTrace = new SipTrace(clock, { maxOctets: 1_000_000 });
  }

  readiness() {
    return this.ready;
  }

  async playAgain(after: Directory, tenant: string | undefined): Promise<PlayedCalls> {
    this.plans.push({ after, tenant });
    const changed = this.played.filter((call) => tenant === undefined || call.tenant === tenant);
    return { played: changed.length + 1, changed };
  }

  trunkStatus(trunkId: string) {
    return this.statuses.get(trunkId);
  }

  registrationCount() {
    return this.phones.length;
  }

  /** Like the engine's own: whoever looks at them twice asks twice. */
  registrations() {
    return this.phones.values();
  }

  *firstRegisteredElsewhere<T>(
    tenant: string | undefined,
    find: (address: string) => T | undefined,
  ): Steps<T | undefined> {
    for (const phone of this.phones) {
      yield;
      if (phone.tenant === undefined || phone.tenant === tenant) continue;
      const found = find(phone.source.slice(0, phone.source.lastIndexOf(':')));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  *firstTrunkSourceElsewhere<T>(tenant: string, find: (source: Network) => T | undefined): Steps<T | undefined> {
    for (const { of, source } of this.trunkSources) {
      yield;
      const network = parseNetwork(source);
      const found = of === tenant || network === undefined ? undefined : find(network);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  trunkOverlaps() {
    return Promise.resolve(this.overlaps);
  }

  calls() {
    return this.liveCalls.values();
  }

  trace(id: string, isCallId = false) {
    return isCallId ? this.sipTrace.findCall(id) : this.sipTrace.find(id);
  }

  searchTrace(...question: Parameters<SipTrace['search']>) {
    return this.sipTrace.search(...question);
  }

  isTrunkPeer(trunkId: string, address: string) {
    return trunkId === '100' && address === '192.0.2.10';
  }

  async explain(input: ExplainQuestion) {
    this.explained.push(input);
    return explanationOf(input);
  }

  explainCall(id: string) {
    return this.liveCalls.some((call) => call.callId === id)
      ? explanationOf({ tenant: 'acme', from: '101', to: '9123' })
      : undefined;
  }

  previewTrunk({ tenant, from, to }: TrunkPreviewQuestion) {
    return explanationOf({ tenant: tenant?.name, from, to });
  }

  leases() {
    return this.leased;
  }

  endCall(id: string) {
    const at = this.liveCalls.findIndex(({ callId }) => callId === id);
    if (at >= 0) this.liveCalls.splice(at, 1);
    return at >= 0;
  }

  retryTrunk(trunkId: string) {
    return this.resting.delete(trunkId);
  }

  async examineTrunk(trunkId: string) {
    const finding = {
      check: 'options',
      outcome: 'failed',
      message: 'no answer',
      advice: 'check the firewall',
    } as const;
    const dns = { check: 'dns', outcome: 'ok', message: 'it is there', subject: 'sip.example.net' } as const;
    return { trunkId, name: 'carrier', type: 'ip', healthy: false, findings: [dns, finding] };
  }
}

function explanationOf(input: ExplainQuestion): Explanation {
  return {
    tenant: input.tenant ?? '',
    caller: { kind: 'extension', number: input.from ?? '', name: 'One' },
    dialled: input.to ?? '',
    number: input.to ?? '',
    anonymous: false,
    anonymousReason: '',
    emergency: false,
    rule: 'world',
    steps: [{ step: 'rule', outcome: 'continue', reason: 'rule world matches' }],
    refusal: undefined,
    storedSetting: undefined,
    routes: [],
    skipped: [],
  };
}

/** One listener of the file, to which others are added; 9 is a port that cannot be had. */
export class FakeTransports implements TransportsPort {
  sockets: Listener[] = [
    { id: 'udp:127.0.0.1:5060', transport: 'udp', host: '127.0.0.1', port: 5060, managedBy: 'tandem.yaml' },
  ];

  list() {
    return this.sockets;
  }

  async add({ name, transport, host, port }: AddedTransport): Promise<TransportOutcome> {
    if (port === 9)
      return { outcome: 'refused', problems: [{ code: 'listen-failed', path: 'port', message: 'cannot listen' }] };
    const listener = { id: name, transport, host, port };
    this.sockets.push(listener);
    return { outcome: 'done', transport: listener };
  }

  async remove(id: string): Promise<TransportOutcome> {
    const found = this.sockets.find((listener) => listener.id === id);
    if (found === undefined) return { outcome: 'unknown' };
    if (found.managedBy !== undefined)
      return { outcome: 'conflict', code: 'managed-by-file', reason: 'take it out of tandem.yaml' };
    this.sockets = this.sockets.filter((listener) => listener !== found);
    return { outcome: 'done', transport: found };
  }
}

/** Two tenants, a carrier of the system that both use, and a trunk of each tenant's own. */
export function twoTenants(): Provisioning {
  const tenant = (name: string, did: string) => ({
    name,
    domain: `${name}.example.com`,
    outboundCallerId: did,
    extensions: [
      { number: '101', name: 'One', password: CANARY, outboundCallerId: did },
      { number: '102', name: 'Two', password: CANARY },
    ],
    groups: [{ name: 'sales', members: ['101'] }],
    services: [{ kind: 'ring-group', number: '600', name: 'Desk', members: ['101', '102'] }],
    outboundRules: [{ name: 'world', match: { prefixes: ['9'] }, routes: [{ trunk: 'carrier', strip: 1 }] }],
    inboundRules: [{ name: 'main', trunk: 'carrier', dids: did, destination: { extension: '101' } }],
  });
  const ownTrunk = (id: string, owner: string, pool: string) => ({
    id,
    name: `${owner}-own`,
    type: 'register',
    owner,
    host: `sip.${owner}-provider.example.net`,
    credentials: { authName: `${owner}-user`, password: CANARY },
    didPool: pool,
  });
  return provisioningSchema.parse({
    tenants: [tenant('acme', '14155550100'), tenant('bolt', '14155550200')],
    trunks: [
      {
        id: '100',
        name: 'carrier',
        type: 'ip',
        host: '192.0.2.10',
        port: 5060,
        credentials: { authName: 'us', password: CANARY },
        tenants: [
          { tenant: 'acme', didPool: '14155550100-14155550199' },
          { tenant: 'bolt', didPool: '14155550200-14155550299' },
        ],
      },
      ownTrunk('201', 'acme', '442071000000-442071000099'),
      ownTrunk('202', 'bolt', '442072000000-442072000099'),
    ],
  });
}

export interface TestApi {
  readonly api: Api;
  readonly app: FastifyInstance;
  readonly clock: VirtualScheduler;
  readonly engine: FakeEngine;
  readonly provisioning: MemoryProvisioning;
  readonly transports: FakeTransports;
  readonly tokenStore: MemoryTokens;
  readonly userStore: MemoryUsers;
  readonly webhookStore: MemoryWebhooks;
  readonly events: EventBus;
  readonly records: CallRecordLog;
  readonly audit: AuditLog;
  readonly metrics: Metrics;
  readonly posts: { url: string; body: string }[];
  readonly tokens: { readonly system: string; readonly acme: string; readonly bolt: string; readonly expired: string };
  close(): Promise<void>;
}

/** Messages of acme and bolt, each with one of its own, and the webhook of trunk 7. */
function someMessages(): ApiOptions['messages'] {
  const messages = ['acme', 'bolt'].map((tenant) => messageOf(tenant));
  return {
    send: async ({ tenant }) => messageOf(tenant),
    list: async (tenant) => {
      const items = messages.filter((each) => tenant === undefined || each.tenant === tenant);
      return { items, total: items.length };
    },
    explain: async ({ tenant, from, to, trunk }) =>
      trunk === undefined
        ? {
            tenant,
            direction: 'outbound',
            trunk: 'whatsapp',
            rule: 'write',
            peer: to ?? '',
            steps: [{ step: 'rule', outcome: 'continue', reason: 'rule write leads to trunk whatsapp' }],
          }
        : from === '0'
          ? 'there is no such trunk'
          : { tenant, direction: 'inbound', trunk, peer: from, steps: [], recipients: ['101', '102'] },
    message: async (id) => messages.find((each) => each.id === id),
    trunkName: () => 'whatsapp',
    urlOf: () => undefined,
    verify: (trunkId, token) => trunkId === '7' && token === 'verify-me',
    notified: async (trunkId) => (trunkId === '7' ? 'taken' : undefined),
    media: async () => ({ mimeType: 'image/png', body: Buffer.from('png') }),
  };
}

function messageOf(tenant: string): Message {
  return {
    kind: 'message',
    id: `message-${tenant}`,
    tenant,
    trunkId: '7',
    createdMs: 0,
    expiresMs: 1000,
    attempts: 0,
    revision: 1,
    direction: 'outbound',
    number: '14155550160',
    peer: '12015550123',
    content: { type: 'text', text: 'hello' },
    state: 'queued',
    recipients: [],
  };
}

/** Of a node that does nothing. */
export function nodeView(): NodeView {
  return {
    node: 'a',
    version: '0.0.0-test',
    startedAt: '2026-11-01T00:00:00.000Z',
    ready: true,
    reasons: [],
    calls: 0,
    registrations: 0,
    trunks: { total: 0, online: 0 },
    eventLoop: { since: '2026-11-01T00:00:00.000Z', medianMs: 0, p99Ms: 0, maxMs: 0, utilization: 0 },
    memory: { rssOctets: 1, heapUsedOctets: 1, heapLimitOctets: 1 },
    sockets: { listening: [], open: 0, accepted: 0, opened: 0, refused: 0, failed: 0 },
    waiting: 0,
    overload: { active: false, refused: 0 },
    mediaRelays: [],
  };
}

/** `limits` say what differs from what the settings have by default; here a request more is always let in. */
type TestApiOptions = Partial<Omit<ApiOptions, 'limits'>> & {
  state?: Provisioning;
  limits?: Partial<ApiOptions['limits']>;
};

export async function startTestApi({ limits, ...options }: TestApiOptions = {}): Promise<TestApi> {
  const clock = new VirtualScheduler();
  const engine = new FakeEngine(clock);
  const provisioning = new MemoryProvisioning(options.state ?? twoTenants());
  const transports = new FakeTransports();
  const tokenStore = new MemoryTokens();
  const userStore = new MemoryUsers();
  const webhookStore = new MemoryWebhooks();
  const events = new EventBus(clock);
  const log = options.log ?? silentLog;
  const records = new CallRecordLog({ log });
  const audit = new AuditLog(clock, { log, events });
  const metrics = new Metrics({ processMetrics: false });
  const posts: { url: string; body: string }[] = [];
  const sender = new WebhookDispatcher({
    scheduler: clock,
    log,
    post: async (url, _headers, body) => {
      posts.push({ url, body });
      return { status: 200 };
    },
  });
  sender.attach(events, records);
  const api = await createApi({
    engine,
    provisioning,
    transports,
    reload: async () => ({ applied: [], needsRestart: [] }),
    drain: () => ({ node: 'edge-1', calls: 0, limitSeconds: 60 }),
    store: {
      view: () => ({ kind: 'redis', problems: [], clockOffsetMs: 0, nodes: [{ node: 'a', store: 's', version: 1 }] }),
      restore: async () => {},
    },
    node: nodeView,
    nodes: {
      self: 'a',
      others: () => [],
      named: (name) => (name === 'a' ? ['a'] : []),
      ask: () => Promise.reject(new Error('alone')),
      answerWith: () => {},
    },
    messages: someMessages(),
    tokenStore,
    userStore,
    webhooks: { store: webhookStore, sender },
    audit,
    records,
    events,
    metrics,
    log,
    clock,
    version: '0.0.0-test',
    bootstrapToken: 'bootstrap-token-of-the-tests',
    limits: { ...nodeSchema.parse({}).api, requestsPerMinute: 1_000_000, ...limits },
    // Its pages are a third of what making an interface costs.
    docs: false,
    ...options,
  });
  const admin = (tenant: string, expiresInSeconds?: number) =>
    api.tokens.create(
      { role: 'tenant-admin', tenant, ...(expiresInSeconds === undefined ? {} : { expiresInSeconds }) },
      'test',
    );
  const expired = await admin('acme', 1);
  clock.advance(2000);
  const tokens = {
    system: 'bootstrap-token-of-the-tests',
    acme: (await admin('acme')).token,
    bolt: (await admin('bolt')).token,
    expired: expired.token,
  };
  const close = async () => {
    await api.close();
    metrics.close();
  };
  return {
    api,
    app: api.app,
    clock,
    engine,
    provisioning,
    transports,
    tokenStore,
    userStore,
    webhookStore,
    events,
    records,
    audit,
    metrics,
    posts,
    tokens,
    close,
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every form
  readonly body: any;
}

/** Asks with a token (or none) and reads the answer. */
export async function ask(
  { app }: { app: FastifyInstance },
  token: string | undefined,
  method: string,
  url: string,
  payload?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await app.inject({
    method: method as NonNullable<InjectOptions['method']>,
    url,
    headers: { ...authorization, ...headers },
    ...(payload === undefined ? {} : { payload: payload as object }),
  });
  let body: unknown;
  try {
    body = response.json();
  } catch {
    body = undefined;
  }
  return { status: response.statusCode, headers: response.headers, text: response.body, body };
}
