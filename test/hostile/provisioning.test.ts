import { afterAll, beforeAll, expect, test } from 'vitest';
import { LargeNode } from './provisioning/large-node.ts';
import { WORK } from './provisioning/work.ts';

/**
 * The short form of `npm run hostile -- provisioning`. The bar there is 20 ms; what is asked here is the CPU time of the thread, twice
 * of it and some more, since CPU time too is longer on a machine whose caches others use. Done at once, each of these takes hundreds.
 */
const LONGEST_TURN_MS = 60;

/** 86, of which the program itself is more than half. With the last document kept by whoever read it, and tables nobody asked for, it is 15 more. */
const MOST_HEAP_MB = 90;

let node: LargeNode;
beforeAll(async () => {
  node = await LargeNode.start({ tenants: 6_000, extensions: 20_000, trunks: 2_000 });
}, 120_000);
afterAll(() => node?.stop());

test('what is provisioned is in memory once, and takes little', async () => {
  expect(await node.held()).toBeLessThan(MOST_HEAP_MB);
});

test.each(Object.values(WORK))(
  'calls do not wait for $what',
  async ({ run }) => {
    const { cpuMs } = await run(node, { stormMs: 1_000, documentTenants: 300 });
    expect(cpuMs).toBeLessThan(LONGEST_TURN_MS);
  },
  120_000,
);
