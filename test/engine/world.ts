import { expect } from 'vitest';
import type { AttemptRecord, LiveRecord } from '../../src/call/index.ts';
import { Engine } from '../../src/engine/engine.ts';
import type { EngineObserver, EngineOptions, NumberKeptOf } from '../../src/engine/engine-options.ts';
import type { ExpiringCertificate } from '../../src/engine/tell/certificate-watch.ts';
import type { OutboundEvent, OutboundPlan, RouteDraft, RouteRefusal, StoredSetting } from '../../src/outbound/index.ts';
import { Directory } from '../../src/provisioning/directory/directory.ts';
import { type ProvisioningInput, provisioningSchema } from '../../src/provisioning/trunk-settings/schema.ts';
import type { Binding } from '../../src/registrar/index.ts';
import { type NodeSettingsInput, nodeSchema } from '../../src/settings/node-schema.ts';
import { replaceAuthorization } from '../../src/sip/auth/digest-client.ts';
import { DigestClient } from '../../src/sip/auth/index.ts';
import type { DnsPort } from '../../src/sip/locate/index.ts';
import {
  formatUri,
  HeaderId,
  parseMessage,
  parseNameAddr,
  type SipMessage,
  SipRequest,
  SipResponse,
  serialize,
} from '../../src/sip/message/index.ts';
import type { Flow } from '../../src/sip/transport/index.ts';
import type { TrunkStatus } from '../../src/trunks/status-facts.ts';
import { type LinkOptions, SimulatedNetwork, type SimulatedPeer } from '../kit/simulated-network.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { RecordingLog } from '../sip/transport/recorder.ts';

/** Two tenants with pools on two carriers that they share, a gateway that registers, and an engine on virtual time between them. */
export const ENGINE = '198.51.100.1';
export const CARRIER_A = '192.0.2.10';
export const CARRIER_B = '192.0.2.20';
export const CARRIER_A_ID = '100000001';
export const CARRIER_B_ID = '100000002';
export const GATEWAY_ID = '100000003';
export const PASSWORD = 'c4n4ry-extension';
export const GATEWAY_PASSWORD = 'c4n4ry-gateway';
export const CARRIER_PASSWORD = 'c4n4ry-carrier';

export const SDP =
  'v=0\r\no=- 1 1 IN IP4 203.0.113.1\r\ns=-\r\nc=IN IP4 203.0.113.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n';

type TenantInput = NonNullable<ProvisioningInput['tenants']>[number];
type TrunkInput = NonNullable<ProvisioningInput['trunks']>[number];

export const ACME: TenantInput = {
  name: 'acme',
  domain: 'acme.example.com',
  outboundCallerId: '14155550100',
  extensions: ['101', '102', '103', '104'].map((number) => ({ number, name: `Phone ${number}`, password: PASSWORD })),
  outboundRules: [{ name: 'world', routes: [{ trunk: 'carrier-a' }, { trunk: 'carrier-b' }] }],
  inboundRules: [
    { name: 'main', trunk: 'carrier-a', dids: '14155550100', destination: { extension: '101' } },
    { name: 'second', trunk: 'carrier-a', dids: '14155550102', destination: { extension: '102' } },
  ],
};

export const GLOBEX: TenantInput = {
  name: 'globex',
  domain: 'globex.example.com',
  extensions: [{ number: '101', name: 'Hank', password: 'c4n4ry-globex' }],
  outboundRules: [{ name: 'world', routes: [{ trunk: 'carrier-a' }] }],
  inboundRules: [{ name: 'main', trunk: 'carrier-a', dids: '14155550200', destination: { extension: '101' } }],
};

export const TRUNKS: readonly TrunkInput[] = [
  {
    id: CARRIER_A_ID,
    name: 'carrier-a',
    type: 'ip',
    host: CARRIER_A,
    port: 5060,
    tenants: [
      { tenant: 'acme', didPool: '14155550100-14155550199' },
      { tenant: 'globex', didPool: '14155550200-14155550299' },
    ],
  },
  {
    id: CARRIER_B_ID,
    name: 'carrier-b',
    type: 'ip',
    host: CARRIER_B,
    port: 5060,
    tenants: [{ tenant: 'acme', didPool: '14155550100-14155550149' }],
  },
  {
    id: GATEWAY_ID,
    name: 'gateway',
    type: 'accept-register',
    host: 'gateway.example.com',
    credentials: { authName: 'gw1', password: GATEWAY_PASSWORD },
    tenants: [{ tenant: 'acme', didPool: '14155550150-14155550159' }],
  },
];

