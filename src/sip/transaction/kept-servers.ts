/** As its top Via and its method say; the host in lower case. */
interface Kept<S> {
  readonly key: string;
  readonly method: string;
  readonly sentByHost: string;
  readonly sentByPort: number | undefined;
  /** Another one with the same key. */
  nextOfKey: S | undefined;
}

/** The machines of requests, by key (RFC 3261 §17.2.3). Of those of one key the latest is found first. */
export class KeptServers<S extends Kept<S>> {
  /** First of those that have a key. */
  readonly #first = new Map<string, S>();

  find(key: string, host: string, port: number | undefined, method: string): S | undefined {
    let candidate = this.#first.get(key);
    while (candidate !== undefined && !(candidate.method === method && isSentBy(candidate, host, port)))
      candidate = candidate.nextOfKey;
    return candidate;
  }

  add(server: S): void {
    server.nextOfKey = this.#first.get(server.key);
    this.#first.set(server.key, server);
  }

  /** False: it was not there. */
  delete(server: S): boolean {
    let before: S | undefined;
    let each = this.#first.get(server.key);
    while (each !== undefined && each !== server) {
      before = each;
      each = each.nextOfKey;
    }
    if (each === undefined) return false;
    const after = server.nextOfKey;
    server.nextOfKey = undefined;
    if (before !== undefined) before.nextOfKey = after;
    else if (after !== undefined) this.#first.set(server.key, after);
    else this.#first.delete(server.key);
    return true;
  }

  clear(): void {
    this.#first.clear();
  }
}

/** Whether the sent-by of a request is that of a known one. */
function isSentBy<S>(known: Kept<S>, host: string, port: number | undefined): boolean {
  return port === known.sentByPort && (host === known.sentByHost || host.toLowerCase() === known.sentByHost);
}
