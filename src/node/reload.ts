/** The files of a node read again while it runs: configuration, provisioning, certificates. All or nothing. */
import type { Api, ReloadReport } from '../api/index.ts';
import { SettingsError } from '../base/errors.ts';
import type { Engine } from '../engine/engine.ts';
import type { AuditLog, CallRecordLog, JsonLogger } from '../observe/index.ts';
import type { Provisioner } from '../provisioning/change/provisioner.ts';
import { refuseDemoPasswords } from '../settings/demo-passwords.ts';
import type { NodeSettings } from '../settings/node-schema.ts';
import type { TransportName } from '../sip/transport/index.ts';
import type { AddedTransports } from './added-transports.ts';
import { apiTls, isOfSystem, logLevel, problemOf, stirFiles } from './configuration.ts';
import type { ProvisioningFiles } from './provisioning-files.ts';
import { settingsReport } from './reload-report.ts';

/** What holds of the configuration. */
export interface InForce {
  /** As the last reload left it, or as the one under way is about to. */
  settings: NodeSettings;
  /** The transports that there are once the reload under way is done. */
  coming: readonly TransportName[] | undefined;
}

export interface ReloadsOptions {
  /** As the node began. */
  readonly started: NodeSettings;
  /** The configuration, read and with the certificates made that it asks for. */
  readonly read: () => Promise<NodeSettings>;
  readonly inForce: InForce;
  readonly engine: Engine;
  readonly provisioner: Provisioner;
  readonly files: ProvisioningFiles;
  readonly transports: AddedTransports;
  readonly records: CallRecordLog;
  readonly audit: AuditLog;
  readonly log: JsonLogger;
  /** New connections of the HTTP interface see this. */
  readonly renewHttp: Api['renewCertificate'];
}

export class Reloads {
  readonly #options: ReloadsOptions;
  /** One at a time: a signal may come while the HTTP interface has asked for the same. */
  #reloading: Promise<unknown> = Promise.resolve();

  constructor(options: ReloadsOptions) {
    this.#options = options;
  }

  /** Says what changed. Throws a SettingsError, or an UnavailableError; then everything is as it was. */
  reload(): Promise<ReloadReport> {
    const { log } = this.#options;
    const reloaded = this.#reloading
      .then(() => this.#readAgain())
      .catch((error: unknown) => {
        throw isOfSystem(error) ? new SettingsError([problemOf(error)]) : error;
      });
    this.#reloading = reloaded.then(
      (report) => log.info('reloaded', { ...report }),
      (error: Error) => log.error('reload-refused', { problems: error.message.split('\n') }),
    );
    return reloaded;
  }

  async #readAgain(): Promise<ReloadReport> {
    const { started, inForce, engine, provisioner, transports, records, audit, log } = this.#options;
    const next = await this.#options.read();
    const before = { ...inForce.settings, listen: [...engine.listeners.inForce] };
    // What may be refused comes first.
    const renewCertificates = engine.readCertificates(next);
    const { tls } = apiTls(next);
    const stir = stirFiles(next);
    refuseDemoPasswords(provisioner.directory.tenants, next);
    const listeners = await engine.listeners.change(next);
    const changed = await this.#applyFiles(next, listeners);
    listeners.commit();
    await transports.apply();
    if (listeners.removed > 0) this.#tellStranded(listeners.transports);
    engine.stir.apply(next.stir, stir);
    const { applied, needsRestart } = settingsReport(started, next, engine.listeners.inForce, before);
    renewCertificates();
    if (tls !== undefined) this.#options.renewHttp(tls);
    log.setLevel(logLevel(next));
    engine.media.relays.apply(next.mediaRelays);
    await Promise.all([records.reopen(), audit.reopen()]);
    return { applied: [...applied, ...changed], needsRestart };
  }

  /** What is provisioned is checked against what the configuration is about to be. */
  async #applyFiles(
    next: NodeSettings,
    listeners: { readonly transports: readonly TransportName[]; undo(): void },
  ): Promise<readonly string[]> {
    const { files, inForce } = this.#options;
    const before = inForce.settings;
    inForce.settings = next;
    inForce.coming = listeners.transports;
    try {
      return await files.apply(next, true);
    } catch (error) {
      inForce.settings = before;
      listeners.undo();
      throw error;
    } finally {
      inForce.coming = undefined;
    }
  }

  #tellStranded(transports: readonly TransportName[]): void {
    const { provisioner, log } = this.#options;
    const stranded = provisioner.directory.trunks.filter(
      ({ enabled, transport }) => enabled && !transports.includes(transport),
    );
    if (stranded.length > 0)
      log.warn('trunks-without-transport', { trunks: stranded.map(({ name }) => name).join(', ') });
  }
}
