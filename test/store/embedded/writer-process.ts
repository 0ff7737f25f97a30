/** A process that writes to an embedded store as fast as it acknowledges, and prints each acknowledgement, until it is killed. */
import { writeSync } from 'node:fs';
import { silentLog } from '../../../src/base/log.ts';
import { openStores } from '../../../src/store/index.ts';
import { VirtualScheduler } from '../../kit/virtual-scheduler.ts';
import { binding, commitOf, tenant } from '../records.ts';

const path = process.argv[2] ?? '';
const round = process.argv[3] ?? '';
const stores = await openStores(
  { node: 'node-1', store: { kind: 'embedded', path } },
  { log: silentLog, scheduler: new VirtualScheduler() },
);
let { version } = await stores.provisioning.load();
for (let serial = 1; ; serial++) {
  const name = `r${round}-${serial}`;
  const committed = stores.provisioning.commit(commitOf(version, { putTenants: [tenant(name)] }));
  const written = stores.bindings.write([{ aor: name, bindings: [binding(name)] }]);
  const result = await committed;
  if (result.outcome !== 'committed') throw new Error(`expected version ${version}`);
  version = result.version;
  writeSync(1, `tenant ${name}\n`);
  await written;
  writeSync(1, `binding ${name}\n`);
}
