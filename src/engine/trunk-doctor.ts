/**
 * Looks at a trunk from this node: what can be checked is, in the order in which a call meets it, and what to do is said. Each check is a
 * function of its own; a type of trunk that has more to check adds one to {@link CHECKS_IN_ORDER}.
 */
import { X509Certificate } from 'node:crypto';
import { EgressError } from '../base/egress.ts';
import type { Clock } from '../base/scheduler.ts';
import type { MediaRelays } from '../media/index.ts';
import type { Trunk } from '../provisioning/trunk-settings/schema.ts';
import { whatsappCalls } from '../provisioning/trunk-settings/whatsapp.ts';
import type { EndpointTransport } from '../sip/endpoint/index.ts';
import type { Locator } from '../sip/locate/index.ts';
import { formatHost } from '../sip/message/index.ts';
import type { Flow, Target } from '../sip/transport/index.ts';
import { locatedNames } from '../trunks/address-watch.ts';
import type { CheckName, Examination, Finding, Outcome } from '../trunks/examination.ts';
import { registers } from '../trunks/health.ts';
import { hopOf } from '../trunks/hops.ts';
import { NOT_ASKED } from '../trunks/registration.ts';
import type { TrunkService } from '../trunks/trunk-service.ts';
import type { OutsideMessages } from './messaging.ts';
import type { Served } from './served.ts';

/** What of an engine a look at its trunks is taken with. */
export interface DoctorParts {
  readonly scheduler: Pick<Clock, 'wallMs'>;
  readonly served: Pick<Served, 'directory'>;
  readonly locator: Pick<Locator, 'locate'>;
  readonly endpoint: { readonly transport: Pick<EndpointTransport, 'tryTls' | 'refusal'> };
  readonly trunks: Pick<TrunkService, 'targets' | 'ping' | 'status'>;
  readonly messaging: { readonly outside: Pick<OutsideMessages, 'checkToken'> | undefined };
  readonly relays: Pick<MediaRelays, 'list'>;
}

/** What one check works with. */
interface Patient {
  readonly trunk: Trunk;
  readonly parts: DoctorParts;
  /** Where it is sent to; none when that is not known. */
  readonly targets: readonly (Flow | Target)[];
  /** Why there are none. */
  readonly nowhere: Error | undefined;
}

type Check = (patient: Patient) => Iterable<Finding> | Promise<Iterable<Finding>>;

const DAY_MS = 86_400_000;
/** Of many tenants the first. */
const MAX_TENANTS = 20;

/** The doctor of an engine's trunks. */
export class TrunkDoctor {
  readonly #parts: DoctorParts;
  /** Of each trunk one at a time: whoever asks meanwhile gets the same. */
  readonly #underWay = new Map<string, Promise<Examination>>();