/** Another phone of a tenant. */
export const extension = (number: string, more: Record<string, unknown> = {}) => ({
  number,
  name: `Phone ${number}`,
  password: PASSWORD,
  ...more,
});

export interface WorldOptions {
  readonly acme?: Partial<TenantInput>;
  readonly globex?: Partial<TenantInput>;
  /** Changes to the trunks, by name. */
  readonly trunks?: Readonly<Record<string, Partial<TrunkInput>>>;
  readonly moreTrunks?: readonly TrunkInput[];
  readonly certificates?: ProvisioningInput['certificates'];
  readonly settings?: Partial<NodeSettingsInput>;
  readonly link?: LinkOptions;
  readonly dns?: DnsPort;
  /** In place of {@link World.observed}. */
  readonly observer?: (world: World) => EngineObserver;
  readonly storeSetting?: EngineOptions['storeSetting'];
  /** What the engine is given beside. */
  readonly engine?: Partial<EngineOptions>;
  readonly random?: EngineOptions['random'];
  readonly fetchCertificate?: EngineOptions['fetchCertificate'];
  /** The engine is at the address of this one's, whose process has ended; time and network are the same. */
  readonly after?: Pick<World, 'scheduler' | 'network'>;
}

export function provisioningOf(options: WorldOptions = {}): Directory {
  const trunks = [...TRUNKS, ...(options.moreTrunks ?? [])].map((trunk) => ({
    ...trunk,
    ...options.trunks?.[trunk.name],
  }));
  const tenants = [
    { ...ACME, ...options.acme },
    { ...GLOBEX, ...options.globex },
  ];
  return new Directory(provisioningSchema.parse({ tenants, trunks, certificates: options.certificates ?? [] }));
}

const NO_DNS: DnsPort = { query: async () => ({ status: 'answered', records: [] }) };

/** What the engine told its observer. */
export class Observed implements EngineObserver {
  readonly ended: LiveRecord[] = [];
  readonly routes: (RouteDraft | RouteRefusal)[] = [];
  readonly plans: OutboundPlan[] = [];
  readonly refused: { code: string; detail: Readonly<Record<string, unknown>> }[] = [];
  /** Fields that were kept from a trunk within calls. */
  readonly kept: (OutboundEvent & NumberKeptOf)[] = [];
  readonly attempts: AttemptRecord[] = [];
  readonly registered: Binding<Flow>[] = [];
  readonly trunkStates: TrunkStatus[] = [];
  readonly relayStates: string[] = [];

  onCallStarted(): void {}
  onCallRinging(): void {}
  onCallAnswered(): void {}

  onCallEnded(record: LiveRecord): void {
    this.ended.push(record);
  }

  onTrunkState(_trunk: unknown, status: TrunkStatus): void {
    this.trunkStates.push(status);
  }

  onRegistered(binding: Binding<Flow>): void {
    this.registered.push(binding);
  }

  onUnregistered(): void {}

  onRelayState(url: string, state: string): void {
    this.relayStates.push(`${url} ${state}`);
  }

  onReceived(): void {}
  onSent(): void {}

  onOutboundRefused(plan: OutboundPlan): void {
    this.plans.push(plan);
  }

  onRoute(route: RouteDraft | RouteRefusal, plan: OutboundPlan): void {
    this.routes.push(route);
    this.plans.push(plan);
  }

  onNumberKept(event: OutboundEvent, of: NumberKeptOf): void {
    this.kept.push({ ...event, ...of });
  }

  onRefused(code: string, detail: Readonly<Record<string, unknown>>): void {
    this.refused.push({ code, detail });
  }

  onPhoneRefused(): void {}

  readonly fraud: { code: string; detail: Readonly<Record<string, unknown>> }[] = [];

  readonly expiring: ExpiringCertificate[] = [];

  onCertificateExpiring(certificate: ExpiringCertificate): void {
    this.expiring.push(certificate);
  }

  onFraud(code: string, detail: Readonly<Record<string, unknown>>): void {
    this.fraud.push({ code, detail });
  }

  onAttempt(_trunk: unknown, attempt: AttemptRecord): void {
    this.attempts.push(attempt);
  }
}

