/** Transport Management: listeners that system admins add and remove while the node runs. */
import type { Listener, TransportOutcome, TransportsPort } from '../api/index.ts';
import { type Problem, SettingsError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { OneAtATime } from '../base/one-at-a-time.ts';
import type { Scheduler, Timer } from '../base/scheduler.ts';
import { listenerId, sharesPort } from '../engine/listeners.ts';
import type { LiveListeners } from '../engine/live-listeners.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import { certificateIn } from '../provisioning/directory/places.ts';
import type { CertificateSettings } from '../provisioning/trunk-settings/certificate-schema.ts';
import { tlsCertificate } from '../provisioning/trunk-settings/tls-certificates.ts';
import { demoPasswordProblem, openDoor } from '../settings/demo-passwords.ts';
import { type AddedTransport, readTransports, writeTransports } from '../settings/kept-transports.ts';
import type { Listen, NodeSettings } from '../settings/node-schema.ts';

/** How often one that could not be opened is tried again: an address may come later than the node. */
const RETRY_MS = 30_000;

export interface AddedTransportsOptions {
  /** As they were at the start. */
  readonly settings: NodeSettings;
  readonly scheduler: Scheduler;
  readonly log: Log;
  /** Undefined until there is an engine. */
  readonly listeners: () => LiveListeners | undefined;
  readonly directory: () => Directory;
  /** The configuration file, for people. */
  readonly configFile: string;
  /** How many processes share the ports. */
  readonly workers: number;
}

/** One as it is kept. */
interface Kept {
  readonly wanted: AddedTransport;
  /** What it shows, as provisioned; of one that is open. */
  certificate?: CertificateSettings | undefined;
  isOpen: boolean;
  /** What is wrong with it at the moment. */
  problem?: string | undefined;
}

export class AddedTransports implements TransportsPort {
  readonly #options: AddedTransportsOptions;
  readonly #kept = new Map<string, Kept>();
  /** Why the file of this node cannot be used. */
  readonly #unreadable: string | undefined;
  /** One change at a time. */
  readonly #changes = new OneAtATime();
  #retry: Timer | undefined;

  constructor(options: AddedTransportsOptions) {
    this.#options = options;
    const { transports, problem } = readTransports(options.settings.store.path);
    this.#unreadable = problem;
    for (const wanted of transports) this.#kept.set(wanted.name, { wanted, isOpen: false });
  }

  /** The transports that trunks may count on, open at the moment or not. */
  get transports(): readonly AddedTransport['transport'][] {
    return Array.from(this.#kept.values(), ({ wanted }) => wanted.transport);
  }

  /** Opens what is kept. What cannot be opened is told and tried again later: it neither keeps a node from starting nor is it lost. */
  async start(): Promise<void> {
    if (this.#unreadable !== undefined)
      this.#options.log.error('transports-not-read', { reason: this.#unreadable, transports: 'none was opened' });
    await this.#changes.run(() => this.#openAll());
  }

  /** Tries what is not open, and shows certificates as they are provisioned now. */
  async apply(): Promise<void> {
    await this.#changes.run(() => this.#openAll());
  }

  close(): void {
    this.#retry?.cancel();
  }

  /** As in `/readyz`. */
  problems(): readonly string[] {
    const isWhole =
      this.#unreadable === undefined && [...this.#kept.values()].every(({ problem }) => problem === undefined);
    return isWhole ? [] : ['transport-not-open'];
  }

  list(): readonly Listener[] {
    const open = this.#options.listeners()?.list() ?? [];
    const listed = open.map((listener): Listener => {
      const kept = this.#kept.get(listener.id);
      if (kept === undefined || !kept.isOpen) return { ...listener, managedBy: this.#options.configFile };
      return { ...listener, ...stateOf(kept) };
    });
    const closed = [...this.#kept.values()].filter(({ isOpen }) => !isOpen);
    return [...listed, ...closed.map((kept) => ({ ...shownClosed(kept.wanted), ...stateOf(kept) }))];
  }

  add(wanted: AddedTransport): Promise<TransportOutcome> {
    return this.#changes.run(() => this.#add(wanted));
  }

  remove(id: string): Promise<TransportOutcome> {
    return this.#changes.run(async () => this.#remove(id));
  }

  async #add(wanted: AddedTransport): Promise<TransportOutcome> {
    const conflict = this.#whyNotChanged();
    if (conflict !== undefined) return conflict;
    const problems = [...this.#collisions(wanted), ...this.#certificateProblems(wanted), ...this.#openDoors(wanted)];
    if (problems.length > 0) return { outcome: 'refused', problems };
    const kept: Kept = { wanted, isOpen: false };
    try {
      await this.#open(kept);
    } catch (error) {
      if (error instanceof SettingsError) return { outcome: 'refused', problems: error.problems };
      throw error;
    }
    try {
      writeTransports(
        this.#options.settings.store.path,
        [...this.#kept.values(), kept].map((each) => each.wanted),
      );
    } catch (error) {
      this.#options.listeners()?.leave(wanted.name);
      return { outcome: 'unavailable', reason: `it cannot be kept: ${(error as Error).message}` };
    }
    this.#kept.set(wanted.name, kept);
    this.#options.log.info('transport-added', factsOf(wanted));
    return { outcome: 'done', transport: this.#listed(wanted.name) };
  }

  #remove(id: string): TransportOutcome {
    const kept = this.#kept.get(id);
    const transport = this.#listed(id);
    if (transport === undefined) return { outcome: 'unknown' };
    if (kept === undefined || transport.managedBy !== undefined) {
      const reason = `${id} is in the configuration of this node: take it out of \`listen\` in ${this.#options.configFile} and reload`;
      return { outcome: 'conflict', code: 'managed-by-file', reason };
    }
    const conflict = this.#whyNotChanged() ?? this.#whyNeeded(kept.wanted);
    if (conflict !== undefined) return conflict;
    const rest = [...this.#kept.values()].filter((each) => each !== kept);
    try {
      writeTransports(
        this.#options.settings.store.path,
        rest.map(({ wanted }) => wanted),
      );
    } catch (error) {
      return { outcome: 'unavailable', reason: `the removal cannot be kept: ${(error as Error).message}` };
    }
    this.#kept.delete(id);
    if (kept.isOpen) this.#options.listeners()?.leave(id);
    this.#options.log.info('transport-removed', factsOf(kept.wanted));
    return { outcome: 'done', transport };
  }

  #whyNotChanged(): TransportOutcome | undefined {
    const { workers, configFile } = this.#options;
    if (workers > 1)
      return {
        outcome: 'conflict',
        code: 'transports-of-workers',
        reason: `the ${workers} workers of this node share its ports from their start: change \`listen\` in ${configFile} and restart it`,
      };
    if (this.#unreadable === undefined) return undefined;
    return {
      outcome: 'conflict',
      code: 'transports-unreadable',
      reason: `${this.#unreadable}; repair or remove the file, and restart the node`,
    };
  }

  /** Trunks that would have nothing to send from. */
  #whyNeeded({ name, transport }: AddedTransport): TransportOutcome | undefined {
    const others = [...this.#listens()].filter((listen) => listenerId(listen) !== name);
    const isLast = !others.some((listen) => listen.transport === transport);
    const trunks = this.#options
      .directory()
      .trunks.filter((trunk) => trunk.options.listener === name || (isLast && trunk.transport === transport));
    if (trunks.length === 0) return undefined;
    const [shown, more] = [trunks.slice(0, 10).map((trunk) => trunk.name), trunks.length - 10];
    const names = `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
    return {
      outcome: 'conflict',
      code: 'transport-in-use',
      reason: `${name} is used by ${trunks.length === 1 ? 'the trunk' : 'the trunks'} ${names}: give them another transport or listener first`,
    };
  }

  #collisions(wanted: AddedTransport): Problem[] {
    const listen = listenOf(wanted);
    const problems: Problem[] = [];
    for (const other of this.#listens()) {
      const id = listenerId(other);
      if (id === wanted.name)
        problems.push({ code: 'listener-name-taken', path: 'name', message: `there is already a transport "${id}"` });
      else if (sharesPort(other, listen)) {
        const message = `${wanted.host} port ${wanted.port} is already listened on by "${id}"`;
        problems.push({ code: 'listener-twice', path: 'port', message });
      }
    }
    return problems;
  }

  #certificateProblems({ certificate }: AddedTransport): Problem[] {
    if (certificate === undefined) return [];
    const report = (code: string, message: string) => [{ code, path: 'certificate', message }];
    const found = certificateIn(this.#options.directory().provisioning, certificate);
    // A tenant's certificate speaks for the tenant, not for the node.
    if (found === undefined) return report('unknown-certificate', `there is no certificate "${certificate}"`);
    if (found.owner !== 'system')
      return report('certificate-not-permitted', `"${certificate}" belongs to a tenant: it must be the system's`);
    if (found.use !== 'tls') return report('certificate-use', `"${certificate}" signs calls: it must have use: tls`);
    if (tlsCertificate(found).notAfterMs <= this.#options.scheduler.wallMs())
      return report('certificate-ended', `"${certificate}" has ended: renew it first`);
    return [];
  }

  async #openAll(): Promise<void> {
    this.#retry?.cancel();
    this.#retry = undefined;
    for (const kept of this.#kept.values()) {
      const problem = await this.#follow(kept);
      if (problem !== kept.problem) this.#tell(kept, problem);
      kept.problem = problem;
    }
    if (this.#options.workers === 1 && [...this.#kept.values()].some(({ isOpen }) => !isOpen))
      this.#retry = this.#options.scheduler.schedule(RETRY_MS, { onTimer: () => void this.apply() }, 0);
  }

  /** Has one be as it is kept; returns what is wrong with it. */
  async #follow(kept: Kept): Promise<string | undefined> {
    const { wanted, isOpen } = kept;
    if (this.#options.workers > 1) return 'workers share their ports from the start: name it in `listen`';
    const [faulty] = isOpen ? this.#missingCertificate(wanted) : this.#obstacles(wanted);
    if (faulty !== undefined) return faulty.message;
    try {
      if (!isOpen) await this.#open(kept);
      else this.#renew(kept);
      return undefined;
    } catch (error) {
      return error instanceof SettingsError ? error.problems.map(({ message }) => message).join('; ') : String(error);
    }
  }

  /** What keeps one from being opened again, beside the machine. */
  #obstacles(wanted: AddedTransport): Problem[] {
    return [...this.#ofFile(wanted), ...this.#missingCertificate(wanted), ...this.#openDoors(wanted)];
  }

  /** Passwords that everybody knows are good on loopback addresses alone. */
  #openDoors(wanted: AddedTransport): Problem[] {
    const { settings, directory } = this.#options;
    const door = openDoor({ ...settings, listen: [wanted] });
    const problem = demoPasswordProblem(directory().tenants, door);
    return problem === undefined ? [] : [{ ...problem, path: 'host' }];
  }

  /** One whose certificate has ended goes on: it is for its callers to judge. */
  #missingCertificate(wanted: AddedTransport): Problem[] {
    return this.#certificateProblems(wanted).filter(({ code }) => code !== 'certificate-ended');
  }

  /** Collisions with what the file names. */
  #ofFile(wanted: AddedTransport): Problem[] {
    const [name, listen] = [wanted.name, listenOf(wanted)];
    const other = this.#options
      .listeners()
      ?.inForce.find((each) => listenerId(each) === name || sharesPort(each, listen));
    if (other === undefined) return [];
    const message = `"${listenerId(other)}" of the configuration file has its name or address`;
    return [{ code: 'listener-twice', path: 'port', message }];
  }

  async #open(kept: Kept): Promise<void> {
    const certificate = this.#certificateOf(kept.wanted);
    await this.#options.listeners()?.add({ listen: listenOf(kept.wanted), pair: pairOf(certificate) });
    kept.isOpen = true;
    kept.certificate = certificate;
  }

  #renew(kept: Kept): void {
    const certificate = this.#certificateOf(kept.wanted);
    const pair = pairOf(certificate);
    if (certificate === kept.certificate || pair === undefined) return;
    this.#options.listeners()?.renew(kept.wanted.name, pair);
    kept.certificate = certificate;
    this.#options.log.info('transport-certificate-renewed', factsOf(kept.wanted));
  }

  #certificateOf({ certificate }: AddedTransport): CertificateSettings | undefined {
    return certificate === undefined ? undefined : certificateIn(this.#options.directory().provisioning, certificate);
  }

  #tell({ wanted, isOpen }: Kept, problem: string | undefined): void {
    const { log } = this.#options;
    const facts = { ...factsOf(wanted), reason: problem };
    if (problem === undefined) log.info('transport-open', factsOf(wanted));
    else if (isOpen) log.error('transport-certificate-missing', facts);
    else log.error('transport-not-open', facts);
  }

  /** All that are listened on, or kept. */
  *#listens(): Iterable<Listen> {
    yield* this.#options.listeners()?.inForce ?? [];
    for (const { wanted } of this.#kept.values()) yield listenOf(wanted);
  }

  #listed(id: string): Listener | undefined {
    const found = this.list().filter((listener) => listener.id === id);
    return found.find(({ managedBy }) => managedBy === undefined) ?? found[0];
  }
}

function listenOf({
  certificate: _name,
  clientCertificate = 'none',
  minVersion = 'TLSv1.2',
  ...listen
}: AddedTransport): Listen {
  return { ...listen, selfSigned: false, clientCertificate, minVersion };
}

function pairOf(certificate: CertificateSettings | undefined) {
  return certificate === undefined ? undefined : tlsCertificate(certificate);
}

function shownClosed({ name, transport, host, port, publicHost, publicPort }: AddedTransport): Listener {
  return {
    id: name,
    transport,
    host,
    port,
    ...(publicHost === undefined ? {} : { publicHost }),
    ...(publicPort === undefined ? {} : { publicPort }),
  };
}

function stateOf({ wanted, problem }: Kept) {
  return {
    ...(wanted.certificate === undefined ? {} : { certificateName: wanted.certificate }),
    ...(problem === undefined ? {} : { problem }),
  };
}

function factsOf({ name, transport, host, port }: AddedTransport) {
  return { transport: name, protocol: transport, host, port };
}
