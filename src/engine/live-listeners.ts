/** What an engine listens on while it runs: opened at its start, added to and taken from without a restart. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { SettingsError } from '../base/errors.ts';
import type { Listen, NodeSettings } from '../settings/node-schema.ts';
import type { EndpointTransport } from '../sip/endpoint/index.ts';
import type { KeyPair, ListenerOptions, Listening, TransportName } from '../sip/transport/index.ts';
import type { Dealing, Workers } from './admit/dealing.ts';
import { allListeners, listenerId, listenerOptions, listenersOf, sharesPort } from './listeners.ts';
import type { Served } from './served.ts';

export interface LiveListenersOptions {
  readonly settings: NodeSettings;
  readonly transport: EndpointTransport;
  readonly served: Served;
  readonly workers?: Workers | undefined;
  readonly dealing: Dealing | undefined;
  /** Hears that what is listened on is not what it was. */
  readonly onChange: () => void;
}

/** A listener that no file names. */
export interface AddedListener {
  readonly listen: Listen;
  /** TLS: what it shows. */
  readonly pair?: KeyPair | undefined;
}

/** Listeners that are open and not yet listened on for good. */
export interface ListenerChange {
  readonly added: number;
  readonly removed: number;
  /** The transports that there are once it is committed. */
  readonly transports: readonly TransportName[];
  /** What was listened on and is not any more takes no new messages; its connections end when their transactions have had their time. */
  commit(): void;
  /** Closes what was opened. */
  undo(): void;
}

/** A file with a certificate chain, and what it held when it was read. */
interface ShownFile {
  readonly name: string;
  readonly chain: string;
}

export class LiveListeners {
  readonly #options: LiveListenersOptions;
  #inForce: readonly Listen[];
  readonly #added = new Map<string, AddedListener>();
  /** The certificate that each shows, PEM, by id. */
  readonly #chains = new Map<string, string>();
  #httpFile: ShownFile | undefined = undefined;

  constructor(options: LiveListenersOptions) {
    this.#options = options;
    this.#inForce = options.settings.listen;
  }

  /** As configured in the file; of a listener whose other fields have changed since it was opened, what it was opened with. */
  get inForce(): readonly Listen[] {
    return this.#inForce;
  }

  /** Those of the file, and those that were added. */
  get all(): readonly Listen[] {
    return this.#with(this.#inForce);
  }

  /** The transports that there are. */
  get transports(): TransportName[] {
    return transportsOf(this.all);
  }

  has(name: string, transport: TransportName): boolean {
    return this.all.some((listen) => listen.name === name && listen.transport === transport);
  }

