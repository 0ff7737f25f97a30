/**
 * From which changes a copy of the provisioning has come. A Redis that follows another one by failover, or has crashed, may have lost
 * the last of them, and may have had others since under the same numbers: each change has a token, by which the two are told apart.
 */
import { type ChangedNames, named } from '../documents.ts';

export interface StoredChange {
  readonly version: number;
  /** The version that it was made of. */
  readonly from: number;
  readonly token: string;
  readonly names: ChangedNames;
  /** Tokens of the changes that were lost and that this one has put back. */
  readonly restored: readonly string[];
}

/** Names of what changes have touched, by kind. */
export interface Touched {
  readonly tenants: ReadonlySet<string>;
  readonly trunks: ReadonlySet<string>;
  readonly certificates: ReadonlySet<string>;
}

/** Where a store has left the line of a copy. */
export interface Fork {
  /** The last version that both have had; undefined: it cannot be told. */
  readonly version: number | undefined;
  /** Whether the store is known not to have what the copy has come by, where no version is common. */
  readonly isLoss: boolean;
  /** Changes of the copy that the store does not have. */
  readonly lost: readonly StoredChange[];
  /** What they have touched and nobody has since. */
  readonly toPutBack: Touched;
  /** What somebody has changed in the store since: that stays. */
  readonly overtaken: Touched;
  /**
   * Tenants that may not be those of the copy, though they have its names: somebody has deleted them since, or both have written them,
   * each perhaps as a new one.
   */
  readonly strangers: ReadonlySet<string>;
}

/** Where a store is; the token is undefined where an older node, or nobody, has said which change was the last. */
export interface StorePlace {
  readonly version: number;
  readonly token: string | undefined;
}

/** As many as the store keeps. */
const MAX_CHANGES = 1000;
const MAX_NAMES = 100_000;

export const NOTHING: ChangedNames = {
  putTenants: [],
  putTrunks: [],
  putCertificates: [],
  deleteTenants: [],
  deleteTrunks: [],
  deleteCertificates: [],
};

export class Lineage {
  /** Ascending. The first one stands for all before. */
  readonly #changes: readonly StoredChange[];
  /** Names in them. */
  readonly #count: number;

  private constructor(changes: readonly StoredChange[], count: number) {
    this.#changes = changes;
    this.#count = count;
  }

  /** A copy of which it is not known by which change it has come; nothing of a store is the same by its number. */
  static readonly UNKNOWN = new Lineage([], 0);

  /** A copy that was read as a whole; nothing is known of what came before. */
  static at({ version, token }: StorePlace): Lineage {
    return new Lineage([{ version, from: version, token: token ?? '', names: NOTHING, restored: [] }], 0);
  }

  get first(): number {
    return this.#changes[0]?.version ?? 0;
  }

  /** Of the last change; empty: not known. */
  get token(): string {
    return this.#changes.at(-1)?.token ?? '';
  }

  /** Whether the store may be where this copy is. Where no token was said of the store's change, another one than before says it. */
  isAt({ version, token = '' }: StorePlace): boolean {
    return version === this.#changes.at(-1)?.version && (token === '' || token === this.token);
  }

