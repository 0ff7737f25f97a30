import type { SrvRecord } from './dns-port.ts';

/** Puts SRV records in the order to try them: by priority, and within one at random by weight (RFC 2782 "Usage rules"). */
export function orderByWeight(records: readonly SrvRecord[], random: () => number): SrvRecord[] {
  const ordered: SrvRecord[] = [];
  const priorities = [...new Set(records.map((record) => record.priority))].sort((a, b) => a - b);
  for (const priority of priorities) {
    // Those of weight 0 first, so that they have a small chance of being drawn.
    const left = records.filter((record) => record.priority === priority).sort((a, b) => a.weight - b.weight);
    while (left.length > 0) {
      const total = left.reduce((sum, record) => sum + record.weight, 0);
      const drawn = Math.floor(random() * (total + 1));
      let running = 0;
      let index = left.findIndex((record) => {
        running += record.weight;
        return running >= drawn;
      });
      if (index < 0) index = left.length - 1;
      ordered.push(...left.splice(index, 1));
    }
  }
  return ordered;
}
