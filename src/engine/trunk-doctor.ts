/**
 * Looks at a trunk from this node: what can be checked is, in the order in which a call meets it, and what to do is said. Each check is a
 * function of its own; a type of trunk that has more to check adds one to {@link CHECKS_IN_ORDER}.
 */
import { X509Certificate } from 'node:crypto';
import { EgressError } from '../base/egress.ts';
import type { Clock } from '../base/scheduler.ts';
import type { MediaRelays, RelayListing } from '../media/index.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import { whatsappCalls } from '../provisioning/trunk-settings/whatsapp.ts';
import type { Endpoint } from '../sip/endpoint/index.ts';
import type { Locator } from '../sip/locate/index.ts';
import { formatHost } from '../sip/message/index.ts';
import type { Flow, Target, TlsTrial } from '../sip/transport/index.ts';
import { locatedNames } from '../trunks/address-watch.ts';
import type { CheckName, Examination, Finding, Outcome } from '../trunks/examination.ts';
import { registers } from '../trunks/health.ts';
import { hopOf, type Reach } from '../trunks/hops.ts';
import type { PingAnswer } from '../trunks/ping.ts';
import type { TrunkService, TrunkStatus } from '../trunks/trunk-service.ts';
import type { Messaging } from './messaging.ts';
import type { Served } from './served.ts';

export interface TrunkDoctorPorts {
  readonly directory: () => Directory;
  /** The addresses of each name that a trunk is at; rejects with why there are none. */
  readonly locate: (
    trunk: Trunk,
  ) => readonly { readonly host: string; readonly addresses: Promise<readonly string[]> }[];
  readonly targets: (trunk: Trunk) => Reach | Promise<readonly Target[]>;
  readonly tryTls: (target: Target) => Promise<TlsTrial>;
  /** Why nothing may be sent there. */
  readonly refusal: (target: Target) => string | undefined;
  readonly ping: (trunk: Trunk, to: Flow | Target) => Promise<PingAnswer>;
  /** Asks the provider whether it takes the trunk's access token: undefined, or why not. */
  readonly token: (trunk: Trunk) => Promise<string | undefined>;
  readonly status: (trunkId: string) => TrunkStatus | undefined;
  readonly relays: () => readonly RelayListing[];
  readonly wallMs: () => number;
}

/** What one check works with. */
interface Patient {
  readonly trunk: Trunk;
  readonly ports: TrunkDoctorPorts;
  /** Where it is sent to; none when that is not known. */
  readonly targets: readonly (Flow | Target)[];
  /** Why there are none. */
  readonly nowhere: Error | undefined;
}

type Check = (patient: Patient) => Iterable<Finding> | Promise<Iterable<Finding>>;

const DAY_MS = 86_400_000;
/** Of many tenants the first. */
const MAX_TENANTS = 20;

/** What of an engine a look at its trunks is taken with. */
export interface DoctorParts {
  readonly scheduler: Clock;
  readonly served: Pick<Served, 'directory'>;
  readonly locator: Locator;
  readonly endpoint: Pick<Endpoint, 'transport'>;
  readonly trunks: Pick<TrunkService, 'targets' | 'ping' | 'status'>;
  readonly messaging: Pick<Messaging, 'outside'>;
  readonly relays: Pick<MediaRelays, 'list'>;
}

/** The doctor of an engine's trunks. */
export function trunkDoctor(parts: DoctorParts): TrunkDoctor {
  const { scheduler, served, locator, endpoint, trunks, messaging, relays } = parts;
  return new TrunkDoctor({
    directory: () => served.directory,
    locate: (trunk) => locatedNames(locator, trunk),
    targets: (trunk) => trunks.targets(trunk, hopOf(trunk)),
    tryTls: async (target) =>
      (await endpoint.transport.tryTls?.(target)) ?? { kind: 'refused', reason: 'this node has no TLS' },
    refusal: (target) => endpoint.transport.refusal?.(target),
    ping: (trunk, to) => trunks.ping(trunk, to),
    token: async (trunk) => messaging.outside?.checkToken(trunk.id),
    status: (trunkId) => trunks.status(trunkId),
    relays: () => relays.list(),
    wallMs: () => scheduler.wallMs(),
  });
}

