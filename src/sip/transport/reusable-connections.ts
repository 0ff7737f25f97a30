/** The connections that are there for requests to come (RFC 5923), by what they may be used for. */
import { createHash } from 'node:crypto';
import type { Flow, Target, TlsCredentials } from './types.ts';

type Connection = Pick<Flow, 'transport' | 'listenerId' | 'remoteAddress' | 'remotePort' | 'closed'>;

export class ReusableConnections<F extends Connection> {
  /** By {@link keyOf}: what a request to that target may use. */
  readonly #byKey = new Map<string, F>();
  /** Keys in `#byKey` per connection, for the end of the connection. */
  readonly #keysOf = new Map<F, string[]>();
  /** Tells credentials apart in keys: a connection made with one trunk's certificate is not another trunk's. */
  readonly #credentialIds = new WeakMap<TlsCredentials, string>();

  /** A connection from one listener is not another's: a peer may know us by the address that it comes from. */
  keyOf(target: Target, listenerId = ''): string {
    const { transport, address, port } = target;
    const place = `${transport}|${address}|${port}|${listenerId}`;
    if (transport !== 'tls') return place;
    return `${place}|${(target.serverName ?? address).toLowerCase()}|${this.#credentialId(target.tls)}`;
  }

  /** The one that is open. */
  open(key: string): F | undefined {
    const flow = this.#byKey.get(key);
    return flow?.closed === true ? undefined : flow;
  }

  add(key: string, flow: F): void {
    this.#byKey.set(key, flow);
    const keys = this.#keysOf.get(flow);
    if (keys === undefined) this.#keysOf.set(flow, [key]);
    else keys.push(key);
  }

  /** Nothing uses it any more. */
  delete(flow: F): void {
    for (const key of this.#keysOf.get(flow) ?? []) if (this.#byKey.get(key) === flow) this.#byKey.delete(key);
    this.#keysOf.delete(flow);
  }

  /** Nothing uses those of a listener any more. */
  deleteOf(listenerId: string): void {
    for (const [key, flow] of this.#byKey) if (flow.listenerId === listenerId) this.#byKey.delete(key);
  }

  /** Nothing uses those to a target any more; these they are. */
  take({ transport, address, port }: Pick<Target, 'transport' | 'address' | 'port'>): F[] {
    const taken = Array.from(this.#keysOf.keys()).filter(
      (flow) => flow.transport === transport && flow.remoteAddress === address && flow.remotePort === port,
    );
    for (const flow of taken) this.delete(flow);
    return taken;
  }

  #credentialId(credentials: TlsCredentials | undefined): string {
    if (credentials === undefined) return '';
    let id = this.#credentialIds.get(credentials);
    if (id === undefined) {
      const { cert, key, ca, verify, allowWildcard } = credentials;
      id = createHash('sha256')
        .update(JSON.stringify([cert, key, ca, verify, allowWildcard]))
        .digest('base64');
      this.#credentialIds.set(credentials, id);
    }
    return id;
  }
}
