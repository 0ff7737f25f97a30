import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TokenRecord, UserRecord, Webhook } from '../../api/ports.ts';
import type { Log } from '../../base/log.ts';
import { inSlices } from '../../base/steps.ts';
import { documentLines } from '../../provisioning/directory/document-text.ts';
import type { ProvisionedState } from '../../provisioning/directory/store.ts';
import type { Provisioned, Provisioning } from '../../provisioning/trunk-settings/schema.ts';
import { type DocumentKind, KINDS } from '../documents.ts';
import type { Sealer } from '../sealer.ts';
import { type Divided, dividedAfter, NOTHING, type Piece } from './copy-pieces.ts';

/** What a node needs to serve calls while Redis is away. */
export interface Copy {
  readonly storeId: string;
  readonly nonceSecret: string;
  readonly provisioned: ProvisionedState;
  /** Of the change by which that has come: another one may have its number. Empty or left out: not known. */
  readonly changeToken?: string | undefined;
  readonly tokens: readonly TokenRecord[];
  readonly users: readonly UserRecord[];
  readonly webhooks: readonly Webhook[];
}

/** The copy but for what is provisioned, and in which files that is; it is the copy that counts. */
const INDEX = 'last-copy.json';
const FORMAT = 2;
/** Everything in the one file. */
const FORMER_FORMAT = 1;
/** Of the files with what is provisioned, each named at random and never written again. */
const FOLDER = 'last-copy';
const NAME_BYTES = 16;
const DELAY_MS = 500;

interface Head extends Omit<Copy, 'provisioned'> {
  readonly version: number;
}

/** The files of its pieces, in order. */
interface IndexHead extends Head {
  readonly files: readonly { readonly kind: DocumentKind; readonly name: string }[];
}

/** What is in the files. */
export interface KeptCopy {
  readonly copy: Copy;
  /** What of it need not be written again, and where it is. */
  readonly divided: Divided;
  readonly names: ReadonlyMap<Piece, string>;
}

/**
 * The copy in the node's folder: sealed piece by piece, written a moment after each change. A change writes the pieces that it is in,
 * then the index that names them, which replaces the one before as a whole; what that one alone named is removed when the new one is on
 * the disk.
 */
export class LastCopy {
  readonly #folder: string;
  readonly #path: string;
  readonly #sealer: Sealer;
  readonly #log: Log;
  readonly #current: () => Copy;
  #divided: Divided;
  #names: ReadonlyMap<Piece, string>;
  #timer: NodeJS.Timeout | undefined = undefined;
  #writing: Promise<void> = Promise.resolve();

  /** @param kept what {@link LastCopy.read} found there; left out: everything is written anew. */
  constructor(folder: string, sealer: Sealer, log: Log, current: () => Copy, kept?: KeptCopy) {
    this.#folder = join(folder, FOLDER);
    this.#path = join(folder, INDEX);
    this.#sealer = sealer;
    this.#log = log;
    this.#current = current;
    this.#divided = kept?.divided ?? NOTHING;
    this.#names = kept?.names ?? new Map();
  }

