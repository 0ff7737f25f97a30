/** A provider and an engine's trunks on a simulated network: what the tests of registration, keep-alive and failover play with. */

import { silentLog } from '../../src/base/log.ts';
import { calledNumbersOf } from '../../src/engine/explain/inbound-view.ts';
import { Directory } from '../../src/provisioning/directory/directory.ts';
import { Precedence } from '../../src/provisioning/directory/precedence.ts';
import type { TrunkInput } from '../../src/provisioning/trunk-settings/schema.ts';
import { DigestServer, type DigestServerOptions } from '../../src/sip/auth/index.ts';
import { Endpoint, type EndpointUser, type ServerTransaction } from '../../src/sip/endpoint/index.ts';
import type { LocatedTarget, LocateQuery } from '../../src/sip/locate/index.ts';
import { LocateError } from '../../src/sip/locate/locator.ts';
import { createResponse, HeaderId, type SipRequest } from '../../src/sip/message/index.ts';
import type { Flow, TransportName } from '../../src/sip/transport/index.ts';
import { Identification } from '../../src/trunks/identification.ts';
import type { TrunkStatus } from '../../src/trunks/status-facts.ts';
import { TrunkService, type TrunkServiceOptions } from '../../src/trunks/trunk-service.ts';
import { seededRandom } from '../kit/simulated-link.ts';
import { type LinkOptions, SimulatedNetwork, type SimulatedTransport } from '../kit/simulated-network.ts';
import { VirtualScheduler } from '../kit/virtual-scheduler.ts';
import { provision } from './kit.ts';

export const ENGINE = '192.0.2.1';
export const PROVIDER = '198.51.100.1';
export const OTHER = '198.51.100.2';

type Script = (transaction: ServerTransaction, request: SipRequest) => void;

/** A registrar and SIP server of a carrier that does as it is told. */
export class Provider implements EndpointUser {
  readonly endpoint: Endpoint;
  readonly address: string;
  readonly requests: SipRequest[] = [];
  /** Arrival of each request, virtual ms. */
  readonly arrivedMs: number[] = [];
  readonly flows: Flow[] = [];
  /** Contact of each address of record, as last registered. */
  readonly bindings = new Map<string, string>();
  readonly #scheduler: VirtualScheduler;
  readonly transport: SimulatedTransport;
  onRegister: Script = (transaction) => this.accept(transaction);
  onOptions: Script = (transaction) => transaction.reply(200);

  constructor(network: SimulatedNetwork, address: string, transports: readonly TransportName[] = ['udp', 'tcp']) {
    this.#scheduler = network.scheduler;
    this.address = address;
    let made: SimulatedTransport | undefined;
    this.endpoint = new Endpoint(
      {
        scheduler: network.scheduler,
        supported: ['gin'],
        createTransport: (user) => {
          made = network.transportAt(address)(user);
          for (const transport of transports) made.listen(transport);
          return made;
        },
      },
      this,
      silentLog,
    );
    this.transport = made as SimulatedTransport;
  }

