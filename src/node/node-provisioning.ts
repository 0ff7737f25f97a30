/** What is provisioned on a node: by the store, its files, and whoever changes it while it runs. */
import { SettingsError } from '../base/errors.ts';
import type { Engine } from '../engine/engine.ts';
import type { MessageService } from '../messages/index.ts';
import { Provisioner } from '../provisioning/change/provisioner.ts';
import type { Directory } from '../provisioning/directory/directory.ts';
import { refuseUnknownDefaultTenant } from '../settings/default-tenant.ts';
import { refuseDemoPasswords } from '../settings/demo-passwords.ts';
import { configurationFile, transportsOf, verifiesCalls } from '../settings/load.ts';
import type { TransportName } from '../sip/transport/index.ts';
import { AddedTransports } from './added-transports.ts';
import type { NodeParts } from './node-options.ts';
import { ProvisioningFiles } from './provisioning-files.ts';
import type { InForce } from './reload.ts';
import type { Watching } from './watching.ts';

export class NodeProvisioning {
  readonly provisioner: Provisioner;
  readonly files: ProvisioningFiles;
  readonly transports: AddedTransports;
  readonly inForce: InForce;
  /** Follow what is provisioned, once they are there. */
  engine: Engine | undefined = undefined;
  messages: MessageService | undefined = undefined;
  readonly #parts: NodeParts;

  constructor(parts: NodeParts, { audit }: Watching) {
    const { options, environment, settings, scheduler, log, stores } = parts;
    this.#parts = parts;
    this.inForce = { settings, coming: undefined };
    this.transports = new AddedTransports({
      settings,
      scheduler,
      log,
      listeners: () => this.engine?.listeners,
      directory: () => this.provisioner.directory,
      configFile: configurationFile(options.configFile, environment),
      workers: options.worker?.workers.count ?? 1,
    });
    this.provisioner = new Provisioner({
      store: stores.provisioning,
      log,
      context: this.#context(),
      onDirectory: (directory) => this.#follow(directory),
      // At the start nobody waits for the DNS: what it makes coincide then is told as an alarm.
      locate: async (trunks) => (await this.engine?.trunks.networksWith(trunks)) ?? (() => []),
    });
    this.files = new ProvisioningFiles(this.provisioner, audit, environment);
  }

  get directory(): Directory {
    return this.provisioner.directory;
  }

  /** Reads the store, then the files. Throws a SettingsError. */
  async load(): Promise<void> {
    const { settings, log, stores } = this.#parts;
    await this.provisioner.load();
    // Without the store a node serves the copy it has: what the files would change waits for a reload.
    await this.files.apply(settings, false).catch((error: Error) => {
      if (error instanceof SettingsError || stores.problems().length === 0) throw error;
      log.error('provisioning-files-not-applied', { error: error.message });
    });
    const { tenants } = this.directory;
    refuseDemoPasswords(tenants, settings);
    refuseUnknownDefaultTenant(
      settings,
      tenants.map(({ name }) => name),
    );
  }

  /** What trunks may count on: read when something is checked. */
  #context(): { readonly transports: ReadonlySet<TransportName>; readonly verifiesCalls: boolean } {
    const open = () => this.inForce.coming ?? this.engine?.listeners.transports ?? transportsOf(this.#parts.settings);
    const added = () => this.transports.transports;
    const { inForce } = this;
    return {
      get transports() {
        return new Set([...open(), ...added()]);
      },
      get verifiesCalls() {
        return verifiesCalls(inForce.settings);
      },
    };
  }

  #follow(directory: Directory): void {
    this.engine?.apply(directory);
    this.messages?.apply();
    if (this.engine !== undefined) void this.transports.apply();
  }
}
