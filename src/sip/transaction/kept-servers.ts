import { secretHash } from '../../base/shelf.ts';

/** As its top Via and its method say; the host in lower case. */
interface Kept<S> {
  readonly key: string;
  readonly method: string;
  readonly sentByHost: string;
  readonly sentByPort: number | undefined;
  /** Another one whose key has the same hash. */
  nextOfKey: S | undefined;
}

/**
 * The machines of requests, by key (RFC 3261 §17.2.3). Of those of one key the latest is found first. A hash is looked up in place of the key,
 * which V8 would make one of its unique strings, to be kept until the heap is marked.
 */
export class KeptServers<S extends Kept<S>> {
  /** First of those whose keys have a hash. */
  readonly #first = new Map<number, S>();

  find(key: string, host: string, port: number | undefined, method: string): S | undefined {
    let candidate = this.#first.get(secretHash(key));
    while (candidate !== undefined && !isOf(candidate, key, method, host, port)) candidate = candidate.nextOfKey;
    return candidate;
  }

  add(server: S): void {
    const hash = secretHash(server.key);
    server.nextOfKey = this.#first.get(hash);
    this.#first.set(hash, server);
  }

  /** False: it was not there. */
  delete(server: S): boolean {
    const hash = secretHash(server.key);
    let before: S | undefined;
    let each = this.#first.get(hash);
    while (each !== undefined && each !== server) {
      before = each;
      each = each.nextOfKey;
    }
    if (each === undefined) return false;
    const after = server.nextOfKey;
    server.nextOfKey = undefined;
    if (before !== undefined) before.nextOfKey = after;
    else if (after !== undefined) this.#first.set(hash, after);
    else this.#first.delete(hash);
    return true;
  }

  clear(): void {
    this.#first.clear();
  }
}

/** Whether a known one is of this key and method, and its sent-by is this. */
function isOf<S>(known: Kept<S>, key: string, method: string, host: string, port: number | undefined): boolean {
  if (known.key !== key || known.method !== method || known.sentByPort !== port) return false;
  return host === known.sentByHost || host.toLowerCase() === known.sentByHost;
}
