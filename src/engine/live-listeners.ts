/** What an engine listens on while it runs: opened at its start, added to and taken from without a restart. */
import type { Listen, NodeSettings } from '../settings/node-schema.ts';
import type { EndpointTransport } from '../sip/endpoint/index.ts';
import type { Listening, TransportName } from '../sip/transport/index.ts';
import type { Dealing, Workers } from './admit/dealing.ts';
import { allListeners, listenerId, listenerOptions } from './listeners.ts';
import type { Served } from './served.ts';

export interface LiveListenersOptions {
  readonly settings: NodeSettings;
  readonly transport: EndpointTransport;
  readonly served: Served;
  readonly workers: Workers | undefined;
  readonly dealing: Dealing | undefined;
}

/** Listeners that are open and not yet listened on for good. */
export interface ListenerChange {
  readonly added: number;
  readonly removed: number;
  /** What was listened on and is not any more takes no new messages; its connections end when their transactions have had their time. */
  commit(): void;
  /** Closes what was opened. */
  undo(): void;
}

const NO_CHANGE: ListenerChange = { added: 0, removed: 0, commit: () => {}, undo: () => {} };

export class LiveListeners {
  readonly #options: LiveListenersOptions;
  #inForce: readonly Listen[];

  constructor(options: LiveListenersOptions) {
    this.#options = options;
    this.#inForce = options.settings.listen;
  }

  /** As configured; of a listener whose other fields have changed since it was opened, what it was opened with. */
  get inForce(): readonly Listen[] {
    return this.#inForce;
  }

  /** The transports that there are. */
  get transports(): TransportName[] {
    return [...new Set(this.#inForce.map(({ transport }) => transport))];
  }

  has(name: string, transport: TransportName): boolean {
    return this.#inForce.some((listen) => listen.name === name && listen.transport === transport);
  }

  /** Opens all or none; throws a SettingsError that names the addresses at fault. */
  async open(): Promise<readonly Listening[]> {
    const { settings, transport, served, workers, dealing } = this.#options;
    const listening = await transport.open(allListeners(settings, workers, dealing));
    served.listensOn(listening, this.#inForce);
    return listening;
  }

  /**
   * Opens what `next` listens on beside, all or none; throws a SettingsError that names what cannot be opened. A listener is known by its name, else
   * its address: one that has other fields than before stays as it is. Workers share their ports from the start: there nothing changes.
   */
  async change(next: NodeSettings): Promise<ListenerChange> {
    const { transport, served, workers } = this.#options;
    if (workers !== undefined || transport.add === undefined) return NO_CHANGE;
    const before = byId(this.#inForce);
    const after = byId(next.listen);
    const added = next.listen.filter((listen) => !before.has(listenerId(listen)));
    const removed = this.#inForce.filter((listen) => !after.has(listenerId(listen)));
    if (added.length === 0 && removed.length === 0) return NO_CHANGE;
    await transport.add(added.map((listen) => listenerOptions(listen, next)));
    return {
      added: added.length,
      removed: removed.length,
      commit: () => {
        for (const listen of removed) transport.remove?.(listenerId(listen));
        this.#inForce = next.listen.map((listen) => before.get(listenerId(listen)) ?? listen);
        served.listensOn(transport.listening(), this.#inForce);
      },
      undo: () => {
        for (const listen of added) transport.remove?.(listenerId(listen));
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
    const files = byId(settings.listen);
    return () => {
      this.#inForce = this.#inForce.map((listen) => {
        const { certificate, key } = files.get(listenerId(listen)) ?? listen;
        return { ...listen, certificate, key };
      });
      for (const { id, certificate, key } of read)
        if (id !== undefined && certificate !== undefined && key !== undefined)
          transport.renewCertificate?.(id, certificate, key);
    };
  }
}

function byId(listen: readonly Listen[]): ReadonlyMap<string, Listen> {
  return new Map(listen.map((each) => [listenerId(each), each]));
}
