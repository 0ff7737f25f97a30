import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { WheelScheduler } from '../../src/base/wheel-scheduler.ts';
import { closeAll } from '../../src/node/closing.ts';
import { nodeEngine } from '../../src/node/node-engine.ts';
import { type NodeParts, settingsOf } from '../../src/node/node-options.ts';
import { NodeProvisioning } from '../../src/node/node-provisioning.ts';
import { watching } from '../../src/node/watching.ts';
import { JsonLogger, Metrics } from '../../src/observe/index.ts';
import { provisioningSchema } from '../../src/provisioning/trunk-settings/schema.ts';
import { openStores } from '../../src/store/index.ts';

/** All that an engine is made with, without a file of provisioning. */
async function partsIn(folder: string): Promise<NodeParts> {
  const configFile = join(folder, 'tandem.json');
  const store = { kind: 'embedded', path: join(folder, 'data') };
  writeFileSync(configFile, JSON.stringify({ store, api: { enabled: false } }));
  const [options, environment] = [{ configFile, logStream: { write: () => {} } }, {}];
  const settings = settingsOf(options, environment);
  const scheduler = new WheelScheduler();
  const log = new JsonLogger({ scheduler, stream: options.logStream });
  const stores = await openStores(settings, { log, scheduler, environment, hub: undefined });
  const metrics = new Metrics({ processMetrics: false });
  return { options, environment, settings, scheduler, log, metrics, stores, closers: [() => stores.close()] };
}

test('from the turn in which it is made an engine serves what changes: nothing falls between it and its node', async ({
  onTestFinished,
}) => {
  const folder = mkdtempSync(join(tmpdir(), 'tandem-node-engine-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const parts = await partsIn(folder);
  onTestFinished(() => closeAll(parts.closers, parts.log));
  const watched = watching(parts);
  const provisioning = new NodeProvisioning(parts, watched);
  await provisioning.load();
  const { engine } = await nodeEngine(parts, watched, provisioning);
  await provisioning.provisioner.put(
    provisioningSchema.parse({ tenants: [{ name: 'acme', domain: 'acme.example.com' }] }),
  );
  expect(engine.directory.tenants.map(({ name }) => name)).toEqual(['acme']);
  expect(engine.directory).toBe(provisioning.directory);
});