export class World {
  readonly scheduler: VirtualScheduler;
  readonly log = new RecordingLog();
  readonly network: SimulatedNetwork;
  readonly observed: Observed;
  readonly settings: { readonly tenant: string; readonly setting: StoredSetting }[] = [];
  readonly engine: Engine;
  readonly #options: WorldOptions;
  #serial = 1000;

  constructor(options: WorldOptions = {}) {
    this.#options = options;
    this.scheduler = options.after?.scheduler ?? new VirtualScheduler();
    this.network = options.after?.network ?? new SimulatedNetwork(this.scheduler, options.link);
    this.observed = new Observed();
    const { storeSetting } = options;
    this.engine = new Engine({
      settings: nodeSchema.parse({
        listen: [
          { transport: 'udp', host: ENGINE, port: 5060 },
          { transport: 'tcp', host: ENGINE, port: 5060 },
        ],
        ...options.settings,
      }),
      scheduler: this.scheduler,
      log: this.log,
      dns: options.dns ?? NO_DNS,
      observer: options.observer?.(this) ?? this.observed,
      directory: provisioningOf(options),
      version: 'test',
      ...(options.random === undefined ? {} : { random: options.random }),
      ...(options.fetchCertificate === undefined ? {} : { fetchCertificate: options.fetchCertificate }),
      createTransport: this.network.transportAt(ENGINE),
      ...options.engine,
      storeSetting: async (tenant, setting) => {
        this.settings.push({ tenant: tenant.name, setting });
        await storeSetting?.(tenant, setting);
      },
    });
  }

  static async start(options: WorldOptions = {}): Promise<World> {
    const world = new World(options);
    await world.engine.start();
    await world.turn();
    return world;
  }

