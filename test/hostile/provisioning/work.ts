/** What is done to a node with much provisioned, each with what the node is seen to do meanwhile. */
import { LARGE_TENANT, type LargeNode, type Seen } from './large-node.ts';
import { documentOf, extensionNumber, manyAddresses, tenantDocument, trunksDocument } from './state.ts';

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
  bulk: {
    what: 'one change of 10,000 extensions',
    run: (node) =>
      node.watch(() => {
        const keys = Array.from({ length: LARGE_TENANT }, (_each, index) => extensionNumber(index));
        return node.asLargeAdmin('PATCH', 'tenants/large/extensions', { keys, patch: { anonymousCalls: true } });
      }),
  },
  keys: {
    what: 'a change of 100,000 extensions that are not there',
    run: (node) => {
      const keys = Array.from({ length: 100_000 }, (_each, index) => String(2_000_000 + index));
      const text = JSON.stringify({ keys, patch: { name: 'other' }, preview: true });
      return node.watch(() => node.asLargeAdmin('PATCH', 'tenants/large/extensions', text));
    },
  },
  whole: {
    what: 'a tenant with 10,000 extensions written anew, one of them changed',
    run: (node) => {
      const large = tenantDocument('large', LARGE_TENANT);
      Object.assign(large.extensions[7] ?? {}, { name: 'other' });
      const text = JSON.stringify({ tenants: [large] });
      return node.watch(() => node.ask('POST', 'provisioning', text));
    },
  },
  claims: {
    what: 'a trunk for which its admin claims 1,000 addresses',
    run: (node) =>
      node.watch(() => node.asAdmin('PATCH', 'trunks/999999', { associatedIps: manyAddresses('203.0', 1_000) })),
  },
  trust: {
    what: 'extensions whose admin has them trust 64 addresses each',
    run: (node) =>
      node.watch(async () => {
        for (const [index, key] of ['100000', '100001', '100002', '100003', '100004'].entries())
          await node.asAdmin('PATCH', `tenants/hand/extensions/${key}`, {
            trustedAddresses: manyAddresses(`198.${index}`, 64),
          });
      }),
  },
  rename: {
    what: 'a trunk that gets another name',
    run: (node) => node.watch(() => node.asAdmin('PATCH', 'trunks/999999', { name: 'renamed' })),
  },
  garbage: {
    what: 'a body of 80,000 fields that nobody knows',
    run: (node) => {
      const text = JSON.stringify(Object.fromEntries(Array.from({ length: 80_000 }, (_each, n) => [`f${n}`, 0])));
      return node.watch(() => node.refused(413, 'PATCH', 'tenants/hand/extensions/100001', text));
    },
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
  trunks: {
    what: 'a document of new trunks',
    run: (node, { documentTenants }) => {
      const text = JSON.stringify(trunksDocument(documentTenants));
      return node.watch(() => node.ask('POST', 'provisioning', text));
    },
  },
  deleted: {
    what: 'tenants and trunks deleted',
    run: async (node) => {
      await node.ask('POST', 'provisioning', { ...documentOf('gone', 5), ...trunksDocument(5, 950_000) });
      return node.watch(async () => {
        for (let n = 0; n < 5; n++) {
          await node.ask('DELETE', `trunks/${950_000 + n}`);
          await node.ask('DELETE', `tenants/gone${n}`);
        }
      });
    },
  },
  manyTenants: {
    what: 'as many tenants at once as there are',
    run: (node, { documentTenants }) => {
      const text = JSON.stringify(documentOf('many', documentTenants * 20, 1));
      return node.watch(() => node.ask('POST', 'provisioning', text));
    },
  },
  metrics: { what: 'a scrape of the metrics', run: (node) => node.watch(() => node.ask('GET', '/metrics')) },
} satisfies Record<string, { what: string; run: (node: LargeNode, scale: Scale) => Promise<Seen> }>;

export type Work = keyof typeof WORK;

/** What others on the same Redis change, each with what the node that only follows is seen to do. */
export const FOLLOWED = {
  patch: {
    what: 'ten changes of an extension',
    run: (node, by) =>
      node.watch(async () => {
        for (let n = 0; n < 10; n++) await by.asAdmin('PATCH', 'tenants/hand/extensions/100001', { name: `n${n}` });
        await node.has('tenants/hand/extensions/100001', '"n9"');
      }),
  },
  document: {
    what: 'a document of new tenants',
    run: (node, by, { documentTenants }) =>
      node.watch(async () => {
        await by.ask('POST', 'provisioning', documentOf('followed', documentTenants));
        await node.has(`tenants/followed${documentTenants - 1}`, '"name"');
      }),
  },
} satisfies Record<string, { what: string; run: (node: LargeNode, by: LargeNode, scale: Scale) => Promise<Seen> }>;

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
