import { secretHash } from '../../base/shelf.ts';

/** As its top Via and its method say; the host in lower case. */
interface Kept<S> {
  readonly key: string;
  readonly method: string;
  readonly sentByHost: string;
  readonly sentByPort: number | undefined;
  /** Tells it from others of its branch. */
  readonly copyMark: number;
  /** The map's own: of its key, while it is kept. */
  keyHash: number;
  /** The next one in the same place. */
  nextOfKey: S | undefined;
}

const FIRST_PLACES = 64;
/** A client that has more under way with one branch does it to have them looked through. */
const MOST_OF_ONE_BRANCH = 32;

/**
 * The machines of requests, by key (RFC 3261 §17.2.3). Of those of one key the latest is found first. A hash is looked up in place of the key,
 * which V8 would make one of its unique strings, to be kept until the heap is marked. They are linked in place and in no Map: one whose entries
 * come and go is made anew all the time, and where one of its former tables has grown old so does all that was in the later ones.
 */
export class KeptServers<S extends Kept<S>> {
  #places: (S | undefined)[] = new Array(FIRST_PLACES).fill(undefined);
  #size = 0;

  /** @param mark of the request that it is to be; undefined: of any */
  find(key: string, host: string, port: number | undefined, method: string, mark?: number): S | undefined {
    let others = 0;
    let each = this.#places[this.#placeOf(secretHash(key))];
    for (; each !== undefined && others < MOST_OF_ONE_BRANCH; each = each.nextOfKey) {
      if (!isOf(each, key, method, host, port)) continue;
      if (mark === undefined || each.copyMark === mark) return each;
      others++;
    }
    return undefined;
  }

  add(server: S): void {
    if (this.#size === this.#places.length) this.#spread();
    server.keyHash = secretHash(server.key);
    this.#put(server);
    this.#size++;
  }

  /** False: it was not there. */
  delete(server: S): boolean {
    const place = this.#placeOf(server.keyHash);
    let before: S | undefined;
    let each = this.#places[place];
    while (each !== undefined && each !== server) {
      before = each;
      each = each.nextOfKey;
    }
    if (each === undefined) return false;
    if (before === undefined) this.#places[place] = server.nextOfKey;
    else before.nextOfKey = server.nextOfKey;
    server.nextOfKey = undefined;
    this.#size--;
    return true;
  }

  clear(): void {
    this.#places = new Array(FIRST_PLACES).fill(undefined);
    this.#size = 0;
  }

  #put(server: S): void {
    const place = this.#placeOf(server.keyHash);
    server.nextOfKey = this.#places[place];
    this.#places[place] = server;
  }

  /** Over twice as many places. No key is read again: in a flood there are tens of thousands. */
  #spread(): void {
    const servers: S[] = [];
    for (const first of this.#places)
      for (let each = first; each !== undefined; each = each.nextOfKey) servers.push(each);
    this.#places = new Array(2 * this.#places.length).fill(undefined);
    // Backwards: of those of one key the latest comes first again.
    for (let index = servers.length - 1; index >= 0; index--) this.#put(servers[index] as S);
  }

  #placeOf(hash: number): number {
    return hash & (this.#places.length - 1);
  }
}

/** Whether a known one is of this key and method, and its sent-by is this. */
function isOf<S>(known: Kept<S>, key: string, method: string, host: string, port: number | undefined): boolean {
  if (known.key !== key || known.method !== method || known.sentByPort !== port) return false;
  return host === known.sentByHost || host.toLowerCase() === known.sentByHost;
}
