/**
 * Stores: what a commit, a start and a batch of bindings cost, and how long the event loop stood still meanwhile.
 * `node bench/store.bench.ts` for the embedded store; `… redis://127.0.0.1:6379` for Redis, under a prefix of its own.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { silentLog } from '../src/base/log.ts';
import { WheelScheduler } from '../src/base/wheel-scheduler.ts';
import { tenantSchema } from '../src/provisioning/tenants/schema.ts';
import { trunkSchema } from '../src/provisioning/trunk-settings/schema.ts';
import type { StoredBinding } from '../src/registrar/ports.ts';
import { openStores, type StoreLocation, type Stores } from '../src/store/index.ts';

const TRUNKS = 10_000;
const DIDS_PER_TRUNK = 100;
const SMALL_COMMITS = 500;
const BATCHES = 100;
const BATCH = 500;

const folder = mkdtempSync(join(tmpdir(), 'tandem-bench-'));
const url = process.argv[2];
const store: StoreLocation =
  url === undefined
    ? { kind: 'embedded', path: folder }
    : { kind: 'redis', url, cluster: false, keyPrefix: `bench-${process.pid}:`, path: folder };
const scheduler = new WheelScheduler();
const open = (): Promise<Stores> => openStores({ node: 'bench', store }, { log: silentLog, scheduler });

async function measure(name: string, count: number, work: () => Promise<void>): Promise<void> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const startedAtMs = performance.now();
  await work();
  const elapsedMs = performance.now() - startedAtMs;
  delay.disable();
  const rate = Math.round((count * 1000) / elapsedMs);
  const stallMs = (delay.max / 1e6).toFixed(1);
  console.log(
    `${name.padEnd(46)} ${elapsedMs.toFixed(0).padStart(7)} ms ${String(rate).padStart(8)}/s   longest stall ${stallMs} ms`,
  );
}

function trunk(index: number) {
  const base = 14_150_000_000 + index * DIDS_PER_TRUNK;
  return trunkSchema.parse({
    id: String(100_000_000 + index),
    name: `carrier-${index}`,
    type: 'register',
    owner: 'acme',
    host: `sip-${index}.example.net`,
    credentials: { authName: `user-${index}`, username: `user-${index}`, password: 's3cret' },
    didPool: `${base}-${base + DIDS_PER_TRUNK - 1}`,
  });
}

function binding(aor: string): StoredBinding {
  return {
    aor,
    contactUri: 'sip:101@192.0.2.7:5062',
    contactParams: '',
    qThousandths: 1000,
    callId: 'a84b4c76e66710',
    cseq: 1,
    path: [],
    instance: undefined,
    regId: undefined,
    userAgent: 'phone/1.0',
    source: { transport: 'udp', address: '192.0.2.7', port: 5062 },
    target: { transport: 'udp', address: '192.0.2.7', port: 5062, listenerId: 'udp-1' },
    flowKey: 'udp|192.0.2.7|5062',
    registeredAtWallMs: Date.now(),
    refreshedAtWallMs: Date.now(),
    expiresAtWallMs: Date.now() + 3_600_000,
    node: 'bench',
  };
}

let stores = await open();
const nothing = {
  putTenants: [],
  putTrunks: [],
  putCertificates: [],
  deleteTenants: [],
  deleteTrunks: [],
  deleteCertificates: [],
};
const putTenants = [tenantSchema.parse({ name: 'acme', domain: 'acme.example.com' })];
const putTrunks = Array.from({ length: TRUNKS }, (_, index) => trunk(index));

await measure(`one commit of ${TRUNKS} trunks`, TRUNKS, async () => {
  await stores.provisioning.commit({ ...nothing, expectedVersion: 0, putTenants, putTrunks });
});
await measure(`${SMALL_COMMITS} commits of one tenant`, SMALL_COMMITS, async () => {
  for (let version = 1; version <= SMALL_COMMITS; version++) {
    await stores.provisioning.commit({ ...nothing, expectedVersion: version, putTenants });
  }
});
await measure(`${BATCHES} batches of ${BATCH} bindings`, BATCHES * BATCH, async () => {
  for (let batch = 0; batch < BATCHES; batch++) {
    const aors = Array.from({ length: BATCH }, (_, index) => `${batch * BATCH + index}@acme.example.com`);
    await stores.bindings.write(aors.map((aor) => ({ aor, bindings: [binding(aor)] })));
  }
});
await stores.close();
await measure('open, load provisioning and bindings', TRUNKS + BATCHES * BATCH, async () => {
  stores = await open();
  await stores.provisioning.load();
  await stores.bindings.load();
});
await stores.close();
scheduler.close();
rmSync(folder, { recursive: true, force: true });