  /** Serves other provisioning. */
  async provision(options: WorldOptions): Promise<void> {
    this.engine.apply(provisioningOf({ ...this.#options, ...options }));
    await this.turn();
  }

  /** Lets promises settle; no time passes. */
  async turn(): Promise<void> {
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  run(ms = 100): void {
    this.scheduler.advance(ms);
  }

  agent(address: string, port = 5060): Agent {
    return new Agent(this, this.network.peer(address, port));
  }

  next(): number {
    return ++this.#serial;
  }

  /** A phone that has registered. */
  phone(number: string, address: string, options: { domain?: string; password?: string } = {}): Phone {
    const phone = new Phone(this, address, number, options);
    phone.register();
    return phone;
  }

  /** What the engine holds: everything must be back to 0 when calls are over and the timers have run out. */
  held() {
    const { transactions, counters } = this.engine.endpoint;
    return {
      calls: this.engine.calls.counters.live,
      legs: this.engine.calls.counters.legs,
      servers: transactions.serverCount,
      clients: transactions.clientCount,
      uncaught: counters.uncaughtErrors,
    };
  }
}

export type RequestFields = Readonly<Record<string, string | readonly string[] | undefined>>;

/** A peer that a test plays by hand: raw texts out, parsed messages in. */
export class Agent {
  readonly world: World;
  readonly peer: SimulatedPeer;

  constructor(world: World, peer: SimulatedPeer) {
    this.world = world;
    this.peer = peer;
  }

  get host(): string {
    return `${this.peer.here.host}:${this.peer.here.port}`;
  }

  messages(): SipMessage[] {
    return this.peer.received.map((text) => parseMessage(text));
  }

  /** Requests that came in, without their retransmissions. */
  requests(method?: string): SipRequest[] {
    const seen = new Set<string>();
    return this.messages().filter((message): message is SipRequest => {
      if (!(message instanceof SipRequest) || (method !== undefined && message.method !== method)) return false;
      const key = `${message.topVia().branch} ${message.method}`;
      return !seen.has(key) && seen.add(key) !== undefined;
    });
  }

  /** One of them; throws when it did not come. */
  took(method: string, index = 0): SipRequest {
    const request = this.requests(method)[index];
    if (request === undefined) throw new Error(`${this.host} got no ${method} number ${index + 1}`);
    return request;
  }

  responses(callId?: string): SipResponse[] {
    return this.messages().filter(
      (message): message is SipResponse =>
        message instanceof SipResponse && (callId === undefined || message.callId() === callId),
    );
  }

  last(): SipMessage | undefined {
    return this.messages().at(-1);
  }

  /** Text of a request; fields replace or add to what every request has, undefined leaves one out. */
  request(method: string, uri: string, fields: RequestFields = {}, body = ''): SipRequest {
    const id = this.world.next();
    const all: Record<string, string | readonly string[] | undefined> = {
      Via: `SIP/2.0/UDP ${this.host};rport;branch=z9hG4bK-${id}`,
      'Max-Forwards': '70',
      From: `<sip:someone@${this.peer.here.host}>;tag=${id}`,
      To: `<${uri}>`,
      'Call-ID': `call-${id}`,
      CSeq: `1 ${method}`,
      Contact: method === 'INVITE' || method === 'REGISTER' ? `<sip:${this.host}>` : undefined,
      'Content-Type': body === '' ? undefined : 'application/sdp',
      ...fields,
      'Content-Length': String(body.length),
    };
    const lines = [`${method} ${uri} SIP/2.0`];
    for (const [name, value] of Object.entries(all)) {
      if (value === undefined) continue;
      for (const each of typeof value === 'string' ? [value] : value) lines.push(`${name}: ${each}`);
    }
    return parseMessage(`${lines.join('\r\n')}\r\n\r\n${body}`) as SipRequest;
  }

  send(message: SipMessage | string): void {
    this.peer.send(typeof message === 'string' ? message : serialize(message), ENGINE);
  }

  /** The same, and what comes of it. */
  sends(message: SipMessage | string): void {
    this.send(message);
    this.world.run();
  }

  /** Sends a request and gives the final response that came within `waitMs`. */
  ask(request: SipRequest, waitMs = 100): SipResponse {
    this.send(request);
    this.world.run(waitMs);
    const response = this.responses(request.callId()).at(-1);
    if (response === undefined) throw new Error(`no response to ${request.method}`);
    return response;
  }

  /** Sends a request with credentials: once to be challenged, once with the answer to the challenge. */
  askAuthenticated(request: SipRequest, client: DigestClient, waitMs = 100): SipResponse {
    const challenge = this.ask(request);
    if (challenge.status !== 401 && challenge.status !== 407) return challenge;
    if (request.method === 'INVITE') this.ack(request, challenge);
    return this.ask(this.authorized(request, challenge, client), waitMs);
  }

  /** The same request again with the answer to a challenge. */
  authorized(request: SipRequest, challenge: SipResponse, client: DigestClient): SipRequest {
    const again = this.again(request);
    const answer = client.answer(challenge, again, `udp:${ENGINE}:5060`, 0);
    if (answer.kind !== 'retry') throw new Error(`challenge not answered: ${answer.reason}`);
    replaceAuthorization(again, answer.headers);
    return again;
  }

  /** A copy with the next CSeq and a branch of its own. */
  again(request: SipRequest): SipRequest {
    const copy = parseMessage(serialize(request)) as SipRequest;
    copy.headers.set(HeaderId.Via, `SIP/2.0/UDP ${this.host};rport;branch=z9hG4bK-${this.world.next()}`);
    copy.headers.set(HeaderId.CSeq, `${request.cseq().sequence + 1} ${request.method}`);
    return parseMessage(serialize(copy)) as SipRequest;
  }

  /** Acknowledges a final response to an INVITE: in its transaction for a refusal, else along the dialog. */
  ack(invite: SipRequest, response: SipResponse): void {
    const success = response.status < 300;
    const contact = response.contact();
    const uri = success && contact !== undefined ? formatUri(contact.uri) : invite.requestUri;
    this.send(
      this.request('ACK', uri, {
        Via: success
          ? `SIP/2.0/UDP ${this.host};rport;branch=z9hG4bK-${this.world.next()}`
          : invite.headers.value(HeaderId.Via),
        From: invite.headers.value(HeaderId.From),
        To: response.headers.value(HeaderId.To),
        'Call-ID': invite.callId(),
        CSeq: `${invite.cseq().sequence} ACK`,
      }),
    );
    this.world.run(20);
  }

  /** Answers, and what comes of it. */
  answers(...given: Parameters<Agent['answer']>): void {
    this.answer(...given);
    this.world.run();
  }

  /** A response to a request that came in; `fields` are added. */
  answer(request: SipRequest, status: number, reason = 'Whatever', fields: RequestFields = {}, body = ''): void {
    const to = request.headers.value(HeaderId.To) ?? '';
    const tag = request.toTag() === undefined && status > 100 ? `;tag=peer-${this.peer.here.host}` : '';
    const lines = [`SIP/2.0 ${status} ${reason}`];
    for (const via of request.headers.fieldValues(HeaderId.Via)) lines.push(`Via: ${via}`);
    lines.push(`From: ${request.headers.value(HeaderId.From)}`, `To: ${to}${tag}`);
    lines.push(`Call-ID: ${request.callId()}`, `CSeq: ${request.headers.value(HeaderId.CSeq)}`);
    const all: RequestFields = {
      Contact: status > 100 && status < 300 ? `<sip:${this.host}>` : undefined,
      'Content-Type': body === '' ? undefined : 'application/sdp',
      ...fields,
    };
    for (const [name, value] of Object.entries(all)) {
      if (value === undefined) continue;
      for (const each of typeof value === 'string' ? [value] : value) lines.push(`${name}: ${each}`);
    }
    this.send(`${lines.join('\r\n')}\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    this.world.run(20);
  }

  /** A request in the dialog that an INVITE of ours made. */
  within(invite: SipRequest, response: SipResponse, method: string, fields: RequestFields = {}): SipRequest {
    const contact = response.contact();
    return this.request(method, contact === undefined ? invite.requestUri : formatUri(contact.uri), {
      From: invite.headers.value(HeaderId.From),
      To: response.headers.value(HeaderId.To),
      'Call-ID': invite.callId(),
      CSeq: `${invite.cseq().sequence + 1} ${method}`,
      ...fields,
    });
  }

  /** A request in the dialog that an INVITE of the engine made; our tag is in `response.to`. */
  withinOf(invite: SipRequest, method: string, fields: RequestFields = {}): SipRequest {
    const contact = parseNameAddr(invite.headers.value(HeaderId.Contact) ?? '');
    return this.request(method, formatUri(contact.uri), {
      From: `${invite.headers.value(HeaderId.To)};tag=peer-${this.peer.here.host}`,
      To: invite.headers.value(HeaderId.From),
      'Call-ID': invite.callId(),
      CSeq: `1 ${method}`,
      ...fields,
    });
  }
}

/** A phone of an extension: knows its password, registers, calls. */
export class Phone extends Agent {
  readonly number: string;
  readonly domain: string;
  readonly client: DigestClient;

  constructor(
    world: World,
    address: string,
    number: string,
    { domain = 'acme.example.com', password = PASSWORD }: { domain?: string; password?: string } = {},
  ) {
    super(world, world.network.peer(address));
    this.number = number;
    this.domain = domain;
    this.client = new DigestClient({ username: number, secret: { password } });
  }

  get address(): string {
    return `<sip:${this.number}@${this.domain}>`;
  }

  register(fields: RequestFields = {}): SipResponse {
    return this.askAuthenticated(
      this.request('REGISTER', `sip:${this.domain}`, {
        From: `${this.address};tag=r${this.world.next()}`,
        To: this.address,
        Contact: `<sip:${this.number}@${this.host}>`,
        Expires: '3600',
        ...fields,
      }),
      this.client,
    );
  }

  invite(called: string, fields: RequestFields = {}, body = SDP): SipRequest {
    return this.request(
      'INVITE',
      `sip:${called}@${this.domain}`,
      { From: `${this.address};tag=c${this.world.next()}`, Contact: `<sip:${this.number}@${this.host}>`, ...fields },
      body,
    );
  }

  /** Places a call and passes the challenge; gives the INVITE that was let in. */
  call(called: string, fields: RequestFields = {}, body = SDP): SipRequest {
    const invite = this.invite(called, fields, body);
    const challenge = this.ask(invite);
    if (challenge.status !== 407) return invite;
    this.ack(invite, challenge);
    const again = this.authorized(invite, challenge, this.client);
    this.send(again);
    this.world.run();
    return again;
  }

  /** The final response to a call, and its ACK. */
  final(invite: SipRequest): SipResponse | undefined {
    const { sequence } = invite.cseq();
    const final = this.responses(invite.callId()).find(
      (response) => response.status >= 200 && response.cseq().sequence === sequence,
    );
    if (final !== undefined) this.ack(invite, final);
    return final;
  }
}

/** Hours later nothing is left of any call. */
export function expectNothingHeld(world: World): void {
  world.scheduler.runUntilIdle(6 * 3600_000);
  expect(world.held()).toEqual({ calls: 0, legs: 0, servers: 0, clients: 0, uncaught: 0 });
}
