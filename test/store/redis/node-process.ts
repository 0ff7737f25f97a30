/** A node that holds a lease and tells the others about itself, until it is killed. */
import { writeSync } from 'node:fs';
import { silentLog } from '../../../src/base/log.ts';
import { openStores } from '../../../src/store/index.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';

const [url = '', keyPrefix = '', path = '', name = ''] = process.argv.slice(2);
const LEASE_MS = 6000;
const stores = await openStores(
  { node: name, store: { kind: 'redis', url, cluster: false, keyPrefix, path } },
  { log: silentLog, scheduler: new VirtualScheduler() },
);
stores.nodes.announce(() => ({ calls: { 'trunk 1': 1 } }));
const ask = () => stores.trunkLease.acquire('registration 1', LEASE_MS);
const isGranted = await ask();
setInterval(ask, LEASE_MS / 3);
writeSync(1, `holds ${isGranted}\n`);
