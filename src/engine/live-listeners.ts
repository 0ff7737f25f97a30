/** What an engine listens on while it runs: opened at its start, added to and taken from without a restart. */
import type { Listen, NodeSettings } from '../settings/node-schema.ts';
import type { EndpointTransport } from '../sip/endpoint/index.ts';
import { isWildcard, type Listening, type TransportName } from '../sip/transport/index.ts';
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
  /** The transports that there are once it is committed. */
  readonly transports: readonly TransportName[];
  /** What was listened on and is not any more takes no new messages; its connections end when their transactions have had their time. */
  commit(): void;
  /** Closes what was opened. */
  undo(): void;
}

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
    return transportsOf(this.#inForce);
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
   * by the address that it has: one with other fields than before stays as it is. Workers share their ports from the start: there nothing changes.
   */
  async change(next: NodeSettings): Promise<ListenerChange> {
    const { transport, served, workers } = this.#options;
    const before = this.#inForce;
    if (workers !== undefined || transport.add === undefined)
      return { added: 0, removed: 0, transports: transportsOf(before), commit: () => {}, undo: () => {} };
    const staying = stayingOf(before, next.listen);
    const added = next.listen.filter((listen) => !staying.has(listen));
    const stayed = new Set(staying.values());
    const removed = before.filter((listen) => !stayed.has(listen));
    const after = next.listen.map((listen) => staying.get(listen) ?? listen);
    await transport.add(added.map((listen) => listenerOptions(listen, next)));
    return {
      added: added.length,
      removed: removed.length,
      transports: transportsOf(after),
      commit: () => {
        for (const listen of removed) transport.remove?.(listenerId(listen));
        this.#inForce = after;
        served.listensOn(transport.listening(), after);
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
    const same = before.find((each) => !taken.has(each) && isOneSocket(each, listen));
    if (same === undefined) continue;
    staying.set(listen, same);
    taken.add(same);
  }
  return staying;
}

/** Whether both cannot be open at once. */
function isOneSocket(one: Listen, other: Listen): boolean {
  const isDatagram = (listen: Listen) => listen.transport === 'udp';
  if (one.port === 0 || one.port !== other.port || isDatagram(one) !== isDatagram(other)) return false;
  return one.host === other.host || isWildcard(one.host) || isWildcard(other.host);
}

function byId(listen: readonly Listen[]): ReadonlyMap<string, Listen> {
  return new Map(listen.map((each) => [listenerId(each), each]));
}