  onRequest(transaction: ServerTransaction, request: SipRequest): void {
    transaction.admit();
    this.requests.push(request);
    this.arrivedMs.push(this.#scheduler.nowMs());
    this.flows.push(transaction.flow);
    if (request.method === 'REGISTER') this.onRegister(transaction, request);
    else this.onOptions(transaction, request);
  }

  onAck(): void {}

  registers(): SipRequest[] {
    return this.requests.filter(({ method }) => method === 'REGISTER');
  }

  /** 200 with the Contact and what was granted. */
  accept(transaction: ServerTransaction, grantedSeconds?: number, headers: [HeaderId, string][] = []): void {
    const { request } = transaction;
    const contact = request.headers.value(HeaderId.Contact) ?? '';
    const granted = grantedSeconds ?? Number(request.headers.value(HeaderId.Expires));
    const aor = request.headers.value(HeaderId.To) ?? '';
    if (Number(request.headers.value(HeaderId.Expires)) === 0) this.bindings.delete(aor);
    else this.bindings.set(aor, contact);
    const listed: [HeaderId, string][] = granted === 0 ? [] : [[HeaderId.Contact, `${contact};expires=${granted}`]];
    transaction.respond(createResponse(request, 200, 'OK', { toTag: 'p', headers: [...listed, ...headers] }));
  }

  /** Asks for credentials as a real registrar does, then accepts. */
  withDigest(password: string, options: Partial<DigestServerOptions> = {}): DigestServer {
    const digest = new DigestServer({ clock: this.#scheduler, ...options });
    this.onRegister = (transaction, request) => {
      const verdict = digest.verify(request, 'user', 'carrier.example', transaction.flow.remoteAddress, () => ({
        secret: { password },
      }));
      if (verdict.outcome === 'accepted') this.accept(transaction);
      else transaction.reply(verdict.status, verdict.reasonPhrase, verdict.headers);
    };
    return digest;
  }
}

/** Answers of a DNS that a test holds in its hands. */
export class FakeLocator {
  readonly answers = new Map<string, readonly LocatedTarget[] | 'silent'>();
  readonly failed = new Map<string, number | undefined>();
  readonly queries: string[] = [];
  readonly owners: (string | undefined)[] = [];
  readonly waiting: ((targets: readonly LocatedTarget[]) => void)[] = [];

  locate(query: LocateQuery): readonly LocatedTarget[] | Promise<readonly LocatedTarget[]> {
    this.queries.push(query.host);
    this.owners.push(query.owner);
    const answer = this.answers.get(query.host);
    if (answer === 'silent') return new Promise((resolve) => this.waiting.push(resolve));
    if (answer !== undefined) return answer;
    if (!/^[0-9.]+$/.test(query.host)) throw new LocateError(`${query.host} could not be located`);
    return [{ transport: query.transport ?? 'udp', address: query.host, port: query.port ?? 5060 }];
  }

  markFailed(target: LocatedTarget, way = '', holdMs?: number): void {
    this.failed.set(failureKey(target, way), holdMs);
  }

  markAlive(target: LocatedTarget, way = ''): void {
    this.failed.delete(failureKey(target, way));
  }

  isFailed(target: LocatedTarget, way = ''): boolean {
    return this.failed.has(failureKey(target, way));
  }
}

function failureKey({ transport, address, port }: LocatedTarget, way: string): string {
  return `${transport}:${address}:${port} ${way}`.trim();
}

export class TrunkWorld {
  readonly scheduler = new VirtualScheduler();
  readonly network: SimulatedNetwork;
  readonly locator = new FakeLocator();
  readonly endpoint: Endpoint;
  readonly transport: SimulatedTransport;
  readonly provider: Provider;
  readonly events: string[] = [];
  service: TrunkService;
  gateway: Flow | readonly LocatedTarget[] = [];

  constructor(trunks: readonly TrunkInput[], options: Partial<TrunkServiceOptions> = {}, link: LinkOptions = {}) {
    this.network = new SimulatedNetwork(this.scheduler, link);
    let made: SimulatedTransport | undefined;
    this.endpoint = new Endpoint(
      {
        scheduler: this.scheduler,
        createTransport: (user) => {
          made = this.network.transportAt(ENGINE)(user);
          for (const transport of ['udp', 'tcp', 'tls'] as const) made.listen(transport);
          return made;
        },
      },
      {
        onRequest: (transaction) => transaction.reply(200),
        onAck() {},
        onFlowClosed: (flow) => this.service.flowClosed(flow),
      },
      silentLog,
    );
    this.transport = made as SimulatedTransport;
    this.provider = new Provider(this.network, PROVIDER);
    const directory = directoryOf(trunks);
    this.service = new TrunkService({
      scheduler: this.scheduler,
      log: silentLog,
      endpoint: this.endpoint,
      locator: this.locator,
      directory,
      gatewayReach: () => this.gateway,
      identification: new Identification(directory, calledNumbersOf, new Precedence(this.scheduler)),
      userAgent: 'tandem/test',
      random: seededRandom(7),
      listener: {
        onTrunkState: (trunk, status, previous) => this.events.push(`${trunk.name}: ${previous} > ${status.state}`),
      },
      ...options,
    });
  }

  /** Starts and runs for a while; the first REGISTER goes out within 10 s. */
  run(seconds: number): this {
    this.service.start();
    this.scheduler.advance(seconds * 1000);
    return this;
  }

  apply(trunks: readonly TrunkInput[]): void {
    this.service.apply(directoryOf(trunks));
  }

  status(name = 'carrier'): TrunkStatus {
    const found = this.service.status(String(idOf(name)));
    if (found === undefined) throw new Error(`no trunk ${name}`);
    return found;
  }

  /** Octets out of the engine: how many packets left. */
  sent(method: string): number {
    return this.network.packets.filter(({ from, text }) => from.startsWith(ENGINE) && text.startsWith(`${method} `))
      .length;
  }
}

export function directoryOf(trunks: readonly TrunkInput[]): Directory {
  const tenants = [{ name: 'acme', domain: 'acme.example.com' }];
  return new Directory(provision({ tenants, trunks: [...trunks] }));
}

/** The same id for the same name, so that a test can ask for a trunk by name. */
export function idOf(name: string): number {
  let id = 7;
  for (let index = 0; index < name.length; index++) id = (id * 31 + name.charCodeAt(index)) % 900_000_007;
  return id;
}

export function registerTrunk(overrides: Partial<TrunkInput> = {}): TrunkInput {
  const name = overrides.name ?? 'carrier';
  return {
    id: String(idOf(name)),
    name,
    type: 'register',
    host: PROVIDER,
    credentials: { authName: 'auth-77', username: '4930555', password: 's3cret', registerSeconds: 600 },
    tenants: [{ tenant: 'acme', didPool: '4930555' }],
    ...overrides,
  };
}

export function ipTrunk(overrides: Partial<TrunkInput> = {}): TrunkInput {
  const name = overrides.name ?? 'carrier';
  return {
    id: String(idOf(name)),
    name,
    type: 'ip',
    host: PROVIDER,
    options: { keepAlive: { enabled: true, intervalSeconds: 60 } },
    tenants: [{ tenant: 'acme', didPool: '4930555' }],
    ...overrides,
  };
}

/** Lets promises that are already settled tell whoever waits for them. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

export function expiresOf(request: SipRequest | undefined): number {
  return Number(request?.headers.value(HeaderId.Expires));
}