  /** Opens all or none; throws a SettingsError that names the addresses at fault. */
  async open(): Promise<readonly Listening[]> {
    const { settings, transport, served, workers, dealing } = this.#options;
    const options = allListeners(settings, workers, dealing);
    const listening = await transport.open(options);
    this.#shows(options);
    this.#httpFile = httpFileOf(settings);
    served.listensOn(listening, this.#inForce);
    this.#options.onChange();
    return listening;
  }

  /** What each says of itself, as it is now. */
  list() {
    return listenersOf(this.#options.served.listening, this.all, this.#chains);
  }

  /** The ends of the certificates that are shown out of files, that of the HTTP interface too, by the file. */
  certificateFiles(): readonly { readonly name: string; readonly notAfterMs: number }[] {
    const files = this.#inForce.map((listen) => ({
      name: listen.certificate,
      chain: this.#chains.get(listenerId(listen)),
    }));
    return [...files, ...(this.#httpFile === undefined ? [] : [this.#httpFile])].flatMap(({ name, chain }) => {
      const notAfterMs = chain === undefined ? undefined : endMsOf(chain);
      return name === undefined || notAfterMs === undefined ? [] : [{ name, notAfterMs }];
    });
  }

  /** Opens one that no file names. Throws a SettingsError whose path is the field at fault. */
  async add(added: AddedListener): Promise<void> {
    const { settings, transport } = this.#options;
    const { listen, pair } = added;
    const certificate = pair === undefined ? {} : { certificate: pair.cert, key: pair.key };
    const options = { ...listenerOptions(listen, settings), ...certificate };
    try {
      await transport.add?.([options]);
    } catch (error) {
      if (!(error instanceof SettingsError)) throw error;
      throw new SettingsError(
        error.problems.map((problem) => ({ ...problem, path: problem.path.replace(/^listen\[0\]\.?/, '') })),
      );
    }
    this.#added.set(listenerId(listen), added);
    this.#shows([options]);
    this.#changed();
  }

  /** Leaves one that was added, as {@link ListenerChange.commit} does. */
  leave(id: string): void {
    if (!this.#added.delete(id)) return;
    this.#chains.delete(id);
    this.#options.transport.remove?.(id);
    this.#changed();
  }

  /** New handshakes with one that was added see this. Throws when the pair does not fit. */
  renew(id: string, pair: KeyPair): void {
    const added = this.#added.get(id);
    if (added === undefined) return;
    this.#options.transport.renewCertificate?.(id, pair.cert, pair.key);
    this.#added.set(id, { ...added, pair });
    this.#chains.set(id, pair.cert);
  }

  /**
   * Opens what `next` listens on beside, all or none; throws a SettingsError that names what cannot be opened. A listener is known by its name, else
   * by the address that it has: one with other fields than before stays as it is. Workers share their ports from the start: there nothing changes.
   */
  async change(next: NodeSettings): Promise<ListenerChange> {
    const { transport, workers } = this.#options;
    const before = this.#inForce;
    if (workers !== undefined || transport.add === undefined)
      return { added: 0, removed: 0, transports: this.transports, commit: () => {}, undo: () => {} };
    this.#refuseAdded(next.listen);
    const staying = stayingOf(before, next.listen);
    const added = next.listen.filter((listen) => !staying.has(listen));
    const stayed = new Set(staying.values());
    const removed = before.filter((listen) => !stayed.has(listen));
    const after = next.listen.map((listen) => staying.get(listen) ?? listen);
    const options = added.map((listen) => listenerOptions(listen, next));
    await transport.add(options);
    return {
      added: added.length,
      removed: removed.length,
      transports: transportsOf(this.#with(after)),
      commit: () => {
        for (const listen of removed) {
          this.#chains.delete(listenerId(listen));
          transport.remove?.(listenerId(listen));
        }
        this.#inForce = after;
        this.#shows(options);
        this.#changed();
      },
      undo: () => {
        for (const listen of added) transport.discard?.(listenerId(listen));
      },
    };
  }

  /**
   * Reads the certificates of the TLS listeners again. Throws when a file cannot be read; what is returned puts them in force. Connections go on with
   * what they have.
   */
  readCertificates(settings: NodeSettings): () => void {
    const { transport, workers, dealing } = this.#options;
    const read = allListeners(settings, workers, dealing);
    const httpFile = httpFileOf(settings);
    return () => {
      this.#httpFile = httpFile;
      // One that has another name or address in the file is open under the one that it had.
      const staying = stayingOf(this.#inForce, settings.listen);
      const openAs = new Map(Array.from(staying, ([wanted, open]) => [listenerId(wanted), listenerId(open)]));
      const files = new Map(Array.from(staying, ([wanted, open]) => [open, wanted]));
      this.#inForce = this.#inForce.map((listen) => {
        const { certificate, key } = files.get(listen) ?? listen;
        return { ...listen, certificate, key };
      });
      for (const { id, certificate, key } of read) {
        if (id === undefined || certificate === undefined || key === undefined) continue;
        const open = openAs.get(id) ?? id;
        transport.renewCertificate?.(open, certificate, key);
        this.#chains.set(open, certificate);
      }
    };
  }

  #with(configured: readonly Listen[]): readonly Listen[] {
    return [...configured, ...Array.from(this.#added.values(), ({ listen }) => listen)];
  }

  #shows(opened: readonly ListenerOptions[]): void {
    for (const { id, certificate } of opened)
      if (id !== undefined && certificate !== undefined) this.#chains.set(id, certificate);
  }

  /** What was added stands in the way of a file that names the same. */
  #refuseAdded(listen: readonly Listen[]): void {
    const problems = listen.flatMap((wanted, index) => {
      const other = Array.from(this.#added.values()).find(
        ({ listen: added }) => listenerId(added) === listenerId(wanted) || sharesPort(added, wanted),
      );
      if (other === undefined) return [];
      const name = listenerId(other.listen);
      const message = `the transport "${name}", which was added while the node runs, has this name or address: remove it first (tandem transports remove "${name}")`;
      return [{ code: 'listener-twice', path: `listen[${index}]`, message }];
    });
    if (problems.length > 0) throw new SettingsError(problems);
  }

  #changed(): void {
    const { transport, served, onChange } = this.#options;
    served.listensOn(transport.listening(), this.all);
    onChange();
  }
}

/** What the HTTP interface shows; it reads the file when those of listeners are read, and says itself where it cannot. */
function httpFileOf({ api: { enabled, certificate } }: NodeSettings): ShownFile | undefined {
  if (!enabled || certificate === undefined) return undefined;
  try {
    return { name: certificate, chain: readFileSync(certificate, 'utf8') };
  } catch {
    return undefined;
  }
}

/** Undefined for what cannot be read: that is told where it is to be shown. */
function endMsOf(chain: string): number | undefined {
  try {
    return new X509Certificate(chain).validToDate.getTime();
  } catch {
    return undefined;
  }
}

function transportsOf(listen: readonly Listen[]): TransportName[] {
  return [...new Set(listen.map(({ transport }) => transport))];
}

/** Of each listener that is wanted the one that is there already: of its id, else of its socket, whose name or address has changed. */
function stayingOf(before: readonly Listen[], wanted: readonly Listen[]): ReadonlyMap<Listen, Listen> {
  const known = byId(before);
  const staying = new Map<Listen, Listen>();
  for (const listen of wanted) {
    const same = known.get(listenerId(listen));
    if (same !== undefined) staying.set(listen, same);
  }
  const taken = new Set(staying.values());
  for (const listen of wanted) {
    if (staying.has(listen)) continue;
    const same = before.find((each) => !taken.has(each) && sharesPort(each, listen));
    if (same === undefined) continue;
    staying.set(listen, same);
    taken.add(same);
  }
  return staying;
}

function byId(listen: readonly Listen[]): ReadonlyMap<string, Listen> {
  return new Map(listen.map((each) => [listenerId(each), each]));
}
