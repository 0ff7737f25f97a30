import { CALLERS, type EngineOptions, OTHER_TRUNK, PASSWORD, startEngine } from '../engine.ts';
import type { Figure, Item } from '../item.ts';
import { figuresOfOthers, flood, ping, placeCalls } from '../processes.ts';

const SECONDS = 15;
const PER_SECOND = 12_000;
/** The networks that a tenant says its carrier sends from. */
const NETWORKS = ['127.77.0', '127.77.1', '127.77.2', '127.77.3'];
const ADDRESSES = NETWORKS.flatMap((network) =>
  Array.from({ length: 250 }, (_each, index) => `${network}.${index + 2}`),
);

const KINDS = [
  { what: 'requests', methods: ['OPTIONS', 'BYE', 'REGISTER'] },
  { what: 'calls', methods: ['INVITE'] },
];

const OPTIONS: EngineOptions = {
  hasCarrier: true,
  moreTenants: [{ name: 'globex', domain: 'globex.example.com' }],
  moreTrunks: [
    {
      id: '4',
      name: 'wide',
      type: 'accept-register',
      owner: 'globex',
      host: 'wide.globex.example.com',
      credentials: { authName: 'wide', password: PASSWORD },
      associatedIps: NETWORKS.map((network) => `${network}.0/24`),
      tenants: [{ tenant: 'globex', didPool: '4989400000-4989499999' }],
    },
  ],
};

async function forge({ what, methods }: (typeof KINDS)[number]): Promise<Figure[]> {
  const engine = await startEngine(OPTIONS);
  try {
    const { port } = engine;
    const [, pings, calls] = await Promise.all([
      flood({ port, from: ADDRESSES, methods, perSecond: PER_SECOND, seconds: SECONDS }),
      ping({ port, from: OTHER_TRUNK, seconds: SECONDS }),
      placeCalls({ port, callers: CALLERS, perSecond: 20, seconds: SECONDS }),
    ]);
    return figuresOfOthers(pings, calls, 99, what);
  } finally {
    await engine.stop();
  }
}

export const item: Item = {
  title: `${ADDRESSES.length} addresses of the networks of one tenant's trunk, together ${PER_SECOND}/s: pings and calls of others as before`,
  async *run() {
    for (const kind of KINDS) yield* await forge(kind);
  },
};
