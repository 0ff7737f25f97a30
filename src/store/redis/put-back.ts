/**
 * What may go back of the changes that Redis has lost. They were checked against a state that is no more: what others have changed since
 * stays, and of the rest goes back what breaks no rule in the state that comes of it. So no number, domain or trunk has two owners, no
 * trunk is without its tenant, and none goes to a tenant that has only the name of the one it belonged to.
 */
import type { Steps } from '../../base/steps.ts';
import { checkSteps } from '../../provisioning/check/provisioning.ts';
import { certificateIn, tenantIn, trunkIn } from '../../provisioning/directory/places.ts';
import { sameDocument } from '../../provisioning/directory/same.ts';
import { editSteps, type ProvisioningCommit } from '../../provisioning/directory/store.ts';
import type { Tenant } from '../../provisioning/tenants/schema.ts';
import type { CertificateSettings } from '../../provisioning/trunk-settings/certificate-schema.ts';
import type { ProvisioningProblem } from '../../provisioning/trunk-settings/problem.ts';
import type { Provisioned, TrunkSettings } from '../../provisioning/trunk-settings/schema.ts';
import { type DocumentKind, KINDS, nameOf, type ProvisionedDocument, SINGULAR } from '../documents.ts';
import { type Fork, restoredOf } from './lineage.ts';

export interface PutBack {
  /** How many documents it writes and removes. */
  readonly count: number;
  readonly commit: ProvisioningCommit;
  /** What was lost and stays as the store has it, e.g. `tenant acme`. */
  readonly overtaken: readonly string[];
  /** Tokens of the changes that are whole again with it. */
  readonly restored: readonly string[];
}

/** What makes of one document in the store what it is in the copy. */
interface Edit {
  readonly kind: DocumentKind;
  readonly name: string;
  /** Undefined: it is removed. */
  readonly document: ProvisionedDocument | undefined;
  /** Tenants that it is about, as it was and as it is to be. */
  readonly parties: ReadonlySet<string>;
}

/** @param copy what a node has served; @param store what Redis has, at `expectedVersion` */
export function* putBackSteps(
  copy: Provisioned,
  store: Provisioned,
  fork: Fork,
  expectedVersion: number,
): Steps<PutBack> {
  const edits = new Map<string, Edit>();
  const overtaken = new Map<string, Pick<Edit, 'kind' | 'name'>>();
  for (const kind of KINDS) {
    for (const name of fork.overtaken[kind]) {
      if (!(yield* sameDocument(find(copy, kind, name), find(store, kind, name))))
        overtaken.set(keyOf(kind, name), { kind, name });
      yield;
    }
    for (const name of fork.toPutBack[kind]) {
      const [document, stored] = [find(copy, kind, name), find(store, kind, name)];
      if (yield* sameDocument(document, stored)) continue;
      const [parties, present] = [partiesOf(kind, document), partiesOf(kind, stored)];
      const edit = { kind, name, document, parties: new Set([...parties, ...present]) };
      const isForStranger = [...parties].some((party) => fork.strangers.has(party) && !present.has(party));
      (isForStranger ? overtaken : edits).set(keyOf(kind, name), edit);
      yield;
    }
  }
  for (const edit of yield* withoutBreaking(store, copy, edits)) overtaken.set(keyOf(edit.kind, edit.name), edit);
  const touched = { tenants: new Set<string>(), trunks: new Set<string>(), certificates: new Set<string>() };
  for (const { kind, name } of overtaken.values()) touched[kind].add(name);
  return {
    count: edits.size,
    commit: commitOf(edits, expectedVersion),
    overtaken: Array.from(overtaken.values(), ({ kind, name }) => `${SINGULAR[kind]} ${name}`),
    restored: restoredOf(fork.lost, touched),
  };
}