export class TrunkDoctor {
  readonly #ports: TrunkDoctorPorts;
  /** Of each trunk one at a time: whoever asks meanwhile gets the same. */
  readonly #underWay = new Map<string, Promise<Examination>>();

  constructor(ports: TrunkDoctorPorts) {
    this.#ports = ports;
  }

  examine(trunk: Trunk): Promise<Examination> {
    let examination = this.#underWay.get(trunk.id);
    if (examination === undefined) {
      examination = this.#examine(trunk).finally(() => this.#underWay.delete(trunk.id));
      this.#underWay.set(trunk.id, examination);
    }
    return examination;
  }

  async #examine(trunk: Trunk): Promise<Examination> {
    const patient = await this.#patient(trunk);
    const found = await Promise.all(CHECKS_IN_ORDER.map((check) => check(patient)));
    const findings = found.flatMap((each) => [...each]);
    const { id: trunkId, name, type } = trunk;
    return { trunkId, name, type, healthy: findings.every(({ outcome }) => outcome !== 'failed'), findings };
  }

  async #patient(trunk: Trunk): Promise<Patient> {
    if (carriesMessagesAlone(trunk)) return { trunk, ports: this.#ports, targets: [], nowhere: undefined };
    try {
      const reach = await this.#ports.targets(trunk);
      return { trunk, ports: this.#ports, targets: 'send' in reach ? [reach] : reach, nowhere: undefined };
    } catch (error) {
      return { trunk, ports: this.#ports, targets: [], nowhere: error as Error };
    }
  }
}

/** No SIP goes to it. */
function carriesMessagesAlone(trunk: Trunk): boolean {
  return trunk.type === 'whatsapp' && whatsappCalls(trunk) === undefined;
}

function* settings({ trunk }: Patient): Generator<Finding> {
  if (trunk.enabled) yield found('settings', 'ok', 'the trunk is enabled');
  else yield found('settings', 'failed', 'the trunk is disabled', 'set enabled: true');
}

async function* located({ trunk, ports }: Patient): AsyncGenerator<Finding> {
  if (carriesMessagesAlone(trunk)) return;
  for (const { host, addresses } of ports.locate(trunk)) {
    try {
      const list = await addresses;
      yield found('dns', 'ok', `${host} is at ${list.join(', ')}`, undefined, host);
    } catch (error) {
      const advice = 'check the name, and that the servers of `dns.servers` know it';
      yield found('dns', 'failed', (error as Error).message, advice, host);
    }
  }
}

function* egress({ nowhere }: Patient): Generator<Finding> {
  if (!(nowhere instanceof EgressError)) return;
  yield found('egress', 'failed', nowhere.message, 'the system admin may add the network to egress.allow of the node');
}

function* certificate({ trunk, ports, targets }: Patient): Generator<Finding> {
  const shown = ports.directory().tlsCertificateOf(trunk);
  const file = shown === undefined ? certificateOf(targets) : undefined;
  const name = shown?.name ?? trunk.tls.certificate;
  const leaf = shown?.leaf ?? file;
  if (leaf === undefined || name === undefined) return;
  const endsMs = leaf.validToDate.getTime();
  const leftMs = endsMs - ports.wallMs();
  const ends = new Date(endsMs).toISOString();
  const advice = trunk.teams === undefined ? 'replace the file and reload' : 'upload a new one under the same name';
  if (leftMs <= 0) yield found('certificate', 'failed', `${name} ended at ${ends}`, advice, name);
  else if (leaf.validFromDate.getTime() > ports.wallMs())
    yield found('certificate', 'failed', `${name} begins at ${leaf.validFromDate.toISOString()}`, CLOCK, name);
  else if (leftMs < 30 * DAY_MS) yield found('certificate', 'warning', `${name} ends at ${ends}`, advice, name);
  else yield found('certificate', 'ok', `${name} is valid until ${ends}`, undefined, name);
}

function certificateOf(targets: readonly (Flow | Target)[]): X509Certificate | undefined {
  for (const target of targets) {
    const cert = 'send' in target ? undefined : target.tls?.cert;
    if (cert !== undefined) return new X509Certificate(cert);
  }
  return undefined;
}

async function* tls({ targets, ports }: Patient): AsyncGenerator<Finding> {
  for (const target of targets) {
    if ('send' in target || target.transport !== 'tls' || ports.refusal(target) !== undefined) continue;
    const subject = nameOf(target);
    const trial = await ports.tryTls(target);
    if (trial.kind === 'refused') {
      yield found('tls', 'failed', trial.reason, tlsAdvice(trial.reason), subject);
      continue;
    }
    const ends = new Date(trial.notAfterMs).toISOString().slice(0, 10);
    const message = `${trial.protocol}, ${trial.cipher}; its certificate has ${trial.names.join(', ')} until ${ends}`;
    yield found('tls', 'ok', message, undefined, subject);
  }
}

function tlsAdvice(reason: string): string {
  if (/untrusted/.test(reason)) return "name the authority in tls.ca, or add it to the machine's";
  if (/wrong name/.test(reason)) return 'the host, or tls.serverName, must be a name in the certificate';
  if (/refuses our|wants|expired|does not trust/.test(reason))
    return 'the peer does not take the certificate that is shown: its name, its end, and whether its chain is whole';
  if (/does not speak TLS/.test(reason)) return 'check port and transport';
  return 'check host and port, and whether a firewall lets the connection through';
}

function* registration({ trunk, ports }: Patient): Generator<Finding> {
  if (!registers(trunk)) return;
  const status = ports.status(trunk.id);
  const { state = 'unknown', reason = '', lastCode, registration } = status ?? {};
  const said = [lastCode, reason].filter((part) => part !== undefined && part !== '').join(' ');
  if (registration !== undefined)
    yield found('registration', 'ok', `registered at ${registration.server} for ${registration.grantedSeconds} s`);
  else if (state === 'online' || state === 'unknown')
    yield found('registration', 'ok', said === '' ? 'another node registers the trunk' : said);
  else {
    const advice =
      state === 'rejected'
        ? 'check authName and password with the provider, then `tandem` retries by POST …/retry'
        : 'the provider does not answer REGISTER: see DNS, TLS and OPTIONS';
    yield found('registration', 'failed', said === '' ? state : said, advice);
  }
}

function* gateway({ trunk, targets }: Patient): Generator<Finding> {
  if (trunk.type !== 'accept-register') return;
  if (targets.length > 0) yield found('gateway', 'ok', 'the gateway is registered');
  else
    yield found(
      'gateway',
      'failed',
      'the gateway is not registered',
      `its SIP domain is ${trunk.host}, its outbound proxy this node, its user ${trunk.credentials?.username ?? ''}`,
    );
}

async function* token({ trunk, ports }: Patient): AsyncGenerator<Finding> {
  if (trunk.type !== 'whatsapp') return;
  if (trunk.whatsapp === undefined) {
    yield found('token', 'failed', 'the trunk has no number at WhatsApp', 'give it `whatsapp` settings');
    return;
  }
  const { phoneNumberId } = trunk.whatsapp;
  const why = await ports.token(trunk);
  if (why === undefined) yield found('token', 'ok', 'WhatsApp takes the access token', undefined, phoneNumberId);
  else {
    const advice =
      'make a system user token with whatsapp_business_messaging at Meta, and check phoneNumberId and apiBase';
    yield found('token', 'failed', why, advice, phoneNumberId);
  }
}

async function* options({ trunk, targets, ports }: Patient): AsyncGenerator<Finding> {
  // WhatsApp promises no answer.
  if (trunk.type === 'whatsapp') return;
  const answers = await Promise.all(targets.map(async (to) => ({ to, answer: await ports.ping(trunk, to) })));
  for (const { to, answer } of answers) {
    const subject = nameOf(to);
    if (answer.kind === 'silent')
      yield found('options', 'failed', `no answer: ${answer.reason}`, 'check host, port and firewall', subject);
    else {
      const { status, reason, elapsedMs } = answer;
      const message = `${status} ${reason} after ${elapsedMs} ms`;
      if (status < 300) yield found('options', 'ok', message, undefined, subject);
      else yield found('options', outcomeOf(trunk, status), message, optionsAdvice(trunk, status), subject);
    }
  }
}

/** Many carriers answer OPTIONS as they like; what says that they do not know this end is what matters. */
function outcomeOf(trunk: Trunk, status: number): Outcome {
  return trunk.teams !== undefined || status === 403 ? 'failed' : 'warning';
}

function optionsAdvice(trunk: Trunk, status: number): string {
  if (trunk.teams !== undefined)
    return status === 403
      ? `add ${trunk.teams.fqdn} in the Teams admin center (Voice, Direct Routing); its domain must be verified`
      : 'see https://status.office.com; the other datacentres are tried meanwhile';
  if (status === 403) return 'have the provider admit the address that this node sends from';
  return 'calls may work all the same: options.keepAlive.accept says which answers count as alive';
}

function* state({ trunk, ports }: Patient): Generator<Finding> {
  if (registers(trunk)) return;
  const { state: name = 'unknown', reason = '', since = '' } = ports.status(trunk.id) ?? {};
  if (name === 'offline' || name === 'rejected')
    yield found(
      'state',
      'failed',
      `${name} since ${since}: ${reason}`,
      'see what failed above; calls take other routes meanwhile',
    );
  else yield found('state', 'ok', name);
}

function* relay({ trunk, ports }: Patient): Generator<Finding> {
  const { media, mediaFallback } = trunk.options;
  if (media === 'never' || carriesMessagesAlone(trunk)) return;
  const relays = ports.relays();
  const up = relays.filter((each) => each.state === 'up');
  const isNeeded = media !== 'auto';
  if (up.length > 0) yield found('relay', 'ok', `${up.length} of ${relays.length} media relays answer`);
  else if (relays.length > 0)
    yield found(
      'relay',
      isNeeded && mediaFallback === 'refuse' ? 'failed' : 'warning',
      'no media relay answers',
      `start rtpengine again: ${relays.map(({ url }) => url).join(', ')}`,
    );
  else if (isNeeded)
    yield found(
      'relay',
      'failed',
      `media: ${media} needs a media relay, and the node has none`,
      'start rtpengine and name it in mediaRelays (docs/media.md)',
    );
}

function* rules({ trunk, ports }: Patient): Generator<Finding> {
  const directory = ports.directory();
  for (const { tenant: name } of trunk.assignments.slice(0, MAX_TENANTS)) {
    const isMeant = (reference: string) => directory.trunkFor(name, reference)?.id === trunk.id;
    const out = directory.outboundRules(name).some(({ routes }) => routes.some((route) => isMeant(route.trunk)));
    const inbound = directory.inboundRules(name, trunk.id).length;
    const missing = [...(out ? [] : ['outbound']), ...(inbound > 0 ? [] : ['inbound'])].join(' and no ');
    if (missing === '') yield found('rules', 'ok', 'calls are routed both ways', undefined, name);
    else yield found('rules', 'warning', `no ${missing} rule has the trunk`, 'make one, unless that is meant', name);
  }
}

/** In the order in which a call meets them. */
const CHECKS_IN_ORDER: readonly Check[] = [
  settings,
  all(located),
  egress,
  certificate,
  all(tls),
  registration,
  gateway,
  all(token),
  all(options),
  state,
  relay,
  rules,
];

const CLOCK = "check the machine's clock";

function all(check: (patient: Patient) => AsyncGenerator<Finding>): Check {
  return async (patient) => {
    const findings: Finding[] = [];
    for await (const finding of check(patient)) findings.push(finding);
    return findings;
  };
}

function found(check: CheckName, outcome: Outcome, message: string, advice?: string, subject?: string): Finding {
  return {
    check,
    outcome,
    message,
    ...(subject !== undefined && { subject }),
    ...(advice !== undefined && { advice }),
  };
}

function nameOf(to: Flow | Target): string {
  if ('send' in to) return `${to.transport} ${formatHost(to.remoteAddress)}:${to.remotePort}`;
  const { serverName, address, port, transport } = to;
  const place = `${transport} ${formatHost(address)}:${port}`;
  return serverName === undefined || serverName === address ? place : `${serverName} (${place})`;
}
