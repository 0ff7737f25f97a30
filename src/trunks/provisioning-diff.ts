/** What two states have different. What is the same object in both is the same; nothing is compared by its contents. */
import type { Tenant } from '../tenants/schema.ts';
import { trunkIdOf } from './effective.ts';
import type { Provisioning, TrunkSettings } from './schema.ts';

/** One of the two is there at least. */
export interface Change<T> {
  readonly before: T | undefined;
  readonly after: T | undefined;
}

export interface ProvisioningDiff {
  readonly tenants: readonly Change<Tenant>[];
  readonly trunks: readonly Change<TrunkSettings>[];
  /** What stays does not stand in the same order as before, or a key stands twice: take nothing over. */
  readonly isReordered: boolean;
}

export function diffOf(before: Provisioning, after: Provisioning): ProvisioningDiff {
  const tenants = changesOf(before.tenants, after.tenants, ({ name }) => name);
  const trunks = changesOf(before.trunks, after.trunks, trunkIdOf);
  return {
    tenants: tenants.changes,
    trunks: trunks.changes,
    isReordered: tenants.isReordered || trunks.isReordered,
  };
}

interface Changes<T> {
  readonly changes: readonly Change<T>[];
  readonly isReordered: boolean;
}

function changesOf<T>(before: readonly T[], after: readonly T[], keyOf: (item: T) => string): Changes<T> {
  const changes: Change<T>[] = [];
  // What is replaced keeps its place, so mostly both are walked through side by side.
  let at = 0;
  const end = Math.min(before.length, after.length);
  for (; at < end; at++) {
    const [was, is] = [before[at] as T, after[at] as T];
    if (was === is) continue;
    if (keyOf(was) !== keyOf(is)) break;
    changes.push({ before: was, after: is });
  }
  const gone = new Map(before.slice(at).map((item, index) => [keyOf(item), { item, index }]));
  let isReordered = gone.size < before.length - at;
  let last = -1;
  const seen = new Set<string>();
  for (const item of after.slice(at)) {
    const key = keyOf(item);
    const was = gone.get(key);
    gone.delete(key);
    if (seen.has(key) || (was !== undefined && was.index < last)) isReordered = true;
    seen.add(key);
    last = Math.max(last, was?.index ?? last);
    if (was?.item !== item) changes.push({ before: was?.item, after: item });
  }
  for (const { item } of gone.values()) changes.push({ before: item, after: undefined });
  return { changes, isReordered };
}