  /** Gone on by what the store says came next. */
  with(changes: readonly StoredChange[]): Lineage {
    const all = [...this.#changes, ...changes];
    let count = changes.reduce((sum, change) => sum + namesIn(change), this.#count);
    let from = 0;
    for (; from < all.length - 1 && (all.length - from > MAX_CHANGES || count > MAX_NAMES); from++)
      count -= namesIn(all[from] as StoredChange);
    return new Lineage(from === 0 ? all : all.slice(from), count);
  }

  /** @param events of the store, from {@link first} on */
  forkOf(events: readonly StoredChange[], place: StorePlace): Fork {
    const tokens = new Map(events.map(({ version, token }) => [version, token]));
    if (place.token !== undefined) tokens.set(place.version, place.token);
    const isShared = ({ version, token }: StoredChange) =>
      version <= place.version && (tokens.get(version) ?? '') === token;
    const version = this.#changes.findLast(isShared)?.version;
    const since = events.filter((event) => version !== undefined && event.version > version);
    if (version === undefined || !isChain(since, version, place.version))
      return { ...UNKNOWN, isLoss: this.#isPassedBy(events, place) };
    const own = new Set(this.#changes.flatMap(({ token, restored }) => [token, ...restored]));
    const restored = new Set(since.flatMap((event) => event.restored));
    const lost = this.#changes.filter((change) => change.version > version && !restored.has(change.token));
    // What another node has put back of what this one has is nobody else's change.
    const others = since.filter(
      (event) => event.restored.length === 0 || !event.restored.every((each) => own.has(each)),
    );
    const [ours, theirs] = [touchedBy(lost), touchedBy(others)];
    const removed = others.flatMap(({ names }) => names.deleteTenants);
    const written = others.flatMap(({ names }) => names.putTenants).filter((name) => ours.tenants.has(name));
    return {
      ...{ version, isLoss: false, lost },
      toPutBack: split(ours, theirs, false),
      overtaken: split(ours, theirs, true),
      strangers: new Set([...removed, ...written]),
    };
  }

  /** Whether another change stands in the store under the number of the first one, or none is to come there any more. */
  #isPassedBy([head]: readonly StoredChange[], place: StorePlace): boolean {
    const [first] = this.#changes;
    if (first === undefined || place.version <= (this.#changes.at(-1)?.version ?? 0)) return true;
    if (head === undefined || first.token === '') return false;
    return head.version === first.version ? head.token !== first.token : head.from < first.version;
  }

  /** Of a copy that was read as a whole after all. */
  joined({ version }: Fork, events: readonly StoredChange[], place: StorePlace): Lineage {
    if (version === undefined) return Lineage.at(place);
    const shared = this.#changes.filter((change) => change.version <= version);
    return new Lineage([], 0).with(shared).with(events.filter((event) => event.version > version));
  }
}

/** Whether these changes lead from one version to another, and none is missing. */
export function isChain(changes: readonly StoredChange[], from: number, to: number): boolean {
  let at = from;
  for (const change of changes) {
    if (change.from !== at) return false;
    at = change.version;
  }
  return at === to;
}

/** Tokens of what is whole again, of these changes, when all that they have touched is put back but for what is overtaken. */
export function restoredOf(lost: readonly StoredChange[], overtaken: Touched): string[] {
  const isWhole = (change: StoredChange) => countOf(split(touchedBy([change]), overtaken, true)) === 0;
  return lost.filter(isWhole).flatMap((change) => [change.token, ...change.restored]);
}

function countOf({ tenants, trunks, certificates }: Touched): number {
  return tenants.size + trunks.size + certificates.size;
}

function namesIn({ names }: StoredChange): number {
  return Object.values(names).reduce<number>((sum, list: readonly string[]) => sum + list.length, 0);
}

function touchedBy(changes: readonly Pick<StoredChange, 'names'>[]): Touched {
  const of = (kind: keyof Touched) => {
    const lists = changes.map(({ names }) => named(names, kind));
    return new Set(lists.flatMap(({ put, gone }) => [...put, ...gone]));
  };
  return { tenants: of('tenants'), trunks: of('trunks'), certificates: of('certificates') };
}

/** Those of `ours` that are theirs as well, or that are not. */
function split(ours: Touched, theirs: Touched, areTheirs: boolean): Touched {
  const of = (kind: keyof Touched) => new Set([...ours[kind]].filter((name) => theirs[kind].has(name) === areTheirs));
  return { tenants: of('tenants'), trunks: of('trunks'), certificates: of('certificates') };
}

const UNKNOWN: Fork = {
  version: undefined,
  isLoss: false,
  lost: [],
  strangers: new Set(),
  toPutBack: touchedBy([]),
  overtaken: touchedBy([]),
};
