import { LinkedPlaces } from '../../base/linked-places.ts';

/** As its top Via and its method say; the host in lower case. */
interface Kept<S> {
  readonly key: string;
  readonly method: string;
  readonly sentByHost: string;
  readonly sentByPort: number | undefined;
  /** Tells it from others of its branch and Call-ID. */
  readonly copyMark: number;
  /** Of its key and Call-ID. */
  readonly keyHash: number;
  /** The next one in the same place. */
  nextOfKey: S | undefined;
}

/** A client that has more under way with one branch and Call-ID does it to have them looked through. */
const MOST_ALIKE = 32;

/**
 * The machines of requests, by key and Call-ID (RFC 3261 §17.2.3, §9.2). Of those that are alike the latest is found first. A hash is looked
 * up in place of the key, which V8 would make one of its unique strings, to be kept until the heap is marked.
 */
export class KeptServers<S extends Kept<S>> extends LinkedPlaces<S> {
  /** @param mark of the request that it is to be; undefined: of any */
  find(
    hash: number,
    key: string,
    host: string,
    port: number | undefined,
    method: string,
    mark?: number,
  ): S | undefined {
    let others = 0;
    let each = this.firstAt(hash);
    for (; each !== undefined && others < MOST_ALIKE; each = each.nextOfKey) {
      if (each.keyHash !== hash || !isOf(each, key, method, host, port)) continue;
      if (mark === undefined || each.copyMark === mark) return each;
      others++;
    }
    return undefined;
  }

  protected hashOf(server: S): number {
    return server.keyHash;
  }

  protected linkOf(server: S): S | undefined {
    return server.nextOfKey;
  }

  protected link(server: S, next: S | undefined): void {
    server.nextOfKey = next;
  }
}

/** Whether a known one is of this key and method, and its sent-by is this. */
function isOf<S>(known: Kept<S>, key: string, method: string, host: string, port: number | undefined): boolean {
  if (known.key !== key || known.method !== method || known.sentByPort !== port) return false;
  return host === known.sentByHost || host.toLowerCase() === known.sentByHost;
}
