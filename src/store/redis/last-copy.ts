import { readFileSync } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { TokenRecord, UserRecord, Webhook } from '../../api/ports.ts';
import type { Log } from '../../base/log.ts';
import { inSlices } from '../../base/steps.ts';
import { documentLines } from '../../provisioning/directory/document-text.ts';
import type { ProvisionedState } from '../../provisioning/directory/store.ts';
import type { Tenant } from '../../provisioning/tenants/schema.ts';
import type { CertificateSettings } from '../../provisioning/trunk-settings/certificate-schema.ts';
import type { TrunkSettings } from '../../provisioning/trunk-settings/schema.ts';
import type { Sealer } from '../sealer.ts';

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

const FILE = 'last-copy.json';
const FORMAT = 1;
const DELAY_MS = 500;
/** Sealed together. */
const DOCUMENTS_PER_PIECE = 50;
/** Octets of what is sealed that are written at a time. Three of them are four characters. */
const OCTETS_PER_WRITE = 3 * 65_536;

interface Head extends Omit<Copy, 'provisioned'> {
  readonly version: number;
  readonly pieces: number;
}

type Piece =
  | { readonly tenants: readonly Tenant[] }
  | { readonly trunks: readonly TrunkSettings[] }
  | { readonly certificates: readonly CertificateSettings[] };

/** The copy in the node's folder: sealed piece by piece, replaced as a whole, written a moment after each change. */
export class LastCopy {
  readonly #path: string;
  readonly #sealer: Sealer;
  readonly #log: Log;
  readonly #current: () => Copy;
  #timer: NodeJS.Timeout | undefined = undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(folder: string, sealer: Sealer, log: Log, current: () => Copy) {
    this.#path = join(folder, FILE);
    this.#sealer = sealer;
    this.#log = log;
    this.#current = current;
  }

  /** Undefined when there is none that this program and this key can read. */
  static read(folder: string, sealer: Sealer, log: Log): Copy | undefined {
    const path = join(folder, FILE);
    try {
      const { format, sealed } = JSON.parse(readFileSync(path, 'utf8')) as { format: number; sealed: string[] };
      if (format !== FORMAT) throw new Error(`format ${format} is not known`);
      return openPieces(sealer, sealed);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
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
    const draft = `${this.#path}.new`;
    const file = await open(draft, 'w', 0o600);
    try {
      const { provisioned, ...rest } = this.#current();
      const pieces = piecesOf(provisioned.state);
      const head: Head = { ...rest, version: provisioned.version, pieces: pieces.length };
      await file.write(`{"format":${FORMAT},"sealed":[`);
      await this.#writePiece(file, 0, [JSON.stringify(head)]);
      for (const [index, piece] of pieces.entries()) await this.#writePiece(file, index + 1, textsOf(piece));
      await file.write('\n]}\n');
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, this.#path);
  }

  /** In slices: one tenant may have ten thousand extensions. */
  async #writePiece(file: FileHandle, index: number, texts: Iterable<string>): Promise<void> {
    const sealed = await inSlices(this.#sealer.sealPieces(placeOf(index), texts));
    await file.write(index === 0 ? '\n"' : ',\n"');
    for (let at = 0; at < sealed.length; at += OCTETS_PER_WRITE)
      await file.write(sealed.toString('base64', at, at + OCTETS_PER_WRITE));
    await file.write('"');
  }
}

/** The piece as JSON, some of it at a time. */
function* textsOf(piece: Piece): Generator<string, void> {
  for (const [kind, documents] of Object.entries(piece) as [string, readonly object[]][]) {
    yield `{"${kind}":[`;
    for (const [index, document] of documents.entries()) {
      if (index > 0) yield ',';
      yield* documentLines(document);
    }
    yield ']}';
  }
}

function placeOf(index: number): string {
  return `last-copy/${index}`;
}

function piecesOf({ tenants, trunks, certificates }: ProvisionedState['state']): Piece[] {
  return [
    ...groups(tenants).map((group) => ({ tenants: group })),
    ...groups(trunks).map((group) => ({ trunks: group })),
    ...groups(certificates).map((group) => ({ certificates: group })),
  ];
}

function groups<T>(documents: readonly T[]): (readonly T[])[] {
  const count = Math.ceil(documents.length / DOCUMENTS_PER_PIECE);
  return Array.from({ length: count }, (_, i) =>
    documents.slice(i * DOCUMENTS_PER_PIECE, (i + 1) * DOCUMENTS_PER_PIECE),
  );
}

function openPieces(sealer: Sealer, sealed: readonly string[]): Copy {
  const [head, ...pieces] = sealed.map((piece, index) =>
    sealer.openJson<unknown>(placeOf(index), Buffer.from(piece, 'base64')),
  ) as [Head, ...Piece[]];
  if (head?.pieces !== pieces.length) throw new Error('a part of it is missing');
  // A copy that an earlier version left knows no users, and not by which change it has come.
  const { version, storeId, nonceSecret, changeToken, tokens, users = [], webhooks } = head;
  const state = {
    tenants: pieces.flatMap((piece) => ('tenants' in piece ? piece.tenants : [])),
    trunks: pieces.flatMap((piece) => ('trunks' in piece ? piece.trunks : [])),
    certificates: pieces.flatMap((piece) => ('certificates' in piece ? piece.certificates : [])),
  };
  return { storeId, nonceSecret, changeToken, tokens, users, webhooks, provisioned: { version, state } };
}