  /** Undefined when there is none that this program and this key can read. */
  static read(folder: string, sealer: Sealer, log: Log): KeptCopy | undefined {
    const path = join(folder, INDEX);
    try {
      const { format, sealed } = JSON.parse(readFileSync(path, 'utf8')) as { format: number; sealed: unknown };
      if (format === FORMER_FORMAT)
        return { copy: openFormer(sealer, sealed as string[]), divided: NOTHING, names: new Map() };
      if (format !== FORMAT) throw new Error(`format ${format} is not known`);
      return openCopy(sealer, join(folder, FOLDER), Buffer.from(sealed as string, 'base64'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || (error as NodeJS.ErrnoException).path !== path)
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
    const begun: string[] = [];
    try {
      await this.#writeChanged(begun);
    } catch (error) {
      // Those alone: what the index on the disk names may be more than this process could read.
      await this.#remove(begun);
      throw error;
    }
    const named = new Set(this.#names.values());
    const present = await readdir(this.#folder).catch(() => []);
    await this.#remove(present.filter((name) => !named.has(name)));
  }

  /** @param begun has the names of the files that this has made. */
  async #writeChanged(begun: string[]): Promise<void> {
    const { provisioned, ...rest } = this.#current();
    const divided = await inSlices(dividedAfter(this.#divided, provisioned.state));
    const names = new Map<Piece, string>();
    for (const piece of divided.pieces) {
      let name = this.#names.get(piece);
      if (name === undefined) {
        name = randomBytes(NAME_BYTES).toString('hex');
        begun.push(name);
        await this.#writePiece(piece, name);
      }
      names.set(piece, name);
    }
    if (begun.length > 0) await syncFolder(this.#folder);
    const files = divided.pieces.map((piece) => ({ kind: piece.kind, name: names.get(piece) ?? '' }));
    const head: IndexHead = { ...rest, version: provisioned.version, files };
    const sealed = this.#sealer.sealJson(INDEX, head).toString('base64');
    const draft = `${this.#path}.new`;
    await writeOwn(draft, [Buffer.from(`{"format":${FORMAT},"sealed":"${sealed}"}\n`)]);
    await rename(draft, this.#path);
    this.#divided = divided;
    this.#names = names;
    begun.length = 0;
    await syncFolder(dirname(this.#path));
  }

  /** In slices: one tenant may have ten thousand extensions. */
  async #writePiece(piece: Piece, name: string): Promise<void> {
    const sealed = await inSlices(this.#sealer.sealPieces(placeOf(piece.kind, name), textsOf(piece)));
    // Not its parent: a volume that is away is not to be taken for an empty one.
    await mkdir(this.#folder, { mode: 0o700 }).catch(unlessThere);
    await writeOwn(join(this.#folder, name), sealed);
  }

  /** What stays, since it cannot be removed or a crash comes before, is tried again with the next copy. */
  async #remove(names: readonly string[]): Promise<void> {
    for (const name of names) await unlink(join(this.#folder, name)).catch(() => {});
  }
}

function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}

/** For its owner alone, and on the disk. */
async function writeOwn(path: string, octets: Buffer[]): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    for (const some of octets) await file.writeFile(some);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Of file systems on which folders are not synced, as of some that are mounted over a network: the names are as safe there as they can be. */
const NOT_SYNCED = new Set(['EINVAL', 'ENOTSUP', 'ENOSYS', 'EPERM']);

/** So that its names are on the disk. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } catch (error) {
    if (!NOT_SYNCED.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    await folder.close();
  }
}

/** The documents as a JSON list, some of it at a time. */
function* textsOf({ documents }: Piece): Generator<string, void> {
  yield '[';
  for (const [index, document] of documents.entries()) {
    if (index > 0) yield ',';
    yield* documentLines(document);
  }
  yield ']';
}

/** A piece is bound to its file: another one's in its place does not open. */
function placeOf(kind: DocumentKind, name: string): string {
  return `${FOLDER}/${kind}/${name}`;
}

function openCopy(sealer: Sealer, folder: string, sealed: Buffer): KeptCopy {
  const { files, ...head } = sealer.openJson<IndexHead>(INDEX, sealed);
  const names = new Map<Piece, string>();
  for (const { kind, name } of files) {
    const documents = sealer.openJson<Piece['documents']>(placeOf(kind, name), readFileSync(join(folder, name)));
    names.set({ kind, documents }, name);
  }
  const pieces = [...names.keys()];
  const [tenants, trunks, certificates] = KINDS.map((kind) =>
    pieces.flatMap((piece) => (piece.kind === kind ? piece.documents : [])),
  );
  const state = { tenants, trunks, certificates } as Provisioning;
  return { copy: copyOf(head, state), divided: { state, pieces }, names };
}

interface FormerHead extends Head {
  readonly pieces: number;
}

function openFormer(sealer: Sealer, sealed: readonly string[]): Copy {
  const [head, ...pieces] = sealed.map((piece, index) =>
    sealer.openJson<unknown>(`last-copy/${index}`, Buffer.from(piece, 'base64')),
  ) as [FormerHead, ...Partial<Provisioning>[]];
  if (head?.pieces !== pieces.length) throw new Error('a part of it is missing');
  return copyOf(head, {
    tenants: pieces.flatMap((piece) => piece.tenants ?? []),
    trunks: pieces.flatMap((piece) => piece.trunks ?? []),
    certificates: pieces.flatMap((piece) => piece.certificates ?? []),
  });
}

function copyOf(head: Head, state: Provisioned): Copy {
  // A copy that an earlier version left knows no users, and not by which change it has come.
  const { version, storeId, nonceSecret, changeToken, tokens, users = [], webhooks } = head;
  return { storeId, nonceSecret, changeToken, tokens, users, webhooks, provisioned: { version, state } };
}
