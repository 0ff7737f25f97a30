/**
 * What is provisioned as pieces of some documents each, which a node keeps in files of their own: of a state that changed, those pieces
 * are other ones in which a document changed, so that a small change of a large state is a small file.
 */
import type { List } from '../../base/chunked-list.ts';
import type { Steps } from '../../base/steps.ts';
import { type Change, diffSteps } from '../../provisioning/directory/difference.ts';
import type { Provisioned } from '../../provisioning/trunk-settings/schema.ts';
import { type DocumentKind, KINDS, type ProvisionedDocument } from '../documents.ts';

/** As an object it is the same for as long as its documents are. */
export interface Piece {
  readonly kind: DocumentKind;
  readonly documents: readonly ProvisionedDocument[];
}

/** A state, as its pieces in their order. */
export interface Divided {
  readonly state: Provisioned;
  readonly pieces: readonly Piece[];
}

export const NOTHING: Divided = { state: { tenants: [], trunks: [], certificates: [] }, pieces: [] };

/** Of one piece, unless one document has more. */
const MOST_DOCUMENTS = 100;
const MOST_EXTENSIONS = 1_000;
/** Pieces may be so many times as many as are needed, with some more; then all are made anew. */
const MOST_PIECES_PER_NEEDED = 3;
const FEW_PIECES = 20;

/** The pieces of a state that comes after another, in steps. */
export function* dividedAfter(before: Divided, state: Provisioned): Steps<Divided> {
  const diff = yield* diffSteps(before.state, state);
  const pieces: Piece[] = [];
  for (const kind of KINDS) {
    const present = before.pieces.filter((piece) => piece.kind === kind);
    const next = diff.isReordered ? undefined : yield* edited(kind, present, diff[kind], state[kind]);
    pieces.push(...(next ?? (yield* divided(kind, state[kind]))));
  }
  return { state, pieces };
}

/** Undefined: the pieces have to be made anew. */
function* edited(
  kind: DocumentKind,
  present: readonly Piece[],
  changes: readonly Change<ProvisionedDocument>[],
  documents: List<ProvisionedDocument>,
): Steps<Piece[] | undefined> {
  const next = new Map<ProvisionedDocument, ProvisionedDocument | undefined>();
  const come: ProvisionedDocument[] = [];
  for (const { before, after } of changes) {
    if (before !== undefined) next.set(before, after);
    else if (after !== undefined) come.push(after);
  }
  // What is new comes last.
  const first = documents.length - come.length;
  if (come.some((document, index) => documents.at(first + index) !== document)) return undefined;
  const pieces: Piece[] = [];
  for (const piece of present) {
    yield;
    if (!piece.documents.some((document) => next.has(document))) {
      pieces.push(piece);
      continue;
    }
    const staying = piece.documents.map((document) => (next.has(document) ? next.get(document) : document));
    pieces.push(
      ...(yield* divided(
        kind,
        staying.filter((document) => document !== undefined),
      )),
    );
  }
  if (come.length > 0) {
    const last = pieces.at(-1);
    const isFull = last === undefined || isEnough(last.documents.length, extensionsOf(last.documents));
    pieces.push(...(yield* divided(kind, isFull ? come : [...(pieces.pop()?.documents ?? []), ...come])));
  }
  const needed = Math.ceil(documents.length / MOST_DOCUMENTS);
  const weighed = Math.ceil(extensionsOf(documents) / MOST_EXTENSIONS);
  return pieces.length > (needed + weighed) * MOST_PIECES_PER_NEEDED + FEW_PIECES ? undefined : pieces;
}

function* divided(kind: DocumentKind, documents: Iterable<ProvisionedDocument>): Steps<Piece[]> {
  const pieces: Piece[] = [];
  let [some, extensions]: [ProvisionedDocument[], number] = [[], 0];
  const end = () => {
    if (some.length > 0) pieces.push({ kind, documents: some });
    [some, extensions] = [[], 0];
  };
  for (const document of documents) {
    const more = countExtensions(document);
    if (some.length > 0 && extensions + more > MOST_EXTENSIONS) end();
    some.push(document);
    extensions += more;
    if (!isEnough(some.length, extensions)) continue;
    end();
    yield;
  }
  end();
  return pieces;
}

function isEnough(documents: number, extensions: number): boolean {
  return documents >= MOST_DOCUMENTS || extensions >= MOST_EXTENSIONS;
}

function extensionsOf(documents: List<ProvisionedDocument>): number {
  let sum = 0;
  for (let at = 0; at < documents.length; at++) sum += countExtensions(documents.at(at) as ProvisionedDocument);
  return sum;
}

function countExtensions(document: ProvisionedDocument): number {
  return 'extensions' in document ? document.extensions.length : 0;
}
