/** What is done to a node with much provisioned, each with what the node is seen to do meanwhile. */
import type { LargeNode, Seen } from './large-node.ts';
import { documentOf } from './state.ts';

/** Requests under way at a time in a storm. */
const STORMING = 8;

export const WORK = {
  patch: {
    what: 'one PATCH of an extension',
    run: (node) => node.watch(() => node.asAdmin('PATCH', 'tenants/hand/extensions/100001', { name: 'other' })),
  },
  trunk: {
    what: "one PATCH of a trunk's pool",
    run: (node) => node.watch(() => node.asAdmin('PATCH', 'trunks/999999', { didPool: '31000000000-31000000009' })),
  },
  storm: {
    what: 'a storm of PATCHes of extensions by one tenant',
    run: (node, { stormMs }) =>
      storm(node, stormMs, (n) =>
        node.asAdmin('PATCH', `tenants/hand/extensions/${100_000 + (n % 5)}`, { name: `n${n}` }),
      ),
  },
  trunkStorm: {
    what: "a storm of PATCHes of a trunk's pool by one tenant",
    run: (node, { stormMs }) =>
      storm(node, stormMs, (n) =>
        node.asAdmin('PATCH', 'trunks/999999', { didPool: `31000000000-31000000009;${32_000_000_000 + n}` }),
      ),
  },
  large: {
    what: 'one PATCH of an extension of a tenant with 10,000',
    run: (node) => node.watch(() => node.asLargeAdmin('PATCH', 'tenants/large/extensions/100001', { name: 'other' })),
  },
  largeStorm: {
    what: 'a storm of those',
    run: (node, { stormMs }) =>
      storm(node, stormMs, (n) =>
        node.asLargeAdmin('PATCH', `tenants/large/extensions/${100_000 + (n % 5)}`, { name: `n${n}` }),
      ),
  },
  document: {
    what: 'a document of new tenants',
    run: (node, { documentTenants }) => {
      const text = JSON.stringify(documentOf('document', documentTenants));
      return node.watch(() => node.ask('POST', 'provisioning', text));
    },
  },
  again: {
    what: 'the same document again',
    run: (node, { documentTenants }) => {
      const text = JSON.stringify(documentOf('document', documentTenants));
      return node.watch(() => node.ask('POST', 'provisioning', text));
    },
  },
  reload: {
    what: 'the file read again by SIGHUP, with new tenants in it',
    run: (node, { documentTenants }) => {
      const { tenants } = documentOf('file', documentTenants);
      return node.watch(() => node.reload(tenants));
    },
  },
  lists: {
    what: 'lists of 1,000 tenants and trunks',
    run: (node) =>
      node.watch(async () => {
        await node.ask('GET', 'tenants?limit=1000');
        await node.ask('GET', 'trunks?limit=1000');
      }),
  },
  export: { what: 'everything exported', run: (node) => node.watch(() => node.ask('GET', 'provisioning')) },
  overlaps: {
    what: 'what trunks of several tenants claim',
    run: (node) => node.watch(() => node.ask('GET', 'trunks/overlaps')),
  },
  metrics: { what: 'a scrape of the metrics', run: (node) => node.watch(() => node.ask('GET', '/metrics')) },
} satisfies Record<string, { what: string; run: (node: LargeNode, scale: Scale) => Promise<Seen> }>;

export type Work = keyof typeof WORK;

export interface Scale {
  readonly stormMs: number;
  /** Tenants in the large document, with a hundred extensions each: 6 KB. */
  readonly documentTenants: number;
}

function storm(node: LargeNode, forMs: number, one: (n: number) => Promise<unknown>): Promise<Seen> {
  return node.watch(
    async () => {
      const untilMs = performance.now() + forMs;
      let count = 0;
      const go = async () => {
        while (performance.now() < untilMs) await one(++count);
      };
      await Promise.all(Array.from({ length: STORMING }, go));
      return count;
    },
    (count) => Number(count),
  );
}