  constructor(parts: DoctorParts) {
    this.#parts = parts;
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
    if (carriesMessagesAlone(trunk)) return { trunk, parts: this.#parts, targets: [], nowhere: undefined };
    try {
      const reach = await this.#parts.trunks.targets(trunk, hopOf(trunk));
      return { trunk, parts: this.#parts, targets: 'send' in reach ? [reach] : reach, nowhere: undefined };
    } catch (error) {
      return { trunk, parts: this.#parts, targets: [], nowhere: error as Error };
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

async function* located({ trunk, parts }: Patient): AsyncGenerator<Finding> {
  if (carriesMessagesAlone(trunk)) return;
  for (const { host, addresses } of locatedNames(parts.locator, trunk)) {
    try {
      const list = await addresses;
      yield found('dns', 'ok', `${host} is at ${list.join(', ')}`, undefined, host);
    } catch (error) {
      const [outcome, advice] = unlocated(trunk, host);
      yield found('dns', outcome, (error as Error).message, advice, host);
    }
  }
}

/** Calls go to the proxy: the host's own addresses are those that calls in may come from, where nothing else tells whose they are. */
function unlocated({ type, outboundProxy, associatedIps }: Trunk, host: string): readonly [Outcome, string?] {
  if (outboundProxy === undefined || host === outboundProxy.host)
    return ['failed', 'check the name, and that the servers of `dns.servers` know it'];
  if (type === 'register' || associatedIps.length > 0) return ['ok'];
  return ['warning', 'list in `associatedIps` where calls in come from, unless that is the proxy'];
}

function* egress({ nowhere }: Patient): Generator<Finding> {
  if (!(nowhere instanceof EgressError)) return;
  yield found('egress', 'failed', nowhere.message, 'the system admin may add the network to egress.allow of the node');
}

function* certificate({ trunk, parts, targets }: Patient): Generator<Finding> {
  const shown = parts.served.directory.tlsCertificateOf(trunk);
  const file = shown === undefined ? certificateOf(targets) : undefined;
  const name = shown?.name ?? trunk.tls.certificate;
  const leaf = shown?.leaf ?? file;
  if (leaf === undefined || name === undefined) return;
  const endsMs = leaf.validToDate.getTime();
  const leftMs = endsMs - parts.scheduler.wallMs();
  const ends = new Date(endsMs).toISOString();
  const advice = trunk.teams === undefined ? 'replace the file and reload' : 'upload a new one under the same name';
  if (leftMs <= 0) yield found('certificate', 'failed', `${name} ended at ${ends}`, advice, name);
  else if (leaf.validFromDate.getTime() > parts.scheduler.wallMs())
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

async function* tls({ targets, parts }: Patient): AsyncGenerator<Finding> {
  const { transport } = parts.endpoint;
  for (const target of targets) {
    if ('send' in target || target.transport !== 'tls' || transport.refusal?.(target) !== undefined) continue;
    const subject = nameOf(target);
    const trial = (await transport.tryTls?.(target)) ?? { kind: 'refused', reason: 'this node has no TLS' };
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
  if (/wrong name/.test(reason))
    return 'the host, or tls.serverName, must be a name in the certificate; tls.allowWildcard takes one with a wildcard';
  if (/refuses our|wants|expired|does not trust/.test(reason))
    return 'the peer does not take the certificate that is shown: its name, its end, and whether its chain is whole';
  if (/does not speak TLS/.test(reason)) return 'check port and transport';
  return 'check host and port, and whether a firewall lets the connection through';
}

function* registration({ trunk, parts }: Patient): Generator<Finding> {
  if (!registers(trunk)) return;
  const status = parts.trunks.status(trunk.id);
  const { state = 'unknown', reason = '', lastCode, registration } = status ?? {};
  const said = [lastCode, reason].filter((part) => part !== undefined && part !== '').join(' ');
  if (registration !== undefined)
    yield found('registration', 'ok', `registered at ${registration.server} for ${registration.grantedSeconds} s`);
  else if (state === 'online' || state === 'unknown')
    yield found('registration', 'ok', said === '' ? 'another node registers the trunk' : said);
  else if (reason === NOT_ASKED)
    yield found('registration', 'warning', said, 'the first REGISTER leaves within ten seconds: look again then');
  else {
    const advice =
      state === 'rejected'
        ? 'check authName and password with the provider, then have it tried again (POST …/retry)'
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

async function* token({ trunk, parts }: Patient): AsyncGenerator<Finding> {
  if (trunk.type !== 'whatsapp') return;
  if (trunk.whatsapp === undefined) {
    yield found('token', 'failed', 'the trunk has no number at WhatsApp', 'give it `whatsapp` settings');
    return;
  }
  const { phoneNumberId } = trunk.whatsapp;
  const why = await parts.messaging.outside?.checkToken(trunk.id);
  if (why === undefined) yield found('token', 'ok', 'WhatsApp takes the access token', undefined, phoneNumberId);
  else {
    const advice =
      'make a system user token with whatsapp_business_messaging at Meta, and check phoneNumberId and apiBase';
    yield found('token', 'failed', why, advice, phoneNumberId);
  }
}

async function* options({ trunk, targets, parts }: Patient): AsyncGenerator<Finding> {
  // WhatsApp promises no answer.
  if (trunk.type === 'whatsapp') return;
  const answers = await Promise.all(targets.map(async (to) => ({ to, answer: await parts.trunks.ping(trunk, to) })));
  for (const { to, answer } of answers) {
    const subject = nameOf(to);
    if (answer.kind === 'silent') {
      const why = answer.reason === 'no answer' ? '' : `: ${answer.reason}`;
      yield found('options', 'failed', `no answer${why}`, 'check host, port and firewall', subject);
    } else {
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

function* state({ trunk, parts }: Patient): Generator<Finding> {
  if (registers(trunk)) return;
  const { state: name = 'unknown', reason = '', since = '' } = parts.trunks.status(trunk.id) ?? {};
  if (name === 'offline' || name === 'rejected')
    yield found(
      'state',
      'failed',
      `${name} since ${since}: ${reason}`,
      'see what failed above; calls take other routes meanwhile',
    );
  else yield found('state', 'ok', name);
}

function* relay({ trunk, parts }: Patient): Generator<Finding> {
  const { media, mediaFallback } = trunk.options;
  if (media === 'never' || carriesMessagesAlone(trunk)) return;
  const relays = parts.relays.list();
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

function* rules({ trunk, parts }: Patient): Generator<Finding> {
  const directory = parts.served.directory;
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
