import { expect, test } from 'vitest';
import { namesIn } from '../../../src/store/documents.ts';
import { commitArguments } from '../../../src/store/redis/commit-writer.ts';
import { Sealer } from '../../../src/store/sealer.ts';
import { commitOf, tenant, trunk } from '../records.ts';

const sealer = new Sealer(new Uint8Array(32));

test('a commit says of each kind what goes and what comes, sealed in steps: a thousand tenants, or one of ten thousand extensions', () => {
  const phones = tenant('large').extensions.slice(0, 1);
  const extensions = Array.from({ length: 10_000 }, (_, n) => ({ ...phones[0], number: String(100_000 + n) }));
  const large = { ...tenant('large'), extensions } as ReturnType<typeof tenant>;
  const small = Array.from({ length: 1_000 }, (_, n) => tenant(`t${n}`));
  const commit = commitOf(1, { putTenants: [large, ...small], deleteTenants: ['t1', 'gone'], putTrunks: [trunk('7')] });
  const steps = commitArguments(commit, { names: namesIn(commit) }, sealer);
  let count = 0;
  let step = steps.next();
  for (; step.done !== true; step = steps.next()) count++;
  expect(count).toBeGreaterThan(1_000 + 50);
  // How many are removed, which (what is written is not), how many are written, each with its name; of trunks and certificates too.
  expect(step.value.count).toBe(2 + 1 + 1_001 * 2 + (2 + 2) + 2);
});
