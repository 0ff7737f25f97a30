/** What two states have different. What is the same object in both is the same; nothing is compared by its contents. */
import type { List } from '../../base/chunked-list.ts';
import { allAtOnce, type Steps } from '../../base/steps.ts';
import { TextMap } from '../../base/text-map.ts';
import type { Extension, Tenant } from '../tenants/schema.ts';
import type { CertificateSettings } from '../trunk-settings/certificate-schema.ts';
import { trunkIdOf } from '../trunk-settings/effective.ts';
import type { Provisioned, TrunkSettings } from '../trunk-settings/schema.ts';

/** One of the two is there at least. */
export interface Change<T> {
  readonly before: T | undefined;
  readonly after: T | undefined;
}

export interface ProvisioningDiff {
  readonly tenants: readonly Change<Tenant>[];
  readonly trunks: readonly Change<TrunkSettings>[];
  readonly certificates: readonly Change<CertificateSettings>[];
  /** What stays does not stand in the same order as before, or a key stands twice: take nothing over. */
  readonly isReordered: boolean;
}

/**
 * What was found, by the state that it leads to and by that which it starts from: several ask when a state is served. It is kept for as
 * long as both are; a later state holds no earlier one, or all that ever were would stay.
 */
const found = new WeakMap<Provisioned, WeakMap<Provisioned, ProvisioningDiff>>();

export function diffOf(before: Provisioned, after: Provisioned): ProvisioningDiff {
  return allAtOnce(diffSteps(before, after));
}

/** {@link diffOf} in steps; whoever asks for it then has it at once. */
export function* diffSteps(before: Provisioned, after: Provisioned): Steps<ProvisioningDiff> {
  const known = found.get(after)?.get(before);
  if (known !== undefined) return known;
  const diff = yield* compare(before, after);
  const byBefore = found.get(after) ?? new WeakMap<Provisioned, ProvisioningDiff>();
  byBefore.set(before, diff);
  found.set(after, byBefore);
  return diff;
}

function* compare(before: Provisioned, after: Provisioned): Steps<ProvisioningDiff> {
  const tenants = yield* changesOf(before.tenants, after.tenants, ({ name }) => name);
  const trunks = yield* changesOf(before.trunks, after.trunks, trunkIdOf);
  const certificates = yield* changesOf(before.certificates, after.certificates, ({ name }) => name);
  return {
    tenants: tenants.changes,
    trunks: trunks.changes,
    certificates: certificates.changes,
    isReordered: tenants.isReordered || trunks.isReordered || certificates.isReordered,
  };
}

/** What of a tenant's extensions is different. */
export function* extensionChanges(
  before: readonly Extension[],
  after: readonly Extension[],
): Steps<readonly Change<Extension>[]> {
  return (yield* changesOf(before, after, ({ number }) => number)).changes;
}

/** The extensions of a tenant that are others after a change, or gone; all of them when it has anything else different. */
export function* extensionsLeft(before: Tenant, after: Tenant | undefined): Steps<readonly Extension[]> {
  if (after === undefined) return before.extensions;
  const names = new Set([...Object.keys(before), ...Object.keys(after)]) as Set<keyof Tenant>;
  names.delete('extensions');
  for (const name of names) if (before[name] !== after[name]) return before.extensions;
  const changes = yield* extensionChanges(before.extensions, after.extensions);
  return changes.flatMap(({ before: was }) => was ?? []);
}

interface Changes<T> {
  readonly changes: readonly Change<T>[];
  readonly isReordered: boolean;
}

const ITEMS_PER_STEP = 250;

function* changesOf<T>(before: List<T>, after: List<T>, keyOf: (item: T) => string): Steps<Changes<T>> {
  if (before === after) return { changes: [], isReordered: false };
  const changes: Change<T>[] = [];
  // What is replaced keeps its place, so mostly both are walked through side by side.
  let at = 0;
  const end = Math.min(before.length, after.length);
  for (; at < end; at++) {
    if (at % ITEMS_PER_STEP === 0) yield;
    const was = before.at(at) as T;
    const is = after.at(at) as T;
    if (was === is) continue;
    if (keyOf(was) !== keyOf(is)) break;
    changes.push({ before: was, after: is });
  }
  // Behind what is gone or has come in between, the rest is the same mostly.
  let rest = 0;
  while (rest < end - at && before.at(-rest - 1) === after.at(-rest - 1)) rest++;
  const gone = new TextMap<{ readonly item: T; readonly index: number }>();
  const left = before.length - rest - at;
  for (let index = 0; index < left; index++) {
    const item = before.at(at + index) as T;
    gone.set(keyOf(item), { item, index });
    if (index % ITEMS_PER_STEP === 0) yield;
  }
  let isReordered = gone.size < left;
  let last = -1;
  const seen = new TextMap<true>();
  for (let place = at; place < after.length - rest; place++) {
    const item = after.at(place) as T;
    const key = keyOf(item);
    const was = gone.get(key);
    gone.delete(key);
    if (seen.has(key) || (was !== undefined && was.index < last)) isReordered = true;
    seen.set(key, true);
    last = Math.max(last, was?.index ?? last);
    if (was?.item !== item) changes.push({ before: was?.item, after: item });
    if (seen.size % ITEMS_PER_STEP === 0) yield;
  }
  for (const { item } of gone.values()) changes.push({ before: item, after: undefined });
  return { changes, isReordered };
}