/** Takes out of the edits, and gives, what would break a rule; what depends on it is found in the next round. */
function* withoutBreaking(store: Provisioned, copy: Provisioned, edits: Map<string, Edit>): Steps<Edit[]> {
  const left: Edit[] = [];
  let present: ReadonlySet<string> | undefined;
  while (edits.size > 0) {
    const next = yield* editSteps(store, commitOf(edits, 0));
    const written = new Set<object>(Array.from(edits.values(), ({ document }) => document ?? []));
    const found = yield* checkSteps(next, { before: copy }, written);
    if (found.length === 0) break;
    present ??= new Set(
      (yield* checkSteps(store, { before: copy }, new Set())).map((problem) => textOf(problem, store)),
    );
    const problems = found.filter((problem) => present?.has(textOf(problem, next)) !== true);
    if (problems.length === 0) break;
    for (const edit of atFault(problems, next, edits)) {
      edits.delete(keyOf(edit.kind, edit.name));
      left.push(edit);
    }
  }
  return left;
}

/** Never nobody: what is written where the rule is broken, else what has to do with the same tenants, else all. */
function atFault(problems: readonly ProvisioningProblem[], state: Provisioned, edits: Map<string, Edit>): Edit[] {
  const places = problems.map((problem) => placeOf(problem, state));
  const there = new Set(places.flatMap((place) => (place === undefined ? [] : (edits.get(place.key) ?? []))));
  if (there.size > 0) return [...there];
  const parties = new Set([
    ...places.flatMap((place) => (place === undefined ? [] : [...place.parties])),
    ...problems.flatMap(({ tenants = [] }) => tenants),
  ]);
  const about = [...edits.values()].filter((edit) => [...edit.parties].some((party) => parties.has(party)));
  return about.length > 0 ? about : [...edits.values()];
}

interface ProblemPlace {
  readonly key: string;
  readonly parties: ReadonlySet<string>;
  /** Within the document. */
  readonly path: string;
}

function placeOf({ path }: ProvisioningProblem, state: Provisioned): ProblemPlace | undefined {
  const [, kind = '', index, rest = ''] = /^(tenants|trunks|certificates)\[(\d+)\](.*)$/.exec(path) ?? [];
  const document = isKind(kind) ? state[kind].at(Number(index)) : undefined;
  if (!isKind(kind) || document === undefined) return undefined;
  return { key: keyOf(kind, nameOf(kind, document)), parties: partiesOf(kind, document), path: rest };
}

/** The same for the same problem in another state, where the document has another place. */
function textOf(problem: ProvisioningProblem, state: Provisioned): string {
  const { key, path } = placeOf(problem, state) ?? { key: '', path: problem.path };
  return `${problem.code} ${key} ${path} ${problem.message}`;
}

function isKind(kind: string): kind is DocumentKind {
  return kind in SINGULAR;
}

function keyOf(kind: DocumentKind, name: string): string {
  return `${kind} ${name}`;
}

function find(state: Provisioned, kind: DocumentKind, name: string): ProvisionedDocument | undefined {
  switch (kind) {
    case 'tenants':
      return tenantIn(state, name);
    case 'trunks':
      return trunkIn(state, name);
    case 'certificates':
      return certificateIn(state, name);
  }
}

/** The tenants that a document is about; the system is nobody's neighbour. */
function partiesOf(kind: DocumentKind, document: ProvisionedDocument | undefined): ReadonlySet<string> {
  if (document === undefined) return new Set();
  if (kind === 'tenants') return new Set([document.name]);
  const { owner, tenants = [] } = document as Pick<TrunkSettings, 'owner'> & Partial<Pick<TrunkSettings, 'tenants'>>;
  const all = new Set([owner, ...tenants.map(({ tenant }) => tenant)]);
  all.delete('system');
  return all;
}

function commitOf(edits: ReadonlyMap<string, Edit>, expectedVersion: number): ProvisioningCommit {
  const all = [...edits.values()];
  const put = <T extends ProvisionedDocument>(of: DocumentKind) =>
    all.flatMap(({ kind, document }) => (kind === of && document !== undefined ? [document as T] : []));
  const removed = (of: DocumentKind) =>
    all.flatMap(({ kind, document, name }) => (kind === of && document === undefined ? [name] : []));
  return {
    expectedVersion,
    putTenants: put<Tenant>('tenants'),
    putTrunks: put<TrunkSettings>('trunks'),
    putCertificates: put<CertificateSettings>('certificates'),
    deleteTenants: removed('tenants'),
    deleteTrunks: removed('trunks'),
    deleteCertificates: removed('certificates'),
  };
}
