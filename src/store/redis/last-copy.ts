import { readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../base/log.ts';
import type { ProvisionedState } from '../../trunks/provisioning-store.ts';
import type { Sealer } from '../sealer.ts';
import type { StoredToken, StoredWebhook } from '../stores.ts';

/** What a node needs to serve calls while Redis is away. */
export interface Copy {
  readonly storeId: string;
  readonly nonceSecret: string;
  readonly provisioned: ProvisionedState;
  readonly tokens: readonly StoredToken[];
  readonly webhooks: readonly StoredWebhook[];
}

const FILE = 'last-copy.json';
const FORMAT = 1;
const PLACE = 'last-copy';
const DELAY_MS = 200;

/** The copy in the node's folder: sealed, replaced as a whole, written a moment after each change. */
export class LastCopy {
  readonly #path: string;
  readonly #sealer: Sealer;
  readonly #log: Log;
  readonly #current: () => Copy;
  #timer: NodeJS.Timeout | undefined = undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(folder: string, sealer: Sealer, log: Log, current: () => Copy) {
    this.#path = join(folder, FILE);
    this.#sealer = sealer;
    this.#log = log;
    this.#current = current;
  }

  /** Undefined when there is none that this program and this key can read. */
  static read(folder: string, sealer: Sealer, log: Log): Copy | undefined {
    const path = join(folder, FILE);
    try {
      const { format, sealed } = JSON.parse(readFileSync(path, 'utf8')) as { format: number; sealed: string };
      if (format !== FORMAT) throw new Error(`format ${format} is not known`);
      return sealer.openJson<Copy>(PLACE, Buffer.from(sealed, 'base64'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        log.error('last-copy-unreadable', { path, error: String(error) });
      return undefined;
    }
  }

  changed(): void {
    this.#timer ??= setTimeout(() => this.#start(), DELAY_MS);
  }

  /** Writes what is pending. */
  async flush(): Promise<void> {
    if (this.#timer !== undefined) this.#start();
    await this.#writing;
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#writing
      .then(() => this.#write())
      .catch((error: Error) => this.#log.error('last-copy-not-written', { path: this.#path, error: error.message }));
  }

  async #write(): Promise<void> {
    const sealed = this.#sealer.sealJson(PLACE, this.#current()).toString('base64');
    const draft = `${this.#path}.new`;
    const file = await open(draft, 'w', 0o600);
    try {
      await file.writeFile(`${JSON.stringify({ format: FORMAT, sealed })}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, this.#path);
  }
}
